//! `image task list` and `image task show`.

use serde_json::{Value, json};

use crate::{
    fake::{Answer, Fake, Request},
    run::run,
};

fn task(id: &str) -> Value {
    json!({
        "id": id, "type": "api_image_import", "status": "success", "owner": null, "message": "it's done",
        "input": {"image_id": "i", "import_req": {"method": {"name": "glance-direct"}}, "backend": ["fast"]},
        "result": null, "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:06Z",
        "expires_at": "2026-01-04T03:04:06Z", "schema": "/v2/schemas/task", "self": format!("/v2/tasks/{id}"),
        "image_id": "i", "request_id": "r", "user_id": null,
    })
}

fn service(request: &Request) -> Option<Answer> {
    let list = |tasks: &[Value], next: Option<&str>| {
        Some(Answer::json(json!({"tasks": tasks, "next": next})))
    };
    match request.target.as_str() {
        "/v2/tasks/t1" => Some(Answer::json(task("t1"))),
        "/v2/tasks" => list(&[task("t1"), task("t2")], None),
        "/v2/tasks?limit=1&type=import&status=success&sort_dir=asc&sort_key=id" => list(
            &[task("t1")],
            Some("/v2/tasks?limit=1&marker=t1&type=import&status=success&sort_dir=asc&sort_key=id"),
        ),
        target if target.contains("marker=t1") => list(&[task("t3")], None),
        target if target.starts_with("/v2/tasks?") => list(&[], None),
        _ => None,
    }
}

#[test]
fn a_task_is_shown_in_every_format() {
    for format in ["table", "json", "yaml", "value", "shell"] {
        let fake = Fake::start(service);
        insta::assert_snapshot!(
            format!("task_show_{format}"),
            run(&fake, &["image", "task", "show", "t1", "-f", format])
        );
    }
}

#[test]
fn tasks_are_listed_in_every_format() {
    for format in ["table", "json", "yaml", "value", "csv"] {
        let fake = Fake::start(service);
        insta::assert_snapshot!(
            format!("task_list_{format}"),
            run(&fake, &["image", "task", "list", "-f", format])
        );
    }
}

#[test]
fn pages_are_asked_for_until_there_are_enough() {
    let fake = Fake::start(service);
    let words = [
        "image",
        "task",
        "list",
        "--limit",
        "1",
        "--type",
        "import",
        "--status",
        "success",
        "--sort-key",
        "id",
        "--sort-dir",
        "asc",
        "-f",
        "value",
        "-c",
        "ID",
    ];
    insta::assert_snapshot!(run(&fake, &words));
    let most = [&words[..], &["--max-items", "1"]].concat();
    insta::assert_snapshot!(run(&fake, &most));
}

#[test]
fn an_unknown_task_is_named() {
    let fake = Fake::start(service);
    insta::assert_snapshot!(run(&fake, &["image", "task", "show", "t9"]), @r"
    $ openstack image task show t9
    exit code 1
    --- standard error
    No Task found for t9: Client Error for url: http://glance/v2/tasks/t9, 404 Not Found: The resource could not be found.
    ");
    insta::assert_snapshot!(run(&fake, &["image", "task", "show", "../images"]), @r"
    $ openstack image task show ../images
    exit code 1
    --- standard error
    `../images` is not a task's id
    ");
}
