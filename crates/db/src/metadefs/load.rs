//! Whole namespaces in and out: what an operator loads from files, and all there is.

use sea_orm::{
    ConnectionTrait, Order,
    sea_query::{Expr, ExprTrait, Query},
};

use super::{
    Metadefs, NamespaceRecord, NewNamespace, Stamp, id_of, insert, namespaces, objects,
    parts::{OBJECTS, PROPERTIES, TAGS},
    properties, resource_types, tags,
};
use crate::{
    Result,
    dialect::{Dialect, now},
};

/// What to do with a namespace that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadMode {
    /// Leave it alone.
    Skip,
    /// Add what it does not have.
    Merge,
    /// Add what it does not have, and overwrite what it has.
    PreferNew,
    /// Delete it first.
    Overwrite,
}

/// What became of a namespace that was to be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadOutcome {
    /// It was not there before, or was replaced.
    Loaded,
    /// It was there and has got what it lacked.
    Merged,
    /// It was there.
    Skipped,
}

impl Metadefs<'_> {
    /// Loads a namespace, whole or not at all. Protection is for clients and does not stop this.
    pub async fn load(&self, new: &NewNamespace, mode: LoadMode) -> Result<LoadOutcome> {
        let dialect = self.db.dialect();
        let tx = self.db.write().await?;
        let mut there = id_of(&tx, namespaces::named(&new.fields.namespace)).await?;
        if let (Some(id), LoadMode::Overwrite) = (there, mode) {
            namespaces::delete(&tx, id).await?;
            there = None;
        }
        let outcome = match (there, mode) {
            (None, _) => {
                let values = namespaces::values(&new.fields);
                insert(&tx, dialect, "metadef_namespaces", Stamp::loaded(), values).await?;
                LoadOutcome::Loaded
            }
            (Some(_), LoadMode::Skip) => return Ok(LoadOutcome::Skipped),
            (Some(id), LoadMode::PreferNew) => {
                namespaces::set_fields(&tx, dialect, id, &new.fields, now()).await?;
                LoadOutcome::Merged
            }
            (Some(_), LoadMode::Merge | LoadMode::Overwrite) => LoadOutcome::Merged,
        };
        if let Some(id) = id_of(&tx, namespaces::named(&new.fields.namespace)).await? {
            fill(&tx, dialect, id, new, mode == LoadMode::PreferNew).await?;
        }
        tx.commit().await?;
        Ok(outcome)
    }

    /// Deletes every definition there is, resource types included.
    pub async fn unload(&self) -> Result<()> {
        let tx = self.db.write().await?;
        for table in [
            PROPERTIES.table,
            OBJECTS.table,
            TAGS.table,
            resource_types::TABLE,
            "metadef_namespaces",
            resource_types::TYPES,
        ] {
            tx.execute(&Query::delete().from_table(table).to_owned())
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Every namespace, in the order of their creation.
    pub async fn all_namespaces(&self) -> Result<Vec<NamespaceRecord>> {
        let select = namespaces::select().order_by("id", Order::Asc).to_owned();
        let rows = self.db.inner.readers.query_all(&select).await?;
        let dialect = self.db.dialect();
        rows.iter()
            .map(|row| namespaces::read(row, dialect))
            .collect()
    }
}

async fn fill(
    tx: &impl ConnectionTrait,
    dialect: Dialect,
    id: i32,
    new: &NewNamespace,
    prefer_new: bool,
) -> Result<()> {
    let stamp = Stamp::loaded();
    for (at, association) in new.associations.iter().enumerate() {
        associate(tx, dialect, id, stamp.later(at), association, prefer_new).await?;
    }
    for (name, definition) in &new.properties {
        match PROPERTIES.find(tx, id, name).await? {
            None => properties::create(tx, dialect, id, stamp, name, definition).await?,
            Some(row) if prefer_new => {
                properties::set(tx, dialect, row, name, definition, now()).await?;
            }
            Some(_) => {}
        }
    }
    for object in &new.objects {
        match OBJECTS.find(tx, id, &object.name).await? {
            None => objects::create(tx, dialect, id, stamp, object).await?,
            Some(row) if prefer_new => objects::set(tx, dialect, row, object, now()).await?,
            Some(_) => {}
        }
    }
    for tag in &new.tags {
        if TAGS.find(tx, id, tag).await?.is_none() {
            tags::create(tx, dialect, id, stamp, tag).await?;
        }
    }
    Ok(())
}

async fn associate(
    tx: &impl ConnectionTrait,
    dialect: Dialect,
    id: i32,
    stamp: Stamp,
    association: &super::NewAssociation,
    prefer_new: bool,
) -> Result<()> {
    let resource_type = match id_of(tx, resource_types::named(&association.name)).await? {
        Some(known) => known,
        // Compat: types that come with a file are marked as the system's own.
        None => resource_types::create(tx, dialect, stamp, &association.name, true).await?,
    };
    if tx
        .query_one(&resource_types::between(id, resource_type))
        .await?
        .is_none()
    {
        resource_types::put(tx, dialect, id, resource_type, stamp, association).await?;
    } else if prefer_new {
        let update = Query::update()
            .table(resource_types::TABLE)
            .value("prefix", association.prefix.clone())
            .value("properties_target", association.properties_target.clone())
            .value("updated_at", dialect.time(now()))
            .and_where(Expr::col("namespace_id").eq(id))
            .and_where(Expr::col("resource_type_id").eq(resource_type))
            .to_owned();
        tx.execute(&update).await?;
    }
    Ok(())
}
