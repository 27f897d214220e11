//! Keeps image data in memory, for tests of what stands above a store. Forgets everything with the process.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use serde_json::Map;
use vidimus_types::{ByteRange, ImageId, StoreId};

use crate::{
    ByteStream, Capabilities, Error, Location, Recovered, Result, Store, StoreInfo, StoreRead,
    Stored,
};

/// A store in memory.
#[derive(Debug)]
pub struct MemoryStore {
    id: StoreId,
    info: StoreInfo,
    limit_bytes: u64,
    data: Mutex<HashMap<String, Bytes>>,
}

impl MemoryStore {
    /// An empty store that takes up to `limit_bytes`.
    pub fn new(id: StoreId, limit_bytes: u64) -> Self {
        Self {
            id,
            info: StoreInfo {
                kind: "memory",
                description: None,
                weight: 0,
                properties: Map::new(),
            },
            limit_bytes,
            data: Mutex::default(),
        }
    }

    /// The same store with a weight.
    pub fn with_weight(mut self, weight: i64) -> Self {
        self.info.weight = weight;
        self
    }

    /// How many images it holds.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Bytes>> {
        // Every change is one insert or remove, so a panic elsewhere leaves the map sound.
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn prefix(&self) -> String {
        format!("memory://{}/", self.id)
    }

    fn find(&self, location: &Location) -> Result<Bytes> {
        if !self.recognises(&location.url) {
            return Err(Error::BadLocation {
                place: location.label(),
                reason: "it is outside of the store",
            });
        }
        let found = self.lock().get(&location.url).cloned();
        found.ok_or_else(|| Error::NotFound {
            store: self.id.clone(),
            place: location.label(),
        })
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn id(&self) -> &StoreId {
        &self.id
    }

    fn info(&self) -> &StoreInfo {
        &self.info
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            can_put: true,
            can_open_range: true,
            can_delete: true,
        }
    }

    fn recognises(&self, url: &str) -> bool {
        url.strip_prefix(&self.prefix())
            .is_some_and(|name| name.parse::<ImageId>().is_ok())
    }

    async fn put(
        &self,
        id: &ImageId,
        mut data: ByteStream,
        size_hint: Option<u64>,
    ) -> Result<Stored> {
        let full = || Error::Full {
            store: self.id.clone(),
        };
        if size_hint.is_some_and(|size| size > self.limit_bytes) {
            return Err(full());
        }
        let mut gathered = BytesMut::new();
        while let Some(chunk) = data.next().await {
            gathered.extend_from_slice(&chunk.map_err(Error::Source)?);
            if gathered.len() as u64 > self.limit_bytes {
                return Err(full());
            }
        }
        let location = Location::new(format!("{}{id}", self.prefix()));
        let size_bytes = gathered.len() as u64;
        let mut stored = self.lock();
        let others = stored
            .iter()
            .filter(|(url, _)| **url != location.url)
            .map(|(_, data)| data.len() as u64)
            .sum::<u64>();
        if others + size_bytes > self.limit_bytes {
            return Err(full());
        }
        stored.insert(location.url.clone(), gathered.freeze());
        Ok(Stored {
            location,
            size_bytes,
        })
    }

    async fn open(&self, location: &Location, range: Option<ByteRange>) -> Result<StoreRead> {
        let data = self.find(location)?;
        let size_bytes = data.len() as u64;
        let range = range.unwrap_or(ByteRange::whole(size_bytes));
        if range.end > size_bytes || range.start > range.end {
            return Err(Error::OutOfRange {
                store: self.id.clone(),
                place: location.label(),
                size_bytes,
            });
        }
        let part = data.slice(range.start as usize..range.end as usize);
        let chunks: Vec<_> = part
            .chunks(64 * 1024)
            .map(|chunk| Ok(part.slice_ref(chunk)))
            .collect();
        Ok(StoreRead::Stream {
            stream: Box::pin(stream::iter(chunks)),
            range,
            size_bytes,
        })
    }

    async fn size(&self, location: &Location) -> Result<u64> {
        Ok(self.find(location)?.len() as u64)
    }

    async fn delete(&self, location: &Location) -> Result<()> {
        match self.find(location) {
            Ok(_) => drop(self.lock().remove(&location.url)),
            Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn places_of(&self, id: &ImageId) -> Vec<Location> {
        vec![Location::new(format!("{}{id}", self.prefix()))]
    }

    async fn recover(&self) -> Result<Recovered> {
        Ok(Recovered::default())
    }
}
