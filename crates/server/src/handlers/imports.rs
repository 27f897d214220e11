//! `/v2/images/{id}/import` and `/v2/stores/{store}/{image}`: data that comes and goes behind an image.

use axum::{
    body::Body,
    extract::{Path, State},
    http::StatusCode,
};
use serde_json::json as value;
use vidimus_service::{Error, ImportRequest};

use super::{Answer, done, empty};
use crate::{
    app::{App, Call},
    extract::{image_id::image_id, json::json_body},
    openapi::operation::{
        BAD, DENIED, NO_IMAGE, OTHER_NODE_BROKEN, OTHER_NODE_GONE, Operation, UNEXPECTED, named,
    },
};

pub(crate) fn import_image_doc() -> Operation {
    Operation::new("image data", "import_image", "Begin to import data by one of the methods of this site")
        .note("How the import goes is found in its task, `GET /v2/images/{id}/tasks`, and in the status of the image.")
        .header("X-Image-Meta-Store", "The store to put the data into, where the body names none", value!({"type": "string"}))
        .json_body(named("import_request"))
        .empty(202, "The import has begun")
        .refuses(&[
            BAD,
            DENIED,
            NO_IMAGE,
            (409, "The status of the image does not allow it, or another import is running"),
            OTHER_NODE_BROKEN,
            OTHER_NODE_GONE,
            (503, "The staged data is on another node, and nobody knows which"),
        ])
}

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

pub(crate) fn delete_copy_doc() -> Operation {
    Operation::new(
        "stores",
        "delete_copy",
        "Delete the data of an image from one of its stores",
    )
    .empty(204, "The store has it no more")
    .refuses(&[
        UNEXPECTED,
        (
            403,
            "The policy or the store does not let the caller do this, or no other store has the data",
        ),
        (
            404,
            "No such image, or it is not in that store, or there is one store only",
        ),
        (409, "The data is in use, or the image changed meanwhile"),
        (503, "The store cannot be used at the moment"),
    ])
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
