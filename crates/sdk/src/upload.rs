//! Data on its way to the server.

use std::{
    fmt, io,
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::Stream;
use tokio::io::AsyncRead;
use tokio_util::io::ReaderStream;
use vidimus_digest::{Algorithm, Hasher};

use crate::{Error, Result};

/// How much is read from a file at a time: large enough that system calls do not count, small enough to stay in cache.
const CHUNK_BYTES: usize = 256 * 1024;

/// How far a transfer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes transferred.
    pub done_bytes: u64,
    /// Bytes there are in all, if known.
    pub total_bytes: Option<u64>,
}

/// Told about each piece of a transfer; it should return quickly.
pub type OnProgress = Box<dyn FnMut(Progress) + Send + Sync>;

/// Data to upload or to stage, read as it is sent.
pub struct Upload {
    source: Pin<Box<dyn AsyncRead + Send + Sync>>,
    size_bytes: Option<u64>,
    on_progress: Option<OnProgress>,
    digest: Option<Arc<Mutex<SentDigest>>>,
}

/// The MD5 of what an upload sent, to compare with the checksum of the image it became.
#[derive(Debug, Clone)]
pub struct Sent(Arc<Mutex<SentDigest>>);

#[derive(Debug)]
struct SentDigest {
    hasher: Option<Hasher>,
    is_complete: bool,
}

impl Sent {
    /// In hexadecimal; `None` if not everything was sent or this machine cannot compute MD5.
    pub fn md5(&self) -> Option<String> {
        let mut digest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let hasher = digest.hasher.take().filter(|_| digest.is_complete)?;
        hasher.finish().ok()
    }
}

impl Upload {
    /// The content of a file. Its size is announced to the server if it is a regular file.
    pub async fn from_file(path: &Path) -> Result<Self> {
        let file = tokio::fs::File::open(path).await.map_err(Error::io(path))?;
        let facts = file.metadata().await.map_err(Error::io(path))?;
        Ok(Self {
            source: Box::pin(file),
            size_bytes: facts.is_file().then_some(facts.len()),
            on_progress: None,
            digest: None,
        })
    }

    /// What a reader yields until its end, of unknown size.
    pub fn from_reader(reader: impl AsyncRead + Send + Sync + 'static) -> Self {
        Self {
            source: Box::pin(reader),
            size_bytes: None,
            on_progress: None,
            digest: None,
        }
    }

    /// Announces a size. The server refuses data that turns out to have another.
    pub fn with_size(mut self, size_bytes: u64) -> Self {
        self.size_bytes = Some(size_bytes);
        self
    }

    /// Keeps the MD5 of what is sent.
    pub fn hashed(mut self) -> (Self, Sent) {
        let digest = Arc::new(Mutex::new(SentDigest {
            hasher: Hasher::new(Algorithm::md5()).ok(),
            is_complete: false,
        }));
        self.digest = Some(Arc::clone(&digest));
        (self, Sent(digest))
    }

    /// Reports progress to `on_progress`.
    pub fn on_progress(mut self, on_progress: OnProgress) -> Self {
        self.on_progress = Some(on_progress);
        self
    }

    /// The announced size.
    pub fn size_bytes(&self) -> Option<u64> {
        self.size_bytes
    }

    pub(crate) fn into_body(self) -> reqwest::Body {
        reqwest::Body::wrap_stream(Reported {
            inner: ReaderStream::with_capacity(self.source, CHUNK_BYTES),
            progress: Progress {
                done_bytes: 0,
                total_bytes: self.size_bytes,
            },
            on_progress: self.on_progress,
            digest: self.digest,
        })
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload")
            .field("size_bytes", &self.size_bytes)
            .finish_non_exhaustive()
    }
}

/// A stream that tells how far it is.
struct Reported {
    inner: ReaderStream<Pin<Box<dyn AsyncRead + Send + Sync>>>,
    progress: Progress,
    on_progress: Option<OnProgress>,
    digest: Option<Arc<Mutex<SentDigest>>>,
}

impl Stream for Reported {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = Pin::new(&mut self.inner).poll_next(cx);
        if let (Some(digest), Poll::Ready(next)) = (&self.digest, &polled) {
            let mut digest = digest.lock().unwrap_or_else(PoisonError::into_inner);
            match next {
                Some(Ok(chunk)) => {
                    let hashed = digest.hasher.as_mut().map(|hasher| hasher.update(chunk));
                    if hashed.is_some_and(|hashed| hashed.is_err()) {
                        digest.hasher = None;
                    }
                }
                Some(Err(_)) => {}
                None => digest.is_complete = true,
            }
        }
        if let Poll::Ready(Some(Ok(chunk))) = &polled {
            self.progress.done_bytes += chunk.len() as u64;
            let progress = self.progress;
            if let Some(on_progress) = &mut self.on_progress {
                on_progress(progress);
            }
        }
        polled
    }
}
