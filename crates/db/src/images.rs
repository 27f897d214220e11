//! Images: one transaction for each change, and each change only from the status the caller expects.

use std::{collections::HashSet, sync::Arc};

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbErr, SqlErr, Statement, Value,
    sea_query::{Cond, Condition, Expr, ExprTrait, Query, UpdateStatement},
};
use serde_json::Map;
use vidimus_types::{ImageId, ImageStatus, Visibility};

use crate::{
    Db, Error, Result,
    dialect::{Dialect, now},
    direct::Look,
    kept::{Asked, Found},
    locations, properties,
    record::{self, ImageRecord, LocationStatus},
    scope::Scope,
    source::Source,
    tags,
};

/// The images of a [`Db`].
#[derive(Debug, Clone, Copy)]
pub struct Images<'a> {
    pub(crate) db: &'a Db,
}

/// An image to be registered. It starts as queued, without data.
#[derive(Debug, Clone)]
pub struct NewImage {
    /// The id.
    pub id: ImageId,
    /// What its owner calls it.
    pub name: Option<String>,
    /// Format of the disk inside.
    pub disk_format: Option<String>,
    /// Format of what the disk is wrapped in.
    pub container_format: Option<String>,
    /// Who can see it.
    pub visibility: Visibility,
    /// The project it belongs to.
    pub owner: Option<String>,
    /// GiB of disk needed to boot it.
    pub min_disk: u32,
    /// MiB of memory needed to boot it.
    pub min_ram: u32,
    /// Whether deleting is forbidden.
    pub protected: bool,
    /// Whether default lists leave it out.
    pub os_hidden: bool,
    /// Custom properties, each name once; `None` where a schema allows null.
    pub properties: Vec<(String, Option<String>)>,
    /// Tags; repeated ones count once.
    pub tags: Vec<String>,
}

impl NewImage {
    /// An image with nothing said about it.
    pub fn new(id: ImageId, owner: Option<String>) -> Self {
        Self {
            id,
            name: None,
            disk_format: None,
            container_format: None,
            visibility: Visibility::Shared,
            owner,
            min_disk: 0,
            min_ram: 0,
            protected: false,
            os_hidden: false,
            properties: Vec::new(),
            tags: Vec::new(),
        }
    }
}

/// What an owner can change about an image; `None` leaves a column alone, `Some(None)` empties it.
///
/// Properties are said one by one, so that two callers who change different ones do not undo each other's work.
#[derive(Debug, Clone, Default)]
pub struct ImageChanges {
    /// What its owner calls it.
    pub name: Option<Option<String>>,
    /// Format of the disk inside.
    pub disk_format: Option<Option<String>>,
    /// Format of what the disk is wrapped in.
    pub container_format: Option<Option<String>>,
    /// Who can see it.
    pub visibility: Option<Visibility>,
    /// The project it belongs to.
    pub owner: Option<Option<String>>,
    /// GiB of disk needed to boot it.
    pub min_disk: Option<u32>,
    /// MiB of memory needed to boot it.
    pub min_ram: Option<u32>,
    /// Whether deleting is forbidden.
    pub protected: Option<bool>,
    /// Whether default lists leave it out.
    pub os_hidden: Option<bool>,
    /// Properties to be added or given another value, each name once; `None` where a schema allows
    /// null.
    pub set_properties: Vec<(String, Option<String>)>,
    /// Properties to be taken away; those that are not there do not matter.
    pub remove_properties: Vec<String>,
    /// The tags it has from now on.
    pub tags: Option<Vec<String>>,
    /// Where its data lies from now on.
    pub locations: Option<LocationChanges>,
    /// The status it gets; it stays where it is otherwise.
    pub status: Option<ImageStatus>,
    /// What somebody said about its data.
    pub described: Described,
    /// What new locations must stay within.
    pub limit: Option<StorageLimit>,
}

/// What changes about where the data of an image lies.
#[derive(Debug, Clone, Default)]
pub struct LocationChanges {
    /// The locations the change was decided upon. If there are others by now, nothing changes.
    pub seen: Vec<i64>,
    /// Those whose data is to be removed.
    pub remove: Vec<i64>,
    /// Those that are not needed any more and whose data stays.
    pub forget: Vec<i64>,
    /// New ones, with what is noted about them.
    pub add: Vec<(String, Map<String, serde_json::Value>)>,
}

