//! `/v2/metadefs/namespaces/{namespace}/objects` and the objects below it.

use axum::{body::Body, http::StatusCode};
use serde_json::{Value, json};

use super::{Answer, NO_MEMBER, NO_NAMESPACE, PROTECTED, TAG, empty, unicode_json};
use crate::{
    extract::metadef_path::{MemberPath, MetadefCall, NamespacePath},
    openapi::operation::{BAD, DENIED, Operation, UNEXPECTED, directions, named},
    views::metadefs::object_view,
};

pub(super) fn list_objects_doc() -> Operation {
    Operation::new(TAG, "list_objects", "List the objects of a namespace")
        .query(
            "limit",
            "Read and not obeyed",
            json!({"type": "integer", "minimum": 1}),
        )
        .query("sort_dir", "Read and not obeyed", directions())
        .query(
            "visibility",
            "Read and not obeyed",
            json!({"type": "string", "enum": ["public", "private", "shared"]}),
        )
        .json(200, "The objects", named("metadef_objects"))
        .refuses(&[BAD, DENIED, NO_NAMESPACE])
}

pub(super) async fn list_objects(at: MetadefCall<NamespacePath>) -> Answer {
    let objects = at
        .metadefs()
        .list_objects(&at.call.ctx, &at.path.namespace, &at.call.parameters()?)
        .await?;
    let objects: Vec<Value> = objects
        .iter()
        .map(|object| object_view(&at.path.namespace, object))
        .collect();
    // Compat: without a slash before it.
    let body = json!({ "objects": objects, "schema": "v2/schemas/metadefs/objects" });
    Ok(unicode_json(StatusCode::OK, &body))
}

pub(super) fn create_object_doc() -> Operation {
    Operation::new(TAG, "create_object", "Add an object to a namespace")
        .json_body(named("metadef_object"))
        .json(201, "The object", named("metadef_object"))
        .refuses(&[
            BAD,
            DENIED,
            NO_NAMESPACE,
            (409, "The namespace has an object of this name"),
        ])
}

pub(super) async fn create_object(at: MetadefCall<NamespacePath>, body: Body) -> Answer {
    let body = at.json(body).await?;
    let object = at
        .metadefs()
        .create_object(&at.call.ctx, &at.path.namespace, body)
        .await?;
    Ok(unicode_json(
        StatusCode::CREATED,
        &object_view(&at.path.namespace, &object),
    ))
}

pub(super) fn delete_objects_doc() -> Operation {
    Operation::new(TAG, "delete_objects", "Delete all objects of a namespace")
        .empty(204, "The objects are gone")
        .refuses(&[UNEXPECTED, PROTECTED, NO_NAMESPACE])
}

pub(super) async fn delete_objects(at: MetadefCall<NamespacePath>) -> Answer {
    // Compat, stricter: a body makes the peer answer 500.
    at.call.reject_body()?;
    at.metadefs()
        .delete_objects(&at.call.ctx, &at.path.namespace)
        .await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

pub(super) fn show_object_doc() -> Operation {
    Operation::new(TAG, "show_object", "Show an object of a namespace")
        .json(200, "The object", named("metadef_object"))
        .refuses(&[UNEXPECTED, DENIED, NO_MEMBER])
}

pub(super) async fn show_object(at: MetadefCall<MemberPath>) -> Answer {
    at.call.reject_body()?;
    let object = at
        .metadefs()
        .show_object(&at.call.ctx, &at.path.namespace, &at.path.name)
        .await?;
    Ok(unicode_json(
        StatusCode::OK,
        &object_view(&at.path.namespace, &object),
    ))
}

pub(super) fn update_object_doc() -> Operation {
    Operation::new(
        TAG,
        "update_object",
        "Put another object in the place of one",
    )
    .json_body(named("metadef_object"))
    .json(200, "The object as it is now", named("metadef_object"))
    .refuses(&[
        BAD,
        DENIED,
        NO_MEMBER,
        (409, "The namespace has another object of the new name"),
    ])
}

pub(super) async fn update_object(at: MetadefCall<MemberPath>, body: Body) -> Answer {
    let body = at.json(body).await?;
    let object = at
        .metadefs()
        .update_object(&at.call.ctx, &at.path.namespace, &at.path.name, body)
        .await?;
    Ok(unicode_json(
        StatusCode::OK,
        &object_view(&at.path.namespace, &object),
    ))
}

pub(super) fn delete_object_doc() -> Operation {
    Operation::new(TAG, "delete_object", "Delete an object of a namespace")
        .empty(204, "The object is gone")
        .refuses(&[UNEXPECTED, PROTECTED, NO_MEMBER])
}

pub(super) async fn delete_object(at: MetadefCall<MemberPath>) -> Answer {
    at.call.reject_body()?;
    at.metadefs()
        .delete_object(&at.call.ctx, &at.path.namespace, &at.path.name)
        .await?;
    Ok(empty(StatusCode::NO_CONTENT))
}
