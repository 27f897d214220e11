//! `/v2/images/{id}/file` and `/v2/images/{id}/stage`.

use std::{io, time::Duration};

use axum::{
    body::{Body, BodyDataStream},
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use bytes::Bytes;
use futures_util::Stream;
use tokio_stream::StreamExt;
use vidimus_service::UploadRequest;

use super::{Answer, empty};
use crate::{
    app::{App, Call},
    body::download_response,
    error::ApiError,
    extract::{image_id::image_id, json::content_length, range::RangeHeaders},
};

pub(crate) async fn download_image(
    State(app): State<App>,
    Path(id): Path<String>,
    call: Call,
) -> Answer {
    call.reject_body()?;
    let parameters = call.parameters()?;
    let prefer = parameters
        .iter()
        .rev()
        .find(|(name, _)| name == "prefer")
        .map(|(_, value)| value.as_str());
    let prefer: Vec<String> = prefer
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|store| !store.is_empty())
        .map(str::to_owned)
        .collect();
    let range = RangeHeaders::of(&call.headers);
    match app
        .service
        .download(&call.ctx, &image_id(&id)?, &prefer, &range)
        .await?
    {
        Some(download) => {
            tracing::Span::current().record("cache", download.cache);
            Ok(download_response(download))
        }
        None => Ok(Response::builder()
            .status(StatusCode::NO_CONTENT)
            .body(Body::empty())
            .unwrap_or_default()),
    }
}

pub(crate) async fn upload_image(
    State(app): State<App>,
    Path(id): Path<String>,
    call: Call,
    body: Body,
) -> Answer {
    let mut data = body.into_data_stream();
    match read_head(&id, &call) {
        Ok((id, request)) => {
            let chunks = chunks(&app, data);
            app.service.upload(&call.ctx, &id, request, chunks).await?;
            Ok(empty(StatusCode::NO_CONTENT))
        }
        Err(error) => {
            drain(&mut data).await;
            Err(error)
        }
    }
}

pub(crate) async fn stage_image(
    State(app): State<App>,
    Path(id): Path<String>,
    call: Call,
    body: Body,
) -> Answer {
    let mut data = body.into_data_stream();
    let allowed = app.service.require_staging().map_err(ApiError::from);
    match allowed.and_then(|()| read_head(&id, &call)) {
        Ok((id, request)) => {
            let chunks = chunks(&app, data);
            app.service
                .stage(&call.ctx, &id, request.announced_size, chunks)
                .await?;
            Ok(empty(StatusCode::NO_CONTENT))
        }
        Err(error) => {
            drain(&mut data).await;
            Err(error)
        }
    }
}

/// The body as the service takes it, which reads it to its end or says why not.
fn chunks(
    app: &App,
    data: BodyDataStream,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    data.map(|chunk| chunk.map_err(io::Error::other))
        .timeout(app.http.stall_timeout)
        .map(|chunk| chunk.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())))
}

fn read_head(id: &str, call: &Call) -> Result<(vidimus_types::ImageId, UploadRequest), ApiError> {
    let media_type = call.media_type();
    if media_type != "application/octet-stream" {
        return Err(ApiError::unsupported_media(format!(
            "Invalid content type {media_type}"
        )));
    }
    let announced_size = match call.header("x-openstack-image-size") {
        Some(text) => Some(text.trim().parse().map_err(|_| {
            ApiError::bad_request("Invalid or missing image size in request headers.")
        })?),
        None => content_length(&call.headers),
    };
    let request = UploadRequest {
        announced_size,
        store: call.header("x-image-meta-store").map(str::to_owned),
    };
    Ok((image_id(id)?, request))
}

/// How much of a refused body is read before the connection is given up, and for how long.
const DRAIN_BYTES: usize = 32 * 1024 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// Reads on for a while, so that a client that is still sending gets to see the answer instead of a reset connection.
async fn drain(data: &mut BodyDataStream) {
    let read = async {
        let mut left = DRAIN_BYTES;
        while let Some(Ok(chunk)) = data.next().await {
            left = left.saturating_sub(chunk.len());
            if left == 0 {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(DRAIN_TIME, read).await;
}
