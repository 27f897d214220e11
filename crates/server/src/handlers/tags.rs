//! `/v2/images/{id}/tags/{tag}`.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};

use super::{Answer, empty};
use crate::{
    app::{App, Call},
    error::ApiError,
    extract::image_id::named_image_id,
    openapi::operation::{DENIED, NO_IMAGE, Operation, UNEXPECTED},
};

pub(crate) fn add_tag_doc() -> Operation {
    Operation::new("images", "add_tag", "Put a tag on an image")
        .empty(204, "The image has the tag")
        .refuses(&[
            (
                400,
                "The tag is too long or holds characters that cannot be kept, or there is a body",
            ),
            DENIED,
            NO_IMAGE,
            (413, "The image has as many tags as allowed"),
        ])
}

pub(crate) async fn add_tag(
    State(app): State<App>,
    Path((id, tag)): Path<(String, String)>,
    call: Call,
) -> Answer {
    call.reject_body()?;
    app.service
        .add_tag(&call.ctx, &named_image_id(&id)?, one_segment(&tag)?)
        .await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

pub(crate) fn remove_tag_doc() -> Operation {
    Operation::new("images", "remove_tag", "Take a tag off an image")
        .empty(204, "The image has the tag no more")
        .refuses(&[
            UNEXPECTED,
            DENIED,
            (
                404,
                "No such image, or none the caller may see, or it has no such tag",
            ),
        ])
}

pub(crate) async fn remove_tag(
    State(app): State<App>,
    Path((id, tag)): Path<(String, String)>,
    call: Call,
) -> Answer {
    call.reject_body()?;
    app.service
        .remove_tag(&call.ctx, &named_image_id(&id)?, one_segment(&tag)?)
        .await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// Compat: an escaped slash splits the path for Glance, and no route has that many parts.
fn one_segment(tag: &str) -> Result<&str, ApiError> {
    if tag.contains('/') {
        Err(ApiError::not_found())
    } else {
        Ok(tag)
    }
}
