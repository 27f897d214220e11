//! `/v2/images/{id}/import` and `/v2/stores/{store}/{image}`: data that comes and goes behind an image.

use axum::{
    body::Body,
    extract::{Path, State},
    http::StatusCode,
};
use vidimus_service::{Error, ImportRequest};

use super::{Answer, done, empty};
use crate::{
    app::{App, Call},
    extract::{image_id::image_id, json::json_body},
};

pub(crate) async fn import_image(
    State(app): State<App>,
    Path(id): Path<String>,
    call: Call,
    body: Body,
) -> Answer {
    let body = json_body(&call.method, &call.headers, body).await?;
    let store = call.header("x-image-meta-store").map(str::to_owned);
    let request = ImportRequest::read(&app.service, body, store, call.credentials())?;
    let begun = app
        .service
        .import_image(&call.ctx, &image_id(&id)?, request)
        .await?;
    done(begun, StatusCode::ACCEPTED)
}

pub(crate) async fn delete_copy(
    State(app): State<App>,
    Path((store, image)): Path<(String, String)>,
    call: Call,
) -> Answer {
    call.reject_body()?;
    // Compat: whether there are stores at all, and this one, is asked before the image is looked for.
    app.service.require_store_for_copy(&store)?;
    let id = image.parse().map_err(|_| Error::NoImageForCopy(image))?;
    app.service.delete_copy(&call.ctx, &store, &id).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}
