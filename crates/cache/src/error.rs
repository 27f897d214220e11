//! Every way the cache fails as a whole, and every way one fill fails.

use std::{io, path::PathBuf, sync::Arc};

use thiserror::Error;

/// What the cache as a whole can fail with.
#[derive(Debug, Error)]
pub enum Error {
    /// Another process has the folder; two would remove each other's files.
    #[error("the cache folder `{}` is in use by another process", dir.display())]
    InUse {
        /// The folder.
        dir: PathBuf,
    },
    /// The disk refused.
    #[error("cannot {action}")]
    Io {
        /// What was tried, such as `read the cache folder`.
        action: &'static str,
        /// Names the path.
        #[source]
        source: io::Error,
    },
    /// The runtime is going down, so the work was not done or its outcome is not known.
    #[error("the cache is shutting down")]
    ShuttingDown,
}

/// The result of whatever can fail with [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a fill ended without a cached image.
#[derive(Debug, Clone, Error)]
pub enum FillFailure {
    /// The source failed, or gave nothing for the stall time.
    #[error("reading the image failed")]
    Source(#[source] Arc<io::Error>),
    /// This node's disk failed or is full. The source is not to blame.
    #[error("writing the cached image failed")]
    Local(#[source] Arc<io::Error>),
    /// The source gave fewer bytes than the image has.
    #[error("the source ended after {received} of {expected} bytes")]
    TooShort {
        /// The image's size.
        expected: u64,
        /// What came.
        received: u64,
    },
    /// The source gave more bytes than the image has.
    #[error("the source gave more than the image's {expected} bytes")]
    TooLong {
        /// The image's size.
        expected: u64,
    },
    /// The bytes are not the image's.
    #[error("the source gave bytes whose `{algorithm}` is `{found}` and not `{expected}`")]
    WrongHash {
        /// By hashlib's name.
        algorithm: String,
        /// The image's, in hexadecimal.
        expected: String,
        /// Of what came, in hexadecimal.
        found: String,
    },
    /// The cache is shutting down.
    #[error("the cache is shutting down")]
    Stopped,
}

impl FillFailure {
    pub(crate) fn local(error: io::Error) -> Self {
        Self::Local(Arc::new(error))
    }

    pub(crate) fn source(error: io::Error) -> Self {
        Self::Source(Arc::new(error))
    }

    /// Whether the bytes that came before the failure are the image's as far as anybody knows.
    ///
    /// If so, going on from [`FillError::offset`] by a read of the store makes sense; if not, the store has the wrong
    /// bytes, and the client must see the download fail.
    pub fn is_resumable(&self) -> bool {
        match self {
            Self::Source(_) | Self::Local(_) | Self::TooShort { .. } | Self::Stopped => true,
            Self::TooLong { .. } | Self::WrongHash { .. } => false,
        }
    }
}

/// A fill failed under a reader.
#[derive(Debug, Clone, Error)]
#[error("the image was not cached; {offset} bytes of it were read")]
pub struct FillError {
    /// Where the reader stopped: the first byte of the image it has not been given.
    pub offset: u64,
    /// Why.
    #[source]
    pub failure: FillFailure,
}

impl From<FillError> for io::Error {
    fn from(error: FillError) -> Self {
        io::Error::other(error)
    }
}
