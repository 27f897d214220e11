//! Finding an image: hit, filling, miss, or past the cache.

use std::{fs::File, io, sync::Arc};

use vidimus_types::ImageId;

use crate::{
    Inner,
    error::Error,
    fill::{FillPermit, Rights},
    flight::Acquired,
    follow::FillReader,
    index::Found,
    layout,
    proof::{Checks, Expected},
    record::Stamp,
};

/// How often a look-up starts over because the image changed hands under it.
const ATTEMPTS: usize = 64;

/// The answer to "do you have this image?".
#[derive(Debug)]
pub enum Lookup {
    /// Yes, whole and verified.
    Hit(CacheFile),
    /// Somebody is fetching it; follow.
    Filling(FillReader),
    /// No; you are the one who fetches it.
    Miss(FillPermit),
    /// Read the store and leave the cache alone.
    Bypass(BypassReason),
}

/// An open cached image.
///
/// As long as the file is held, the image counts as in use and other images are evicted before it. Should it go
/// nevertheless, the file stays readable.
#[derive(Debug, Clone)]
pub struct CacheFile {
    /// Shared by all who read the image: read by position, never seek.
    pub file: Arc<File>,
    /// The size of the image.
    pub size_bytes: u64,
}

/// Why a look-up is sent past the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BypassReason {
    /// The image is larger than the whole cache may be.
    TooLarge,
    /// The limit is taken up by running fills.
    NoRoom,
    /// The disk would be left with less than the reserve.
    DiskFull,
    /// The image has only hashes that this machine cannot compute.
    Unverifiable,
    /// The image changes hands faster than it could be looked at, or two callers disagree on its size.
    Busy,
    /// Only what is there was asked for, and it is not, or not verified yet.
    NotCached,
    /// The disk failed; the log says how.
    Unavailable,
    /// The cache is shutting down.
    ShuttingDown,
}

impl BypassReason {
    /// One word for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too-large",
            Self::NoRoom => "no-room",
            Self::DiskFull => "disk-full",
            Self::Unverifiable => "unverifiable",
            Self::Busy => "busy",
            Self::NotCached => "not-cached",
            Self::Unavailable => "unavailable",
            Self::ShuttingDown => "shutting-down",
        }
    }
}

/// Whether a look-up is somebody's download.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    Hit,
    Nothing,
}

impl Inner {
    pub(crate) async fn lookup(
        self: &Arc<Self>,
        id: &ImageId,
        expected: &Expected,
        count: Count,
    ) -> Lookup {
        let answer = self.look(id, expected).await;
        self.count(id, answer.unwrap_or_else(Lookup::Bypass), count)
    }

    pub(crate) async fn lookup_present(&self, id: &ImageId, expected: &Expected) -> Lookup {
        let answer = self.look_around(id, expected).await;
        self.count(id, answer.unwrap_or_else(Lookup::Bypass), Count::Hit)
    }

    fn count(&self, id: &ImageId, answer: Lookup, count: Count) -> Lookup {
        match &answer {
            Lookup::Hit(_) if count == Count::Hit => {
                self.index.count_hit(id);
                self.counters.hit();
            }
            Lookup::Hit(_) => {}
            Lookup::Filling(_) => self.counters.followed(),
            Lookup::Miss(_) => self.counters.missed(),
            Lookup::Bypass(reason) => {
                tracing::debug!(image.id = %id, reason = reason.as_str(), "past the cache");
                self.counters.bypassed();
            }
        }
        answer
    }

    async fn look_around(&self, id: &ImageId, expected: &Expected) -> Result<Lookup, BypassReason> {
        let checks = Checks::new(expected).ok_or(BypassReason::Unverifiable)?;
        if let Some(hit) = self.find_hit(id, &checks).await? {
            return Ok(hit);
        }
        match self.flights.filling(id) {
            Some(reader) if reader.size_bytes() == checks.size_bytes => Ok(Lookup::Filling(reader)),
            Some(_) | None => Err(BypassReason::NotCached),
        }
    }

