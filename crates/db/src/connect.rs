//! Finds the database a URL names and opens it so that nothing acknowledged is ever lost.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sea_orm::{
    DatabaseConnection, SqlxSqliteConnector,
    sqlx::{
        ConnectOptions, Connection, SqlitePool,
        sqlite::{
            SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions,
            SqliteSynchronous,
        },
    },
};

use crate::{Db, Error, Inner, Result, dialect::Dialect, direct::Readers};

/// How long a write waits for another process's write, such as a running `glance-manage db purge`.
const BUSY_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a caller waits for a connection.
pub(crate) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);

/// KiB of pages each connection of the driver keeps. There are several, and pages of images are read by others.
const PAGES_KIB: u32 = 512;

/// Statements each connection of the driver keeps prepared. One takes some ten KiB.
const STATEMENTS: usize = 32;

/// Where the database is.
#[derive(Clone)]
pub struct DbConfig {
    /// SQLAlchemy's form, as `[database] connection` holds it: `sqlite:////an/absolute/path`, `sqlite:///a/relative/one`,
    /// or `sqlite://` for a database in memory that is gone when it is closed.
    pub url: String,
    /// How many queries may run at the same time; writing has one more connection of its own.
    pub max_connections: u32,
}

impl std::fmt::Debug for DbConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // URLs of other databases hold passwords, and a wrong one gets into logs most easily.
        f.debug_struct("DbConfig")
            .field("url", &scheme(&self.url))
            .field("max_connections", &self.max_connections)
            .finish()
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Place {
    Memory,
    File(PathBuf),
}

impl Db {
    /// Opens the database, making the file if there is none. The tables are [`sync`](Self::sync)'s business.
    pub async fn connect(config: &DbConfig) -> Result<Self> {
        let inner = match parse(&config.url)? {
            Place::Memory => {
                let only = open_memory().await?;
                Inner {
                    dialect: Dialect::Sqlite,
                    readers: only.clone(),
                    writer: only,
                    direct: None,
                    file: None,
                }
            }
            Place::File(path) => {
                let (writer, readers) =
                    open_file(&path, config.max_connections)
                        .await
                        .map_err(|source| Error::Open {
                            path: path.clone(),
                            source: source.into(),
                        })?;
                let direct = Readers::open(&path, config.max_connections, BUSY_TIMEOUT)?;
                Inner {
                    dialect: Dialect::Sqlite,
                    writer,
                    readers,
                    direct: Some(Arc::new(direct)),
                    file: Some(path),
                }
            }
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }
}

fn scheme(url: &str) -> String {
    let scheme = url.split_once("://").map_or("none", |(scheme, _)| scheme);
    scheme.chars().take(40).collect()
}

fn parse(url: &str) -> Result<Place> {
    let unsupported = |reason| Error::UnsupportedUrl {
        scheme: scheme(url),
        reason,
    };
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err(unsupported("does not look like `sqlite:////path`"));
    };
    // `+driver` says which Python package is to be used, which is nothing to us.
    if scheme.split('+').next() != Some("sqlite") {
        return Err(unsupported("is not supported; only `sqlite` is"));
    }
    // Options are for the Python driver too: timeouts and threads.
    let rest = rest.split_once('?').map_or(rest, |(path, _)| path);
    match rest.strip_prefix('/') {
        None if rest.is_empty() => Ok(Place::Memory),
        None => Err(unsupported(
            "must not name a host: three slashes start a relative path, four an absolute one",
        )),
        Some("" | ":memory:") => Ok(Place::Memory),
        Some(path) if path.starts_with("file:") => {
            Err(unsupported("must hold a path and not a `file:` URI"))
        }
        Some(path) => Ok(Place::File(PathBuf::from(path))),
    }
}

/// What every connection is set to.
fn options() -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .busy_timeout(BUSY_TIMEOUT)
        // Compat: Glance switches foreign keys on for each of its connections (`sqlite_fk`).
        .foreign_keys(true)
        // In WAL mode NORMAL loses the last transactions when the power fails. A client that was told `201 Created`
        // must find its image again.
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", format!("-{PAGES_KIB}"))
        .statement_cache_capacity(STATEMENTS)
        .disable_statement_logging()
}

async fn open_file(
    path: &Path,
    max_connections: u32,
) -> Result<(DatabaseConnection, DatabaseConnection), sea_orm::sqlx::Error> {
    // One connection writes. Writers queue up in this process, in order and without polling, instead of at the file's lock.
    let writer = pool()
        .max_connections(1)
        .connect_with(
            options()
                .filename(path)
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal),
        )
        .await?;
    let readers = pool()
        .max_connections(max_connections.max(1))
        .connect_with(options().filename(path).pragma("query_only", "ON"))
        .await?;
    Ok((connection(writer), connection(readers)))
}

async fn open_memory() -> Result<DatabaseConnection> {
    // A database in memory lives and dies with its one connection.
    let only = SqlitePoolOptions::new()
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .min_connections(1)
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options().in_memory(true))
        .await
        .map_err(|source| Error::Open {
            path: ":memory:".into(),
            source: source.into(),
        })?;
    Ok(connection(only))
}

fn pool() -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .after_release(|conn, _| Box::pin(is_clean(conn)))
}

/// Whether a connection may be used again.
///
/// After some failures, a full disk among them, SQLite has rolled back by itself, and the driver, whose own rollback then
/// fails, goes on counting a transaction that is not there: the next one would be a savepoint without a write lock.
async fn is_clean(conn: &mut SqliteConnection) -> Result<bool, sea_orm::sqlx::Error> {
    // Rollbacks of dropped transactions are carried out in the background, before the answer to this.
    conn.ping().await?;
    Ok(!conn.is_in_transaction())
}

