//! A page costs the same among 100,000 images as among 1,000, counted in steps of SQLite's machine; times are printed.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use sea_orm::ConnectionTrait;
use tempfile::TempDir;
use vidimus_types::{ImageId, Visibility};

use crate::{
    Comparison, Db, DbConfig, ImageQuery, MemberFilter, Scope, Sort, SortKey, TimeColumn,
    TimeFilter, VisibilityFilter, WordColumn, WordFilter,
};

const PROJECT: &str = "project";

/// `count` images, one a second. Always twenty are public and forty the project's; a third of the others is shared, and ten
/// of those with the project.
const IMAGES: &str = "
    WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < $count)
    INSERT INTO images (id, name, size, status, created_at, updated_at, deleted, owner, min_disk, min_ram, protected,
      visibility, os_hidden, checksum, os_hash_value)
    SELECT printf('%08x-0000-4000-8000-%012x', (n * 2654435761) & 4294967295, n), 'image ' || n, n, 'active',
      strftime('%Y-%m-%d %H:%M:%S.000000', 1600000000 + n, 'unixepoch'),
      strftime('%Y-%m-%d %H:%M:%S.000000', 1600000000 + n, 'unixepoch'),
      0, CASE WHEN n % ($count / 40) = 7 THEN 'project' ELSE 'other ' || (n % 50) END, 0, 0, 0,
      CASE WHEN n % ($count / 20) = 0 THEN 'public' WHEN n % 3 = 0 THEN 'shared' WHEN n % 3 = 1 THEN 'private' ELSE 'community' END,
      n % ($count / 20) = 1, printf('%032x', n), printf('%0128x', n)
    FROM numbers";

const CHILDREN: [&str; 4] = [
    "INSERT INTO image_properties (image_id, name, value, created_at, deleted)
     SELECT id, 'os_distro', 'debian', created_at, 0 FROM images ORDER BY rowid",
    "INSERT INTO image_tags (image_id, value, created_at, deleted) SELECT id, 'tag', created_at, 0 FROM images ORDER BY rowid",
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
            sort: Sort::new(&[query.sort.keys()[0].0], &[crate::Direction::Ascending]).unwrap(),
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
            // A commit of anybody, so that what was read last is not simply kept.
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

fn queries(site: &Site) -> Vec<(&'static str, ImageQuery)> {
    let page = ImageQuery {
        limit: Some(25),
        ..ImageQuery::default()
    };
    let word = |column, value: &str| ImageQuery {
        words: vec![WordFilter::eq(column, value)],
        ..page.clone()
    };
    let middle = chrono::DateTime::from_timestamp(1_600_000_000 + site.count as i64 / 2, 0);
    let time = |column, comparison| ImageQuery {
        times: vec![TimeFilter {
            column,
            comparison,
            value: middle.unwrap(),
        }],
        ..page.clone()
    };
    let seen = |visibility| ImageQuery {
        visibility,
        members: MemberFilter::Any,
        ..page.clone()
    };
    let hash = format!("{:0128x}", site.count / 2);
    vec![
        ("all", page.clone()),
        ("public", seen(VisibilityFilter::Only(Visibility::Public))),
        ("shared", seen(VisibilityFilter::Only(Visibility::Shared))),
        ("any visibility", seen(VisibilityFilter::All)),
        ("owner of few", word(WordColumn::Owner, PROJECT)),
        ("owner of many", word(WordColumn::Owner, "other 3")),
        ("checksum", word(WordColumn::Checksum, &hash[96..])),
        ("hash", word(WordColumn::OsHashValue, &hash)),
        (
            "hidden",
            ImageQuery {
                os_hidden: true,
                ..page.clone()
            },
        ),
        (
            "created before",
            time(TimeColumn::CreatedAt, Comparison::Less),
        ),
        (
            "updated since",
            time(TimeColumn::UpdatedAt, Comparison::AtLeast),
        ),
        (
            "by id",
            ImageQuery {
                sort: Sort::new(&[SortKey::Id], &[]).unwrap(),
                ..page
            },
        ),
    ]
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
        ("nobody", Scope::anonymous()),
    ];
    say("a page of 25 of 100,000 images against one of 1,000:");
    let mut dear = Vec::new();
    for (caller, scope) in &scopes {
        for ((name, small), (_, large)) in queries(&few).into_iter().zip(queries(&many)) {
            let (last_small, last_large) = (
                few.last_marker(scope, &small).await,
                many.last_marker(scope, &large).await,
            );
            for (place, is_last) in [("first", false), ("last", true)] {
                if is_last && (last_small.is_none() || last_large.is_none()) {
                    continue;
                }
                let from = |query: &ImageQuery, marker: Option<ImageId>| ImageQuery {
                    marker: marker.filter(|_| is_last),
                    ..query.clone()
                };
                let (found, steps, time) = few.page(scope, &from(&small, last_small)).await;
                let (found_of_many, steps_of_many, time_of_many) =
                    many.page(scope, &from(&large, last_large)).await;
                let line = format!(
                    "{caller:8} {name:15} {place:5} {found:3} and {found_of_many:3} images, {steps:6} and {steps_of_many:6} \
                     steps ({:.2}), {:.2} times as long",
                    steps_of_many as f64 / steps as f64,
                    time_of_many.as_secs_f64() / time.as_secs_f64(),
                );
                say(&line);
                let most = match (name, is_last) {
                    // Neither few enough to be gathered nor many enough to be met soon: it grows with the root of the number
                    // of images, and Glance's indexes leave no better way.
                    ("owner of many", _) => 60_000,
                    // Nothing behind it matches, and only a look at all of it tells.
                    ("updated since", true) if scope.is_admin => u64::MAX,
                    _ => steps * 2 + 1_000,
                };
                if steps_of_many > most {
                    dear.push(line);
                }
            }
        }
    }
    assert!(dear.is_empty(), "{}", dear.join("\n"));
}
