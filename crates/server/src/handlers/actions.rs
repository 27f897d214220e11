//! `/v2/images/{id}/actions/…`.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};

use super::{Answer, empty};
use crate::{
    app::{App, Call},
    extract::image_id::image_id,
    openapi::operation::{NO_IMAGE, Operation, UNEXPECTED},
};

pub(crate) fn deactivate_image_doc() -> Operation {
    Operation::new(
        "images",
        "deactivate_image",
        "Keep everybody but admins from the data of an image",
    )
    .empty(204, "The image is deactivated")
    .refuses(&[
        UNEXPECTED,
        (
            403,
            "The policy does not let the caller do this, or the status of the image does not",
        ),
        NO_IMAGE,
    ])
}

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

pub(crate) fn reactivate_image_doc() -> Operation {
    Operation::new(
        "images",
        "reactivate_image",
        "Let the data of a deactivated image be read again",
    )
    .empty(204, "The image is active")
    .refuses(&[
        UNEXPECTED,
        (
            403,
            "The policy does not let the caller do this, or the status of the image does not",
        ),
        NO_IMAGE,
    ])
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
