//! Following a fill: any number of readers of a file that still grows.
//!
//! A reader reads the file and waits on its length; the fill never waits for a reader. The last bytes of the image are
//! held back until all of it is verified, so a download of wrong bytes cannot end well.

use std::{
    fmt,
    fs::File,
    io::{self, IoSliceMut},
    os::unix::fs::FileExt,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use rustix::io::{Errno, ReadWriteFlags};
use vidimus_types::ByteRange;

use crate::{
    error::{FillError, FillFailure},
    progress::{Progress, Snapshot},
};

/// The largest piece a reader is given, and what a stalled reader holds in memory at most.
const CHUNK_BYTES: u64 = 64 * 1024;

/// The way to follow one fill. Cheap to clone.
#[derive(Clone)]
pub struct FillReader {
    pub(crate) fill: Arc<Followed>,
}

/// What a fill and its followers share.
pub(crate) struct Followed {
    pub(crate) size_bytes: u64,
    pub(crate) progress: Progress<FillFailure>,
    /// Open for reading. Set before the first byte is announced; stays readable whatever becomes of the name.
    pub(crate) file: OnceLock<Arc<File>>,
}

impl FillReader {
    pub(crate) fn new(size_bytes: u64) -> Self {
        Self {
            fill: Arc::new(Followed {
                size_bytes,
                progress: Progress::new(),
                file: OnceLock::new(),
            }),
        }
    }

    /// The size of the image, which the fill will reach if it succeeds.
    pub fn size_bytes(&self) -> u64 {
        self.fill.size_bytes
    }

    /// How many bytes from the start can be read now without waiting for the source.
    pub fn available(&self) -> u64 {
        self.fill.progress.snapshot().written
    }

    /// Reads `range`, waiting for the fill where it has not come yet.
    ///
    /// What lies beyond the image's end is left out. A range that reaches the end gives its last piece only after the
    /// whole image was verified. If the fill fails first, the stream ends with a [`FillError`] that says how far it got.
    pub fn read(&self, range: ByteRange) -> FillStream {
        let end = range.end.min(self.size_bytes());
        let start = range.start.min(end);
        let held_from = if range.end >= self.size_bytes() {
            end - CHUNK_BYTES.min(end - start)
        } else {
            end
        };
        let cursor = Cursor {
            reader: self.clone(),
            at: start,
            end,
            held_from,
            ends_image: range.end >= self.size_bytes(),
        };
        let chunks = futures_util::stream::unfold(Some(cursor), async |cursor| {
            let mut cursor = cursor?;
            match cursor.next().await {
                Ok(Some(chunk)) => Some((Ok(chunk), Some(cursor))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        });
        FillStream {
            chunks: Box::pin(chunks),
        }
    }

    /// Waits for the end of the fill: the image is cached, or why not.
    ///
    /// An image that was removed while it was filled is a success without a cached image.
    pub async fn finished(&self) -> Result<(), FillError> {
        let end = self.fill.progress.wait(|_| false).await;
        match end.outcome {
            Some(Err(failure)) => Err(FillError {
                offset: end.written,
                failure,
            }),
            Some(Ok(())) | None => Ok(()),
        }
    }
}

impl fmt::Debug for FillReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FillReader")
            .field("size_bytes", &self.size_bytes())
            .field("available", &self.available())
            .finish_non_exhaustive()
    }
}

/// The bytes of a range of an image that is being filled, in pieces of at most 64 KiB.
pub struct FillStream {
    chunks: Pin<Box<dyn Stream<Item = Result<Bytes, FillError>> + Send>>,
}

impl Stream for FillStream {
    type Item = Result<Bytes, FillError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.chunks.as_mut().poll_next(context)
    }
}

impl fmt::Debug for FillStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FillStream").finish_non_exhaustive()
    }
}

/// A reader's place in the image.
struct Cursor {
    reader: FillReader,
    at: u64,
    end: u64,
    /// From here on nothing is given out before the image is verified.
    held_from: u64,
    ends_image: bool,
}

impl Cursor {
    async fn next(&mut self) -> Result<Option<Bytes>, FillError> {
        let progress = &self.reader.fill.progress;
        let now = progress.wait(|now| self.may_go_on(now)).await;
        let limit = self.limit(&now);
        let is_spoilt = matches!(&now.outcome, Some(Err(failure)) if !failure.is_resumable());
        if self.at < limit && !is_spoilt {
            let length = CHUNK_BYTES.min(limit - self.at);
            let chunk = self.read(length).await.map_err(|error| FillError {
                offset: self.at,
                failure: FillFailure::local(error),
            })?;
            self.at += chunk.len() as u64;
            return Ok(Some(chunk));
        }
        match now.outcome {
            Some(Err(failure)) if !now.is_verified && !self.is_complete(&now) => Err(FillError {
                offset: self.at,
                failure,
            }),
            Some(_) | None => Ok(None),
        }
    }

    /// Where reading must stop for now.
    fn limit(&self, now: &Snapshot<FillFailure>) -> u64 {
        let released = if now.is_verified {
            self.end
        } else {
            self.held_from
        };
        released.min(now.written)
    }

    fn is_complete(&self, now: &Snapshot<FillFailure>) -> bool {
        self.at == self.end && (now.is_verified || !self.ends_image)
    }

    fn may_go_on(&self, now: &Snapshot<FillFailure>) -> bool {
        self.at < self.limit(now) || self.is_complete(now)
    }

    /// Up to `length` bytes from the page cache, or from the disk off the runtime.
    async fn read(&self, length: u64) -> io::Result<Bytes> {
        let Some(file) = self.reader.fill.file.get() else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let length = usize::try_from(length).map_err(io::Error::other)?;
        let mut buffer = BytesMut::zeroed(length);
        let mut slices = [IoSliceMut::new(&mut buffer)];
        let read = match rustix::io::preadv2(file, &mut slices, self.at, ReadWriteFlags::NOWAIT) {
            Ok(read) if read > 0 => read,
            // Not in memory, or a file system that cannot tell.
            Ok(_) | Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INTR) => {
                let (file, at) = (Arc::clone(file), self.at);
                let read = tokio::task::spawn_blocking(move || {
                    let read = file.read_at(&mut buffer, at)?;
                    io::Result::Ok((read, buffer))
                });
                let (read, filled) = read.await.map_err(io::Error::other)??;
                buffer = filled;
                read
            }
            Err(error) => return Err(error.into()),
        };
        if read == 0 {
            // The bytes were announced, so somebody else has shortened the file.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer.truncate(read);
        Ok(buffer.freeze())
    }
}
