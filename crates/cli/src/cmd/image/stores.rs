//! `image stores list`

use serde_json::{Value, json};
use vidimus_sdk::StoreInfo;

use crate::{
    args::ImageStoresList,
    cmd::Context,
    error::{Error, Result},
    output::{Cell, Listing},
};

pub(in crate::cmd) async fn stores_list(
    arguments: ImageStoresList,
    context: &Context,
) -> Result<()> {
    let stores = context.client.stores();
    let found = match arguments.detail {
        true => stores.list_details().await,
        false => stores.list().await,
    };
    let found = found.map_err(|error| match error.is_not_found() {
        true => Error::Failed("Multi Backend support not enabled".to_owned()),
        false => Error::Sdk(error),
    })?;
    let mut columns = vec!["ID", "Description", "Default"];
    if arguments.detail {
        columns.push("Properties");
    }
    let listing = Listing {
        columns: columns.iter().map(|&heading| heading.to_owned()).collect(),
        rows: found
            .iter()
            .map(|store| row(store, arguments.detail))
            .collect(),
        headings_are_list: false,
    };
    context.list(listing, &arguments.format)
}

/// Compat: a store that is not the default has nothing there, and not false; every word but the empty one is true.
fn row(store: &StoreInfo, with_properties: bool) -> Vec<Cell> {
    let default = match store.properties.get("default") {
        None | Some(Value::Null) => Value::Null,
        Some(Value::Bool(flag)) => json!(flag),
        Some(Value::String(word)) => json!(!word.is_empty()),
        Some(_) => json!(true),
    };
    let mut cells = vec![
        Cell::text(&store.id),
        Cell::Plain(json!(store.description)),
        Cell::Plain(default),
    ];
    if with_properties {
        let properties = store.properties.get("properties");
        cells.push(Cell::Plain(properties.cloned().unwrap_or(Value::Null)));
    }
    cells
}
