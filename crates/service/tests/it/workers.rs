//! The workers: prefetching in spite of images that cannot be fetched, upkeep.

use std::time::Duration;

use vidimus_service::{CacheRecord, ServiceConfig};
use vidimus_types::{ClearTarget, ImageId};

use crate::support::{Reads, Site, noise, read, until};

#[tokio::test]
async fn an_image_that_cannot_be_fetched_does_not_hold_up_the_others() {
    let site = Site::new().await;
    let poison = site.active(b"poison").await;
    std::fs::remove_file(site.file_of(&poison)).unwrap();
    let good = site.active(&noise(50_000)).await;
    let nobody = ImageId::random();
    for id in [poison, nobody, good] {
        site.service.queue_unchecked(&site.ctx, &id).await.unwrap();
    }
    let _workers = site.service.start_workers();
    until("the good one is cached", async || {
        site.cache.contains(&good)
    })
    .await;
    until(
        "what is cached or does not exist has left the queue",
        async || {
            let queue = site.cache.queue();
            !queue.contains(&good) && !queue.contains(&nobody)
        },
    )
    .await;
    let listing = site.service.list_cache(&site.ctx).await.unwrap();
    assert_eq!(listing.queued_images, [poison], "to be tried again");
    let failures = site.cache.queue().failures();
    assert_eq!(
        failures
            .iter()
            .map(|failure| failure.image_id)
            .collect::<Vec<_>>(),
        [poison]
    );
}

#[tokio::test]
async fn the_queue_survives_a_restart() {
    let site = Site::new().await;
    let id = site.active(b"data").await;
    site.service.queue_image(&site.ctx, &id).await.unwrap();
    let site = site.restart().await;
    assert_eq!(
        site.service
            .list_cache(&site.ctx)
            .await
            .unwrap()
            .queued_images,
        [id]
    );
    let _workers = site.service.start_workers();
    until("the image is cached", async || site.cache.contains(&id)).await;
    until("the queue is empty", async || site.cache.queue().is_empty()).await;
}

#[tokio::test]
async fn clear_empties_what_it_is_told_to() {
    let site = Site::new().await;
    let cached = site.active(b"cached").await;
    read(site.download(&cached).await.body).await.unwrap();
    until("the image is cached", async || site.cache.contains(&cached)).await;
    let queued = site.active(b"queued").await;
    site.service.queue_image(&site.ctx, &queued).await.unwrap();

    let cleared = site
        .service
        .clear_cache(&site.ctx, ClearTarget::Queue)
        .await
        .unwrap();
    assert_eq!((cleared.images, cleared.queued), (0, 1));
    let listing = site.service.list_cache(&site.ctx).await.unwrap();
    assert_eq!(
        (listing.cached_images.len(), listing.queued_images.len()),
        (1, 0)
    );

    site.service.queue_image(&site.ctx, &queued).await.unwrap();
    let cleared = site
        .service
        .clear_cache(&site.ctx, ClearTarget::Cache)
        .await
        .unwrap();
    assert_eq!((cleared.images, cleared.queued), (1, 0));
    assert_eq!(
        site.service
            .list_cache(&site.ctx)
            .await
            .unwrap()
            .queued_images,
        [queued]
    );

    site.service
        .clear_cache(&site.ctx, ClearTarget::Both)
        .await
        .unwrap();
    let listing = site.service.list_cache(&site.ctx).await.unwrap();
    assert!(listing.cached_images.is_empty() && listing.queued_images.is_empty());
}

#[tokio::test]
async fn the_database_follows_the_folder() {
    let record = CacheRecord::Database {
        node_url: "http://node-1:9292".into(),
    };
    let config = ServiceConfig {
        cache_record: record,
        upkeep_interval: Duration::from_secs(3600),
        ..ServiceConfig::default()
    };
    let site = Site::with(config).await;
    let id = site.active(b"data").await;
    read(site.download(&id).await.body).await.unwrap();
    until("the image is cached", async || site.cache.contains(&id)).await;
    read(site.download(&id).await.body).await.unwrap();
    let nodes = site
        .service
        .list_cached_nodes(&site.ctx, id.as_str())
        .await
        .unwrap();
    assert_eq!(nodes, ["http://node-1:9292"]);
    let node = site.db.cached().node("http://node-1:9292").await.unwrap();
    let rows = site.db.cached().list(node).await.unwrap();
    assert_eq!((rows.len(), rows[0].1.image_id, rows[0].1.hits), (1, id, 1));

    site.service
        .delete_cached_image(&site.ctx, &id)
        .await
        .unwrap();
    assert!(
        site.service
            .list_cached_nodes(&site.ctx, id.as_str())
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn an_image_unknown_by_now_can_still_be_dropped_from_the_cache() {
    let site = Site::new().await;
    site.store.set(Reads::Refuse);
    let gone = ImageId::random();
    site.service
        .queue_unchecked(&site.ctx, &gone)
        .await
        .unwrap();
    site.service
        .delete_cached_image(&site.ctx, &gone)
        .await
        .unwrap();
    let again = site
        .service
        .delete_cached_image(&site.ctx, &gone)
        .await
        .unwrap_err();
    assert_eq!(again.to_string(), format!("Image {gone} not found."));
}

#[tokio::test]
async fn weakness_10_a_hit_writes_nothing_to_the_database() {
    let record = CacheRecord::Database {
        node_url: "http://node-1:9292".into(),
    };
    let config = ServiceConfig {
        cache_record: record,
        ..ServiceConfig::default()
    };
    let site = Site::with(config).await;
    let id = site.active(b"data").await;
    read(site.download(&id).await.body).await.unwrap();
    until("the image is cached", async || site.cache.contains(&id)).await;
    let node = site.db.cached().node("http://node-1:9292").await.unwrap();
    for _ in 0..20 {
        assert_eq!(site.download(&id).await.cache, "hit");
    }
    assert!(site.db.cached().list(node).await.unwrap().is_empty());
    // Written in one go when somebody looks, or with the next round of upkeep.
    let listing = site.service.list_cache(&site.ctx).await.unwrap();
    assert_eq!(listing.cached_images[0].hits, 20);
    assert_eq!(site.db.cached().list(node).await.unwrap()[0].1.hits, 20);
}

#[tokio::test]
async fn weakness_25_upkeep_needs_no_cron() {
    let config = ServiceConfig {
        upkeep_interval: Duration::from_millis(20),
        ..ServiceConfig::default()
    };
    let site = Site::with(config).await;
    let id = site.active(b"data").await;
    let cache = site.file_of(&id).parent().unwrap().with_file_name("cache");
    let left = cache.join("invalid").join(id.as_str());
    std::fs::write(&left, b"left by Glance").unwrap();
    let _workers = site.service.start_workers();
    until("the leftover is cleaned", async || !left.exists()).await;
}
