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
use serde_json::json as value;
use tokio_stream::StreamExt;
use vidimus_service::UploadRequest;

use super::{Answer, empty};
use crate::{
    app::{App, Call},
    body::download_response,
    error::ApiError,
    extract::{image_id::image_id, json::content_length, range::RangeHeaders},
    openapi::operation::{NO_IMAGE, Operation},
};

const TAG: &str = "image data";

pub(crate) fn download_image_doc() -> Operation {
    let bytes = || value!({"type": "string", "format": "binary"});
    let size = || value!({"type": "integer", "minimum": 0});
    let checksum = "The MD5 digest of the whole image in hexadecimal, where it is known";
    let length = "How many bytes follow";
    Operation::new(
        TAG,
        "download_image",
        "Download the data of an image, or a part of it",
    )
    .query(
        "prefer",
        "Stores to read from, the best one first, separated by commas",
        value!({"type": "string"}),
    )
    .header(
        "Range",
        "One range of bytes, as in RFC 9110",
        value!({"type": "string", "examples": ["bytes=0-1023"]}),
    )
    .header(
        "Content-Range",
        "What old clients send in place of `Range`",
        value!({"type": "string", "examples": ["bytes 0-1023/*"]}),
    )
    .content(
        200,
        "All of the data",
        &[("application/octet-stream", bytes())],
    )
    .with_header("Content-Length", length, size())
    .with_header("Content-MD5", checksum, value!({"type": "string"}))
    .empty(204, "The image has no data yet")
    .content(
        206,
        "The part that was asked for",
        &[("application/octet-stream", bytes())],
    )
    .with_header("Content-Length", length, size())
    .with_header("Content-MD5", checksum, value!({"type": "string"}))
    .with_header(
        "Content-Range",
        "Which bytes these are, and of how many",
        value!({"type": "string"}),
    )
    .refuses(&[
        (
            400,
            "Several ranges, a body, or a store that cannot be preferred",
        ),
        (
            403,
            "The policy does not let the caller do this, or the image is deactivated",
        ),
        NO_IMAGE,
        (416, "No such range in this image"),
        (
            503,
            "The store that has the data cannot be used at the moment",
        ),
    ])
}

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
        Some(mut download) => {
            tracing::Span::current().record("cache", download.cache);
            if let Some(sending) = &mut download.sending {
                sending.to(app.http.client_address(&call));
            }
            Ok(download_response(download))
        }
        None => Ok(Response::builder()
            .status(StatusCode::NO_CONTENT)
            .body(Body::empty())
            .unwrap_or_default()),
    }
}

pub(crate) fn upload_image_doc() -> Operation {
    data_operation("upload_image", "Upload the data of an image")
        .header(
            "X-Image-Meta-Store",
            "The store to put the data into",
            value!({"type": "string"}),
        )
        .empty(204, "The data is stored and the image is active")
        .refuses(&[(
            410,
            "The image was deleted meanwhile; the data is thrown away",
        )])
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

pub(crate) fn stage_image_doc() -> Operation {
    data_operation(
        "stage_image",
        "Put data where the import method `glance-direct` finds it",
    )
    .empty(204, "The data waits for its import")
}

/// What upload and staging have in common.
fn data_operation(id: &'static str, summary: &'static str) -> Operation {
    let bytes = value!({"type": "string", "format": "binary"});
    Operation::new(TAG, id, summary)
        .header("X-OpenStack-Image-Size", "How many bytes there will be, where `Content-Length` is not sent", value!({"type": "integer", "minimum": 0}))
        .body_of(&[("application/octet-stream", bytes)])
        .refuses(&[
            (400, "A format of the image is not set, or the data is not what headers or formats announce"),
            (403, "The policy does not let the caller do this, or the image is not the caller's"),
            (404, "No such image, or none the caller may see, or this way is not open at this site"),
            (409, "The status of the image does not allow it"),
            (413, "More data than allowed, or than there is room for"),
            (415, "The body is not of type `application/octet-stream`, or the data is of a format that is refused"),
            (503, "The store cannot be used at the moment"),
        ])
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
        credentials: call.credentials(),
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
