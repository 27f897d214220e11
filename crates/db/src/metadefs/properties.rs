//! The properties of a namespace.

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait, Order, QueryResult,
    sea_query::{Expr, ExprTrait, Query, SelectStatement},
};
use serde_json::Value;

use super::{Metadefs, NamespaceRecord, PropertyRecord, Stamp, insert, json, parts::PROPERTIES};
use crate::{
    Result,
    dialect::{Dialect, now},
};

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
        self.get(PROPERTIES, select(namespace.id), name, read).await
    }

    /// Adds a property.
    pub async fn create_property(
        &self,
        namespace: &NamespaceRecord,
        name: &str,
        definition: &Value,
    ) -> Result<()> {
        let dialect = self.db.dialect();
        self.add(namespace, async |tx, stamp| {
            create(tx, dialect, namespace.id, stamp, name, definition).await
        })
        .await
        .map(drop)
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
        let id = PROPERTIES
            .find_to_rename(&tx, namespace.id, name, new_name)
            .await?;
        set(&tx, self.db.dialect(), id, new_name, definition, now()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Deletes a property, unless the namespace is protected.
    pub async fn delete_property(&self, namespace: &NamespaceRecord, name: &str) -> Result<()> {
        self.remove(PROPERTIES, namespace, name).await
    }

    /// Deletes all properties, unless the namespace is protected.
    pub async fn delete_properties(&self, namespace: &NamespaceRecord) -> Result<()> {
        self.clear(PROPERTIES, namespace).await
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
    PROPERTIES.require_free(conn, namespace, name).await?;
    let values = vec![
        ("namespace_id", namespace.into()),
        ("name", name.into()),
        ("json_schema", definition.to_string().into()),
    ];
    insert(conn, dialect, PROPERTIES.table, stamp, values).await
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
        .table(PROPERTIES.table)
        .value("name", name)
        .value("json_schema", definition.to_string())
        .value("updated_at", dialect.time(now))
        .and_where(Expr::col("id").eq(id))
        .to_owned();
    conn.execute(&update).await?;
    Ok(())
}

fn select(namespace: i32) -> SelectStatement {
    PROPERTIES.select(namespace, ["name", "json_schema"])
}

fn read(row: &QueryResult) -> Result<PropertyRecord> {
    Ok(PropertyRecord {
        name: row.try_get("", "name")?,
        definition: json(row, PROPERTIES.table, "json_schema")?,
    })
}
