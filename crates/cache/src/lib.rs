//! Keeps copies of image data on local disk, fills each once, stays under its limit.
//!
//! What an [`ImageCache`] promises:
//!
//! - No byte is a hit that does not match the image's hash. A copy is verified before it is published; one that was found
//!   on the disk, or changed since, is verified before it is served; one that is wrong is dropped and fetched again.
//! - Any number of concurrent first downloads cost one read of the source, by a task that belongs to no client.
//! - Cached images and running fills together never exceed the limit. Room is reserved before a fill starts.
//! - The folder is the truth. It may be opened after any crash, or after Glance, whose layout it is.
//!
//! Not its job: where bytes come from, who may have them, and telling the world. It knows no store, no database and no
//! HTTP.
//!
//! How the parts fit: `lookup` asks `index` (what is there) and then `flight` (who works on it). A miss reserves room
//! in `prune`, which asks `evict` whom to give up; `fill` writes and publishes, `follow` reads what it writes. All work
//! on files happens off the runtime's threads and under no lock, by whoever holds the image's grant.

mod clean;
mod clear;
mod config;
mod error;
mod evict;
mod fill;
mod flight;
mod follow;
mod index;
mod index_file;
mod layout;
mod lookup;
mod metrics;
mod progress;
mod proof;
mod prune;
mod queue;
mod record;
mod recover;
mod source;
mod sync;
mod verify;

use std::{
    fmt,
    fs::File,
    sync::{Arc, Mutex},
};

use tokio_util::{sync::CancellationToken, task::TaskTracker};
use vidimus_types::{ClearTarget, ImageId};

pub use clean::Cleaned;
pub use clear::Cleared;
pub use config::CacheConfig;
pub use error::{Error, FillError, FillFailure, Result};
pub use fill::FillPermit;
pub use follow::{FillPart, FillParts, FillReader};
pub use lookup::{BypassReason, CacheFile, Lookup};
pub use metrics::CacheCounters;
pub use proof::Expected;
pub use prune::Pruned;
pub use queue::{Queue, QueueFailure};
pub use record::{Access, Entry};
pub use source::{Chunks, Source};
pub use verify::Verification;

/// The image cache of one node. Cheap to clone; all clones are one cache.
///
/// Every method may be dropped at any await: what it began on the disk is brought to its end nevertheless.
#[derive(Clone)]
pub struct ImageCache {
    inner: Arc<Inner>,
}

struct Inner {
    config: CacheConfig,
    layout: layout::Layout,
    index: Arc<index::Index>,
    index_file: index_file::IndexFile,
    flights: Arc<flight::Flights<ImageId, FillReader>>,
    queue: Queue,
    /// Held by the one who evicts.
    making_room: tokio::sync::Mutex<()>,
    /// Clears whose files are not all unlinked. Held while the note that says so is written or removed.
    clears: Mutex<usize>,
    /// Fills, and work on files that somebody may have stopped waiting for.
    tasks: TaskTracker,
    stop: CancellationToken,
    counters: metrics::Counters,
    /// Keeps other processes out of the folder.
    _lock: File,
}

impl ImageCache {
    /// Opens the cache folder, in whatever state it was left, and creates it if need be.
    ///
    /// Removes unfinished fills, takes up the complete files, evicts down to the limit. Reads no image data: a file that
    /// was not filled by us, or changed since, is verified when it is asked for.
    pub async fn open(config: CacheConfig) -> Result<Self> {
        let opened = tokio::task::spawn_blocking(move || {
            let layout = layout::Layout::new(config.dir.clone());
            let lock = recover::take_folder(&layout)?;
            let index = Arc::new(index::Index::new(config.max_size_bytes));
            let index_file = index_file::IndexFile::new(layout.clone());
            recover::recover(&layout, &index, index_file.read())?;
            let inner = Inner {
                queue: Queue::open(layout.clone(), Arc::clone(&index))?,
                config,
                layout,
                flights: Arc::new(flight::Flights::new()),
                index,
                index_file,
                making_room: tokio::sync::Mutex::new(()),
                tasks: TaskTracker::new(),
                stop: CancellationToken::new(),
                clears: Mutex::default(),
                counters: metrics::Counters::default(),
                _lock: lock,
            };
            inner.prune_now();
            Ok(Self {
                inner: Arc::new(inner),
            })
        });
        opened.await.map_err(|_| Error::ShuttingDown)?
    }

    /// Looks for an image on behalf of a download, and counts it if it is a hit.
    ///
    /// Waits while somebody else has the right to fill it and has not begun, while a copy that was found on the disk is
    /// verified, and while room is made.
    pub async fn lookup(&self, id: &ImageId, expected: &Expected) -> Lookup {
        self.inner.lookup(id, expected, lookup::Count::Hit).await
    }

