//! Each filter lets through what it should and nothing else.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use vidimus_db::{
    Comparison, ImageQuery, NewImage, NumberColumn, NumberFilter, Scope, TimeColumn, TimeFilter,
    WordColumn, WordFilter,
};
use vidimus_types::{ImageId, ImageStatus, Visibility};

use crate::support::{TestDb, facts};

/// As a whole list and as a page, which are found in different ways.
async fn check(test: &TestDb, query: ImageQuery, expected: &[&str]) {
    let expected: BTreeSet<String> = expected.iter().map(|name| (*name).to_owned()).collect();
    for limit in [None, Some(100)] {
        let query = ImageQuery {
            limit,
            ..query.clone()
        };
        let found: BTreeSet<String> = test
            .images()
            .list(&Scope::admin(), &query)
            .await
            .unwrap()
            .into_iter()
            .map(|image| image.name.clone().unwrap_or_else(|| "(none)".to_owned()))
            .collect();
        assert_eq!(found, expected, "{query:?}");
    }
}

fn word(column: WordColumn, values: &[&str]) -> ImageQuery {
    ImageQuery {
        words: vec![WordFilter {
            column,
            any_of: values.iter().map(|value| (*value).to_owned()).collect(),
        }],
        ..ImageQuery::default()
    }
}

fn number(column: NumberColumn, comparison: Comparison, value: i64) -> ImageQuery {
    ImageQuery {
        numbers: vec![NumberFilter {
            column,
            comparison,
            value,
        }],
        ..ImageQuery::default()
    }
}

/// `full`: active, everything set. `bare`: queued, nothing set. Nameless: queued, only formats.
async fn sample() -> (TestDb, [ImageId; 3]) {
    let test = TestDb::new().await;
    let ids = [ImageId::random(), ImageId::random(), ImageId::random()];
    let mut full = NewImage::new(ids[0], Some("p".to_owned()));
    full.name = Some("full".to_owned());
    full.disk_format = Some("qcow2".to_owned());
    full.container_format = Some("bare".to_owned());
    full.visibility = Visibility::Public;
    full.min_disk = 10;
    full.min_ram = 2048;
    full.protected = true;
    full.tags = vec!["a".to_owned(), "b".to_owned()];
    full.properties = vec![
        ("os".to_owned(), Some("linux".to_owned())),
        ("empty".to_owned(), Some(String::new())),
    ];
    test.images().create(&full).await.unwrap();
    test.images()
        .transition(&ids[0], ImageStatus::Queued, ImageStatus::Saving)
        .await
        .unwrap();
    test.images()
        .commit_upload(&ids[0], &facts("one"), None)
        .await
        .unwrap();
    let mut bare = NewImage::new(ids[1], None);
    bare.name = Some("bare".to_owned());
    bare.tags = vec!["a".to_owned()];
    test.images().create(&bare).await.unwrap();
    let mut nameless = NewImage::new(ids[2], Some("q".to_owned()));
    nameless.disk_format = Some("raw".to_owned());
    nameless.container_format = Some("bare".to_owned());
    nameless.properties = vec![("os".to_owned(), Some("bsd".to_owned()))];
    test.images().create(&nameless).await.unwrap();
    (test, ids)
}

