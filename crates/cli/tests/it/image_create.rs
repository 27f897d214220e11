//! `image create`: what is sent, and what happens when sending fails.

use std::fs;

use openssl::{
    base64::decode_block,
    hash::MessageDigest,
    pkey::PKey,
    rsa::{Padding, Rsa},
    sign::Verifier,
};
use serde_json::{Value, json};

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
fn a_signature_is_one_of_the_data_and_says_how_it_was_made() {
    let folder = tempfile::tempdir().unwrap();
    let (file, key_file) = (folder.path().join("a.img"), folder.path().join("key.pem"));
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    fs::write(&file, DATA).unwrap();
    fs::write(&key_file, key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    let fake = Fake::start(service);
    let mut words = vec!["image", "create", "new", "--file", file.to_str().unwrap()];
    words.extend(["--sign-key-path", key_file.to_str().unwrap()]);
    words.extend(["--sign-cert-id", "c-1"]);
    let finished = finish(&mut command(&fake, &words));
    assert_eq!(finished.code, 0, "{}", finished.err);
    let created = fake
        .requests()
        .into_iter()
        .find(|request| request.method == "POST");
    let sent: Value = serde_json::from_slice(&created.unwrap().body).unwrap();
    assert_eq!(sent["img_signature_hash_method"], "SHA-256");
    assert_eq!(sent["img_signature_key_type"], "RSA-PSS");
    assert_eq!(sent["img_signature_certificate_uuid"], "c-1");
    let signature = decode_block(sent["img_signature"].as_str().unwrap()).unwrap();
    let mut verifier = Verifier::new(MessageDigest::sha256(), &key).unwrap();
    verifier.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
    assert!(verifier.verify_oneshot(&signature, DATA).unwrap());
}

#[test]
fn what_cannot_be_signed_is_not_created() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.img");
    fs::write(&file, DATA).unwrap();
    let file = file.to_str().unwrap();
    let fake = Fake::start(service);
    let refused = |words: &[&str]| {
        let words = [&["image", "create", "new"], words].concat();
        let finished = finish(&mut command(&fake, &words));
        assert_eq!(finished.code, 1, "{words:?}");
        finished.err
    };
    let both = ["--sign-key-path", "no-such.pem", "--sign-cert-id", "c-1"];
    assert_eq!(
        refused(&both),
        "signing an image requires the --file option, passing files via stdin when signing is not supported.\n"
    );
    for half in [&both[..2], &both[2..]] {
        assert_eq!(
            refused(&[&["--file", file], half].concat()),
            "'sign-key-path' and 'sign-cert-id' must both be specified when attempting to sign an image.\n"
        );
    }
    assert!(
        refused(&[&["--file", file], &both[..]].concat()).starts_with(
            "Error during sign operation: private key could not be loaded: `no-such.pem`: "
        )
    );
    assert!(
        fake.requests()
            .iter()
            .all(|request| request.method == "GET")
    );
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
