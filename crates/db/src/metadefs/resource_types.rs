//! Resource types, and which namespaces are for them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait, Order, QueryResult,
    sea_query::{Expr, ExprTrait, Query, SelectStatement},
};

use super::{
    AssociationRecord, MetadefKind, Metadefs, NamespaceRecord, NewAssociation, ResourceTypeRecord,
    Stamp, exists, id_of, insert, times,
};
use crate::{Error, Result, dialect::Dialect, record::Row};

pub(super) const TABLE: &str = "metadef_namespace_resource_types";
pub(super) const TYPES: &str = "metadef_resource_types";

impl Metadefs<'_> {
    /// Every resource type ever mentioned, oldest first.
    pub async fn list_resource_types(&self) -> Result<Vec<ResourceTypeRecord>> {
        let select = Query::select()
            .columns(["name", "protected", "created_at", "updated_at"])
            .from(TYPES)
            .order_by("id", Order::Asc)
            .to_owned();
        let rows = self.db.inner.readers.query_all(&select).await?;
        rows.iter()
            .map(|row| {
                let row = Row::new(row, self.db.dialect(), TYPES, "name")?;
                let (created_at, updated_at) = times(&row)?;
                Ok(ResourceTypeRecord {
                    name: row.get("name")?,
                    protected: row.get("protected")?,
                    created_at,
                    updated_at,
                })
            })
            .collect()
    }

    /// The resource types a namespace is for, oldest association first.
    pub async fn list_associations(
        &self,
        namespace: &NamespaceRecord,
    ) -> Result<Vec<AssociationRecord>> {
        of_namespace(&self.db.inner.readers, self.db.dialect(), namespace.id).await
    }

    /// The same for many namespaces in one query, in their order.
    pub async fn associations_of(
        &self,
        namespaces: &[NamespaceRecord],
    ) -> Result<Vec<Vec<AssociationRecord>>> {
        let mut found: HashMap<i32, Vec<AssociationRecord>> = HashMap::new();
        for chunk in namespaces.chunks(1000) {
            let ids = chunk.iter().map(|namespace| namespace.id);
            let select = select()
                .and_where(Expr::col((TABLE, "namespace_id")).is_in(ids))
                .to_owned();
            for row in self.db.inner.readers.query_all(&select).await? {
                let of = row.try_get("", "namespace_id")?;
                found
                    .entry(of)
                    .or_default()
                    .push(read(&row, self.db.dialect())?);
            }
        }
        Ok(namespaces
            .iter()
            .map(|namespace| found.remove(&namespace.id).unwrap_or_default())
            .collect())
    }

    /// How a namespace is associated with a resource type. Tells a type nobody knows from one it is not for.
    pub async fn get_association(
        &self,
        namespace: &NamespaceRecord,
        name: &str,
    ) -> Result<AssociationRecord> {
        let conn = &self.db.inner.readers;
        if !exists(conn, named(name)).await? {
            return Err(Error::MetadefNotFound(MetadefKind::ResourceType));
        }
        let select = select()
            .and_where(Expr::col((TABLE, "namespace_id")).eq(namespace.id))
            .and_where(Expr::col((TYPES, "name")).eq(name))
            .to_owned();
        match conn.query_one(&select).await? {
            Some(row) => read(&row, self.db.dialect()),
            None => Err(Error::MetadefNotFound(MetadefKind::Association)),
        }
    }

    /// Says that a namespace is for a resource type, which comes into being if need be; answers when.
    pub async fn create_association(
        &self,
        namespace: &NamespaceRecord,
        association: &NewAssociation,
    ) -> Result<DateTime<Utc>> {
        let dialect = self.db.dialect();
        self.add(namespace, async |tx, stamp| {
            associate(tx, dialect, namespace.id, stamp, association).await
        })
        .await
    }

    /// Takes that back, unless the namespace is protected. The resource type stays.
    pub async fn delete_association(&self, namespace: &NamespaceRecord, name: &str) -> Result<()> {
        let tx = self.db.write().await?;
        let missing = Error::MetadefNotFound(MetadefKind::Association);
        let Some(resource_type) = id_of(&tx, named(name)).await? else {
            return Err(missing);
        };
        if !exists(&tx, between(namespace.id, resource_type)).await? {
            return Err(missing);
        }
        self.require_open(&tx, namespace).await?;
        let delete = Query::delete()
            .from_table(TABLE)
            .and_where(Expr::col("namespace_id").eq(namespace.id))
            .and_where(Expr::col("resource_type_id").eq(resource_type))
            .to_owned();
        tx.execute(&delete).await?;
        tx.commit().await?;
        Ok(())
    }
}

