//! Data that lies on servers of others: taken, checked, changed, cut off by deletions and crashes, and paid for.

use std::time::Duration;

use futures_util::{future::join_all, stream};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use vidimus_db::{IMPORT_LOCK, TaskStatus};
use vidimus_digest::{Algorithm, hex_digest};
use vidimus_fetch::UriFilter;
use vidimus_service::{Error, ImageRecord, LocationRequest, ServiceConfig, UploadRequest};
use vidimus_types::{ByteRange, Change, ImageId, Operation, PatchDialect};

use crate::{
    support::{Part, Removals, Site, noise, read, until},
    web::{Serves, Web},
};

/// What may be fetched from this machine.
fn config() -> ServiceConfig {
    let mut config = ServiceConfig {
        show_locations: true,
        ..ServiceConfig::default()
    };
    config.import.filter = UriFilter {
        allowed_hosts: vec!["127.0.0.1".to_owned()],
        allowed_ports: Vec::new(),
        ..UriFilter::default()
    };
    config.import.stage_host = Some("http://this-node:9292".to_owned());
    config
}

fn change(operation: Operation, position: Option<&str>) -> Change {
    Change {
        operation,
        attribute: "locations".to_owned(),
        position: position.map(str::to_owned),
        dialect: PatchDialect::V21,
    }
}

async fn add(site: &Site, id: &ImageId, url: &str) -> Result<ImageRecord, Error> {
    let value = json!({"url": url, "metadata": {}});
    let changes = vec![change(Operation::Add(value), Some("-"))];
    site.service.update_image(&site.ctx, id, changes).await
}

async fn remove(site: &Site, id: &ImageId, position: &str) -> Result<ImageRecord, Error> {
    let changes = vec![change(Operation::Remove, Some(position))];
    site.service.update_image(&site.ctx, id, changes).await
}

async fn give(site: &Site, id: &ImageId, url: &str, sha512: Option<&str>) -> Result<(), Error> {
    let mut body = json!({"url": url});
    if let Some(value) = sha512 {
        body["validation_data"] = json!({"os_hash_algo": "sha512", "os_hash_value": value});
    }
    let request = LocationRequest::read(&body).unwrap();
    site.service.add_location(&site.ctx, id, request).await
}

async fn show(site: &Site, id: &ImageId) -> ImageRecord {
    let shown = site.service.show_image(&site.ctx, id).await;
    std::sync::Arc::unwrap_or_clone(shown.unwrap())
}

fn is_locked(record: &ImageRecord) -> bool {
    record
        .properties
        .iter()
        .any(|(name, _)| name == IMPORT_LOCK)
}

fn has_hash_host(record: &ImageRecord) -> bool {
    let mut properties = record.properties.iter();
    properties.any(|(name, _)| name == "os_glance_hash_op_host")
}

/// The image when no task holds it any more.
async fn settled(site: &Site, id: &ImageId) -> ImageRecord {
    until("the task ends", async || !is_locked(&show(site, id).await)).await;
    show(site, id).await
}

async fn task_status(site: &Site, id: &ImageId) -> TaskStatus {
    let tasks = site.service.list_image_tasks(&site.ctx, id).await.unwrap();
    tasks.last().unwrap().status
}

#[tokio::test]
async fn what_is_given_without_a_hash_is_active_at_once_and_hashed_behind_that() {
    let data = noise(300_000);
    let (site, web) = (Site::with(config()).await, Web::with(&data).await);
    let id = site.queued().await;
    web.set(Serves::Slowly);
    give(&site, &id, &web.url("/x"), None).await.unwrap();
    until("it is active", async || site.status(&id).await == "active").await;
    let record = show(&site, &id).await;
    assert_eq!(record.size, Some(300_000));
    assert_eq!(
        (record.os_hash_algo.as_deref(), record.os_hash_value),
        (Some("sha512"), None)
    );
    assert!(has_hash_host(&show(&site, &id).await));
    until("it is read", async || web.sending() == 1).await;
    web.go_on();

    let record = settled(&site, &id).await;
    assert_eq!(
        record.checksum,
        Some(hex_digest(Algorithm::md5(), &data).unwrap())
    );
    assert_eq!(
        record.os_hash_value,
        Some(hex_digest(Algorithm::sha512(), &data).unwrap())
    );
    assert!(!has_hash_host(&record));
    assert_eq!(task_status(&site, &id).await, TaskStatus::Success);
}