    /// As [`Self::lookup`], for a download that would not fetch the whole image: the answer is never a miss.
    ///
    /// Does not wait, makes no room, verifies nothing. For a small range of an image that is not cached, taking the right
    /// to fill it would evict others for nothing.
    pub async fn lookup_present(&self, id: &ImageId, expected: &Expected) -> Lookup {
        self.inner.lookup_present(id, expected).await
    }

    /// As [`Self::lookup`], without counting: nobody downloads.
    pub async fn lookup_for_prefetch(&self, id: &ImageId, expected: &Expected) -> Lookup {
        let count = lookup::Count::Nothing;
        self.inner.lookup(id, expected, count).await
    }

    /// Whether there is a complete copy. It may still have to be verified.
    pub fn contains(&self, id: &ImageId) -> bool {
        self.inner.index.contains(id)
    }

    /// Whether a fill of the image runs.
    pub fn is_filling(&self, id: &ImageId) -> bool {
        self.inner.flights.filling(id).is_some()
    }

    /// The running fill of an image, to see how far it is.
    pub fn filling(&self, id: &ImageId) -> Option<FillReader> {
        self.inner.flights.filling(id)
    }

    /// The cached images, in no order.
    pub fn list(&self) -> Vec<Entry> {
        self.inner.index.entries()
    }

    /// Bytes of the cached images.
    pub fn used_bytes(&self) -> u64 {
        self.inner.index.used_bytes()
    }

    /// Bytes promised to running fills.
    pub fn reserved_bytes(&self) -> u64 {
        self.inner.index.reserved_bytes()
    }

    /// All bytes that count: of cached images, of running fills, and of files that are being unlinked. Never above the
    /// limit.
    pub fn occupied_bytes(&self) -> u64 {
        self.inner.index.occupied_bytes()
    }

    /// The limit of all of them together.
    pub fn max_size_bytes(&self) -> u64 {
        self.inner.index.max_size_bytes()
    }

    /// Removes the cached copy; `false` when there was none. Open readers keep theirs.
    ///
    /// A fill that runs goes on for those who follow it, and ends without a cached image.
    pub async fn remove(&self, id: &ImageId) -> bool {
        self.inner.remove(id).await
    }

    /// Removes the cached images, the queue, or both. Open readers keep their files, and running fills go on and
    /// are cached.
    ///
    /// None of the images is a hit from here on, nor after a crash or a power cut. The files are unlinked behind, and their
    /// bytes are [occupied](Self::occupied_bytes) until then.
    pub async fn clear(&self, target: ClearTarget) -> Result<Cleared> {
        self.inner.clear(target).await
    }

    /// Evicts until the cached images are within the limit; seldom finds anything to do, because the limit holds always.
    pub async fn prune(&self) -> Result<Pruned> {
        let pruned = self.inner.prune().await;
        pruned.map_err(|_| Error::ShuttingDown)
    }

    /// Removes failed fills from `invalid/`, and from `incomplete/` what is older than the stall time and not ours.
    pub async fn clean(&self) -> Result<Cleaned> {
        let inner = Arc::clone(&self.inner);
        let clean = self.inner.tasks.spawn_blocking(move || inner.clean_now());
        clean.await.map_err(|_| Error::ShuttingDown)?
    }

    /// Reads the cached copy from the disk and compares it with the image's hash; drops it when it differs.
    ///
    /// Hits go on meanwhile.
    pub async fn verify(&self, id: &ImageId, expected: &Expected) -> Result<Verification> {
        self.inner.verify(id, expected).await
    }

    /// The images that wait to be prefetched.
    pub fn queue(&self) -> &Queue {
        &self.inner.queue
    }

    /// Takes the hits that were not reported yet.
    pub fn drain_accesses(&self) -> Vec<Access> {
        self.inner.index.drain_accesses()
    }

    /// What happened since the cache was opened.
    pub fn counters(&self) -> CacheCounters {
        self.inner.counters.read()
    }

    /// Writes hits and times to the disk, if there are new ones. To be called now and then; a crash forgets what came
    /// after the last time.
    pub async fn save_index(&self) -> Result<()> {
        let inner = Arc::clone(&self.inner);
        let save = self.inner.tasks.spawn_blocking(move || {
            if !inner.index.begin_save() {
                return Ok(());
            }
            let saved = inner.index_file.replace(|| inner.index.records());
            if saved.is_err() {
                inner.index.save_failed();
            }
            saved
        });
        let saved = save.await.map_err(|_| Error::ShuttingDown)?;
        saved.map_err(|source| Error::Io {
            action: "save the cache index",
            source,
        })
    }

    /// Ends running fills, waits for work on files, and saves the index.
    ///
    /// Followers fail as when the source fails. The folder is free for others when the last clone is dropped.
    pub async fn shutdown(&self) -> Result<()> {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        self.save_index().await
    }
}

impl fmt::Debug for ImageCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageCache")
            .field("dir", &self.inner.config.dir)
            .field("used_bytes", &self.used_bytes())
            .field("reserved_bytes", &self.reserved_bytes())
            .finish_non_exhaustive()
    }
}
