//! Files on their way in: written aside, synced, then renamed to their final name.
//!
//! ```text
//! <datadir>/<image id>                                  whole and synced
//! <datadir>/.vidimus-incoming/<image id>-<random>       being written; locked by its writer
//! ```
//!
//! glance_store never lists its folders, so the extra one does not disturb it. The lock is how a leftover of a killed
//! process is told from a file that another process or node is writing right now.

use std::{
    fs::{File, TryLockError},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use vidimus_types::ImageId;

use crate::Recovered;

/// The folder's name, in every datadir.
pub(super) const NAME: &str = ".vidimus-incoming";

/// Where locks do not work, only what nobody has written to for this long is a leftover.
const STALE_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// How data is made durable. The fields are replaced in tests of what happens when a disk refuses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Syncs {
    pub(super) data: fn(&File) -> io::Result<()>,
    pub(super) file: fn(&File) -> io::Result<()>,
    pub(super) folder: fn(&File) -> io::Result<()>,
}

impl Syncs {
    pub(super) const REAL: Self = Self {
        data: File::sync_data,
        file: File::sync_all,
        folder: File::sync_all,
    };
}

/// The incoming folder of a datadir.
pub(super) fn folder(datadir: &Path) -> PathBuf {
    datadir.join(NAME)
}

/// Creates the incoming folder, closed to everybody else, and proves that it can be written.
pub(super) fn create_folder(datadir: &Path) -> io::Result<()> {
    let path = folder(datadir);
    match std::fs::create_dir(&path) {
        Ok(()) => std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700))?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let flags = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    rustix::fs::access(datadir, flags)?;
    rustix::fs::access(&path, flags)?;
    Ok(())
}

/// A file being written. Dropped before [`keep`](Self::keep), it is removed, under whichever name it has by then.
#[derive(Debug)]
pub(super) struct Incoming {
    file: Arc<File>,
    path: PathBuf,
    is_kept: bool,
}

impl Incoming {
    /// Starts an empty file for `id`.
    pub(super) fn create(datadir: &Path, id: &ImageId) -> io::Result<Self> {
        loop {
            let name = format!("{id}-{}", uuid::Uuid::new_v4().simple());
            let path = folder(datadir).join(name);
            let file = match File::create_new(&path) {
                // Somebody tidied the empty folder away.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    create_folder(datadir)?;
                    File::create_new(&path)?
                }
                created => created?,
            };
            let incoming = Self {
                file: Arc::new(file),
                path,
                is_kept: false,
            };
            // A clean-up elsewhere may have come between creation and lock. Then it has the lock, or the file is gone.
            match incoming.file.try_lock() {
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(error)) => {
                    tracing::debug!(error = &error as &dyn std::error::Error, "no locks here");
                }
                Ok(()) => {}
            }
            if incoming.file.metadata()?.nlink() > 0 {
                return Ok(incoming);
            }
        }
    }

    /// The file to write to.
    pub(super) fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// Makes the data durable under its final name.
    ///
    /// An error of any sync fails the whole: after one, the kernel may have dropped the pages, so a second try that
    /// succeeds would prove nothing.
    pub(super) fn publish(
        &mut self,
        target: &Path,
        size_bytes: u64,
        file_perm: u32,
        syncs: Syncs,
    ) -> io::Result<()> {
        // Gives back what was reserved beyond the end, and gives holes at the end their length.
        self.file.set_len(size_bytes)?;
        if file_perm != 0 {
            self.file
                .set_permissions(std::fs::Permissions::from_mode(file_perm))?;
        }
        (syncs.file)(&self.file)?;
        std::fs::rename(&self.path, target)?;
        target.clone_into(&mut self.path);
        let folder = File::open(target.parent().unwrap_or(Path::new("/")))?;
        (syncs.folder)(&folder)
    }

    /// The file stays.
    pub(super) fn keep(mut self) {
        self.is_kept = true;
    }

    /// Removes the file now, on the calling thread.
    pub(super) fn discard(mut self) {
        self.is_kept = true;
        remove_own(&self.path, &self.file);
    }

    /// The file if `step` went well; otherwise it is removed before the caller learns of the failure.
    pub(super) fn or_discard(
        mut self,
        step: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> io::Result<Self> {
        match step(&mut self) {
            Ok(()) => Ok(self),
            Err(error) => {
                self.discard();
                Err(error)
            }
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        let path = std::mem::take(&mut self.path);
        let file = Arc::clone(&self.file);
        // Freeing a large file takes seconds on some file systems; not on a thread of the runtime.
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || remove_own(&path, &file))),
            Err(_) => remove_own(&path, &file),
        }
    }
}

/// Removes `path` if it still is `file`: a later `put` of the same image may have replaced it.
fn remove_own(path: &Path, file: &File) {
    let remove = || -> io::Result<()> {
        let (ours, there) = (file.metadata()?, std::fs::symlink_metadata(path)?);
        if (ours.dev(), ours.ino()) == (there.dev(), there.ino()) {
            std::fs::remove_file(path)?;
        }
        Ok(())
    };
    match remove() {
        Err(error) if error.kind() != io::ErrorKind::NotFound => tracing::warn!(
            path = %path.display(),
            error = &error as &dyn std::error::Error,
            "unfinished image data stays until the next start"
        ),
        _ => {}
    }
}

/// Removes every file in `folders` that no living process is writing.
pub(super) fn clear_leftovers(folders: &[PathBuf]) -> io::Result<Recovered> {
    let mut recovered = Recovered::default();
    for folder in folders {
        let entries = match std::fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            if let Some(size_bytes) = clear_leftover(&entry?.path())? {
                recovered.files += 1;
                recovered.size_bytes += size_bytes;
            }
        }
    }
    Ok(recovered)
}

fn clear_leftover(path: &Path) -> io::Result<Option<u64>> {
    // Published or removed since the folder was read, or never ours.
    let Ok(file) = File::open(path) else {
        return Ok(None);
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(None);
    }
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(_)) => {
            let idle = SystemTime::now().duration_since(metadata.modified()?);
            if idle.unwrap_or_default() < STALE_AFTER {
                return Ok(None);
            }
        }
    }
    match std::fs::remove_file(path) {
        Ok(()) => Ok(Some(metadata.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_replaced_a_published_file_is_not_removed_with_it() {
        let datadir = tempfile::tempdir().unwrap();
        create_folder(datadir.path()).unwrap();
        let id = ImageId::random();
        let target = datadir.path().join(id.as_str());
        let publish = || {
            let mut incoming = Incoming::create(datadir.path(), &id).unwrap();
            incoming.publish(&target, 0, 0, Syncs::REAL).unwrap();
            incoming
        };
        let (first, second) = (publish(), publish());
        drop(first);
        assert!(target.exists(), "that was the second one");
        drop(second);
        assert!(!target.exists());
    }
}