#[tokio::test]
async fn times_of_change_are_found_however_late_the_change_was() {
    use Comparison::{AtLeast, AtMost, Equal, Greater, Less};
    let (test, ids) = sample().await;
    for (id, updated_at) in [
        (ids[0], "2026-01-01 00:00:01"),
        (ids[1], "2026-03-01 12:00:00"),
    ] {
        test.sql(
            "UPDATE images SET created_at = '2026-01-01 00:00:00.000000', updated_at = ? WHERE id = ?",
            [format!("{updated_at}.000000").into(), id.as_str().into()],
        )
        .await;
    }
    test.sql(
        "UPDATE images SET created_at = '2026-02-01 00:00:00.000000', updated_at = NULL WHERE id = ?",
        [ids[2].as_str().into()],
    )
    .await;
    let changed = |comparison, text: &str| {
        let value: DateTime<Utc> = text.parse().unwrap();
        ImageQuery {
            times: vec![TimeFilter {
                column: TimeColumn::UpdatedAt,
                comparison,
                value,
            }],
            ..ImageQuery::default()
        }
    };
    for (comparison, time, expected) in [
        (AtMost, "9999-12-31T23:59:59Z", &["full", "bare"][..]),
        (Less, "9999-12-31T23:59:59-01:00", &["full", "bare"]),
        (AtMost, "2026-03-01T12:00:00Z", &["full", "bare"]),
        (Less, "2026-03-01T12:00:00Z", &["full"]),
        (Greater, "2026-01-01T00:00:01Z", &["bare"]),
        (AtLeast, "2026-01-01T00:00:01Z", &["full", "bare"]),
        (Equal, "2026-03-01T12:00:00Z", &["bare"]),
        (Greater, "9999-12-31T23:59:59Z", &[]),
    ] {
        check(&test, changed(comparison, time), expected).await;
    }
}

#[tokio::test]
async fn words_are_compared_exactly() {
    let (test, ids) = sample().await;
    check(&test, ImageQuery::default(), &["full", "bare", "(none)"]).await;
    check(&test, word(WordColumn::Name, &["full"]), &["full"]).await;
    check(
        &test,
        word(WordColumn::Name, &["Full", "ful", "%", ""]),
        &[],
    )
    .await;
    check(
        &test,
        word(WordColumn::Name, &["full", "bare", "x"]),
        &["full", "bare"],
    )
    .await;
    check(&test, word(WordColumn::Name, &[]), &[]).await;
    check(&test, word(WordColumn::Name, &["' OR 1=1 --"]), &[]).await;
    check(&test, word(WordColumn::Id, &[ids[1].as_str()]), &["bare"]).await;
    check(
        &test,
        word(WordColumn::Status, &["queued"]),
        &["bare", "(none)"],
    )
    .await;
    check(&test, word(WordColumn::Status, &["deleted"]), &[]).await;
    check(
        &test,
        word(WordColumn::DiskFormat, &["qcow2", "raw"]),
        &["full", "(none)"],
    )
    .await;
    check(
        &test,
        word(WordColumn::ContainerFormat, &["bare"]),
        &["full", "(none)"],
    )
    .await;
    let facts = facts("one");
    check(
        &test,
        word(WordColumn::Checksum, &[&facts.checksum]),
        &["full"],
    )
    .await;
    check(&test, word(WordColumn::OsHashAlgo, &["sha512"]), &["full"]).await;
    check(
        &test,
        word(WordColumn::OsHashValue, &[&facts.os_hash_value]),
        &["full"],
    )
    .await;
    check(&test, word(WordColumn::Owner, &["q"]), &["(none)"]).await;
    let mut both = word(WordColumn::ContainerFormat, &["bare"]);
    both.words
        .push(WordFilter::eq(WordColumn::DiskFormat, "raw"));
    check(&test, both, &["(none)"]).await;
}

#[tokio::test]
async fn numbers_are_compared_as_numbers() {
    use Comparison::{AtLeast, AtMost, Equal};
    let (test, _) = sample().await;
    let size = 5_000_000_000;
    for (query, expected) in [
        (number(NumberColumn::Size, AtLeast, size), &["full"][..]),
        (number(NumberColumn::Size, AtLeast, size + 1), &[]),
        (number(NumberColumn::Size, AtMost, size), &["full"]),
        (number(NumberColumn::Size, AtMost, 9), &[]),
        (number(NumberColumn::Size, Equal, size), &["full"]),
        (number(NumberColumn::VirtualSize, Equal, 1 << 40), &["full"]),
        (number(NumberColumn::MinRam, AtLeast, 1), &["full"]),
        (number(NumberColumn::MinRam, AtMost, 0), &["bare", "(none)"]),
        (number(NumberColumn::MinDisk, Equal, 10), &["full"]),
        (number(NumberColumn::MinDisk, AtLeast, 2), &["full"]),
    ] {
        check(&test, query, expected).await;
    }
}

