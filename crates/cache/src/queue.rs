//! Images that wait to be prefetched. Survives a restart; gives up on none.
//!
//! The markers in `queue/` are the truth, their modification times the order. In memory are, beside a copy of that, the
//! failures: an image that cannot be fetched is tried again at growing intervals, and the others go on meanwhile.
//! Fetching is the business of whoever calls [`Queue::next`].

use std::{
    collections::{BTreeMap, HashMap},
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use tokio::{sync::Notify, time::Instant};
use vidimus_types::ImageId;

use crate::{
    clean::for_each_file,
    error::{Error, Result},
    index::Index,
    layout::{self, Layout, sync_folder},
};

const FIRST_RETRY: Duration = Duration::from_secs(5);
const LAST_RETRY: Duration = Duration::from_secs(15 * 60);

/// After this long, an image that was handed out and neither done nor failed is handed out again. Harmless if the first
/// worker is alive: fills are never doubled.
const LEASE: Duration = Duration::from_secs(15 * 60);

/// The queue of one cache folder.
#[derive(Debug)]
pub struct Queue {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    layout: Layout,
    index: Arc<Index>,
    /// Held while a marker and its copy in `waiting` change together. Off the runtime only.
    changing: Mutex<()>,
    waiting: Mutex<Waiting>,
    changed: Notify,
    /// Markers were removed, and after a power cut might be back.
    owes_sync: AtomicBool,
}

#[derive(Debug, Default)]
struct Waiting {
    order: BTreeMap<u64, ImageId>,
    items: HashMap<ImageId, Item>,
    next_number: u64,
    /// Modification time of the youngest marker. The next one's is later, or a restart would mix them up.
    youngest: Option<SystemTime>,
}

#[derive(Debug)]
struct Item {
    number: u64,
    not_before: Option<Instant>,
    failure: Option<QueueFailure>,
}

/// Why a queued image is still not cached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueFailure {
    /// The image.
    pub image_id: ImageId,
    /// Attempts that failed since the start.
    pub attempts: u32,
    /// What the last one failed with.
    pub last_error: String,
    /// When the next is due.
    pub retry_at: SystemTime,
}

impl Queue {
    /// Reads the markers that are there.
    pub(crate) fn open(layout: Layout, index: Arc<Index>) -> Result<Self> {
        let mut markers = Vec::new();
        let mut strangers = 0_u64;
        for_each_file(&layout.queue_dir(), |path, metadata| {
            let name = path.file_name().and_then(|name| name.to_str());
            match name.and_then(|name| name.parse::<ImageId>().ok()) {
                Some(id) => markers.push((metadata.modified()?, id)),
                None => strangers += 1,
            }
            Ok(())
        })
        .map_err(|source| Error::Io {
            action: "read the queue",
            source,
        })?;
        if strangers > 0 {
            tracing::warn!(
                count = strangers,
                "files in the queue that name no image; left alone"
            );
        }
        markers.sort_unstable();
        let mut waiting = Waiting::default();
        for (queued_at, id) in markers {
            waiting.youngest = Some(queued_at);
            waiting.insert(id);
        }
        Ok(Self {
            shared: Arc::new(Shared {
                layout,
                index,
                changing: Mutex::new(()),
                waiting: Mutex::new(waiting),
                changed: Notify::new(),
                owes_sync: AtomicBool::new(false),
            }),
        })
    }

    /// Queues an image, durably. Nothing happens, and `false` is returned, when it is cached or queued already.
    pub async fn push(&self, id: &ImageId) -> Result<bool> {
        let id = *id;
        self.change("queue an image", move |shared| shared.push(id))
            .await
    }

    /// Takes an image out of the queue; `false` when it was not in it. A fetch that runs goes on.
    pub async fn remove(&self, id: &ImageId) -> Result<bool> {
        // The common case of a fill that nobody queued costs no look at the disk.
        if !self.contains(id) {
            return Ok(false);
        }
        let id = *id;
        let remove = move |shared: &Shared| {
            layout::remove_file(&shared.layout.queued(&id))?;
            Ok(shared.waiting().remove(&id))
        };
        self.change("remove a queued image", remove).await
    }

    /// Empties the queue and returns how many images were in it.
    pub(crate) async fn clear(&self) -> Result<u64> {
        let clear = |shared: &Shared| {
            let ids: Vec<_> = shared.waiting().order.values().copied().collect();
            if ids.is_empty() && !shared.owes_sync.load(Ordering::SeqCst) {
                return Ok(0);
            }
            shared.owes_sync.store(true, Ordering::SeqCst);
            let mut removed = 0;
            for id in ids {
                layout::remove_file(&shared.layout.queued(&id))?;
                removed += u64::from(shared.waiting().remove(&id));
            }
            sync_folder(&shared.layout.queue_dir())?;
            shared.owes_sync.store(false, Ordering::SeqCst);
            Ok(removed)
        };
        self.change("empty the queue", clear).await
    }

    /// The queued images, oldest first.
    pub fn list(&self) -> Vec<ImageId> {
        self.shared.waiting().order.values().copied().collect()
    }

