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
};

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
