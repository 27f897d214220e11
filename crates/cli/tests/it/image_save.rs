//! `image save`: data on standard output or in a file, whole and verified.

use std::{fs, process::Stdio};

use serde_json::json;

use crate::{
    fake::{Answer, Fake, Request},
    run::{DATA, PLAIN, QUEUED, command, finish, images, plain_image, run, transcript},
};

/// The image's hash is of other data unless `hash` says otherwise.
fn service(hash: &'static str) -> impl Fn(&Request) -> Option<Answer> + Send + Sync {
    move |request| {
        let mut image = plain_image();
        image["os_hash_value"] = json!(hash);
        let target = request.target.as_str();
        match target {
            _ if target.starts_with(&format!("/v2/images/{PLAIN}/file")) => {
                Some(Answer::bytes(DATA))
            }
            _ if target == format!("/v2/images/{QUEUED}/file") => Some(Answer::empty(204)),
            _ if target == format!("/v2/images/{PLAIN}") => Some(Answer::json(image)),
            "/v2/images?name=plain" => Some(Answer::json(json!({"images": [image]}))),
            _ => images(request),
        }
    }
}

const RIGHT: &str = "564b954b08d5d581bb7c30d2cc320f5a414b0b82c275ef0e3e2a62428690cd8c";
const WRONG: &str = "0000000000000000000000000000000000000000000000000000000000000000";

#[test]
fn data_goes_to_standard_output() {
    let fake = Fake::start(service(RIGHT));
    let finished = finish(&mut command(&fake, &["image", "save", "plain"]));
    assert_eq!(
        (
            finished.code,
            finished.out.as_bytes(),
            finished.err.as_str()
        ),
        (0, DATA, "")
    );
}

#[test]
fn data_goes_to_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("saved.img");
    let fake = Fake::start(service(RIGHT));
    let words = [
        "image",
        "save",
        "plain",
        "--file",
        file.to_str().unwrap(),
        "--store-preference",
        "a",
        "--store-preference",
        "b",
    ];
    let finished = finish(&mut command(&fake, &words));
    assert_eq!(
        (finished.code, finished.out.as_str(), finished.err.as_str()),
        (0, "", "")
    );
    assert_eq!(fs::read(&file).unwrap(), DATA);
    let target = fake.requests().pop().unwrap().target;
    assert!(
        target.starts_with(&format!("/v2/images/{PLAIN}/file?prefer=a")),
        "{target}"
    );
}

#[test]
fn data_with_another_hash_is_not_put_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("saved.img");
    fs::write(&file, "what was there").unwrap();
    let fake = Fake::start(service(WRONG));
    let words = ["image", "save", "plain", "--file", file.to_str().unwrap()];
    let finished = finish(&mut command(&fake, &words));
    insta::assert_snapshot!(transcript(&fake, &words, &finished, Some(folder.path())));
    assert_eq!(fs::read(&file).unwrap(), b"what was there");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn an_image_without_data_saves_nothing_and_warns() {
    let fake = Fake::start(service(RIGHT));
    insta::assert_snapshot!(run(&fake, &["image", "save", "queued"]), @r"
    $ openstack image save queued
    exit code 0
    --- standard error
    Unable to verify the integrity of image 186c2b2b-69e0-42c7-8076-1d22ed9e14d3 - no hash available
    ");
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let fake = Fake::start(service(RIGHT));
    insta::assert_snapshot!(run(&fake, &["image", "save", "plain", "--file", "/no/such/file"]), @r"
    $ openstack image save plain --file /no/such/file
    exit code 1
    --- standard error
    Unable to download image: [Errno 2] No such file or directory: '/no/such/file'
    ");
}

#[test]
fn nobody_reading_ends_it_with_141() {
    let fake = Fake::start(service(RIGHT));
    for words in [
        &["image", "save", "plain"][..],
        &["image", "list"],
        &["--version"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = command(&fake, words);
        let status = command
            .stdout(Stdio::from(writer))
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(141), "{words:?}");
    }
}
