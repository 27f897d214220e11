//! `/v2/metadefs/resource_types`, and which of them a namespace is for.

use axum::{body::Body, extract::State, http::StatusCode};
use serde_json::{Value, json};

use super::{Answer, NO_MEMBER, NO_NAMESPACE, PROTECTED, TAG, empty, unicode_json};
use crate::{
    app::{App, Call},
    extract::metadef_path::{MemberPath, MetadefCall, NamespacePath},
    openapi::operation::{BAD, DENIED, Operation, UNEXPECTED, named},
    views::metadefs::{association_view, resource_type_view},
};

pub(super) fn list_resource_types_doc() -> Operation {
    Operation::new(
        TAG,
        "list_resource_types",
        "List the resource types that namespaces can be for",
    )
    .json(
        200,
        "The resource types",
        named("metadef_known_resource_types"),
    )
    .refuses(&[UNEXPECTED, DENIED])
}

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

pub(super) fn list_associations_doc() -> Operation {
    Operation::new(
        TAG,
        "list_associations",
        "List the resource types a namespace is for",
    )
    .json(200, "The associations", named("metadef_resource_types"))
    .refuses(&[UNEXPECTED, DENIED, NO_NAMESPACE])
}

pub(super) async fn list_associations(at: MetadefCall<NamespacePath>) -> Answer {
    at.call.reject_body()?;
    let associations = at
        .metadefs()
        .list_associations(&at.call.ctx, &at.path.namespace)
        .await?;
    let associations: Vec<Value> = associations.iter().map(association_view).collect();
    let body = json!({ "resource_type_associations": associations });
    Ok(unicode_json(StatusCode::OK, &body))
}

pub(super) fn create_association_doc() -> Operation {
    Operation::new(
        TAG,
        "create_association",
        "Say that a namespace is for a resource type",
    )
    .json_body(named("metadef_resource_type"))
    .json(201, "The association", named("metadef_resource_type"))
    .refuses(&[
        BAD,
        DENIED,
        NO_NAMESPACE,
        (409, "The namespace is for that resource type already"),
    ])
}

pub(super) async fn create_association(at: MetadefCall<NamespacePath>, body: Body) -> Answer {
    let body = at.json(body).await?;
    let association = at
        .metadefs()
        .create_association(&at.call.ctx, &at.path.namespace, body)
        .await?;
    Ok(unicode_json(
        StatusCode::CREATED,
        &association_view(&association),
    ))
}

pub(super) fn delete_association_doc() -> Operation {
    Operation::new(
        TAG,
        "delete_association",
        "Say that a namespace is no more for a resource type",
    )
    .empty(204, "The association is gone")
    .refuses(&[UNEXPECTED, PROTECTED, NO_MEMBER])
}

pub(super) async fn delete_association(at: MetadefCall<MemberPath>) -> Answer {
    at.call.reject_body()?;
    at.metadefs()
        .delete_association(&at.call.ctx, &at.path.namespace, &at.path.name)
        .await?;
    Ok(empty(StatusCode::NO_CONTENT))
}
