//! Imports: data that reaches an image behind the answer, under a lock that one task holds.
//!
//! The lock is the property `os_glance_import_task` with the id of its task, the same that Glance takes, kept unique by
//! the key on image and name. Every step of an import is one transaction that first makes sure that its task still holds
//! the lock, so nobody who lost it can change the image.

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, Order, Value,
    sea_query::{Expr, ExprTrait, Query, UpdateStatement},
};
use serde_json::Map;
use vidimus_types::{ImageId, ImageStatus};

use crate::{
    Db, Described, Error, Result, StorageLimit, UploadFacts,
    dialect::now,
    images::{alive, is_duplicate, keep_within},
    locations, properties,
    record::{self, LocationRecord, LocationStatus},
    tasks::{self, NewTask, TaskEnd},
};

/// The property that is the lock.
pub const IMPORT_LOCK: &str = "os_glance_import_task";

/// The imports of a [`Db`].
#[derive(Debug, Clone, Copy)]
pub struct Imports<'a> {
    db: &'a Db,
}

/// An import to be started.
#[derive(Debug, Clone)]
pub struct ImportStart {
    /// The image.
    pub image: ImageId,
    /// The status it was found in, and the one it gets.
    pub status: (ImageStatus, ImageStatus),
    /// The task that is to hold the lock.
    pub task: NewTask,
    /// The holder of a lock that has expired; it is dropped if it is still that one.
    pub expired: Option<String>,
    /// Properties to be set.
    pub set_properties: Vec<(String, String)>,
    /// Properties to be taken away.
    pub remove_properties: Vec<String>,
}

/// What came of starting an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// The task holds the lock.
    Yes,
    /// Another task does.
    Locked,
    /// The image is gone, or in another status.
    Changed,
}

/// What is known of the data after a step.
#[derive(Debug, Clone, Default)]
pub enum Content {
    /// As before.
    #[default]
    Unchanged,
    /// There is none, so there is nothing to know.
    Forgotten,
    /// Only what is staged, of this size.
    Staged(u64),
    /// What somebody said of data that lies elsewhere, or what was found out about it.
    Described(Described),
    /// The hashes are not known; all else is as before.
    Unhashed,
    /// All of it, as the first of several copies was found to be.
    Known(UploadFacts),
}

/// One step of an import: everything that changes about the image, and perhaps the end of the task.
#[derive(Debug, Clone)]
pub struct ImportStep {
    /// The image.
    pub image: ImageId,
    /// The task, which must hold the lock.
    pub task: String,
    /// From which status to which.
    pub status: Option<(ImageStatus, ImageStatus)>,
    /// What is known of the data from now on.
    pub content: Content,
    /// Disk and container format, where the data was brought into others.
    pub formats: Option<(String, String)>,
    /// Copies of the data to be recorded.
    pub copies: Vec<UploadFacts>,
    /// A location to be recorded whose data somebody else put there, with what is noted about it.
    pub location: Option<(String, Map<String, serde_json::Value>)>,
    /// What copies and the location must stay within.
    pub limit: Option<StorageLimit>,
    /// Takes all locations off the image; their data is left to the caller to remove.
    pub drop_locations: bool,
    /// Properties to be set.
    pub set_properties: Vec<(String, String)>,
    /// Properties to be taken away.
    pub remove_properties: Vec<String>,
    /// Ends the task and drops the lock.
    pub end: Option<TaskEnd>,
}

impl ImportStep {
    /// A step that changes nothing yet.
    pub fn new(image: ImageId, task: impl Into<String>) -> Self {
        Self {
            image,
            task: task.into(),
            status: None,
            content: Content::Unchanged,
            formats: None,
            copies: Vec::new(),
            location: None,
            limit: None,
            drop_locations: false,
            set_properties: Vec::new(),
            remove_properties: Vec::new(),
            end: None,
        }
    }
}

impl<'a> Imports<'a> {
    pub(crate) fn new(db: &'a Db) -> Self {
        Self { db }
    }

