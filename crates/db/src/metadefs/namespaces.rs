//! Namespaces: who sees them, and a page of them at a time.

use sea_orm::{
    ConnectionTrait, Order, QueryResult, Value as SqlValue,
    sea_query::{Cond, Condition, Expr, ExprTrait, Func, Query, SelectStatement},
};
use vidimus_types::Visibility;

use super::{
    MetadefKind, Metadefs, NamespaceRecord, NewNamespace, Stamp, delete_all, id_of, insert,
    objects,
    parts::{OBJECTS, PROPERTIES, TAGS},
    properties, resource_types, tags, times,
};
use crate::{
    Direction, Error, Result, Scope,
    dialect::{Dialect, now},
    record::Row,
};

const TABLE: &str = "metadef_namespaces";

/// The attributes of a namespace that somebody sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceFields {
    /// Its name.
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
}

/// What namespaces can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamespaceSortKey {
    /// The name.
    Namespace,
    /// The name for people.
    DisplayName,
    /// The description.
    Description,
    /// Private before public.
    Visibility,
    /// Those that are not before those that are.
    Protected,
    /// The project.
    Owner,
    /// The time of creation.
    CreatedAt,
    /// The time of the last change.
    UpdatedAt,
}

/// Which namespaces, in which order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceQuery {
    /// Only those with this in their column, which need not be one of the visibilities.
    pub visibility: Option<String>,
    /// Only those for at least one of these resource types.
    pub resource_types: Option<Vec<String>>,
    /// The order, before the time of creation.
    pub sort_key: NamespaceSortKey,
    /// The direction of the whole order.
    pub direction: Direction,
    /// Begin behind this one.
    pub marker: Option<NamespaceRecord>,
    /// At most so many.
    pub limit: Option<u64>,
}

impl Default for NamespaceQuery {
    fn default() -> Self {
        Self {
            visibility: None,
            resource_types: None,
            sort_key: NamespaceSortKey::CreatedAt,
            direction: Direction::Descending,
            marker: None,
            limit: None,
        }
    }
}

impl NamespaceSortKey {
    /// Reads a name of the API. Compat: the row number is a name too, and it sorts by the time of creation.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "namespace" => Self::Namespace,
            "display_name" => Self::DisplayName,
            "description" => Self::Description,
            "visibility" => Self::Visibility,
            "protected" => Self::Protected,
            "owner" => Self::Owner,
            "created_at" | "id" => Self::CreatedAt,
            "updated_at" => Self::UpdatedAt,
            _ => return None,
        })
    }

    /// What is sorted by: with something else in the place of NULL, so that pages lose nothing.
    fn expression(self) -> Expr {
        let text = |column: &'static str| Func::coalesce([Expr::col(column), "".into()]).into();
        match self {
            Self::Namespace => Expr::col("namespace"),
            Self::Owner => Expr::col("owner"),
            Self::CreatedAt => Expr::col("created_at"),
            Self::DisplayName => text("display_name"),
            Self::Description => text("description"),
            // As records are read.
            Self::Visibility => {
                Func::coalesce([Expr::col("visibility"), Visibility::Private.as_str().into()])
                    .into()
            }
            Self::Protected => Func::coalesce([Expr::col("protected"), false.into()]).into(),
            Self::UpdatedAt => {
                Func::coalesce([Expr::col("updated_at"), Expr::col("created_at")]).into()
            }
        }
    }

    fn value_of(self, dialect: Dialect, record: &NamespaceRecord) -> SqlValue {
        let text = |text: &Option<String>| text.clone().unwrap_or_default().into();
        match self {
            Self::Namespace => record.namespace.as_str().into(),
            Self::DisplayName => text(&record.display_name),
            Self::Description => text(&record.description),
            Self::Visibility => record.visibility.as_str().into(),
            Self::Protected => record.protected.into(),
            Self::Owner => record.owner.as_str().into(),
            Self::CreatedAt => dialect.time(record.created_at),
            Self::UpdatedAt => dialect.time(record.updated_at.unwrap_or(record.created_at)),
        }
    }
}