/// How much the images of a project may take up.
#[derive(Debug, Clone)]
pub struct StorageLimit {
    /// The project.
    pub project: Option<String>,
    /// Bytes.
    pub bytes: u64,
}

/// What is known of data that lies elsewhere; `None` leaves a column alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Described {
    /// Bytes.
    pub size: Option<u64>,
    /// MD5, in hexadecimal.
    pub checksum: Option<String>,
    /// Name of the hash.
    pub os_hash_algo: Option<String>,
    /// The hash, in hexadecimal.
    pub os_hash_value: Option<String>,
}

impl Described {
    pub(crate) fn write(&self, update: &mut UpdateStatement) {
        if let Some(size) = self.size {
            update.value("size", record::stored_bytes(size));
        }
        for (column, text) in [
            ("checksum", &self.checksum),
            ("os_hash_algo", &self.os_hash_algo),
            ("os_hash_value", &self.os_hash_value),
        ] {
            if let Some(text) = text {
                update.value(column, text.as_str());
            }
        }
    }
}

/// What an upload found out, and where it put the data.
#[derive(Debug, Clone)]
pub struct UploadFacts {
    /// Bytes counted.
    pub size: u64,
    /// MD5, in hexadecimal.
    pub checksum: String,
    /// Name of the hash.
    pub os_hash_algo: String,
    /// The hash, in hexadecimal.
    pub os_hash_value: String,
    /// Bytes of the disk once unpacked, where that is known.
    pub virtual_size: Option<u64>,
    /// Address in the store.
    pub url: String,
    /// What the store wants to know; `store` names it.
    pub metadata: Map<String, serde_json::Value>,
}

impl<'a> Images<'a> {
    pub(crate) fn new(db: &'a Db) -> Self {
        Self { db }
    }

    /// The image, if it is there and the scope reaches it; else [`Error::NotFound`].
    pub async fn get(&self, scope: &Scope, id: &ImageId) -> Result<ImageRecord> {
        Ok(Arc::unwrap_or_clone(self.get_shared(scope, id).await?))
    }

    /// The same for those who only read, as others who ask may have it already.
    pub async fn get_shared(&self, scope: &Scope, id: &ImageId) -> Result<Arc<ImageRecord>> {
        let asked = Asked::Image(scope.clone(), *id);
        let dialect = self.db.dialect();
        let found = self.db.look(One { dialect, asked }).await?.pop();
        found.ok_or(Error::NotFound(*id))
    }

    /// All images in one of these statuses, whoever they belong to, oldest first. For workers that tidy up.
    pub async fn in_status(&self, statuses: &[ImageStatus]) -> Result<Vec<ImageRecord>> {
        let words = statuses.iter().map(|status| status.as_str());
        let condition = Cond::all()
            .add(Expr::col(("images", "status")).is_in(words))
            .add(self.db.dialect().is_false(("images", "deleted")));
        let dialect = self.db.dialect();
        let statement = matching(dialect, condition);
        let found = self.db.look(Matching { dialect, statement }).await?;
        Ok(found.into_iter().map(Arc::unwrap_or_clone).collect())
    }

    /// The bytes all images of a project take up, each as often as it has locations, but for one of them.
    pub async fn usage(&self, owner: Option<&str>, except: Option<&ImageId>) -> Result<u64> {
        usage(&self.db.inner.readers, owner, except).await
    }

    /// Which of these images are still there, in whatever status but deleted.
    pub async fn present_among(&self, ids: &[ImageId]) -> Result<HashSet<ImageId>> {
        let mut present = HashSet::with_capacity(ids.len());
        let tx = self.db.read().await?;
        // Databases limit the values of one statement.
        for some in ids.chunks(500) {
            let words = some.iter().map(ImageId::as_str);
            let query = Query::select()
                .column("id")
                .from("images")
                .and_where(Expr::col("id").is_in(words))
                .and_where(self.db.dialect().is_false(("images", "deleted")))
                .to_owned();
            for row in tx.query_all(&query).await? {
                let id: String = row.try_get("", "id")?;
                present.extend(id.parse::<ImageId>());
            }
        }
        tx.commit().await?;
        Ok(present)
    }

