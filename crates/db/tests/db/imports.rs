//! Tasks and the lock of imports: of many one wins, nothing happens without the lock, pages are whole.

use chrono::{TimeDelta, Utc};
use serde_json::json;
use vidimus_db::{
    Content, ImportStart, ImportStep, NewImage, NewTask, Scope, Started, TaskEnd, TaskQuery,
    TaskSort, TaskStatus,
};
use vidimus_types::{ImageId, ImageStatus};

use crate::support::{TestDb, facts};

async fn queued(test: &TestDb) -> ImageId {
    let new = NewImage::new(ImageId::random(), Some("owner".to_owned()));
    test.images().create(&new).await.unwrap().id
}

fn task(id: &str, image: Option<ImageId>) -> NewTask {
    NewTask {
        id: id.to_owned(),
        kind: "api_image_import",
        owner: "owner".to_owned(),
        image_id: image,
        request_id: None,
        user_id: None,
        input: json!({ "backend": [null] }),
    }
}

fn start(image: ImageId, holder: &str) -> ImportStart {
    ImportStart {
        image,
        status: (ImageStatus::Queued, ImageStatus::Importing),
        task: task(holder, Some(image)),
        expired: None,
        set_properties: vec![("os_glance_failed_import".to_owned(), String::new())],
        remove_properties: Vec::new(),
    }
}

fn end(status: TaskStatus, after: TimeDelta) -> TaskEnd {
    TaskEnd {
        status,
        result: Some(json!({ "done": true })),
        message: None,
        expires_at: Utc::now() + after,
    }
}

