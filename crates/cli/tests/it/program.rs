//! The program around the commands: global options, misuse, help, secrets.

use crate::{
    fake::Fake,
    run::{bare_command, command, finish, images, run},
};

fn misuse(words: &[&str]) -> (i32, String) {
    let finished = finish(&mut bare_command(words));
    assert_eq!(finished.out, "", "{words:?}");
    (
        finished.code,
        finished.err.lines().last().unwrap_or_default().to_owned(),
    )
}

#[test]
fn misuse_is_reported_in_the_words_of_argparse() {
    for (line, reason) in [
        (
            "image show",
            "the following arguments are required: <image>",
        ),
        (
            "image delete",
            "the following arguments are required: <image>",
        ),
        (
            "image create",
            "the following arguments are required: <image-name>",
        ),
        ("image show a b", "unrecognized arguments: b"),
        ("image show a --bogus", "unrecognized arguments: --bogus"),
        (
            "image show a --bogus b",
            "unrecognized arguments: --bogus b",
        ),
        (
            "image show --bogus=1 a",
            "unrecognized arguments: --bogus=1",
        ),
        (
            "image show a -f",
            "argument -f/--format: expected one argument",
        ),
        (
            "image show a -f csv",
            "argument -f/--format: invalid choice: 'csv' (choose from 'json', 'shell', 'table', 'value', 'yaml')",
        ),
        (
            "image list --limit x",
            "argument --limit: invalid int value: 'x'",
        ),
        (
            "image list --limit -1",
            "argument --limit: --limit expected a non-negative integer",
        ),
        (
            "image list --all --public",
            "argument --public: not allowed with argument --all",
        ),
        (
            "image list --long=1",
            "argument --long: ignored explicit argument '1'",
        ),
        (
            "image list --so x",
            "ambiguous option: --so could match --sort-column, --sort-ascending, --sort-descending, --sort",
        ),
        (
            "image create a --property b",
            "argument --property: Expected 'key=value' type, but got: b",
        ),
        (
            "image create a --size 0",
            "argument --size: Size must be a positive integer",
        ),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let (code, last) = misuse(&words);
        assert_eq!(
            (code, last),
            (
                2,
                format!("openstack {} {}: error: {reason}", words[0], words[1])
            ),
            "{line}"
        );
    }
    assert_eq!(
        misuse(&["--os-cloud"]),
        (
            2,
            "openstack: error: argument --os-cloud: expected one argument".to_owned()
        )
    );
}

#[test]
fn an_unknown_command_is_answered_on_standard_output() {
    let fake = Fake::start(images);
    insta::assert_snapshot!(run(&fake, &["imgae", "lsit"]));
}

#[test]
fn options_may_be_short_and_anywhere() {
    let fake = Fake::start(images);
    let words = [
        "im",
        "li",
        "--os-auth-t",
        "none",
        "--os-endpoint=http://127.0.0.1:1",
        "--lon",
        "-f",
        "json",
    ];
    let mut command = bare_command(&words);
    let finished = finish(command.env("OS_ENDPOINT", &fake.url));
    assert_eq!(finished.code, 1);
    assert!(
        finished
            .err
            .starts_with("Unable to establish connection to http://127.0.0.1:1"),
        "{}",
        finished.err
    );
}

#[test]
fn missing_credentials_say_what_to_set() {
    insta::assert_snapshot!(finish(&mut bare_command(&["image", "list"])).err, @r"
    Missing parameter(s): 
    Set a cloud-name with --os-cloud or OS_CLOUD
    ");
    let mut command = bare_command(&["image", "list"]);
    command
        .env("OS_AUTH_URL", "http://127.0.0.1:1/v3")
        .env("OS_USERNAME", "u");
    insta::assert_snapshot!(finish(&mut command).err, @"No password entered, or found via --os-password or OS_PASSWORD");
}

#[test]
fn no_secret_is_ever_printed() {
    let fake = Fake::start(images);
    let log = tempfile::NamedTempFile::new().unwrap();
    let words = [
        "--debug",
        "--timing",
        "--log-file",
        log.path().to_str().unwrap(),
        "--os-auth-type",
        "admin_token",
        "--os-token",
        "hunter2-token",
        "--os-endpoint",
        &fake.url,
        "--os-password",
        "hunter2-password",
        "image",
        "show",
        "nosuch",
    ];
    let finished = finish(&mut bare_command(&words));
    let logged = std::fs::read_to_string(log.path()).unwrap();
    let everything = format!("{}{}{logged}", finished.out, finished.err);
    assert!(everything.contains("/v2/images/nosuch"), "{everything}");
    assert!(!everything.contains("hunter2"), "{everything}");
    assert_eq!(
        fake.requests()[0]
            .headers
            .get("x-auth-token")
            .map(String::as_str),
        Some("hunter2-token")
    );
}

#[test]
fn timing_adds_a_line_per_request() {
    let fake = Fake::start(images);
    let finished = finish(&mut command(
        &fake,
        &["--timing", "image", "list", "-f", "json"],
    ));
    let lines: Vec<&str> = finished
        .out
        .lines()
        .skip_while(|line| !line.is_empty())
        .collect();
    assert_eq!(lines[1], "\"URL\",\"Seconds\"");
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with(&format!("\"GET {}/v2/images\"", fake.url))),
        "{lines:?}"
    );
    assert!(lines.last().unwrap().starts_with("\"Total\","));
}

#[test]
fn quiet_leaves_errors_and_drops_warnings() {
    let fake = Fake::start(images);
    assert_eq!(
        finish(&mut command(&fake, &["-q", "image", "show", "nosuch"])).err,
        "No Image found for nosuch\n"
    );
}

#[test]
fn help_lists_the_commands_and_explains_one() {
    let all = finish(&mut bare_command(&["--help"])).out;
    assert!(
        all.contains("cached image clear") && all.contains("--os-cloud"),
        "{all}"
    );
    let one = finish(&mut bare_command(&["image", "save", "--help"])).out;
    assert!(
        one.contains("Save the data of an image") && one.contains("--store-preference"),
        "{one}"
    );
    assert_eq!(
        one,
        finish(&mut bare_command(&["help", "image", "save"])).out
    );
    let several = finish(&mut bare_command(&["help", "cached"])).out;
    assert!(
        several.starts_with("Command \"cached\" matches:\n  cached image clear\n"),
        "{several}"
    );
    let none = finish(&mut bare_command(&["help", "server"]));
    assert_eq!(
        (none.code, none.err.as_str()),
        (1, "Unknown command ['server']\n")
    );
}

#[test]
fn completion_knows_the_options_of_a_command() {
    for shell in ["bash", "zsh", "fish"] {
        let script = finish(&mut bare_command(&["complete", "--shell", shell])).out;
        assert!(
            script.contains("store-preference") && script.contains("os-cloud"),
            "{shell}"
        );
    }
}
