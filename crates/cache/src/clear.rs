//! Removing cached images: one, or all.

use std::{
    io,
    sync::{Arc, PoisonError},
    time::SystemTime,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use vidimus_types::{ClearTarget, ImageId};

use crate::{
    Inner,
    error::{Error, Result},
    flight::{Acquired, Grant},
    follow::FillReader,
    index::Victim,
    layout::{self, sync_folder},
    record::Record,
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
            cleared = self.clear_cached().await?;
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
    async fn clear_cached(self: &Arc<Self>) -> Result<Cleared> {
        let inner = Arc::clone(self);
        // In a task of its own, which ends whether anybody waits for it or not.
        let clear = self.tasks.spawn(async move {
            let (images, bytes, rest) = inner.index.clear();
            // Also what an earlier one could not note, and has not unlinked yet.
            if images > 0 || inner.index.has_cleared() {
                let noting = Arc::clone(&inner);
                let noted = inner.tasks.spawn_blocking(move || noting.note_clear());
                let noted = noted.await.unwrap_or_else(|error| Err(io::Error::other(error)));
                // Behind the answer: it takes longer than the rest.
                inner.tasks.spawn_blocking(move || drop(rest));
                let unlinking = Arc::clone(&inner);
                let unlinked = inner.tasks.spawn(unlinking.unlink_all_cleared());
                if let Err(error) = noted {
                    tracing::warn!(%error, "a clear cannot be noted, so it waits for the files to be unlinked");
                    if !unlinked.await.unwrap_or(false) {
                        return Err(error);
                    }
                }
            }
            Ok(Cleared {
                images,
                bytes,
                queued: 0,
            })
        });
        let cleared = clear.await.map_err(|_| Error::ShuttingDown)?;
        cleared.map_err(|source| Error::Io {
            action: "clear the cache",
            source,
        })
    }

    /// Says on the disk that what lies there is cleared, in case we do not live to unlink it. Survives a power loss.
    fn note_clear(&self) -> io::Result<()> {
        let mut clears = self.clears.lock().unwrap_or_else(PoisonError::into_inner);
        *clears += 1;
        let note = fs_err::File::create(self.layout.clearing())?.into_file();
        // It counts by the file system's own clock, as the files do; a note that was there already is made the younger.
        note.set_modified(SystemTime::now())?;
        note.sync_all()?;
        sync_folder(self.layout.dir())
    }

    /// Unlinks the files of all cleared images, each by whoever holds its image: first those that nobody holds, then the
    /// others as their turn comes.
    ///
    /// No holder waits for this work while there is any at its own image, or the two would wait for each other: one that
    /// verifies waits for nothing, and one that wants room for a fill begins with [`Self::finish_clear`].
    ///
    /// Whether all of them are gone.
    async fn unlink_all_cleared(self: Arc<Self>) -> bool {
        let inner = Arc::clone(&self);
        let idle = self.tasks.spawn_blocking(move || inner.unlink_idle());
        let Ok((held, mut all_gone)) = idle.await else {
            return false;
        };
        let mut held: FuturesUnordered<_> =
            held.into_iter().map(|id| self.unlink_in_turn(id)).collect();
        let unlink_held = async {
            while let Some(is_gone) = held.next().await {
                all_gone &= is_gone;
            }
        };
        tokio::select! {
            biased;
            // The note stays, and the next start goes on.
            () = self.stop.cancelled() => return false,
            () = unlink_held => {}
        }
        let inner = Arc::clone(&self);
        let end = self.tasks.spawn_blocking(move || inner.end_clear(all_gone));
        // Otherwise the note stays.
        let _ = end.await;
        all_gone
    }

    /// Unlinks the cleared files of images that nobody holds; the others, and whether all went well.
    fn unlink_idle(self: &Arc<Self>) -> (Vec<ImageId>, bool) {
        let mut held = Vec::new();
        let mut all_gone = true;
        for id in self.index.cleared_ids() {
            if self.stop.is_cancelled() {
                all_gone = false;
                break;
            }
            match self.flights.try_acquire(&id) {
                Some(_grant) => all_gone &= self.unlink_cleared(&id).is_ok(),
                None => held.push(id),
            }
        }
        (held, all_gone)
    }

    /// Unlinks the file of a cleared image that somebody verifies, or fills anew. `false` if that failed.
    async fn unlink_in_turn(self: &Arc<Self>, id: ImageId) -> bool {
        while self.index.is_cleared(&id) {
            let grant = match self.flights.acquire(&id) {
                Acquired::Granted(grant) => grant,
                // Whoever began it has unlinked the file.
                Acquired::Filling(_) => break,
                Acquired::Busy(turn) => match turn.await {
                    Some(grant) => grant,
                    None => continue,
                },
            };
            return self.finish_clear(id, grant).await.is_some();
        }
        true
    }

    /// Unlinks what a clear left of an image, if it did. Without the grant, that failed and the image is cached again.
    pub(crate) async fn finish_clear(
        self: &Arc<Self>,
        id: ImageId,
        grant: Grant<ImageId, FillReader>,
    ) -> Option<Grant<ImageId, FillReader>> {
        if !self.index.is_cleared(&id) {
            return Some(grant);
        }
        let inner = Arc::clone(self);
        // The grant goes along: should the caller leave, nobody may fill the image before its file is gone.
        let unlink = move || inner.unlink_cleared(&id).is_ok().then_some(grant);
        self.tasks.spawn_blocking(unlink).await.ok().flatten()
    }

    /// Only for the holder of the image's grant.
    fn unlink_cleared(&self, id: &ImageId) -> io::Result<()> {
        match self.index.take_cleared(id) {
            Some(record) => self.unlink_file(id, record),
            None => Ok(()),
        }
    }

    fn end_clear(&self, all_gone: bool) {
        let is_durable = self.sync_removals();
        let mut clears = self.clears.lock().unwrap_or_else(PoisonError::into_inner);
        *clears = clears.saturating_sub(1);
        if *clears == 0
            && all_gone
            && is_durable
            && let Err(error) = layout::remove_file(&self.layout.clearing())
        {
            tracing::warn!(%error, "the note of a clear cannot be removed; the next start empties the cache again");
        }
    }

    /// Unlinks the file of an image that has left the index, and gives the image free.
    pub(crate) fn unlink(&self, victim: Victim) -> io::Result<()> {
        let Victim { id, record, grant } = victim;
        let unlinked = self.unlink_file(&id, record);
        drop(grant);
        unlinked
    }

    /// On failure the image comes back and stays a cached one, for its bytes are still there and are still the image's.
    fn unlink_file(&self, id: &ImageId, record: Record) -> io::Result<()> {
        let unlinked = layout::remove_file(&self.layout.complete(id));
        match &unlinked {
            Ok(()) => self.index.gone(&record),
            Err(error) => {
                tracing::error!(image.id = %id, %error, "a cached image cannot be removed");
                self.index.put_back(*id, record);
            }
        }
        unlinked
    }

    /// Lets removals somebody asked for outlive a power loss. Evictions need not.
    fn sync_removals(&self) -> bool {
        let synced = sync_folder(self.layout.dir());
        if let Err(error) = &synced {
            tracing::warn!(%error, "removed cached images may come back after a power loss");
        }
        synced.is_ok()
    }
}
