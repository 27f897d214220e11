//! A store that notes its name in the locations it gives out.

use std::sync::Arc;

use async_trait::async_trait;
use vidimus_types::{ByteRange, ImageId, StoreId};

use crate::{
    ByteStream, Capabilities, Location, Recovered, Result, Store, StoreInfo, StoreRead, Stored,
};

/// Wraps a store where there are several.
///
/// Compat: Glance writes `store` into the metadata of a location only with `enabled_backends`, and reads by it.
#[derive(Debug)]
pub(crate) struct TaggedStore(pub(crate) Arc<dyn Store>);

#[async_trait]
impl Store for TaggedStore {
    fn id(&self) -> &StoreId {
        self.0.id()
    }

    fn info(&self) -> &StoreInfo {
        self.0.info()
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn recognises(&self, url: &str) -> bool {
        self.0.recognises(url)
    }

    async fn put(&self, id: &ImageId, data: ByteStream, size_hint: Option<u64>) -> Result<Stored> {
        let mut stored = self.0.put(id, data, size_hint).await?;
        stored.location.set_store_id(self.0.id());
        Ok(stored)
    }

    async fn open(&self, location: &Location, range: Option<ByteRange>) -> Result<StoreRead> {
        self.0.open(location, range).await
    }

    async fn size(&self, location: &Location) -> Result<u64> {
        self.0.size(location).await
    }

    async fn delete(&self, location: &Location) -> Result<()> {
        self.0.delete(location).await
    }

    fn places_of(&self, id: &ImageId) -> Vec<Location> {
        self.0.places_of(id)
    }

    async fn recover(&self) -> Result<Recovered> {
        self.0.recover().await
    }
}