impl Metadefs<'_> {
    /// The namespace of this name, if the scope reaches it.
    pub async fn get_namespace(&self, scope: &Scope, name: &str) -> Result<NamespaceRecord> {
        let select = select()
            .and_where(Expr::col("namespace").eq(name))
            .cond_where(visible(scope))
            .to_owned();
        match self.db.inner.readers.query_one(&select).await? {
            Some(row) => read(&row, self.db.dialect()),
            None => Err(Error::MetadefNotFound(MetadefKind::Namespace)),
        }
    }

    /// One page of the namespaces the scope reaches.
    pub async fn list_namespaces(
        &self,
        scope: &Scope,
        query: &NamespaceQuery,
    ) -> Result<Vec<NamespaceRecord>> {
        let dialect = self.db.dialect();
        let mut select = select();
        select.cond_where(visible(scope));
        if let Some(visibility) = &query.visibility {
            select.and_where(Expr::col("visibility").eq(visibility.as_str()));
        }
        if let Some(names) = &query.resource_types {
            select.and_where(Expr::col("id").in_subquery(resource_types::namespaces_for(names)));
        }
        let mut keys = vec![query.sort_key];
        if query.sort_key != NamespaceSortKey::CreatedAt {
            keys.push(NamespaceSortKey::CreatedAt);
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
        let rows = self.db.inner.readers.query_all(&select).await?;
        rows.iter().map(|row| read(row, dialect)).collect()
    }

    /// Creates a namespace with everything in it, or nothing.
    pub async fn create_namespace(&self, new: &NewNamespace) -> Result<NamespaceRecord> {
        let dialect = self.db.dialect();
        let tx = self.db.write().await?;
        let name = &new.fields.namespace;
        if id_of(&tx, named(name)).await?.is_some() {
            return Err(duplicate(name));
        }
        let stamp = Stamp::now();
        insert(&tx, dialect, TABLE, stamp, values(&new.fields)).await?;
        let row = tx
            .query_one(select().and_where(Expr::col("namespace").eq(name.as_str())))
            .await?
            .ok_or(Error::MetadefNotFound(MetadefKind::Namespace))?;
        let record = read(&row, dialect)?;
        for (at, association) in new.associations.iter().enumerate() {
            let stamp = stamp.later(at);
            resource_types::associate(&tx, dialect, record.id, stamp, association).await?;
        }
        for object in &new.objects {
            objects::create(&tx, dialect, record.id, stamp, object).await?;
        }
        for tag in &new.tags {
            tags::create(&tx, dialect, record.id, stamp, tag).await?;
        }
        for (name, definition) in &new.properties {
            properties::create(&tx, dialect, record.id, stamp, name, definition).await?;
        }
        tx.commit().await?;
        Ok(record)
    }

    /// Sets every attribute of a namespace.
    pub async fn update_namespace(
        &self,
        namespace: &NamespaceRecord,
        fields: &NamespaceFields,
    ) -> Result<NamespaceRecord> {
        let dialect = self.db.dialect();
        let tx = self.db.write().await?;
        self.require_there(&tx, namespace).await?;
        let taken = id_of(&tx, named(&fields.namespace)).await?;
        if taken.is_some_and(|id| id != namespace.id) {
            return Err(duplicate(&fields.namespace));
        }
        let now = now();
        set_fields(&tx, dialect, namespace.id, fields, now).await?;
        tx.commit().await?;
        Ok(NamespaceRecord {
            id: namespace.id,
            namespace: fields.namespace.clone(),
            display_name: fields.display_name.clone(),
            description: fields.description.clone(),
            visibility: fields.visibility,
            protected: fields.protected,
            owner: fields.owner.clone(),
            created_at: namespace.created_at,
            updated_at: Some(now),
        })
    }

    /// Deletes a namespace with everything in it, unless it is protected.
    pub async fn delete_namespace(&self, namespace: &NamespaceRecord) -> Result<()> {
        let tx = self.db.write().await?;
        self.require_open(&tx, namespace).await?;
        delete(&tx, namespace.id).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Deletes a namespace with everything in it.
pub(super) async fn delete(conn: &impl ConnectionTrait, id: i32) -> Result<()> {
    for table in [
        TAGS.table,
        OBJECTS.table,
        PROPERTIES.table,
        "metadef_namespace_resource_types",
    ] {
        conn.execute(&delete_all(table, id)).await?;
    }
    let delete = Query::delete()
        .from_table(TABLE)
        .and_where(Expr::col("id").eq(id))
        .to_owned();
    conn.execute(&delete).await?;
    Ok(())
}

pub(super) async fn set_fields(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    id: i32,
    fields: &NamespaceFields,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<()> {
    let mut update = Query::update();
    update.table(TABLE).and_where(Expr::col("id").eq(id));
    for (column, value) in values(fields) {
        update.value(column, value);
    }
    update.value("updated_at", dialect.time(now));
    conn.execute(&update).await?;
    Ok(())
}

pub(super) fn values(fields: &NamespaceFields) -> Vec<(&'static str, SqlValue)> {
    vec![
        ("namespace", fields.namespace.as_str().into()),
        ("display_name", fields.display_name.clone().into()),
        ("description", fields.description.clone().into()),
        ("visibility", fields.visibility.as_str().into()),
        ("protected", fields.protected.into()),
        ("owner", fields.owner.as_str().into()),
    ]
}

pub(super) fn named(name: &str) -> SelectStatement {
    Query::select()
        .column("id")
        .from(TABLE)
        .and_where(Expr::col("namespace").eq(name))
        .to_owned()
}

pub(super) fn select() -> SelectStatement {
    Query::select()
        .columns([
            "id",
            "namespace",
            "display_name",
            "description",
            "visibility",
            "protected",
            "owner",
            "created_at",
            "updated_at",
        ])
        .from(TABLE)
        .to_owned()
}

pub(super) fn read(row: &QueryResult, dialect: Dialect) -> Result<NamespaceRecord> {
    let row = Row::new(row, dialect, TABLE, "namespace")?;
    let (created_at, updated_at) = times(&row)?;
    let visibility: Option<String> = row.get("visibility")?;
    Ok(NamespaceRecord {
        id: row.get("id")?,
        namespace: row.get("namespace")?,
        display_name: row.get("display_name")?,
        description: row.get("description")?,
        // Compat: a loaded file need not say, and then it is private. What is no visibility opens nothing either.
        visibility: visibility
            .and_then(|word| word.parse().ok())
            .unwrap_or(Visibility::Private),
        protected: row.get::<Option<bool>>("protected")?.unwrap_or(false),
        owner: row.get("owner")?,
        created_at,
        updated_at,
    })
}

fn duplicate(name: &str) -> Error {
    Error::MetadefDuplicate {
        kind: MetadefKind::Namespace,
        name: name.to_owned(),
    }
}

fn visible(scope: &Scope) -> Condition {
    if scope.is_admin {
        return Cond::all();
    }
    let mut visible = Cond::any().add(Expr::col("visibility").eq(Visibility::Public.as_str()));
    if let Some(project) = &scope.project {
        visible = visible.add(Expr::col("owner").eq(project.as_str()));
    }
    visible
}

/// The rows further along in the first key, or equal there and further along in the second, and so on.
pub(super) fn behind(keys: &[(Expr, SqlValue)], direction: Direction) -> Condition {
    let mut any = Cond::any();
    for (at, (column, value)) in keys.iter().enumerate() {
        let mut all = Cond::all();
        for (column, value) in &keys[..at] {
            all = all.add(column.clone().eq(value.clone()));
        }
        any = any.add(all.add(match direction {
            Direction::Ascending => column.clone().gt(value.clone()),
            Direction::Descending => column.clone().lt(value.clone()),
        }));
    }
    any
}
