//! `/v2/images` and `/v2/images/{id}`.

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde::Serialize;
use serde_json::{Value, json};
use vidimus_service::{Error, ImageRecord, ImageSortKey};
use vidimus_types::{
    ImageStatus, MemberStatus, PatchDialect, PatchError, Visibility, parse_patch, python_json,
    schema::validate_image_body,
};

use super::{Answer, done, with_body};
use crate::{
    app::{App, Call},
    error::ApiError,
    extract::{image_id::image_id, json::json_body, query::list_link},
    openapi::operation::{
        BAD, NO_IMAGE, OTHER_NODE_BROKEN, OTHER_NODE_GONE, Operation, UNEXPECTED, directions, named,
    },
    views::{image_json, images_json},
};

const TAG: &str = "images";

pub(crate) fn list_images_doc() -> Operation {
    let text = || json!({"type": "string"});
    let number = || json!({"type": "integer"});
    let words = |all: Vec<&str>| json!({"type": "string", "enum": all});
    let time = "A time, or `gt:`, `gte:`, `lt:`, `lte:`, `eq:` or `neq:` before one";
    let sort_keys: Vec<&str> = ImageSortKey::ALL.iter().map(|key| key.as_str()).collect();
    let statuses = ImageStatus::ALL.iter().map(|word| word.as_str());
    let visibilities = Visibility::ALL.iter().map(|word| word.as_str());
    let answers = MemberStatus::ALL.iter().map(|word| word.as_str());
    let mut operation = Operation::new(TAG, "list_images", "List the images the caller can see, page by page")
        .query("limit", "How many images the page may have; the site has a limit of its own", json!({"type": "integer", "minimum": 0}))
        .query("marker", "The id of the last image of the page before", json!({"type": "string", "format": "uuid"}))
        .query("sort", "Keys to sort by, the most important one first, each with `:asc` or `:desc` behind it if wanted", text())
        .query("sort_key", "A key to sort by; may be given several times", json!({"type": "array", "items": words(sort_keys)}))
        .query("sort_dir", "One direction for all sort keys, or one for each", json!({"type": "array", "items": directions()}))
        .query("visibility", "Only images of this visibility; `all` for those of every one", words(visibilities.chain(["all"]).collect()))
        .query("member_status", "Of the images shared with the caller's project, those it gave this answer to", words(answers.chain(["all"]).collect()))
        .query("owner", "Only images of this project", text())
        .query("status", "Only images of this status, or of one in a list after `in:`", json!({"type": "string", "examples": statuses.collect::<Vec<_>>()}))
        .query("tag", "Only images with this tag; may be given several times", json!({"type": "array", "items": text()}))
        .query("protected", "Only protected images, or only others", words(vec!["true", "false"]))
        .query("os_hidden", "Hidden images instead of the others", words(vec!["true", "false"]));
    for name in ["name", "id", "container_format", "disk_format"] {
        operation = operation.query(
            name,
            "Only images with this value, or one in a list after `in:`",
            text(),
        );
    }
    for name in ["checksum", "os_hash_algo", "os_hash_value"] {
        operation = operation.query(name, "Only images with this value", text());
    }
    for name in ["size_min", "size_max"] {
        operation = operation.query(
            name,
            "Only images with at least or at most so many bytes",
            number(),
        );
    }
    for name in ["min_ram", "min_disk"] {
        // Compat: what is no number is no mistake.
        operation = operation.query(name, "Only images with this number", text());
    }
    for name in ["created_at", "updated_at"] {
        operation = operation.query(name, time, text());
    }
    operation
        .other_queries("properties", "Only images whose custom properties have these values, each under its own name")
        .json(200, "A page of images", named("image_page"))
        .refuses(&[BAD, (403, "The policy does not let the caller list images, or the marker is an image it may not see")])
}

pub(crate) async fn list_images(State(app): State<App>, call: Call) -> Answer {
    let parameters = call.parameters()?;
    let page = app
        .service
        .list_images(&call.ctx, parameters.clone())
        .await?;
    let next = page
        .next_marker
        .map(|marker| list_link("/v2/images", &parameters, Some(marker.as_str())));
    let first = list_link("/v2/images", &parameters, None);
    // Written as text, not as a tree: an image that was shown before is there as text.
    let mut body = Vec::with_capacity(256 + page.images.len() * IMAGE_BYTES);
    body.extend_from_slice(b"{\"images\": ");
    images_json(&app.service, &call.ctx, &page.images, &mut body);
    let rest = PageLinks {
        first,
        schema: "/v2/schemas/images",
        next,
    };
    // The members of an object, behind its brace, are the rest of this one.
    let rest = python_json(&rest, false);
    body.extend_from_slice(b", ");
    body.extend_from_slice(rest.trim_start_matches('{').as_bytes());
    Ok(with_body(StatusCode::OK, "application/json", body))
}

/// An answer that shows an image.
fn image(app: &App, call: &Call, status: StatusCode, record: &ImageRecord) -> Response {
    let body = image_json(&app.service, &call.ctx, record);
    with_body(status, "application/json", body)
}

/// Room for an image with a few properties.
const IMAGE_BYTES: usize = 1024;