#[tokio::test]
async fn what_is_not_what_it_should_be_leaves_no_trace_and_can_be_given_again() {
    let data = noise(50_000);
    let (site, web) = (Site::with(config()).await, Web::with(&data).await);
    let id = site.queued().await;
    let other = hex_digest(Algorithm::sha512(), b"other").unwrap();
    give(&site, &id, &web.url("/x"), Some(&other))
        .await
        .unwrap();
    let record = settled(&site, &id).await;
    assert_eq!(record.status.as_str(), "queued");
    assert_eq!(
        (record.size, record.checksum, record.os_hash_algo),
        (None, None, None)
    );
    assert!(record.locations.is_empty(), "{:?}", record.locations);
    assert_eq!(task_status(&site, &id).await, TaskStatus::Failure);

    let right = hex_digest(Algorithm::sha512(), &data).unwrap();
    web.set(Serves::Slowly);
    give(&site, &id, &web.url("/x"), Some(&right))
        .await
        .unwrap();
    until("it is read", async || web.sending() == 1).await;
    assert_eq!(
        site.status(&id).await,
        "importing",
        "not before all of it was read"
    );
    web.go_on();
    let record = settled(&site, &id).await;
    assert_eq!(record.status.as_str(), "active");
    assert_eq!(record.os_hash_value, Some(right));
}

#[tokio::test]
async fn of_two_that_give_a_location_at_once_one_is_told_no() {
    let (site, web) = (Site::with(config()).await, Web::with(b"data").await);
    for _ in 0..5 {
        let id = site.queued().await;
        let url = web.url("/x");
        let given = join_all((0..4).map(|_| give(&site, &id, &url, None))).await;
        assert_eq!(
            given.iter().filter(|given| given.is_ok()).count(),
            1,
            "{given:?}"
        );
        let record = settled(&site, &id).await;
        assert_eq!(record.status.as_str(), "active");
        assert_eq!(record.locations.len(), 1);
    }
}

#[tokio::test]
async fn deleting_the_image_ends_the_reading_at_once() {
    let (site, web) = (Site::with(config()).await, Web::with(&noise(100_000)).await);
    for hash in [None, Some(hex_digest(Algorithm::sha512(), b"any").unwrap())] {
        let id = site.queued().await;
        web.set(Serves::Slowly);
        give(&site, &id, &web.url("/x"), hash.as_deref())
            .await
            .unwrap();
        until("it is read", async || web.sending() == 1).await;
        let task = site.service.list_image_tasks(&site.ctx, &id).await.unwrap();
        site.service.delete_image(&site.ctx, &id).await.unwrap();
        until("it is not read any more", async || web.sending() == 0).await;
        until("the task ends", async || {
            let task = site.db.tasks().get(&task[0].id).await.unwrap().unwrap();
            task.status == TaskStatus::Failure
        })
        .await;
    }
}

#[test]
fn what_a_crash_cut_off_is_read_again() {
    let data = noise(100_000);
    let right = hex_digest(Algorithm::sha512(), &data).unwrap();
    let outside = Runtime::new().unwrap();
    let web = outside.block_on(Web::with(&data));
    web.set(Serves::Slowly);
    // All that runs in it ends with it.
    let before = Runtime::new().unwrap();
    let (folder, checked, given) = before.block_on(async {
        let site = Site::with(config()).await;
        let (checked, given) = (site.queued().await, site.queued().await);
        give(&site, &checked, &web.url("/x"), Some(&right))
            .await
            .unwrap();
        give(&site, &given, &web.url("/x"), None).await.unwrap();
        until("both are read", async || web.sending() == 2).await;
        assert_eq!(site.status(&checked).await, "importing");
        assert_eq!(site.status(&given).await, "active");
        (site.into_folder(), checked, given)
    });
    drop(before);

    outside.block_on(async {
        until("the connections are gone", async || web.sending() == 0).await;
        let site = Site::in_folder(folder, config()).await;
        until("both are read again", async || web.sending() == 2).await;
        assert_eq!(site.status(&checked).await, "importing");
        assert!(has_hash_host(&show(&site, &given).await));
        web.go_on();
        for id in [checked, given] {
            let record = settled(&site, &id).await;
            assert_eq!(record.status.as_str(), "active");
            assert_eq!((record.locations.len(), record.size), (1, Some(100_000)));
            assert_eq!(record.os_hash_value.as_deref(), Some(right.as_str()));
            assert!(record.checksum.is_some() && !has_hash_host(&record));
            assert_eq!(task_status(&site, &id).await, TaskStatus::Success);
        }
    });
}

