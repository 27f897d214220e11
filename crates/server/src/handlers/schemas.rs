//! `/v2/schemas/…`.

use axum::{extract::State, http::StatusCode};
use vidimus_types::schema::task::{task_schema, tasks_schema};
use vidimus_types::schema::{image_schema, images_schema, member_schema, members_schema};

use super::{Answer, json};
use crate::{
    app::{App, Call},
    openapi::operation::{Operation, UNEXPECTED, named},
};

/// The operation that shows one of the schemas.
pub(crate) fn doc(name: &'static str) -> Operation {
    let (id, summary) = match name {
        "image" => ("image_schema", "Show the JSON schema of an image"),
        "images" => ("images_schema", "Show the JSON schema of a page of images"),
        "member" => ("member_schema", "Show the JSON schema of a member"),
        "members" => (
            "members_schema",
            "Show the JSON schema of a list of members",
        ),
        "task" => ("task_schema", "Show the JSON schema of a task"),
        _ => ("tasks_schema", "Show the JSON schema of a page of tasks"),
    };
    Operation::new("schemas", id, summary)
        .json(200, "The schema", named("json_schema"))
        .refuses(&[UNEXPECTED])
}

pub(crate) async fn image(State(app): State<App>, call: Call) -> Answer {
    call.reject_body()?;
    Ok(json(
        StatusCode::OK,
        &image_schema(&app.service.config().schema),
    ))
}

pub(crate) async fn images(State(app): State<App>, call: Call) -> Answer {
    call.reject_body()?;
    Ok(json(
        StatusCode::OK,
        &images_schema(&app.service.config().schema),
    ))
}

pub(crate) async fn member(call: Call) -> Answer {
    call.reject_body()?;
    Ok(json(StatusCode::OK, &member_schema()))
}

pub(crate) async fn members(call: Call) -> Answer {
    call.reject_body()?;
    Ok(json(StatusCode::OK, &members_schema()))
}

pub(crate) async fn task(call: Call) -> Answer {
    call.reject_body()?;
    Ok(json(StatusCode::OK, &task_schema()))
}

pub(crate) async fn tasks(call: Call) -> Answer {
    call.reject_body()?;
    Ok(json(StatusCode::OK, &tasks_schema()))
}
