//! Metadata definitions: namespaces with their objects, properties, tags and associations with resource types.
//!
//! These rows are deleted for good, unlike images. A namespace is looked up once by name and within a scope; everything in
//! it is then addressed by the [`NamespaceRecord`], and each change makes sure in its own transaction that the namespace is
//! still there and, where something is to be deleted, that it is not protected. What a definition says is not looked at.

mod load;
mod namespaces;
mod objects;
mod parts;
mod properties;
mod resource_types;
mod tags;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, QueryResult, Value as SqlValue,
    sea_query::{Alias, Expr, ExprTrait, Query, SelectStatement, SimpleExpr},
};
use serde_json::{Map, Value};
use vidimus_types::Visibility;

use crate::{
    Db, Error, Result,
    dialect::{Dialect, now},
    record::Row,
};

pub use load::{LoadMode, LoadOutcome};
pub use namespaces::{NamespaceFields, NamespaceQuery, NamespaceSortKey};
pub use tags::{TagQuery, TagSortKey};

/// What kind of definition an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetadefKind {
    /// A namespace.
    Namespace,
    /// An object.
    Object,
    /// A property.
    Property,
    /// A tag.
    Tag,
    /// A resource type, whatever it is associated with.
    ResourceType,
    /// The association of a namespace with a resource type.
    Association,
}

impl std::fmt::Display for MetadefKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Namespace => "namespace",
            Self::Object => "object",
            Self::Property => "property",
            Self::Tag => "tag",
            Self::ResourceType => "resource type",
            Self::Association => "resource type association",
        })
    }
}

/// A namespace without what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceRecord {
    pub(crate) id: i32,
    /// Its name, which no other has.
    pub namespace: String,
    /// A name for people.
    pub display_name: Option<String>,
    /// What it is about.
    pub description: Option<String>,
    /// Public or private.
    pub visibility: Visibility,
    /// Whether nothing in it may be deleted.
    pub protected: bool,
    /// The project it belongs to.
    pub owner: String,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed; a loaded one never was.
    pub updated_at: Option<DateTime<Utc>>,
}

/// An object of a namespace.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectRecord {
    /// Its name in the namespace.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// Names of the properties it cannot be without.
    pub required: Vec<String>,
    /// Its properties' definitions by name.
    pub properties: Map<String, Value>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: Option<DateTime<Utc>>,
}

/// A property of a namespace.
#[derive(Debug, Clone, PartialEq)]
pub struct PropertyRecord {
    /// Its name in the namespace.
    pub name: String,
    /// Its definition.
    pub definition: Value,
}

/// A tag of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadefTagRecord {
    pub(crate) id: i32,
    /// The tag.
    pub name: String,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: Option<DateTime<Utc>>,
}

/// A kind of thing, in any service, that can have properties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceTypeRecord {
    /// Its name.
    pub name: String,
    /// Whether it came with a file.
    pub protected: bool,
    /// When it was first mentioned.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: Option<DateTime<Utc>>,
}

/// That a namespace is for a resource type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssociationRecord {
    /// The resource type.
    pub name: String,
    /// What comes before the names of properties there.
    pub prefix: Option<String>,
    /// Which of several sets of properties is meant.
    pub properties_target: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: Option<DateTime<Utc>>,
}

/// An object to be.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NewObject {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// Names of the properties it cannot be without.
    pub required: Vec<String>,
    /// Its properties' definitions by name.
    pub properties: Map<String, Value>,
}

/// An association to be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewAssociation {
    /// The resource type, which need not exist yet.
    pub name: String,
    /// What comes before the names of properties there.
    pub prefix: Option<String>,
    /// Which of several sets of properties is meant.
    pub properties_target: Option<String>,
}

/// A namespace to be, with everything in it.
#[derive(Debug, Clone, PartialEq)]
pub struct NewNamespace {
    /// The namespace itself.
    pub fields: NamespaceFields,
    /// The resource types it is for.
    pub associations: Vec<NewAssociation>,
    /// Its objects.
    pub objects: Vec<NewObject>,
    /// Its properties' definitions by name.
    pub properties: Map<String, Value>,
    /// Its tags.
    pub tags: Vec<String>,
}

/// All that a namespace holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NamespaceContent {
    /// The resource types it is for.
    pub associations: Vec<AssociationRecord>,
    /// By name.
    pub objects: Vec<ObjectRecord>,
    /// By name.
    pub properties: Vec<PropertyRecord>,
    /// Newest first.
    pub tags: Vec<MetadefTagRecord>,
}

/// The metadata definitions of a [`Db`].
#[derive(Debug, Clone, Copy)]
pub struct Metadefs<'a> {
    db: &'a Db,
}

impl<'a> Metadefs<'a> {
    pub(crate) fn new(db: &'a Db) -> Self {
        Self { db }
    }

