//! Following a fill: any number of readers of a file that still grows.
//!
//! A reader is told which bytes of the file are there and waits on its length; the fill never waits for a reader. The last bytes of the image are
//! held back until all of it is verified, so a download of wrong bytes cannot end well.

use std::{
    fmt,
    fs::File,
    io,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use futures_util::Stream;
use vidimus_types::ByteRange;

use crate::{
    error::{FillError, FillFailure},
    progress::{Progress, Snapshot},
};

/// What is held back of an image that is not verified.
const HELD_BYTES: u64 = 64 * 1024;

/// The longest part a reader is given. A fill that turns out wrong stops its readers after the part they are at.
const PART_BYTES: u64 = 4 * 1024 * 1024;

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

    /// Goes through `range`, waiting for the fill where it has not come yet.
    ///
    /// What lies beyond the image's end is left out. A range that reaches the end gives its last part only after the
    /// whole image was verified. If the fill fails first, the stream ends with a [`FillError`] that says how far it got.
    pub fn parts(&self, range: ByteRange) -> FillParts {
        let end = range.end.min(self.size_bytes());
        let start = range.start.min(end);
        let held_from = if range.end >= self.size_bytes() {
            end - HELD_BYTES.min(end - start)
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
        let parts = futures_util::stream::unfold(Some(cursor), async |cursor| {
            let mut cursor = cursor?;
            match cursor.next().await {
                Ok(Some(part)) => Some((Ok(part), Some(cursor))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        });
        FillParts {
            parts: Box::pin(parts),
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

/// Bytes of an image that is being filled, as far as they are there: they can be read at once and never change.
#[derive(Debug, Clone)]
pub struct FillPart {
    /// Shared by all who follow: read by position, never seek.
    pub file: Arc<File>,
    /// Which bytes of it; they are the same bytes of the image.
    pub range: ByteRange,
}

/// A range of an image that is being filled, part by part.
pub struct FillParts {
    parts: Pin<Box<dyn Stream<Item = Result<FillPart, FillError>> + Send>>,
}

impl Stream for FillParts {
    type Item = Result<FillPart, FillError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.parts.as_mut().poll_next(context)
    }
}

impl fmt::Debug for FillParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FillParts").finish_non_exhaustive()
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
    async fn next(&mut self) -> Result<Option<FillPart>, FillError> {
        let progress = &self.reader.fill.progress;
        let now = progress.wait(|now| self.may_go_on(now)).await;
        let limit = self.limit(&now);
        let is_spoilt = matches!(&now.outcome, Some(Err(failure)) if !failure.is_resumable());
        if self.at < limit && !is_spoilt {
            let Some(file) = self.reader.fill.file.get() else {
                return Err(FillError {
                    offset: self.at,
                    failure: FillFailure::local(io::ErrorKind::NotFound.into()),
                });
            };
            let range = ByteRange {
                start: self.at,
                end: limit.min(self.at + PART_BYTES),
            };
            self.at = range.end;
            let file = Arc::clone(file);
            return Ok(Some(FillPart { file, range }));
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
}
