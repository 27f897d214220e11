//! `/v2/images/{id}/actions/…`.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};

use super::{Answer, empty};
use crate::{
    app::{App, Call},
    extract::image_id::image_id,
};

pub(crate) async fn deactivate_image(
    State(app): State<App>,
    Path(id): Path<String>,
    call: Call,
) -> Answer {
    call.reject_body()?;
    app.service
        .deactivate_image(&call.ctx, &image_id(&id)?)
        .await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

pub(crate) async fn reactivate_image(
    State(app): State<App>,
    Path(id): Path<String>,
    call: Call,
) -> Answer {
    call.reject_body()?;
    app.service
        .reactivate_image(&call.ctx, &image_id(&id)?)
        .await?;
    Ok(empty(StatusCode::NO_CONTENT))
}
