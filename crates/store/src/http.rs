//! Reads image data that lies on the web.
//!
//! Nothing is ever put here: a location comes from somebody who says where the data is, and so each read asks the same
//! questions as any fetch of a caller's URI. Servers may or may not know ranges, so none are asked for.

use std::io;

use async_trait::async_trait;
use serde_json::Map;
use vidimus_fetch::{FetchError, Fetcher};
use vidimus_types::{ByteRange, ImageId, StoreId};

use crate::{
    ByteStream, Capabilities, Error, Location, Recovered, Result, Store, StoreInfo, StoreRead,
    Stored,
};

/// Locations with the schemes `http` and `https`.
#[derive(Debug)]
pub struct HttpStore {
    id: StoreId,
    info: StoreInfo,
    fetcher: Fetcher,
}

impl HttpStore {
    /// A store that reads what `fetcher` may reach.
    pub fn new(id: StoreId, description: Option<String>, weight: i64, fetcher: Fetcher) -> Self {
        Self {
            id,
            info: StoreInfo {
                kind: "http",
                description,
                weight,
                properties: Map::new(),
            },
            fetcher,
        }
    }

    fn read_only(&self) -> Error {
        Error::ReadOnly {
            store: self.id.clone(),
        }
    }

    /// Sorts what a fetch can end with into the conditions callers tell apart.
    fn failed(&self, location: &Location, error: FetchError) -> Error {
        let (store, place) = (self.id.clone(), location.label());
        match error {
            FetchError::Status(404) => Error::NotFound { store, place },
            FetchError::Connection(_) => Error::Unreachable {
                store,
                place,
                cause: Box::new(error),
            },
            FetchError::Refused(_) | FetchError::RedirectRefused(_) => {
                tracing::warn!(store.id = %store, location = place, error = &error as &dyn std::error::Error, "location not fetched from");
                Error::BadLocation {
                    place,
                    reason: "it leads to where nothing may be fetched from",
                }
            }
            FetchError::Status(_)
            | FetchError::RedirectLoop
            | FetchError::TooSlow
            | FetchError::NotResumable { .. } => Error::Io {
                store,
                action: "read from the server",
                cause: io::Error::other(error),
            },
        }
    }

    fn unsized_data(&self, location: &Location) -> Error {
        Error::BadLocation {
            place: location.label(),
            reason: "its server does not say how much data there is",
        }
    }
}

#[async_trait]
impl Store for HttpStore {
    fn id(&self) -> &StoreId {
        &self.id
    }

    fn info(&self) -> &StoreInfo {
        &self.info
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            can_put: false,
            can_open_range: false,
            can_delete: false,
        }
    }

    fn recognises(&self, url: &str) -> bool {
        matches!(url.split_once("://"), Some(("http" | "https", _)))
    }

    async fn put(&self, _: &ImageId, _: ByteStream, _: Option<u64>) -> Result<Stored> {
        Err(self.read_only())
    }

    async fn open(&self, location: &Location, range: Option<ByteRange>) -> Result<StoreRead> {
        if let Some(range) = range {
            return Err(Error::NoRanges {
                store: self.id.clone(),
                range,
            });
        }
        let fetched = self.fetcher.fetch(&location.url).await;
        let fetched = fetched.map_err(|error| self.failed(location, error))?;
        let size_bytes = match fetched.size_bytes {
            Some(size) => size,
            // Some servers count only what they are not about to send.
            None => self.size(location).await?,
        };
        Ok(StoreRead::Stream {
            stream: fetched.data,
            range: ByteRange::whole(size_bytes),
            size_bytes,
        })
    }

    async fn size(&self, location: &Location) -> Result<u64> {
        let size = self.fetcher.size(&location.url).await;
        let size = size.map_err(|error| self.failed(location, error))?;
        size.ok_or_else(|| self.unsized_data(location))
    }

    async fn delete(&self, _: &Location) -> Result<()> {
        Err(self.read_only())
    }

    fn places_of(&self, _: &ImageId) -> Vec<Location> {
        Vec::new()
    }

    async fn recover(&self) -> Result<Recovered> {
        Ok(Recovered::default())
    }
}

#[cfg(test)]
mod tests;
