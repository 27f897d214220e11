//! `/v2/metadefs/namespaces/{namespace}/properties` and the properties below it.

use axum::{body::Body, extract::State, http::StatusCode};
use serde_json::json;

use super::{Answer, empty, unicode_json};
use crate::{
    app::{App, Call},
    extract::{
        json::json_body,
        metadef_path::{MemberPath, NamespacePath},
    },
    views::metadefs::{properties_view, property_view},
};

pub(super) async fn list_properties(
    State(app): State<App>,
    NamespacePath(namespace): NamespacePath,
    call: Call,
) -> Answer {
    call.reject_body()?;
    let properties = app
        .service
        .metadefs()
        .list_properties(&call.ctx, &namespace)
        .await?;
    let body = json!({ "properties": properties_view(&properties) });
    Ok(unicode_json(StatusCode::OK, &body))
}

pub(super) async fn create_property(
    State(app): State<App>,
    NamespacePath(namespace): NamespacePath,
    call: Call,
    body: Body,
) -> Answer {
    let body = json_body(&call.method, &call.headers, body).await?;
    let property = app
        .service
        .metadefs()
        .create_property(&call.ctx, &namespace, body)
        .await?;
    Ok(unicode_json(StatusCode::CREATED, &property_view(&property)))
}

pub(super) async fn delete_properties(
    State(app): State<App>,
    NamespacePath(namespace): NamespacePath,
    call: Call,
) -> Answer {
    // Compat, stricter: a body makes the peer answer 500.
    call.reject_body()?;
    app.service
        .metadefs()
        .delete_properties(&call.ctx, &namespace)
        .await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

pub(super) async fn show_property(
    State(app): State<App>,
    MemberPath { namespace, name }: MemberPath,
    call: Call,
) -> Answer {
    let property = app
        .service
        .metadefs()
        .show_property(&call.ctx, &namespace, &name, &call.parameters()?)
        .await?;
    Ok(unicode_json(StatusCode::OK, &property_view(&property)))
}

pub(super) async fn update_property(
    State(app): State<App>,
    MemberPath { namespace, name }: MemberPath,
    call: Call,
    body: Body,
) -> Answer {
    let body = json_body(&call.method, &call.headers, body).await?;
    let property = app
        .service
        .metadefs()
        .update_property(&call.ctx, &namespace, &name, body)
        .await?;
    Ok(unicode_json(StatusCode::OK, &property_view(&property)))
}

pub(super) async fn delete_property(
    State(app): State<App>,
    MemberPath { namespace, name }: MemberPath,
    call: Call,
) -> Answer {
    // Compat, stricter: a body makes the peer answer 500.
    call.reject_body()?;
    app.service
        .metadefs()
        .delete_property(&call.ctx, &namespace, &name)
        .await?;
    Ok(empty(StatusCode::NO_CONTENT))
}
