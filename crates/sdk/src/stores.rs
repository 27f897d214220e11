//! What the image service says about its stores and import methods.

use reqwest::Method;
use serde_json::{Map, Value};
use vidimus_types::{ImageId, StoreId};

use crate::{Client, Error, Result, client::Call};

/// The store calls of a [`Client`].
#[derive(Debug, Clone, Copy)]
pub struct Stores<'a> {
    client: &'a Client,
}

/// One store, as `GET /v2/info/stores` lists it.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
pub struct StoreInfo {
    /// Its name.
    pub id: String,
    /// What the operator says about it.
    #[serde(default)]
    pub description: Option<String>,
    /// Everything else; flags are the strings `true` and `false`, as Glance sends them.
    #[serde(flatten)]
    pub properties: Map<String, Value>,
}

impl StoreInfo {
    /// Whether images go there when nothing else is said.
    pub fn is_default(&self) -> bool {
        match self.properties.get("default") {
            Some(Value::String(word)) => word == "true",
            Some(Value::Bool(flag)) => *flag,
            _ => false,
        }
    }
}

impl<'a> Stores<'a> {
    pub(crate) fn new(client: &'a Client) -> Self {
        Self { client }
    }

    /// The stores, in the order of the server's configuration; 404 on a server with a single one.
    pub async fn list(&self) -> Result<Vec<StoreInfo>> {
        self.stores(Call::get(&["info", "stores"])).await
    }

    /// The stores with their types and properties; admins only.
    pub async fn list_details(&self) -> Result<Vec<StoreInfo>> {
        self.stores(Call::get(&["info", "stores", "detail"])).await
    }

    /// The names of the import methods the server has switched on.
    pub async fn import_methods(&self) -> Result<Vec<String>> {
        let call = Call::get(&["info", "import"]);
        let body = self.client.send_for_json(call).await;
        // Compat: openstacksdk's words, the `None` included.
        let mut body = body.map_err(|error| error.labelled("No Import found for None"))?;
        serde_json::from_value(body["import-methods"]["value"].take())
            .map_err(|error| Error::invalid_response("info/import", error))
    }

    /// Removes the image's data from one store, leaving it in the others.
    pub async fn delete_image(&self, store: &StoreId, image: &ImageId) -> Result<()> {
        let call = Call::new(Method::DELETE, &["stores", store.as_str(), image.as_str()]);
        self.client.send(call).await?;
        Ok(())
    }

    async fn stores(&self, call: Call) -> Result<Vec<StoreInfo>> {
        let mut body = self.client.send_for_json(call.accept_json()).await?;
        serde_json::from_value(body["stores"].take())
            .map_err(|error| Error::invalid_response("info/stores", error))
    }
}
