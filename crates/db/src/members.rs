//! Members: the projects an image is shared with, one row for each, which outlives being taken away.
//!
//! Whether an image has members at all depends on its visibility, and who may see which of them on the caller; neither
//! is known here.

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, Order, QueryResult,
    sea_query::{Cond, Expr, ExprTrait, Query, SelectStatement},
};
use vidimus_types::{ImageId, MemberStatus};

use crate::{
    Db, Error, Result,
    dialect::{Dialect, now},
    images::alive,
    record::Row,
};

/// The members of a [`Db`]'s images.
#[derive(Debug, Clone, Copy)]
pub struct Members<'a> {
    db: &'a Db,
}

/// A project an image is shared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRecord {
    /// The image.
    pub image_id: ImageId,
    /// The project.
    pub member: String,
    /// What the project said to it.
    pub status: MemberStatus,
    /// When it became a member for the first time.
    pub created_at: DateTime<Utc>,
    /// When anything of this changed last.
    pub updated_at: DateTime<Utc>,
}

/// What came of adding a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addition {
    /// It is one now.
    Added(MemberRecord),
    /// It was one before; nothing was done.
    Present,
    /// There are as many as allowed, namely so many; nothing was done.
    Full(u64),
}

impl<'a> Members<'a> {
    pub(crate) fn new(db: &'a Db) -> Self {
        Self { db }
    }

    /// The members of an image, oldest row first; none if it has none or is not there.
    pub async fn list(&self, id: &ImageId) -> Result<Vec<MemberRecord>> {
        let dialect = self.db.dialect();
        let select = select(id)
            .cond_where(Cond::all().add(dialect.is_false(("image_members", "deleted"))))
            .order_by("id", Order::Asc)
            .to_owned();
        let rows = self.db.inner.readers.query_all(&select).await?;
        rows.iter().map(|row| record(row, dialect)).collect()
    }

    /// One member, if it is one.
    pub async fn find(&self, id: &ImageId, member: &str) -> Result<Option<MemberRecord>> {
        let dialect = self.db.dialect();
        let select = select(id)
            .and_where(Expr::col("member").eq(member))
            .cond_where(Cond::all().add(dialect.is_false(("image_members", "deleted"))))
            .to_owned();
        let row = self.db.inner.readers.query_one(&select).await?;
        row.map(|row| record(&row, dialect)).transpose()
    }

    /// Makes a project a member, pending, unless there are `at_most` members already.
    ///
    /// Two callers who add at the same time cannot pass the limit together, nor add the same project twice.
    pub async fn add(&self, id: &ImageId, member: &str, at_most: Option<u64>) -> Result<Addition> {
        let dialect = self.db.dialect();
        let tx = self.db.write().await?;
        lock(&tx, id).await?;
        let all = select(id)
            .column("deleted")
            .order_by("id", Order::Asc)
            .to_owned();
        let (mut count, mut row_there) = (0, None);
        for row in tx.query_all(&all).await? {
            let is_deleted: bool = row.try_get("", "deleted")?;
            count += u64::from(!is_deleted);
            if row.try_get::<String>("", "member")? == member {
                row_there = Some(is_deleted);
            }
        }
        let outcome = match row_there {
            _ if at_most.is_some_and(|limit| count >= limit) => Addition::Full(count),
            Some(false) => Addition::Present,
            Some(true) => {
                revive(&tx, dialect, id, member).await?;
                Addition::Added(reread(&tx, dialect, id, member).await?)
            }
            None => {
                insert(&tx, dialect, id, member).await?;
                Addition::Added(reread(&tx, dialect, id, member).await?)
            }
        };
        tx.commit().await?;
        Ok(outcome)
    }

