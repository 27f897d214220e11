//! The download, in order: find, ask, look in the cache, open the source.
//!
//! Authorisation is decided before anybody looks where the bytes are, so a cached image is as protected as an uncached
//! one. On a miss the fill belongs to nobody's request: the first client follows the growing file like all others, and
//! when the fill fails half-way each follower goes on from its own offset with a read of the store.

use std::{fmt, fs::File, io, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use vidimus_auth::{Action, Context};
use vidimus_cache::{
    self as cache, Expected, FillPart, FillParts, FillPermit, FillReader, ImageCache, Lookup,
};
use vidimus_db::ImageRecord;
use vidimus_store::{ByteStream, Location, StoreRead};
use vidimus_types::{ByteRange, ImageId, ImageStatus};

use crate::{Error, ImageService, Result, locations::place, notify::Sending};

/// Which bytes the client asked for; the header is read where headers are known.
pub trait RangeRequest: Send + Sync {
    /// The bytes of an image of this size, `None` for all of it, or why there are none.
    fn resolve(&self, size_bytes: u64) -> Result<Option<ByteRange>>;
}

/// An image on its way to a client.
pub struct Download {
    /// MD5 of the whole image, if it is known.
    pub checksum: Option<String>,
    /// Size of the whole image.
    pub size_bytes: u64,
    /// The bytes that were asked for, if not all.
    pub range: Option<ByteRange>,
    /// The bytes.
    pub body: ImageBody,
    /// How the cache took part: hit, filling, miss, bypass. For the log.
    pub cache: &'static str,
    /// To be told how much was sent, and dropped when that was all; absent where nobody wants to know.
    pub sending: Option<Sending>,
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download")
            .field("size_bytes", &self.size_bytes)
            .field("range", &self.range)
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}

/// The bytes of a download, in order. An `Err` means that the connection must be cut.
pub type ImageBody = Pin<Box<dyn Stream<Item = io::Result<Piece>> + Send>>;

/// Some bytes of an image on their way to a client. What lies in a file leaves to the server how it is sent.
#[derive(Debug, Clone)]
pub enum Piece {
    /// In memory.
    Bytes(Bytes),
    /// In an open file.
    File {
        /// Open for reading; its position is not used. A cached image is not the first to be evicted while it is held.
        file: Arc<File>,
        /// Which bytes of it, not none. They never change.
        range: ByteRange,
    },
}

impl ImageService {
    /// Opens the data of an image, or says that it has none.
    pub async fn download(
        &self,
        ctx: &Context,
        id: &ImageId,
        prefer: &[String],
        range: &dyn RangeRequest,
    ) -> Result<Option<Download>> {
        let record = self.find_image(ctx, id).await?;
        if record.status == ImageStatus::Deactivated && !ctx.is_admin() {
            return Err(Error::Deactivated);
        }
        self.enforce_on(ctx, Action::DownloadImage, &record)?;
        if !prefer.is_empty() {
            self.enforce_on(ctx, Action::DownloadFromStore, &record)?;
            self.check_preferred(prefer)?;
        }
        let locations = self.locations_of(&record, prefer);
        let (Some(size_bytes), false) = (record.size, locations.is_empty()) else {
            return Ok(None);
        };
        let range = range.resolve(size_bytes)?;
        let wanted = range.unwrap_or(ByteRange::whole(size_bytes));

        let source = Source {
            service: self.clone(),
            id: record.id,
            size_bytes,
            locations,
        };
        let (body, cache) = match self.lookup(&record, size_bytes, range.is_none()).await {
            Some(Lookup::Hit(hit)) => (file_body(hit.file, wanted), "hit"),
            Some(Lookup::Filling(reader))
                if range.is_none() || reader.available() >= wanted.end =>
            {
                (source.follow(reader, wanted), "filling")
            }
            Some(Lookup::Miss(permit)) => (source.fill(permit, wanted), "miss"),
            _ => match source.open(range).await? {
                Some(read) => (store_body(read), "bypass"),
                None => return Ok(None),
            },
        };
        let sending = Sending::of(self, ctx, &record, wanted.len());
        Ok(Some(Download {
            checksum: record.checksum,
            size_bytes,
            range,
            body,
            cache,
            sending,
        }))
    }

    /// Fetches an image into the cache without a client. `Ok` also if it is there already.
    pub(crate) async fn fill_cache(
        &self,
        cache: &ImageCache,
        id: &ImageId,
    ) -> Result<(), PrefetchError> {
        let ctx = Context::worker("prefetcher");
        let record = match self.find_image(&ctx, id).await {
            Err(Error::ImageNotFound(_)) => {
                return Err(PrefetchError::Pointless("the image is gone"));
            }
            found => found.map_err(PrefetchError::failed)?,
        };
        let (ImageStatus::Active, Some(size_bytes)) = (record.status, record.size) else {
            return Err(PrefetchError::Pointless("the image is not active"));
        };
        let locations = self.locations_of(&record, &[]);
        let source = Source {
            service: self.clone(),
            id: record.id,
            size_bytes,
            locations,
        };
        let reader = match cache
            .lookup_for_prefetch(id, &expected(&record, size_bytes))
            .await
        {
            Lookup::Hit(_) => return Ok(()),
            Lookup::Filling(reader) => reader,
            Lookup::Miss(permit) => permit.fill_from(source.for_fill()),
            Lookup::Bypass(reason) => {
                return Err(PrefetchError::Failed(format!(
                    "the cache cannot take it: {}",
                    reason.as_str()
                )));
            }
        };
        let outcome = reader.finished().await;
        self.forget_if_deleted(id).await;
        outcome.map_err(|error| PrefetchError::Failed(chain(&error)))
    }

    /// `None` where the cache has no say in this download.
    async fn lookup(&self, record: &ImageRecord, size_bytes: u64, whole: bool) -> Option<Lookup> {
        // Only active images: what a deactivated one holds is under investigation and read from its store.
        let is_cacheable = self.config().cache_downloads && record.status == ImageStatus::Active;
        let cache = self.parts.cache.as_ref().filter(|_| is_cacheable)?;
        let expected = expected(record, size_bytes);
        Some(if whole {
            cache.lookup(&record.id, &expected).await
        } else {
            // A range of an image that is not cached does not fetch all of it: probing a header must stay cheap.
            cache.lookup_present(&record.id, &expected).await
        })
    }

    /// The active locations, in the order to try them.
    pub(crate) fn locations_of(&self, record: &ImageRecord, prefer: &[String]) -> Vec<Location> {
        let active: Vec<Location> = record
            .locations
            .iter()
            .filter(|location| location.status == vidimus_db::LocationStatus::Active)
            .map(place)
            .collect();
        let ordered = self
            .parts
            .stores
            .order_for_reading(&active, None)
            .into_iter()
            .cloned();
        let is_preferred = |location: &Location| {
            location
                .store_id()
                .is_some_and(|id| prefer.iter().any(|name| name == id.as_str()))
        };
        let (mut first, rest): (Vec<_>, Vec<_>) = ordered.partition(is_preferred);
        first.extend(rest);
        first
    }

    fn check_preferred(&self, prefer: &[String]) -> Result<()> {
        if !self.has_several_stores() {
            return Err(Error::NoStoreChoice);
        }
        let is_known = |name: &String| {
            name.parse()
                .is_ok_and(|id| self.parts.stores.get(&id).is_ok())
        };
        match prefer.iter().find(|name| !is_known(name)) {
            Some(unknown) => Err(Error::PreferredStoreUnknown(unknown.clone())),
            None => Ok(()),
        }
    }
}

/// Why an image was not fetched into the cache.
#[derive(Debug)]
pub(crate) enum PrefetchError {
    /// It will never work: the image is gone or not active.
    Pointless(&'static str),
    /// It may work later.
    Failed(String),
}

impl PrefetchError {
    fn failed(error: Error) -> Self {
        Self::Failed(chain(&error))
    }
}

/// An error with its causes, for who looks at the queue.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn expected(record: &ImageRecord, size_bytes: u64) -> Expected {
    Expected {
        size_bytes,
        md5: record.checksum.clone(),
        hash: record
            .os_hash_algo
            .clone()
            .zip(record.os_hash_value.clone()),
    }
}

/// An image's data in its stores, opened as late as possible.
#[derive(Clone)]
struct Source {
    service: ImageService,
    id: ImageId,
    size_bytes: u64,
    locations: Vec<Location>,
}

/// What to do where a store can only be read as a whole.
#[derive(Clone, Copy)]
enum Parts {
    /// Say so.
    Asked,
    /// Read over what is not wanted.
    ReadOver,
}

impl Source {
    /// Opens the first location that works. `None` if every one says that there is no data.
    async fn open(&self, range: Option<ByteRange>) -> Result<Option<StoreRead>> {
        self.open_any(range, Parts::Asked).await
    }

    async fn open_any(&self, range: Option<ByteRange>, parts: Parts) -> Result<Option<StoreRead>> {
        let mut failure = None;
        for location in &self.locations {
            match self.open_at(location, range, parts).await {
                Ok(read) => return Ok(Some(read)),
                Err(error) => {
                    tracing::warn!(image.id = %self.id, location = %location.label(), error = &error as &dyn std::error::Error, "image data not readable here");
                    failure = Some(error);
                }
            }
        }
        match failure {
            // Compat: Glance answers 204 to an image whose data is not in its store.
            None | Some(vidimus_store::Error::NotFound { .. }) => Ok(None),
            Some(vidimus_store::Error::NoRanges { range, .. }) => Err(Error::NoRandomReads(range)),
            Some(error @ vidimus_store::Error::Unreachable { .. }) => {
                Err(Error::RemoteUnavailable(error))
            }
            Some(vidimus_store::Error::TimedOut { seconds, .. }) => {
                Err(Error::StoreTimedOut { seconds })
            }
            Some(error) => Err(Error::StoreUnavailable(error)),
        }
    }

    async fn open_at(
        &self,
        location: &Location,
        range: Option<ByteRange>,
        parts: Parts,
    ) -> vidimus_store::Result<StoreRead> {
        let store = self.service.parts.stores.find(location)?;
        let can_open_range = store.capabilities().can_open_range;
        let read = match (range, parts) {
            (Some(range), Parts::ReadOver) if !can_open_range => {
                store.open(location, None).await?.narrowed(range)
            }
            _ => store.open(location, range).await?,
        };
        if read.size_bytes() == self.size_bytes {
            Ok(read)
        } else {
            // Whoever reads it has been promised so many bytes.
            Err(vidimus_store::Error::BadLocation {
                place: location.label(),
                reason: "what is there has another size than the image",
            })
        }
    }

    /// The bytes of `range`, with the store opened when the first of them is wanted.
    fn lazy_stream(self, range: ByteRange) -> ByteStream {
        let opened = async move {
            match self.open_any(Some(range), Parts::ReadOver).await {
                Ok(Some(read)) => Ok(read.into_stream()),
                Ok(None) => Err(io::Error::from(io::ErrorKind::NotFound)),
                Err(error) => Err(io::Error::other(error)),
            }
        };
        Box::pin(stream::once(opened).map(flatten).flatten())
    }

    /// All of the data, for the cache. A file is handed over as such: the cache may be able to clone it.
    async fn for_fill(self) -> io::Result<cache::Source> {
        let whole = ByteRange::whole(self.size_bytes);
        match self.open_any(Some(whole), Parts::ReadOver).await {
            Ok(Some(StoreRead::File { file, .. })) => Ok(cache::Source::File(file)),
            Ok(Some(read)) => Ok(cache::Source::Stream(read.into_stream())),
            Ok(None) => Err(io::ErrorKind::NotFound.into()),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    fn fill(self, permit: FillPermit, wanted: ByteRange) -> ImageBody {
        let reader = permit.fill_from(self.clone().for_fill());
        let (service, id, filled) = (self.service.clone(), self.id, reader.clone());
        self.service.parts.tasks.spawn(async move {
            if filled.finished().await.is_ok() {
                service.forget_if_deleted(&id).await;
            }
        });
        self.follow(reader, wanted)
    }

    /// Follows a fill, and goes on with the store itself where the fill fails for a reason of its own.
    fn follow(self, reader: FillReader, wanted: ByteRange) -> ImageBody {
        let state = Following::Fill(Follower {
            parts: reader.parts(wanted),
            reader,
            source: self,
            at: wanted.start,
            wanted,
        });
        Box::pin(stream::try_unfold(state, next_piece))
    }
}

fn flatten(opened: io::Result<ByteStream>) -> ByteStream {
    opened.unwrap_or_else(|error| Box::pin(stream::once(async { Err(error) })))
}

enum Following {
    Fill(Follower),
    Store(ByteStream),
}

struct Follower {
    parts: FillParts,
    reader: FillReader,
    source: Source,
    at: u64,
    wanted: ByteRange,
}

/// How long the end of a download may wait for its copy to be on the disk and listed.
const PUBLISHING: Duration = Duration::from_secs(1);

async fn next_piece(state: Following) -> io::Result<Option<(Piece, Following)>> {
    let mut data = match state {
        Following::Fill(mut follower) => match follower.parts.next().await {
            None => return Ok(None),
            Some(Ok(FillPart { file, range })) => {
                follower.at = range.end;
                if follower.at == follower.wanted.end {
                    // Who lists the cache after a download expects the image there. A slow disk is not waited for.
                    let _ = tokio::time::timeout(PUBLISHING, follower.reader.finished()).await;
                }
                let piece = Piece::File { file, range };
                return Ok(Some((piece, Following::Fill(follower))));
            }
            // What the store gave is not the image. Reading it again could only finish a download that must not end well.
            Some(Err(error)) if !error.failure.is_resumable() => {
                return Err(io::Error::other(error));
            }
            Some(Err(error)) => {
                tracing::warn!(image.id = %follower.source.id, error = &error as &dyn std::error::Error, "going on with the store after a failed fill");
                let rest = ByteRange {
                    start: error.offset,
                    end: follower.wanted.end,
                };
                follower.source.lazy_stream(rest)
            }
        },
        Following::Store(data) => data,
    };
    match data.next().await {
        None => Ok(None),
        Some(chunk) => Ok(Some((Piece::Bytes(chunk?), Following::Store(data)))),
    }
}

fn file_body(file: Arc<File>, range: ByteRange) -> ImageBody {
    let piece = (!range.is_empty()).then_some(Ok(Piece::File { file, range }));
    Box::pin(stream::iter(piece))
}

fn store_body(read: StoreRead) -> ImageBody {
    match read {
        StoreRead::File { file, range, .. } => file_body(file, range),
        StoreRead::Stream { stream, .. } => Box::pin(stream.map(|chunk| chunk.map(Piece::Bytes))),
    }
}
