//! The stores of one installation: which there are, which is the default, which holds a location.

use std::{cmp::Reverse, sync::Arc};

use serde_json::{Map, Value};
use vidimus_types::{ImageId, StoreId};

use crate::{Error, Location, Recovered, Result, Store, tagged::TaggedStore};

/// The enabled stores, in the order of the configuration.
#[derive(Debug, Clone)]
pub struct StoreSet {
    stores: Vec<Arc<dyn Store>>,
    default_at: usize,
    is_multi: bool,
}

/// One store as `GET /v2/info/stores` and its `/detail` describe it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreDescription {
    /// The name to give in `x-image-meta-store`.
    pub id: StoreId,
    /// The operator's words.
    pub description: Option<String>,
    /// Whether images go here when no store is named.
    pub is_default: bool,
    /// Whether nothing can be put here.
    pub is_read_only: bool,
    /// Its type; for `/detail`.
    pub kind: &'static str,
    /// Its weight; for `/detail`.
    pub weight: i64,
    /// What its type has to say; for `/detail`.
    pub properties: Map<String, Value>,
}

impl StoreSet {
    /// Several named stores, as with `enabled_backends`: locations carry the name of their store.
    pub fn multi(stores: Vec<Arc<dyn Store>>, default: &StoreId) -> Result<Self> {
        let tag = |store| Arc::new(TaggedStore(store)) as Arc<dyn Store>;
        Self::build(stores.into_iter().map(tag).collect(), default, true)
    }

    /// Stores told apart by the scheme of a location alone, as with `[glance_store] stores`.
    pub fn single(stores: Vec<Arc<dyn Store>>, default: &StoreId) -> Result<Self> {
        Self::build(stores, default, false)
    }

    fn build(stores: Vec<Arc<dyn Store>>, default: &StoreId, is_multi: bool) -> Result<Self> {
        for (at, store) in stores.iter().enumerate() {
            if stores[..at].iter().any(|other| other.id() == store.id()) {
                return Err(Error::DuplicateStore {
                    store: store.id().clone(),
                });
            }
        }
        let default_at = stores
            .iter()
            .position(|store| store.id() == default)
            .ok_or_else(|| Error::NoSuchStore {
                store: default.clone(),
            })?;
        Ok(Self {
            stores,
            default_at,
            is_multi,
        })
    }

    /// Whether clients may name stores at all. Where not, `GET /v2/info/stores` is 404.
    pub fn is_multi(&self) -> bool {
        self.is_multi
    }

    /// Every store, in the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Store>> {
        self.stores.iter()
    }

    /// The store of that name.
    pub fn get(&self, id: &StoreId) -> Result<&Arc<dyn Store>> {
        self.stores
            .iter()
            .find(|store| store.id() == id)
            .ok_or_else(|| Error::NoSuchStore { store: id.clone() })
    }

    /// Where images go when no store is named.
    pub fn default_store(&self) -> &Arc<dyn Store> {
        &self.stores[self.default_at]
    }

    /// The store that holds the data of `location`.
    ///
    /// With several stores the name in the metadata decides. Where it is missing or no longer configured, the store whose
    /// own URLs look like this one is taken: images from before the stores were named or renamed stay readable.
    pub fn find(&self, location: &Location) -> Result<&Arc<dyn Store>> {
        let named = location.store_id().filter(|_| self.is_multi);
        if let Some(store) = named.as_ref().and_then(|id| self.get(id).ok()) {
            return Ok(store);
        }
        let recognised = self
            .stores
            .iter()
            .find(|store| store.recognises(&location.url));
        match (recognised, named) {
            (Some(store), _) => Ok(store),
            (None, Some(store)) => Err(Error::NoSuchStore { store }),
            (None, None) => Err(Error::BadLocation {
                place: location.label(),
                reason: "it belongs to no store that is configured here",
            }),
        }
    }

    /// The locations of one image in the order to try them: the preferred store first, then by falling weight, equals as
    /// they stand. Locations of no known store come last of all.
    ///
    /// Compat: Glance sorts by weight only with several stores, and gives unknown stores the weight 0.
    pub fn order_for_reading<'a>(
        &self,
        locations: &'a [Location],
        prefer: Option<&StoreId>,
    ) -> Vec<&'a Location> {
        let mut ordered: Vec<&Location> = locations.iter().collect();
        if self.is_multi {
            ordered.sort_by_key(|location| match self.find(location) {
                Ok(store) => (
                    false,
                    prefer != Some(store.id()),
                    Reverse(store.info().weight),
                ),
                Err(_) => (true, true, Reverse(0)),
            });
        }
        ordered
    }

    /// Every store as the API describes it.
    pub fn describe(&self) -> Vec<StoreDescription> {
        let describe = |(at, store): (usize, &Arc<dyn Store>)| {
            let info = store.info();
            StoreDescription {
                id: store.id().clone(),
                description: info.description.clone(),
                is_default: at == self.default_at,
                is_read_only: !store.capabilities().can_put,
                kind: info.kind,
                weight: info.weight,
                properties: info.properties.clone(),
            }
        };
        self.stores.iter().enumerate().map(describe).collect()
    }

    /// Removes data of an image that no row points at, from wherever an upload may have put it. Says how many copies went.
    ///
    /// A store that fails is logged and passed over, as in [`Self::recover`].
    pub async fn remove_unreferenced(&self, id: &ImageId) -> u64 {
        let mut removed = 0;
        for store in &self.stores {
            for location in store.places_of(id) {
                match store.size(&location).await {
                    Err(Error::NotFound { .. }) => continue,
                    Err(error) => {
                        tracing::warn!(store.id = %store.id(), image.id = %id, error = &error as &dyn std::error::Error, "a leftover could not be looked at");
                        continue;
                    }
                    Ok(_) => {}
                }
                match store.delete(&location).await {
                    Ok(()) => removed += 1,
                    Err(error) => {
                        tracing::warn!(store.id = %store.id(), image.id = %id, error = &error as &dyn std::error::Error, "a leftover could not be removed");
                    }
                }
            }
        }
        removed
    }

    /// Clears away what killed processes left half-written, in every store.
    ///
    /// A store that cannot be cleaned is logged and passed over: it must not keep the others from serving.
    pub async fn recover(&self) -> Recovered {
        let mut total = Recovered::default();
        for store in &self.stores {
            match store.recover().await {
                Ok(recovered) => {
                    total.files += recovered.files;
                    total.size_bytes += recovered.size_bytes;
                }
                Err(error) => {
                    tracing::warn!(store.id = %store.id(), error = &error as &dyn std::error::Error, "leftovers could not be removed");
                }
            }
        }
        total
    }
}

#[cfg(test)]
mod tests;