    /// Writes down what a member says to the image; `None` if it is no member.
    pub async fn set_status(
        &self,
        id: &ImageId,
        member: &str,
        status: MemberStatus,
    ) -> Result<Option<MemberRecord>> {
        let dialect = self.db.dialect();
        let update = Query::update()
            .table("image_members")
            .value("status", status.as_str())
            .value("updated_at", dialect.time(now()))
            .and_where(Expr::col("image_id").eq(id.as_str()))
            .and_where(Expr::col("member").eq(member))
            .cond_where(Cond::all().add(dialect.is_false(("image_members", "deleted"))))
            .to_owned();
        let tx = self.db.write().await?;
        if tx.execute(&update).await?.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(None);
        }
        let changed = reread(&tx, dialect, id, member).await?;
        tx.commit().await?;
        Ok(Some(changed))
    }

    /// Takes a membership away; `false` if there is none.
    pub async fn remove(&self, id: &ImageId, member: &str) -> Result<bool> {
        let dialect = self.db.dialect();
        let time = dialect.time(now());
        let update = Query::update()
            .table("image_members")
            .value("deleted", true)
            .value("deleted_at", time.clone())
            .value("updated_at", time)
            .and_where(Expr::col("image_id").eq(id.as_str()))
            .and_where(Expr::col("member").eq(member))
            .cond_where(Cond::all().add(dialect.is_false(("image_members", "deleted"))))
            .to_owned();
        let tx = self.db.write().await?;
        let removed = tx.execute(&update).await?.rows_affected();
        tx.commit().await?;
        Ok(removed > 0)
    }
}

/// Makes others who add members to this image wait, and finds out whether it is there.
async fn lock(tx: &DatabaseTransaction, id: &ImageId) -> Result<()> {
    let image = Query::select()
        .column("id")
        .from("images")
        .cond_where(alive(id))
        .lock_exclusive()
        .to_owned();
    match tx.query_one(&image).await? {
        Some(_) => Ok(()),
        None => Err(Error::NotFound(*id)),
    }
}

/// Compat: Glance keeps one row for an image and a project, however often the one becomes a member of the other, and the
/// row keeps the time of its first making.
async fn revive(
    tx: &DatabaseTransaction,
    dialect: Dialect,
    id: &ImageId,
    member: &str,
) -> Result<()> {
    let update = Query::update()
        .table("image_members")
        .value("status", MemberStatus::Pending.as_str())
        .value("can_share", false)
        .value("deleted", false)
        .value("deleted_at", Expr::null())
        .value("updated_at", dialect.time(now()))
        .and_where(Expr::col("image_id").eq(id.as_str()))
        .and_where(Expr::col("member").eq(member))
        .to_owned();
    tx.execute(&update).await?;
    Ok(())
}

async fn insert(
    tx: &DatabaseTransaction,
    dialect: Dialect,
    id: &ImageId,
    member: &str,
) -> Result<()> {
    let time = dialect.time(now());
    let insert = Query::insert()
        .into_table("image_members")
        .columns([
            "image_id",
            "member",
            "can_share",
            "status",
            "created_at",
            "updated_at",
            "deleted",
        ])
        .values_panic([
            id.as_str().into(),
            member.into(),
            false.into(),
            MemberStatus::Pending.as_str().into(),
            time.clone().into(),
            time.into(),
            false.into(),
        ])
        .to_owned();
    tx.execute(&insert).await?;
    Ok(())
}

async fn reread(
    tx: &DatabaseTransaction,
    dialect: Dialect,
    id: &ImageId,
    member: &str,
) -> Result<MemberRecord> {
    let select = select(id)
        .and_where(Expr::col("member").eq(member))
        .cond_where(Cond::all().add(dialect.is_false(("image_members", "deleted"))))
        .to_owned();
    let row = tx.query_one(&select).await?.ok_or(Error::NotFound(*id))?;
    record(&row, dialect)
}

fn select(id: &ImageId) -> SelectStatement {
    Query::select()
        .columns(["image_id", "member", "status", "created_at", "updated_at"])
        .from("image_members")
        .and_where(Expr::col("image_id").eq(id.as_str()))
        .to_owned()
}

fn record(row: &QueryResult, dialect: Dialect) -> Result<MemberRecord> {
    let row = Row::new(row, dialect, "image_members", "member")?;
    let created_at = row.time("created_at")?.ok_or(row.corrupt("created_at"))?;
    Ok(MemberRecord {
        image_id: row.parse("image_id")?,
        member: row.get("member")?,
        status: row.parse("status")?,
        created_at,
        updated_at: row.time("updated_at")?.unwrap_or(created_at),
    })
}
