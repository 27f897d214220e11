//! `/v2/images/{id}/members` and `/v2/images/{id}/members/{member}`.

use axum::{
    body::Body,
    extract::{Path, State},
    http::StatusCode,
};
use serde_json::{Value, json};

use super::{Answer, empty, unicode_json};
use crate::{
    app::{App, Call},
    error::ApiError,
    extract::{image_id::named_image_id, json::json_body},
    openapi::operation::{BAD, DENIED, NO_IMAGE, Operation, Refusal, UNEXPECTED, named},
    views::member_view,
};

const TAG: &str = "members";
const NO_MEMBER: Refusal = (
    404,
    "No such image, or none the caller may see, or the project is no member",
);

pub(crate) fn list_members_doc() -> Operation {
    Operation::new(
        TAG,
        "list_members",
        "List the projects an image is shared with",
    )
    .json(200, "The members", named("member_list"))
    .refuses(&[
        UNEXPECTED,
        (
            403,
            "The policy does not let the caller do this, or the image is not shared",
        ),
        NO_IMAGE,
    ])
}

pub(crate) async fn list_members(
    State(app): State<App>,
    Path(id): Path<String>,
    call: Call,
) -> Answer {
    call.reject_body()?;
    let members = app
        .service
        .list_members(&call.ctx, &named_image_id(&id)?)
        .await?;
    let members: Vec<Value> = members.iter().map(member_view).collect();
    let body = json!({ "members": members, "schema": "/v2/schemas/members" });
    Ok(unicode_json(StatusCode::OK, &body))
}

pub(crate) fn add_member_doc() -> Operation {
    Operation::new(TAG, "add_member", "Share an image with a project")
        .json_body(named("new_member"))
        .json(
            200,
            "The member, who has not answered yet",
            named("shown_member"),
        )
        .refuses(&[
            BAD,
            (
                403,
                "The policy does not let the caller do this, or the image is not shared",
            ),
            NO_IMAGE,
            (409, "The project is a member already"),
        ])
}

pub(crate) async fn add_member(
    State(app): State<App>,
    Path(id): Path<String>,
    call: Call,
    body: Body,
) -> Answer {
    let body = json_body(&call.method, &call.headers, body).await?;
    let member = match &body {
        Value::Object(body) => match body.get("member") {
            None => Err("Member to be added not specified"),
            Some(Value::String(member)) if !member.is_empty() => Ok(member),
            Some(member) if is_empty(member) => Err("Member can't be empty"),
            // Compat, stricter: the peer stores numbers, and breaks on the rest.
            Some(_) => Err("Member must be a string"),
        },
        _ => Err("Expected a member in the form: {\"member\": \"image_id\"}"),
    }
    .map_err(ApiError::bad_request)?;
    // Compat: 200 and not 201.
    let added = app
        .service
        .add_member(&call.ctx, &named_image_id(&id)?, member)
        .await?;
    Ok(unicode_json(StatusCode::OK, &member_view(&added)))
}

pub(crate) fn show_member_doc() -> Operation {
    Operation::new(TAG, "show_member", "Show a project an image is shared with")
        .json(200, "The member", named("shown_member"))
        .refuses(&[UNEXPECTED, DENIED, NO_MEMBER])
}

pub(crate) async fn show_member(
    State(app): State<App>,
    Path((id, member)): Path<(String, String)>,
    call: Call,
) -> Answer {
    call.reject_body()?;
    let member = one_segment(&member)?;
    let found = app
        .service
        .show_member(&call.ctx, &named_image_id(&id)?, member)
        .await?;
    Ok(unicode_json(StatusCode::OK, &member_view(&found)))
}

pub(crate) fn update_member_doc() -> Operation {
    Operation::new(
        TAG,
        "update_member",
        "Say whether a project wants an image that is shared with it",
    )
    .json_body(named("member_answer"))
    .json(200, "The member as it is now", named("shown_member"))
    .refuses(&[BAD, DENIED, NO_MEMBER])
}

pub(crate) async fn update_member(
    State(app): State<App>,
    Path((id, member)): Path<(String, String)>,
    call: Call,
    body: Body,
) -> Answer {
    let member = one_segment(&member)?;
    let body = json_body(&call.method, &call.headers, body).await?;
    let status = match &body {
        Value::Object(body) => body.get("status").ok_or("Status not specified"),
        _ => Err("Expected a status in the form: {\"status\": \"status\"}"),
    }
    .map_err(ApiError::bad_request)?;
    let changed = app
        .service
        .update_member(&call.ctx, &named_image_id(&id)?, member, status.as_str())
        .await?;
    Ok(unicode_json(StatusCode::OK, &member_view(&changed)))
}

pub(crate) fn delete_member_doc() -> Operation {
    Operation::new(TAG, "delete_member", "Stop sharing an image with a project")
        .empty(204, "The project is no member")
        .refuses(&[
            UNEXPECTED,
            (
                403,
                "The policy does not let the caller do this, or the image is not shared",
            ),
            NO_MEMBER,
        ])
}

pub(crate) async fn delete_member(
    State(app): State<App>,
    Path((id, member)): Path<(String, String)>,
    call: Call,
) -> Answer {
    call.reject_body()?;
    let member = one_segment(&member)?;
    app.service
        .delete_member(&call.ctx, &named_image_id(&id)?, member)
        .await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// What Python takes for false.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

/// Compat: an escaped slash splits the path for Glance, and no route has that many parts.
fn one_segment(member: &str) -> Result<&str, ApiError> {
    if member.contains('/') {
        Err(ApiError::not_found())
    } else {
        Ok(member)
    }
}
