//! The conditions a caller of this crate can act on.

use std::path::PathBuf;

use sea_orm::DbErr;
use thiserror::Error;
use vidimus_types::{ImageId, ImageStatus};

use crate::{
    MetadefKind,
    dialect::{self, Trouble},
};

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the database did not do what it was asked.
#[derive(Debug, Error)]
pub enum Error {
    /// No such image, or it is deleted, or the scope does not reach it.
    #[error("image `{0}` is not there")]
    NotFound(ImageId),
    /// The id is taken, be it by an image deleted long ago.
    #[error("image `{0}` exists already")]
    Duplicate(ImageId),
    /// Somebody else changed the status first; nothing was done.
    #[error("image `{image}` is `{found}` and not `{expected}`")]
    StatusConflict {
        /// The image.
        image: ImageId,
        /// What the caller took for its status.
        expected: ImageStatus,
        /// Its status.
        found: ImageStatus,
    },
    /// The locations of the image are not those the caller decided upon.
    #[error("the locations of image `{0}` were changed by somebody else")]
    LocationsChanged(ImageId),
    /// The image can no longer be restored.
    #[error("no data of image `{0}` is left")]
    DataGone(ImageId),
    /// The project's images take up more than they may.
    #[error("the images of the project take up {used} of {limit} bytes")]
    OverLimit {
        /// What they would take up.
        used: u64,
        /// What they may take up.
        limit: u64,
    },
    /// A page was to start behind an image that does not exist.
    #[error("marker `{0}` is not there")]
    MarkerNotFound(ImageId),
    /// A page was to start behind an image the scope does not reach.
    #[error("marker `{0}` is not visible")]
    MarkerForbidden(ImageId),
    /// No such definition, or the scope does not reach its namespace.
    #[error("{0} is not there")]
    MetadefNotFound(MetadefKind),
    /// The namespace has one of that name, or for namespaces the database.
    #[error("{kind} `{name}` exists already")]
    MetadefDuplicate {
        /// What kind of definition.
        kind: MetadefKind,
        /// The name that is taken.
        name: String,
    },
    /// The namespace is protected against deletions.
    #[error("namespace is protected")]
    MetadefProtected,
    /// The database URL is of a kind, or in a form, that is not understood.
    ///
    /// The URL itself is left out: it may hold a password.
    #[error("database URL of kind `{scheme}` {reason}")]
    UnsupportedUrl {
        /// The part before `://`.
        scheme: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The database file cannot be opened or created.
    #[error("database file `{path}` cannot be opened")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database was made by an older Glance and has to be brought up to date by Glance itself.
    #[error(
        "database schema is at `{found}` and not at `{expected}`: back it up and run `glance-manage db sync` \
         of a Glance release from 28 (2024.1) to 33 on it"
    )]
    OldSchema {
        /// The revision in the database, or several, or `none` for tables from before revisions were kept.
        found: String,
        /// The revision that is needed.
        expected: &'static str,
    },
    /// The database is at a revision that is not known here, probably one of a newer Glance.
    #[error("database schema is at `{found}`, which is not known; `{expected}` is needed")]
    UnknownSchema {
        /// The revision in the database, or several.
        found: String,
        /// The revision that is needed.
        expected: &'static str,
    },
    /// A row holds something that cannot have been written by Glance or by us.
    #[error("row `{row}` of table `{table}` has an unreadable `{column}`")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The row's key.
        row: String,
        /// The column.
        column: &'static str,
    },
    /// Other writers kept the database locked for too long; trying again is fine.
    #[error("database is busy")]
    Busy(#[source] DbErr),
    /// There is no space left for the database.
    #[error("database has no space left")]
    StorageFull(#[source] DbErr),
    /// The query was broken off before its end.
    #[error("database query was broken off")]
    Interrupted,
    /// Anything else the database says.
    #[error("database failed")]
    Database(#[source] DbErr),
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        match dialect::trouble(&error) {
            Some(Trouble::Busy) => Self::Busy(error),
            Some(Trouble::Full) => Self::StorageFull(error),
            None => Self::Database(error),
        }
    }
}
