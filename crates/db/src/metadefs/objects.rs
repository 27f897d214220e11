//! The objects of a namespace.

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait, Order, QueryResult, Value as SqlValue,
    sea_query::{Expr, ExprTrait, Query, SelectStatement},
};
use serde_json::{Map, Value};

use super::{
    MetadefKind, Metadefs, NamespaceRecord, NewObject, ObjectRecord, Stamp, exists, id_of, insert,
    json, of_name, times,
};
use crate::{
    Error, Result,
    dialect::{Dialect, now},
    record::Row,
};

pub(super) const TABLE: &str = "metadef_objects";

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
        let select = select(namespace.id)
            .and_where(Expr::col("name").eq(name))
            .to_owned();
        match self.db.inner.readers.query_one(&select).await? {
            Some(row) => read(&row, self.db.dialect()),
            None => Err(Error::MetadefNotFound(MetadefKind::Object)),
        }
    }

    /// Adds an object; answers when.
    pub async fn create_object(
        &self,
        namespace: &NamespaceRecord,
        object: &NewObject,
    ) -> Result<DateTime<Utc>> {
        let tx = self.db.write().await?;
        self.require_there(&tx, namespace).await?;
        let stamp = Stamp::now();
        create(&tx, self.db.dialect(), namespace.id, stamp, object).await?;
        tx.commit().await?;
        Ok(stamp.at)
    }

    /// Puts an object in the place of the one of this name; answers when.
    pub async fn update_object(
        &self,
        namespace: &NamespaceRecord,
        name: &str,
        object: &NewObject,
    ) -> Result<DateTime<Utc>> {
        let tx = self.db.write().await?;
        let Some(id) = id_of(&tx, of_name(TABLE, namespace.id, name)).await? else {
            return Err(Error::MetadefNotFound(MetadefKind::Object));
        };
        if name != object.name && exists(&tx, of_name(TABLE, namespace.id, &object.name)).await? {
            return Err(duplicate(&object.name));
        }
        let now = now();
        set(&tx, self.db.dialect(), id, object, now).await?;
        tx.commit().await?;
        Ok(now)
    }

    /// Deletes an object, unless the namespace is protected.
    pub async fn delete_object(&self, namespace: &NamespaceRecord, name: &str) -> Result<()> {
        self.remove(namespace, TABLE, MetadefKind::Object, name)
            .await
    }

    /// Deletes all objects, unless the namespace is protected.
    pub async fn delete_objects(&self, namespace: &NamespaceRecord) -> Result<()> {
        self.clear(namespace, TABLE).await
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
    if exists(conn, of_name(TABLE, namespace, &object.name)).await? {
        return Err(duplicate(&object.name));
    }
    let mut values = values(object);
    values.push(("namespace_id", namespace.into()));
    insert(conn, dialect, TABLE, stamp, values).await
}

pub(super) async fn set(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    id: i32,
    object: &NewObject,
    now: DateTime<Utc>,
) -> Result<()> {
    let mut update = Query::update();
    update.table(TABLE).and_where(Expr::col("id").eq(id));
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
    Query::select()
        .columns([
            "name",
            "description",
            "required",
            "json_schema",
            "created_at",
            "updated_at",
        ])
        .from(TABLE)
        .and_where(Expr::col("namespace_id").eq(namespace))
        .to_owned()
}

fn read(row: &QueryResult, dialect: Dialect) -> Result<ObjectRecord> {
    let properties = match json(row, TABLE, "json_schema")? {
        Value::Object(properties) => properties,
        // Compat: a file whose object has no properties is loaded by Glance as `null`.
        _ => Map::new(),
    };
    let row = Row::new(row, dialect, TABLE, "name")?;
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

fn duplicate(name: &str) -> Error {
    Error::MetadefDuplicate {
        kind: MetadefKind::Object,
        name: name.to_owned(),
    }
}
