//! `/v2/cache`: the cache of this node.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use serde::Serialize;
use serde_json::json as value;
use vidimus_types::{ClearTarget, ImageId, python_json_of_size};

use super::{Answer, empty, json, with_body};
use crate::{
    app::{App, Call},
    error::ApiError,
    extract::image_id::named_image_id,
    openapi::operation::{BAD, DENIED, NO_CACHE, Operation, Refusal, UNEXPECTED, named},
    views::CachedImageViews,
};

const TAG: &str = "cache";
const OFF: Refusal = (404, "This site has no cache");

pub(crate) fn list_cache_doc() -> Operation {
    Operation::new(
        TAG,
        "list_cache",
        "List what this node has cached and what waits to be",
    )
    .json(200, "The cached and the queued images", named("cache"))
    .refuses(&[UNEXPECTED, DENIED, OFF])
}

pub(crate) async fn list_cache(State(app): State<App>, call: Call) -> Answer {
    call.reject_body()?;
    let listing = app.service.list_cache(&call.ctx).await?;
    let body = CacheBody {
        cached_images: CachedImageViews(&listing.cached_images),
        queued_images: &listing.queued_images,
    };
    let count = listing.cached_images.len() + listing.queued_images.len();
    let text = python_json_of_size(1024 + count * BYTES_OF_ONE, &body, true);
    Ok(with_body(StatusCode::OK, "application/json", text))
}

/// About what one image takes in the list.
const BYTES_OF_ONE: usize = 192;

#[derive(Serialize)]
struct CacheBody<'a> {
    cached_images: CachedImageViews<'a>,
    queued_images: &'a [ImageId],
}

pub(crate) fn clear_cache_doc() -> Operation {
    let words = [ClearTarget::Cache, ClearTarget::Queue].map(ClearTarget::header_value);
    Operation::new(
        TAG,
        "clear_cache",
        "Empty the cache of this node, its queue, or both",
    )
    .header(
        ClearTarget::HEADER,
        "The one to be emptied; both if it is left out",
        value!({"type": "string", "enum": words}),
    )
    .empty(204, "Nothing is left")
    .refuses(&[BAD, DENIED, OFF])
}

pub(crate) async fn clear_cache(State(app): State<App>, call: Call) -> Answer {
    // Compat: the policy is asked before the header is read, so a caller without the right learns nothing.
    let header = call
        .headers
        .get(ClearTarget::HEADER)
        .map(|value| String::from_utf8_lossy(value.as_bytes()));
    let cache = app.service.cache_to_clear(&call.ctx)?;
    let target = ClearTarget::from_header(&header.unwrap_or_default()).map_err(|_| {
        ApiError::bad_request(
            "If provided 'x-image-cache-clear-target' must be 'cache', 'queue' or empty string.",
        )
    })?;
    cache.clear(target).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

pub(crate) fn queue_image_doc() -> Operation {
    Operation::new(
        TAG,
        "queue_image",
        "Queue an image to be cached by this node",
    )
    .empty(202, "The image is cached or waits to be")
    .refuses(&[
        (
            400,
            "The image is not active, or the path cannot be decoded",
        ),
        DENIED,
        NO_CACHE,
    ])
}

pub(crate) async fn queue_image(
    State(app): State<App>,
    Path(id): Path<String>,
    call: Call,
) -> Answer {
    app.service
        .queue_image(&call.ctx, &named_image_id(&id)?)
        .await?;
    Ok(empty(StatusCode::ACCEPTED))
}

pub(crate) fn delete_cached_image_doc() -> Operation {
    Operation::new(
        TAG,
        "delete_cached_image",
        "Remove an image from cache and queue of this node",
    )
    .empty(204, "The image is in neither")
    .refuses(&[UNEXPECTED, DENIED, NO_CACHE])
}

pub(crate) async fn delete_cached_image(
    State(app): State<App>,
    Path(id): Path<String>,
    call: Call,
) -> Answer {
    app.service
        .delete_cached_image(&call.ctx, &named_image_id(&id)?)
        .await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

pub(crate) fn list_cached_nodes_doc() -> Operation {
    Operation::new(
        TAG,
        "list_cached_nodes",
        "List the nodes that have an image cached",
    )
    .json(
        200,
        "Their addresses",
        value!({"type": "array", "items": {"type": "string"}}),
    )
    .refuses(&[
        UNEXPECTED,
        DENIED,
        NO_CACHE,
        (409, "The cache driver knows of one node only"),
    ])
}

pub(crate) async fn list_cached_nodes(
    State(app): State<App>,
    Path(id): Path<String>,
    call: Call,
) -> Answer {
    call.reject_body()?;
    Ok(json(
        StatusCode::OK,
        &app.service.list_cached_nodes(&call.ctx, &id).await?,
    ))
}

pub(crate) fn clean_cache_doc() -> Operation {
    Operation::new(
        TAG,
        "clean_cache",
        "Remove what failed and stalled fetches left in the cache of this node",
    )
    .empty(200, "It is removed")
    .refuses(&[DENIED, OFF])
}

pub(crate) async fn clean_cache(State(app): State<App>, call: Call) -> Answer {
    app.service.clean_cache(&call.ctx).await?;
    Ok(empty(StatusCode::OK))
}

pub(crate) fn prune_cache_doc() -> Operation {
    Operation::new(
        TAG,
        "prune_cache",
        "Evict the images used least recently until the cache is within its limit",
    )
    .json(200, "How much was evicted", named("pruned"))
    .refuses(&[DENIED, OFF])
}

pub(crate) async fn prune_cache(State(app): State<App>, call: Call) -> Answer {
    Ok(json(
        StatusCode::OK,
        &app.service.prune_cache(&call.ctx).await?,
    ))
}
