//! Data opened for reading.

use std::{fmt, fs::File, io, os::unix::fs::FileExt, sync::Arc};

use bytes::Bytes;
use futures_util::stream;
use vidimus_types::ByteRange;

use crate::ByteStream;

/// How much one trip to the blocking pool reads.
const CHUNK_BYTES: u64 = 256 * 1024;

/// Data opened for reading: an open file where the store has one, so that the server may let the kernel send it.
pub enum StoreRead {
    /// A regular file of this machine.
    File {
        /// Open for reading; its position is not used.
        file: Arc<File>,
        /// The bytes that were asked for.
        range: ByteRange,
        /// The size of all the data.
        size_bytes: u64,
    },
    /// Bytes as they come.
    Stream {
        /// Exactly the bytes of `range`.
        stream: ByteStream,
        /// The bytes that were asked for.
        range: ByteRange,
        /// The size of all the data.
        size_bytes: u64,
    },
}

impl StoreRead {
    /// The bytes that were asked for.
    pub fn range(&self) -> ByteRange {
        match self {
            Self::File { range, .. } | Self::Stream { range, .. } => *range,
        }
    }

    /// The size of all the data, not only of the range.
    pub fn size_bytes(&self) -> u64 {
        match self {
            Self::File { size_bytes, .. } | Self::Stream { size_bytes, .. } => *size_bytes,
        }
    }

    /// The bytes, read off the runtime's threads.
    ///
    /// A file that has become shorter meanwhile ends in an error and is never padded.
    pub fn into_stream(self) -> ByteStream {
        match self {
            Self::Stream { stream, .. } => stream,
            Self::File { file, range, .. } => {
                Box::pin(stream::try_unfold(range.start, move |at| {
                    let file = Arc::clone(&file);
                    async move {
                        if at >= range.end {
                            return Ok(None);
                        }
                        let length = (range.end - at).min(CHUNK_BYTES) as usize;
                        let read = tokio::task::spawn_blocking(move || read_at(&file, at, length));
                        let bytes = read.await.map_err(io::Error::other)??;
                        Ok(Some((bytes, at + length as u64)))
                    }
                }))
            }
        }
    }
}

fn read_at(file: &File, at: u64, length: usize) -> io::Result<Bytes> {
    let mut buffer = vec![0; length];
    file.read_exact_at(&mut buffer, at)?;
    Ok(buffer.into())
}

impl fmt::Debug for StoreRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::File { .. } => "StoreRead::File",
            Self::Stream { .. } => "StoreRead::Stream",
        };
        f.debug_struct(name)
            .field("range", &self.range())
            .field("size_bytes", &self.size_bytes())
            .finish_non_exhaustive()
    }
}
