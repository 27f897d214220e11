//! `/healthcheck`: for load balancers, without authentication.
//!
//! Compat: oslo.middleware's healthcheck with the backend `disable_by_file`, mounted outside of everything else, so paths
//! below it and all methods are answered too.

use axum::{
    body::Body,
    http::{HeaderMap, Method, StatusCode, header},
    response::Response,
};
use serde_json::json as value;
use vidimus_types::python_json;

use super::with_body;
use crate::{
    app::HttpConfig,
    openapi::operation::{Operation, named},
};

pub(crate) fn healthcheck_doc() -> Operation {
    let text = || value!({"type": "string"});
    let contents = [
        ("text/plain", text()),
        ("text/html", text()),
        ("application/json", named("health")),
    ];
    Operation::new("service", "healthcheck", "Ask whether the server takes requests")
        .note("Every method is answered, and paths below this one are, too. The form of the answer follows `Accept`.")
        .open()
        .content(200, "It does", &contents)
        .content(503, "An operator has taken it out of service", &contents)
}

pub(crate) fn healthcheck(config: &HttpConfig, method: &Method, headers: &HeaderMap) -> Response {
    let is_disabled = config
        .disable_file
        .as_ref()
        .is_some_and(|file| file.try_exists().unwrap_or(false));
    let (status, reason) = if is_disabled {
        (StatusCode::SERVICE_UNAVAILABLE, "DISABLED BY FILE")
    } else {
        (StatusCode::OK, "OK")
    };
    if method == Method::HEAD {
        let status = if is_disabled {
            status
        } else {
            StatusCode::NO_CONTENT
        };
        return Response::builder()
            .status(status)
            .body(Body::empty())
            .unwrap_or_default();
    }
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    match accept.split(';').next().unwrap_or_default().trim() {
        "application/json" => with_body(
            status,
            "application/json",
            python_json(&value!({ "detailed": false, "reasons": [reason] }), true),
        ),
        "text/html" => with_body(
            status,
            "text/html; charset=UTF-8",
            format!(
                "<html><head><title>Healthcheck Status</title></head><body><h2>Result of 1 checks:</h2><p>{reason}</p></body></html>"
            ),
        ),
        _ => with_body(status, "text/plain; charset=UTF-8", reason),
    }
}
