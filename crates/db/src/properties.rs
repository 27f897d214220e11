//! Custom properties, within the transaction of the image they belong to.

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait, Value,
    sea_query::{Expr, ExprTrait, OnConflict, Query},
};
use vidimus_types::ImageId;

use crate::{Result, dialect::Dialect};

/// How many rows are put into one statement.
const ROWS_AT_ONCE: usize = 500;

/// Adds properties, or gives those that are there another value.
pub(crate) async fn set(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    id: &ImageId,
    properties: &[(String, impl Clone + Into<Value>)],
    now: DateTime<Utc>,
) -> Result<()> {
    let time = dialect.time(now);
    for chunk in properties.chunks(ROWS_AT_ONCE) {
        let mut insert = Query::insert();
        insert.into_table("image_properties").columns([
            "image_id",
            "name",
            "value",
            "created_at",
            "updated_at",
            "deleted_at",
            "deleted",
        ]);
        for (name, value) in chunk {
            insert.values_panic([
                id.as_str().into(),
                name.as_str().into(),
                value.clone().into().into(),
                time.clone().into(),
                time.clone().into(),
                Expr::null(),
                false.into(),
            ]);
        }
        // The name of a property that was taken away is still taken by its row, which comes to life again.
        insert.on_conflict(
            OnConflict::columns(["image_id", "name"])
                .update_columns(["value", "updated_at", "deleted_at", "deleted"])
                .to_owned(),
        );
        conn.execute(&insert).await?;
    }
    Ok(())
}

/// Takes properties away; those that are not there do not matter.
pub(crate) async fn remove(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    id: &ImageId,
    names: &[String],
    now: DateTime<Utc>,
) -> Result<()> {
    for chunk in names.chunks(ROWS_AT_ONCE) {
        let bury = Query::update()
            .table("image_properties")
            .value("deleted", true)
            .value("deleted_at", dialect.time(now))
            .value("updated_at", dialect.time(now))
            .and_where(Expr::col("image_id").eq(id.as_str()))
            .and_where(Expr::col("name").is_in(chunk.iter().map(String::as_str)))
            .and_where(dialect.is_false(("image_properties", "deleted")))
            .to_owned();
        conn.execute(&bury).await?;
    }
    Ok(())
}
