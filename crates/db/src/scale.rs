//! A page costs the same among 100,000 images as among 1,000, counted in steps of SQLite's machine; times are printed.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use sea_orm::ConnectionTrait;
use tempfile::TempDir;
use vidimus_types::{ImageId, Visibility};

use crate::{
    Comparison, Db, DbConfig, Direction, ImageQuery, MemberFilter, Scope, Sort, SortKey,
    TimeColumn, TimeFilter, VisibilityFilter, WordColumn, WordFilter,
};

const PROJECT: &str = "project";

/// Owns a fiftieth of all images.
const MANY: &str = "other 3";

/// `count` images, one a minute, each changed for the last time some minutes later, but twenty of them long after.
///
/// Always twenty are public, twenty hidden, twenty have the tag `rare`, and forty are the project's; a third of the others is
/// shared, and ten of those with the project. Fifty other projects own the others, so that each owns a fiftieth; a fiftieth is
/// called `golden`.
const IMAGES: &str = "
    WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < $count)
    INSERT INTO images (id, name, size, status, created_at, updated_at, deleted, owner, min_disk, min_ram, protected,
      visibility, os_hidden, checksum, os_hash_value, disk_format, container_format)
    SELECT printf('%08x-0000-4000-8000-%012x', (n * 2654435761) & 4294967295, n),
      CASE WHEN n % 50 = 9 THEN 'golden' ELSE 'image ' || n END, n, 'active',
      strftime('%Y-%m-%d %H:%M:%S.000000', 1600000000 + 60 * n, 'unixepoch'),
      strftime('%Y-%m-%d %H:%M:%S.000000', 1600000000 + 60 * n
        + CASE WHEN n % ($count / 20) = 2 THEN 60 * $count ELSE 60 * (n % 10) END, 'unixepoch'),
      0, CASE WHEN n % ($count / 40) = 7 THEN 'project' ELSE 'other ' || (n % 50) END, 0, 0, 0,
      CASE WHEN n % ($count / 20) = 0 THEN 'public' WHEN n % 3 = 0 THEN 'shared' WHEN n % 3 = 1 THEN 'private' ELSE 'community' END,
      n % ($count / 20) = 1, printf('%032x', n), printf('%0128x', n), CASE WHEN n % 50 = 9 THEN 'iso' ELSE 'qcow2' END, 'bare'
    FROM numbers";

const CHILDREN: [&str; 5] = [
    "INSERT INTO image_properties (image_id, name, value, created_at, deleted)
     SELECT id, 'os_distro', 'debian', created_at, 0 FROM images ORDER BY rowid",
    "INSERT INTO image_tags (image_id, value, created_at, deleted) SELECT id, 'tag', created_at, 0 FROM images ORDER BY rowid",
    "INSERT INTO image_tags (image_id, value, created_at, deleted) SELECT id, 'rare', created_at, 0 FROM images
     WHERE rowid % ($count / 20) = 3 ORDER BY rowid",
    "INSERT INTO image_locations (image_id, value, created_at, deleted, meta_data, status)
     SELECT id, 'file:///' || id, created_at, 0, '{}', 'active' FROM images ORDER BY rowid",
    "INSERT INTO image_members (image_id, member, can_share, created_at, deleted, status)
     SELECT id, 'project', 0, created_at, 0, 'accepted' FROM images WHERE visibility = 'shared' AND owner != 'project'
     AND rowid % ($count / 10) < 3 LIMIT 10",
];

struct Site {
    db: Db,
    count: u64,
    _folder: TempDir,
}

impl Site {
    async fn of(count: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::connect(&DbConfig {
            url: format!("sqlite:///{}", folder.path().join("glance.db").display()),
            max_connections: 2,
        })
        .await
        .unwrap();
        db.sync().await.unwrap();
        let writer = &db.inner.writer;
        for sql in ["PRAGMA synchronous = OFF", "BEGIN", IMAGES]
            .into_iter()
            .chain(CHILDREN)
            .chain(["COMMIT", "PRAGMA wal_checkpoint(TRUNCATE)"])
        {
            let sql = sql.replace("$count", &count.to_string());
            writer.execute_unprepared(&sql).await.unwrap();
        }
        Self {
            db,
            count,
            _folder: folder,
        }
    }