    /// Registers an image. [`Error::Duplicate`] if there is, or ever was, one of the same id.
    pub async fn create(&self, new: &NewImage) -> Result<ImageRecord> {
        let now = now();
        let time = self.db.dialect().time(now);
        let columns: [(&str, Value); 14] = [
            ("id", new.id.as_str().into()),
            ("name", new.name.clone().into()),
            ("disk_format", new.disk_format.clone().into()),
            ("container_format", new.container_format.clone().into()),
            ("status", ImageStatus::Queued.as_str().into()),
            ("visibility", new.visibility.as_str().into()),
            ("owner", new.owner.clone().into()),
            ("min_disk", i64::from(new.min_disk).into()),
            ("min_ram", i64::from(new.min_ram).into()),
            ("protected", new.protected.into()),
            ("os_hidden", new.os_hidden.into()),
            ("created_at", time.clone()),
            ("updated_at", time),
            ("deleted", false.into()),
        ];
        let insert = Query::insert()
            .into_table("images")
            .columns(columns.iter().map(|(name, _)| *name))
            .values_panic(columns.map(|(_, value)| value.into()))
            .to_owned();
        let tx = self.db.write().await?;
        tx.execute(&insert).await.map_err(|error| {
            if is_duplicate(&error) {
                Error::Duplicate(new.id)
            } else {
                error.into()
            }
        })?;
        let dialect = self.db.dialect();
        properties::set(&tx, dialect, &new.id, &new.properties, now).await?;
        tags::replace(&tx, dialect, &new.id, &new.tags, now).await?;
        self.reread_and_commit(tx, &new.id).await
    }

    /// Changes what the owner can change, whole or not at all.
    ///
    /// [`Error::StatusConflict`] if the image is no longer in the status the caller decided upon, for what may be changed
    /// depends on it; [`Error::LocationsChanged`] if locations are to be changed and are not those the caller saw.
    pub async fn update(
        &self,
        id: &ImageId,
        from: ImageStatus,
        changes: &ImageChanges,
    ) -> Result<ImageRecord> {
        let now = now();
        let dialect = self.db.dialect();
        let tx = self.db.write().await?;
        let mut update = self.change(id, from, now);
        update.values(changes.columns().map(|(name, value)| (name, value.into())));
        if let Some(status) = changes.status {
            update.value("status", status.as_str());
        }
        changes.described.write(&mut update);
        self.execute_change(&tx, id, from, update).await?;
        if let Some(change) = &changes.locations
            && !locations::change(&tx, dialect, id, change, now).await?
        {
            tx.rollback().await?;
            return Err(Error::LocationsChanged(*id));
        }
        if changes
            .locations
            .as_ref()
            .is_some_and(|change| !change.add.is_empty())
        {
            keep_within(&tx, changes.limit.as_ref()).await?;
        }
        properties::set(&tx, dialect, id, &changes.set_properties, now).await?;
        properties::remove(&tx, dialect, id, &changes.remove_properties, now).await?;
        if let Some(tags) = &changes.tags {
            tags::replace(&tx, dialect, id, tags, now).await?;
        }
        self.reread_and_commit(tx, id).await
    }

    /// Moves an image from one status to another; `false` if it is not in the first any more, or gone.
    ///
    /// Of many callers that try the same move, one is told `true`. An image that becomes queued forgets its sizes. For
    /// becoming active after an upload there is [`commit_upload`](Self::commit_upload), for going away
    /// [`delete`](Self::delete).
    pub async fn transition(
        &self,
        id: &ImageId,
        from: ImageStatus,
        to: ImageStatus,
    ) -> Result<bool> {
        let tx = self.db.write().await?;
        let mut update = self.change(id, from, now());
        update.value("status", to.as_str());
        if to == ImageStatus::Queued {
            update.values(null_columns(&["size", "virtual_size"]));
        }
        let changed = tx.execute(&update).await?.rows_affected();
        tx.commit().await?;
        Ok(changed > 0)
    }