#[derive(Serialize)]
struct PageLinks {
    first: String,
    schema: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

pub(crate) fn create_image_doc() -> Operation {
    let text = || json!({"type": "string"});
    Operation::new(TAG, "create_image", "Register an image, without data")
        .json_body(named("image"))
        .json(201, "The image, in status `queued`", named("shown_image"))
        .with_header("Location", "Where the image is", json!({"type": "string", "format": "uri"}))
        .with_header("OpenStack-image-import-methods", "The ways to import data here, separated by commas", text())
        .with_header("OpenStack-image-store-ids", "The stores to choose from, separated by commas; absent where there is one", text())
        .refuses(&[
            BAD,
            (403, "The policy does not let the caller do this, or an attribute is not the caller's to set"),
            (409, "The id is in use, or was"),
        ])
}

pub(crate) async fn create_image(State(app): State<App>, call: Call, body: Body) -> Answer {
    let Value::Object(body) = json_body(&call.method, &call.headers, body).await? else {
        // Compat, stricter: an array makes the peer answer 500.
        return Err(ApiError::bad_request("Request body must be a JSON object."));
    };
    let record = app.service.create_image(&call.ctx, body).await?;
    let mut response = image(&app, &call, StatusCode::CREATED, &record);
    let headers = response.headers_mut();
    let location = format!(
        "{}/v2/images/{}",
        app.http.base_url(&call.headers),
        record.id
    );
    let methods = app.service.config().import_methods.join(",");
    let stores: Vec<String> = app
        .service
        .stores()
        .unwrap_or_default()
        .iter()
        .map(|store| store.id.to_string())
        .collect();
    for (name, value) in [
        ("location", location),
        ("openstack-image-import-methods", methods),
        ("openstack-image-store-ids", stores.join(",")),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value)
            && !value.is_empty()
        {
            headers.insert(name, value);
        }
    }
    Ok(response)
}

pub(crate) fn show_image_doc() -> Operation {
    Operation::new(TAG, "show_image", "Show an image")
        .json(200, "The image", named("shown_image"))
        .refuses(&[UNEXPECTED, NO_IMAGE])
}

pub(crate) async fn show_image(
    State(app): State<App>,
    Path(id): Path<String>,
    call: Call,
) -> Answer {
    call.reject_body()?;
    let record = app.service.show_image(&call.ctx, &image_id(&id)?).await?;
    Ok(image(&app, &call, StatusCode::OK, &record))
}

pub(crate) fn update_image_doc() -> Operation {
    let bodies = PatchDialect::ALL.map(|dialect| {
        (
            dialect.media_type(),
            named(match dialect {
                PatchDialect::V20 => "image_patch_v2_0",
                PatchDialect::V21 => "image_patch_v2_1",
            }),
        )
    });
    Operation::new(TAG, "update_image", "Change attributes, custom properties, tags or locations of an image")
        .note("The steps of the patch are taken in order, all of them or none.")
        .body_of(&bodies)
        .json(200, "The image as it is now", named("shown_image"))
        .refuses(&[
            BAD,
            (403, "The policy does not let the caller do this, or an attribute is not the caller's to change"),
            NO_IMAGE,
            (409, "The property is there already, is not there, or another request changed the image meanwhile"),
            (413, "The image would have more properties, tags or locations than allowed, or the body is too large"),
            (415, "The body is of no media type for patches"),
        ])
        .with_header("Accept-Patch", "The media types that are", json!({"type": "string"}))
}

pub(crate) async fn update_image(
    State(app): State<App>,
    Path(id): Path<String>,
    call: Call,
    body: Body,
) -> Answer {
    let Some(dialect) = PatchDialect::from_media_type(&call.media_type()) else {
        let detail = format!(
            "Image PATCH expects Content-Type one of: {}",
            PatchDialect::MEDIA_TYPES
        );
        let accepted = HeaderValue::from_static(PatchDialect::MEDIA_TYPES);
        return Err(ApiError::unsupported_media(detail)
            .with_header(header::HeaderName::from_static("accept-patch"), accepted));
    };
    let body = json_body(&call.method, &call.headers, body).await?;
    let schema = &app.service.config().schema;
    let changes = parse_patch(&body, dialect, |fragment| {
        validate_image_body(fragment, schema).map_err(|error| error.to_string())
    })
    .map_err(|error| match error {
        PatchError::Malformed(message) => Error::MalformedPatch(message),
        PatchError::ReadOnly(name) => Error::ReadOnly(name),
        PatchError::Reserved(name) => Error::Reserved(name),
    })?;
    let record = app
        .service
        .update_image(&call.ctx, &image_id(&id)?, changes)
        .await?;
    Ok(image(&app, &call, StatusCode::OK, &record))
}

pub(crate) fn delete_image_doc() -> Operation {
    Operation::new(TAG, "delete_image", "Delete an image and its data")
        .empty(204, "The image is gone")
        .refuses(&[
            UNEXPECTED,
            (
                403,
                "The policy or the store does not let the caller do this, or the image is protected",
            ),
            NO_IMAGE,
            (409, "The image is in use, or changed meanwhile"),
            OTHER_NODE_BROKEN,
            OTHER_NODE_GONE,
        ])
}

pub(crate) async fn delete_image(
    State(app): State<App>,
    Path(id): Path<String>,
    call: Call,
) -> Answer {
    call.reject_body()?;
    let id = image_id(&id).map_err(|_| Error::NothingToDelete(id))?;
    let deleted = app
        .service
        .delete_image_where_held(&call.ctx, &id, || call.credentials())
        .await?;
    done(deleted, StatusCode::NO_CONTENT)
}