    /// Takes the lock, writes the task down and moves the image, all or nothing.
    pub async fn start(&self, start: &ImportStart) -> Result<Started> {
        let now = now();
        let dialect = self.db.dialect();
        let id = &start.image;
        let tx = self.db.write().await?;
        if let Some(expired) = &start.expired
            && unlock(&tx, id, expired).await? == 0
        {
            tx.rollback().await?;
            return Ok(Started::Locked);
        }
        if !self.lock(&tx, id, &start.task.id, now).await? {
            tx.rollback().await?;
            return Ok(Started::Locked);
        }
        let (from, to) = start.status;
        let mut update = self.change(id, now);
        update
            .value("status", to.as_str())
            .and_where(Expr::col("status").eq(from.as_str()));
        if tx.execute(&update).await?.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(Started::Changed);
        }
        tasks::insert(&tx, dialect, &start.task, now).await?;
        properties::set(&tx, dialect, id, &start.set_properties, now).await?;
        properties::remove(&tx, dialect, id, &start.remove_properties, now).await?;
        tx.commit().await?;
        Ok(Started::Yes)
    }

    /// Makes one step; `false`, and nothing done, if the task holds no lock on the image or the image is elsewhere.
    ///
    /// The last step also takes away what Glance has noted of copies that never came.
    pub async fn step(&self, step: &ImportStep) -> Result<bool> {
        Ok(self.step_and_drop(step).await?.is_some())
    }

    /// As [`Self::step`], with the locations that were taken off the image; `None` for `false`.
    pub async fn step_and_drop(&self, step: &ImportStep) -> Result<Option<Vec<LocationRecord>>> {
        let now = now();
        let dialect = self.db.dialect();
        let id = &step.image;
        let tx = self.db.write().await?;
        if !holds(&tx, id, &step.task).await? {
            tx.rollback().await?;
            return Ok(None);
        }
        let mut update = self.change(id, now);
        if let Some((from, to)) = step.status {
            update
                .value("status", to.as_str())
                .and_where(Expr::col("status").eq(from.as_str()));
        }
        if let Some((disk, container)) = &step.formats {
            update
                .value("disk_format", disk.as_str())
                .value("container_format", container.as_str());
        }
        describe(&mut update, &step.content);
        if tx.execute(&update).await?.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(None);
        }
        let dropped = if step.drop_locations {
            locations::await_removal(&tx, dialect, id, now).await?
        } else {
            Vec::new()
        };
        if let Some((url, metadata)) = &step.location {
            locations::insert(&tx, dialect, id, url, metadata, now).await?;
        }
        for copy in &step.copies {
            locations::insert(&tx, dialect, id, &copy.url, &copy.metadata, now).await?;
        }
        if step.location.is_some() || !step.copies.is_empty() {
            keep_within(&tx, step.limit.as_ref()).await?;
        }
        properties::set(&tx, dialect, id, &step.set_properties, now).await?;
        properties::remove(&tx, dialect, id, &step.remove_properties, now).await?;
        if let Some(end) = &step.end {
            locations::remove_placeholders(&tx, dialect, id, now).await?;
            tasks::finish(&tx, dialect, &step.task, end, now).await?;
            unlock(&tx, id, &step.task).await?;
        }
        tx.commit().await?;
        Ok(Some(dropped))
    }

    /// Whether the task still holds the lock on the image.
    pub async fn holds(&self, id: &ImageId, task: &str) -> Result<bool> {
        holds(&self.db.inner.readers, id, task).await
    }

    /// The images a task holds the lock on.
    pub async fn held_by(&self, task: &str) -> Result<Vec<ImageId>> {
        let select = Query::select()
            .column("image_id")
            .from("image_properties")
            .and_where(Expr::col("name").eq(IMPORT_LOCK))
            .and_where(Expr::col("value").eq(task))
            .and_where(Expr::col("deleted").eq(false))
            .to_owned();
        let rows = self.db.inner.readers.query_all(&select).await?;
        rows.iter()
            .map(|row| {
                let id: String = row.try_get("", "image_id")?;
                id.parse().map_err(|_| Error::Corrupt {
                    table: "image_properties",
                    row: id,
                    column: "image_id",
                })
            })
            .collect()
    }

    /// Notes what was staged for an image and on which node; `false` if the image is not in uploading any more.
    pub async fn staged(&self, id: &ImageId, size: u64, host: Option<&str>) -> Result<bool> {
        let now = now();
        let tx = self.db.write().await?;
        let mut update = self.change(id, now);
        update.and_where(Expr::col("status").eq(ImageStatus::Uploading.as_str()));
        describe(&mut update, &Content::Staged(size));
        let changed = tx.execute(&update).await?.rows_affected() > 0;
        if let (true, Some(host)) = (changed, host) {
            let property = [("os_glance_stage_host".to_owned(), host.to_owned())];
            properties::set(&tx, self.db.dialect(), id, &property, now).await?;
        }
        tx.commit().await?;
        Ok(changed)
    }

    /// Takes one copy off an active image and leaves it to the caller to remove the data; `None` if it is the last copy,
    /// or not there, or the image is not active.
    pub async fn take_copy(&self, id: &ImageId, copy: i64) -> Result<Option<LocationRecord>> {
        let now = now();
        let dialect = self.db.dialect();
        let tx = self.db.write().await?;
        let mut touch = self.change(id, now);
        touch.and_where(Expr::col("status").eq(ImageStatus::Active.as_str()));
        if tx.execute(&touch).await?.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(None);
        }
        let select = Query::select()
            .columns(record::LOCATION_COLUMNS.iter().copied())
            .from("image_locations")
            .and_where(Expr::col("image_id").eq(id.as_str()))
            .and_where(Expr::col("status").eq(LocationStatus::Active.as_str()))
            .and_where(dialect.is_false(("image_locations", "deleted")))
            .order_by("id", Order::Asc)
            .to_owned();
        let copies = tx
            .query_all(&select)
            .await?
            .iter()
            .map(record::location)
            .collect::<Result<Vec<_>>>()?;
        let found = copies.iter().position(|other| other.id == copy);
        let (Some(at), true) = (found, copies.len() > 1) else {
            tx.rollback().await?;
            return Ok(None);
        };
        let bury = Query::update()
            .table("image_locations")
            .value("status", LocationStatus::PendingDelete.as_str())
            .value("deleted", true)
            .value("deleted_at", dialect.time(now))
            .value("updated_at", dialect.time(now))
            .and_where(Expr::col("id").eq(copy))
            .to_owned();
        tx.execute(&bury).await?;
        tx.commit().await?;
        Ok(copies.into_iter().nth(at))
    }

    /// Inserts the lock, or brings a buried row of the same name back to life; `false` if somebody holds it.
    async fn lock(
        &self,
        tx: &DatabaseTransaction,
        id: &ImageId,
        task: &str,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        let dialect = self.db.dialect();
        let revive = Query::update()
            .table("image_properties")
            .value("value", task)
            .value("deleted", false)
            .value("deleted_at", Expr::null())
            .value("updated_at", dialect.time(now))
            .and_where(Expr::col("image_id").eq(id.as_str()))
            .and_where(Expr::col("name").eq(IMPORT_LOCK))
            .and_where(Expr::col("deleted").eq(true))
            .to_owned();
        if tx.execute(&revive).await?.rows_affected() > 0 {
            return Ok(true);
        }
        let columns: [(&str, Value); 6] = [
            ("image_id", id.as_str().into()),
            ("name", IMPORT_LOCK.into()),
            ("value", task.into()),
            ("created_at", dialect.time(now)),
            ("updated_at", dialect.time(now)),
            ("deleted", false.into()),
        ];
        let insert = Query::insert()
            .into_table("image_properties")
            .columns(columns.iter().map(|(name, _)| *name))
            .values_panic(columns.map(|(_, value)| value.into()))
            .to_owned();
        match tx.execute(&insert).await {
            Ok(_) => Ok(true),
            Err(error) if is_duplicate(&error) => Ok(false),
            Err(error) => Err(Error::from(error)),
        }
    }

    fn change(&self, id: &ImageId, now: DateTime<Utc>) -> UpdateStatement {
        Query::update()
            .table("images")
            .value("updated_at", self.db.dialect().time(now))
            .cond_where(alive(id))
            .to_owned()
    }
}

