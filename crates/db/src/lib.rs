//! Metadata on Glance's own schema, one transaction per state change.
//!
//! A database that Glance 2024.1 or later has brought up to date is used as it stands, and a database made here can be
//! given back to Glance. This crate knows rows and who may see them; it does not know HTTP, stores, policy rules or quotas,
//! and whether a change of status makes sense is decided by its callers. What it guarantees is that a change happens whole
//! or not at all, and only if the image still is in the status the caller thinks it is in.
//!
//! Every method may be dropped at any await: a transaction that was not committed is rolled back.

mod cached;
mod connect;
mod crowds;
mod deletion;
mod dialect;
mod direct;
mod error;
mod images;
mod imports;
mod kept;
mod list;
mod locations;
mod members;
mod merge;
mod metadefs;
mod narrow;
mod properties;
mod query;
mod record;
#[cfg(test)]
mod scale;
mod schema;
mod scope;
mod source;
mod tags;
mod tasks;
mod unreadable;

use std::sync::Arc;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, Statement, TransactionTrait,
};

pub use cached::{CachedImages, CachedRow};
pub use connect::DbConfig;
pub use deletion::Deletion;
pub use error::{Error, Result};
pub use images::{
    Described, ImageChanges, Images, LocationChanges, NewImage, StorageLimit, UploadFacts,
};
pub use imports::{Content, IMPORT_LOCK, ImportStart, ImportStep, Imports, Started};
pub use locations::{Locations, Since};
pub use members::{Addition, MemberRecord, Members};
pub use metadefs::{
    AssociationRecord, LoadMode, LoadOutcome, MetadefKind, MetadefTagRecord, Metadefs,
    NamespaceContent, NamespaceFields, NamespaceQuery, NamespaceRecord, NamespaceSortKey,
    NewAssociation, NewNamespace, NewObject, ObjectRecord, PropertyRecord, ResourceTypeRecord,
    TagQuery, TagSortKey,
};
pub use query::{
    Comparison, Direction, ImageQuery, MemberFilter, NumberColumn, NumberFilter, Sort, SortKey,
    TimeColumn, TimeFilter, VisibilityFilter, WordColumn, WordFilter,
};
pub use record::{ImageRecord, LocationRecord, LocationStatus, Shown};
pub use schema::{SCHEMA_VERSION, Synced};
pub use scope::Scope;
pub use tags::Tags;
pub use tasks::{
    NewTask, TaskEnd, TaskQuery, TaskRecord, TaskSort, TaskStatus, Tasks, UnknownTaskStatus,
};

use dialect::Dialect;
use direct::Look;
use kept::Found;
use source::Source;

/// A handle on the metadata database; clones share its connections.
#[derive(Clone, Debug)]
pub struct Db {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    dialect: Dialect,
    writer: DatabaseConnection,
    /// The same as `writer` for a database in memory, which exists in one connection only.
    readers: DatabaseConnection,
    /// The quicker way to read images, where there is a file.
    direct: Option<Arc<direct::Readers>>,
    /// The file, where there is one.
    file: Option<std::path::PathBuf>,
}

impl Db {
    /// The images with their properties, tags and locations.
    pub fn images(&self) -> Images<'_> {
        Images::new(self)
    }

    /// The tags of one image at a time.
    pub fn tags(&self) -> Tags<'_> {
        Tags::new(self)
    }

    /// The projects an image is shared with.
    pub fn members(&self) -> Members<'_> {
        Members::new(self)
    }

    /// Which images the caches of which nodes hold.
    pub fn cached(&self) -> CachedImages<'_> {
        CachedImages::new(self)
    }

    /// Namespaces of metadata definitions and what is in them.
    pub fn metadefs(&self) -> Metadefs<'_> {
        Metadefs::new(self)
    }

    /// Imports under way.
    pub fn imports(&self) -> Imports<'_> {
        Imports::new(self)
    }

    /// Work that goes on behind an answer.
    pub fn tasks(&self) -> Tasks<'_> {
        Tasks::new(self)
    }

    /// Where image data lies, seen apart from images: what is left to be removed.
    pub fn locations(&self) -> Locations<'_> {
        Locations::new(self)
    }

    /// Asks the database for a sign of life.
    pub async fn ping(&self) -> Result<()> {
        let ask = Statement::from_string(self.inner.dialect.backend(), "SELECT 1");
        self.inner.readers.query_one_raw(ask).await?;
        Ok(())
    }

    /// Waits for running transactions and closes the connections, of all clones.
    pub async fn close(self) -> Result<()> {
        if let Some(direct) = &self.inner.direct {
            direct.close();
        }
        self.inner.readers.close_by_ref().await?;
        self.inner.writer.close_by_ref().await?;
        Ok(())
    }

    fn dialect(&self) -> Dialect {
        self.inner.dialect
    }

    /// Asks several things about images of one state of the database.
    async fn look(&self, look: impl Look + Sync) -> Result<Found> {
        match &self.inner.direct {
            Some(direct) => direct.look(look).await,
            None => {
                let tx = self.read().await?;
                let found = look.look(&Source::Driver(&tx)).await?;
                tx.commit().await?;
                Ok(found)
            }
        }
    }

    /// A transaction that sees one state of the database, however many queries it makes.
    async fn read(&self) -> Result<DatabaseTransaction> {
        let options = self.inner.dialect.read_options();
        Ok(self.inner.readers.begin_with_options(options).await?)
    }

    /// A transaction that may write.
    async fn write(&self) -> Result<DatabaseTransaction> {
        let options = self.inner.dialect.write_options();
        Ok(self.inner.writer.begin_with_options(options).await?)
    }
}
