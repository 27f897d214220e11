//! Where the bytes of a fill come from: a stream, or a file of this machine.
//!
//! A file is cloned where the file system shares blocks between files, so that no byte moves. Otherwise it is read like
//! anything else: `copy_file_range` would save nothing, for the bytes must be read to be hashed, and that read feeds the
//! write.

use std::{
    fmt, fs::File, io, num::NonZeroU64, os::unix::fs::FileExt, pin::Pin, sync::Arc, time::Duration,
};

use bytes::Bytes;
use futures_util::{FutureExt, Stream, StreamExt, stream};
use rustix::{
    fs::{Advice, FallocateFlags},
    io::Errno,
};

use crate::error::FillFailure;

/// What is collected from the source before it is written; as much again is being written meanwhile.
pub(crate) const BATCH_BYTES: usize = 512 * 1024;

/// How much of a large file is read before it is let go from memory.
pub(crate) const BEHIND_BYTES: u64 = 8 * 1024 * 1024;

/// Bytes in order.
pub type Chunks = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// All bytes of an image.
pub enum Source {
    /// A file of this machine, from its first byte to its last. Open for reading; its position is not used.
    File(Arc<File>),
    /// From wherever.
    Stream(Chunks),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File(_) => "Source::File",
            Self::Stream(_) => "Source::Stream",
        })
    }
}

/// Makes `copy`, which is empty, a clone of `source`: another file of the same blocks, whatever becomes of either.
///
/// `false`, and `copy` is empty still, where the file system cannot do that and when `source` has another size.
pub(crate) fn clone_file(copy: &File, source: &File, size_bytes: u64) -> io::Result<bool> {
    if size_bytes == 0 || source.metadata()?.len() != size_bytes {
        return Ok(false);
    }
    match rustix::fs::ioctl_ficlone(copy, source) {
        Ok(()) if copy.metadata()?.len() == size_bytes => return Ok(true),
        Ok(()) => {}
        // Two file systems, or one that shares no blocks: most cannot. Whatever else it is, reading will show it.
        Err(errno) => tracing::debug!(%errno, "a file cannot be cloned, so it is read"),
    }
    copy.set_len(0)?;
    Ok(false)
}

/// Takes the space at once: a disk that is too small says so before anything is read, and the file lies in one piece.
///
/// `false` where it cannot be taken beforehand; then the writes will tell.
pub(crate) fn allocate(file: &File, size_bytes: u64) -> io::Result<bool> {
    if size_bytes == 0 {
        return Ok(true);
    }
    match rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, 0, size_bytes) {
        Err(errno @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => Err(errno.into()),
        taken => Ok(taken.is_ok()),
    }
}

/// The bytes of a file as they are read. One that `is_large` does not stay in memory behind the reader: it would push out
/// what others need, and its copy is what will be read from now on.
pub(crate) fn read_file(file: Arc<File>, is_large: bool) -> Chunks {
    Box::pin(stream::try_unfold(0_u64, move |at| {
        let file = Arc::clone(&file);
        async move {
            let read = tokio::task::spawn_blocking(move || read_chunk(&file, at, is_large));
            let chunk = read.await.map_err(io::Error::other)??;
            let end = at + chunk.len() as u64;
            Ok((!chunk.is_empty()).then_some((chunk, end)))
        }
    }))
}

