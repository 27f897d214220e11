//! Keeps Glance's `cached_images` table in step with the folder.
//!
//! The folder is the truth and the table a copy for others: other nodes ask it who has an image, and a Glance that takes
//! over the folder expects its rows. The copy is written in batches, off the path of every download.

use std::{
    collections::{HashMap, HashSet},
    time::SystemTime,
};

use chrono::{DateTime, Utc};
use tokio::sync::Mutex;
use vidimus_cache::{Entry, ImageCache};
use vidimus_db::{CachedRow, Db};
use vidimus_types::{CachedImage, ImageId, epoch_seconds};

use crate::{CacheRecord, ImageService, Parts};

/// What the table is known to hold for this node.
#[derive(Debug)]
pub(crate) struct CacheMirror {
    record: CacheRecord,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    node: Option<i64>,
    rows: HashMap<ImageId, i64>,
}

impl CacheMirror {
    pub(crate) fn new(record: CacheRecord) -> Self {
        Self {
            record,
            state: Mutex::default(),
        }
    }

    /// Brings the table in step and returns the row number of each entry, in their order.
    async fn write(
        &self,
        db: &Db,
        cache: &ImageCache,
        entries: &[Entry],
    ) -> vidimus_db::Result<Vec<Option<i64>>> {
        let CacheRecord::Database { node_url } = &self.record else {
            // Nothing is written down, but what was counted must not pile up.
            cache.drain_accesses();
            return Ok(vec![None; entries.len()]);
        };
        let mut state = self.state.lock().await;
        let node = match state.node {
            Some(node) => node,
            None => {
                let node = db.cached().node(node_url).await?;
                state.rows = numbered(db, node).await?;
                state.node = Some(node);
                node
            }
        };
        let numbers = |rows: &HashMap<ImageId, i64>| -> Vec<Option<i64>> {
            let number = |entry: &Entry| rows.get(&entry.image_id).copied();
            entries.iter().map(number).collect()
        };
        let mut found = numbers(&state.rows);
        let new: Vec<CachedRow> = entries
            .iter()
            .zip(&found)
            .filter(|(_, number)| number.is_none())
            .map(|(entry, _)| row_of(entry))
            .collect();
        // As many rows as entries, and an entry for each of them: then none is gone.
        if state.rows.len() + new.len() > entries.len() {
            self.remove_gone(&mut state, db, node, entries).await?;
        }
        let just_made: HashSet<ImageId> = new.iter().map(|row| row.image_id).collect();
        if !new.is_empty() {
            db.cached().upsert(node, &new).await?;
            state.rows = numbered(db, node).await?;
            found = numbers(&state.rows);
        }
        let touches: Vec<(ImageId, u64, DateTime<Utc>)> = cache
            .drain_accesses()
            .into_iter()
            // A row that was just made has its hits already.
            .filter(|access| !just_made.contains(&access.image_id))
            .map(|access| {
                (
                    access.image_id,
                    access.hits_added,
                    utc(access.last_accessed),
                )
            })
            .collect();
        if !touches.is_empty() {
            db.cached().touch(node, &touches).await?;
        }
        Ok(found)
    }

    async fn remove_gone(
        &self,
        state: &mut State,
        db: &Db,
        node: i64,
        entries: &[Entry],
    ) -> vidimus_db::Result<()> {
        if entries.is_empty() {
            db.cached().remove_all(node).await?;
            state.rows.clear();
            return Ok(());
        }
        let present: HashSet<ImageId> = entries.iter().map(|entry| entry.image_id).collect();
        let known = state.rows.keys();
        let gone: Vec<ImageId> = known.filter(|id| !present.contains(*id)).copied().collect();
        db.cached().remove(node, &gone).await?;
        state.rows.retain(|id, _| present.contains(id));
        Ok(())
    }
}

impl ImageService {
    /// The cached images as the API shows them. When the database cannot be reached the folder is shown all the same.
    pub(crate) async fn cached_images(&self, cache: &ImageCache) -> Vec<CachedImage> {
        let entries = cache.list();
        let rows = self.write_records_of(cache, &entries).await;
        let mut images: Vec<CachedImage> = entries
            .iter()
            .zip(rows)
            .map(|(entry, id)| CachedImage {
                id,
                image_id: entry.image_id,
                last_accessed: epoch_seconds(utc(entry.last_accessed)),
                last_modified: epoch_seconds(utc(entry.last_modified)),
                size: entry.size_bytes,
                hits: entry.hits,
            })
            .collect();
        // Compat: in the order of the rows, that is of arrival.
        // Times since 1970 are in the order of their bits.
        images.sort_by_cached_key(|image| (image.id, image.last_modified.to_bits()));
        images
    }

    /// Writes down what is cached on this node and how often it was served.
    pub(crate) async fn write_cache_records(&self, cache: &ImageCache) {
        self.write_records_of(cache, &cache.list()).await;
    }

    async fn write_records_of(&self, cache: &ImageCache, entries: &[Entry]) -> Vec<Option<i64>> {
        let Parts { mirror, db, .. } = &*self.parts;
        match mirror.write(db, cache, entries).await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the cache records in the database are behind"
                );
                vec![None; entries.len()]
            }
        }
    }
}

async fn numbered(db: &Db, node: i64) -> vidimus_db::Result<HashMap<ImageId, i64>> {
    Ok(db
        .cached()
        .list(node)
        .await?
        .into_iter()
        .map(|(number, row)| (row.image_id, number))
        .collect())
}

fn row_of(entry: &Entry) -> CachedRow {
    CachedRow {
        image_id: entry.image_id,
        last_accessed: utc(entry.last_accessed),
        last_modified: utc(entry.last_modified),
        size: entry.size_bytes,
        hits: entry.hits,
    }
}

fn utc(time: SystemTime) -> DateTime<Utc> {
    time.into()
}
