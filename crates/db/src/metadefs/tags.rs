//! The tags of a namespace.

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait, Order, QueryResult, Value as SqlValue,
    sea_query::{Expr, ExprTrait, Func, Query, SelectStatement},
};

use super::{
    MetadefTagRecord, Metadefs, NamespaceRecord, Stamp, insert, namespaces::behind, parts::TAGS,
    times,
};
use crate::{
    Direction, Result,
    dialect::{Dialect, now},
    record::Row,
};

/// What tags can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagSortKey {
    /// The tag.
    Name,
    /// The time of creation.
    CreatedAt,
    /// The time of the last change.
    UpdatedAt,
}

/// Which tags, in which order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagQuery {
    /// The order, before the time of creation.
    pub sort_key: TagSortKey,
    /// The direction of the whole order.
    pub direction: Direction,
    /// Begin behind this one.
    pub marker: Option<MetadefTagRecord>,
    /// At most so many.
    pub limit: Option<u64>,
}

impl Default for TagQuery {
    /// Newest first.
    fn default() -> Self {
        Self {
            sort_key: TagSortKey::CreatedAt,
            direction: Direction::Descending,
            marker: None,
            limit: None,
        }
    }
}

impl TagSortKey {
    /// Reads a name of the API. Compat: the numbers of row and namespace are names too; both lead to the time of creation.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "name" => Self::Name,
            "created_at" | "id" | "namespace_id" => Self::CreatedAt,
            "updated_at" => Self::UpdatedAt,
            _ => return None,
        })
    }

    fn expression(self) -> Expr {
        match self {
            Self::Name => Expr::col("name"),
            Self::CreatedAt => Expr::col("created_at"),
            Self::UpdatedAt => {
                Func::coalesce([Expr::col("updated_at"), Expr::col("created_at")]).into()
            }
        }
    }

    fn value_of(self, dialect: Dialect, tag: &MetadefTagRecord) -> SqlValue {
        match self {
            Self::Name => tag.name.as_str().into(),
            Self::CreatedAt => dialect.time(tag.created_at),
            Self::UpdatedAt => dialect.time(tag.updated_at.unwrap_or(tag.created_at)),
        }
    }
}

impl Metadefs<'_> {
    /// A page of the tags of a namespace.
    pub async fn list_tags(
        &self,
        namespace: &NamespaceRecord,
        query: &TagQuery,
    ) -> Result<Vec<MetadefTagRecord>> {
        page(
            &self.db.inner.readers,
            self.db.dialect(),
            namespace.id,
            query,
        )
        .await
    }

    /// The tag of this name.
    pub async fn get_tag(
        &self,
        namespace: &NamespaceRecord,
        name: &str,
    ) -> Result<MetadefTagRecord> {
        let dialect = self.db.dialect();
        let select = select(namespace.id);
        self.get(TAGS, select, name, |row| read(row, dialect)).await
    }

    /// Adds a tag; answers when.
    pub async fn create_tag(
        &self,
        namespace: &NamespaceRecord,
        name: &str,
    ) -> Result<DateTime<Utc>> {
        let dialect = self.db.dialect();
        self.add(namespace, async |tx, stamp| {
            create(tx, dialect, namespace.id, stamp, name).await
        })
        .await
    }

    /// Adds tags to those there are.
    pub async fn append_tags(&self, namespace: &NamespaceRecord, names: &[String]) -> Result<()> {
        let dialect = self.db.dialect();
        self.add(namespace, async |tx, stamp| {
            create_all(tx, dialect, namespace.id, stamp, names).await
        })
        .await
        .map(drop)
    }

    /// Puts tags in the place of those there are.
    ///
    /// Compat: also in a namespace that is protected, which keeps tags from being deleted in any other way.
    pub async fn replace_tags(&self, namespace: &NamespaceRecord, names: &[String]) -> Result<()> {
        let dialect = self.db.dialect();
        self.add(namespace, async |tx, stamp| {
            tx.execute(&TAGS.delete(namespace.id)).await?;
            create_all(tx, dialect, namespace.id, stamp, names).await
        })
        .await
        .map(drop)
    }

    /// Gives a tag another name.
    pub async fn rename_tag(
        &self,
        namespace: &NamespaceRecord,
        tag: &MetadefTagRecord,
        name: &str,
    ) -> Result<MetadefTagRecord> {
        let tx = self.db.write().await?;
        let id = TAGS
            .find_to_rename(&tx, namespace.id, &tag.name, name)
            .await?;
        let now = now();
        let update = Query::update()
            .table(TAGS.table)
            .value("name", name)
            .value("updated_at", self.db.dialect().time(now))
            .and_where(Expr::col("id").eq(id))
            .to_owned();
        tx.execute(&update).await?;
        tx.commit().await?;
        Ok(MetadefTagRecord {
            id,
            name: name.to_owned(),
            created_at: tag.created_at,
            updated_at: Some(now),
        })
    }

    /// Deletes a tag, unless the namespace is protected.
    pub async fn delete_tag(&self, namespace: &NamespaceRecord, name: &str) -> Result<()> {
        self.remove(TAGS, namespace, name).await
    }

    /// Deletes all tags, unless the namespace is protected.
    pub async fn delete_tags(&self, namespace: &NamespaceRecord) -> Result<()> {
        self.clear(TAGS, namespace).await
    }
}

pub(super) async fn page(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    namespace: i32,
    query: &TagQuery,
) -> Result<Vec<MetadefTagRecord>> {
    let mut select = select(namespace);
    let mut keys = vec![query.sort_key];
    if query.sort_key != TagSortKey::CreatedAt {
        keys.push(TagSortKey::CreatedAt);
    }
    let order = match query.direction {
        Direction::Ascending => Order::Asc,
        Direction::Descending => Order::Desc,
    };
    for key in &keys {
        select.order_by_expr(key.expression(), order.clone());
    }
    select.order_by("id", order);
    if let Some(marker) = &query.marker {
        let mut values: Vec<(Expr, SqlValue)> = keys
            .iter()
            .map(|key| (key.expression(), key.value_of(dialect, marker)))
            .collect();
        values.push((Expr::col("id"), marker.id.into()));
        select.cond_where(behind(&values, query.direction));
    }
    if let Some(limit) = query.limit {
        select.limit(limit);
    }
    let rows = conn.query_all(&select).await?;
    rows.iter().map(|row| read(row, dialect)).collect()
}

pub(super) async fn create(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    namespace: i32,
    stamp: Stamp,
    name: &str,
) -> Result<()> {
    TAGS.require_free(conn, namespace, name).await?;
    let values = vec![("namespace_id", namespace.into()), ("name", name.into())];
    insert(conn, dialect, TAGS.table, stamp, values).await
}

async fn create_all(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    namespace: i32,
    stamp: Stamp,
    names: &[String],
) -> Result<()> {
    for name in names {
        create(conn, dialect, namespace, stamp, name).await?;
    }
    Ok(())
}

fn select(namespace: i32) -> SelectStatement {
    TAGS.select(namespace, ["id", "name", "created_at", "updated_at"])
}

fn read(row: &QueryResult, dialect: Dialect) -> Result<MetadefTagRecord> {
    let row = Row::new(row, dialect, TAGS.table, "name")?;
    let (created_at, updated_at) = times(&row)?;
    Ok(MetadefTagRecord {
        id: row.get("id")?,
        name: row.get("name")?,
        created_at,
        updated_at,
    })
}
