//! What was read before is given again until anybody commits, and not a moment longer.

use futures_util::future::join_all;
use vidimus_db::{Error, ImageChanges, ImageQuery, NewImage, Scope};
use vidimus_types::{ImageId, ImageStatus};

use crate::support::TestDb;

#[tokio::test]
async fn a_commit_of_anybody_is_seen_by_the_next_reader() {
    let test = TestDb::new().await;
    let new = NewImage::new(ImageId::random(), Some("p".to_owned()));
    test.images().create(&new).await.unwrap();
    let names = async || {
        let scope = Scope::project("p");
        let shown = test.images().get(&scope, &new.id).await.unwrap();
        let listed = test.images().list(&scope, &ImageQuery::default()).await;
        assert_eq!(listed.unwrap()[0].name, shown.name);
        shown.name
    };
    assert_eq!(names().await, None);
    assert_eq!(names().await, None);
    for round in 0..20 {
        let name = format!("name {round}");
        if round % 2 == 0 {
            // Another process, as far as the database can tell.
            let sql = "UPDATE images SET name = ? WHERE id = ?";
            let values = [name.as_str().into(), new.id.as_str().into()];
            test.sql(sql, values).await;
        } else {
            let changes = ImageChanges {
                name: Some(Some(name.clone())),
                ..ImageChanges::default()
            };
            let images = test.images();
            let updated = images.update(&new.id, ImageStatus::Queued, &changes);
            updated.await.unwrap();
        }
        assert_eq!(names().await, Some(name));
    }
    test.images()
        .delete(&new.id, ImageStatus::Queued, ImageStatus::Deleted)
        .await
        .unwrap();
    let gone = test.images().get(&Scope::admin(), &new.id).await;
    assert!(matches!(gone, Err(Error::NotFound(_))), "{gone:?}");
}

#[tokio::test]
async fn what_one_caller_was_shown_is_not_kept_for_another() {
    let test = TestDb::new().await;
    let new = NewImage::new(ImageId::random(), Some("p".to_owned()));
    test.images().create(&new).await.unwrap();
    for _ in 0..2 {
        let owner = test.images().get(&Scope::project("p"), &new.id).await;
        assert!(owner.is_ok(), "{owner:?}");
        for scope in [Scope::project("q"), Scope::anonymous()] {
            let shown = test.images().get(&scope, &new.id).await;
            assert!(matches!(shown, Err(Error::NotFound(_))), "{shown:?}");
            let listed = test.images().list(&scope, &ImageQuery::default()).await;
            assert!(listed.unwrap().is_empty());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_readers_at_once_see_what_was_committed_before_they_asked() {
    let test = TestDb::new().await;
    let new = NewImage::new(ImageId::random(), Some("p".to_owned()));
    test.images().create(&new).await.unwrap();
    for round in 0..20_u32 {
        let changes = ImageChanges {
            min_ram: Some(round),
            ..ImageChanges::default()
        };
        let images = test.images();
        let updated = images.update(&new.id, ImageStatus::Queued, &changes);
        updated.await.unwrap();
        let readers = (0..16).map(|_| {
            let (db, id) = (test.db.clone(), new.id);
            tokio::spawn(async move { db.images().get(&Scope::admin(), &id).await })
        });
        for seen in join_all(readers).await {
            assert_eq!(seen.unwrap().unwrap().min_ram, round);
        }
    }
}
