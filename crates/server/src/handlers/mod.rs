//! One file per resource: unpack the request, one call on the service, wrap the answer.

pub(crate) mod actions;
pub(crate) mod cache;
pub(crate) mod health;
pub(crate) mod image_data;
pub(crate) mod images;
pub(crate) mod imports;
pub(crate) mod info;
pub(crate) mod legacy_cache;
pub(crate) mod locations;
pub(crate) mod members;
pub(crate) mod metadefs;
pub(crate) mod openapi;
pub(crate) mod schemas;
pub(crate) mod tags;
pub(crate) mod tasks;
pub(crate) mod versions;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use vidimus_service::Done;
use vidimus_types::python_json;

use crate::error::ApiError;

type Answer = Result<Response, ApiError>;

/// JSON with everything beyond ASCII escaped, as most of Glance's answers are.
fn json(status: StatusCode, value: &impl Serialize) -> Response {
    with_body(status, "application/json", python_json(value, true))
}

/// JSON in plain UTF-8, as Glance writes images.
fn unicode_json(status: StatusCode, value: &impl Serialize) -> Response {
    with_body(status, "application/json", python_json(value, false))
}

/// Nothing but a status. Compat: Glance's empty answers claim to be HTML.
fn empty(status: StatusCode) -> Response {
    with_body(status, "text/html; charset=UTF-8", "")
}

/// The answer to something that this node did, or another one in its place.
fn done(done: Done, status: StatusCode) -> Answer {
    let Done::There(relayed) = done else {
        return Ok(empty(status));
    };
    let status = StatusCode::from_u16(relayed.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut response = if status.is_success() {
        empty(status)
    } else {
        ApiError::relayed(status, &relayed.message).into_response()
    };
    if let Some(id) = relayed.request_id.and_then(|id| id.try_into().ok()) {
        response.headers_mut().insert("x-openstack-request-id", id);
    }
    Ok(response)
}

fn with_body(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
