//! Downloads through the cache: one read for many, faults of the store, ranges, authorisation.

use futures_util::future::join_all;
use vidimus_auth::{Context, Identity};
use vidimus_service::Error;
use vidimus_types::{ByteRange, ImageStatus};

use crate::support::{Part, Reads, Site, Whole, noise, read, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_cold_downloads_read_the_store_once() {
    let site = Site::new().await;
    let data = noise(3_000_000);
    let id = site.active(&data).await;
    let clients = (0..200).map(|_| async { read(site.download(&id).await.body).await.unwrap() });
    for got in join_all(clients).await {
        assert!(got == data, "other bytes came out");
    }
    assert_eq!(site.store.opens(), 1);
}

#[tokio::test]
async fn the_first_client_may_leave() {
    let site = Site::new().await;
    let data = noise(3_000_000);
    let id = site.active(&data).await;
    drop(site.download(&id).await);
    until("the image is cached", async || site.cache.contains(&id)).await;
    assert_eq!(site.download(&id).await.cache, "hit");
    assert_eq!(site.store.opens(), 1);
}

#[tokio::test]
async fn a_fill_that_breaks_costs_its_followers_nothing() {
    let site = Site::new().await;
    let data = noise(2_000_000);
    let id = site.active(&data).await;
    site.store.set(Reads::BreakOnceAfter(700_000));
    let clients = (0..5).map(|_| async { read(site.download(&id).await.body).await.unwrap() });
    for got in join_all(clients).await {
        assert!(got == data, "other bytes came out");
    }
}

#[tokio::test]
async fn wrong_bytes_are_neither_cached_nor_served_to_the_end() {
    let site = Site::new().await;
    let data = noise(500_000);
    let id = site.active(&data).await;
    site.store.set(Reads::Corrupt);
    read(site.download(&id).await.body).await.unwrap_err();
    until("the fill has ended", async || !site.cache.is_filling(&id)).await;
    assert!(!site.cache.contains(&id));
    site.store.set(Reads::Fine);
    assert!(read(site.download(&id).await.body).await.unwrap() == data);
}

#[tokio::test]
async fn a_cached_file_that_was_damaged_is_fetched_again() {
    let site = Site::new().await;
    let data = noise(300_000);
    let id = site.active(&data).await;
    read(site.download(&id).await.body).await.unwrap();
    until("the image is cached", async || site.cache.contains(&id)).await;
    let cached = site
        .file_of(&id)
        .parent()
        .unwrap()
        .with_file_name("cache")
        .join(id.as_str());
    std::fs::write(&cached, &data[..1000]).unwrap();
    assert!(read(site.download(&id).await.body).await.unwrap() == data);
    assert_eq!(site.store.opens(), 2, "the store was asked again");
}

#[tokio::test]
async fn ranges_come_from_the_cached_file_and_do_not_fill() {
    let site = Site::new().await;
    let data = noise(100_000);
    let id = site.active(&data).await;
    let part = Part(ByteRange { start: 10, end: 20 });
    let download = site
        .service
        .download(&site.ctx, &id, &[], &part)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        download.cache, "bypass",
        "probing a header must not fetch the image"
    );
    assert_eq!(read(download.body).await.unwrap(), data[10..20]);
    assert!(!site.cache.contains(&id));

    read(site.download(&id).await.body).await.unwrap();
    until("the image is cached", async || site.cache.contains(&id)).await;
    let opens = site.store.opens();
    let download = site
        .service
        .download(&site.ctx, &id, &[], &part)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(download.cache, "hit");
    assert_eq!(read(download.body).await.unwrap(), data[10..20]);
    assert_eq!(site.store.opens(), opens);
}

#[tokio::test]
async fn cached_or_not_makes_no_difference_to_who_may_read() {
    let site = Site::new().await;
    let id = site.active(b"secret").await;
    let stranger = Context::from_identity(
        Identity {
            project_id: Some("other".into()),
            roles: vec!["member".into()],
            ..Identity::default()
        },
        "req-stranger",
    );
    // Owned by a project, so that the stranger's scope has no part in it.
    let change = vidimus_types::Change {
        operation: vidimus_types::Operation::Replace("mine".into()),
        attribute: "owner".into(),
        position: None,
        dialect: vidimus_types::PatchDialect::V21,
    };
    site.service
        .update_image(&site.ctx, &id, vec![change])
        .await
        .unwrap();
    for cached in [false, true] {
        assert_eq!(site.cache.contains(&id), cached);
        let refused = site
            .service
            .download(&stranger, &id, &[], &Whole)
            .await
            .unwrap_err();
        assert!(matches!(refused, Error::ImageNotFound(_)), "{refused}");
        read(site.download(&id).await.body).await.unwrap();
        until("the image is cached", async || site.cache.contains(&id)).await;
    }
    site.service.deactivate_image(&site.ctx, &id).await.unwrap();
    let owner = Context::from_identity(
        Identity {
            project_id: Some("mine".into()),
            roles: vec!["member".into()],
            ..Identity::default()
        },
        "req-owner",
    );
    let refused = site
        .service
        .download(&owner, &id, &[], &Whole)
        .await
        .unwrap_err();
    assert!(matches!(refused, Error::Deactivated), "{refused}");
}

#[tokio::test]
async fn an_image_without_data_has_nothing_to_download() {
    let site = Site::new().await;
    let id = site.queued().await;
    assert!(
        site.service
            .download(&site.ctx, &id, &[], &Whole)
            .await
            .unwrap()
            .is_none()
    );
    let lost = site.active(b"data").await;
    std::fs::remove_file(site.file_of(&lost)).unwrap();
    // Without the cache in between it is known at once that there is nothing.
    let part = Part(ByteRange { start: 0, end: 1 });
    assert!(
        site.service
            .download(&site.ctx, &lost, &[], &part)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn the_copy_of_a_deleted_image_does_not_outlive_a_crash() {
    let site = Site::new().await;
    let id = site.active(b"data").await;
    read(site.download(&id).await.body).await.unwrap();
    until("the image is cached", async || site.cache.contains(&id)).await;
    let queued = site.active(b"other").await;
    site.service.queue_image(&site.ctx, &queued).await.unwrap();
    // The state after the rows went and before anybody looked into the cache.
    for gone in [id, queued] {
        site.db
            .images()
            .delete(&gone, ImageStatus::Active, ImageStatus::Deleted)
            .await
            .unwrap();
    }
    let site = site.restart().await;
    let _workers = site.service.start_workers();
    until("both are forgotten", async || {
        let left = site.service.list_cache(&site.ctx).await.unwrap();
        left.cached_images.is_empty() && left.queued_images.is_empty()
    })
    .await;
}

#[tokio::test]
async fn an_image_deleted_before_its_fill_is_published_is_not_kept() {
    let site = Site::new().await;
    let id = site.active(&noise(300_000)).await;
    let closed = site.store.gate.write().await;
    let download = site.download(&id).await;
    // As if the delete had looked into the cache before the fill began: only the row goes.
    site.db
        .images()
        .delete(&id, ImageStatus::Active, ImageStatus::Deleted)
        .await
        .unwrap();
    drop(closed);
    read(download.body).await.unwrap();
    until("the copy is gone", async || !site.cache.contains(&id)).await;
    until("nothing is being fetched", async || {
        !site.cache.is_filling(&id)
    })
    .await;
    assert!(!site.cache.contains(&id));
}
