//! Writes one image: batches from the stream to the blocking pool, one being written while the next fills.

use std::{fs::File, io, num::NonZeroU64, os::unix::fs::FileExt, path::PathBuf, sync::Arc};

use bytes::Bytes;
use futures_util::{StreamExt, stream::Fuse};
use rustix::{
    fs::{Advice, FallocateFlags, fadvise, fallocate},
    io::Errno,
};
use tokio::task::{JoinHandle, spawn_blocking};
use vidimus_types::ImageId;

use super::{FilesystemStore, incoming::Incoming, patience::Wanted};
use crate::{ByteStream, Error, Location, Result, Stored};

/// How much may be written before the disk is asked to begin with it.
const SYNC_BYTES: u64 = 32 * 1024 * 1024;

/// How much may be ahead of the disk before the upload waits for it.
const AHEAD_BYTES: u64 = 4 * SYNC_BYTES;

/// How much is gathered before it is handed to the disk. Two batches exist at a time, which bounds the memory of an upload.
const BATCH_BYTES: usize = 1024 * 1024;

impl FilesystemStore {
    pub(super) async fn write(
        &self,
        id: &ImageId,
        data: ByteStream,
        size_hint: Option<u64>,
    ) -> Result<Stored> {
        let (placement, image_id, is_thin) = (self.placement.clone(), *id, self.is_thin);
        let begin = move |_: &Wanted| -> io::Result<(PathBuf, Incoming)> {
            let datadir = placement.choose(size_hint.unwrap_or(0))?;
            let announced = size_hint.filter(|_| !is_thin).unwrap_or(0);
            let incoming = Incoming::create(&datadir, &image_id)?
                .or_discard(|incoming| reserve(incoming.file(), announced))?;
            Ok((datadir, incoming))
        };
        let action = "start a file";
        let begun = self.on_thread(action, begin).await?;
        let (datadir, incoming) = begun.map_err(|cause| self.io_error(action, cause))?;

        let size_bytes = match self.write_all(incoming.file(), data).await {
            Ok(size_bytes) => size_bytes,
            Err(error) => {
                // Waited for, so that the space is free when the caller learns of the failure.
                drop(spawn_blocking(move || incoming.discard()).await);
                return Err(error);
            }
        };

        let target = datadir.join(id.as_str());
        let url = format!("file://{}", target.display());
        let (file_perm, syncs) = (self.file_perm, self.syncs);
        // The guard travels through the blocking task and back: if this future is dropped meanwhile, it is dropped there,
        // and takes the file along even when that has its final name already.
        let finish = move || {
            incoming.or_discard(|incoming| incoming.publish(&target, size_bytes, file_perm, syncs))
        };
        let published = self.join(spawn_blocking(finish), "finish the file").await?;
        published.keep();
        Ok(Stored {
            location: Location::new(url),
            size_bytes,
        })
    }

    async fn write_all(&self, file: &Arc<File>, data: ByteStream) -> Result<u64> {
        // A last batch that is not full ends with the stream, and the next one asks again.
        let mut data = data.fuse();
        let mut at = 0;
        let mut running: Option<JoinHandle<io::Result<()>>> = None;
        let mut early = EarlySync::new(file, self.syncs.data, self.large_from_bytes);
        loop {
            let batch = next_batch(&mut data).await;
            // Awaited before every return, so that no write is under way when the file is published or found broken.
            if let Some(previous) = running.take() {
                self.join(previous, "write").await?;
                let synced = early.wrote(at).await;
                synced.map_err(|cause| self.io_error("write", cause))?;
            }
            let batch = batch.map_err(Error::Source)?;
            if batch.is_empty() {
                let synced = early.finish().await;
                synced.map_err(|cause| self.io_error("write", cause))?;
                return Ok(at);
            }
            let (file, start, is_thin) = (Arc::clone(file), at, self.is_thin);
            at += batch.iter().map(|chunk| chunk.len() as u64).sum::<u64>();
            running = Some(spawn_blocking(move || {
                write_batch(&file, start, &batch, is_thin)
            }));
        }
    }

    async fn join<T>(&self, task: JoinHandle<io::Result<T>>, action: &'static str) -> Result<T> {
        task.await
            .unwrap_or_else(|stopped| Err(io::Error::other(stopped)))
            .map_err(|cause| self.io_error(action, cause))
    }
}

/// Has the disk work while data still comes, so that the sync at the end finds little to do.
///
/// An error counts although a later sync may succeed: it is told once, and the pages may be gone.
struct EarlySync {
    file: Arc<File>,
    sync: fn(&File) -> io::Result<()>,
    large_from_bytes: u64,
    running: Option<JoinHandle<io::Result<()>>>,
    begun_at: u64,
}

impl EarlySync {
    fn new(file: &Arc<File>, sync: fn(&File) -> io::Result<()>, large_from_bytes: u64) -> Self {
        Self {
            file: Arc::clone(file),
            sync,
            large_from_bytes,
            running: None,
            begun_at: 0,
        }
    }

    /// So much is in the file by now.
    async fn wrote(&mut self, size_bytes: u64) -> io::Result<()> {
        let ahead = size_bytes - self.begun_at;
        if ahead < SYNC_BYTES {
            return Ok(());
        }
        if let Some(running) = &self.running {
            if !running.is_finished() && ahead < AHEAD_BYTES {
                return Ok(());
            }
            self.finish().await?;
        }
        let (file, sync) = (Arc::clone(&self.file), self.sync);
        let is_large = size_bytes >= self.large_from_bytes;
        self.running = Some(spawn_blocking(move || {
            sync(&file)?;
            if is_large {
                // It would push out what others need. Where advice is not taken, the kernel finds out by itself, later.
                let _ = fadvise(&*file, 0, NonZeroU64::new(size_bytes), Advice::DontNeed);
            }
            Ok(())
        }));
        self.begun_at = size_bytes;
        Ok(())
    }

    async fn finish(&mut self) -> io::Result<()> {
        match self.running.take() {
            Some(running) => running
                .await
                .unwrap_or_else(|stopped| Err(io::Error::other(stopped))),
            None => Ok(()),
        }
    }
}

/// The next chunks, about [`BATCH_BYTES`] of them; none at the end.
async fn next_batch(data: &mut Fuse<ByteStream>) -> io::Result<Vec<Bytes>> {
    let mut batch = Vec::new();
    let mut gathered = 0;
    while gathered < BATCH_BYTES {
        let Some(chunk) = data.next().await else {
            break;
        };
        let chunk = chunk?;
        gathered += chunk.len();
        if !chunk.is_empty() {
            batch.push(chunk);
        }
    }
    Ok(batch)
}

fn write_batch(file: &File, mut at: u64, batch: &[Bytes], is_thin: bool) -> io::Result<()> {
    for chunk in batch {
        // A file never written there reads as zeros.
        if !(is_thin && chunk.iter().all(|byte| *byte == 0)) {
            file.write_all_at(chunk, at)?;
        }
        at += chunk.len() as u64;
    }
    Ok(())
}

/// Takes the announced space at once: a disk that is too small says so before the transfer, and the file lies in one piece.
fn reserve(file: &File, size_bytes: u64) -> io::Result<()> {
    if size_bytes == 0 {
        return Ok(());
    }
    match fallocate(file, FallocateFlags::KEEP_SIZE, 0, size_bytes) {
        Err(errno @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => Err(errno.into()),
        // Any other refusal means the file system cannot do it; the writes themselves will tell.
        _ => Ok(()),
    }
}