#[test]
fn what_a_crash_cut_off_and_nobody_reads_any_more_is_not_stuck() {
    let data = noise(100_000);
    let right = hex_digest(Algorithm::sha512(), &data).unwrap();
    let outside = Runtime::new().unwrap();
    let web = outside.block_on(Web::with(&data));
    web.set(Serves::Slowly);
    let before = Runtime::new().unwrap();
    let (folder, checked, given) = before.block_on(async {
        let site = Site::with(config()).await;
        let (checked, given) = (site.queued().await, site.queued().await);
        give(&site, &checked, &web.url("/x"), Some(&right))
            .await
            .unwrap();
        give(&site, &given, &web.url("/x"), None).await.unwrap();
        until("both are read", async || web.sending() == 2).await;
        (site.into_folder(), checked, given)
    });
    drop(before);

    outside.block_on(async {
        let mut believing = config();
        believing.import.hashes_locations = false;
        let site = Site::in_folder(folder, believing).await;
        let record = show(&site, &checked).await;
        assert_eq!(record.status.as_str(), "queued");
        assert!(record.locations.is_empty() && record.size.is_none());
        assert!(!is_locked(&record) && !has_hash_host(&record));
        let record = show(&site, &given).await;
        assert_eq!(record.status.as_str(), "active");
        assert_eq!((record.locations.len(), record.size), (1, Some(100_000)));
        assert_eq!(
            record.os_hash_algo, None,
            "a hash that is not there has no name"
        );
        assert!(!is_locked(&record) && !has_hash_host(&record));
        for id in [checked, given] {
            assert_eq!(task_status(&site, &id).await, TaskStatus::Failure);
        }
        web.go_on();
        give(&site, &checked, &web.url("/x"), Some(&right))
            .await
            .unwrap();
        assert_eq!(settled(&site, &checked).await.status.as_str(), "active");
    });
}

#[tokio::test]
async fn reading_is_tried_again_and_then_given_up() {
    let data = noise(10_000);
    let mut config = config();
    config.import.hash_retries = 1;
    let (site, web) = (Site::with(config).await, Web::with(&data).await);
    let right = hex_digest(Algorithm::sha512(), &data).unwrap();
    for (busy, hash, status, is_known) in [
        (1, Some(&right), "active", true),
        (2, Some(&right), "queued", false),
        (2, None, "active", false),
    ] {
        web.set(Serves::Busy(busy));
        let id = site.queued().await;
        give(&site, &id, &web.url("/x"), hash.map(String::as_str))
            .await
            .unwrap();
        let record = settled(&site, &id).await;
        assert_eq!(record.status.as_str(), status, "{busy} times busy");
        assert_eq!(
            record.os_hash_value.is_some(),
            is_known,
            "{busy} times busy"
        );
        assert_eq!(record.os_hash_algo.is_some(), is_known, "{busy} times busy");
    }
}

#[tokio::test]
async fn two_that_remove_the_last_two_locations_leave_one() {
    let (site, web) = (Site::with(config()).await, Web::with(b"data").await);
    for _ in 0..5 {
        let id = site.queued().await;
        add(&site, &id, &web.url("/1")).await.unwrap();
        add(&site, &id, &web.url("/2")).await.unwrap();
        let removed = join_all(["0", "1"].map(|at| remove(&site, &id, at))).await;
        assert!(removed.iter().any(Result::is_ok), "{removed:?}");
        assert_eq!(show(&site, &id).await.locations.len(), 1, "{removed:?}");
    }
}

