//! `/v2/info/…`: what this site can do.

use axum::{extract::State, http::StatusCode};
use serde_json::{Map, Value, json as value};
use vidimus_service::StoreInfo;

use super::{Answer, json};
use crate::{
    app::{App, Call},
    openapi::operation::{DENIED, Operation, Refusal, UNEXPECTED, named},
};

const TAG: &str = "info";
const ONE_STORE: Refusal = (404, "This site has one store only");

pub(crate) fn import_methods_doc() -> Operation {
    Operation::new(
        TAG,
        "import_methods",
        "List the ways to import data into this site",
    )
    .json(200, "Their names", named("import_methods"))
    .refuses(&[UNEXPECTED])
}

pub(crate) async fn import_methods(State(app): State<App>, call: Call) -> Answer {
    call.reject_body()?;
    let methods = &app.service.config().import_methods;
    let body = value!({
        "import-methods": { "description": "Import methods available.", "type": "array", "value": methods }
    });
    Ok(json(StatusCode::OK, &body))
}

pub(crate) fn stores_doc() -> Operation {
    Operation::new(TAG, "stores", "List the stores to choose from")
        .json(200, "The stores", named("stores"))
        .refuses(&[UNEXPECTED, ONE_STORE])
}

pub(crate) async fn stores(State(app): State<App>, call: Call) -> Answer {
    call.reject_body()?;
    let views: Vec<Value> = app
        .service
        .stores()?
        .iter()
        .map(|store| store_view(store).into())
        .collect();
    Ok(json(StatusCode::OK, &value!({ "stores": views })))
}

pub(crate) fn stores_in_detail_doc() -> Operation {
    Operation::new(
        TAG,
        "stores_in_detail",
        "List the stores and how they are set up",
    )
    .json(200, "The stores", named("stores_in_detail"))
    .refuses(&[UNEXPECTED, DENIED, ONE_STORE])
}

pub(crate) async fn stores_in_detail(State(app): State<App>, call: Call) -> Answer {
    call.reject_body()?;
    let stores = app.service.stores_in_detail(&call.ctx)?;
    let views = stores.iter().map(|store| {
        let mut view = store_view(store);
        view.insert("type".to_owned(), store.kind.into());
        view.insert("weight".to_owned(), store.weight.into());
        view.insert(
            "properties".to_owned(),
            Value::Object(store.properties.clone()),
        );
        Value::Object(view)
    });
    Ok(json(
        StatusCode::OK,
        &value!({ "stores": views.collect::<Vec<_>>() }),
    ))
}

pub(crate) fn usage_doc() -> Operation {
    Operation::new(
        TAG,
        "usage",
        "Show how much of its limits the caller's project uses",
    )
    .json(200, "Usage and limit by name", named("usage"))
}

/// Compat: nothing is counted unless Keystone's limits are used.
pub(crate) async fn usage(_call: Call) -> Answer {
    Ok(json(StatusCode::OK, &value!({ "usage": {} })))
}

/// Compat: what is true is the text "true", what is false is left out.
fn store_view(store: &StoreInfo) -> Map<String, Value> {
    let mut view = Map::from_iter([("id".to_owned(), Value::from(store.id.as_str()))]);
    if let Some(description) = &store.description {
        view.insert("description".to_owned(), description.as_str().into());
    }
    if store.is_default {
        view.insert("default".to_owned(), "true".into());
    }
    if store.is_read_only {
        view.insert("read-only".to_owned(), "true".into());
    }
    view
}
