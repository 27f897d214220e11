//! `image create`: what is sent, and what happens when sending fails.

use std::fs;

use serde_json::json;

use crate::{
    fake::{Answer, Fake, Request},
    run::{DATA, PLAIN, command, finish, finish_with_input, images, plain_image, run, transcript},
};

fn service(request: &Request) -> Option<Answer> {
    match (request.method.as_str(), request.target.as_str()) {
        ("POST", "/v2/images") => Some(
            Answer {
                status: 201,
                ..Answer::json(plain_image())
            }
            .with_header(
                "openstack-image-import-methods",
                "glance-direct,web-download",
            ),
        ),
        ("PUT" | "DELETE", _) => Some(Answer::empty(204)),
        ("POST", target) if target.ends_with("/import") => Some(Answer::empty(202)),
        _ => images(request),
    }
}

#[test]
fn a_file_is_uploaded() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.img");
    fs::write(&file, DATA).unwrap();
    let words = [
        "image",
        "create",
        "new",
        "--file",
        file.to_str().unwrap(),
        "--disk-format",
        "qcow2",
        "--min-disk",
        "3",
        "--protected",
        "--public",
        "--property",
        "a=b=c",
        "--property",
        "hw_cpu_cores=2",
        "--tag",
        "t",
        "--id",
        PLAIN,
        "-f",
        "value",
        "-c",
        "id",
    ];
    let fake = Fake::start(service);
    let finished = finish(&mut command(&fake, &words));
    insta::assert_snapshot!(transcript(&fake, &words, &finished, Some(folder.path())));
}

#[test]
fn standard_input_is_the_data_unless_it_is_a_terminal() {
    let words = ["image", "create", "new", "-f", "value", "-c", "status"];
    let fake = Fake::start(service);
    let finished = finish_with_input(&mut command(&fake, &words), DATA);
    insta::assert_snapshot!(transcript(&fake, &words, &finished, None));
}

#[test]
fn data_that_arrives_as_something_else_is_noticed() {
    let words = ["image", "create", "new", "-f", "value", "-c", "status"];
    let fake = Fake::start(service);
    let finished = finish_with_input(&mut command(&fake, &words), b"other data");
    assert_eq!(finished.code, 1);
    assert!(
        finished.err.contains("checksum mismatch (md5): "),
        "{}",
        finished.err
    );
}

#[test]
fn an_import_stages_the_data() {
    let words = [
        "image", "create", "new", "--import", "-f", "value", "-c", "status",
    ];
    let fake = Fake::start(service);
    let finished = finish_with_input(&mut command(&fake, &words), DATA);
    insta::assert_snapshot!(transcript(&fake, &words, &finished, None));
}

#[test]
fn an_image_whose_data_is_refused_is_taken_back() {
    let fake = Fake::start(|request| match request.method.as_str() {
        "PUT" => Some(Answer::error(
            413,
            "Request Entity Too Large",
            "Image exceeds the storage quota.",
        )),
        _ => service(request),
    });
    insta::assert_snapshot!(run(&fake, &["image", "create", "new"]));
}

#[test]
fn a_refusal_is_the_services_own_words() {
    let fake = Fake::start(|request| match request.method.as_str() {
        "POST" => Some(Answer {
            status: 403,
            ..Answer::json(json!({"message": "You are not authorized.<br /><br />\n\n\n"}))
        }),
        _ => service(request),
    });
    insta::assert_snapshot!(run(&fake, &["image", "create", "new"]));
}

#[test]
fn nothing_is_sent_for_a_file_that_cannot_be_read() {
    let fake = Fake::start(service);
    insta::assert_snapshot!(run(&fake, &["image", "create", "new", "--file", "no'such"]), @r#"
    $ openstack image create new --file no'such
    exit code 1
    --- standard error
    "no'such" is not a valid file
    "#);
    insta::assert_snapshot!(run(&fake, &["image", "create", "new", "--file", "/"]), @r"
    $ openstack image create new --file /
    exit code 1
    --- standard error
    [Errno 21] Is a directory: '/'
    ");
}

#[test]
fn what_is_not_supported_says_so() {
    let fake = Fake::start(service);
    insta::assert_snapshot!(run(&fake, &["image", "create", "new", "--volume", "v"]), @r"
    $ openstack image create new --volume v
    exit code 1
    --- standard error
    --volume is not supported: this program does not speak to the Block Storage service
    ");
    insta::assert_snapshot!(run(&fake, &["image", "create", "new", "--copy-from", "v"]), @r"
    $ openstack image create new --copy-from v
    exit code 1
    --- standard error
    ERROR: --copy-from was given, which is an Image v1 option that is no longer supported in Image v2
    ");
}
