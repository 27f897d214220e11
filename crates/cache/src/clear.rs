//! Removing cached images: one, or all.

use std::{io, sync::Arc};

use vidimus_types::{ClearTarget, ImageId};

use crate::{
    Inner,
    error::{Error, Result},
    flight::Acquired,
    index::Victim,
    layout::{self, sync_folder},
};

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
            let idle = self.tasks.spawn_blocking(move || inner.clear_idle());
            let (idle, busy) = idle.await.map_err(|_| Error::ShuttingDown)?;
            cleared = idle;
            for (id, size_bytes) in busy {
                if self.remove(&id).await {
                    cleared.images += 1;
                    cleared.bytes += size_bytes;
                }
            }
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

    /// Removes all cached images that nobody is working on, and names the others.
    fn clear_idle(&self) -> (Cleared, Vec<(ImageId, u64)>) {
        let mut cleared = Cleared::default();
        let mut busy = Vec::new();
        // All leave the index before the first file is touched: a clear of a big cache takes a while, and nobody
        // should get a hit meanwhile.
        let mut victims = Vec::new();
        for id in self.index.ids() {
            match self.flights.try_acquire(&id) {
                Some(grant) => {
                    let record = self.index.take(&id);
                    victims.extend(record.map(|record| Victim { id, record, grant }));
                }
                None => busy.extend(self.index.record(&id).map(|record| (id, record.size_bytes))),
            }
        }
        for victim in victims {
            let size_bytes = victim.record.size_bytes;
            if self.unlink(victim).is_ok() {
                cleared.images += 1;
                cleared.bytes += size_bytes;
            }
        }
        self.sync_removals();
        (cleared, busy)
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