#[tokio::test]
async fn removing_the_location_of_stored_data_removes_the_data_and_renaming_it_does_not() {
    let data = noise(20_000);
    let (site, web) = (Site::with(config()).await, Web::with(&data).await);
    let id = site.active(&data).await;
    let stored = show(&site, &id).await.locations[0].url.clone();
    let renamed = json!([{"url": stored, "metadata": {"note": "mine"}}]);
    let changes = vec![change(Operation::Replace(renamed), None)];
    site.service
        .update_image(&site.ctx, &id, changes)
        .await
        .unwrap();
    assert_eq!(site.stored_files().len(), 1);
    assert_eq!(read(site.download(&id).await.body).await.unwrap(), data);

    add(&site, &id, &web.url("/x")).await.unwrap();
    remove(&site, &id, "0").await.unwrap();
    assert!(site.stored_files().is_empty(), "{:?}", site.stored_files());
    assert_eq!(read(site.download(&id).await.body).await.unwrap(), data);
    assert!(site.pending().await.is_empty());

    site.service.delete_image(&site.ctx, &id).await.unwrap();
    let pending = site.pending().await;
    assert!(
        pending.is_empty(),
        "nothing is left to be done: {pending:?}"
    );
}

#[tokio::test]
async fn an_image_that_comes_back_has_all_its_locations() {
    let (site, web) = (Site::with(config()).await, Web::with(b"data").await);
    let id = site.active(b"data").await;
    let stored = show(&site, &id).await.locations[0].url.clone();
    add(&site, &id, &web.url("/x")).await.unwrap();
    // The one whose data never goes with it comes first.
    let urls = [web.url("/x"), stored].map(|url| json!({"url": url, "metadata": {}}));
    let swap = vec![change(Operation::Replace(json!(urls)), None)];
    let service = &site.service;
    service.update_image(&site.ctx, &id, swap).await.unwrap();
    let before = show(&site, &id).await;
    assert_eq!(before.locations[0].url, web.url("/x"));
    site.store.set_removals(Removals::InUse);
    let refused = site.service.delete_image(&site.ctx, &id).await;
    assert!(matches!(refused, Err(Error::InUse(_))), "{refused:?}");
    assert_eq!(show(&site, &id).await, before);
}

#[tokio::test]
async fn what_is_taken_off_waits_for_its_time_where_deletions_do() {
    let mut config = config();
    config.scrub.is_delayed = true;
    config.scrub.delay = Duration::from_millis(300);
    let (site, web) = (Site::with(config).await, Web::with(b"data").await);
    let id = site.active(b"data").await;
    add(&site, &id, &web.url("/x")).await.unwrap();
    remove(&site, &id, "0").await.unwrap();
    assert_eq!(show(&site, &id).await.locations.len(), 1);
    assert_eq!(site.stored_files().len(), 1);
    until("its data is gone", async || {
        site.service.scrub().await.unwrap();
        site.stored_files().is_empty()
    })
    .await;
    assert_eq!(read(site.download(&id).await.body).await.unwrap(), b"data");
}

#[tokio::test]
async fn a_range_of_what_lies_on_the_web_comes_from_the_cache_or_not_at_all() {
    let data = noise(100_000);
    let (site, web) = (Site::with(config()).await, Web::with(&data).await);
    let id = site.queued().await;
    add(&site, &id, &web.url("/x")).await.unwrap();
    let range = ByteRange { start: 10, end: 20 };
    let refused = site
        .service
        .download(&site.ctx, &id, &[], &Part(range))
        .await;
    assert!(
        matches!(refused, Err(Error::NoRandomReads(_))),
        "{refused:?}"
    );

    assert_eq!(read(site.download(&id).await.body).await.unwrap(), data);
    until("it is cached", async || {
        let part = site
            .service
            .download(&site.ctx, &id, &[], &Part(range))
            .await;
        matches!(part, Ok(Some(download)) if download.cache == "hit")
    })
    .await;
    let part = site
        .service
        .download(&site.ctx, &id, &[], &Part(range))
        .await;
    let part = read(part.unwrap().unwrap().body).await.unwrap();
    assert_eq!(part, data[10..20]);
}