    /// The image before the last page.
    async fn last_marker(&self, scope: &Scope, query: &ImageQuery) -> Option<ImageId> {
        let upwards = ImageQuery {
            sort: query.sort.turned(),
            limit: Some(26),
            ..query.clone()
        };
        let last = self.db.images().list(scope, &upwards).await.unwrap();
        last.get(25).map(|image| image.id)
    }

    /// Images of a page, steps, and the shortest time of some.
    async fn page(&self, scope: &Scope, query: &ImageQuery) -> (usize, u64, Duration) {
        let readers = self.db.inner.direct.as_ref().unwrap();
        let mut shortest = Duration::MAX;
        let mut found = 0;
        let mut steps = 0;
        for _ in 0..20 {
            // A commit, so that nothing read before is reused; SQLite does not count one that changes no byte.
            let touch = "UPDATE images SET min_ram = 1 - min_ram WHERE rowid = 1";
            self.db
                .inner
                .writer
                .execute_unprepared(touch)
                .await
                .unwrap();
            let (before, begin) = (readers.steps(), Instant::now());
            found = self.db.images().list(scope, query).await.unwrap().len();
            shortest = shortest.min(begin.elapsed());
            steps = readers.steps() - before;
            assert!(steps > 0, "nothing was asked of the database");
        }
        (found, steps, shortest)
    }
}

/// What is asked, and whether Glance's indexes and ours leave it at one price.
struct Case {
    name: String,
    query: ImageQuery,
    is_flat: bool,
}

fn cases(site: &Site) -> Vec<Case> {
    let page = ImageQuery {
        limit: Some(25),
        ..ImageQuery::default()
    };
    let word = |column, value: &str| ImageQuery {
        words: vec![WordFilter::eq(column, value)],
        ..page.clone()
    };
    let middle: DateTime<Utc> =
        DateTime::from_timestamp(1_600_000_000 + 30 * site.count as i64, 0).unwrap();
    let time = |column, comparison| ImageQuery {
        times: vec![TimeFilter {
            column,
            comparison,
            value: middle,
        }],
        ..page.clone()
    };
    let seen = |visibility| ImageQuery {
        visibility,
        members: MemberFilter::Any,
        ..page.clone()
    };
    let only = |visibility| seen(VisibilityFilter::Only(visibility));
    let tag = |tag: &str| ImageQuery {
        tags: vec![tag.to_owned()],
        ..page.clone()
    };
    let sorted = |keys: &[SortKey], directions: &[Direction]| ImageQuery {
        sort: Sort::new(keys, directions).unwrap(),
        ..page.clone()
    };
    let hash = format!("{:0128x}", site.count / 2);
    let mut cases = Vec::new();
    let mut add = |is_flat, name: &str, query| {
        cases.push(Case {
            name: name.to_owned(),
            query,
            is_flat,
        });
    };
    add(true, "all", page.clone());
    add(true, "public", only(Visibility::Public));
    add(true, "shared", only(Visibility::Shared));
    add(true, "any visibility", seen(VisibilityFilter::All));
    add(true, "owner of few", word(WordColumn::Owner, PROJECT));
    add(true, "owner of many", word(WordColumn::Owner, MANY));
    add(true, "checksum", word(WordColumn::Checksum, &hash[96..]));
    add(true, "hash", word(WordColumn::OsHashValue, &hash));
    add(true, "name of one", word(WordColumn::Name, "image 77"));
    add(true, "name of many", word(WordColumn::Name, "golden"));
    add(
        true,
        "hidden",
        ImageQuery {
            os_hidden: true,
            ..page.clone()
        },
    );
    for (column, what) in [
        (TimeColumn::CreatedAt, "created"),
        (TimeColumn::UpdatedAt, "updated"),
    ] {
        let before = time(column, Comparison::Less);
        add(true, &format!("{what} before"), before);
        let since = time(column, Comparison::AtLeast);
        add(true, &format!("{what} since"), since);
    }
    add(true, "tag of all", tag("tag"));
    add(
        true,
        "property of all",
        ImageQuery {
            properties: vec![("os_distro".to_owned(), "debian".to_owned())],
            ..page.clone()
        },
    );
    add(true, "status", word(WordColumn::Status, "active"));
    use Direction::{Ascending, Descending};
    add(true, "by id", sorted(&[SortKey::Id], &[]));
    add(
        true,
        "oldest first",
        sorted(&[SortKey::CreatedAt], &[Ascending]),
    );
    add(
        true,
        "by age and name",
        sorted(
            &[SortKey::CreatedAt, SortKey::Name],
            &[Descending, Ascending],
        ),
    );
    add(true, "by change", sorted(&[SortKey::UpdatedAt], &[]));
    // No index has these.
    add(false, "rare tag", tag("rare"));
    add(false, "format", word(WordColumn::DiskFormat, "iso"));
    for key in [
        SortKey::Name,
        SortKey::Size,
        SortKey::Status,
        SortKey::DiskFormat,
    ] {
        add(false, &format!("by {}", key.as_str()), sorted(&[key], &[]));
    }
    add(
        false,
        "by format, name",
        sorted(
            &[SortKey::DiskFormat, SortKey::Name],
            &[Ascending, Descending],
        ),
    );
    cases
}

