//! Runs the program and writes down the whole of it as a snapshot.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use serde_json::{Value, json};

use crate::fake::{Answer, Fake, Request};

pub(crate) const PLAIN: &str = "5cd57b4a-5d5a-4c0a-8c4f-0a6e6a3c7a8b";
pub(crate) const QUEUED: &str = "186c2b2b-69e0-42c7-8076-1d22ed9e14d3";
pub(crate) const DATA: &[u8] = b"the data of an image";

/// An image with data and something of everything.
pub(crate) fn plain_image() -> Value {
    json!({
        "zone": "it's \"here\": é",
        "os_type": "linux",
        "hw_cpu_cores": "4",
        "empty": "",
        "name": "plain",
        "disk_format": "raw",
        "container_format": "bare",
        "visibility": "shared",
        "size": 20,
        "virtual_size": 20,
        "status": "active",
        "checksum": "64fae0446e76b2df9b26ecb57a980ef8",
        "protected": false,
        "min_ram": 0,
        "min_disk": 1,
        "owner": "4f3c1f6d0f9d4f0b8a6c3c1a2b3c4d5e",
        "os_hidden": false,
        "os_hash_algo": "sha256",
        "os_hash_value": "f2bd5ed1b9d1e1c8fbd1ba0cf8f6fb24a2ed7dbad0cfbc3d33f1f6d4e70ba6a1",
        "id": PLAIN,
        "created_at": "2026-01-02T03:04:05Z",
        "updated_at": "2026-01-02T03:04:06Z",
        "tags": ["zebra", "ape"],
        "self": format!("/v2/images/{PLAIN}"),
        "file": format!("/v2/images/{PLAIN}/file"),
        "schema": "/v2/schemas/image"
    })
}

/// An image without data.
pub(crate) fn queued_image() -> Value {
    json!({
        "name": "queued", "disk_format": "raw", "container_format": "bare", "visibility": "private", "size": null,
        "virtual_size": null, "status": "queued", "checksum": null, "protected": true, "min_ram": 0, "min_disk": 0,
        "owner": null, "os_hidden": false, "os_hash_algo": null, "os_hash_value": null, "id": QUEUED,
        "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:06Z", "tags": [],
        "self": format!("/v2/images/{QUEUED}"), "file": format!("/v2/images/{QUEUED}/file"),
        "schema": "/v2/schemas/image"
    })
}

/// Answers what every command asks first: images by id and by name, and the list.
pub(crate) fn images(request: &Request) -> Option<Answer> {
    if request.method != "GET" {
        return None;
    }
    let (path, query) = request
        .target
        .split_once('?')
        .unwrap_or((&request.target, ""));
    let list = |images: &[Value]| {
        Some(Answer::json(
            json!({"images": images, "first": "/v2/images", "schema": "/v2/schemas/images"}),
        ))
    };
    match path {
        "/v2/images" if query.contains("os_hidden=True") => list(&[]),
        "/v2/images" if query.contains("name=plain") => list(&[plain_image()]),
        "/v2/images" if query.contains("name=queued") => list(&[queued_image()]),
        "/v2/images" if query.contains("name=twin") => {
            let twin = |id: &str| {
                let mut image = plain_image();
                image["name"] = json!("twin");
                image["id"] = json!(id);
                image
            };
            list(&[twin(PLAIN), twin(QUEUED)])
        }
        "/v2/images" if query.contains("name=") => list(&[]),
        "/v2/images" => list(&[queued_image(), plain_image()]),
        _ if path == format!("/v2/images/{PLAIN}") => Some(Answer::json(plain_image())),
        _ if path == format!("/v2/images/{QUEUED}") => Some(Answer::json(queued_image())),
        _ => None,
    }
}

/// A finished run.
pub(crate) struct Finished {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The program in an empty environment, with the fake service as its cloud.
pub(crate) fn command(fake: &Fake, words: &[&str]) -> Command {
    let mut command = bare_command(words);
    command
        .env("OS_AUTH_TYPE", "none")
        .env("OS_ENDPOINT", &fake.url);
    command
}

/// The program in an empty environment.
pub(crate) fn bare_command(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_openstack"));
    command
        .args(words)
        .env_clear()
        .env("HOME", "/nonexistent")
        .stdin(Stdio::null());
    command
}

pub(crate) fn finish(command: &mut Command) -> Finished {
    let output = command.output().unwrap();
    Finished {
        code: output.status.code().unwrap(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs the program with data on its standard input.
pub(crate) fn finish_with_input(command: &mut Command, input: &'static [u8]) -> Finished {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A program that ends early leaves the rest unread.
    let writer = thread::spawn(move || stdin.write_all(input));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join();
    Finished {
        code: output.status.code().unwrap(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The run as text: what was typed, what came out, what the service was sent.
pub(crate) fn transcript(
    fake: &Fake,
    words: &[&str],
    finished: &Finished,
    folder: Option<&Path>,
) -> String {
    let mut text = format!(
        "$ openstack {}\nexit code {}\n",
        words.join(" "),
        finished.code
    );
    for (title, content) in [
        ("standard output", &finished.out),
        ("standard error", &finished.err),
    ] {
        if !content.is_empty() {
            text.push_str(&format!("--- {title}\n{content}"));
        }
    }
    let requests: Vec<Request> = fake
        .requests()
        .into_iter()
        .filter(|request| request.method != "GET")
        .collect();
    if !requests.is_empty() {
        text.push_str("--- sent\n");
    }
    for request in requests {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        text.push_str(&format!("{} {} {body}\n", request.method, request.target));
        for (name, value) in &request.headers {
            if name.starts_with("x-") {
                text.push_str(&format!("  {name}: {value}\n"));
            }
        }
    }
    if let Some(folder) = folder {
        text = text.replace(&folder.to_string_lossy().into_owned(), "FOLDER");
    }
    text.replace(&fake.url, "http://glance")
}

/// Runs the program and returns the transcript.
pub(crate) fn run(fake: &Fake, words: &[&str]) -> String {
    let finished = finish(&mut command(fake, words));
    transcript(fake, words, &finished, None)
}
