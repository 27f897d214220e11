//! Deleting images, at once or in two steps, and taking it back.
//!
//! An image that is to be deleted later waits in status `pending_delete`, with its row and all that hangs on it marked as
//! deleted already, as Glance leaves it. Whoever removes its data claims it first; whoever wants it back restores it.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ConnectionTrait, Order,
    sea_query::{Expr, ExprTrait, Query, UpdateStatement},
};
use vidimus_types::{ImageId, ImageStatus};

use crate::{
    Error, Result,
    dialect::{Dialect, now},
    images::Images,
    locations,
    record::LocationRecord,
};

/// What hangs on an image beside its locations.
const CHILDREN: [&str; 3] = ["image_properties", "image_tags", "image_members"];

/// How long before the image itself a location or a property may have been marked that went with it.
///
/// Compat: Glance marks these in transactions of their own, and MySQL counts seconds only. Tags and members get the image's own
/// time, from Glance and from us, and whoever lost access just before the deletion must not get it back.
const TOGETHER: TimeDelta = TimeDelta::seconds(2);

/// An image that was deleted, as far as it takes to bring it back.
#[derive(Debug, Clone)]
pub struct Deletion {
    /// The image.
    pub image: ImageId,
    /// Where its data lies, to be removed by the caller.
    pub locations: Vec<LocationRecord>,
    from: ImageStatus,
    to: ImageStatus,
    updated_at: DateTime<Utc>,
    /// The rows that were marked, by table.
    children: Vec<(&'static str, Vec<i64>)>,
}

impl Images<'_> {
    /// Hides an image and says where its data lies. `to` is `deleted`, or `pending_delete` if the data stays for a while.
    ///
    /// Until [`Locations::finish_delete`](crate::Locations::finish_delete) the locations stay on record as pending, so
    /// that a crash before the data is gone leaves a trace. The row stays too, and with it the id taken.
    pub async fn delete(
        &self,
        id: &ImageId,
        from: ImageStatus,
        to: ImageStatus,
    ) -> Result<Deletion> {
        let now = now();
        let dialect = self.db.dialect();
        let tx = self.db.write().await?;
        let updated_at = updated_at(&tx, dialect, id).await?;
        let mut update = self.change(id, from, now);
        update
            .value("status", to.as_str())
            .value("deleted", true)
            .value("deleted_at", dialect.time(now));
        self.execute_change(&tx, id, from, update).await?;
        let locations = locations::await_removal(&tx, dialect, id, now).await?;
        let mut children = Vec::new();
        for table in CHILDREN {
            let living = Query::select()
                .column("id")
                .from(table)
                .and_where(Expr::col("image_id").eq(id.as_str()))
                .and_where(dialect.is_false((table, "deleted")))
                .to_owned();
            let rows = tx.query_all(&living).await?;
            let ids = rows
                .iter()
                .map(|row| row.try_get("", "id"))
                .collect::<Result<Vec<i64>, _>>()?;
            if ids.is_empty() {
                continue;
            }
            let bury = Query::update()
                .table(table)
                .value("deleted", true)
                .value("deleted_at", dialect.time(now))
                .and_where(Expr::col("image_id").eq(id.as_str()))
                .and_where(dialect.is_false((table, "deleted")))
                .to_owned();
            tx.execute(&bury).await?;
            children.push((table, ids));
        }
        tx.commit().await?;
        Ok(Deletion {
            image: *id,
            locations,
            from,
            to,
            updated_at: updated_at.unwrap_or(now),
            children,
        })
    }

    /// Brings an image back as it was, with those locations whose data is still there; `false` if there are none left, or
    /// somebody else has gone on with the image.
    pub async fn undo_delete(&self, deletion: &Deletion) -> Result<bool> {
        let dialect = self.db.dialect();
        let id = &deletion.image;
        let tx = self.db.write().await?;
        let mut revive = moved(id, deletion.to, deletion.from);
        revive
            .value("deleted", false)
            .value("deleted_at", Expr::null())
            .value("updated_at", dialect.time(deletion.updated_at));
        if tx.execute(&revive).await?.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        let ids: Vec<i64> = deletion.locations.iter().map(|one| one.id).collect();
        if !ids.is_empty() {
            let mut locations = locations::revive(id);
            locations.and_where(Expr::col("id").is_in(ids));
            if tx.execute(&locations).await?.rows_affected() == 0 {
                tx.rollback().await?;
                return Ok(false);
            }
        }
        for (table, ids) in &deletion.children {
            for chunk in ids.chunks(500) {
                let mut children = dug_up(table, id);
                children.and_where(Expr::col("id").is_in(chunk.iter().copied()));
                tx.execute(&children).await?;
            }
        }
        tx.commit().await?;
        Ok(true)
    }

