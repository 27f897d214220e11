//! `/openapi.json`: what the server can do, for programs that read it. Without authentication, as it names nobody's things.
//!
//! Compat, ours alone: the peer takes the path for a version it does not know.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json as value;

use super::with_body;
use crate::{
    error::ApiError,
    openapi::{
        Document,
        operation::{Operation, named},
    },
};

/// How long a copy may be used without asking again.
const CACHING: HeaderValue = HeaderValue::from_static("public, max-age=300");

pub(crate) fn show_document_doc() -> Operation {
    let text = || value!({"type": "string"});
    Operation::new("service", "show_document", "Show this document")
        .open()
        .header("If-None-Match", "The `ETag` of a copy", text())
        .json(200, "An OpenAPI document", named("openapi_document"))
        .with_header("ETag", "What tells this document from others", text())
        .with_header("Cache-Control", "How long a copy may be used", text())
        .empty(304, "The copy is still good")
        .with_header("ETag", "What tells this document from others", text())
        .with_header("Cache-Control", "How long a copy may be used", text())
}

pub(crate) fn show_document(document: &Document, method: &Method, headers: &HeaderMap) -> Response {
    if !matches!(*method, Method::GET | Method::HEAD) {
        let allow = HeaderValue::from_static("GET, HEAD");
        return ApiError::method_not_allowed(allow).into_response();
    }
    let written = document.written();
    let mut response = if is_known(headers, &written.etag) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        with_body(StatusCode::OK, "application/json", written.text.clone())
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, written.etag.clone());
    headers.insert(header::CACHE_CONTROL, CACHING);
    response
}

/// Whether the client has a copy already.
fn is_known(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let given = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut tags = given
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim().trim_start_matches("W/"));
    tags.any(|tag| tag == "*" || etag == tag)
}
