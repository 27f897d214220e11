//! `/v2/info/…`: what this site can do.

use axum::{extract::State, http::StatusCode};
use serde_json::{Map, Value, json as value};

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

/// Compat: what is true is the text "true", what is false is left out.
pub(crate) async fn stores(State(app): State<App>, call: Call) -> Answer {
    call.reject_body()?;
    let stores = app.service.stores()?;
    let views = stores.iter().map(|store| {
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
        Value::Object(view)
    });
    Ok(json(
        StatusCode::OK,
        &value!({ "stores": views.collect::<Vec<_>>() }),
    ))
}
