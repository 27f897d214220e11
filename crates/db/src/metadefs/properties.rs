//! The properties of a namespace.

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait, Order, QueryResult,
    sea_query::{Expr, ExprTrait, Query, SelectStatement},
};
use serde_json::Value;

use super::{
    MetadefKind, Metadefs, NamespaceRecord, PropertyRecord, Stamp, exists, id_of, insert, json,
    of_name,
};
use crate::{
    Error, Result,
    dialect::{Dialect, now},
};

pub(super) const TABLE: &str = "metadef_properties";

impl Metadefs<'_> {
    /// The properties of a namespace, by name.
    pub async fn list_properties(
        &self,
        namespace: &NamespaceRecord,
    ) -> Result<Vec<PropertyRecord>> {
        of_namespace(&self.db.inner.readers, namespace.id).await
    }

    /// The property of this name.
    pub async fn get_property(
        &self,
        namespace: &NamespaceRecord,
        name: &str,
    ) -> Result<PropertyRecord> {
        let select = select(namespace.id)
            .and_where(Expr::col("name").eq(name))
            .to_owned();
        match self.db.inner.readers.query_one(&select).await? {
            Some(row) => read(&row),
            None => Err(Error::MetadefNotFound(MetadefKind::Property)),
        }
    }

    /// Adds a property.
    pub async fn create_property(
        &self,
        namespace: &NamespaceRecord,
        name: &str,
        definition: &Value,
    ) -> Result<()> {
        let tx = self.db.write().await?;
        self.require_there(&tx, namespace).await?;
        let dialect = self.db.dialect();
        create(&tx, dialect, namespace.id, Stamp::now(), name, definition).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Puts a definition, and perhaps another name, in the place of those of a property.
    pub async fn update_property(
        &self,
        namespace: &NamespaceRecord,
        name: &str,
        new_name: &str,
        definition: &Value,
    ) -> Result<()> {
        let tx = self.db.write().await?;
        let Some(id) = id_of(&tx, of_name(TABLE, namespace.id, name)).await? else {
            return Err(Error::MetadefNotFound(MetadefKind::Property));
        };
        if name != new_name && exists(&tx, of_name(TABLE, namespace.id, new_name)).await? {
            return Err(duplicate(new_name));
        }
        set(&tx, self.db.dialect(), id, new_name, definition, now()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Deletes a property, unless the namespace is protected.
    pub async fn delete_property(&self, namespace: &NamespaceRecord, name: &str) -> Result<()> {
        self.remove(namespace, TABLE, MetadefKind::Property, name)
            .await
    }

    /// Deletes all properties, unless the namespace is protected.
    pub async fn delete_properties(&self, namespace: &NamespaceRecord) -> Result<()> {
        self.clear(namespace, TABLE).await
    }
}

pub(super) async fn of_namespace(
    conn: &impl ConnectionTrait,
    namespace: i32,
) -> Result<Vec<PropertyRecord>> {
    let select = select(namespace).order_by("name", Order::Asc).to_owned();
    conn.query_all(&select).await?.iter().map(read).collect()
}

pub(super) async fn create(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    namespace: i32,
    stamp: Stamp,
    name: &str,
    definition: &Value,
) -> Result<()> {
    if exists(conn, of_name(TABLE, namespace, name)).await? {
        return Err(duplicate(name));
    }
    let values = vec![
        ("namespace_id", namespace.into()),
        ("name", name.into()),
        ("json_schema", definition.to_string().into()),
    ];
    insert(conn, dialect, TABLE, stamp, values).await
}

pub(super) async fn set(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    id: i32,
    name: &str,
    definition: &Value,
    now: DateTime<Utc>,
) -> Result<()> {
    let update = Query::update()
        .table(TABLE)
        .value("name", name)
        .value("json_schema", definition.to_string())
        .value("updated_at", dialect.time(now))
        .and_where(Expr::col("id").eq(id))
        .to_owned();
    conn.execute(&update).await?;
    Ok(())
}

fn select(namespace: i32) -> SelectStatement {
    Query::select()
        .columns(["name", "json_schema"])
        .from(TABLE)
        .and_where(Expr::col("namespace_id").eq(namespace))
        .to_owned()
}

fn read(row: &QueryResult) -> Result<PropertyRecord> {
    Ok(PropertyRecord {
        name: row.try_get("", "name")?,
        definition: json(row, TABLE, "json_schema")?,
    })
}

fn duplicate(name: &str) -> Error {
    Error::MetadefDuplicate {
        kind: MetadefKind::Property,
        name: name.to_owned(),
    }
}
