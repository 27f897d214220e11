//! Makes Glance's tables in an empty database and recognises them in one that Glance made.
//!
//! Revisions are kept where Glance's own migrations keep them, in `alembic_version`, so either side knows where the
//! other left off. Bringing an older database up to date is left to Glance: that happens once, with Glance still there.

pub(crate) mod indexes;
pub(crate) mod tables;

use sea_orm::{
    ConnectionTrait, Statement,
    sea_query::{Expr, Query},
};
use tracing::info;

use crate::{Db, Error, Result, connect, dialect::Dialect};

/// The revision of the tables, as Glance 2024.1 (28.0.0) and all later ones up to 33.0.0 call it.
pub const SCHEMA_VERSION: &str = "2024_1_contract01";

/// Revisions a Glance of earlier days may have left behind.
const OLDER_VERSIONS: &[&str] = &[
    "liberty",
    "mitaka01",
    "mitaka02",
    "ocata01",
    "ocata_expand01",
    "ocata_contract01",
    "pike01",
    "pike_expand01",
    "pike_contract01",
    "queens_expand01",
    "queens_contract01",
    "rocky_expand01",
    "rocky_expand02",
    "rocky_contract01",
    "rocky_contract02",
    "train_expand01",
    "train_contract01",
    "ussuri_expand01",
    "ussuri_contract01",
    "wallaby_expand01",
    "wallaby_contract01",
    "xena_expand01",
    "xena_contract01",
    "yoga_expand01",
    "yoga_contract01",
    "zed_expand01",
    "zed_contract01",
    "2023_1_expand01",
    "2023_1_contract01",
    // Expanded but not yet contracted.
    "2024_1_expand01",
];

/// What [`Db::sync`] found to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synced {
    /// The database was empty; now it has its tables.
    Created,
    /// The tables were there, at the right revision.
    UpToDate,
}

impl Db {
    /// Makes sure that the tables are there, in the one revision this program works with.
    ///
    /// Two programs doing this at the same time is fine: one of them creates, the other finds. When this returns, the
    /// tables will outlive a power failure.
    pub async fn sync(&self) -> Result<Synced> {
        let tx = self.write().await?;
        if let Some(found) = version(&tx, self.dialect()).await? {
            check(found)?;
            tx.rollback().await?;
            self.note_indexes().await?;
            return Ok(Synced::UpToDate);
        }
        if has_table(&tx, self.dialect(), "images").await? {
            return Err(Error::OldSchema {
                found: "none".to_owned(),
                expected: SCHEMA_VERSION,
            });
        }
        for table in tables::TABLES {
            for statement in self.dialect().create_table(table) {
                tx.execute_unprepared(&statement).await?;
            }
        }
        indexes::add(&tx, self.dialect()).await?;
        let insert = Query::insert()
            .into_table("alembic_version")
            .columns(["version_num"])
            .values_panic([SCHEMA_VERSION.into()])
            .to_owned();
        tx.execute(&insert).await?;
        tx.commit().await?;
        if let Some(file) = &self.inner.file {
            connect::sync_folder(file).await?;
        }
        self.note_indexes().await?;
        info!(version = SCHEMA_VERSION, "made the database tables");
        Ok(Synced::Created)
    }

    /// The revision the database is at, or `None` where there is none.
    ///
    /// A database in the middle of an upgrade is at several; they are joined with commas.
    pub async fn version(&self) -> Result<Option<String>> {
        version(&self.inner.readers, self.dialect()).await
    }
}

fn check(found: String) -> Result<()> {
    if found == SCHEMA_VERSION {
        return Ok(());
    }
    let expected = SCHEMA_VERSION;
    let is_older = found
        .split(',')
        .all(|version| version == expected || OLDER_VERSIONS.contains(&version));
    Err(if is_older {
        Error::OldSchema { found, expected }
    } else {
        Error::UnknownSchema { found, expected }
    })
}

async fn version(conn: &impl ConnectionTrait, dialect: Dialect) -> Result<Option<String>> {
    if !has_table(conn, dialect, "alembic_version").await? {
        return Ok(None);
    }
    let select = Query::select()
        .column("version_num")
        .from("alembic_version")
        .order_by_expr(Expr::col("version_num"), sea_orm::Order::Asc)
        .to_owned();
    let rows = conn.query_all(&select).await?;
    let versions: Vec<String> = rows
        .iter()
        .map(|row| row.try_get("", "version_num"))
        .collect::<Result<_, _>>()?;
    // Alembic leaves its table behind, empty, when an upgrade of an empty database fails.
    Ok((!versions.is_empty()).then(|| versions.join(",")))
}

async fn has_table(conn: &impl ConnectionTrait, dialect: Dialect, table: &str) -> Result<bool> {
    let ask: Statement = dialect.find_table(table);
    Ok(conn.query_one_raw(ask).await?.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_old_revisions_from_unknown_ones() {
        assert!(check(SCHEMA_VERSION.to_owned()).is_ok());
        for old in ["zed_contract01", "2023_1_contract01,2024_1_expand01"] {
            assert!(
                matches!(check(old.to_owned()), Err(Error::OldSchema { .. })),
                "{old}"
            );
        }
        for unknown in ["2027_1_contract01", "zed_contract01,2027_1_expand01"] {
            assert!(
                matches!(check(unknown.to_owned()), Err(Error::UnknownSchema { .. })),
                "{unknown}"
            );
        }
    }

    #[test]
    fn an_old_schema_says_what_to_do() {
        let error = check("yoga_contract01".to_owned()).unwrap_err().to_string();
        assert!(error.contains("yoga_contract01"), "{error}");
        assert!(error.contains("glance-manage db sync"), "{error}");
    }
}
