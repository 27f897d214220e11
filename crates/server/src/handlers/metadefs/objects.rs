//! `/v2/metadefs/namespaces/{namespace}/objects` and the objects below it.

use axum::{body::Body, extract::State, http::StatusCode};
use serde_json::{Value, json};

use super::{Answer, empty, unicode_json};
use crate::{
    app::{App, Call},
    extract::{
        json::json_body,
        metadef_path::{MemberPath, NamespacePath},
    },
    views::metadefs::object_view,
};

pub(super) async fn list_objects(
    State(app): State<App>,
    NamespacePath(namespace): NamespacePath,
    call: Call,
) -> Answer {
    let objects = app
        .service
        .metadefs()
        .list_objects(&call.ctx, &namespace, &call.parameters()?)
        .await?;
    let objects: Vec<Value> = objects
        .iter()
        .map(|object| object_view(&namespace, object))
        .collect();
    // Compat: without a slash before it.
    let body = json!({ "objects": objects, "schema": "v2/schemas/metadefs/objects" });
    Ok(unicode_json(StatusCode::OK, &body))
}

pub(super) async fn create_object(
    State(app): State<App>,
    NamespacePath(namespace): NamespacePath,
    call: Call,
    body: Body,
) -> Answer {
    let body = json_body(&call.method, &call.headers, body).await?;
    let object = app
        .service
        .metadefs()
        .create_object(&call.ctx, &namespace, body)
        .await?;
    Ok(unicode_json(
        StatusCode::CREATED,
        &object_view(&namespace, &object),
    ))
}

pub(super) async fn delete_objects(
    State(app): State<App>,
    NamespacePath(namespace): NamespacePath,
    call: Call,
) -> Answer {
    // Compat, stricter: a body makes the peer answer 500.
    call.reject_body()?;
    app.service
        .metadefs()
        .delete_objects(&call.ctx, &namespace)
        .await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

pub(super) async fn show_object(
    State(app): State<App>,
    MemberPath { namespace, name }: MemberPath,
    call: Call,
) -> Answer {
    call.reject_body()?;
    let object = app
        .service
        .metadefs()
        .show_object(&call.ctx, &namespace, &name)
        .await?;
    Ok(unicode_json(
        StatusCode::OK,
        &object_view(&namespace, &object),
    ))
}

pub(super) async fn update_object(
    State(app): State<App>,
    MemberPath { namespace, name }: MemberPath,
    call: Call,
    body: Body,
) -> Answer {
    let body = json_body(&call.method, &call.headers, body).await?;
    let object = app
        .service
        .metadefs()
        .update_object(&call.ctx, &namespace, &name, body)
        .await?;
    Ok(unicode_json(
        StatusCode::OK,
        &object_view(&namespace, &object),
    ))
}

pub(super) async fn delete_object(
    State(app): State<App>,
    MemberPath { namespace, name }: MemberPath,
    call: Call,
) -> Answer {
    call.reject_body()?;
    app.service
        .metadefs()
        .delete_object(&call.ctx, &namespace, &name)
        .await?;
    Ok(empty(StatusCode::NO_CONTENT))
}
