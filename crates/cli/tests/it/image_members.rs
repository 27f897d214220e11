//! `image add project`, `image remove project`, `image member list`, `image member get`.

use serde_json::{Value, json};

use crate::{
    fake::{Answer, Fake, Request},
    run::{PLAIN, images, run},
};

fn member(project: &str) -> Value {
    json!({
        "member_id": project, "image_id": PLAIN, "status": "pending", "schema": "/v2/schemas/member",
        "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:06Z"
    })
}

fn service(request: &Request) -> Option<Answer> {
    let members = format!("/v2/images/{PLAIN}/members");
    match (
        request.method.as_str(),
        request.target.strip_prefix(&members),
    ) {
        ("GET", Some("")) => Some(Answer::json(
            json!({"members": [member("p1"), member("p2")], "schema": "/v2/schemas/members"}),
        )),
        ("GET" | "POST", Some("" | "/p1")) => Some(Answer::json(member("p1"))),
        ("DELETE", Some("/p1")) => Some(Answer::empty(204)),
        _ => images(request),
    }
}

#[test]
fn a_project_is_added_in_every_format() {
    for format in ["table", "json", "yaml", "value", "shell"] {
        let fake = Fake::start(service);
        insta::assert_snapshot!(
            format!("add_project_{format}"),
            run(
                &fake,
                &["image", "add", "project", "plain", "p1", "-f", format]
            )
        );
    }
}

#[test]
fn members_are_listed_in_every_format() {
    for format in ["table", "json", "yaml", "value", "csv"] {
        let fake = Fake::start(service);
        insta::assert_snapshot!(
            format!("member_list_{format}"),
            run(&fake, &["image", "member", "list", "plain", "-f", format])
        );
    }
}

#[test]
fn a_member_is_asked_for_by_id() {
    let fake = Fake::start(service);
    insta::assert_snapshot!(run(
        &fake,
        &["image", "member", "get", "plain", "p1", "-c", "status"]
    ));
    insta::assert_snapshot!(run(&fake, &["image", "member", "get", "plain", "p3"]), @r"
    $ openstack image member get plain p3
    exit code 1
    --- standard error
    No Member found for None: Client Error for url: http://glance/v2/images/5cd57b4a-5d5a-4c0a-8c4f-0a6e6a3c7a8b/members/p3, 404 Not Found: The resource could not be found.
    ");
}

#[test]
fn a_project_that_is_no_member_is_as_good_as_removed() {
    let fake = Fake::start(service);
    insta::assert_snapshot!(run(&fake, &["image", "remove", "project", "plain", "p1"]), @r"
    $ openstack image remove project plain p1
    exit code 0
    --- sent
    DELETE /v2/images/5cd57b4a-5d5a-4c0a-8c4f-0a6e6a3c7a8b/members/p1
    ");
    let fake = Fake::start(service);
    insta::assert_snapshot!(run(&fake, &["image", "remove", "project", "plain", "p3"]), @r"
    $ openstack image remove project plain p3
    exit code 0
    --- sent
    DELETE /v2/images/5cd57b4a-5d5a-4c0a-8c4f-0a6e6a3c7a8b/members/p3
    ");
}
