//! What objects, properties and tags have in common: rows of a table of theirs, with names that are unique in a namespace.

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, QueryResult,
    sea_query::{DeleteStatement, Expr, ExprTrait, IntoColumnRef, Query, SelectStatement},
};

use super::{MetadefKind, Metadefs, NamespaceRecord, Stamp, delete_all, id_of};
use crate::{Error, Result};

/// A kind of thing that lies in namespaces.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) table: &'static str,
    kind: MetadefKind,
}

pub(super) const OBJECTS: Part = Part {
    table: "metadef_objects",
    kind: MetadefKind::Object,
};
pub(super) const PROPERTIES: Part = Part {
    table: "metadef_properties",
    kind: MetadefKind::Property,
};
pub(super) const TAGS: Part = Part {
    table: "metadef_tags",
    kind: MetadefKind::Tag,
};

impl Part {
    /// The rows of a namespace.
    pub(super) fn select<const N: usize>(
        self,
        namespace: i32,
        columns: [&'static str; N],
    ) -> SelectStatement {
        Query::select()
            .columns(columns.map(IntoColumnRef::into_column_ref))
            .from(self.table)
            .and_where(Expr::col("namespace_id").eq(namespace))
            .to_owned()
    }

    /// The number of the row of this name.
    pub(super) async fn find(
        self,
        conn: &impl ConnectionTrait,
        namespace: i32,
        name: &str,
    ) -> Result<Option<i32>> {
        let select = self
            .select(namespace, ["id"])
            .and_where(Expr::col("name").eq(name))
            .to_owned();
        id_of(conn, select).await
    }

    /// Makes sure that a name is not taken.
    pub(super) async fn require_free(
        self,
        conn: &impl ConnectionTrait,
        namespace: i32,
        name: &str,
    ) -> Result<()> {
        match self.find(conn, namespace, name).await? {
            None => Ok(()),
            Some(_) => Err(self.duplicate(name)),
        }
    }

    /// The number of the row that is to be called `new_name`, if nothing else is.
    pub(super) async fn find_to_rename(
        self,
        conn: &impl ConnectionTrait,
        namespace: i32,
        name: &str,
        new_name: &str,
    ) -> Result<i32> {
        let found = self.find(conn, namespace, name).await?;
        let row = found.ok_or(Error::MetadefNotFound(self.kind))?;
        match self.find(conn, namespace, new_name).await? {
            Some(other) if other != row => Err(self.duplicate(new_name)),
            _ => Ok(row),
        }
    }

    /// All rows of a namespace, to be deleted.
    pub(super) fn delete(self, namespace: i32) -> DeleteStatement {
        delete_all(self.table, namespace)
    }

    fn duplicate(self, name: &str) -> Error {
        Error::MetadefDuplicate {
            kind: self.kind,
            name: name.to_owned(),
        }
    }
}

impl Metadefs<'_> {
    /// The one row of this name among those of `select`.
    pub(super) async fn get<T>(
        &self,
        part: Part,
        select: SelectStatement,
        name: &str,
        read: impl Fn(&QueryResult) -> Result<T>,
    ) -> Result<T> {
        let select = select
            .clone()
            .and_where(Expr::col("name").eq(name))
            .to_owned();
        match self.db.inner.readers.query_one(&select).await? {
            Some(row) => read(&row),
            None => Err(Error::MetadefNotFound(part.kind)),
        }
    }

    /// Puts something into a namespace that is still there; answers when.
    pub(super) async fn add(
        &self,
        namespace: &NamespaceRecord,
        put: impl AsyncFnOnce(&DatabaseTransaction, Stamp) -> Result<()>,
    ) -> Result<DateTime<Utc>> {
        let tx = self.db.write().await?;
        self.require_there(&tx, namespace).await?;
        let stamp = Stamp::now();
        put(&tx, stamp).await?;
        tx.commit().await?;
        Ok(stamp.at)
    }

    /// Takes a row out of a namespace that allows it.
    pub(super) async fn remove(
        &self,
        part: Part,
        namespace: &NamespaceRecord,
        name: &str,
    ) -> Result<()> {
        let tx = self.db.write().await?;
        // The row before the protection: who asks for what is not there is told so.
        let found = part.find(&tx, namespace.id, name).await?;
        let row = found.ok_or(Error::MetadefNotFound(part.kind))?;
        self.require_open(&tx, namespace).await?;
        let delete = part
            .delete(namespace.id)
            .and_where(Expr::col("id").eq(row))
            .to_owned();
        tx.execute(&delete).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Empties a table as far as it belongs to a namespace that allows it.
    pub(super) async fn clear(&self, part: Part, namespace: &NamespaceRecord) -> Result<()> {
        let tx = self.db.write().await?;
        self.require_open(&tx, namespace).await?;
        tx.execute(&part.delete(namespace.id)).await?;
        tx.commit().await?;
        Ok(())
    }
}
