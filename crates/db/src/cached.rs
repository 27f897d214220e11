//! What the caches of all nodes hold, in Glance's tables for it.
//!
//! The truth is what lies on a node's disk; these rows tell the other nodes and the cache API about it.

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, Order,
    sea_query::{CaseStatement, Cond, Expr, ExprTrait, OnConflict, Query},
};
use vidimus_types::ImageId;

use crate::{
    Db, Error, Result,
    record::{self, Row},
};

/// The cached images of all nodes.
#[derive(Debug, Clone, Copy)]
pub struct CachedImages<'a> {
    db: &'a Db,
}

/// An image in the cache of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedRow {
    /// The image.
    pub image_id: ImageId,
    /// When it was last served.
    pub last_accessed: DateTime<Utc>,
    /// When it entered the cache.
    pub last_modified: DateTime<Utc>,
    /// Bytes on disk.
    pub size: u64,
    /// How often it was served.
    pub hits: u64,
}

const ROWS_AT_ONCE: usize = 500;

impl<'a> CachedImages<'a> {
    pub(crate) fn new(db: &'a Db) -> Self {
        Self { db }
    }

    /// The number the database knows a node by; a new one for a node it does not know yet.
    pub async fn node(&self, url: &str) -> Result<i64> {
        let select = Query::select()
            .column("node_reference_id")
            .from("node_reference")
            .and_where(Expr::col("node_reference_url").eq(url))
            .to_owned();
        let insert = Query::insert()
            .into_table("node_reference")
            .columns(["node_reference_url"])
            .values_panic([url.into()])
            .on_conflict(
                OnConflict::column("node_reference_url")
                    .do_nothing()
                    .to_owned(),
            )
            .to_owned();
        if let Some(row) = self.db.inner.readers.query_one(&select).await? {
            return Ok(row.try_get("", "node_reference_id")?);
        }
        let tx = self.db.write().await?;
        tx.execute(&insert).await?;
        let row = tx.query_one(&select).await?;
        tx.commit().await?;
        let missing = || Error::Corrupt {
            table: "node_reference",
            row: url.to_owned(),
            column: "node_reference_id",
        };
        Ok(row.ok_or_else(missing)?.try_get("", "node_reference_id")?)
    }

    /// What a node holds, with row numbers, in their order.
    pub async fn list(&self, node: i64) -> Result<Vec<(i64, CachedRow)>> {
        let select = Query::select()
            .columns([
                "id",
                "image_id",
                "last_accessed",
                "last_modified",
                "size",
                "hits",
            ])
            .from("cached_images")
            .and_where(Expr::col("node_reference_id").eq(node))
            .order_by("id", Order::Asc)
            .to_owned();
        let rows = self.db.inner.readers.query_all(&select).await?;
        rows.iter()
            .map(|row| {
                let row = Row::new(row, self.db.dialect(), "cached_images", "image_id")?;
                let time = |column| row.time(column)?.ok_or_else(|| row.corrupt(column));
                let number = |column| row.bytes(column)?.ok_or_else(|| row.corrupt(column));
                let cached = CachedRow {
                    image_id: row.parse("image_id")?,
                    last_accessed: time("last_accessed")?,
                    last_modified: time("last_modified")?,
                    size: number("size")?,
                    hits: number("hits")?,
                };
                Ok((row.get("id")?, cached))
            })
            .collect()
    }

    /// Says what a node holds, in addition to what was said before; a row that is there is overwritten and keeps its
    /// number.
    pub async fn upsert(&self, node: i64, rows: &[CachedRow]) -> Result<()> {
        let dialect = self.db.dialect();
        let tx = self.db.write().await?;
        for chunk in rows.chunks(ROWS_AT_ONCE) {
            let mut insert = Query::insert();
            insert.into_table("cached_images").columns([
                "image_id",
                "last_accessed",
                "last_modified",
                "size",
                "hits",
                "node_reference_id",
            ]);
            for row in chunk {
                insert.values_panic([
                    row.image_id.as_str().into(),
                    dialect.time(row.last_accessed).into(),
                    dialect.time(row.last_modified).into(),
                    record::stored_bytes(row.size).into(),
                    record::stored_bytes(row.hits).into(),
                    node.into(),
                ]);
            }
            insert.on_conflict(
                OnConflict::columns(["image_id", "node_reference_id"])
                    .update_columns(["last_accessed", "last_modified", "size", "hits"])
                    .to_owned(),
            );
            tx.execute(&insert).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Counts hits that were collected for a while: per image how many, and when the last one was. Images that the node
    /// does not hold any more do not matter, and a time never goes back.
    pub async fn touch(&self, node: i64, hits: &[(ImageId, u64, DateTime<Utc>)]) -> Result<()> {
        if hits.is_empty() {
            return Ok(());
        }
        let tx = self.db.write().await?;
        for (image, added, last_accessed) in hits {
            let time = self.db.dialect().time(*last_accessed);
            let later = CaseStatement::new()
                .case(
                    Cond::all().add(Expr::col("last_accessed").lt(time.clone())),
                    Expr::val(time),
                )
                .finally(Expr::col("last_accessed"));
            let update = Query::update()
                .table("cached_images")
                .value("hits", Expr::col("hits").add(record::stored_bytes(*added)))
                .value("last_accessed", later)
                .and_where(Expr::col("node_reference_id").eq(node))
                .and_where(Expr::col("image_id").eq(image.as_str()))
                .to_owned();
            tx.execute(&update).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Forgets images of a node.
    pub async fn remove(&self, node: i64, images: &[ImageId]) -> Result<()> {
        let tx = self.db.write().await?;
        for chunk in images.chunks(ROWS_AT_ONCE) {
            delete(&tx, node, Some(chunk)).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Forgets all images of a node.
    pub async fn remove_all(&self, node: i64) -> Result<()> {
        let tx = self.db.write().await?;
        delete(&tx, node, None).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The URLs of the nodes that hold an image.
    pub async fn nodes_of(&self, image: &ImageId) -> Result<Vec<String>> {
        let select = Query::select()
            .column(("node_reference", "node_reference_url"))
            .from("node_reference")
            .inner_join(
                "cached_images",
                Expr::col(("cached_images", "node_reference_id"))
                    .equals(("node_reference", "node_reference_id")),
            )
            .and_where(Expr::col(("cached_images", "image_id")).eq(image.as_str()))
            .order_by(("node_reference", "node_reference_id"), Order::Asc)
            .to_owned();
        let rows = self.db.inner.readers.query_all(&select).await?;
        rows.iter()
            .map(|row| Ok(row.try_get("", "node_reference_url")?))
            .collect()
    }
}

async fn delete(tx: &DatabaseTransaction, node: i64, images: Option<&[ImageId]>) -> Result<()> {
    let mut delete = Query::delete()
        .from_table("cached_images")
        .and_where(Expr::col("node_reference_id").eq(node))
        .to_owned();
    if let Some(images) = images {
        let ids = images.iter().map(ImageId::as_str);
        delete.and_where(Expr::col("image_id").is_in(ids));
    }
    tx.execute(&delete).await?;
    Ok(())
}