    /// Makes an image active whose data has arrived: what is known about it, where it lies and the status, all at once.
    ///
    /// [`Error::NotFound`] or [`Error::StatusConflict`] mean that somebody deleted the image meanwhile, [`Error::OverLimit`] that
    /// there is no room for it. The data then belongs to nobody and is the caller's to remove.
    pub async fn commit_upload(
        &self,
        id: &ImageId,
        facts: &UploadFacts,
        limit: Option<&StorageLimit>,
    ) -> Result<ImageRecord> {
        let now = now();
        let from = ImageStatus::Saving;
        let virtual_size = facts.virtual_size.map(record::stored_bytes);
        let tx = self.db.write().await?;
        let mut update = self.change(id, from, now);
        update
            .value("status", ImageStatus::Active.as_str())
            .value("size", record::stored_bytes(facts.size))
            .value("checksum", facts.checksum.as_str())
            .value("os_hash_algo", facts.os_hash_algo.as_str())
            .value("os_hash_value", facts.os_hash_value.as_str())
            .value("virtual_size", virtual_size);
        self.execute_change(&tx, id, from, update).await?;
        let dialect = self.db.dialect();
        locations::insert(&tx, dialect, id, &facts.url, &facts.metadata, now).await?;
        keep_within(&tx, limit).await?;
        self.reread_and_commit(tx, id).await
    }

    /// Puts an image back to queued after an upload that failed, with nothing left of it; `false` if it is not in
    /// `from` any more, or gone.
    pub async fn restore_queued(&self, id: &ImageId, from: ImageStatus) -> Result<bool> {
        let tx = self.db.write().await?;
        let mut update = self.change(id, from, now());
        update
            .value("status", ImageStatus::Queued.as_str())
            .values(null_columns(&[
                "size",
                "virtual_size",
                "checksum",
                "os_hash_algo",
                "os_hash_value",
            ]));
        let changed = tx.execute(&update).await?.rows_affected();
        tx.commit().await?;
        Ok(changed > 0)
    }

    /// The beginning of every change: it hits only an image in the expected status, and is seen in `updated_at`.
    pub(crate) fn change(
        &self,
        id: &ImageId,
        from: ImageStatus,
        now: DateTime<Utc>,
    ) -> UpdateStatement {
        Query::update()
            .table("images")
            .value("updated_at", self.db.dialect().time(now))
            .and_where(Expr::col(("images", "status")).eq(from.as_str()))
            .cond_where(alive(id))
            .to_owned()
    }

    pub(crate) async fn execute_change(
        &self,
        tx: &DatabaseTransaction,
        id: &ImageId,
        expected: ImageStatus,
        update: UpdateStatement,
    ) -> Result<()> {
        if tx.execute(&update).await?.rows_affected() > 0 {
            return Ok(());
        }
        let dialect = self.db.dialect();
        let statement = matching(dialect, alive(id));
        let found = record::bare_images(&Source::Driver(tx), dialect, statement).await?;
        match found.into_iter().next() {
            Some(image) => Err(Error::StatusConflict {
                image: *id,
                expected,
                found: image.status,
            }),
            None => Err(Error::NotFound(*id)),
        }
    }

    async fn reread_and_commit(
        &self,
        tx: DatabaseTransaction,
        id: &ImageId,
    ) -> Result<ImageRecord> {
        let dialect = self.db.dialect();
        let statement = matching(dialect, alive(id));
        let image = record::images(&Source::Driver(&tx), dialect, statement)
            .await?
            .pop();
        tx.commit().await?;
        image.map(Arc::unwrap_or_clone).ok_or(Error::NotFound(*id))
    }
}

