//! Changes of status: one of many wins, and an upload counts whole or not at all.

use vidimus_db::{Error, ImageChanges, NewImage, Scope};
use vidimus_types::{ImageId, ImageStatus};

use crate::support::{TestDb, connect, facts};

async fn queued(test: &TestDb) -> ImageId {
    let new = NewImage::new(ImageId::random(), Some("p".to_owned()));
    test.images().create(&new).await.unwrap().id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_try_the_same_move_one_wins() {
    let test = TestDb::new().await;
    // As if two servers worked on one file.
    let other = connect(&test.url).await;
    for _ in 0..5 {
        let id = queued(&test).await;
        let mut tasks = Vec::new();
        for at in 0..16 {
            let db = if at % 2 == 0 {
                test.db.clone()
            } else {
                other.clone()
            };
            tasks.push(tokio::spawn(async move {
                db.images()
                    .transition(&id, ImageStatus::Queued, ImageStatus::Saving)
                    .await
                    .unwrap()
            }));
        }
        let mut winners = 0;
        for task in tasks {
            winners += usize::from(task.await.unwrap());
        }
        assert_eq!(winners, 1);
        let image = test.images().get(&Scope::admin(), &id).await.unwrap();
        assert_eq!(image.status, ImageStatus::Saving);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_from_two_servers_all_count() {
    let test = TestDb::new().await;
    let other = connect(&test.url).await;
    let id = queued(&test).await;
    let mut tasks = Vec::new();
    for at in 0..24 {
        let db = if at % 2 == 0 {
            test.db.clone()
        } else {
            other.clone()
        };
        tasks.push(tokio::spawn(async move {
            let changes = ImageChanges {
                set_properties: vec![(format!("p{at}"), Some("v".to_owned()))],
                ..ImageChanges::default()
            };
            db.images()
                .update(&id, ImageStatus::Queued, &changes)
                .await
                .unwrap();
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let image = test.images().get(&Scope::admin(), &id).await.unwrap();
    assert_eq!(image.properties.len(), 24);
}

#[tokio::test]
async fn an_upload_becomes_active_with_all_its_facts() {
    let test = TestDb::new().await;
    let id = queued(&test).await;
    let images = test.images();
    assert!(
        images
            .transition(&id, ImageStatus::Queued, ImageStatus::Saving)
            .await
            .unwrap()
    );
    let facts = facts("fast");
    let image = images.commit_upload(&id, &facts, None).await.unwrap();
    assert_eq!(image.status, ImageStatus::Active);
    assert_eq!(image.size, Some(facts.size));
    assert_eq!(image.virtual_size, facts.virtual_size);
    assert_eq!(image.checksum.as_deref(), Some(facts.checksum.as_str()));
    assert_eq!(image.os_hash_algo.as_deref(), Some("sha512"));
    assert_eq!(
        image.os_hash_value.as_deref(),
        Some(facts.os_hash_value.as_str())
    );
    assert_eq!(image.locations.len(), 1);
    assert_eq!(image.locations[0].url, facts.url);
    assert_eq!(image.locations[0].metadata, facts.metadata);
    assert_eq!(images.get(&Scope::admin(), &id).await.unwrap(), image);
    // As Python's JSON reads it.
    let stored: Vec<String> = test
        .column("SELECT json_extract(meta_data, '$.store') AS x FROM image_locations")
        .await;
    assert_eq!(stored, ["fast"]);
}

#[tokio::test]
async fn an_upload_to_an_image_deleted_meanwhile_changes_nothing() {
    let test = TestDb::new().await;
    let id = queued(&test).await;
    let images = test.images();
    images
        .transition(&id, ImageStatus::Queued, ImageStatus::Saving)
        .await
        .unwrap();
    assert!(
        images
            .delete(&id, ImageStatus::Saving, ImageStatus::Deleted)
            .await
            .unwrap()
            .locations
            .is_empty()
    );
    let error = images
        .commit_upload(&id, &facts("one"), None)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NotFound(gone) if gone == id));
    assert!(
        !images
            .restore_queued(&id, ImageStatus::Saving)
            .await
            .unwrap()
    );
    let rows: Vec<i64> = test
        .column("SELECT COUNT(*) AS x FROM image_locations")
        .await;
    assert_eq!(rows, [0]);
}

#[tokio::test]
async fn a_second_upload_cannot_be_committed_over_the_first() {
    let test = TestDb::new().await;
    let image = test.active().await;
    let mut other = facts("two");
    other.size = 1;
    let error = test
        .images()
        .commit_upload(&image.id, &other, None)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::StatusConflict {
                expected: ImageStatus::Saving,
                found: ImageStatus::Active,
                ..
            }
        ),
        "{error}"
    );
    let got = test.images().get(&Scope::admin(), &image.id).await.unwrap();
    assert_eq!(got, image);
}

#[tokio::test]
async fn a_commit_that_fails_half_way_leaves_the_image_saving() {
    let test = TestDb::new().await;
    let id = queued(&test).await;
    test.images()
        .transition(&id, ImageStatus::Queued, ImageStatus::Saving)
        .await
        .unwrap();
    // The row of the image is changed first, so this strikes between the two.
    test.sql(
        "CREATE TRIGGER refuse BEFORE INSERT ON image_locations BEGIN SELECT RAISE(ABORT, 'no'); END",
        [],
    )
    .await;
    let before = test.images().get(&Scope::admin(), &id).await.unwrap();
    let error = test.images().commit_upload(&id, &facts("one"), None).await;
    assert!(matches!(error, Err(Error::Database(_))), "{error:?}");
    assert_eq!(
        test.images().get(&Scope::admin(), &id).await.unwrap(),
        before
    );
    test.sql("DROP TRIGGER refuse", []).await;
    test.images()
        .commit_upload(&id, &facts("one"), None)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_failed_upload_leaves_nothing_behind() {
    let test = TestDb::new().await;
    let id = queued(&test).await;
    test.images()
        .transition(&id, ImageStatus::Queued, ImageStatus::Saving)
        .await
        .unwrap();
    test.sql(
        "UPDATE images SET size = 1, virtual_size = 2, checksum = 'c', os_hash_algo = 'a', os_hash_value = 'v'",
        [],
    )
    .await;
    let images = test.images();
    assert!(
        !images
            .restore_queued(&id, ImageStatus::Importing)
            .await
            .unwrap()
    );
    assert!(
        images
            .restore_queued(&id, ImageStatus::Saving)
            .await
            .unwrap()
    );
    let image = images.get(&Scope::admin(), &id).await.unwrap();
    assert_eq!(image.status, ImageStatus::Queued);
    assert_eq!((image.size, image.virtual_size), (None, None));
    assert_eq!(
        (image.checksum, image.os_hash_algo, image.os_hash_value),
        (None, None, None)
    );
}

#[tokio::test]
async fn becoming_queued_forgets_sizes_and_other_moves_do_not() {
    let test = TestDb::new().await;
    let image = test.active().await;
    let images = test.images();
    let step = async |from, to| {
        assert!(images.transition(&image.id, from, to).await.unwrap());
        images.get(&Scope::admin(), &image.id).await.unwrap()
    };
    let parked = step(ImageStatus::Active, ImageStatus::Deactivated).await;
    assert_eq!(parked.size, image.size);
    assert!(parked.updated_at > image.updated_at);
    step(ImageStatus::Deactivated, ImageStatus::Importing).await;
    let queued = step(ImageStatus::Importing, ImageStatus::Queued).await;
    assert_eq!((queued.size, queued.virtual_size), (None, None));
    let missing = ImageId::random();
    assert!(
        !images
            .transition(&missing, ImageStatus::Queued, ImageStatus::Saving)
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn a_dropped_change_is_rolled_back_and_blocks_nobody() {
    let test = TestDb::new().await;
    let id = queued(&test).await;
    let changes = ImageChanges {
        set_properties: (0..50)
            .map(|at| (format!("p{at}"), Some("v".to_owned())))
            .collect(),
        ..ImageChanges::default()
    };
    // Polled a few times only: the change is dropped somewhere on its way.
    for polls in 0..12 {
        let images = test.images();
        let mut change = std::pin::pin!(images.update(&id, ImageStatus::Queued, &changes));
        for _ in 0..polls {
            let _ = futures_util::poll!(change.as_mut());
            tokio::task::yield_now().await;
        }
    }
    let image = test.images().get(&Scope::admin(), &id).await.unwrap();
    assert!(
        [0, 50].contains(&image.properties.len()),
        "{} properties",
        image.properties.len()
    );
    let image = test
        .images()
        .update(&id, ImageStatus::Queued, &changes)
        .await
        .unwrap();
    assert_eq!(image.properties.len(), 50);
}

#[tokio::test]
async fn a_lock_held_by_another_process_is_waited_for() {
    use sea_orm::{SqliteTransactionMode, TransactionOptions, TransactionTrait};
    let test = TestDb::new().await;
    let id = queued(&test).await;
    let lock = test
        .raw
        .begin_with_options(TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        })
        .await
        .unwrap();
    let db = test.db.clone();
    let change = tokio::spawn(async move {
        db.images()
            .transition(&id, ImageStatus::Queued, ImageStatus::Saving)
            .await
    });
    // Readers are not kept from reading.
    let image = test.images().get(&Scope::admin(), &id).await.unwrap();
    assert_eq!(image.status, ImageStatus::Queued);
    assert!(!change.is_finished());
    lock.rollback().await.unwrap();
    assert!(change.await.unwrap().unwrap());
}
