//! Tables are Glance's tables, and only those of the right revision are worked with.

use std::fmt::Write;

use sea_orm::{ConnectionTrait, DatabaseConnection, QueryResult, Statement};
use vidimus_db::{Db, DbConfig, Error, ImageQuery, NewImage, SCHEMA_VERSION, Scope, Synced};
use vidimus_types::ImageId;

use crate::support::{TestDb, connect};

/// What `tests/fixtures/schema.py` prints, from here.
async fn facts(raw: &DatabaseConnection) -> String {
    let query = async |sql: String| {
        raw.query_all_raw(Statement::from_string(raw.get_database_backend(), sql))
            .await
            .unwrap()
    };
    let text = |row: &QueryResult, column: &str| row.try_get::<String>("", column).unwrap();
    let number = |row: &QueryResult, column: &str| row.try_get::<i64>("", column).unwrap();
    let mut out = String::new();
    let tables = query(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
            .to_owned(),
    )
    .await;
    for table in tables {
        let (name, sql) = (text(&table, "name"), text(&table, "sql"));
        writeln!(out, "table {name}").unwrap();
        for row in query(format!("PRAGMA table_info({name})")).await {
            let default: Option<String> = row.try_get("", "dflt_value").unwrap();
            writeln!(
                out,
                "  column {} {} {} required={} default={} key={}",
                number(&row, "cid"),
                text(&row, "name"),
                text(&row, "type"),
                number(&row, "notnull"),
                default.as_deref().unwrap_or("None"),
                number(&row, "pk")
            )
            .unwrap();
        }
        for row in query(format!("PRAGMA foreign_key_list({name})")).await {
            writeln!(
                out,
                "  foreign key {} {}({}) {} {} {}",
                text(&row, "from"),
                text(&row, "table"),
                text(&row, "to"),
                text(&row, "on_update"),
                text(&row, "on_delete"),
                text(&row, "match")
            )
            .unwrap();
        }
        let mut indexes = query(format!("PRAGMA index_list({name})")).await;
        indexes.retain(|row| !text(row, "name").starts_with("vidimus_"));
        indexes.sort_by_key(|row| text(row, "name"));
        for row in indexes {
            let index = text(&row, "name");
            let columns: Vec<_> = query(format!("PRAGMA index_info({index})"))
                .await
                .iter()
                .map(|row| text(row, "name"))
                .collect();
            writeln!(
                out,
                "  index {index}({}) unique={} origin={} partial={}",
                columns.join(","),
                number(&row, "unique"),
                text(&row, "origin"),
                number(&row, "partial")
            )
            .unwrap();
        }
        for part in sql.split("CONSTRAINT ").skip(1) {
            let constraint = part.split(' ').next().unwrap();
            writeln!(out, "  constraint {constraint}").unwrap();
        }
        for part in sql.split("CHECK (").skip(1) {
            let check = part.split("))").next().unwrap();
            writeln!(out, "  check {check})").unwrap();
        }
    }
    out
}

#[tokio::test]
async fn our_tables_are_those_of_glance() {
    let test = TestDb::new().await;
    let ours = facts(&test.raw).await;
    let glances = include_str!("../fixtures/glance-2024.1.txt");
    for (ours, glances) in ours.lines().zip(glances.lines()) {
        assert_eq!(ours, glances);
    }
    assert_eq!(ours.lines().count(), glances.lines().count());
    let version: Vec<String> = test
        .column("SELECT version_num AS x FROM alembic_version")
        .await;
    assert_eq!(version, ["2024_1_contract01"]);
}