    /// The images that wait for their data to be removed since `before` or longer, those that wait longest first.
    pub async fn awaiting_scrub(&self, before: DateTime<Utc>) -> Result<Vec<ImageId>> {
        let select = Query::select()
            .column("id")
            .from("images")
            .and_where(Expr::col("status").eq(ImageStatus::PendingDelete.as_str()))
            .and_where(Expr::col("deleted").eq(true))
            .and_where(Expr::col("deleted_at").lte(self.db.dialect().time(before)))
            .order_by("deleted_at", Order::Asc)
            .to_owned();
        let rows = self.db.inner.readers.query_all(&select).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            let id: String = row.try_get("", "id")?;
            found.extend(id.parse::<ImageId>());
        }
        Ok(found)
    }

    /// Takes the removal of an image's data upon oneself: from now on it cannot be restored. `None` if it has been restored,
    /// or somebody else removes it.
    pub async fn claim_scrub(&self, id: &ImageId) -> Result<Option<Vec<LocationRecord>>> {
        let dialect = self.db.dialect();
        let tx = self.db.write().await?;
        let mut claim = moved(id, ImageStatus::PendingDelete, ImageStatus::Deleted);
        claim.value("updated_at", dialect.time(now()));
        if tx.execute(&claim).await?.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(None);
        }
        let pending = locations::pending_of(&tx, id).await?;
        tx.commit().await?;
        Ok(Some(pending))
    }

    /// Gives a claim back whose data could not be removed, so that whoever scrubs next finds the image where it was.
    pub async fn release_scrub(&self, id: &ImageId) -> Result<()> {
        let tx = self.db.write().await?;
        let release = moved(id, ImageStatus::Deleted, ImageStatus::PendingDelete);
        tx.execute(&release).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Brings an image back that waits for its data to be removed.
    ///
    /// [`Error::NotFound`] if it never was, [`Error::StatusConflict`] if it does not wait, [`Error::DataGone`] if no data of
    /// it is left.
    // Compat: Glance brings back the row alone, which leaves an active image without data, properties, tags and members. Of
    // an image that Glance has deleted, properties come back that had been taken away before: it marks them once more.
    pub async fn restore(&self, id: &ImageId) -> Result<()> {
        let dialect = self.db.dialect();
        let tx = self.db.write().await?;
        let select = Query::select()
            .columns(["status", "deleted_at"])
            .from("images")
            .and_where(Expr::col("id").eq(id.as_str()))
            .to_owned();
        let row = tx.query_one(&select).await?.ok_or(Error::NotFound(*id))?;
        let deleted_at = dialect
            .read_time(&row, "deleted_at")
            .map_err(|_| Error::Corrupt {
                table: "images",
                row: id.to_string(),
                column: "deleted_at",
            })?;
        let mut revive = moved(id, ImageStatus::PendingDelete, ImageStatus::Active);
        revive
            .value("deleted", false)
            .value("deleted_at", Expr::null())
            .value("updated_at", dialect.time(now()));
        if tx.execute(&revive).await?.rows_affected() == 0 {
            let found: String = row.try_get("", "status")?;
            tx.rollback().await?;
            return Err(Error::StatusConflict {
                image: *id,
                expected: ImageStatus::PendingDelete,
                found: found.parse().unwrap_or(ImageStatus::Deleted),
            });
        }
        let with_it = |update: &mut UpdateStatement, before: TimeDelta| {
            if let Some(time) = deleted_at {
                update.and_where(Expr::col("deleted_at").gte(dialect.time(time - before)));
            }
        };
        let mut locations = locations::revive(id);
        with_it(&mut locations, TOGETHER);
        if tx.execute(&locations).await?.rows_affected() == 0 {
            tx.rollback().await?;
            return Err(Error::DataGone(*id));
        }
        for table in CHILDREN {
            let mut children = dug_up(table, id);
            let before = match table {
                "image_properties" => TOGETHER,
                _ => TimeDelta::zero(),
            };
            with_it(&mut children, before);
            tx.execute(&children).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

async fn updated_at(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    id: &ImageId,
) -> Result<Option<DateTime<Utc>>> {
    let select = Query::select()
        .column("updated_at")
        .from("images")
        .and_where(Expr::col("id").eq(id.as_str()))
        .to_owned();
    let row = conn.query_one(&select).await?;
    // A time that nobody can read is no reason to keep the image.
    Ok(row.and_then(|row| dialect.read_time(&row, "updated_at").ok().flatten()))
}

/// A deleted image from one status to another.
fn moved(id: &ImageId, from: ImageStatus, to: ImageStatus) -> UpdateStatement {
    Query::update()
        .table("images")
        .value("status", to.as_str())
        .and_where(Expr::col("id").eq(id.as_str()))
        .and_where(Expr::col("status").eq(from.as_str()))
        .and_where(Expr::col("deleted").eq(true))
        .to_owned()
}

/// Rows of a table that were marked with their image.
fn dug_up(table: &'static str, id: &ImageId) -> UpdateStatement {
    Query::update()
        .table(table)
        .value("deleted", false)
        .value("deleted_at", Expr::null())
        .and_where(Expr::col("image_id").eq(id.as_str()))
        .and_where(Expr::col("deleted").eq(true))
        .to_owned()
}
