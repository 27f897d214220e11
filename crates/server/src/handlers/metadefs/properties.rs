//! `/v2/metadefs/namespaces/{namespace}/properties` and the properties below it.

use axum::{body::Body, http::StatusCode};
use serde_json::json;

use super::{Answer, NO_MEMBER, NO_NAMESPACE, PROTECTED, TAG, empty, unicode_json};
use crate::{
    extract::metadef_path::{MemberPath, MetadefCall, NamespacePath},
    openapi::operation::{BAD, DENIED, Operation, UNEXPECTED, named},
    views::metadefs::{properties_view, property_view},
};

pub(super) fn list_properties_doc() -> Operation {
    Operation::new(TAG, "list_properties", "List the properties of a namespace")
        .json(200, "The properties", named("metadef_properties"))
        .refuses(&[BAD, DENIED, NO_NAMESPACE])
}

pub(super) async fn list_properties(at: MetadefCall<NamespacePath>) -> Answer {
    at.call.reject_body()?;
    let properties = at
        .metadefs()
        .list_properties(&at.call.ctx, &at.path.namespace)
        .await?;
    let body = json!({ "properties": properties_view(&properties) });
    Ok(unicode_json(StatusCode::OK, &body))
}

pub(super) fn create_property_doc() -> Operation {
    Operation::new(TAG, "create_property", "Add a property to a namespace")
        .json_body(named("metadef_property"))
        .json(201, "The property", named("metadef_property"))
        .refuses(&[
            BAD,
            DENIED,
            NO_NAMESPACE,
            (409, "The namespace has a property of this name"),
        ])
}

pub(super) async fn create_property(at: MetadefCall<NamespacePath>, body: Body) -> Answer {
    let body = at.json(body).await?;
    let property = at
        .metadefs()
        .create_property(&at.call.ctx, &at.path.namespace, body)
        .await?;
    Ok(unicode_json(StatusCode::CREATED, &property_view(&property)))
}

pub(super) fn delete_properties_doc() -> Operation {
    Operation::new(
        TAG,
        "delete_properties",
        "Delete all properties of a namespace",
    )
    .empty(204, "The properties are gone")
    .refuses(&[UNEXPECTED, PROTECTED, NO_NAMESPACE])
}

pub(super) async fn delete_properties(at: MetadefCall<NamespacePath>) -> Answer {
    // Compat, stricter: a body makes the peer answer 500.
    at.call.reject_body()?;
    at.metadefs()
        .delete_properties(&at.call.ctx, &at.path.namespace)
        .await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

pub(super) fn show_property_doc() -> Operation {
    Operation::new(TAG, "show_property", "Show a property of a namespace")
        .query(
            "resource_type",
            "The resource type whose prefix comes before the name of the property",
            json!({"type": "string"}),
        )
        .json(200, "The property", named("metadef_property"))
        .refuses(&[UNEXPECTED, DENIED, NO_MEMBER])
}

pub(super) async fn show_property(at: MetadefCall<MemberPath>) -> Answer {
    let property = at
        .metadefs()
        .show_property(
            &at.call.ctx,
            &at.path.namespace,
            &at.path.name,
            &at.call.parameters()?,
        )
        .await?;
    Ok(unicode_json(StatusCode::OK, &property_view(&property)))
}

pub(super) fn update_property_doc() -> Operation {
    Operation::new(
        TAG,
        "update_property",
        "Put another property in the place of one",
    )
    .json_body(named("metadef_property"))
    .json(200, "The property as it is now", named("metadef_property"))
    .refuses(&[
        BAD,
        DENIED,
        NO_MEMBER,
        (409, "The namespace has another property of the new name"),
    ])
}

pub(super) async fn update_property(at: MetadefCall<MemberPath>, body: Body) -> Answer {
    let body = at.json(body).await?;
    let property = at
        .metadefs()
        .update_property(&at.call.ctx, &at.path.namespace, &at.path.name, body)
        .await?;
    Ok(unicode_json(StatusCode::OK, &property_view(&property)))
}

pub(super) fn delete_property_doc() -> Operation {
    Operation::new(TAG, "delete_property", "Delete a property of a namespace")
        .empty(204, "The property is gone")
        .refuses(&[UNEXPECTED, PROTECTED, NO_MEMBER])
}

pub(super) async fn delete_property(at: MetadefCall<MemberPath>) -> Answer {
    // Compat, stricter: a body makes the peer answer 500.
    at.call.reject_body()?;
    at.metadefs()
        .delete_property(&at.call.ctx, &at.path.namespace, &at.path.name)
        .await?;
    Ok(empty(StatusCode::NO_CONTENT))
}
