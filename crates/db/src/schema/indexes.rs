//! The indexes of ours on Glance's tables: what makes a page of a list cost the same however many images there are.
//!
//! Glance neither knows nor minds them: SQLite keeps them up to date whoever writes, and Glance's own commands look at the
//! revision and at the tables. Without them everything works, some lists more slowly (ADR 0011). Their names begin with
//! `vidimus_`, so that what is ours can be told and dropped.

use std::sync::atomic::Ordering;

use sea_orm::{ConnectionTrait, DatabaseTransaction};
use tracing::info;

use crate::{Db, Result, dialect::Dialect};

/// An index of ours.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) name: &'static str,
    pub(crate) table: &'static str,
    pub(crate) columns: &'static [&'static str],
    pub(crate) rows: Rows,
}

/// The rows an index holds; a query that is to use it says the same about the rows it wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    /// Those that are not deleted.
    Alive,
    /// Hidden images that are not deleted.
    Hidden,
    /// Images that are not deleted, and of which the last change is not within an hour behind their creation.
    ChangedLate,
}

/// How long after its creation an image may be changed without being one that was changed late.
///
/// Most are changed last when their data has arrived.
pub(crate) const SOON: chrono::TimeDelta = chrono::TimeDelta::hours(1);

/// All of them.
pub(crate) const INDEXES: &[Index] = &[
    Index {
        name: "vidimus_images_of_owner",
        table: "images",
        columns: &["owner", "os_hidden", "created_at"],
        rows: Rows::Alive,
    },
    Index {
        name: "vidimus_images_of_visibility",
        table: "images",
        columns: &["visibility", "os_hidden", "created_at"],
        rows: Rows::Alive,
    },
    Index {
        name: "vidimus_images_of_name",
        table: "images",
        columns: &["name", "os_hidden", "created_at"],
        rows: Rows::Alive,
    },
    Index {
        name: "vidimus_images_hidden",
        table: "images",
        columns: &["created_at"],
        rows: Rows::Hidden,
    },
    Index {
        name: "vidimus_images_changed_late",
        table: "images",
        columns: &["updated_at"],
        rows: Rows::ChangedLate,
    },
    Index {
        name: "vidimus_images_of_member",
        table: "image_members",
        columns: &["member", "image_id"],
        rows: Rows::Alive,
    },
];

impl Db {
    /// Adds those indexes of ours that are not there, and answers their names.
    ///
    /// Tables that [`Self::sync`] makes have them from the start. A database that was somebody else's gets them by this alone:
    /// it keeps everybody from writing for as long as it takes, some seconds for a million images.
    pub async fn add_indexes(&self) -> Result<Vec<&'static str>> {
        let tx = self.write().await?;
        let added = add(&tx, self.dialect()).await?;
        tx.commit().await?;
        if !added.is_empty() {
            info!(indexes = added.join(", "), "added indexes to the database");
        }
        self.note_indexes().await?;
        Ok(added)
    }

    /// Whether the database has all indexes of ours.
    pub async fn has_indexes(&self) -> Result<bool> {
        Ok(missing(&self.inner.readers, self.dialect())
            .await?
            .is_empty())
    }

    /// Sees whether lists can rely on the indexes.
    pub(crate) async fn note_indexes(&self) -> Result<()> {
        if let Some(direct) = &self.inner.direct {
            let are_there = self.has_indexes().await?;
            direct.are_indexed().store(are_there, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Adds what is missing, within a transaction.
pub(crate) async fn add(tx: &DatabaseTransaction, dialect: Dialect) -> Result<Vec<&'static str>> {
    let mut added = Vec::new();
    for index in missing(tx, dialect).await? {
        tx.execute_unprepared(&dialect.create_index(index)).await?;
        added.push(index.name);
    }
    Ok(added)
}

async fn missing(conn: &impl ConnectionTrait, dialect: Dialect) -> Result<Vec<&'static Index>> {
    let mut missing = Vec::new();
    for index in INDEXES {
        if conn
            .query_one_raw(dialect.find_index(index.name))
            .await?
            .is_none()
        {
            missing.push(index);
        }
    }
    Ok(missing)
}
