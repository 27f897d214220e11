//! Locations: where data lies, and which of it still waits to be removed after its image went.

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait, Order, QueryResult, Value,
    sea_query::{Expr, ExprTrait, Query},
};
use serde_json::Map;
use vidimus_types::{ImageId, ImageStatus};

use crate::{
    Db, Error, Result,
    dialect::{Dialect, now},
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

    /// What is left of deleted images: data that should have been removed and perhaps was not.
    ///
    /// Compat: images that Glance put aside with `delayed_delete` are not among these; they can still be restored.
    pub async fn pending(&self) -> Result<Vec<(ImageId, LocationRecord)>> {
        let select = Query::select()
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
            .and_where(Expr::col(("images", "status")).eq(ImageStatus::Deleted.as_str()))
            .order_by(("image_locations", "id"), Order::Asc)
            .to_owned();
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

    /// Whether some image still lives on the data at this address, which then must not be removed.
    ///
    /// No index helps with this: it reads all locations.
    pub async fn exists_active(&self, url: &str) -> Result<bool> {
        let select = Query::select()
            .column("id")
            .from("image_locations")
            .and_where(Expr::col("value").eq(url))
            .and_where(self.db.dialect().is_false(("image_locations", "deleted")))
            .limit(1)
            .to_owned();
        Ok(self.db.inner.readers.query_one(&select).await?.is_some())
    }
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

/// Marks the locations of an image for removal and returns them.
pub(crate) async fn await_removal(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    id: &ImageId,
    now: DateTime<Utc>,
) -> Result<Vec<LocationRecord>> {
    remove_placeholders(conn, dialect, id, now).await?;
    let select = Query::select()
        .columns(record::LOCATION_COLUMNS.iter().copied())
        .from("image_locations")
        .and_where(Expr::col("image_id").eq(id.as_str()))
        .and_where(dialect.is_false(("image_locations", "deleted")))
        .order_by("id", Order::Asc)
        .to_owned();
    let mut locations = conn
        .query_all(&select)
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
