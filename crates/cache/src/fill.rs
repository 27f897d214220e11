//! Fills the cache: one writer per image, any number of followers.
//!
//! The writer is a task of its own, so no client can slow or stop it. It counts and hashes while it writes, and the image
//! becomes a hit only after the bytes were verified and are on the disk for good: a crash leaves a file in `incomplete/`
//! that the next start removes. Where the bytes come from is the caller's business; this module is handed a stream, or a file.

use std::{fmt, fs::File, io, os::unix::fs::FileExt, sync::Arc, time::SystemTime};

use bytes::Bytes;
use futures_util::Stream;
use tokio::task::JoinHandle;
use vidimus_digest::Hasher;
use vidimus_types::ImageId;

use crate::{
    Inner,
    error::FillFailure,
    flight::Grant,
    follow::FillReader,
    index::Reservation,
    layout::{self, sync_folder},
    proof::{Checks, Proof},
    record::{Record, Stamp},
    source::{self, Batches, Source},
    verify::hash_file,
};

/// How much is written before the disk is asked to begin with it, so that the sync at the end finds little to do.
const SYNC_BYTES: u64 = 32 * 1024 * 1024;

/// The right to fetch an image, and the room for it.
///
/// Dropped without a fill, the right goes to the next caller who waits for the image.
pub struct FillPermit {
    pub(crate) inner: Arc<Inner>,
    pub(crate) id: ImageId,
    pub(crate) checks: Checks,
    pub(crate) rights: Rights,
}

/// What a fill holds. The room is given back first, so that the next holder of the grant finds it.
pub(crate) struct Rights {
    pub(crate) reservation: Reservation,
    pub(crate) grant: Grant<ImageId, FillReader>,
}

impl FillPermit {
    /// The image to fetch.
    pub fn image_id(&self) -> ImageId {
        self.id
    }