#[tokio::test]
async fn flags_tags_and_properties_are_all_required() {
    let (test, ids) = sample().await;
    let protected = |protected| ImageQuery {
        protected: Some(protected),
        ..ImageQuery::default()
    };
    check(&test, protected(true), &["full"]).await;
    check(&test, protected(false), &["bare", "(none)"]).await;

    let tags = |tags: &[&str]| ImageQuery {
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        ..ImageQuery::default()
    };
    check(&test, tags(&["a"]), &["full", "bare"]).await;
    check(&test, tags(&["a", "b"]), &["full"]).await;
    check(&test, tags(&["a", "c"]), &[]).await;
    check(&test, tags(&["A"]), &[]).await;
    assert!(test.tags().remove(&ids[0], "b").await.unwrap());
    check(&test, tags(&["a", "b"]), &[]).await;

    let properties = |pairs: &[(&str, &str)]| ImageQuery {
        properties: pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..ImageQuery::default()
    };
    check(&test, properties(&[("os", "linux")]), &["full"]).await;
    check(
        &test,
        properties(&[("os", "linux"), ("empty", "")]),
        &["full"],
    )
    .await;
    check(&test, properties(&[("os", "linux"), ("os", "bsd")]), &[]).await;
    check(&test, properties(&[("linux", "os")]), &[]).await;
}

#[tokio::test]
async fn hidden_images_are_listed_alone() {
    let (test, _) = sample().await;
    let mut hidden = NewImage::new(ImageId::random(), None);
    hidden.name = Some("hidden".to_owned());
    hidden.os_hidden = true;
    test.images().create(&hidden).await.unwrap();
    check(&test, ImageQuery::default(), &["full", "bare", "(none)"]).await;
    let query = ImageQuery {
        os_hidden: true,
        ..ImageQuery::default()
    };
    check(&test, query, &["hidden"]).await;
}

#[tokio::test]
async fn killed_and_deleted_images_are_never_listed() {
    let (test, ids) = sample().await;
    test.images()
        .delete(&ids[0], ImageStatus::Active, ImageStatus::Deleted)
        .await
        .unwrap();
    test.sql(
        "UPDATE images SET status = 'killed' WHERE id = ?",
        [ids[1].as_str().into()],
    )
    .await;
    check(&test, ImageQuery::default(), &["(none)"]).await;
    check(&test, word(WordColumn::Status, &["killed", "deleted"]), &[]).await;
}

#[tokio::test]
async fn times_are_compared_to_the_microsecond() {
    use Comparison::{AtLeast, AtMost, Equal, Greater, Less, NotEqual};
    let test = TestDb::new().await;
    let noon: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
    for (name, text) in [
        ("before", "2026-03-01 11:59:59.999999"),
        ("noon", "2026-03-01 12:00:00.000000"),
        ("after", "2026-03-01 12:00:00.000001"),
    ] {
        let mut new = NewImage::new(ImageId::random(), None);
        new.name = Some(name.to_owned());
        test.images().create(&new).await.unwrap();
        test.sql(
            "UPDATE images SET created_at = ?, updated_at = ? WHERE name = ?",
            [text.into(), text.into(), name.into()],
        )
        .await;
    }
    for column in [TimeColumn::CreatedAt, TimeColumn::UpdatedAt] {
        for (comparison, expected) in [
            (Equal, &["noon"][..]),
            (NotEqual, &["before", "after"]),
            (Less, &["before"]),
            (AtMost, &["before", "noon"]),
            (Greater, &["after"]),
            (AtLeast, &["noon", "after"]),
        ] {
            let query = ImageQuery {
                times: vec![TimeFilter {
                    column,
                    comparison,
                    value: noon,
                }],
                ..ImageQuery::default()
            };
            check(&test, query, expected).await;
        }
    }
    let between = ImageQuery {
        times: vec![
            TimeFilter {
                column: TimeColumn::CreatedAt,
                comparison: Greater,
                value: noon - TimeDelta::microseconds(1),
            },
            TimeFilter {
                column: TimeColumn::CreatedAt,
                comparison: Less,
                value: noon + TimeDelta::microseconds(1),
            },
        ],
        ..ImageQuery::default()
    };
    check(&test, between, &["noon"]).await;
}
