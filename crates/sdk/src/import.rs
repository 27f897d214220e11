//! How an image gets its data other than by an upload: the requests for imports and locations.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use vidimus_types::StoreId;

/// Where an import takes the data from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportMethod {
    /// What was staged, see [`Images::stage`](crate::Images::stage).
    GlanceDirect,
    /// A URL that the server fetches.
    WebDownload {
        /// The URL.
        uri: String,
    },
    /// An image of another image service.
    GlanceDownload {
        /// The region the other service is in.
        region: String,
        /// The image there.
        image_id: String,
        /// Which endpoint of the other service to use; `public` where `None`.
        interface: Option<String>,
    },
    /// The stores that have the image's data already.
    CopyImage,
}

impl ImportMethod {
    /// The name the API has for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::GlanceDirect => "glance-direct",
            Self::WebDownload { .. } => "web-download",
            Self::GlanceDownload { .. } => "glance-download",
            Self::CopyImage => "copy-image",
        }
    }

    fn body(&self) -> Value {
        let mut body = json!({"name": self.name()});
        match self {
            Self::GlanceDirect | Self::CopyImage => {}
            Self::WebDownload { uri } => body["uri"] = json!(uri),
            // Compat: openstacksdk forgets region and image where no interface is named.
            Self::GlanceDownload {
                region,
                image_id,
                interface,
            } => {
                body["glance_region"] = json!(region);
                body["glance_image_id"] = json!(image_id);
                if let Some(interface) = interface {
                    body["glance_service_interface"] = json!(interface);
                }
            }
        }
        body
    }
}

/// What to import, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRequest {
    /// Where the data comes from.
    pub method: ImportMethod,
    /// The stores to put it into; the server's default where empty.
    pub stores: Vec<StoreId>,
    /// Whether to put it into every store there is; excludes `stores`.
    pub all_stores: Option<bool>,
    /// Whether one store that fails undoes the whole import; the server says yes where `None`.
    pub all_stores_must_succeed: Option<bool>,
}

impl ImportRequest {
    /// An import into the server's default store.
    pub fn new(method: ImportMethod) -> Self {
        Self {
            method,
            stores: Vec::new(),
            all_stores: None,
            all_stores_must_succeed: None,
        }
    }

    /// The request as the API has it.
    pub(crate) fn body(&self) -> Value {
        let mut body = json!({"method": self.method.body()});
        if let Some(all_stores) = self.all_stores {
            body["all_stores"] = json!(all_stores);
        }
        if let Some(must_succeed) = self.all_stores_must_succeed {
            body["all_stores_must_succeed"] = json!(must_succeed);
        }
        if !self.stores.is_empty() {
            let names: Vec<&str> = self.stores.iter().map(StoreId::as_str).collect();
            body["stores"] = json!(names);
        }
        body
    }
}

/// Data that lies somewhere already and is to become an image's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLocation {
    /// Where.
    pub url: String,
    /// What its hash is known to be: hashlib's name of the algorithm and the hash in hexadecimal digits.
    pub os_hash: Option<(String, String)>,
}

impl NewLocation {
    pub(crate) fn body(&self) -> Value {
        let mut known = Map::new();
        if let Some((algorithm, hash)) = &self.os_hash {
            known.insert("os_hash_algo".to_owned(), json!(algorithm));
            known.insert("os_hash_value".to_owned(), json!(hash));
        }
        json!({"url": self.url, "validation_data": known})
    }
}

/// Where an image's data lies.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Location {
    /// The URL, which only services are told.
    pub url: String,
    /// What the store says about it; its name, on a server with several.
    #[serde(default)]
    pub metadata: Map<String, Value>,
}
