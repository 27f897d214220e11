//! The objects of a namespace.

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait, Order, QueryResult, Value as SqlValue,
    sea_query::{Expr, ExprTrait, Query, SelectStatement},
};
use serde_json::{Map, Value};

use super::{
    Metadefs, NamespaceRecord, NewObject, ObjectRecord, Stamp, insert, json, parts::OBJECTS, times,
};
use crate::{
    Result,
    dialect::{Dialect, now},
    record::Row,
};

impl Metadefs<'_> {
    /// The objects of a namespace, by name.
    pub async fn list_objects(&self, namespace: &NamespaceRecord) -> Result<Vec<ObjectRecord>> {
        of_namespace(&self.db.inner.readers, self.db.dialect(), namespace.id).await
    }

    /// The object of this name.
    pub async fn get_object(
        &self,
        namespace: &NamespaceRecord,
        name: &str,
    ) -> Result<ObjectRecord> {
        let dialect = self.db.dialect();
        let select = select(namespace.id);
        self.get(OBJECTS, select, name, |row| read(row, dialect))
            .await
    }

    /// Adds an object; answers when.
    pub async fn create_object(
        &self,
        namespace: &NamespaceRecord,
        object: &NewObject,
    ) -> Result<DateTime<Utc>> {
        let dialect = self.db.dialect();
        self.add(namespace, async |tx, stamp| {
            create(tx, dialect, namespace.id, stamp, object).await
        })
        .await
    }

    /// Puts an object in the place of the one of this name; answers when.
    pub async fn update_object(
        &self,
        namespace: &NamespaceRecord,
        name: &str,
        object: &NewObject,
    ) -> Result<DateTime<Utc>> {
        let tx = self.db.write().await?;
        let id = OBJECTS
            .find_to_rename(&tx, namespace.id, name, &object.name)
            .await?;
        let now = now();
        set(&tx, self.db.dialect(), id, object, now).await?;
        tx.commit().await?;
        Ok(now)
    }

    /// Deletes an object, unless the namespace is protected.
    pub async fn delete_object(&self, namespace: &NamespaceRecord, name: &str) -> Result<()> {
        self.remove(OBJECTS, namespace, name).await
    }

    /// Deletes all objects, unless the namespace is protected.
    pub async fn delete_objects(&self, namespace: &NamespaceRecord) -> Result<()> {
        self.clear(OBJECTS, namespace).await
    }
}

pub(super) async fn of_namespace(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    namespace: i32,
) -> Result<Vec<ObjectRecord>> {
    // Compat: Glance leaves the order to the database, whose index on namespace and name makes it this one.
    let select = select(namespace).order_by("name", Order::Asc).to_owned();
    let rows = conn.query_all(&select).await?;
    rows.iter().map(|row| read(row, dialect)).collect()
}

pub(super) async fn create(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    namespace: i32,
    stamp: Stamp,
    object: &NewObject,
) -> Result<()> {
    OBJECTS.require_free(conn, namespace, &object.name).await?;
    let mut values = values(object);
    values.push(("namespace_id", namespace.into()));
    insert(conn, dialect, OBJECTS.table, stamp, values).await
}

pub(super) async fn set(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    id: i32,
    object: &NewObject,
    now: DateTime<Utc>,
) -> Result<()> {
    let mut update = Query::update();
    update
        .table(OBJECTS.table)
        .and_where(Expr::col("id").eq(id));
    for (column, value) in values(object) {
        update.value(column, value);
    }
    update.value("updated_at", dialect.time(now));
    conn.execute(&update).await?;
    Ok(())
}

fn values(object: &NewObject) -> Vec<(&'static str, SqlValue)> {
    // Compat: names with a comma in them fall apart when they are read; the column has no other form.
    let required = (!object.required.is_empty()).then(|| object.required.join(","));
    let properties = Value::Object(object.properties.clone()).to_string();
    vec![
        ("name", object.name.as_str().into()),
        ("description", object.description.clone().into()),
        ("required", required.into()),
        ("json_schema", properties.into()),
    ]
}

fn select(namespace: i32) -> SelectStatement {
    OBJECTS.select(
        namespace,
        [
            "name",
            "description",
            "required",
            "json_schema",
            "created_at",
            "updated_at",
        ],
    )
}

fn read(row: &QueryResult, dialect: Dialect) -> Result<ObjectRecord> {
    let properties = match json(row, OBJECTS.table, "json_schema")? {
        Value::Object(properties) => properties,
        // Compat: a file whose object has no properties is loaded by Glance as `null`.
        _ => Map::new(),
    };
    let row = Row::new(row, dialect, OBJECTS.table, "name")?;
    let (created_at, updated_at) = times(&row)?;
    let required: Option<String> = row.get("required")?;
    Ok(ObjectRecord {
        name: row.get("name")?,
        description: row.get("description")?,
        required: match required.as_deref() {
            None | Some("") => Vec::new(),
            Some(names) => names.split(',').map(str::to_owned).collect(),
        },
        properties,
        created_at,
        updated_at,
    })
}
