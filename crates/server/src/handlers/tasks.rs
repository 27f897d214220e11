//! `/v2/tasks`, `/v2/tasks/{id}` and `/v2/images/{id}/tasks`.

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
};
use chrono::{DateTime, Timelike, Utc};
use serde_json::{Map, Value, json as value};
use vidimus_service::{Error, TaskRecord};
use vidimus_types::{iso_seconds, schema::task::validate_task_body};

use super::{Answer, json, unicode_json};
use crate::{
    app::{App, Call},
    error::ApiError,
    extract::{json::json_body, query::list_link},
    openapi::operation::{BAD, DENIED, NO_IMAGE, Operation, Refusal, UNEXPECTED, named},
};

const TAG: &str = "tasks";
const NO_TASK: Refusal = (404, "No such task");

pub(crate) fn list_tasks_doc() -> Operation {
    let keys = [
        "id",
        "type",
        "status",
        "owner",
        "expires_at",
        "created_at",
        "updated_at",
    ];
    let text = || value!({"type": "string"});
    Operation::new(TAG, "list_tasks", "List tasks, page by page")
        .page("The id of the last task of the page before", &keys)
        .query(
            "type",
            "Only tasks of this type",
            value!({"type": "string", "enum": ["import"]}),
        )
        .query(
            "status",
            "Only tasks of this status",
            value!({"type": "string", "enum": ["pending", "processing", "success", "failure"]}),
        )
        .query("owner", "Only tasks of this project", text())
        .query("image_id", "Only tasks that work on this image", text())
        .query("request_id", "Only the tasks this request started", text())
        .query("user_id", "Only tasks of this user", text())
        .json(200, "A page of tasks", named("task_page"))
        .refuses(&[BAD, DENIED])
}

pub(crate) async fn list_tasks(State(app): State<App>, call: Call) -> Answer {
    call.reject_body()?;
    let parameters = call.parameters()?;
    let page = app.service.list_tasks(&call.ctx, &parameters).await?;
    let tasks: Vec<Value> = page.tasks.iter().map(listed_view).collect();
    let mut body = value!({
        "tasks": tasks,
        "first": list_link("/v2/tasks", &parameters, None),
        "schema": "/v2/schemas/tasks",
    });
    if let Some(marker) = page.next_marker {
        body["next"] = list_link("/v2/tasks", &parameters, Some(&marker)).into();
    }
    Ok(unicode_json(StatusCode::OK, &body))
}

pub(crate) fn show_task_doc() -> Operation {
    Operation::new(TAG, "show_task", "Show a task")
        .json(200, "The task", named("shown_task"))
        .refuses(&[UNEXPECTED, DENIED, NO_TASK])
}

pub(crate) async fn show_task(
    State(app): State<App>,
    Path(id): Path<String>,
    call: Call,
) -> Answer {
    call.reject_body()?;
    let task = app.service.show_task(&call.ctx, &id).await?;
    Ok(unicode_json(StatusCode::OK, &task_view(&task)))
}

pub(crate) fn create_task_doc() -> Operation {
    Operation::new(TAG, "create_task", "Start a task")
        .note("Only tasks of the type `import` do anything. Imports into an image that is there begin with `POST /v2/images/{id}/import`.")
        .json_body(named("task"))
        .json(201, "The task, in status `pending`", named("shown_task"))
        .with_header("Location", "Where the task is", value!({"type": "string", "format": "uri"}))
        .refuses(&[BAD, DENIED])
}