impl ImageChanges {
    fn columns(&self) -> impl Iterator<Item = (&'static str, Value)> {
        [
            ("name", self.name.clone().map(Value::from)),
            ("disk_format", self.disk_format.clone().map(Value::from)),
            (
                "container_format",
                self.container_format.clone().map(Value::from),
            ),
            (
                "visibility",
                self.visibility.map(|visibility| visibility.as_str().into()),
            ),
            ("owner", self.owner.clone().map(Value::from)),
            ("min_disk", self.min_disk.map(|gib| i64::from(gib).into())),
            ("min_ram", self.min_ram.map(|mib| i64::from(mib).into())),
            ("protected", self.protected.map(Value::from)),
            ("os_hidden", self.os_hidden.map(Value::from)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }
}

/// Compat: what waits for removal counts until it is removed.
async fn usage(
    conn: &impl ConnectionTrait,
    owner: Option<&str>,
    except: Option<&ImageId>,
) -> Result<u64> {
    let owner = match owner {
        Some(owner) => Expr::col(("images", "owner")).eq(owner),
        None => Expr::col(("images", "owner")).is_null(),
    };
    let gone = [
        ImageStatus::Killed,
        ImageStatus::Deleted,
        ImageStatus::PendingDelete,
    ];
    let mut sum = Query::select();
    sum.expr_as(Expr::col(("images", "size")).sum(), "total")
        .from("images")
        .inner_join(
            "image_locations",
            Expr::col(("images", "id")).equals(("image_locations", "image_id")),
        )
        .and_where(owner)
        .and_where(Expr::col(("images", "size")).gt(0))
        .and_where(Expr::col(("images", "status")).is_not_in(gone.map(|status| status.as_str())))
        .and_where(Expr::col(("image_locations", "status")).ne(LocationStatus::Deleted.as_str()));
    if let Some(except) = except {
        sum.and_where(Expr::col(("images", "id")).ne(except.as_str()));
    }
    let row = conn.query_one(&sum).await?;
    let total: Option<i64> = match row {
        Some(row) => row.try_get("", "total")?,
        None => None,
    };
    Ok(total
        .and_then(|total| u64::try_from(total).ok())
        .unwrap_or(0))
}

/// Holds what a transaction has done so far against the limit: of several that would fit one by one, those that do not fit
/// together fail.
pub(crate) async fn keep_within(
    conn: &impl ConnectionTrait,
    limit: Option<&StorageLimit>,
) -> Result<()> {
    let Some(limit) = limit else {
        return Ok(());
    };
    let used = usage(conn, limit.project.as_deref(), None).await?;
    if used <= limit.bytes {
        return Ok(());
    }
    Err(Error::OverLimit {
        used,
        limit: limit.bytes,
    })
}

/// The images a query finds, with what hangs on them, without rows that cannot be read.
struct Matching {
    dialect: Dialect,
    statement: Statement,
}

impl Look for Matching {
    async fn look(&self, source: &Source<'_>) -> Result<Found> {
        let statement = self.statement.clone();
        let found = record::readable_images(source, self.dialect, statement).await?;
        Ok(found.images)
    }

    fn asked(&self) -> Option<&Asked> {
        None
    }
}

/// One image.
struct One {
    dialect: Dialect,
    asked: Asked,
}

impl Look for One {
    async fn look(&self, source: &Source<'_>) -> Result<Found> {
        let Asked::Image(scope, id) = &self.asked else {
            return Ok(Vec::new());
        };
        let condition = alive(id).add(scope.readable(self.dialect));
        record::images(source, self.dialect, matching(self.dialect, condition)).await
    }

    fn asked(&self) -> Option<&Asked> {
        Some(&self.asked)
    }
}

/// The images on which a condition holds, oldest first.
fn matching(dialect: Dialect, condition: Condition) -> Statement {
    let select = record::select_images()
        .cond_where(condition)
        .order_by(("images", "created_at"), sea_orm::Order::Asc)
        .to_owned();
    dialect.backend().build(&select)
}

/// The image, unless it is deleted.
pub(crate) fn alive(id: &ImageId) -> Condition {
    Cond::all()
        .add(Expr::col(("images", "id")).eq(id.as_str()))
        .add(Expr::col(("images", "deleted")).eq(false))
}

fn null_columns(names: &'static [&'static str]) -> impl Iterator<Item = (&'static str, Expr)> {
    names.iter().map(|name| (*name, Expr::null()))
}

pub(crate) fn is_duplicate(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}
