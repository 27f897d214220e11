//! `cached image …`

use serde_json::json;

use crate::{
    fake::{Answer, Fake, Request},
    run::{PLAIN, QUEUED, images, run},
};

fn service(request: &Request) -> Option<Answer> {
    match (request.method.as_str(), request.target.as_str()) {
        ("GET", "/v2/cache") => Some(Answer::json(json!({
            "cached_images": [
                {"image_id": PLAIN, "hits": 3, "last_accessed": 1_700_000_000.25, "last_modified": 1_700_000_000.0, "size": 20},
            ],
            "queued_images": [QUEUED],
        }))),
        ("PUT" | "DELETE", target) if target.starts_with("/v2/cache") => Some(Answer::empty(204)),
        _ => images(request),
    }
}

#[test]
fn list_prints_every_format() {
    for format in ["table", "json", "yaml", "csv", "value"] {
        let fake = Fake::start(service);
        insta::assert_snapshot!(
            format!("cached_list_{format}"),
            run(&fake, &["cached", "image", "list", "-f", format])
        );
    }
}

#[test]
fn a_column_that_cannot_be_sorted_leaves_the_rows() {
    let fake = Fake::start(service);
    insta::assert_snapshot!(run(&fake, &["cached", "image", "list", "--sort-column", "Size", "-c", "State", "-f", "value"]), @r"
    $ openstack cached image list --sort-column Size -c State -f value
    exit code 0
    --- standard output
    cached
    queued
    ");
}

#[test]
fn queue_takes_names_and_goes_on_after_a_failure() {
    let fake = Fake::start(service);
    insta::assert_snapshot!(run(
        &fake,
        &[
            "cached", "image", "queue", "plain", "nosuch", "twin", QUEUED
        ]
    ));
}

#[test]
fn delete_does_not_mind_what_is_not_cached() {
    let fake = Fake::start(|request| match request.method.as_str() {
        "DELETE" => Some(Answer::error(404, "Not Found", "Image not cached.")),
        _ => service(request),
    });
    insta::assert_snapshot!(run(&fake, &["cached", "image", "delete", "plain"]));
    let fake = Fake::start(service);
    insta::assert_snapshot!(
        "delete_missing",
        run(&fake, &["cached", "image", "delete", "nosuch", "plain"])
    );
}

#[test]
fn clear_names_its_target_in_a_header() {
    for (options, header) in [
        (&[][..], None),
        (&["--cache"], Some("cache")),
        (&["--queue"], Some("queue")),
        (&["--cache", "--queue"], None),
        (&["--target", "queue"], Some("queue")),
        (&["--target", "both"], None),
    ] {
        let fake = Fake::start(service);
        let words = [&["cached", "image", "clear"], options].concat();
        let finished = crate::run::finish(&mut crate::run::command(&fake, &words));
        assert_eq!(
            (finished.code, finished.out.as_str(), finished.err.as_str()),
            (0, "", ""),
            "{options:?}"
        );
        let sent = fake.requests().pop().unwrap();
        assert_eq!(
            (sent.method.as_str(), sent.target.as_str()),
            ("DELETE", "/v2/cache")
        );
        assert_eq!(
            sent.headers
                .get("x-image-cache-clear-target")
                .map(String::as_str),
            header,
            "{options:?}"
        );
    }
}

#[test]
fn clear_says_why_it_failed() {
    let fake = Fake::start(|request| match request.method.as_str() {
        "DELETE" => Some(Answer::error(
            403,
            "Forbidden",
            "You are not authorized to complete cache_delete action.",
        )),
        _ => service(request),
    });
    insta::assert_snapshot!(run(&fake, &["cached", "image", "clear"]));
}
