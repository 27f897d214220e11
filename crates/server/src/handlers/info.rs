//! `/v2/info/…`: what this site can do.

use axum::{extract::State, http::StatusCode};
use serde_json::{Map, Value, json as value};
use vidimus_service::StoreInfo;

use super::{Answer, json};
use crate::app::{App, Call};

pub(crate) async fn import_methods(State(app): State<App>, call: Call) -> Answer {
    call.reject_body()?;
    let methods = &app.service.config().import_methods;
    let body = value!({
        "import-methods": { "description": "Import methods available.", "type": "array", "value": methods }
    });
    Ok(json(StatusCode::OK, &body))
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
