//! `/v2/cached_images` and `/v2/queued_images`: what `glance-cache-manage` talks to.
//!
//! Compat: single operations answer `null`; whether the image exists is not asked. Stricter: only ids are taken, the
//! peer makes a file of any name (cache.md 9, 18).

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use serde::Serialize;
use serde_json::{Value, json as value};
use vidimus_types::{ClearTarget, ImageId};

use super::{Answer, json};
use crate::{
    app::{App, Call},
    error::ApiError,
    openapi::operation::{DENIED, Operation, Refusal, named},
    views::CachedImageViews,
};

const TAG: &str = "legacy cache";
const OFF: Refusal = (404, "This site has no cache");
const NO_ID: Refusal = (400, "That is no id of an image");

pub(crate) fn list_cached_images_doc() -> Operation {
    Operation::new(
        TAG,
        "legacy_list_cached_images",
        "List what this node has cached",
    )
    .json(200, "The cached images", named("cached_images"))
    .refuses(&[DENIED, OFF])
}

pub(crate) async fn list_cached_images(State(app): State<App>, call: Call) -> Answer {
    let images = app.service.list_cached_images(&call.ctx).await?;
    let body = CachedBody {
        cached_images: CachedImageViews(&images),
    };
    Ok(json(StatusCode::OK, &body))
}

#[derive(Serialize)]
struct CachedBody<'a> {
    cached_images: CachedImageViews<'a>,
}

pub(crate) fn clear_cached_images_doc() -> Operation {
    Operation::new(
        TAG,
        "legacy_clear_cached_images",
        "Empty the cache of this node",
    )
    .json(200, "How many images were in it", named("deleted_count"))
    .refuses(&[DENIED, OFF])
}

pub(crate) async fn clear_cached_images(State(app): State<App>, call: Call) -> Answer {
    let cleared = app
        .service
        .clear_legacy(&call.ctx, ClearTarget::Cache)
        .await?;
    Ok(json(
        StatusCode::OK,
        &value!({ "num_deleted": cleared.images }),
    ))
}

pub(crate) fn delete_cached_image_doc() -> Operation {
    Operation::new(
        TAG,
        "legacy_delete_cached_image",
        "Remove an image from the cache of this node",
    )
    .json(200, "The image is not in it", value!({"type": "null"}))
    .refuses(&[NO_ID, DENIED, OFF])
}

pub(crate) async fn delete_cached_image(
    State(app): State<App>,
    Path(id): Path<String>,
    call: Call,
) -> Answer {
    app.service.remove_cached(&call.ctx, &parse(&id)?).await?;
    Ok(json(StatusCode::OK, &Value::Null))
}

pub(crate) fn list_queued_images_doc() -> Operation {
    Operation::new(
        TAG,
        "legacy_list_queued_images",
        "List what waits to be cached by this node",
    )
    .json(
        200,
        "The ids of the images, oldest first",
        named("queued_images"),
    )
    .refuses(&[DENIED, OFF])
}

pub(crate) async fn list_queued_images(State(app): State<App>, call: Call) -> Answer {
    Ok(json(
        StatusCode::OK,
        &value!({ "queued_images": app.service.list_queued_images(&call.ctx)? }),
    ))
}

pub(crate) fn clear_queued_images_doc() -> Operation {
    Operation::new(
        TAG,
        "legacy_clear_queued_images",
        "Empty the queue of this node",
    )
    .json(200, "How many images were in it", named("deleted_count"))
    .refuses(&[DENIED, OFF])
}

pub(crate) async fn clear_queued_images(State(app): State<App>, call: Call) -> Answer {
    let cleared = app
        .service
        .clear_legacy(&call.ctx, ClearTarget::Queue)
        .await?;
    Ok(json(
        StatusCode::OK,
        &value!({ "num_deleted": cleared.queued }),
    ))
}

pub(crate) fn queue_image_doc() -> Operation {
    Operation::new(
        TAG,
        "legacy_queue_image",
        "Queue an image to be cached by this node",
    )
    .json(200, "The image waits", value!({"type": "null"}))
    .refuses(&[NO_ID, DENIED, OFF])
}

pub(crate) async fn queue_image(
    State(app): State<App>,
    Path(id): Path<String>,
    call: Call,
) -> Answer {
    app.service.queue_unchecked(&call.ctx, &parse(&id)?).await?;
    Ok(json(StatusCode::OK, &Value::Null))
}

pub(crate) fn delete_queued_image_doc() -> Operation {
    Operation::new(
        TAG,
        "legacy_delete_queued_image",
        "Remove an image from the queue of this node",
    )
    .json(200, "The image is not in it", value!({"type": "null"}))
    .refuses(&[NO_ID, DENIED, OFF])
}

pub(crate) async fn delete_queued_image(
    State(app): State<App>,
    Path(id): Path<String>,
    call: Call,
) -> Answer {
    app.service.remove_queued(&call.ctx, &parse(&id)?).await?;
    Ok(json(StatusCode::OK, &Value::Null))
}

fn parse(id: &str) -> Result<ImageId, ApiError> {
    id.parse().map_err(|_| {
        ApiError::bad_request(format!(
            "Invalid image id: {}",
            id.chars().take(80).collect::<String>()
        ))
    })
}