/// Past the test runner, which shows the output of failures only.
fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").unwrap();
}

#[tokio::test]
async fn a_page_costs_the_same_among_a_hundred_times_as_many_images() {
    let (few, many) = (Site::of(1_000).await, Site::of(100_000).await);
    let scopes = [
        ("admin", Scope::admin()),
        ("project", Scope::project(PROJECT)),
        ("large project", Scope::project(MANY)),
        ("nobody", Scope::anonymous()),
    ];
    say("a page of 25 of 100,000 images against one of 1,000:");
    let mut dear = Vec::new();
    for (caller, scope) in &scopes {
        for (small, large) in cases(&few).into_iter().zip(cases(&many)) {
            let (last_small, last_large) = (
                few.last_marker(scope, &small.query).await,
                many.last_marker(scope, &large.query).await,
            );
            for (place, is_last) in [("first", false), ("last", true)] {
                // Where the smaller site has one page only, its first is its last.
                if is_last && last_large.is_none() {
                    continue;
                }
                let from = |query: &ImageQuery, marker: Option<ImageId>| ImageQuery {
                    marker: marker.filter(|_| is_last),
                    ..query.clone()
                };
                let (found, steps, time) = few.page(scope, &from(&small.query, last_small)).await;
                let (found_of_many, steps_of_many, time_of_many) =
                    many.page(scope, &from(&large.query, last_large)).await;
                // A page that is not full costs less; and some dozens of candidates are no measure for a hundred of them.
                let full = (found_of_many as f64 + 10.0) / (found as f64 + 10.0);
                let most = steps as f64 * full * 1.5 + 1_500.0;
                let line = format!(
                    "{caller:13} {:15} {place:5} {found:3} and {found_of_many:3} images, {steps:6} and {steps_of_many:7} \
                     steps, {:6.2} times as many, {:6.2} times as long",
                    small.name,
                    steps_of_many as f64 / steps as f64,
                    time_of_many.as_secs_f64() / time.as_secs_f64(),
                );
                say(&line);
                // What it sees is many images in all, and another order or name leads to few of them.
                let is_double = *caller == "large project"
                    && ["name of many", "by id", "by change"].contains(&small.name.as_str());
                if small.is_flat && !is_double && steps_of_many as f64 > most {
                    dear.push(line);
                }
            }
        }
    }
    assert!(dear.is_empty(), "{}", dear.join("\n"));
}
