//! One cached image: what is listed of it, and what the cache itself knows.

use std::{
    fs::{File, Metadata},
    os::unix::fs::MetadataExt,
    sync::Weak,
    time::SystemTime,
};

use vidimus_types::ImageId;

use crate::proof::Proof;

/// A cached image, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The image.
    pub image_id: ImageId,
    /// Bytes on disk.
    pub size_bytes: u64,
    /// How often it was served from the cache.
    pub hits: u64,
    /// When it was last served, or else cached.
    pub last_accessed: SystemTime,
    /// When it was cached. Does not change while it is.
    pub last_modified: SystemTime,
}

/// Hits on one cached image that were not reported yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The image.
    pub image_id: ImageId,
    /// Hits since the last report.
    pub hits_added: u64,
    /// The last of them.
    pub last_accessed: SystemTime,
}

/// One cached image.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) size_bytes: u64,
    pub(crate) hits: u64,
    pub(crate) last_accessed: SystemTime,
    pub(crate) last_modified: SystemTime,
    /// What the bytes were verified against, and the file they were in. `None`: found on disk, not looked into yet.
    pub(crate) proven: Option<(Stamp, Proof)>,
    /// Shared by all readers, so that one descriptor serves them; alive while there is one.
    pub(crate) file: Weak<File>,
}

impl Record {
    pub(crate) fn entry(&self, image_id: ImageId) -> Entry {
        Entry {
            image_id,
            size_bytes: self.size_bytes,
            hits: self.hits,
            last_accessed: self.last_accessed,
            last_modified: self.last_modified,
        }
    }

    /// Whether the file with this stamp is the one that was verified.
    pub(crate) fn is_proven_as(&self, stamp: Stamp) -> bool {
        matches!(&self.proven, Some((proven, _)) if *proven == stamp)
    }
}

/// Tells a file from another, and from itself after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) size_bytes: u64,
    pub(crate) inode: u64,
    pub(crate) modified_ns: i128,
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            size_bytes: metadata.size(),
            inode: metadata.ino(),
            modified_ns: i128::from(metadata.mtime()) * 1_000_000_000
                + i128::from(metadata.mtime_nsec()),
        }
    }
}
