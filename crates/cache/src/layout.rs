//! Names of files and folders; the only place that knows them.
//!
//! ```text
//! <dir>/<image-id>              a complete cached image
//! <dir>/incomplete/<image-id>   being filled; none survives a start
//! <dir>/invalid/<image-id>      failed fills, as Glance leaves them; removed by `clean`
//! <dir>/queue/<image-id>        empty, the image waits to be prefetched; ordered by modification time
//! <dir>/.vidimus-index          what cannot be told from the files; can be lost without harm
//! <dir>/.vidimus-clearing       while files of a clear are unlinked: what lay here before it was written is none
//! <dir>/.vidimus-lock           held by the process that uses the folder
//! <dir>/*.db                    Glance's, not ours
//! ```
//!
//! Compat: the first four are Glance's own layout, so either program can take over the other's folder.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use vidimus_types::ImageId;

/// The paths inside one cache folder.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    dir: PathBuf,
}

impl Layout {
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn complete(&self, id: &ImageId) -> PathBuf {
        self.dir.join(id.as_str())
    }

    pub(crate) fn incomplete_dir(&self) -> PathBuf {
        self.dir.join("incomplete")
    }

    pub(crate) fn incomplete(&self, id: &ImageId) -> PathBuf {
        self.incomplete_dir().join(id.as_str())
    }

    pub(crate) fn invalid_dir(&self) -> PathBuf {
        self.dir.join("invalid")
    }

    pub(crate) fn queue_dir(&self) -> PathBuf {
        self.dir.join("queue")
    }

    pub(crate) fn queued(&self, id: &ImageId) -> PathBuf {
        self.queue_dir().join(id.as_str())
    }

    pub(crate) fn index(&self) -> PathBuf {
        self.dir.join(".vidimus-index")
    }

    pub(crate) fn new_index(&self) -> PathBuf {
        self.dir.join(".vidimus-index.new")
    }

    pub(crate) fn clearing(&self) -> PathBuf {
        self.dir.join(".vidimus-clearing")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.dir.join(".vidimus-lock")
    }

    /// Whether `name`, found in the cache folder, belongs there without being a cached image.
    pub(crate) fn is_known_name(name: &str) -> bool {
        // Compat: Glance's walks pass over `*.db`, where its sqlite driver keeps its own index.
        matches!(
            name,
            "incomplete"
                | "invalid"
                | "queue"
                | ".vidimus-index"
                | ".vidimus-index.new"
                | ".vidimus-clearing"
                | ".vidimus-lock"
        ) || [".db", ".db-journal", ".db-wal", ".db-shm"]
            .iter()
            .any(|end| name.ends_with(end))
    }
}

/// Makes renames into, and removals from, the folder outlive a power loss.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    fs_err::File::open(folder)?.sync_all()
}

/// Removes a file; that there was none is as good.
pub(crate) fn remove_file(path: &Path) -> io::Result<()> {
    match fs_err::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Opens a file for reading only.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    fs_err::File::open(path).map(fs_err::File::into_file)
}

/// Opens a file for reading if its path is in memory already: on a disk of this machine that waits for nothing.
pub(crate) fn open_at_once(path: &Path) -> Option<File> {
    // Whatever lies there under the name of an image: opening it must not wait for somebody at its other end.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED)
        .ok()
        .map(File::from)
}