/// The next bytes, none at the end.
fn read_chunk(file: &File, at: u64, is_large: bool) -> io::Result<Bytes> {
    let mut chunk = vec![0; BATCH_BYTES];
    let mut length = 0;
    while length < chunk.len() {
        match file.read_at(&mut chunk[length..], at + length as u64) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    chunk.truncate(length);
    let end = at + length as u64;
    if is_large && (length < BATCH_BYTES || end.is_multiple_of(BEHIND_BYTES)) {
        let_go_behind(file, end);
    }
    Ok(chunk.into())
}

/// What a reader who has come to `end` is done with, of the last so many bytes. To be asked once for each of these.
pub(crate) fn let_go_behind(file: &File, end: u64) {
    let_go(
        file,
        end.saturating_sub(1) / BEHIND_BYTES * BEHIND_BYTES,
        end,
    );
}

/// Takes the bytes from `start` to `end` out of memory, as far as they are on the disk and nobody is at them.
pub(crate) fn let_go(file: &File, start: u64, end: u64) {
    // No length would mean all the rest. Where advice is not taken, the kernel finds out by itself, later.
    if let Some(length) = NonZeroU64::new(end.saturating_sub(start)) {
        let _ = rustix::fs::fadvise(file, start, Some(length), Advice::DontNeed);
    }
}

/// Collects what a stream has ready.
pub(crate) struct Batches {
    source: stream::Fuse<Chunks>,
    stall_time: Duration,
    failed: Option<io::Error>,
}

impl Batches {
    pub(crate) fn new(source: Chunks, stall_time: Duration) -> Self {
        Self {
            source: source.fuse(),
            stall_time,
            failed: None,
        }
    }

    /// The next bytes, `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Bytes>>, FillFailure> {
        if let Some(error) = self.failed.take() {
            return Err(FillFailure::source(error));
        }
        let Some(first) = unless_stalled(self.stall_time, self.source.next()).await? else {
            return Ok(None);
        };
        let mut batch = vec![first.map_err(FillFailure::source)?];
        let mut length = batch[0].len();
        while length < BATCH_BYTES {
            match self.source.next().now_or_never() {
                Some(Some(Ok(chunk))) => {
                    length += chunk.len();
                    batch.push(chunk);
                }
                // Told with the next call, after what came before it is written.
                Some(Some(Err(error))) => {
                    self.failed = Some(error);
                    break;
                }
                // The end is told again with the next call: the source is fused.
                Some(None) | None => break,
            }
        }
        Ok(Some(batch))
    }
}

/// Waits for the source, for the stall time at most; zero is no limit.
pub(crate) async fn unless_stalled<T>(
    stall_time: Duration,
    source: impl Future<Output = T>,
) -> Result<T, FillFailure> {
    if stall_time.is_zero() {
        return Ok(source.await);
    }
    let stalled = |_| FillFailure::source(io::ErrorKind::TimedOut.into());
    tokio::time::timeout(stall_time, source)
        .await
        .map_err(stalled)
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt;

    use super::*;

    #[tokio::test]
    async fn a_file_is_read_to_its_end_and_let_go_from_memory_or_not() {
        let data: Vec<u8> = (0..BATCH_BYTES * 35 + 17)
            .map(|at| (at / 7) as u8)
            .collect();
        for length in [0, 1, BATCH_BYTES, BATCH_BYTES * 16, data.len()] {
            let path = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(&path, &data[..length]).unwrap();
            for is_large in [false, true] {
                let file = Arc::new(File::open(&path).unwrap());
                let read: Vec<Bytes> = read_file(file, is_large).try_collect().await.unwrap();
                assert!(read.concat() == data[..length], "{length} {is_large}");
            }
        }
    }

    #[test]
    fn what_cannot_be_cloned_leaves_the_copy_empty() {
        // Memory shares no blocks with a disk.
        let copy = tempfile::tempfile_in("/dev/shm").unwrap();
        let source = tempfile::tempfile().unwrap();
        source.write_all_at(b"0123", 0).unwrap();
        assert!(!clone_file(&copy, &source, 3).unwrap(), "of another size");
        assert!(!clone_file(&copy, &source, 4).unwrap());
        assert_eq!(copy.metadata().unwrap().len(), 0);
    }

    #[test]
    fn more_space_than_there_is_is_refused_at_once() {
        let file = tempfile::tempfile().unwrap();
        let error = allocate(&file, i64::MAX as u64 / 2).unwrap_err();
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::FileTooLarge];
        assert!(full.contains(&error.kind()), "{error:?}");
        assert!(allocate(&file, 4096).unwrap());
        assert_eq!(file.metadata().unwrap().len(), 0);
    }
}