#[tokio::test]
async fn of_many_imports_one_gets_the_lock() {
    let test = TestDb::new().await;
    let id = queued(&test).await;
    let attempts = (0..8).map(|number| {
        let db = test.db.clone();
        async move {
            db.imports()
                .start(&start(id, &format!("task-{number}")))
                .await
                .unwrap()
        }
    });
    let outcomes = futures_util::future::join_all(attempts).await;
    let winners = outcomes.iter().filter(|outcome| **outcome == Started::Yes);
    assert_eq!(winners.count(), 1, "{outcomes:?}");
    assert_eq!(test.tasks().of_image(&id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_step_without_the_lock_changes_nothing() {
    let test = TestDb::new().await;
    let id = queued(&test).await;
    assert_eq!(
        test.imports().start(&start(id, "holder")).await.unwrap(),
        Started::Yes
    );
    let before = test.images().get(&Scope::admin(), &id).await.unwrap();
    let mut step = ImportStep::new(id, "stranger");
    step.status = Some((ImageStatus::Importing, ImageStatus::Active));
    step.content = Content::Known(facts("one"));
    step.copies = vec![facts("one")];
    assert!(!test.imports().step(&step).await.unwrap());
    assert_eq!(
        test.images().get(&Scope::admin(), &id).await.unwrap(),
        before
    );

    step.task = "holder".to_owned();
    step.end = Some(end(TaskStatus::Success, TimeDelta::hours(1)));
    assert!(test.imports().step(&step).await.unwrap());
    let after = test.images().get(&Scope::admin(), &id).await.unwrap();
    assert_eq!(after.status, ImageStatus::Active);
    assert_eq!(after.locations.len(), 1);
    let ended = test.tasks().get("holder").await.unwrap().unwrap();
    assert_eq!(ended.status, TaskStatus::Success);
    assert_eq!(ended.result, Some(json!({ "done": true })));
    assert!(
        !test.imports().step(&step).await.unwrap(),
        "the lock went with the end"
    );
}

#[tokio::test]
async fn an_import_that_ends_leaves_no_placeholder_of_glance() {
    let test = TestDb::new().await;
    let id = queued(&test).await;
    test.imports().start(&start(id, "holder")).await.unwrap();
    for (store, status) in [("fast", "pending"), ("slow", "uploading")] {
        let place = format!("pending://parallel-import/{id}/{store}");
        test.sql(
            "INSERT INTO image_locations (image_id, value, meta_data, status, created_at, deleted)
             VALUES (?, ?, '{\"store\": \"fast\", \"os_glance_parallel_import\": \"pending\"}', ?,
                     '2026-01-01 00:00:00.000000', 0)",
            [id.as_str().into(), place.into(), status.into()],
        )
        .await;
    }
    let count = "SELECT count(*) AS x FROM image_locations WHERE deleted = 0";
    let shown = test.images().get(&Scope::admin(), &id).await.unwrap();
    assert_eq!(shown.locations, []);
    assert_eq!(test.column::<i64>(count).await, [2]);
    let mut step = ImportStep::new(id, "holder");
    step.status = Some((ImageStatus::Importing, ImageStatus::Active));
    step.copies = vec![facts("one")];
    step.formats = Some(("raw".to_owned(), "bare".to_owned()));
    step.end = Some(end(TaskStatus::Success, TimeDelta::hours(1)));
    assert!(test.imports().step(&step).await.unwrap());
    assert_eq!(test.column::<i64>(count).await, [1]);
    let after = test.images().get(&Scope::admin(), &id).await.unwrap();
    assert_eq!(after.locations.len(), 1);
    assert_eq!(after.disk_format.as_deref(), Some("raw"));
    assert_eq!(after.container_format.as_deref(), Some("bare"));
}

#[tokio::test]
async fn only_the_lock_that_was_looked_at_can_be_taken_over() {
    let test = TestDb::new().await;
    let id = queued(&test).await;
    test.imports().start(&start(id, "first")).await.unwrap();
    let mut second = start(id, "second");
    second.status = (ImageStatus::Importing, ImageStatus::Importing);
    second.expired = Some("somebody else".to_owned());
    assert_eq!(
        test.imports().start(&second).await.unwrap(),
        Started::Locked
    );
    assert!(test.imports().holds(&id, "first").await.unwrap());
    second.expired = Some("first".to_owned());
    assert_eq!(test.imports().start(&second).await.unwrap(), Started::Yes);
    assert!(!test.imports().holds(&id, "first").await.unwrap());
}

#[tokio::test]
async fn the_last_copy_stays() {
    let test = TestDb::new().await;
    let id = queued(&test).await;
    test.imports().start(&start(id, "holder")).await.unwrap();
    let mut step = ImportStep::new(id, "holder");
    step.status = Some((ImageStatus::Importing, ImageStatus::Active));
    step.copies = vec![facts("one"), facts("two")];
    test.imports().step(&step).await.unwrap();
    let record = test.images().get(&Scope::admin(), &id).await.unwrap();
    let copies: Vec<i64> = record.locations.iter().map(|copy| copy.id).collect();
    let taken = test.imports().take_copy(&id, copies[0]).await.unwrap();
    assert_eq!(taken.unwrap().id, copies[0]);
    for copy in copies {
        assert!(test.imports().take_copy(&id, copy).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn pages_of_tasks_show_each_once_in_every_order() {
    let test = TestDb::new().await;
    for number in 0..7 {
        let id = format!("task-{number}");
        test.tasks().create(&task(&id, None)).await.unwrap();
        // Some have no end, two ends are the same.
        if number % 2 == 0 {
            test.tasks().begin(&id).await.unwrap();
            let after = TimeDelta::hours(1 + number / 3);
            let done = end(TaskStatus::Failure, after);
            assert!(test.tasks().finish(&id, &done).await.unwrap());
            assert!(!test.tasks().finish(&id, &done).await.unwrap());
        }
    }
    for sort in [
        TaskSort::Id,
        TaskSort::Kind,
        TaskSort::Status,
        TaskSort::Owner,
        TaskSort::ExpiresAt,
        TaskSort::CreatedAt,
        TaskSort::UpdatedAt,
    ] {
        for descending in [false, true] {
            let mut query = TaskQuery {
                owner: None,
                equal: Vec::new(),
                sort,
                descending,
                after: None,
                limit: 100,
            };
            let whole = test.tasks().list(&query).await.unwrap();
            assert_eq!(whole.len(), 7);
            query.limit = 2;
            let mut paged = Vec::new();
            loop {
                let page = test.tasks().list(&query).await.unwrap();
                if page.is_empty() {
                    break;
                }
                query.after = page.last().cloned();
                paged.extend(page);
            }
            assert_eq!(paged, whole, "{sort:?} {descending}");
        }
    }
}

#[tokio::test]
async fn finished_tasks_are_forgotten_when_their_time_has_come() {
    let test = TestDb::new().await;
    for (id, after) in [("old", -1), ("new", 1)] {
        test.tasks().create(&task(id, None)).await.unwrap();
        let done = end(TaskStatus::Success, TimeDelta::hours(after));
        test.tasks().finish(id, &done).await.unwrap();
    }
    test.tasks().create(&task("running", None)).await.unwrap();
    assert_eq!(test.tasks().expire().await.unwrap(), 1);
    assert!(test.tasks().get("old").await.unwrap().is_none());
    assert!(test.tasks().get("new").await.unwrap().is_some());
    assert_eq!(test.tasks().unfinished().await.unwrap().len(), 1);
}
