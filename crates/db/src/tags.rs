//! Tags: one at a time for the API's own calls, all of them within the transaction of an image.

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, Order,
    sea_query::{Expr, ExprTrait, Query},
};
use vidimus_types::ImageId;

use crate::{
    Db, Error, Result,
    dialect::{Dialect, now},
    images::alive,
};

/// The tags of a [`Db`]'s images.
#[derive(Debug, Clone, Copy)]
pub struct Tags<'a> {
    db: &'a Db,
}

impl<'a> Tags<'a> {
    pub(crate) fn new(db: &'a Db) -> Self {
        Self { db }
    }

    /// The tags of an image, oldest first; none if it has none or is not there.
    pub async fn list(&self, id: &ImageId) -> Result<Vec<String>> {
        of_image(&self.db.inner.readers, self.db.dialect(), id).await
    }

    /// Makes sure that an image has a tag. Its `updated_at` moves even if it had.
    pub async fn add(&self, id: &ImageId, tag: &str) -> Result<()> {
        let now = now();
        let tx = self.db.write().await?;
        self.touch(&tx, id, now).await?;
        if !of_image(&tx, self.db.dialect(), id)
            .await?
            .iter()
            .any(|other| other == tag)
        {
            insert(&tx, self.db.dialect(), id, &[tag], now).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Takes a tag away; `false`, and nothing done, if the image does not have it.
    pub async fn remove(&self, id: &ImageId, tag: &str) -> Result<bool> {
        let now = now();
        let tx = self.db.write().await?;
        self.touch(&tx, id, now).await?;
        if bury(&tx, self.db.dialect(), id, &[tag], now).await? == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn touch(
        &self,
        tx: &DatabaseTransaction,
        id: &ImageId,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let update = Query::update()
            .table("images")
            .value("updated_at", self.db.dialect().time(now))
            .cond_where(alive(id))
            .to_owned();
        if tx.execute(&update).await?.rows_affected() == 0 {
            return Err(Error::NotFound(*id));
        }
        Ok(())
    }
}

/// Gives an image exactly these tags.
pub(crate) async fn replace(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    id: &ImageId,
    tags: &[String],
    now: DateTime<Utc>,
) -> Result<()> {
    let old = of_image(conn, dialect, id).await?;
    let mut added: Vec<&str> = Vec::new();
    for tag in tags {
        if !old.contains(tag) && !added.contains(&tag.as_str()) {
            added.push(tag);
        }
    }
    let removed: Vec<&str> = old
        .iter()
        .filter(|tag| !tags.contains(tag))
        .map(String::as_str)
        .collect();
    insert(conn, dialect, id, &added, now).await?;
    bury(conn, dialect, id, &removed, now).await?;
    Ok(())
}

async fn of_image(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    id: &ImageId,
) -> Result<Vec<String>> {
    let select = Query::select()
        .column("value")
        .from("image_tags")
        .and_where(Expr::col("image_id").eq(id.as_str()))
        .and_where(dialect.is_false(("image_tags", "deleted")))
        .order_by("id", Order::Asc)
        .to_owned();
    let mut tags: Vec<String> = Vec::new();
    for row in conn.query_all(&select).await? {
        let tag = row.try_get("", "value")?;
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    Ok(tags)
}

async fn insert(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    id: &ImageId,
    tags: &[&str],
    now: DateTime<Utc>,
) -> Result<()> {
    let time = dialect.time(now);
    for chunk in tags.chunks(500) {
        let mut insert = Query::insert();
        insert.into_table("image_tags").columns([
            "image_id",
            "value",
            "created_at",
            "updated_at",
            "deleted",
        ]);
        for tag in chunk {
            insert.values_panic([
                id.as_str().into(),
                (*tag).into(),
                time.clone().into(),
                time.clone().into(),
                false.into(),
            ]);
        }
        conn.execute(&insert).await?;
    }
    Ok(())
}

async fn bury(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    id: &ImageId,
    tags: &[&str],
    now: DateTime<Utc>,
) -> Result<u64> {
    let mut buried = 0;
    for chunk in tags.chunks(500) {
        let update = Query::update()
            .table("image_tags")
            .value("deleted", true)
            .value("deleted_at", dialect.time(now))
            .value("updated_at", dialect.time(now))
            .and_where(Expr::col("image_id").eq(id.as_str()))
            .and_where(Expr::col("value").is_in(chunk.iter().copied()))
            .and_where(dialect.is_false(("image_tags", "deleted")))
            .to_owned();
        buried += conn.execute(&update).await?.rows_affected();
    }
    Ok(buried)
}
