//! A database in a folder of its own, and a side door into it.

use chrono::Utc;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement, TryGetable, Value};
use tempfile::TempDir;
use vidimus_db::{Db, DbConfig, ImageRecord, LocationRecord, NewImage, Since, Synced, UploadFacts};
use vidimus_types::{ImageId, ImageStatus};

pub(crate) struct TestDb {
    pub(crate) db: Db,
    pub(crate) url: String,
    pub(crate) raw: DatabaseConnection,
    _folder: TempDir,
}

impl std::ops::Deref for TestDb {
    type Target = Db;

    fn deref(&self) -> &Db {
        &self.db
    }
}

impl TestDb {
    pub(crate) async fn new() -> Self {
        let test = Self::without_tables().await;
        assert_eq!(test.db.sync().await.unwrap(), Synced::Created);
        test
    }

    pub(crate) async fn without_tables() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("glance.db");
        let url = format!("sqlite:///{}", path.display());
        let db = connect(&url).await;
        // sqlx counts slashes differently from SQLAlchemy.
        let raw = Database::connect(format!("sqlite://{}", path.display()))
            .await
            .unwrap();
        Self {
            db,
            url,
            raw,
            _folder: folder,
        }
    }

    /// All locations whose data waits to be removed, without those of images that can be restored.
    pub(crate) async fn pending(&self) -> Vec<(ImageId, LocationRecord)> {
        let now = Utc::now();
        let since = Since {
            images: now,
            copies: now,
        };
        self.db.locations().pending(&since).await.unwrap()
    }

    /// Runs SQL behind the crate's back.
    pub(crate) async fn sql(&self, sql: &str, values: impl IntoIterator<Item = Value>) {
        let backend = self.raw.get_database_backend();
        self.raw
            .execute_raw(Statement::from_sql_and_values(backend, sql, values))
            .await
            .unwrap();
    }

    /// The first column, named `x`, of what SQL finds.
    pub(crate) async fn column<T: TryGetable>(&self, sql: &str) -> Vec<T> {
        let backend = self.raw.get_database_backend();
        self.raw
            .query_all_raw(Statement::from_string(backend, sql))
            .await
            .unwrap()
            .iter()
            .map(|row| row.try_get("", "x").unwrap())
            .collect()
    }

    pub(crate) async fn member(&self, image: &ImageId, member: &str, status: &str) {
        self.sql(
            "INSERT INTO image_members (image_id, member, can_share, created_at, updated_at, deleted, status)
             VALUES (?, ?, 0, '2026-01-01 00:00:00.000000', '2026-01-01 00:00:00.000000', 0, ?)",
            [image.as_str().into(), member.into(), status.into()],
        )
        .await;
    }

    /// An image with data.
    pub(crate) async fn active(&self) -> ImageRecord {
        let new = NewImage::new(ImageId::random(), Some("p".to_owned()));
        self.images().create(&new).await.unwrap();
        let images = self.images();
        assert!(
            images
                .transition(&new.id, ImageStatus::Queued, ImageStatus::Saving)
                .await
                .unwrap()
        );
        images
            .commit_upload(&new.id, &facts("one"), None)
            .await
            .unwrap()
    }
}

pub(crate) async fn connect(url: &str) -> Db {
    Db::connect(&DbConfig {
        url: url.to_owned(),
        max_connections: 4,
    })
    .await
    .unwrap()
}

pub(crate) fn facts(store: &str) -> UploadFacts {
    let mut metadata = serde_json::Map::new();
    metadata.insert("store".to_owned(), store.into());
    UploadFacts {
        size: 5_000_000_000,
        checksum: "d41d8cd98f00b204e9800998ecf8427e".to_owned(),
        os_hash_algo: "sha512".to_owned(),
        os_hash_value: "cf83e1357eefb8bd".to_owned(),
        virtual_size: Some(1 << 40),
        url: "file:///images/one".to_owned(),
        metadata,
    }
}
