//! Walking through pages meets every image once, in any order and however many look alike.

use std::sync::Arc;

use proptest::{
    collection::vec,
    prelude::{ProptestConfig, Strategy, prop},
    prop_oneof, proptest,
    sample::select,
    strategy::Just,
};
use vidimus_db::{Direction, Error, ImageQuery, ImageRecord, NewImage, Scope, Sort, SortKey};
use vidimus_types::{ImageId, ImageStatus};

use crate::support::TestDb;

/// Columns of a row: few values, so that ties are common.
#[derive(Debug, Clone)]
struct Row {
    name: Option<&'static str>,
    disk_format: Option<&'static str>,
    size: Option<i64>,
    created: u8,
    updated: Option<u8>,
}

fn row() -> impl Strategy<Value = Row> {
    (
        select(vec![None, Some(""), Some("a"), Some("b"), Some("B")]),
        select(vec![None, Some(""), Some("raw")]),
        select(vec![None, Some(0), Some(9), Some(10)]),
        0..3u8,
        prop::option::of(0..2u8),
    )
        .prop_map(|(name, disk_format, size, created, updated)| Row {
            name,
            disk_format,
            size,
            created,
            updated,
        })
}

fn sort() -> impl Strategy<Value = Sort> {
    let direction = || select(vec![Direction::Ascending, Direction::Descending]);
    let keys = || vec(select(SortKey::ALL.to_vec()), 1..4);
    prop_oneof![
        1 => Just(Sort::default()),
        4 => (keys(), direction())
            .prop_map(|(keys, direction)| Sort::new(&keys, &[direction]).unwrap()),
        4 => keys().prop_flat_map(move |keys| {
            vec(direction(), keys.len())
                .prop_map(move |directions| Sort::new(&keys, &directions).unwrap())
        }),
    ]
}

async fn fill(test: &TestDb, rows: &[Row]) {
    for row in rows {
        let mut new = NewImage::new(ImageId::random(), Some("p".to_owned()));
        new.name = row.name.map(str::to_owned);
        new.disk_format = row.disk_format.map(str::to_owned);
        new.tags = vec!["t".to_owned()];
        test.images().create(&new).await.unwrap();
        let time = |tick: u8| format!("2026-01-01 00:00:00.00000{tick}");
        test.sql(
            "UPDATE images SET size = ?, created_at = ?, updated_at = ? WHERE id = ?",
            [
                row.size.into(),
                time(row.created).into(),
                row.updated.map(time).into(),
                new.id.as_str().into(),
            ],
        )
        .await;
    }
}

async fn walk(test: &TestDb, sort: &Sort, limit: u64) -> Vec<Arc<ImageRecord>> {
    let mut seen: Vec<Arc<ImageRecord>> = Vec::new();
    loop {
        let query = ImageQuery {
            sort: sort.clone(),
            limit: Some(limit),
            marker: seen.last().map(|image| image.id),
            ..ImageQuery::default()
        };
        let page = test
            .images()
            .list(&Scope::project("p"), &query)
            .await
            .unwrap();
        assert!(page.len() as u64 <= limit);
        if page.is_empty() {
            return seen;
        }
        seen.extend(page);
        assert!(seen.len() < 100, "the same images again and again");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn pages_add_up_to_the_whole_list(rows in vec(row(), 1..16), sorts in vec(sort(), 4), limit in 1..6u64) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let test = TestDb::new().await;
            fill(&test, &rows).await;
            for sort in &sorts {
                let whole = ImageQuery { sort: sort.clone(), ..ImageQuery::default() };
                let whole = test.images().list(&Scope::project("p"), &whole).await.unwrap();
                assert_eq!(whole.len(), rows.len());
                let walked = walk(&test, sort, limit).await;
                assert_eq!(walked, whole, "{sort:?}");
            }
        });
    }
}

#[tokio::test]
async fn newest_first_unless_told_otherwise() {
    let test = TestDb::new().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let new = NewImage::new(ImageId::random(), Some("p".to_owned()));
        ids.push(test.images().create(&new).await.unwrap().id);
    }
    ids.reverse();
    let listed: Vec<_> = walk(&test, &Sort::default(), 2)
        .await
        .iter()
        .map(|image| image.id)
        .collect();
    assert_eq!(listed, ids);
}

#[tokio::test]
async fn a_limit_of_nothing_gives_nothing() {
    let test = TestDb::new().await;
    test.active().await;
    let query = ImageQuery {
        limit: Some(0),
        ..ImageQuery::default()
    };
    let page = test.images().list(&Scope::admin(), &query).await.unwrap();
    assert!(page.is_empty());
}

#[tokio::test]
async fn markers_that_are_not_there() {
    let test = TestDb::new().await;
    let image = test.active().await;
    let list = async |scope: Scope, marker| {
        let query = ImageQuery {
            marker: Some(marker),
            ..ImageQuery::default()
        };
        test.images().list(&scope, &query).await
    };
    let unknown = ImageId::random();
    let error = list(Scope::admin(), unknown).await.unwrap_err();
    assert!(matches!(error, Error::MarkerNotFound(id) if id == unknown));

    test.images()
        .delete(&image.id, ImageStatus::Active, ImageStatus::Deleted)
        .await
        .unwrap();
    let error = list(Scope::project("p"), image.id).await.unwrap_err();
    assert!(matches!(error, Error::MarkerNotFound(_)), "{error}");
    assert!(list(Scope::admin(), image.id).await.unwrap().is_empty());
}
