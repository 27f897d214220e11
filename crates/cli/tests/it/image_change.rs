//! `image set`, `image unset`, `image delete`.

use crate::{
    fake::{Answer, Fake, Request},
    run::{images, plain_image, run},
};

fn service(request: &Request) -> Option<Answer> {
    match request.method.as_str() {
        "PATCH" => Some(Answer::json(plain_image())),
        "DELETE" if request.target.ends_with("/missing") => None,
        "POST" | "DELETE" => Some(Answer::empty(204)),
        "PUT" => Some(Answer::json(serde_json::json!({
            "member_id": "p", "image_id": crate::run::PLAIN, "status": "accepted",
        }))),
        _ => images(request),
    }
}

#[test]
fn set_sends_one_patch() {
    let fake = Fake::start(service);
    let words = [
        "image",
        "set",
        "plain",
        "--name",
        "n",
        "--min-ram",
        "5",
        "--os-distro",
        "debian",
        "--property",
        "a/b=c",
        "--property",
        "is_hidden=x",
        "--tag",
        "new",
        "--tag",
        "ape",
        "--unprotected",
        "--community",
        "--project",
        "p",
    ];
    insta::assert_snapshot!(run(&fake, &words));
}

#[test]
fn set_of_nothing_sends_nothing() {
    let fake = Fake::start(service);
    insta::assert_snapshot!(run(&fake, &["image", "set", "plain"]), @r"
    $ openstack image set plain
    exit code 0
    ");
}

#[test]
fn activation_and_membership_come_first() {
    let fake = Fake::start(service);
    let words = [
        "image",
        "set",
        "plain",
        "--deactivate",
        "--accept",
        "--project",
        "p",
        "--hidden",
    ];
    insta::assert_snapshot!(run(&fake, &words));
}

#[test]
fn an_answer_needs_a_project() {
    let fake = Fake::start(service);
    insta::assert_snapshot!(run(&fake, &["image", "set", "plain", "--reject"]), @r"
    $ openstack image set plain --reject
    exit code 1
    --- standard error
    --project is needed, because the credentials do not belong to a project
    ");
}

#[test]
fn unset_removes_what_is_there_and_names_what_is_not() {
    let fake = Fake::start(service);
    let words = [
        "image",
        "unset",
        "plain",
        "--tag",
        "ape",
        "--tag",
        "missing",
        "--property",
        "zone",
        "--property",
        "os_type",
        "--property",
        "os_distro",
        "--property",
        "nope",
    ];
    insta::assert_snapshot!(run(&fake, &words));
}

#[test]
fn delete_goes_on_after_a_failure() {
    let fake = Fake::start(|request| match request.method.as_str() {
        "DELETE" if request.target.ends_with(crate::run::QUEUED) => Some(Answer::error(
            403,
            "Forbidden",
            "Image is protected and cannot be deleted.",
        )),
        _ => service(request),
    });
    insta::assert_snapshot!(run(&fake, &["image", "delete", "queued", "twin", "plain"]));
}

#[test]
fn delete_stops_at_a_missing_image() {
    let fake = Fake::start(service);
    insta::assert_snapshot!(run(&fake, &["image", "delete", "nosuch", "plain"]), @r"
    $ openstack image delete nosuch plain
    exit code 1
    --- standard error
    Multi Backend support not enabled.
    ");
}

#[test]
fn delete_can_spare_the_other_stores() {
    let fake = Fake::start(service);
    insta::assert_snapshot!(run(&fake, &["image", "delete", "plain", "--store", "fast"]));
}
