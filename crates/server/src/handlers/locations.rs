//! `/v2/images/{id}/locations`: data that lies elsewhere. Locations in the body of a PATCH are with the image.

use axum::{
    body::Body,
    extract::{Path, State},
    http::StatusCode,
};
use serde_json::{Value, json as value};
use vidimus_service::LocationRequest;

use super::{Answer, empty, json};
use crate::{
    app::{App, Call},
    extract::{image_id::image_id, json::json_body},
    openapi::operation::{BAD, DENIED, NO_IMAGE, Operation, UNEXPECTED, named},
};

const TAG: &str = "image data";

pub(crate) fn list_locations_doc() -> Operation {
    Operation::new(
        TAG,
        "list_locations",
        "List where the data of an image lies",
    )
    .note("For services that fetch the data themselves.")
    .json(200, "The locations", named("locations"))
    .refuses(&[UNEXPECTED, DENIED, NO_IMAGE])
}

pub(crate) async fn list_locations(
    State(app): State<App>,
    Path(id): Path<String>,
    call: Call,
) -> Answer {
    call.reject_body()?;
    let id = image_id(&id)?;
    let locations = app.service.list_locations(&call.ctx, &id).await?;
    let shown = locations
        .into_iter()
        .map(|location| value!({ "url": location.url, "metadata": location.metadata }));
    Ok(json(StatusCode::OK, &shown.collect::<Value>()))
}

pub(crate) fn add_location_doc() -> Operation {
    Operation::new(TAG, "add_location", "Take the data of an image where it lies")
        .note(
            "The image becomes active without data being stored. With `validation_data` it does so when the data was found to be \
             what it should be. How that goes is found in the task, `GET /v2/images/{id}/tasks`.",
        )
        .json_body(named("location_request"))
        .empty(202, "The location is being looked at")
        .refuses(&[
            BAD,
            (
                403,
                "The policy does not let the caller do this, or only services may name such a location",
            ),
            NO_IMAGE,
            (409, "The image is not queued, or something else is about to fill it"),
        ])
}

pub(crate) async fn add_location(
    State(app): State<App>,
    Path(id): Path<String>,
    call: Call,
    body: Body,
) -> Answer {
    let body = json_body(&call.method, &call.headers, body).await?;
    let request = LocationRequest::read(&body)?;
    let id = image_id(&id)?;
    app.service.add_location(&call.ctx, &id, request).await?;
    Ok(empty(StatusCode::ACCEPTED))
}
