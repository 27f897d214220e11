//! `/v2/images` and `/v2/images/{id}`.

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
};
use serde_json::{Value, json};
use vidimus_service::Error;
use vidimus_types::{PatchDialect, PatchError, parse_patch, schema::validate_image_body};

use super::{Answer, done, unicode_json};
use crate::{
    app::{App, Call},
    error::ApiError,
    extract::{image_id::image_id, json::json_body, query::list_link},
    views::image_view,
};

pub(crate) async fn list_images(State(app): State<App>, call: Call) -> Answer {
    let parameters = call.parameters()?;
    let page = app
        .service
        .list_images(&call.ctx, parameters.clone())
        .await?;
    let images: Vec<Value> = page
        .images
        .iter()
        .map(|record| image_view(&app.service, &call.ctx, record))
        .collect();
    let mut body = json!({
        "images": images,
        "first": list_link("/v2/images", &parameters, None),
        "schema": "/v2/schemas/images",
    });
    if let Some(marker) = page.next_marker {
        body["next"] = list_link("/v2/images", &parameters, Some(marker.as_str())).into();
    }
    Ok(unicode_json(StatusCode::OK, &body))
}

pub(crate) async fn create_image(State(app): State<App>, call: Call, body: Body) -> Answer {
    let Value::Object(body) = json_body(&call.method, &call.headers, body).await? else {
        // Compat, stricter: an array makes the peer answer 500.
        return Err(ApiError::bad_request("Request body must be a JSON object."));
    };
    let record = app.service.create_image(&call.ctx, body).await?;
    let mut response = unicode_json(
        StatusCode::CREATED,
        &image_view(&app.service, &call.ctx, &record),
    );
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

pub(crate) async fn show_image(
    State(app): State<App>,
    Path(id): Path<String>,
    call: Call,
) -> Answer {
    call.reject_body()?;
    let record = app.service.show_image(&call.ctx, &image_id(&id)?).await?;
    Ok(unicode_json(
        StatusCode::OK,
        &image_view(&app.service, &call.ctx, &record),
    ))
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
    Ok(unicode_json(
        StatusCode::OK,
        &image_view(&app.service, &call.ctx, &record),
    ))
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
        .delete_image_where_staged(&call.ctx, &id, || call.credentials())
        .await?;
    done(deleted, StatusCode::NO_CONTENT)
}
