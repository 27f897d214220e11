//! Uploads that succeed, are refused, break off, race or are cut by a crash: what is left behind each time.

use std::{io, sync::Arc};

use bytes::Bytes;
use futures_util::{StreamExt, future::join_all, stream};
use serde_json::{Value, json};
use tokio::sync::Notify;
use vidimus_digest::{Algorithm, hex_digest};
use vidimus_service::{Error, ServiceConfig, UploadRequest};
use vidimus_types::ImageStatus;

use crate::support::{Site, noise};

#[tokio::test]
async fn an_upload_records_what_came() {
    let site = Site::new().await;
    let data = noise(123_456);
    let id = site.active(&data).await;
    let record = site.service.show_image(&site.ctx, &id).await.unwrap();
    assert_eq!(record.size, Some(123_456));
    assert_eq!(
        record.checksum,
        Some(hex_digest(Algorithm::md5(), &data).unwrap())
    );
    assert_eq!(
        record.os_hash_value,
        Some(hex_digest(Algorithm::sha512(), &data).unwrap())
    );
    assert_eq!(std::fs::read(site.file_of(&id)).unwrap(), data);
}

#[tokio::test]
async fn a_client_that_leaves_gives_the_image_back() {
    let site = Site::new().await;
    let id = site.queued().await;
    let data = stream::iter([
        Ok(Bytes::from_static(b"half")),
        Err(io::ErrorKind::ConnectionReset.into()),
    ]);
    let outcome = site
        .service
        .upload(&site.ctx, &id, UploadRequest::default(), data)
        .await;
    assert!(matches!(outcome, Err(Error::ClientGone)), "{outcome:?}");
    assert_eq!(site.status(&id).await, "queued");
    assert!(site.stored_files().is_empty(), "{:?}", site.stored_files());
    site.upload(&id, b"whole").await.unwrap();
    assert_eq!(site.status(&id).await, "active");
}

#[tokio::test]
async fn a_refused_format_leaves_nothing_behind() {
    let site = Site::new().await;
    let Value::Object(body) = json!({"disk_format": "qcow2", "container_format": "bare"}) else {
        unreachable!()
    };
    let id = site.create(body).await;
    let refused = site.upload(&id, b"this is no qcow2").await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "Image disk_format qcow2 does not match stream data raw"
    );
    let record = site.service.show_image(&site.ctx, &id).await.unwrap();
    assert_eq!(
        (record.status, record.size, record.checksum.clone()),
        (ImageStatus::Queued, None, None)
    );
    assert!(site.stored_files().is_empty());
}

#[tokio::test]
async fn sizes_are_held_to() {
    let site = Site::with(ServiceConfig {
        image_size_cap: 1000,
        ..ServiceConfig::default()
    })
    .await;
    let id = site.queued().await;
    let over = site.upload(&id, &noise(1001)).await.unwrap_err();
    assert!(matches!(over, Error::TooLarge), "{over}");
    let announced = UploadRequest {
        announced_size: Some(10),
        ..UploadRequest::default()
    };
    let short = stream::iter([Ok(Bytes::from_static(b"short"))]);
    let outcome = site
        .service
        .upload(&site.ctx, &id, announced, short)
        .await
        .unwrap_err();
    assert!(
        matches!(
            outcome,
            Error::SizeMismatch {
                expected: 10,
                got: 5
            }
        ),
        "{outcome}"
    );
    assert_eq!(site.status(&id).await, "queued");
    assert!(site.stored_files().is_empty());
    site.upload(&id, &noise(1000)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_uploads_one_wins_whole() {
    let site = Site::new().await;
    let id = site.queued().await;
    let (one, two) = (vec![1; 500_000], vec![2; 500_000]);
    let outcomes = join_all([site.upload(&id, &one), site.upload(&id, &two)]).await;
    assert_eq!(
        outcomes.iter().filter(|outcome| outcome.is_ok()).count(),
        1,
        "{outcomes:?}"
    );
    let stored = std::fs::read(site.file_of(&id)).unwrap();
    assert!(stored == one || stored == two, "a mixture was stored");
    let record = site.service.show_image(&site.ctx, &id).await.unwrap();
    assert_eq!(
        record.checksum,
        Some(hex_digest(Algorithm::md5(), &stored).unwrap())
    );
}

#[tokio::test]
async fn an_image_deleted_during_its_upload_is_gone_with_its_data() {
    let site = Site::new().await;
    let id = site.queued().await;
    let go_on = Arc::new(Notify::new());
    let gate = Arc::clone(&go_on);
    let data =
        stream::once(async { Ok(Bytes::from_static(b"first")) }).chain(stream::once(async move {
            gate.notified().await;
            Ok(Bytes::from_static(b"second"))
        }));
    let service = site.service.clone();
    let ctx = site.ctx.clone();
    let upload = tokio::spawn(async move {
        service
            .upload(&ctx, &id, UploadRequest::default(), data)
            .await
    });
    crate::support::until("the upload has begun", async || {
        site.status(&id).await == "saving"
    })
    .await;
    site.service.delete_image(&site.ctx, &id).await.unwrap();
    go_on.notify_one();
    let outcome = upload.await.unwrap();
    assert!(
        matches!(outcome, Err(Error::DeletedDuringUpload(_))),
        "{outcome:?}"
    );
    assert!(site.stored_files().is_empty(), "{:?}", site.stored_files());
}

#[tokio::test]
async fn a_crash_during_an_upload_is_undone_at_the_next_start() {
    let site = Site::new().await;
    let id = site.queued().await;
    // The state between the rename in the store and the commit.
    site.db
        .images()
        .transition(&id, ImageStatus::Queued, ImageStatus::Saving)
        .await
        .unwrap();
    std::fs::write(site.file_of(&id), b"published, not committed").unwrap();
    let site = site.restart().await;
    assert_eq!(site.status(&id).await, "queued");
    assert!(site.stored_files().is_empty(), "{:?}", site.stored_files());
    site.upload(&id, b"again").await.unwrap();
}

#[tokio::test]
async fn a_crash_during_a_delete_is_finished_at_the_next_start() {
    let site = Site::new().await;
    let id = site.active(b"data").await;
    // The state after the row went and before the data did.
    site.db
        .images()
        .delete(&id, ImageStatus::Active, ImageStatus::Deleted)
        .await
        .unwrap();
    assert_eq!(site.stored_files().len(), 1);
    let site = site.restart().await;
    site.service.scrub().await.unwrap();
    assert!(site.stored_files().is_empty());
    assert!(site.pending().await.is_empty());
}
