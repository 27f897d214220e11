//! Data opened for reading.

use std::{fmt, fs::File, io, os::unix::fs::FileExt, sync::Arc};

use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
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

    /// Of all the data, the bytes of `range`: what stands before is read and dropped.
    ///
    /// For stores that can only be read as a whole.
    pub fn narrowed(self, range: ByteRange) -> Self {
        let whole = self.range();
        let size_bytes = self.size_bytes();
        match self {
            Self::File {
                file, size_bytes, ..
            } => Self::File {
                file,
                range,
                size_bytes,
            },
            Self::Stream { .. } if range == whole => self,
            Self::Stream { stream, .. } => Self::Stream {
                stream: cut(stream, range),
                range,
                size_bytes,
            },
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

/// The bytes of `range` of a stream of everything. One that ends before is left as short as it is.
fn cut(data: ByteStream, range: ByteRange) -> ByteStream {
    Box::pin(stream::try_unfold(
        (data, 0_u64),
        move |(mut data, mut at)| async move {
            while at < range.end
                && let Some(chunk) = data.try_next().await?
            {
                let starts = at;
                at += chunk.len() as u64;
                let from = range.start.clamp(starts, at) - starts;
                let to = range.end.clamp(starts, at) - starts;
                // Both lie within the chunk.
                let kept = chunk.slice(from as usize..to.max(from) as usize);
                if !kept.is_empty() {
                    return Ok(Some((kept, (data, at))));
                }
            }
            Ok(None)
        },
    ))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_of_a_stream_is_cut_out_wherever_its_chunks_end() {
        let whole = b"0123456789";
        for chunk in 1..=10 {
            for (start, end) in [(0, 10), (0, 1), (3, 7), (9, 10), (4, 4), (5, 10)] {
                let chunks: Vec<_> = whole
                    .chunks(chunk)
                    .map(|chunk| Ok(Bytes::from(chunk)))
                    .collect();
                let read = StoreRead::Stream {
                    stream: Box::pin(stream::iter(chunks)),
                    range: ByteRange::whole(10),
                    size_bytes: 10,
                };
                let part = read.narrowed(ByteRange { start, end }).into_stream();
                let part: Vec<Bytes> = part.try_collect().await.unwrap();
                let expected = &whole[start as usize..end as usize];
                assert_eq!(
                    part.concat(),
                    expected,
                    "{start}-{end} in chunks of {chunk}"
                );
            }
        }
    }
}
