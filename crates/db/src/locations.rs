//! Locations: where data lies, and which of it still waits to be removed after its image went.

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait, Order, QueryResult, Value,
    sea_query::{Cond, Expr, ExprTrait, Query, SelectStatement, UpdateStatement},
};
use serde_json::Map;
use vidimus_types::{ImageId, ImageStatus};

use crate::{
    Db, Error, Result,
    dialect::{Dialect, now},
    images::{self, LocationChanges},
    record::{self, LocationRecord, LocationStatus},
    unreadable::skip,
};

/// The locations of a [`Db`]'s images.
#[derive(Debug, Clone, Copy)]
pub struct Locations<'a> {
    db: &'a Db,
}

impl<'a> Locations<'a> {
    pub(crate) fn new(db: &'a Db) -> Self {
        Self { db }
    }

    /// Notes that the data of a location is gone. Saying so twice does no harm.
    pub async fn finish_delete(&self, id: i64) -> Result<()> {
        let time = self.db.dialect().time(now());
        let update = Query::update()
            .table("image_locations")
            .value("status", LocationStatus::Deleted.as_str())
            .value("deleted", true)
            .value("updated_at", time.clone())
            .and_where(Expr::col("id").eq(id))
            .and_where(Expr::col("status").eq(LocationStatus::PendingDelete.as_str()))
            .to_owned();
        let tx = self.db.write().await?;
        tx.execute(&update).await?;
        tx.commit().await?;
        Ok(())
    }

    /// What is left of deleted images and of locations taken off others: data that should have been removed and perhaps was
    /// not.
    ///
    /// Images that wait with all they have are not among these: they can still be restored, and
    /// [`Images::awaiting_scrub`](crate::Images::awaiting_scrub) names them.
    pub async fn pending(&self, since: &Since) -> Result<Vec<(ImageId, LocationRecord)>> {
        let mut select = self.select_pending(since);
        select.order_by(("image_locations", "id"), Order::Asc);
        let rows = self.db.inner.readers.query_all(&select).await?;
        let read = |row: &QueryResult| {
            let location = record::location(row)?;
            let image: String = row.try_get("", "image_id")?;
            let image = image.parse().map_err(|_| Error::Corrupt {
                table: "image_locations",
                row: location.id.to_string(),
                column: "image_id",
            })?;
            Ok((image, location))
        };
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            found.extend(skip(read(row))?);
        }
        Ok(found)
    }

    /// Whether a location is still one of [`Self::pending`]. Its image may have been brought back meanwhile.
    pub async fn is_pending(&self, location: i64, since: &Since) -> Result<bool> {
        let mut select = self.select_pending(since);
        select.and_where(Expr::col(("image_locations", "id")).eq(location));
        Ok(self.db.inner.readers.query_one(&select).await?.is_some())
    }

    fn select_pending(&self, since: &Since) -> SelectStatement {
        let dialect = self.db.dialect();
        let before = |table: &'static str, column: &'static str, time: DateTime<Utc>| {
            Expr::col((table, column)).lte(dialect.time(time))
        };
        let is_deleted = |deleted: bool| Expr::col(("images", "deleted")).eq(deleted);
        Query::select()
            .column(("image_locations", "image_id"))
            .columns(
                record::LOCATION_COLUMNS
                    .iter()
                    .map(|name| ("image_locations", *name)),
            )
            .from("image_locations")
            .inner_join(
                "images",
                Expr::col(("images", "id")).equals(("image_locations", "image_id")),
            )
            .and_where(
                Expr::col(("image_locations", "status")).eq(LocationStatus::PendingDelete.as_str()),
            )
            .and_where(Expr::col(("images", "status")).ne(ImageStatus::PendingDelete.as_str()))
            .cond_where(
                Cond::any()
                    .add(
                        Cond::all()
                            .add(is_deleted(true))
                            .add(before("image_locations", "deleted_at", since.images))
                            // Whoever claims the image says so here; the locations were marked long before.
                            .add(Expr::col(("images", "updated_at")).is_null().or(before(
                                "images",
                                "updated_at",
                                since.images,
                            ))),
                    )
                    .add(Cond::all().add(is_deleted(false)).add(before(
                        "image_locations",
                        "deleted_at",
                        since.copies,
                    ))),
            )
            .to_owned()
    }

    /// Puts a location back that was taken off an image, as long as its data is there and the image lives; else `false`.
    pub async fn put_back(&self, image: &ImageId, location: i64) -> Result<bool> {
        let tx = self.db.write().await?;
        let living = Query::select()
            .column("id")
            .from("images")
            .cond_where(images::alive(image))
            .to_owned();
        if tx.query_one(&living).await?.is_none() {
            tx.rollback().await?;
            return Ok(false);
        }
        let mut back = revive(image);
        back.and_where(Expr::col("id").eq(location));
        let changed = tx.execute(&back).await?.rows_affected();
        tx.commit().await?;
        Ok(changed > 0)
    }

    /// Whether an image lives on the data at this address, which then must not be removed: it was put there anew.
    pub async fn is_in_use(&self, image: &ImageId, url: &str) -> Result<bool> {
        let mut select = of_image(self.db.dialect(), image);
        select.and_where(Expr::col("value").eq(url));
        Ok(self.db.inner.readers.query_one(&select).await?.is_some())
    }

    /// What is still to be removed of an image.
    pub async fn pending_of(&self, image: &ImageId) -> Result<Vec<LocationRecord>> {
        pending_of(&self.db.inner.readers, image).await
    }
}