pub(super) async fn of_namespace(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    namespace: i32,
) -> Result<Vec<AssociationRecord>> {
    let select = select()
        .and_where(Expr::col((TABLE, "namespace_id")).eq(namespace))
        .to_owned();
    let rows = conn.query_all(&select).await?;
    rows.iter().map(|row| read(row, dialect)).collect()
}

/// The numbers of the namespaces for any of these resource types.
pub(super) fn namespaces_for(names: &[String]) -> SelectStatement {
    Query::select()
        .column((TABLE, "namespace_id"))
        .from(TABLE)
        .inner_join(
            TYPES,
            Expr::col((TYPES, "id")).equals((TABLE, "resource_type_id")),
        )
        .and_where(Expr::col((TYPES, "name")).is_in(names.iter().map(String::as_str)))
        .to_owned()
}

pub(super) async fn associate(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    namespace: i32,
    stamp: Stamp,
    association: &NewAssociation,
) -> Result<()> {
    let resource_type = match id_of(conn, named(&association.name)).await? {
        Some(id) => id,
        None => create(conn, dialect, stamp, &association.name, false).await?,
    };
    if exists(conn, between(namespace, resource_type)).await? {
        return Err(Error::MetadefDuplicate {
            kind: MetadefKind::Association,
            name: association.name.clone(),
        });
    }
    put(conn, dialect, namespace, resource_type, stamp, association).await
}

pub(super) async fn create(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    stamp: Stamp,
    name: &str,
    protected: bool,
) -> Result<i32> {
    let values = vec![("name", name.into()), ("protected", protected.into())];
    insert(conn, dialect, TYPES, stamp, values).await?;
    id_of(conn, named(name))
        .await?
        .ok_or(Error::MetadefNotFound(MetadefKind::ResourceType))
}

pub(super) async fn put(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    namespace: i32,
    resource_type: i32,
    stamp: Stamp,
    association: &NewAssociation,
) -> Result<()> {
    let values = vec![
        ("namespace_id", namespace.into()),
        ("resource_type_id", resource_type.into()),
        ("prefix", association.prefix.clone().into()),
        (
            "properties_target",
            association.properties_target.clone().into(),
        ),
    ];
    insert(conn, dialect, TABLE, stamp, values).await
}

pub(super) fn named(name: &str) -> SelectStatement {
    Query::select()
        .column("id")
        .from(TYPES)
        .and_where(Expr::col("name").eq(name))
        .to_owned()
}

pub(super) fn between(namespace: i32, resource_type: i32) -> SelectStatement {
    Query::select()
        .column("namespace_id")
        .from(TABLE)
        .and_where(Expr::col("namespace_id").eq(namespace))
        .and_where(Expr::col("resource_type_id").eq(resource_type))
        .to_owned()
}

fn select() -> SelectStatement {
    Query::select()
        .column((TYPES, "name"))
        .columns(
            [
                "namespace_id",
                "prefix",
                "properties_target",
                "created_at",
                "updated_at",
            ]
            .map(|column| (TABLE, column)),
        )
        .from(TABLE)
        .inner_join(
            TYPES,
            Expr::col((TYPES, "id")).equals((TABLE, "resource_type_id")),
        )
        .order_by((TABLE, "created_at"), Order::Asc)
        .order_by((TABLE, "resource_type_id"), Order::Asc)
        .to_owned()
}

fn read(row: &QueryResult, dialect: Dialect) -> Result<AssociationRecord> {
    let row = Row::new(row, dialect, TABLE, "name")?;
    let (created_at, updated_at) = times(&row)?;
    Ok(AssociationRecord {
        name: row.get("name")?,
        prefix: row.get("prefix")?,
        properties_target: row.get("properties_target")?,
        created_at,
        updated_at,
    })
}
