//! The ways a store says no.

use std::io;

use rustix::io::Errno;
use thiserror::Error;
use vidimus_types::{ByteRange, StoreId};

/// Short for this crate's results.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a store did not do what it was asked.
///
/// Places are named by [`Location::label`](crate::Location::label), because the URL of a location can hold credentials.
#[derive(Debug, Error)]
pub enum Error {
    /// The location is sound, the data is not there.
    #[error("store `{store}` has nothing at `{place}`")]
    NotFound {
        /// The store that was asked.
        store: StoreId,
        /// The label of the location.
        place: String,
    },
    /// No room: disk, quota or file size limit.
    #[error("store `{store}` is full")]
    Full {
        /// The store that has no room.
        store: StoreId,
    },
    /// No store of that name is configured.
    #[error("there is no store `{store}`")]
    NoSuchStore {
        /// The name that was asked for.
        store: StoreId,
    },
    /// Two stores were given one name.
    #[error("there are two stores `{store}`")]
    DuplicateStore {
        /// The name they share.
        store: StoreId,
    },
    /// The store is of a kind that is only read.
    #[error("store `{store}` is read-only")]
    ReadOnly {
        /// The store that was asked to write.
        store: StoreId,
    },
    /// The store can only be read as a whole.
    #[error("store `{store}` cannot open a part of its data")]
    NoRanges {
        /// The store that was asked.
        store: StoreId,
        /// The bytes that were asked for.
        range: ByteRange,
    },
    /// The server that has the data does not answer.
    #[error("store `{store}` cannot reach the server of `{place}`")]
    Unreachable {
        /// The store that was asked.
        store: StoreId,
        /// The label of the location.
        place: String,
        /// Why not.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It takes longer than the store may take; the machine may be at it for ever.
    #[error("store `{store}` took more than {seconds} seconds to {action}")]
    TimedOut {
        /// The store that was asked.
        store: StoreId,
        /// What it was about to do.
        action: &'static str,
        /// How long it may take.
        seconds: u64,
    },
    /// The machine refuses: file permissions, or a disk mounted read-only.
    #[error("store `{store}` is not permitted to {action}")]
    Denied {
        /// The store that was refused.
        store: StoreId,
        /// What it was about to do.
        action: &'static str,
        /// The refusal.
        #[source]
        cause: io::Error,
    },
    /// Something beside us uses the data, which therefore cannot be removed now.
    #[error("the data at `{place}` in store `{store}` is in use")]
    InUse {
        /// The store that was asked to remove it.
        store: StoreId,
        /// The label of the location.
        place: String,
        /// How the store said so.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Other data is built upon it, which therefore cannot be removed.
    #[error("the data at `{place}` in store `{store}` has snapshots")]
    HasSnapshots {
        /// The store that was asked to remove it.
        store: StoreId,
        /// The label of the location.
        place: String,
    },
    /// The location points outside of what the store may touch, or belongs to no store here.
    #[error("location `{place}` is refused: {reason}")]
    BadLocation {
        /// The label of the location.
        place: String,
        /// Why.
        reason: &'static str,
    },
    /// The range ends after the data does.
    #[error("store `{store}` has only {size_bytes} bytes at `{place}`")]
    OutOfRange {
        /// The store that was asked.
        store: StoreId,
        /// The label of the location.
        place: String,
        /// How many bytes there are.
        size_bytes: u64,
    },
    /// The data to store stopped coming. Says nothing bad about the store.
    #[error("the data to store broke off")]
    Source(#[source] io::Error),
    /// The store failed.
    #[error("store `{store}` failed to {action}")]
    Io {
        /// The store that failed.
        store: StoreId,
        /// What it was about to do.
        action: &'static str,
        /// The failure.
        #[source]
        cause: io::Error,
    },
}

impl Error {
    /// Sorts a failure of the operating system into the conditions callers tell apart.
    pub(crate) fn from_io(store: &StoreId, action: &'static str, cause: io::Error) -> Self {
        let store = store.clone();
        match Errno::from_io_error(&cause) {
            // Compat: Glance also answers "storage full" to a file size limit (glance_store filesystem.py, EFBIG).
            Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => Self::Full { store },
            Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => Self::Denied {
                store,
                action,
                cause,
            },
            _ => Self::Io {
                store,
                action,
                cause,
            },
        }
    }
}