    async fn look(
        self: &Arc<Self>,
        id: &ImageId,
        expected: &Expected,
    ) -> Result<Lookup, BypassReason> {
        let checks = Checks::new(expected).ok_or(BypassReason::Unverifiable)?;
        for _ in 0..ATTEMPTS {
            if let Some(hit) = self.find_hit(id, &checks).await? {
                return Ok(hit);
            }
            let grant = match self.flights.acquire(id) {
                Acquired::Granted(grant) => grant,
                Acquired::Filling(reader) if reader.size_bytes() == checks.size_bytes => {
                    return Ok(Lookup::Filling(reader));
                }
                Acquired::Filling(_) => return Err(BypassReason::Busy),
                Acquired::Busy(turn) => match turn.await {
                    Some(grant) => grant,
                    None => continue,
                },
            };
            // The image is ours, so now the answer holds.
            match self.index.find(id, &checks) {
                // Cached meanwhile. All who wait may look.
                Found::Open(..) | Found::Closed(..) => drop(grant.settle()),
                Found::WrongSize | Found::Unproven => {
                    match self.check_cached(*id, checks.clone(), grant).await {
                        Ok(_) => {}
                        Err(Error::ShuttingDown) => return Err(BypassReason::ShuttingDown),
                        Err(error) => {
                            let error = &error as &dyn std::error::Error;
                            tracing::warn!(image.id = %id, error, "a cached image cannot be verified");
                            return Err(BypassReason::Unavailable);
                        }
                    }
                }
                Found::Absent => {
                    if self.stop.is_cancelled() {
                        return Err(BypassReason::ShuttingDown);
                    }
                    let Some(grant) = self.finish_clear(*id, grant).await else {
                        continue;
                    };
                    let reservation = self.reserve(checks.size_bytes).await?;
                    return Ok(Lookup::Miss(FillPermit {
                        inner: Arc::clone(self),
                        id: *id,
                        checks,
                        rights: Rights { reservation, grant },
                    }));
                }
            }
        }
        Err(BypassReason::Busy)
    }

    /// A hit, if there is one without further ado.
    async fn find_hit(
        &self,
        id: &ImageId,
        checks: &Checks,
    ) -> Result<Option<Lookup>, BypassReason> {
        match self.index.find(id, checks) {
            Found::Open(file, stamp) => match file.metadata() {
                // A look at the open file, in memory: somebody may have cut it.
                Ok(metadata) if Stamp::of(&metadata) == stamp => Ok(Some(hit(file, checks))),
                Ok(_) | Err(_) => {
                    self.index.distrust(id, stamp);
                    Ok(None)
                }
            },
            Found::Closed(stamp) => match self.open(id, stamp).await {
                Ok(Some(file)) => Ok(Some(hit(self.index.share(id, stamp, file), checks))),
                Ok(None) => {
                    self.index.distrust(id, stamp);
                    Ok(None)
                }
                Err(error) => {
                    tracing::warn!(image.id = %id, %error, "a cached image cannot be opened");
                    Err(BypassReason::Unavailable)
                }
            },
            Found::WrongSize | Found::Unproven | Found::Absent => Ok(None),
        }
    }

    /// Opens the file of a cached image; `None` when it is another than the one that was verified.
    async fn open(&self, id: &ImageId, stamp: Stamp) -> io::Result<Option<Arc<File>>> {
        let path = self.layout.complete(id);
        let same = move |file: File| {
            let is_same = Stamp::of(&file.metadata()?) == stamp;
            Ok(is_same.then(|| Arc::new(file)))
        };
        // The way to another thread and back would cost more than all the rest of a hit.
        if let Some(file) = layout::open_at_once(&path) {
            return same(file);
        }
        let opened = tokio::task::spawn_blocking(move || match layout::open_file(&path) {
            Ok(file) => same(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        });
        opened.await.map_err(io::Error::other)?
    }
}

fn hit(file: Arc<File>, checks: &Checks) -> Lookup {
    Lookup::Hit(CacheFile {
        file,
        size_bytes: checks.size_bytes,
    })
}