fn describe(update: &mut UpdateStatement, content: &Content) {
    match content {
        Content::Unchanged => {}
        Content::Forgotten => {
            for column in [
                "size",
                "virtual_size",
                "checksum",
                "os_hash_algo",
                "os_hash_value",
            ] {
                update.value(column, Expr::null());
            }
        }
        Content::Unhashed => {
            for column in ["checksum", "os_hash_algo", "os_hash_value"] {
                update.value(column, Expr::null());
            }
        }
        Content::Described(described) => described.write(update),
        Content::Staged(size) => {
            update.value("size", record::stored_bytes(*size));
        }
        Content::Known(facts) => {
            update
                .value("size", record::stored_bytes(facts.size))
                .value("checksum", facts.checksum.as_str())
                .value("os_hash_algo", facts.os_hash_algo.as_str())
                .value("os_hash_value", facts.os_hash_value.as_str())
                .value("virtual_size", facts.virtual_size.map(record::stored_bytes));
        }
    }
}

async fn holds(conn: &impl ConnectionTrait, id: &ImageId, task: &str) -> Result<bool> {
    let select = Query::select()
        .column("id")
        .from("image_properties")
        .and_where(Expr::col("image_id").eq(id.as_str()))
        .and_where(Expr::col("name").eq(IMPORT_LOCK))
        .and_where(Expr::col("value").eq(task))
        .and_where(Expr::col("deleted").eq(false))
        .to_owned();
    Ok(conn.query_one(&select).await?.is_some())
}

/// Drops the lock if that task holds it.
///
/// Compat: the row goes for good, as Glance takes it away, so that whoever comes next inserts and does not revive.
async fn unlock(conn: &impl ConnectionTrait, id: &ImageId, task: &str) -> Result<u64> {
    let delete = Query::delete()
        .from_table("image_properties")
        .and_where(Expr::col("image_id").eq(id.as_str()))
        .and_where(Expr::col("name").eq(IMPORT_LOCK))
        .and_where(Expr::col("value").eq(task))
        .to_owned();
    Ok(conn.execute(&delete).await?.rows_affected())
}
