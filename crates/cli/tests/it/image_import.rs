//! `image stage`, `image import`, `image import info`, `image stores list`: what is sent, and what is refused before.

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};

use crate::{
    fake::{Answer, Fake, Request},
    run::{
        DATA, QUEUED, command, finish, finish_with_input, images, queued_image, run, transcript,
    },
};

fn task(status: &str) -> Value {
    json!({"id": "t", "type": "api_image_import", "status": status, "message": "the store is full"})
}

fn service(request: &Request) -> Option<Answer> {
    match (request.method.as_str(), request.target.as_str()) {
        ("GET", "/v2/info/import") => Some(Answer::json(json!({"import-methods": {
            "type": "array", "value": ["glance-direct", "web-download", "copy-image", "glance-download"],
        }}))),
        ("GET", "/v2/info/stores") => Some(Answer::json(json!({"stores": [
            {"id": "fast", "description": "it's fast", "default": "true"}, {"id": "slow"},
        ]}))),
        ("GET", "/v2/info/stores/detail") => Some(Answer::json(json!({"stores": [
            {"id": "fast", "default": "true", "type": "file", "properties": {"data_dir": "/a b", "thin": false}},
            {"id": "slow", "type": "rbd"},
        ]}))),
        ("PUT", _) => Some(Answer::empty(204)),
        ("POST", target) if target.ends_with("/import") => Some(Answer::empty(202)),
        _ => images(request),
    }
}

#[test]
fn a_file_is_staged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.img");
    fs::write(&file, DATA).unwrap();
    let fake = Fake::start(service);
    let words = ["image", "stage", "queued", "--file", file.to_str().unwrap()];
    let finished = finish(&mut command(&fake, &words));
    let words = ["image", "stage", "queued", "--file", "FILE"];
    insta::assert_snapshot!(transcript(&fake, &words, &finished, None));
}

#[test]
fn standard_input_is_staged() {
    let fake = Fake::start(service);
    let words = ["image", "stage", QUEUED, "--size", "20"];
    let finished = finish_with_input(&mut command(&fake, &words), DATA);
    insta::assert_snapshot!(transcript(&fake, &words, &finished, None));
}

#[test]
fn only_a_queued_image_is_staged() {
    let fake = Fake::start(service);
    insta::assert_snapshot!(run(&fake, &["image", "stage", "plain"]), @r"
    $ openstack image stage plain
    exit code 1
    --- standard error
    Image stage is only possible for images in the queued state. Current state is active
    ");
    insta::assert_snapshot!(run(&fake, &["image", "stage", "queued", "--file", "/nonexistent"]), @r"
    $ openstack image stage queued --file /nonexistent
    exit code 1
    --- standard error
    '/nonexistent' is not a valid file
    ");
}

#[test]
fn an_import_sends_what_was_asked_for() {
    let fake = Fake::start(service);
    let words = [
        "image",
        "import",
        "queued",
        "--method",
        "web-download",
        "--uri",
        "http://h/x",
        "--disallow-failure",
        "-c",
        "name",
    ];
    insta::assert_snapshot!(run(&fake, &words));
    let fake = Fake::start(service);
    let words = [
        "image",
        "import",
        "plain",
        "--method",
        "copy-image",
        "--store",
        "slow",
        "fast",
        "-c",
        "status",
        "-f",
        "value",
    ];
    insta::assert_snapshot!(run(&fake, &words));
    let fake = Fake::start(service);
    let words = [
        "image",
        "import",
        "queued",
        "--method",
        "glance-download",
        "--remote-region",
        "R2",
        "--remote-image",
        "i",
        "--all-stores",
        "-c",
        "id",
        "-f",
        "value",
    ];
    insta::assert_snapshot!(run(&fake, &words));
}

#[test]
fn what_does_not_fit_the_method_is_named() {
    let fake = Fake::start(service);
    let lines = [
        "queued",
        "queued --uri http://h/x",
        "queued --method web-download",
        "queued --method web-download --uri h/x",
        "plain --method web-download --uri http://h/x",
        "plain --method copy-image",
        "queued --method copy-image --all-stores",
        "queued --method glance-download --remote-region r",
        "queued --remote-image i",
        "queued --store a --all-stores",
        "queued --method odd",
        "--store a queued",
    ];
    let said: Vec<String> = lines
        .iter()
        .map(|line| {
            let words: Vec<&str> = ["image", "import"]
                .into_iter()
                .chain(line.split(' '))
                .collect();
            let finished = finish(&mut command(&fake, &words));
            let last = finished.err.lines().last().unwrap_or_default().to_owned();
            format!("{line}\n  {} {last}", finished.code)
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"));
    assert!(
        fake.requests()
            .iter()
            .all(|request| request.method == "GET")
    );
}

#[test]
fn a_method_the_server_lacks_is_not_tried() {
    let fake = Fake::start(|request| match request.target.as_str() {
        "/v2/info/import" => Some(Answer::json(
            json!({"import-methods": {"value": ["web-download"]}}),
        )),
        _ => images(request),
    });
    insta::assert_snapshot!(run(&fake, &["image", "import", "queued"]), @r"
    $ openstack image import queued
    exit code 1
    --- standard error
    The 'glance-direct' import method is not supported by this deployment. Supported: web-download
    ");
    let old = Fake::start(images);
    insta::assert_snapshot!(run(&old, &["image", "import", "queued"]), @r"
    $ openstack image import queued
    exit code 1
    --- standard error
    The Image Import feature is not supported by this deployment
    ");
}

/// A service where an import ends like this at the second look.
fn ending(status: &'static str) -> Fake {
    let looks = AtomicUsize::new(0);
    Fake::start(move |request| {
        let tasks = format!("/v2/images/{QUEUED}/tasks");
        if request.target == tasks {
            let found = match looks.fetch_add(1, Ordering::SeqCst) {
                0 => json!([]),
                _ => json!([task(status)]),
            };
            return Some(Answer::json(json!({"tasks": found})));
        }
        if request.target == format!("/v2/images/{QUEUED}") && looks.load(Ordering::SeqCst) > 1 {
            let mut image = queued_image();
            image["status"] = json!("active");
            return Some(Answer::json(image));
        }
        service(request)
    })
}

#[test]
fn an_import_is_waited_for() {
    let words = [
        "image",
        "import",
        QUEUED,
        "--method",
        "web-download",
        "--uri",
        "http://h/x",
        "--wait",
        "-c",
        "status",
        "-f",
        "value",
    ];
    insta::assert_snapshot!(run(&ending("success"), &words));
    insta::assert_snapshot!(run(&ending("failure"), &words));
}

#[test]
fn import_methods_and_stores_are_listed() {
    let fake = Fake::start(service);
    insta::assert_snapshot!(run(&fake, &["image", "import", "info"]));
    insta::assert_snapshot!(run(&fake, &["image", "stores", "list"]));
    insta::assert_snapshot!(run(
        &fake,
        &["image", "stores", "list", "--detail", "-f", "json"]
    ));
    insta::assert_snapshot!(run(&Fake::start(images), &["image", "stores", "list"]), @r"
    $ openstack image stores list
    exit code 1
    --- standard error
    Multi Backend support not enabled
    ");
}