#[tokio::test]
async fn a_database_of_glance_gets_our_indexes_when_it_is_told_to() {
    let test = TestDb::new().await;
    assert!(test.has_indexes().await.unwrap());
    let find = "SELECT name AS x FROM sqlite_master WHERE type = 'index' AND name LIKE 'vidimus%'";
    let ours: Vec<String> = test.column(find).await;
    assert_eq!(ours.len(), 6);
    for index in &ours {
        test.sql(&format!("DROP INDEX {index}"), []).await;
    }
    // What serves a site does not change its tables.
    assert_eq!(test.sync().await.unwrap(), Synced::UpToDate);
    assert!(!test.has_indexes().await.unwrap());
    let image = NewImage::new(ImageId::random(), Some("p".to_owned()));
    test.images().create(&image).await.unwrap();
    let page = ImageQuery {
        limit: Some(2),
        ..ImageQuery::default()
    };
    let listed = async |db: &Db| {
        let found = db.images().list(&Scope::project("p"), &page).await.unwrap();
        found.len()
    };
    assert_eq!(listed(&test).await, 1);
    let mut added = test.add_indexes().await.unwrap();
    added.sort_unstable();
    let mut expected = ours.clone();
    expected.sort_unstable();
    assert_eq!(added, expected);
    assert_eq!(test.add_indexes().await.unwrap(), Vec::<&str>::new());
    assert_eq!(listed(&test).await, 1);
}

#[tokio::test]
async fn syncing_again_finds_everything_done() {
    let test = TestDb::new().await;
    let image = NewImage::new(ImageId::random(), None);
    test.images().create(&image).await.unwrap();
    assert_eq!(test.sync().await.unwrap(), Synced::UpToDate);
    assert_eq!(
        test.version().await.unwrap().as_deref(),
        Some(SCHEMA_VERSION)
    );
    test.images().get(&Scope::admin(), &image.id).await.unwrap();
}

#[tokio::test]
async fn of_several_that_sync_at_once_one_creates() {
    let test = TestDb::without_tables().await;
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let url = test.url.clone();
        tasks.push(tokio::spawn(async move {
            let db = connect(&url).await;
            let synced = db.sync().await.unwrap();
            db.close().await.unwrap();
            synced
        }));
    }
    let mut created = 0;
    for task in tasks {
        created += usize::from(task.await.unwrap() == Synced::Created);
    }
    assert_eq!(created, 1);
}

#[tokio::test]
async fn a_database_of_another_revision_is_refused_and_left_alone() {
    let test = TestDb::new().await;
    for (found, is_old) in [("2023_1_contract01", true), ("2027_1_contract01", false)] {
        test.sql("UPDATE alembic_version SET version_num = ?", [found.into()])
            .await;
        match test.sync().await.unwrap_err() {
            Error::OldSchema {
                found: said,
                expected,
            } if is_old => assert_eq!((said.as_str(), expected), (found, SCHEMA_VERSION)),
            Error::UnknownSchema { found: said, .. } if !is_old => assert_eq!(said, found),
            other => panic!("{found}: {other}"),
        }
        assert_eq!(test.version().await.unwrap().as_deref(), Some(found));
    }
}

#[tokio::test]
async fn tables_without_a_revision_are_not_taken_for_an_empty_database() {
    let test = TestDb::new().await;
    test.sql("DROP TABLE alembic_version", []).await;
    assert_eq!(test.version().await.unwrap(), None);
    let error = test.sync().await.unwrap_err();
    assert!(
        matches!(&error, Error::OldSchema { found, .. } if found == "none"),
        "{error}"
    );
}

#[tokio::test]
async fn a_database_in_memory_works_until_it_is_closed() {
    let db = Db::connect(&DbConfig {
        url: "sqlite://".to_owned(),
        max_connections: 8,
    })
    .await
    .unwrap();
    assert_eq!(db.sync().await.unwrap(), Synced::Created);
    db.ping().await.unwrap();
    let mut tasks = Vec::new();
    for _ in 0..20 {
        let db = db.clone();
        tasks.push(tokio::spawn(async move {
            let new = NewImage::new(ImageId::random(), None);
            db.images().create(&new).await.unwrap();
            db.images().get(&Scope::admin(), &new.id).await.unwrap();
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let all = db
        .images()
        .list(&Scope::admin(), &ImageQuery::default())
        .await
        .unwrap();
    assert_eq!(all.len(), 20);
    db.close().await.unwrap();
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing/glance.db");
    let error = Db::connect(&DbConfig {
        url: format!("sqlite:///{}", path.display()),
        max_connections: 1,
    })
    .await
    .unwrap_err();
    assert!(
        matches!(&error, Error::Open { path: named, .. } if *named == path),
        "{error}"
    );
}