pub(crate) async fn create_task(State(app): State<App>, call: Call, body: Body) -> Answer {
    app.service.may_use_tasks(&call.ctx)?;
    let body = json_body(&call.method, &call.headers, body).await?;
    let Value::Object(body) = body else {
        return Err(ApiError::bad_request("Task 'type' is required"));
    };
    for name in ["type", "input"] {
        if !body.contains_key(name) {
            return Err(ApiError::bad_request(format!("Task '{name}' is required")));
        }
    }
    validate_task_body(&body).map_err(|error| ApiError::bad_request(error.to_string()))?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let input = body.get("input").and_then(Value::as_object).cloned();
    let task = app
        .service
        .create_task(&call.ctx, text("type"), input, &call.credentials())
        .await?;
    let mut response = unicode_json(StatusCode::CREATED, &task_view(&task));
    let location = format!("{}/v2/tasks/{}", app.http.base_url(&call.headers), task.id);
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

pub(crate) fn delete_task_doc() -> Operation {
    Operation::new(TAG, "delete_task", "Refused: tasks go away by themselves")
        .refuses(&[
            UNEXPECTED,
            DENIED,
            (405, "Tasks are forgotten some time after they ended"),
        ])
        .with_header(
            "Allow",
            "The methods that would do",
            value!({"type": "string"}),
        )
}

/// Tasks go away by themselves.
pub(crate) async fn delete_task(State(app): State<App>, call: Call) -> Answer {
    call.reject_body()?;
    app.service.may_use_tasks(&call.ctx)?;
    Err(ApiError::never_allowed(
        "GET",
        "This operation is currently not permitted on Glance Tasks. They are auto deleted after reaching the time based on their expires_at property.",
    ))
}

pub(crate) fn list_image_tasks_doc() -> Operation {
    Operation::new(
        TAG,
        "list_image_tasks",
        "List the tasks that work or worked on an image",
    )
    .json(200, "The tasks, oldest first", named("image_tasks"))
    .refuses(&[UNEXPECTED, DENIED, NO_IMAGE])
}

pub(crate) async fn list_image_tasks(
    State(app): State<App>,
    Path(id): Path<String>,
    call: Call,
) -> Answer {
    call.reject_body()?;
    let id = id.parse().map_err(|_| Error::Hidden)?;
    let tasks = app.service.list_image_tasks(&call.ctx, &id).await?;
    let views: Vec<Value> = tasks.iter().map(raw_view).collect();
    Ok(json(StatusCode::OK, &value!({ "tasks": views })))
}

fn listed_view(task: &TaskRecord) -> Value {
    let mut view = Map::new();
    let mut set = |name: &str, value: Value| view.insert(name.to_owned(), value);
    set("id", task.id.as_str().into());
    set("type", task.kind.as_str().into());
    set("status", task.status.as_str().into());
    set("owner", task.owner.as_str().into());
    set("created_at", iso_seconds(task.created_at).into());
    set("updated_at", iso_seconds(task.updated_at).into());
    set("self", format!("/v2/tasks/{}", task.id).into());
    set("schema", "/v2/schemas/task".into());
    if let Some(time) = task.expires_at {
        set("expires_at", iso_seconds(time).into());
    }
    Value::Object(view)
}

fn task_view(task: &TaskRecord) -> Value {
    let mut view = Map::new();
    let mut set = |name: &str, value: Value| view.insert(name.to_owned(), value);
    set("id", task.id.as_str().into());
    set("input", value!(task.input));
    set("type", task.kind.as_str().into());
    set("status", task.status.as_str().into());
    set("owner", task.owner.as_str().into());
    set("message", task.message.clone().unwrap_or_default().into());
    set("result", value!(task.result));
    set("created_at", iso_seconds(task.created_at).into());
    set("updated_at", iso_seconds(task.updated_at).into());
    set("self", format!("/v2/tasks/{}", task.id).into());
    set("schema", "/v2/schemas/task".into());
    for (name, text) in [
        ("image_id", &task.image_id),
        ("request_id", &task.request_id),
        ("user_id", &task.user_id),
    ] {
        if let Some(text) = text {
            set(name, text.as_str().into());
        }
    }
    if let Some(time) = task.expires_at {
        set("expires_at", iso_seconds(time).into());
    }
    Value::Object(view)
}

/// A task as it stands in the database. Compat: unlike everywhere else the times have no zone and show microseconds.
fn raw_view(task: &TaskRecord) -> Value {
    value!({
        "id": task.id,
        "type": task.kind,
        "status": task.status.as_str(),
        "owner": task.owner,
        "expires_at": task.expires_at.map(python_isoformat),
        "created_at": python_isoformat(task.created_at),
        "updated_at": python_isoformat(task.updated_at),
        "deleted_at": null,
        "deleted": false,
        "image_id": task.image_id,
        "request_id": task.request_id,
        "user_id": task.user_id,
        "input": task.input,
        "result": task.result,
        "message": task.message,
    })
}

/// As `datetime.isoformat` writes it: the fraction is left out when there is none.
fn python_isoformat(time: DateTime<Utc>) -> String {
    let format = if time.nanosecond() == 0 {
        "%Y-%m-%dT%H:%M:%S"
    } else {
        "%Y-%m-%dT%H:%M:%S%.6f"
    };
    time.format(format).to_string()
}