fn connection(pool: SqlitePool) -> DatabaseConnection {
    SqlxSqliteConnector::from_sqlx_sqlite_pool(pool)
}

/// Makes the file's name as lasting as its content.
///
/// SQLite does so for its journals but not for the database itself.
pub(crate) async fn sync_folder(file: &Path) -> Result<()> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| Error::Open {
        path: file.to_owned(),
        source,
    };
    tokio::task::spawn_blocking(move || std::fs::File::open(folder)?.sync_all())
        .await
        .map_err(|source| failed(source.into()))?
        .map_err(|source| failed(source.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_urls_as_sqlalchemy_does() {
        let file = |path: &str| Place::File(path.into());
        for (url, place) in [
            ("sqlite://", Place::Memory),
            ("sqlite:///", Place::Memory),
            ("sqlite:///:memory:", Place::Memory),
            ("sqlite:///glance.db", file("glance.db")),
            ("sqlite:///a/glance.db", file("a/glance.db")),
            ("sqlite:////var/glance.db", file("/var/glance.db")),
            ("sqlite+pysqlite:////var/glance.db", file("/var/glance.db")),
            (
                "sqlite:////var/glance.db?timeout=30",
                file("/var/glance.db"),
            ),
            ("sqlite:////var/a%20b.db", file("/var/a%20b.db")),
        ] {
            assert_eq!(parse(url).unwrap(), place, "{url}");
        }
    }

    #[test]
    fn refuses_other_databases_without_telling_the_password() {
        for url in [
            "mysql+pymysql://glance:hunter2@db/glance?charset=utf8",
            "postgresql://glance:hunter2@db/glance",
            "sqlite://hunter2/glance.db",
            "sqlite:///file:hunter2?mode=ro&uri=true",
            "hunter2",
            "",
        ] {
            let error = parse(url).unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(matches!(error, Error::UnsupportedUrl { .. }), "{url}");
            assert!(!text.contains("hunter2"), "{text}");
            let config = DbConfig {
                url: url.to_owned(),
                max_connections: 1,
            };
            assert!(!format!("{config:?}").contains("hunter2"), "{config:?}");
        }
    }

    #[tokio::test]
    async fn every_acknowledged_write_is_on_disk() {
        use sea_orm::{ConnectionTrait, Statement};

        let folder = tempfile::tempdir().unwrap();
        let db = Db::connect(&DbConfig {
            url: format!("sqlite:///{}", folder.path().join("glance.db").display()),
            max_connections: 1,
        })
        .await
        .unwrap();
        let pragma = async |conn: &DatabaseConnection, name: &str| -> String {
            let sql = format!("SELECT CAST({name} AS TEXT) AS x FROM pragma_{name}");
            let ask = Statement::from_string(conn.get_database_backend(), sql);
            let row = conn.query_one_raw(ask).await.unwrap().unwrap();
            row.try_get("", "x").unwrap()
        };
        for (name, value) in [
            ("journal_mode", "wal"),
            // FULL
            ("synchronous", "2"),
            ("foreign_keys", "1"),
            ("query_only", "0"),
        ] {
            assert_eq!(pragma(&db.inner.writer, name).await, value, "{name}");
        }
        assert_eq!(pragma(&db.inner.readers, "query_only").await, "1");
    }

    #[tokio::test]
    async fn a_full_disk_is_said_and_survived() {
        use sea_orm::ConnectionTrait;
        use vidimus_types::{ImageId, ImageStatus};

        let folder = tempfile::tempdir().unwrap();
        let db = Db::connect(&DbConfig {
            url: format!("sqlite:///{}", folder.path().join("glance.db").display()),
            max_connections: 1,
        })
        .await
        .unwrap();
        db.sync().await.unwrap();
        let image = crate::NewImage::new(ImageId::random(), None);
        db.images().create(&image).await.unwrap();
        let large = crate::ImageChanges {
            set_properties: vec![("p".to_owned(), Some("v".repeat(1 << 20)))],
            ..crate::ImageChanges::default()
        };
        let update = async || {
            let images = db.images();
            images.update(&image.id, ImageStatus::Queued, &large).await
        };
        let limit = async |pages: u32| {
            let pragma = format!("PRAGMA max_page_count = {pages}");
            db.inner.writer.execute_unprepared(&pragma).await.unwrap();
        };
        limit(100).await;
        let error = update().await.unwrap_err();
        assert!(matches!(error, Error::StorageFull(_)), "{error:?}");
        let before = db.images().get(&crate::Scope::admin(), &image.id).await;
        assert!(before.unwrap().properties.is_empty());
        limit(1_000_000).await;
        assert_eq!(update().await.unwrap().properties.len(), 1);
    }

    #[tokio::test]
    async fn writers_keep_others_out_even_after_a_rollback_nobody_asked_for() {
        use sea_orm::ConnectionTrait;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("glance.db");
        let db = Db::connect(&DbConfig {
            url: format!("sqlite:///{}", path.display()),
            max_connections: 1,
        })
        .await
        .unwrap();
        let hasty = options().filename(&path).busy_timeout(Duration::ZERO);
        let other = connection(pool().connect_with(hasty).await.unwrap());

        let tx = db.write().await.unwrap();
        // As SQLite does by itself when it cannot go on.
        tx.execute_unprepared("ROLLBACK").await.unwrap();
        drop(tx);

        let tx = db.write().await.unwrap();
        let error = other.execute_unprepared("BEGIN IMMEDIATE").await;
        let error = Error::from(error.unwrap_err());
        assert!(matches!(error, Error::Busy(_)), "{error:?}");
        tx.rollback().await.unwrap();
        other.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    }
}