    /// Whether the image is queued.
    pub fn contains(&self, id: &ImageId) -> bool {
        self.shared.waiting().items.contains_key(id)
    }

    /// How many images are queued.
    pub fn len(&self) -> usize {
        self.shared.waiting().items.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The queued images whose last fetch failed, oldest first.
    pub fn failures(&self) -> Vec<QueueFailure> {
        let waiting = self.shared.waiting();
        let item = |id| waiting.items.get(id)?.failure.clone();
        waiting.order.values().filter_map(item).collect()
    }

    /// Waits for an image that is due, the oldest first, and hands it out.
    ///
    /// It stays queued until [`Self::done`], or until its fill succeeds. Several workers may call this.
    pub async fn next(&self) -> ImageId {
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let due = self.shared.waiting().hand_out(Instant::now());
            match due {
                Due::Now(id) => return id,
                // Over, or something changed: look again.
                Due::At(when) => drop(tokio::time::timeout_at(when, changed).await),
                Due::Never => changed.await,
            }
        }
    }

    /// The image was fetched, or need not be: it leaves the queue.
    pub async fn done(&self, id: &ImageId) -> Result<()> {
        self.remove(id).await.map(drop)
    }

    /// The image could not be fetched: it stays queued and comes again after a while, each time a longer one.
    pub fn failed(&self, id: &ImageId, reason: impl Into<String>) {
        let mut waiting = self.shared.waiting();
        let Some(item) = waiting.items.get_mut(id) else {
            return;
        };
        let attempts = item.failure.as_ref().map_or(0, |failure| failure.attempts);
        let delay = retry_delay(attempts);
        item.not_before = Some(Instant::now() + delay);
        item.failure = Some(QueueFailure {
            image_id: *id,
            attempts: attempts.saturating_add(1),
            last_error: reason.into(),
            retry_at: SystemTime::now() + delay,
        });
        drop(waiting);
        self.shared.changed.notify_waiters();
    }

    async fn change<T: Send + 'static>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Shared) -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let shared = Arc::clone(&self.shared);
        // Runs to its end also when the caller leaves.
        let change = tokio::task::spawn_blocking(move || {
            let _turn = shared
                .changing
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let result = work(&shared);
            shared.changed.notify_waiters();
            result
        });
        let result = change.await.map_err(|_| Error::ShuttingDown)?;
        result.map_err(|source| Error::Io { action, source })
    }
}

/// How long after its `attempts`-th failure, counted from 0, an image rests.
fn retry_delay(attempts: u32) -> Duration {
    let factor = 2_u32.saturating_pow(attempts);
    FIRST_RETRY.saturating_mul(factor).min(LAST_RETRY)
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, id: ImageId) -> io::Result<bool> {
        let queued_at = {
            let mut waiting = self.waiting();
            if waiting.items.contains_key(&id) {
                return Ok(false);
            }
            waiting.insert(id);
            let queued_at = waiting.later_than_all();
            waiting.youngest = Some(queued_at);
            queued_at
        };
        // In this order: a fill that ends now enters the index and then looks whether the image is queued, so one of us
        // sees the other.
        if self.index.contains(&id) {
            self.waiting().remove(&id);
            return Ok(false);
        }
        let marked = self.mark(&id, queued_at);
        if marked.is_err() {
            // After a failed sync the marker may be there or not; it must not come back unasked.
            let _ = layout::remove_file(&self.layout.queued(&id));
            self.waiting().remove(&id);
        }
        marked.map(|()| true)
    }

    fn mark(&self, id: &ImageId, queued_at: SystemTime) -> io::Result<()> {
        let marker = fs_err::File::create(self.layout.queued(id))?;
        marker.into_file().set_modified(queued_at)?;
        sync_folder(&self.layout.queue_dir())
    }
}

enum Due {
    Now(ImageId),
    At(Instant),
    Never,
}

impl Waiting {
    fn insert(&mut self, id: ImageId) {
        let number = self.next_number;
        self.next_number += 1;
        self.order.insert(number, id);
        let item = Item {
            number,
            not_before: None,
            failure: None,
        };
        self.items.insert(id, item);
    }

    fn remove(&mut self, id: &ImageId) -> bool {
        let Some(item) = self.items.remove(id) else {
            return false;
        };
        self.order.remove(&item.number);
        true
    }

    fn hand_out(&mut self, now: Instant) -> Due {
        let mut earliest: Option<Instant> = None;
        for id in self.order.values() {
            let Some(item) = self.items.get_mut(id) else {
                continue;
            };
            match item.not_before {
                Some(when) if when > now => {
                    earliest = Some(earliest.map_or(when, |earliest| earliest.min(when)));
                }
                Some(_) | None => {
                    item.not_before = Some(now + LEASE);
                    return Due::Now(*id);
                }
            }
        }
        earliest.map_or(Due::Never, Due::At)
    }

    fn later_than_all(&self) -> SystemTime {
        let now = SystemTime::now();
        match self.youngest {
            // A microsecond, for file systems that keep no nanoseconds.
            Some(youngest) => now.max(youngest + Duration::from_micros(1)),
            None => now,
        }
    }
}