    /// Starts the fill in a task of its own and returns the way to follow it.
    ///
    /// The task reads `source` to its end whether anybody follows or not. Must be called within a tokio runtime.
    pub fn fill(
        self,
        source: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> FillReader {
        self.fill_from(async { Ok(Source::Stream(Box::pin(source))) })
    }

    /// As [`Self::fill`], from what `open` gives. It is awaited in the task.
    pub fn fill_from(
        self,
        open: impl Future<Output = io::Result<Source>> + Send + 'static,
    ) -> FillReader {
        let reader = FillReader::new(self.checks.size_bytes);
        self.rights.grant.begin(reader.clone());
        let inner = Arc::clone(&self.inner);
        let fill = Fill {
            inner: self.inner,
            id: self.id,
            checks: self.checks,
            reader: reader.clone(),
            rights: Some(self.rights),
        };
        inner.tasks.spawn(fill.run(open));
        reader
    }
}

impl fmt::Debug for FillPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FillPermit")
            .field("image_id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A running fill. Dropped before its end, it fails its followers and leaves nothing behind.
struct Fill {
    inner: Arc<Inner>,
    id: ImageId,
    checks: Checks,
    reader: FillReader,
    /// Gone when the fill has ended.
    rights: Option<Rights>,
}

impl Fill {
    async fn run(mut self, open: impl Future<Output = io::Result<Source>> + Send) {
        let inner = Arc::clone(&self.inner);
        let outcome = tokio::select! {
            biased;
            () = inner.stop.cancelled() => Err(FillFailure::Stopped),
            proof = self.copy(open) => proof,
        };
        let outcome = match outcome {
            Ok(proof) => {
                self.reader.fill.progress.verified();
                self.publish(proof).await
            }
            Err(failure) => Err(failure),
        };
        match &outcome {
            Ok(()) => inner.counters.filled(),
            Err(failure) => {
                inner.counters.fill_failed();
                tracing::warn!(
                    image.id = %self.id,
                    error = failure as &dyn std::error::Error,
                    "an image could not be cached"
                );
                // Without the rights it is gone already, and the name may be another fill's.
                if self.rights.is_some() {
                    let path = inner.layout.incomplete(&self.id);
                    let removed = self.blocking(move || layout::remove_file(&path)).await;
                    if let Err(error) = removed {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(image.id = %self.id, error, "an unfinished fill stays on the disk");
                    }
                }
            }
        }
        self.end(outcome);
    }

    /// Brings the bytes into `incomplete/` and compares them.
    async fn copy(
        &mut self,
        open: impl Future<Output = io::Result<Source>> + Send,
    ) -> Result<Proof, FillFailure> {
        let stall_time = self.inner.config.stall_time;
        let opened = source::unless_stalled(stall_time, open).await?;
        let opened = opened.map_err(FillFailure::source)?;
        let file = match &opened {
            Source::File(file) => Some(Arc::clone(file)),
            Source::Stream(_) => None,
        };
        let (path, size_bytes) = (
            self.inner.layout.incomplete(&self.id),
            self.checks.size_bytes,
        );
        let begin = move || {
            let (writer, reader) = create(&path)?;
            let is_cloned = match file {
                Some(file) => source::clone_file(&writer, &file, size_bytes)?,
                None => false,
            };
            let has_room = is_cloned || source::allocate(&writer, size_bytes)?;
            Ok((writer, reader, is_cloned, has_room))
        };
        let (writer, reader, is_cloned, has_room) = self.blocking(begin).await?;
        if has_room && let Some(rights) = &mut self.rights {
            // The disk counts it as taken already.
            rights.reservation.wrote(size_bytes);
        }
        // Nobody else sets it.
        let _ = self.reader.fill.file.set(Arc::new(reader));
        let hasher = self.checks.hasher().map_err(io::Error::other);
        let hasher = hasher.map_err(FillFailure::local)?;
        let digest = match opened {
            _ if is_cloned => self.read_clone(hasher).await?,
            Source::File(file) => {
                let source = source::read_file(file, self.is_large());
                self.write(source, writer, hasher).await?
            }
            Source::Stream(source) => self.write(source, writer, hasher).await?,
        };
        self.checks
            .compare(digest)
            .map_err(|wrong| FillFailure::WrongHash {
                algorithm: wrong.algorithm.to_owned(),
                expected: wrong.expected,
                found: wrong.found,
            })
    }

    /// All bytes are there already. What is in the copy is hashed, for only that will be served.
    async fn read_clone(&mut self, hasher: Option<Hasher>) -> Result<Option<String>, FillFailure> {
        let (size_bytes, is_large) = (self.checks.size_bytes, self.is_large());
        self.reader.fill.progress.advance(size_bytes);
        self.inner.counters.cloned();
        let (Some(mut hasher), Some(file)) = (hasher, self.reader.fill.file.get().cloned()) else {
            return Ok(None);
        };
        let stop = self.inner.stop.clone();
        let hashed = self.blocking(move || {
            if !hash_file(&file, &mut hasher, is_large, || stop.is_cancelled())? {
                return Ok(None);
            }
            hasher.finish().map(Some).map_err(io::Error::other)
        });
        hashed.await?.map(Some).ok_or(FillFailure::Stopped)
    }

    /// Writes what comes, and gives its hash.
    async fn write(
        &mut self,
        source: source::Chunks,
        writer: File,
        hasher: Option<Hasher>,
    ) -> Result<Option<String>, FillFailure> {
        let mut sink = Sink {
            file: Arc::new(writer),
            reader: self.reader.clone(),
            hasher,
            received: 0,
            syncing: None,
            synced_to: 0,
            is_large: self.is_large(),
        };
        let mut source = Batches::new(source, self.inner.config.stall_time);
        let expected = self.checks.size_bytes;
        let mut batch = source.next().await?;
        while let Some(chunks) = batch {
            let length = chunks.iter().map(|chunk| chunk.len() as u64).sum();
            if expected - sink.received < length {
                return Err(FillFailure::TooLong { expected });
            }
            // The next batch is fetched while this one is written. That the source failed is looked at only after
            // what it gave before is written; that the disk failed, at once.
            let fetch = async { Ok(source.next().await) };
            let (next, ()) = tokio::try_join!(fetch, sink.write(chunks))?;
            if let Some(rights) = &mut self.rights {
                rights.reservation.wrote(length);
            }
            batch = next?;
        }
        if sink.received < expected {
            return Err(FillFailure::TooShort {
                expected,
                received: sink.received,
            });
        }
        if let Some(syncing) = sink.syncing.take() {
            joined(syncing).await?;
        }
        let digest = sink.hasher.map(Hasher::finish).transpose();
        digest.map_err(|error| FillFailure::local(io::Error::other(error)))
    }

    fn is_large(&self) -> bool {
        self.checks.size_bytes >= self.inner.config.large_from_bytes
    }

    /// Makes verified bytes a cached image: onto the disk, under its name, into the index; in this order.
    async fn publish(&mut self, proof: Proof) -> Result<(), FillFailure> {
        let file = self.reader.fill.file.get().cloned();
        let (Some(file), Some(rights)) = (file, self.rights.take()) else {
            return Err(FillFailure::Stopped);
        };
        let (inner, id) = (Arc::clone(&self.inner), self.id);
        // In one piece, so that no client and no shutdown can part the file from its entry.
        self.blocking(move || publish(&inner, id, &file, proof, rights))
            .await?;
        if !self.inner.index.contains(&self.id) {
            // Removed meanwhile; whoever queued it since still wants it.
            return Ok(());
        }
        // A marker that stays costs the prefetcher one look.
        if let Err(error) = self.inner.queue.remove(&self.id).await {
            tracing::warn!(image.id = %self.id, %error, "a cached image stays queued");
        }
        Ok(())
    }

    /// Works on files; a shutdown waits for it, whatever becomes of this task.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, FillFailure> {
        joined(self.inner.tasks.spawn_blocking(work)).await
    }

    /// Gives everything back, then tells the followers: who looks again after that finds the image free.
    fn end(&mut self, outcome: Result<(), FillFailure>) {
        drop(self.rights.take());
        self.reader.fill.progress.finish(outcome);
    }
}

impl Drop for Fill {
    fn drop(&mut self) {
        if self.rights.is_some() {
            // Only when the task was aborted or panicked. The room must not be given back while the file takes it.
            let _ = layout::remove_file(&self.inner.layout.incomplete(&self.id));
            self.end(Err(FillFailure::Stopped));
        }
        self.reader.fill.progress.finish(Err(FillFailure::Stopped));
    }
}

fn create(path: &std::path::Path) -> io::Result<(File, File)> {
    // A file somebody left here may still be read by followers of an earlier fill; theirs must not change.
    layout::remove_file(path)?;
    let mut options = fs_err::OpenOptions::new();
    let writer = options.write(true).create_new(true).open(path)?;
    Ok((writer.into_file(), layout::open_file(path)?))
}

fn publish(
    inner: &Inner,
    id: ImageId,
    file: &Arc<File>,
    proof: Proof,
    rights: Rights,
) -> io::Result<()> {
    let incomplete = inner.layout.incomplete(&id);
    if rights.grant.is_doomed() {
        return layout::remove_file(&incomplete);
    }
    // With its modification time, or the index would not know the file again after a power loss.
    let renamed = file.sync_all().and_then(|()| {
        let metadata = file.metadata()?;
        fs_err::rename(&incomplete, inner.layout.complete(&id))?;
        sync_folder(inner.layout.dir())?;
        Ok(metadata)
    });
    let metadata = match renamed {
        Ok(metadata) => metadata,
        Err(error) => {
            // Under one of the two names, before the room is given back.
            let _ = layout::remove_file(&incomplete);
            let _ = layout::remove_file(&inner.layout.complete(&id));
            return Err(error);
        }
    };
    let now = SystemTime::now();
    let record = Record {
        size_bytes: metadata.len(),
        hits: 0,
        last_accessed: now,
        last_modified: now,
        proven: Some((Stamp::of(&metadata), proof)),
        file: Arc::downgrade(file),
    };
    match inner.index.publish(id, record.clone(), rights) {
        Ok(()) => {
            if let Err(error) = inner.index_file.append(&id, &record) {
                tracing::warn!(%error, "the cache index cannot be written");
            }
            Ok(())
        }
        // Removed while it was filled. The rights are kept until the file is gone.
        Err(_rights) => layout::remove_file(&inner.layout.complete(&id)),
    }
}

async fn joined<T>(task: JoinHandle<io::Result<T>>) -> Result<T, FillFailure> {
    match task.await {
        Ok(result) => result.map_err(FillFailure::local),
        Err(_) => Err(FillFailure::Stopped),
    }
}

/// Where a fill's bytes go: the file and the hash, side by side.
struct Sink {
    file: Arc<File>,
    reader: FillReader,
    /// Gone only while it is at work.
    hasher: Option<Hasher>,
    received: u64,
    /// The disk at work on what was written so far.
    syncing: Option<JoinHandle<io::Result<()>>>,
    synced_to: u64,
    /// Does not stay in memory behind its followers.
    is_large: bool,
}

impl Sink {
    /// Has the disk begin with what is there, unless it is at work. An error counts although a later sync may succeed: it
    /// is told once, and the pages may be gone.
    async fn sync_early(&mut self) -> Result<(), FillFailure> {
        let is_due = self.received - self.synced_to >= SYNC_BYTES;
        if !is_due
            || self
                .syncing
                .as_ref()
                .is_some_and(|task| !task.is_finished())
        {
            return Ok(());
        }
        if let Some(done) = self.syncing.take() {
            joined(done).await?;
        }
        let (file, is_large) = (Arc::clone(&self.file), self.is_large);
        // Not the last that came: most followers are close behind.
        let end = self.synced_to;
        self.syncing = Some(tokio::task::spawn_blocking(move || {
            file.sync_data()?;
            if is_large {
                source::let_go(&file, 0, end);
            }
            Ok(())
        }));
        self.synced_to = self.received;
        Ok(())
    }

    async fn write(&mut self, chunks: Vec<Bytes>) -> Result<(), FillFailure> {
        let chunks = Arc::new(chunks);
        let hashing = self.hasher.take().map(|mut hasher| {
            let chunks = Arc::clone(&chunks);
            tokio::task::spawn_blocking(move || {
                for chunk in chunks.iter() {
                    hasher.update(chunk).map_err(io::Error::other)?;
                }
                io::Result::Ok(hasher)
            })
        });
        let (file, reader, start) = (Arc::clone(&self.file), self.reader.clone(), self.received);
        self.received = joined(tokio::task::spawn_blocking(move || {
            let mut at = start;
            for chunk in chunks.iter() {
                file.write_all_at(chunk, at)?;
                at += chunk.len() as u64;
            }
            // Followers need not wait for the hash: their last part does.
            reader.fill.progress.advance(at);
            Ok(at)
        }))
        .await?;
        if let Some(hashed) = hashing {
            self.hasher = Some(joined(hashed).await?);
        }
        self.sync_early().await
    }
}