    /// All that a namespace holds, as it was at one moment.
    pub async fn content(&self, namespace: &NamespaceRecord) -> Result<NamespaceContent> {
        let dialect = self.db.dialect();
        let tx = self.db.read().await?;
        let content = NamespaceContent {
            associations: resource_types::of_namespace(&tx, dialect, namespace.id).await?,
            objects: objects::of_namespace(&tx, dialect, namespace.id).await?,
            properties: properties::of_namespace(&tx, namespace.id).await?,
            tags: tags::page(&tx, dialect, namespace.id, &TagQuery::default()).await?,
        };
        tx.commit().await?;
        Ok(content)
    }

    /// Makes sure that the namespace has not gone since it was read.
    async fn require_there(
        &self,
        tx: &DatabaseTransaction,
        namespace: &NamespaceRecord,
    ) -> Result<()> {
        self.protection(tx, namespace).await.map(|_| ())
    }

    /// Makes sure that the namespace is there and lets things be deleted.
    async fn require_open(
        &self,
        tx: &DatabaseTransaction,
        namespace: &NamespaceRecord,
    ) -> Result<()> {
        if self.protection(tx, namespace).await? {
            return Err(Error::MetadefProtected);
        }
        Ok(())
    }

    async fn protection(
        &self,
        tx: &DatabaseTransaction,
        namespace: &NamespaceRecord,
    ) -> Result<bool> {
        let select = Query::select()
            .column("protected")
            .from("metadef_namespaces")
            .and_where(Expr::col("id").eq(namespace.id))
            .to_owned();
        match tx.query_one(&select).await? {
            Some(row) => Ok(row
                .try_get::<Option<bool>>("", "protected")?
                .unwrap_or(false)),
            None => Err(Error::MetadefNotFound(MetadefKind::Namespace)),
        }
    }
}

fn delete_all(table: &'static str, namespace: i32) -> sea_orm::sea_query::DeleteStatement {
    Query::delete()
        .from_table(table)
        .and_where(Expr::col("namespace_id").eq(namespace))
        .to_owned()
}

async fn exists(conn: &impl ConnectionTrait, select: SelectStatement) -> Result<bool> {
    Ok(conn.query_one(&select).await?.is_some())
}

async fn id_of(conn: &impl ConnectionTrait, select: SelectStatement) -> Result<Option<i32>> {
    let row = conn.query_one(&select).await?;
    Ok(row.map(|row| row.try_get("", "id")).transpose()?)
}

/// Puts a row in. When it was last changed is left open for what is loaded, as Glance leaves it.
async fn insert(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    table: &'static str,
    stamp: Stamp,
    values: Vec<(&'static str, SqlValue)>,
) -> Result<()> {
    let mut columns: Vec<Alias> = values.iter().map(|(name, _)| Alias::new(*name)).collect();
    let mut row: Vec<SimpleExpr> = values
        .into_iter()
        .map(|(_, value)| SimpleExpr::from(value))
        .collect();
    columns.push(Alias::new("created_at"));
    row.push(dialect.time(stamp.at).into());
    if stamp.is_change {
        columns.push(Alias::new("updated_at"));
        row.push(dialect.time(stamp.at).into());
    }
    let insert = Query::insert()
        .into_table(table)
        .columns(columns)
        .values_panic(row)
        .to_owned();
    conn.execute(&insert).await?;
    Ok(())
}

/// When a row is put in, and whether that counts as its last change.
#[derive(Clone, Copy)]
struct Stamp {
    at: DateTime<Utc>,
    is_change: bool,
}

impl Stamp {
    fn now() -> Self {
        Self {
            at: now(),
            is_change: true,
        }
    }

    /// Microseconds later, so that rows without a number of their own keep the order they were put in.
    fn later(self, microseconds: usize) -> Self {
        let microseconds = i64::try_from(microseconds).unwrap_or_default();
        Self {
            at: self.at + TimeDelta::microseconds(microseconds),
            ..self
        }
    }

    fn loaded() -> Self {
        Self {
            at: now(),
            is_change: false,
        }
    }
}

/// When a row was created and last changed.
fn times(row: &Row<'_>) -> Result<(DateTime<Utc>, Option<DateTime<Utc>>)> {
    let created_at = row
        .time("created_at")?
        .ok_or_else(|| row.corrupt("created_at"))?;
    Ok((created_at, row.time("updated_at")?))
}

/// A column of JSON.
fn json(row: &QueryResult, table: &'static str, column: &'static str) -> Result<Value> {
    let text: String = row.try_get("", column)?;
    let corrupt = |_| Error::Corrupt {
        table,
        row: row.try_get("", "name").unwrap_or_default(),
        column,
    };
    serde_json::from_str(&text).map_err(corrupt)
}
