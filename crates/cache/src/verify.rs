//! Comparing a cached file with the image's hash, and dropping it when they differ.

use std::{fs::File, io, os::unix::fs::FileExt, path::Path, sync::Arc};

use vidimus_digest::Hasher;
use vidimus_types::ImageId;

use crate::{
    Inner,
    error::{Error, Result},
    flight::{Acquired, Grant},
    follow::FillReader,
    index::{Found, Victim},
    layout,
    proof::{Checks, Expected, Proof},
    record::Stamp,
    source::{BEHIND_BYTES, let_go_behind},
};

const READ_BYTES: usize = 1024 * 1024;

/// What [`ImageCache::verify`](crate::ImageCache::verify) found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// The bytes on the disk are the image's.
    Intact,
    /// They were not, or were removed meanwhile; the cached image is gone.
    Dropped,
    /// There is no cached image; a running fill verifies itself.
    NotCached,
    /// The image has only hashes that this machine cannot compute.
    Unverifiable,
}

/// What reading a file came to.
enum Checked {
    Intact(File, Stamp, Proof),
    Damaged(String),
    /// Removed meanwhile, so nobody wants to know.
    Abandoned,
}

impl Inner {
    pub(crate) async fn verify(
        self: &Arc<Self>,
        id: &ImageId,
        expected: &Expected,
    ) -> Result<Verification> {
        let Some(checks) = Checks::new(expected) else {
            return Ok(Verification::Unverifiable);
        };
        loop {
            let grant = match self.flights.acquire(id) {
                Acquired::Granted(grant) => grant,
                Acquired::Filling(_) => return Ok(Verification::NotCached),
                Acquired::Busy(turn) => match turn.await {
                    Some(grant) => grant,
                    None => continue,
                },
            };
            return self.check_cached(*id, checks, grant).await;
        }
    }

    /// Reads the file of a cached image and compares it, in a task of its own: a client that leaves does not throw away
    /// what was read for those who wait with it.
    pub(crate) async fn check_cached(
        self: &Arc<Self>,
        id: ImageId,
        checks: Checks,
        grant: Grant<ImageId, FillReader>,
    ) -> Result<Verification> {
        let inner = Arc::clone(self);
        let check = move || inner.check_cached_now(id, &checks, grant);
        let task = self.tasks.spawn_blocking(check);
        task.await.map_err(|_| Error::ShuttingDown)?
    }

    fn check_cached_now(
        &self,
        id: ImageId,
        checks: &Checks,
        grant: Grant<ImageId, FillReader>,
    ) -> Result<Verification> {
        let failed = |source| Error::Io {
            action: "verify a cached image",
            source,
        };
        let path = self.layout.complete(&id);
        let stamp = match self.index.find(&id, checks) {
            Found::Absent => return Ok(Verification::NotCached),
            Found::WrongSize => {
                let reason = "the file has another size than the image";
                return self.drop_damaged(id, grant, reason);
            }
            // Without a hash, that we wrote it and nobody changed it is all there is to know.
            Found::Open(_, stamp) | Found::Closed(stamp) if !checks.has_hash() => Some(stamp),
            Found::Open(..) | Found::Closed(..) | Found::Unproven => None,
        };
        // Cleared, removed, or stopped: nobody wants to know, and whoever unlinks the file waits for this.
        let is_abandoned =
            || grant.is_doomed() || !self.index.contains(&id) || self.stop.is_cancelled();
        let is_large = checks.size_bytes >= self.config.large_from_bytes;
        match check_file(&path, checks, stamp, is_large, is_abandoned).map_err(failed)? {
            Checked::Intact(file, stamp, proof) => {
                let file = Arc::new(file);
                self.index.set_proven(&id, (stamp, proof), &file);
                if let Some(record) = self.index.record(&id)
                    && let Err(error) = self.index_file.append(&id, &record)
                {
                    tracing::warn!(%error, "the cache index cannot be written");
                }
                match grant.settle() {
                    Ok(()) => Ok(Verification::Intact),
                    Err(grant) => self.drop_cached(id, grant),
                }
            }
            Checked::Damaged(reason) => self.drop_damaged(id, grant, &reason),
            Checked::Abandoned if self.stop.is_cancelled() => Err(Error::ShuttingDown),
            Checked::Abandoned => self.drop_cached(id, grant),
        }
    }

    fn drop_damaged(
        &self,
        id: ImageId,
        grant: Grant<ImageId, FillReader>,
        reason: &str,
    ) -> Result<Verification> {
        tracing::warn!(image.id = %id, reason, "a cached image is damaged; it is dropped");
        self.counters.damaged();
        self.drop_cached(id, grant)
    }

    fn drop_cached(&self, id: ImageId, grant: Grant<ImageId, FillReader>) -> Result<Verification> {
        let Some(record) = self.index.take(&id) else {
            return Ok(Verification::NotCached);
        };
        self.unlink(Victim { id, record, grant })
            .map_err(|source| Error::Io {
                action: "remove a damaged cached image",
                source,
            })?;
        Ok(Verification::Dropped)
    }
}

/// Reads the whole file. `known` is the file as we wrote it, for images that have no hash.
fn check_file(
    path: &Path,
    checks: &Checks,
    known: Option<Stamp>,
    is_large: bool,
    is_abandoned: impl Fn() -> bool,
) -> io::Result<Checked> {
    let damaged = |reason: &str| Ok(Checked::Damaged(reason.to_owned()));
    let file = match layout::open_file(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return damaged("the file is gone");
        }
        Err(error) => return Err(error),
    };
    let stamp = Stamp::of(&file.metadata()?);
    if stamp.size_bytes != checks.size_bytes {
        return damaged("the file has another size than the image");
    }
    let Some(mut hasher) = checks.hasher().map_err(io::Error::other)? else {
        return match known {
            Some(known) if known == stamp => Ok(Checked::Intact(file, stamp, Proof::none())),
            Some(_) | None => damaged("the image has no hash and the file is not known to be ours"),
        };
    };
    if !hash_file(&file, &mut hasher, is_large, is_abandoned)? {
        return Ok(Checked::Abandoned);
    }
    let digest = hasher.finish().map_err(io::Error::other)?;
    match checks.compare(Some(digest)) {
        Err(wrong) => damaged(&format!(
            "its `{}` is `{}` and not `{}`",
            wrong.algorithm, wrong.found, wrong.expected
        )),
        Ok(_) if Stamp::of(&file.metadata()?) != stamp => damaged("the file changed under the eye"),
        Ok(proof) => Ok(Checked::Intact(file, stamp, proof)),
    }
}

/// Whether the file was read to its end. One that `is_large` does not stay in memory behind the reader.
pub(crate) fn hash_file(
    file: &File,
    hasher: &mut Hasher,
    is_large: bool,
    is_abandoned: impl Fn() -> bool,
) -> io::Result<bool> {
    let mut buffer = vec![0; READ_BYTES];
    let mut at = 0;
    loop {
        if is_abandoned() {
            return Ok(false);
        }
        let read = file.read_at(&mut buffer, at)?;
        if is_large && (read == 0 || at.is_multiple_of(BEHIND_BYTES)) {
            let_go_behind(file, at);
        }
        if read == 0 {
            return Ok(true);
        }
        hasher.update(&buffer[..read]).map_err(io::Error::other)?;
        at += read as u64;
    }
}
