//! `/v2/metadefs/resource_types`, and which of them a namespace is for.

use axum::{body::Body, extract::State, http::StatusCode};
use serde_json::{Value, json};

use super::{Answer, empty, unicode_json};
use crate::{
    app::{App, Call},
    extract::{
        json::json_body,
        metadef_path::{MemberPath, NamespacePath},
    },
    views::metadefs::{association_view, resource_type_view},
};

pub(super) async fn list_resource_types(State(app): State<App>, call: Call) -> Answer {
    call.reject_body()?;
    let types = app
        .service
        .metadefs()
        .list_resource_types(&call.ctx)
        .await?;
    let types: Vec<Value> = types.iter().map(resource_type_view).collect();
    Ok(unicode_json(
        StatusCode::OK,
        &json!({ "resource_types": types }),
    ))
}

pub(super) async fn list_associations(
    State(app): State<App>,
    NamespacePath(namespace): NamespacePath,
    call: Call,
) -> Answer {
    call.reject_body()?;
    let associations = app
        .service
        .metadefs()
        .list_associations(&call.ctx, &namespace)
        .await?;
    let associations: Vec<Value> = associations.iter().map(association_view).collect();
    let body = json!({ "resource_type_associations": associations });
    Ok(unicode_json(StatusCode::OK, &body))
}

pub(super) async fn create_association(
    State(app): State<App>,
    NamespacePath(namespace): NamespacePath,
    call: Call,
    body: Body,
) -> Answer {
    let body = json_body(&call.method, &call.headers, body).await?;
    let association = app
        .service
        .metadefs()
        .create_association(&call.ctx, &namespace, body)
        .await?;
    Ok(unicode_json(
        StatusCode::CREATED,
        &association_view(&association),
    ))
}

pub(super) async fn delete_association(
    State(app): State<App>,
    MemberPath { namespace, name }: MemberPath,
    call: Call,
) -> Answer {
    call.reject_body()?;
    app.service
        .metadefs()
        .delete_association(&call.ctx, &namespace, &name)
        .await?;
    Ok(empty(StatusCode::NO_CONTENT))
}
