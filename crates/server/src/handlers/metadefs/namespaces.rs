//! `/v2/metadefs/namespaces` and `/v2/metadefs/namespaces/{namespace}`.

use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, StatusCode, header},
};
use serde_json::{Value, json};

use super::{Answer, NO_NAMESPACE, PROTECTED, TAG, empty, unicode_json};
use crate::{
    app::{App, Call},
    extract::{
        json::json_body,
        metadef_path::{MetadefCall, NamespacePath},
        query::{list_link, quote_segment},
    },
    openapi::operation::{BAD, DENIED, Operation, UNEXPECTED, named},
    views::metadefs::{listed_namespace_view, namespace_view, whole_namespace_view},
};

const PATH: &str = "/v2/metadefs/namespaces";

pub(super) fn list_namespaces_doc() -> Operation {
    let keys = [
        "namespace",
        "display_name",
        "description",
        "visibility",
        "protected",
        "owner",
        "created_at",
        "updated_at",
        "id",
    ];
    Operation::new(
        TAG,
        "list_namespaces",
        "List the namespaces of metadata definitions the caller can see, page by page",
    )
    .page("The name of the last namespace of the page before", &keys)
    .query(
        "visibility",
        "Only namespaces of this visibility",
        json!({"type": "string", "enum": ["public", "private"]}),
    )
    .query(
        "resource_types",
        "Only namespaces for one of these resource types, separated by commas",
        json!({"type": "string"}),
    )
    .json(200, "A page of namespaces", named("metadef_namespaces"))
    .refuses(&[
        BAD,
        DENIED,
        (404, "The marker is no namespace the caller can see"),
    ])
}

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

pub(super) fn create_namespace_doc() -> Operation {
    Operation::new(
        TAG,
        "create_namespace",
        "Create a namespace, with all that is to be in it",
    )
    .json_body(named("metadef_namespace"))
    .json(201, "The namespace", named("metadef_namespace"))
    .with_header(
        "Location",
        "Where the namespace is",
        json!({"type": "string", "format": "uri"}),
    )
    .refuses(&[
        BAD,
        DENIED,
        (404, "A resource type it is to be for is not known"),
        (409, "There is a namespace of this name"),
    ])
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

pub(super) fn show_namespace_doc() -> Operation {
    Operation::new(
        TAG,
        "show_namespace",
        "Show a namespace and all that is in it",
    )
    .query(
        "resource_type",
        "The resource type whose prefix comes before the names of the properties",
        json!({"type": "string"}),
    )
    .json(200, "The namespace", named("metadef_namespace"))
    .refuses(&[UNEXPECTED, DENIED, NO_NAMESPACE])
}

pub(super) async fn show_namespace(at: MetadefCall<NamespacePath>) -> Answer {
    at.call.reject_body()?;
    let shown = at
        .metadefs()
        .show_namespace(&at.call.ctx, &at.path.namespace, &at.call.parameters()?)
        .await?;
    Ok(unicode_json(StatusCode::OK, &whole_namespace_view(&shown)))
}

pub(super) fn update_namespace_doc() -> Operation {
    Operation::new(
        TAG,
        "update_namespace",
        "Change a namespace, but not what is in it",
    )
    .json_body(named("metadef_namespace"))
    .json(
        200,
        "The namespace as it is now",
        named("metadef_namespace"),
    )
    .refuses(&[
        BAD,
        DENIED,
        NO_NAMESPACE,
        (409, "There is another namespace of the new name"),
    ])
}

pub(super) async fn update_namespace(at: MetadefCall<NamespacePath>, body: Body) -> Answer {
    let body = at.json(body).await?;
    let record = at
        .metadefs()
        .update_namespace(&at.call.ctx, &at.path.namespace, body)
        .await?;
    let view = namespace_view(&record, serde_json::Map::new());
    Ok(unicode_json(StatusCode::OK, &view))
}

pub(super) fn delete_namespace_doc() -> Operation {
    Operation::new(
        TAG,
        "delete_namespace",
        "Delete a namespace and all that is in it",
    )
    .empty(204, "The namespace is gone")
    .refuses(&[UNEXPECTED, PROTECTED, NO_NAMESPACE])
}

pub(super) async fn delete_namespace(at: MetadefCall<NamespacePath>) -> Answer {
    at.call.reject_body()?;
    at.metadefs()
        .delete_namespace(&at.call.ctx, &at.path.namespace)
        .await?;
    Ok(empty(StatusCode::NO_CONTENT))
}