/// How long something waits before it counts as left behind.
#[derive(Debug, Clone, Copy)]
pub struct Since {
    /// The newest locations of deleted images to be named.
    pub images: DateTime<Utc>,
    /// The newest locations taken off images that are still there.
    pub copies: DateTime<Utc>,
}

/// The locations of an image whose data waits to be removed.
pub(crate) async fn pending_of(
    conn: &impl ConnectionTrait,
    id: &ImageId,
) -> Result<Vec<LocationRecord>> {
    let select = Query::select()
        .columns(record::LOCATION_COLUMNS.iter().copied())
        .from("image_locations")
        .and_where(Expr::col("image_id").eq(id.as_str()))
        .and_where(Expr::col("status").eq(LocationStatus::PendingDelete.as_str()))
        .order_by("id", Order::Asc)
        .to_owned();
    let mut found = Vec::new();
    for row in &conn.query_all(&select).await? {
        found.extend(skip(record::location(row))?);
    }
    Ok(found)
}

/// Makes locations of an image active again whose data has not been removed.
pub(crate) fn revive(id: &ImageId) -> UpdateStatement {
    Query::update()
        .table("image_locations")
        .value("status", LocationStatus::Active.as_str())
        .value("deleted", false)
        .value("deleted_at", Expr::null())
        .and_where(Expr::col("image_id").eq(id.as_str()))
        .and_where(Expr::col("status").eq(LocationStatus::PendingDelete.as_str()))
        .to_owned()
}

/// Adds an active location.
pub(crate) async fn insert(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    id: &ImageId,
    url: &str,
    metadata: &Map<String, serde_json::Value>,
    now: DateTime<Utc>,
) -> Result<()> {
    let metadata = serde_json::Value::Object(metadata.clone()).to_string();
    let columns: [(&str, Value); 7] = [
        ("image_id", id.as_str().into()),
        ("value", url.into()),
        ("meta_data", metadata.into()),
        ("status", LocationStatus::Active.as_str().into()),
        ("created_at", dialect.time(now)),
        ("updated_at", dialect.time(now)),
        ("deleted", false.into()),
    ];
    let insert = Query::insert()
        .into_table("image_locations")
        .columns(columns.iter().map(|(name, _)| *name))
        .values_panic(columns.map(|(_, value)| value.into()))
        .to_owned();
    conn.execute(&insert).await?;
    Ok(())
}

