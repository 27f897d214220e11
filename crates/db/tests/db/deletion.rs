//! Images that are deleted and come back, or are put aside until somebody removes their data.

use chrono::{DateTime, TimeDelta, Utc};
use vidimus_db::{Error, ImageChanges, ImageRecord, Scope, Since};
use vidimus_types::{ImageId, ImageStatus};

use crate::support::TestDb;

/// An active image with everything that can hang on one, and traces of what hung on it before.
async fn furnished(test: &TestDb) -> ImageRecord {
    let image = test.active().await;
    let changes = ImageChanges {
        set_properties: vec![
            ("colour".to_owned(), Some("red".to_owned())),
            ("gone".to_owned(), Some("x".to_owned())),
        ],
        tags: Some(vec!["t".to_owned(), "gone".to_owned()]),
        ..ImageChanges::default()
    };
    let update = async |changes| {
        let images = test.images();
        images
            .update(&image.id, ImageStatus::Active, &changes)
            .await
            .unwrap()
    };
    update(changes).await;
    let remove = ImageChanges {
        remove_properties: vec!["gone".to_owned()],
        tags: Some(vec!["t".to_owned()]),
        ..ImageChanges::default()
    };
    let left = update(remove).await;
    test.member(&image.id, "friend", "accepted").await;
    // Long before the image goes.
    for table in ["image_properties", "image_tags"] {
        let long_ago = format!(
            "UPDATE {table} SET deleted_at = '2026-01-01 00:00:00.000000' WHERE deleted = 1"
        );
        test.sql(&long_ago, []).await;
    }
    left
}

async fn get(test: &TestDb, id: &ImageId) -> ImageRecord {
    test.images().get(&Scope::admin(), id).await.unwrap()
}

async fn living_members(test: &TestDb) -> Vec<i64> {
    test.column("SELECT COUNT(*) AS x FROM image_members WHERE deleted = 0 AND deleted_at IS NULL")
        .await
}

fn later() -> DateTime<Utc> {
    Utc::now() + TimeDelta::seconds(1)
}

#[tokio::test]
async fn a_deletion_that_is_undone_leaves_no_trace() {
    let test = TestDb::new().await;
    let image = furnished(&test).await;
    let delete = async || {
        let images = test.images();
        images
            .delete(&image.id, ImageStatus::Active, ImageStatus::Deleted)
            .await
            .unwrap()
    };
    let deletion = delete().await;
    assert_eq!(living_members(&test).await, [0]);
    assert!(test.images().undo_delete(&deletion).await.unwrap());
    assert_eq!(get(&test, &image.id).await, image);
    assert_eq!(living_members(&test).await, [1]);
    assert!(test.pending().await.is_empty());
    assert!(
        !test.images().undo_delete(&deletion).await.unwrap(),
        "an image that is there was brought back"
    );

    let again = delete().await;
    test.locations()
        .finish_delete(again.locations[0].id)
        .await
        .unwrap();
    assert!(
        !test.images().undo_delete(&again).await.unwrap(),
        "an image without data came back"
    );
    let status: Vec<String> = test
        .column("SELECT status || deleted AS x FROM images")
        .await;
    assert_eq!(status, ["deleted1"]);
}

#[tokio::test]
async fn what_is_put_aside_is_hidden_and_can_be_restored() {
    let test = TestDb::new().await;
    let image = furnished(&test).await;
    test.images()
        .delete(&image.id, ImageStatus::Active, ImageStatus::PendingDelete)
        .await
        .unwrap();
    let gone = test.images().get(&Scope::admin(), &image.id).await;
    assert!(matches!(gone, Err(Error::NotFound(_))), "{gone:?}");
    assert!(
        test.pending().await.is_empty(),
        "it is removed as if it were left over"
    );
    let status: Vec<String> = test
        .column("SELECT i.status || i.deleted || l.status || l.deleted AS x FROM images i, image_locations l")
        .await;
    assert_eq!(
        status,
        ["pending_delete1pending_delete1"],
        "not what Glance's scrubber looks for"
    );

    test.images().restore(&image.id).await.unwrap();
    let restored = get(&test, &image.id).await;
    assert_eq!(
        ImageRecord {
            updated_at: image.updated_at,
            ..restored
        },
        image
    );
    assert_eq!(living_members(&test).await, [1]);
    let error = test.images().restore(&image.id).await.unwrap_err();
    assert!(matches!(
        error,
        Error::StatusConflict {
            found: ImageStatus::Active,
            ..
        }
    ));
    let error = test.images().restore(&ImageId::random()).await.unwrap_err();
    assert!(matches!(error, Error::NotFound(_)));
}

