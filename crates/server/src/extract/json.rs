//! JSON bodies, and requests that must not have a body.

use axum::{
    body::Body,
    http::{HeaderMap, Method, StatusCode, header},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value;

use crate::error::ApiError;

/// The largest JSON body that is read. Far above any image with every quota exhausted.
const BODY_BYTES: usize = 16 * 1024 * 1024;

/// Whether the request comes with a body, as Glance tells: a length above zero, or a transfer coding on a method that
/// has bodies.
fn has_body(method: &Method, headers: &HeaderMap) -> bool {
    let is_coded = headers.contains_key(header::TRANSFER_ENCODING)
        && matches!(*method, Method::POST | Method::PUT | Method::PATCH);
    is_coded || content_length(headers).is_some_and(|length| length > 0)
}

/// The announced length, if there is one that can be read.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// Refuses a body where none belongs.
pub(crate) fn reject_body(method: &Method, headers: &HeaderMap) -> Result<(), ApiError> {
    if has_body(method, headers) {
        return Err(ApiError::bad_request(
            "A body is not expected with this request.",
        ));
    }
    Ok(())
}

/// Reads a JSON object or array.
pub(crate) async fn json_body(
    method: &Method,
    headers: &HeaderMap,
    body: Body,
) -> Result<Value, ApiError> {
    if !has_body(method, headers) {
        return Err(ApiError::bad_request("Body expected in request."));
    }
    let too_large = || {
        ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "The body of your request was too large for this server.",
        )
    };
    if content_length(headers).is_some_and(|length| length > BODY_BYTES as u64) {
        return Err(too_large());
    }
    let bytes = Limited::new(body, BODY_BYTES)
        .collect()
        .await
        .map_err(|error| {
            if error.is::<LengthLimitError>() {
                return too_large();
            }
            ApiError::bad_request("The request ended before its body was complete.")
        })?;
    match serde_json::from_slice(&bytes.to_bytes()) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => Ok(value),
        Ok(_) => Err(ApiError::bad_request(
            "Unexpected body type. Expected list/dict.",
        )),
        Err(_) => Err(ApiError::bad_request("Malformed JSON in request body.")),
    }
}