/// What the addresses begin with that Glance writes down while it imports into several stores at the same time. There is
/// no data at such a place.
const PLACEHOLDER: &str = "pending://parallel-import/";

/// Takes placeholders away that an import has left on the image.
pub(crate) async fn remove_placeholders(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    id: &ImageId,
    now: DateTime<Utc>,
) -> Result<()> {
    let update = Query::update()
        .table("image_locations")
        .value("status", LocationStatus::Deleted.as_str())
        .value("deleted", true)
        .value("deleted_at", dialect.time(now))
        .value("updated_at", dialect.time(now))
        .and_where(Expr::col("image_id").eq(id.as_str()))
        .and_where(Expr::col("status").ne(LocationStatus::Active.as_str()))
        .and_where(Expr::col("value").like(format!("{PLACEHOLDER}%")))
        .and_where(dialect.is_false(("image_locations", "deleted")))
        .to_owned();
    conn.execute(&update).await?;
    Ok(())
}

/// Makes the changes, if the active locations are still those that were seen; else `false`, with some of them perhaps made.
pub(crate) async fn change(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    id: &ImageId,
    change: &LocationChanges,
    now: DateTime<Utc>,
) -> Result<bool> {
    let rows = conn.query_all(&of_image(dialect, id)).await?;
    let mut active = Vec::with_capacity(rows.len());
    for row in &rows {
        let location = record::location(row)?;
        if location.status == LocationStatus::Active {
            active.push(location.id);
        }
    }
    if active != change.seen {
        return Ok(false);
    }
    for (ids, status) in [
        (&change.remove, LocationStatus::PendingDelete),
        (&change.forget, LocationStatus::Deleted),
    ] {
        if ids.is_empty() {
            continue;
        }
        let update = Query::update()
            .table("image_locations")
            .value("status", status.as_str())
            .value("deleted", true)
            .value("deleted_at", dialect.time(now))
            .value("updated_at", dialect.time(now))
            .and_where(Expr::col("image_id").eq(id.as_str()))
            .and_where(Expr::col("id").is_in(ids.iter().copied()))
            .to_owned();
        conn.execute(&update).await?;
    }
    for (url, metadata) in &change.add {
        insert(conn, dialect, id, url, metadata, now).await?;
    }
    Ok(true)
}

/// The locations of an image that are not deleted, oldest first.
fn of_image(dialect: Dialect, id: &ImageId) -> SelectStatement {
    Query::select()
        .columns(record::LOCATION_COLUMNS.iter().copied())
        .from("image_locations")
        .and_where(Expr::col("image_id").eq(id.as_str()))
        .and_where(dialect.is_false(("image_locations", "deleted")))
        .order_by("id", Order::Asc)
        .to_owned()
}

/// Marks the locations of an image for removal and returns them.
pub(crate) async fn await_removal(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    id: &ImageId,
    now: DateTime<Utc>,
) -> Result<Vec<LocationRecord>> {
    remove_placeholders(conn, dialect, id, now).await?;
    let mut locations = conn
        .query_all(&of_image(dialect, id))
        .await?
        .iter()
        .map(record::location)
        .collect::<Result<Vec<_>>>()?;
    // Compat: a location that waits for removal counts as deleted, as Glance's own scrubber and purge expect.
    let update = Query::update()
        .table("image_locations")
        .value("status", LocationStatus::PendingDelete.as_str())
        .value("deleted", true)
        .value("deleted_at", dialect.time(now))
        .value("updated_at", dialect.time(now))
        .and_where(Expr::col("image_id").eq(id.as_str()))
        .and_where(dialect.is_false(("image_locations", "deleted")))
        .to_owned();
    conn.execute(&update).await?;
    for location in &mut locations {
        location.status = LocationStatus::PendingDelete;
    }
    Ok(locations)
}
