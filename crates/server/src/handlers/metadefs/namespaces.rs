//! `/v2/metadefs/namespaces` and `/v2/metadefs/namespaces/{namespace}`.

use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, StatusCode, header},
};
use serde_json::{Value, json};

use super::{Answer, empty, unicode_json};
use crate::{
    app::{App, Call},
    extract::{
        json::json_body,
        metadef_path::NamespacePath,
        query::{list_link, quote_segment},
    },
    views::metadefs::{listed_namespace_view, namespace_view, whole_namespace_view},
};

const PATH: &str = "/v2/metadefs/namespaces";

pub(super) async fn list_namespaces(State(app): State<App>, call: Call) -> Answer {
    let parameters = call.parameters()?;
    let page = app
        .service
        .metadefs()
        .list_namespaces(&call.ctx, &parameters)
        .await?;
    let namespaces: Vec<Value> = page
        .namespaces
        .iter()
        .map(|(record, associations)| listed_namespace_view(record, associations))
        .collect();
    let mut body = json!({ "namespaces": namespaces });
    if let Some(marker) = &page.next_marker {
        body["next"] = list_link(PATH, &parameters, Some(marker)).into();
    }
    body["schema"] = "/v2/schemas/metadefs/namespaces".into();
    body["first"] = list_link(PATH, &parameters, None).into();
    Ok(unicode_json(StatusCode::OK, &body))
}

pub(super) async fn create_namespace(State(app): State<App>, call: Call, body: Body) -> Answer {
    let body = json_body(&call.method, &call.headers, body).await?;
    let created = app
        .service
        .metadefs()
        .create_namespace(&call.ctx, body)
        .await?;
    let view = namespace_view(&created.record, created.given);
    let mut response = unicode_json(StatusCode::CREATED, &view);
    // Compat, stricter: Glance puts the name into the header as it is, blanks and all.
    let location = format!(
        "{}{PATH}/{}",
        app.http.base_url(&call.headers),
        quote_segment(&created.record.namespace)
    );
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

pub(super) async fn show_namespace(
    State(app): State<App>,
    NamespacePath(namespace): NamespacePath,
    call: Call,
) -> Answer {
    call.reject_body()?;
    let shown = app
        .service
        .metadefs()
        .show_namespace(&call.ctx, &namespace, &call.parameters()?)
        .await?;
    Ok(unicode_json(StatusCode::OK, &whole_namespace_view(&shown)))
}

pub(super) async fn update_namespace(
    State(app): State<App>,
    NamespacePath(namespace): NamespacePath,
    call: Call,
    body: Body,
) -> Answer {
    let body = json_body(&call.method, &call.headers, body).await?;
    let record = app
        .service
        .metadefs()
        .update_namespace(&call.ctx, &namespace, body)
        .await?;
    let view = namespace_view(&record, serde_json::Map::new());
    Ok(unicode_json(StatusCode::OK, &view))
}

pub(super) async fn delete_namespace(
    State(app): State<App>,
    NamespacePath(namespace): NamespacePath,
    call: Call,
) -> Answer {
    call.reject_body()?;
    app.service
        .metadefs()
        .delete_namespace(&call.ctx, &namespace)
        .await?;
    Ok(empty(StatusCode::NO_CONTENT))
}
