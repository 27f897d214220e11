//! Room under the limit: taken before a fill, made by eviction.

use std::sync::Arc;

use crate::{
    Inner,
    index::{Reservation, Victim},
    lookup::BypassReason,
};

/// What [`ImageCache::prune`](crate::ImageCache::prune) took away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Cached images.
    pub images: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Inner {
    /// Takes room for a fill, evicting as needed; the fill may write as soon as this returns.
    ///
    /// May be dropped at any time: then others find the room that was made.
    pub(crate) async fn reserve(
        self: &Arc<Self>,
        size_bytes: u64,
    ) -> Result<Reservation, BypassReason> {
        if size_bytes > self.index.max_size_bytes() {
            return Err(BypassReason::TooLarge);
        }
        let mut turn = None;
        loop {
            let freed = self.index.freed();
            tokio::pin!(freed);
            freed.as_mut().enable();
            let missing_bytes = match self.index.take_room(size_bytes) {
                Ok(reservation) => {
                    // Looked at last, with everything else known: eviction gives the disk its bytes back too, unless they
                    // were cloned and the store has them still.
                    self.check_disk(0).await?;
                    return Ok(reservation);
                }
                Err(missing_bytes) => missing_bytes,
            };
            // One at a time, or two would evict for each other's needs.
            if turn.is_none() {
                turn = Some(self.making_room.lock().await);
                continue;
            }
            if missing_bytes == 0 {
                // Others are unlinking enough, and none of them waits for a fill: see `clear`.
                tokio::select! {
                    () = freed => {}
                    () = self.stop.cancelled() => return Err(BypassReason::ShuttingDown),
                }
                continue;
            }
            // Before anything is evicted in vain.
            self.check_disk(size_bytes.saturating_sub(missing_bytes))
                .await?;
            let victims = self.index.take_victims(missing_bytes, &self.flights);
            let victims = victims.ok_or(BypassReason::NoRoom)?;
            let wanted = victims.len() as u64;
            let evicted = self
                .evict(victims)
                .await
                .map_err(|_| BypassReason::ShuttingDown)?;
            if evicted.images < wanted {
                return Err(BypassReason::Unavailable);
            }
        }
    }

    /// Evicts until the cached images are within the limit.
    pub(crate) async fn prune(self: &Arc<Self>) -> Result<Pruned, tokio::task::JoinError> {
        let _turn = self.making_room.lock().await;
        let inner = Arc::clone(self);
        self.tasks.spawn_blocking(move || inner.prune_now()).await
    }

    pub(crate) fn prune_now(&self) -> Pruned {
        let victims = match self.index.excess_bytes() {
            0 => None,
            excess_bytes => self.index.take_victims(excess_bytes, &self.flights),
        };
        self.evict_now(victims.unwrap_or_default())
    }

    async fn evict(
        self: &Arc<Self>,
        victims: Vec<Victim>,
    ) -> Result<Pruned, tokio::task::JoinError> {
        let inner = Arc::clone(self);
        let evict = move || inner.evict_now(victims);
        self.tasks.spawn_blocking(evict).await
    }

    fn evict_now(&self, victims: Vec<Victim>) -> Pruned {
        let mut pruned = Pruned::default();
        for victim in victims {
            let (id, size_bytes) = (victim.id, victim.record.size_bytes);
            if self.unlink(victim).is_ok() {
                tracing::debug!(image.id = %id, size_bytes, "a cached image was evicted");
                pruned.images += 1;
                pruned.bytes += size_bytes;
            }
        }
        self.counters.evicted(pruned.images);
        pruned
    }

    /// Whether the disk keeps its reserve when all running fills, and `more_bytes`, are written.
    async fn check_disk(&self, more_bytes: u64) -> Result<(), BypassReason> {
        let dir = self.layout.dir().to_owned();
        let asked = tokio::task::spawn_blocking(move || rustix::fs::statvfs(&dir));
        let disk = match asked.await {
            Ok(Ok(disk)) => disk,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the disk of the cache cannot be asked for its free space");
                return Err(BypassReason::Unavailable);
            }
            Err(_) => return Err(BypassReason::ShuttingDown),
        };
        let free_bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
        let (unwritten_bytes, leaving_bytes) = self.index.pending_bytes();
        let needed_bytes = unwritten_bytes
            .saturating_add(more_bytes)
            .saturating_add(self.config.free_space_reserve_bytes);
        if needed_bytes > free_bytes.saturating_add(leaving_bytes) {
            return Err(BypassReason::DiskFull);
        }
        Ok(())
    }
}
