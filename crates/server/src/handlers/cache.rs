//! `/v2/cache`: the cache of this node.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use vidimus_types::ClearTarget;

use super::{Answer, empty, json};
use crate::{
    app::{App, Call},
    error::ApiError,
    extract::image_id::named_image_id,
    views::cached_image_view,
};

pub(crate) async fn list_cache(State(app): State<App>, call: Call) -> Answer {
    call.reject_body()?;
    let listing = app.service.list_cache(&call.ctx).await?;
    let cached: Vec<_> = listing
        .cached_images
        .iter()
        .map(cached_image_view)
        .collect();
    let body =
        serde_json::json!({ "cached_images": cached, "queued_images": listing.queued_images });
    Ok(json(StatusCode::OK, &body))
}

pub(crate) async fn clear_cache(State(app): State<App>, call: Call) -> Answer {
    // Compat: the policy is asked before the header is read, so a caller without the right learns nothing.
    let header = call
        .headers
        .get(ClearTarget::HEADER)
        .map(|value| String::from_utf8_lossy(value.as_bytes()));
    let target = ClearTarget::from_header(&header.unwrap_or_default());
    app.service.may_clear_cache(&call.ctx)?;
    let target = target.map_err(|_| {
        ApiError::bad_request(
            "If provided 'x-image-cache-clear-target' must be 'cache', 'queue' or empty string.",
        )
    })?;
    app.service.clear_cache(&call.ctx, target).await?;
    Ok(empty(StatusCode::NO_CONTENT))
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

pub(crate) async fn clean_cache(State(app): State<App>, call: Call) -> Answer {
    app.service.clean_cache(&call.ctx).await?;
    Ok(empty(StatusCode::OK))
}

pub(crate) async fn prune_cache(State(app): State<App>, call: Call) -> Answer {
    Ok(json(
        StatusCode::OK,
        &app.service.prune_cache(&call.ctx).await?,
    ))
}