#[tokio::test]
async fn who_lost_access_just_before_the_deletion_does_not_get_it_back() {
    let test = TestDb::new().await;
    let image = furnished(&test).await;
    test.members().remove(&image.id, "friend").await.unwrap();
    let changes = ImageChanges {
        tags: Some(Vec::new()),
        ..ImageChanges::default()
    };
    let images = test.images();
    images
        .update(&image.id, ImageStatus::Active, &changes)
        .await
        .unwrap();
    images
        .delete(&image.id, ImageStatus::Active, ImageStatus::PendingDelete)
        .await
        .unwrap();
    images.restore(&image.id).await.unwrap();
    assert_eq!(living_members(&test).await, [0]);
    assert!(get(&test, &image.id).await.tags.is_empty());
}

#[tokio::test]
async fn who_scrubs_claims_first() {
    let test = TestDb::new().await;
    let image = furnished(&test).await;
    let images = test.images();
    images
        .delete(&image.id, ImageStatus::Active, ImageStatus::PendingDelete)
        .await
        .unwrap();
    let an_hour_ago = Utc::now() - TimeDelta::hours(1);
    assert!(images.awaiting_scrub(an_hour_ago).await.unwrap().is_empty());
    assert_eq!(images.awaiting_scrub(later()).await.unwrap(), [image.id]);

    let claimed = images.claim_scrub(&image.id).await.unwrap().unwrap();
    assert_eq!(claimed.len(), 1);
    assert!(images.claim_scrub(&image.id).await.unwrap().is_none());
    let error = images.restore(&image.id).await.unwrap_err();
    assert!(matches!(error, Error::StatusConflict { .. }), "{error}");
    let since = |time| Since {
        images: time,
        copies: time,
    };
    let pending = async |time| test.locations().pending(&since(time)).await.unwrap();
    assert_eq!(
        pending(later()).await.len(),
        1,
        "after a crash nobody knows of it"
    );
    assert!(pending(an_hour_ago).await.is_empty());
    // The locations were marked an hour ago, and the image has just been claimed: somebody is at it.
    let long_ago = "UPDATE image_locations SET deleted_at = '2026-01-01 00:00:00.000000'";
    test.sql(long_ago, []).await;
    assert!(pending(an_hour_ago).await.is_empty());
    let is_pending = async |time| {
        let locations = test.locations();
        locations
            .is_pending(claimed[0].id, &since(time))
            .await
            .unwrap()
    };
    assert!(is_pending(later()).await && !is_pending(an_hour_ago).await);

    images.release_scrub(&image.id).await.unwrap();
    assert_eq!(images.awaiting_scrub(later()).await.unwrap(), [image.id]);
    images.claim_scrub(&image.id).await.unwrap().unwrap();
    test.locations().finish_delete(claimed[0].id).await.unwrap();
    assert!(images.awaiting_scrub(later()).await.unwrap().is_empty());
    assert!(test.pending().await.is_empty());
    images.release_scrub(&image.id).await.unwrap();
    let error = images.restore(&image.id).await.unwrap_err();
    assert!(matches!(error, Error::DataGone(_)), "{error}");
}

#[tokio::test]
async fn a_copy_taken_off_can_be_put_back_while_its_image_lives() {
    let test = TestDb::new().await;
    let image = test.active().await;
    test.sql(
        "INSERT INTO image_locations (image_id, value, created_at, deleted, status) VALUES (?, 'file:///2', '2026-01-01 00:00:00.000000', 0, 'active')",
        [image.id.as_str().into()],
    )
    .await;
    let before = get(&test, &image.id).await;
    let copy = before.locations[1].id;
    let take = async || test.imports().take_copy(&image.id, copy).await.unwrap();
    take().await.unwrap();
    assert!(test.locations().put_back(&image.id, copy).await.unwrap());
    assert_eq!(get(&test, &image.id).await.locations, before.locations);
    assert!(!test.locations().put_back(&image.id, copy).await.unwrap());

    take().await.unwrap();
    test.images()
        .delete(&image.id, ImageStatus::Active, ImageStatus::Deleted)
        .await
        .unwrap();
    assert!(!test.locations().put_back(&image.id, copy).await.unwrap());
    assert_eq!(test.pending().await.len(), 2);
}
