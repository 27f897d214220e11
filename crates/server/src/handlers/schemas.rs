//! `/v2/schemas/…`.

use axum::{extract::State, http::StatusCode};
use vidimus_types::schema::task::{task_schema, tasks_schema};
use vidimus_types::schema::{image_schema, images_schema, member_schema, members_schema};

use super::{Answer, json};
use crate::app::{App, Call};

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
