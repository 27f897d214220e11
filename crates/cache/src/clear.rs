//! Removing cached images: one, or all.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, PoisonError},
    time::{Duration, SystemTime},
};

use vidimus_types::{ClearTarget, ImageId};

use crate::{
    Inner,
    error::{Error, Result},
    flight::Acquired,
    index::Victim,
    layout::{self, sync_folder},
    record::Record,
};

/// How long an image that somebody works on is left alone before its file is looked at again.
const BUSY: Duration = Duration::from_millis(5);

/// What [`ImageCache::clear`](crate::ImageCache::clear) took away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cleared {
    /// Cached images.
    pub images: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Queued images.
    pub queued: u64,
}

impl Inner {
    pub(crate) async fn remove(self: &Arc<Self>, id: &ImageId) -> bool {
        // Whoever fills or verifies it now must not leave it cached.
        self.flights.doom(id);
        let id = *id;
        let grant = loop {
            match self.flights.acquire(&id) {
                Acquired::Granted(grant) => break grant,
                Acquired::Filling(_) => return false,
                // Somebody was given the right to fill it: there is nothing, and nothing will come of it.
                Acquired::Busy(_) if !self.index.contains(&id) => return false,
                Acquired::Busy(turn) => {
                    if let Some(grant) = turn.await {
                        break grant;
                    }
                }
            }
        };
        let inner = Arc::clone(self);
        let removed = self.tasks.spawn_blocking(move || {
            let record = inner.index.take(&id)?;
            inner.unlink(Victim { id, record, grant }).ok()?;
            inner.sync_removals();
            Some(())
        });
        matches!(removed.await, Ok(Some(())))
    }

    pub(crate) async fn clear(self: &Arc<Self>, target: ClearTarget) -> Result<Cleared> {
        let mut cleared = Cleared::default();
        if target.includes_cache() {
            let inner = Arc::clone(self);
            let all = self.tasks.spawn_blocking(move || inner.clear_all());
            cleared = all.await.map_err(|_| Error::ShuttingDown)?;
        }
        if target.includes_queue() {
            cleared.queued = self.queue.clear().await?;
        }
        tracing::info!(
            images = cleared.images,
            size_bytes = cleared.bytes,
            queued = cleared.queued,
            "the cache was cleared"
        );
        Ok(cleared)
    }

    /// Takes all cached images out of the index and has their files unlinked behind.
    fn clear_all(self: &Arc<Self>) -> Cleared {
        let (records, bytes) = self.index.take_all();
        let cleared = Cleared {
            images: records.len() as u64,
            bytes,
            queued: 0,
        };
        if records.is_empty() {
            return cleared;
        }
        let noted = self.note_clear();
        let inner = Arc::clone(self);
        let unlink = move || inner.unlink_cleared(records);
        match noted {
            Ok(()) => drop(self.tasks.spawn_blocking(unlink)),
            Err(error) => {
                tracing::warn!(%error, "a clear cannot be noted, so it waits for the files to be unlinked");
                unlink();
            }
        }
        cleared
    }

    /// Says on the disk that what lies there is cleared, in case we do not live to unlink it.
    ///
    /// Not synced: a power loss in the second after a clear may bring copies back, which are as good as they were.
    fn note_clear(&self) -> io::Result<()> {
        let mut clears = self.clears.lock().unwrap_or_else(PoisonError::into_inner);
        *clears += 1;
        let note = fs_err::File::create(self.layout.clearing())?;
        note.into_file().set_modified(SystemTime::now())
    }

    fn unlink_cleared(self: Arc<Self>, records: HashMap<ImageId, Record>) {
        let mut left: Vec<_> = records.into_iter().collect();
        let mut failed = 0_u64;
        while !left.is_empty() {
            let mut busy = Vec::new();
            for (id, record) in left {
                // The note stays, and the next start goes on.
                if self.stop.is_cancelled() {
                    return;
                }
                match self.flights.try_acquire(&id) {
                    // Somebody verifies it, or fills it anew.
                    None => busy.push((id, record)),
                    // Filled anew: the file took the place of the old one.
                    Some(_grant) if self.index.contains(&id) => self.index.gone(&record),
                    Some(grant) => {
                        let unlinked = self.unlink(Victim { id, record, grant });
                        failed += u64::from(unlinked.is_err());
                    }
                }
            }
            left = busy;
            if !left.is_empty() {
                std::thread::sleep(BUSY);
            }
        }
        self.sync_removals();
        let mut clears = self.clears.lock().unwrap_or_else(PoisonError::into_inner);
        *clears = clears.saturating_sub(1);
        if *clears == 0
            && failed == 0
            && let Err(error) = layout::remove_file(&self.layout.clearing())
        {
            tracing::warn!(%error, "the note of a clear cannot be removed; the next start empties the cache again");
        }
    }

    /// Unlinks the file of an image that has left the index. On failure it comes back and stays a cached image, for
    /// its bytes are still there and are still the image's.
    pub(crate) fn unlink(&self, victim: Victim) -> io::Result<()> {
        let Victim { id, record, grant } = victim;
        let unlinked = layout::remove_file(&self.layout.complete(&id));
        match &unlinked {
            Ok(()) => self.index.gone(&record),
            Err(error) => {
                tracing::error!(image.id = %id, %error, "a cached image cannot be removed");
                self.index.put_back(id, record);
            }
        }
        drop(grant);
        unlinked
    }

    /// Lets removals somebody asked for outlive a power loss. Evictions need not.
    fn sync_removals(&self) {
        if let Err(error) = sync_folder(self.layout.dir()) {
            tracing::warn!(%error, "removed cached images may come back after a power loss");
        }
    }
}