#[tokio::test]
async fn what_has_become_something_else_is_not_delivered() {
    let (site, web) = (Site::with(config()).await, Web::with(b"the image").await);
    let id = site.queued().await;
    give(&site, &id, &web.url("/x"), None).await.unwrap();
    settled(&site, &id).await;
    for other in [b"another image".as_slice(), b"the imagE"] {
        web.replace(other);
        let outcome = site
            .service
            .download(&site.ctx, &id, &[], &crate::support::Whole)
            .await;
        let broken = match outcome {
            Ok(Some(download)) => read(download.body).await.is_err(),
            _ => true,
        };
        assert!(broken, "{}", String::from_utf8_lossy(other));
    }
}

#[tokio::test]
async fn uploads_at_the_same_time_stay_within_the_quota() {
    let mut config = config();
    config.storage_quota = 100_000;
    let site = Site::with(config).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(site.queued().await);
    }
    let data = noise(60_000);
    // Without an announced size the room is only known to be too small in the end.
    let uploads = ids.iter().map(|id| site.upload(id, &data));
    let outcomes = join_all(uploads).await;
    let used = site
        .db
        .images()
        .usage(site.ctx.project_id(), None)
        .await
        .unwrap();
    assert!(used <= 100_000, "{used} bytes, {outcomes:?}");
    for (id, outcome) in ids.iter().zip(&outcomes) {
        let expected = if outcome.is_ok() { "active" } else { "queued" };
        assert_eq!(site.status(id).await, expected);
        if let Err(refused) = outcome {
            assert!(matches!(refused, Error::StorageQuota(_)), "{refused:?}");
        }
    }
    assert_eq!(
        site.stored_files().len(),
        outcomes.iter().filter(|outcome| outcome.is_ok()).count()
    );
}

#[tokio::test]
async fn what_is_too_much_is_refused_before_it_is_read_and_stopped_where_it_becomes_too_much() {
    let mut config = config();
    config.storage_quota = 50_000;
    let site = Site::with(config).await;
    let id = site.queued().await;
    let request = UploadRequest {
        announced_size: Some(50_001),
        ..UploadRequest::default()
    };
    let unread = stream::pending::<std::io::Result<bytes::Bytes>>();
    let upload = site.service.upload(&site.ctx, &id, request, unread);
    let refused = tokio::time::timeout(Duration::from_secs(60), upload)
        .await
        .unwrap();
    assert!(
        matches!(refused, Err(Error::StorageQuota(_))),
        "{refused:?}"
    );
    let endless = stream::repeat_with(|| Ok(bytes::Bytes::from_static(&[7; 1000])));
    let refused = site
        .service
        .upload(&site.ctx, &id, UploadRequest::default(), endless)
        .await;
    assert!(
        matches!(refused, Err(Error::StorageQuota(_))),
        "{refused:?}"
    );
    assert_eq!(site.status(&id).await, "queued");
    assert!(site.stored_files().is_empty());
    site.upload(&id, &noise(50_000)).await.unwrap();
    assert_eq!(site.status(&id).await, "active");
}

#[tokio::test]
async fn a_location_that_leads_into_this_server_is_never_looked_at() {
    let site = Site::with(config()).await;
    let other = site.active(b"somebody's").await;
    let stored = show(&site, &other).await.locations[0].url.clone();
    for url in [
        stored.as_str(),
        "file:///etc/passwd",
        "http://169.254.169.254/",
        "http://localhost/",
    ] {
        let id = site.queued().await;
        let refused = add(&site, &id, url).await;
        assert!(
            matches!(refused, Err(Error::InvalidLocation)),
            "{url}: {refused:?}"
        );
        let body: Value = json!({"url": url});
        let request = LocationRequest::read(&body).unwrap();
        // An admin is no service.
        let refused = site.service.add_location(&site.ctx, &id, request).await;
        let is_refused = matches!(
            refused,
            Err(Error::LocationsForServices | Error::Invalid(_))
        );
        assert!(is_refused, "{url}: {refused:?}");
        assert_eq!(site.status(&id).await, "queued");
    }
}
