//! Data that goes later, not at all, or not at the first attempt.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use vidimus_db::{ImageChanges, LocationChanges};
use vidimus_service::{Error, ImageRecord, Kind, ScrubConfig, Scrubbed, ServiceConfig};
use vidimus_types::{Change, ImageId, ImageStatus, Operation, PatchDialect};

use crate::support::{Removals, Site, noise, read, until};

fn delayed(delay: Duration) -> ServiceConfig {
    ServiceConfig {
        scrub: ScrubConfig {
            is_delayed: true,
            delay,
            ..ScrubConfig::default()
        },
        ..ServiceConfig::default()
    }
}

const HOUR: Duration = Duration::from_secs(3600);

async fn show(site: &Site, id: &ImageId) -> ImageRecord {
    Arc::unwrap_or_clone(site.service.show_image(&site.ctx, id).await.unwrap())
}

async fn change(site: &Site, id: &ImageId, attribute: &str, operation: Operation) {
    let change = Change {
        attribute: attribute.to_owned(),
        operation,
        position: None,
        dialect: PatchDialect::V21,
    };
    let changes = vec![change];
    site.service
        .update_image(&site.ctx, id, changes)
        .await
        .unwrap();
}

#[tokio::test]
async fn data_a_store_will_not_let_go_of_stays_with_its_image() {
    let site = Site::new().await;
    let data = noise(30_000);
    let id = site.active(&data).await;
    change(&site, &id, "colour", Operation::Add(json!("red"))).await;
    change(&site, &id, "tags", Operation::Replace(json!(["a", "b"]))).await;
    read(site.download(&id).await.body).await.unwrap();
    until("the image is cached", async || site.cache.contains(&id)).await;
    let before = show(&site, &id).await;
    for (removals, kind, words) in [
        (
            Removals::InUse,
            Kind::Conflict,
            format!("Image {id} could not be deleted because it is in use: "),
        ),
        (
            Removals::HasSnapshots,
            Kind::Conflict,
            "The image cannot be deleted because it has snapshot(s).".to_owned(),
        ),
        (
            Removals::Denied,
            Kind::Forbidden,
            format!("You cannot delete file {id}"),
        ),
    ] {
        site.store.set_removals(removals);
        let refused = site.service.delete_image(&site.ctx, &id).await.unwrap_err();
        assert_eq!(refused.kind(), kind);
        assert!(refused.to_string().starts_with(&words), "{refused}");
        assert_eq!(show(&site, &id).await, before);
        assert!(site.pending().await.is_empty());
        assert!(site.cache.contains(&id), "its copy was taken for nothing");
        assert_eq!(site.service.scrub().await.unwrap(), Scrubbed::default());
        assert_eq!(read(site.download(&id).await.body).await.unwrap(), data);
    }
    site.store.set_removals(Removals::Fine);
    site.service.delete_image(&site.ctx, &id).await.unwrap();
    assert!(site.stored_files().is_empty());
    assert!(!site.cache.contains(&id));
}

#[tokio::test]
async fn a_store_that_fails_keeps_nobody_from_deleting() {
    let site = Site::new().await;
    let id = site.active(b"data").await;
    site.store.set_removals(Removals::Fail);
    site.service.delete_image(&site.ctx, &id).await.unwrap();
    let shown = site.service.show_image(&site.ctx, &id).await;
    assert!(matches!(shown, Err(Error::ImageNotFound(_))));
    // What is refused only now is refused to nobody.
    for removals in [Removals::Fail, Removals::InUse] {
        site.store.set_removals(removals);
        let failed = Scrubbed {
            failed: 1,
            ..Scrubbed::default()
        };
        assert_eq!(site.service.scrub().await.unwrap(), failed);
        assert_eq!(site.pending().await.len(), 1);
    }
    site.store.set_removals(Removals::Fine);
    assert_eq!(site.service.scrub().await.unwrap().locations, 1);
    assert!(site.stored_files().is_empty());
    assert!(site.pending().await.is_empty());
}

#[tokio::test]
async fn the_scrubber_leaves_a_removal_alone_that_may_still_be_refused() {
    let site = Arc::new(Site::new().await);
    let id = site.active(b"data").await;
    let gate = site.store.removal_gate.write().await;
    let other = Arc::clone(&site);
    let deletion = tokio::spawn(async move { other.service.delete_image(&other.ctx, &id).await });
    until("the image is hidden", async || {
        site.service.show_image(&site.ctx, &id).await.is_err()
    })
    .await;
    assert_eq!(site.pending().await.len(), 1);
    // Would wait at the gate if it went there.
    let scrubbed = tokio::time::timeout(Duration::from_secs(10), site.service.scrub());
    assert_eq!(scrubbed.await.unwrap().unwrap(), Scrubbed::default());
    site.store.set_removals(Removals::InUse);
    drop(gate);
    assert!(matches!(deletion.await.unwrap(), Err(Error::InUse(_))));
    assert_eq!(site.status(&id).await, "active");
}

#[tokio::test]
async fn a_delayed_deletion_waits_for_its_time() {
    let site = Site::with(delayed(HOUR)).await;
    let data = noise(30_000);
    let (kept, empty) = (site.active(&data).await, site.queued().await);
    let before = show(&site, &kept).await;
    for id in [&kept, &empty] {
        site.service.delete_image(&site.ctx, id).await.unwrap();
        let again = site.service.delete_image(&site.ctx, id).await;
        assert!(matches!(again, Err(Error::NothingToDelete(_))));
    }
    assert_eq!(site.service.scrub().await.unwrap(), Scrubbed::default());
    assert_eq!(site.stored_files().len(), 1);
    let refused = site.service.restore_image(&empty).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "cannot restore the image from deleted to active (wanted from_state=pending_delete)"
    );
    site.service.restore_image(&kept).await.unwrap();
    let restored = show(&site, &kept).await;
    assert_eq!(
        ImageRecord {
            updated_at: before.updated_at,
            ..restored
        },
        before
    );
    assert_eq!(read(site.download(&kept).await.body).await.unwrap(), data);
}

#[tokio::test]
async fn what_is_deactivated_is_not_put_aside() {
    let site = Site::with(delayed(HOUR)).await;
    let id = site.active(b"data").await;
    site.service.deactivate_image(&site.ctx, &id).await.unwrap();
    site.service.delete_image(&site.ctx, &id).await.unwrap();
    assert!(site.stored_files().is_empty());
    let refused = site.service.restore_image(&id).await;
    assert!(
        matches!(refused, Err(Error::NotRestorable(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_scrubber_that_fails_leaves_the_image_where_it_can_be_restored() {
    let site = Site::with(delayed(Duration::ZERO)).await;
    let (id, other) = (site.active(b"data").await, site.active(b"other").await);
    for id in [&id, &other] {
        site.service.delete_image(&site.ctx, id).await.unwrap();
    }
    site.store.set_removals(Removals::InUse);
    let failed = Scrubbed {
        failed: 2,
        ..Scrubbed::default()
    };
    assert_eq!(site.service.scrub().await.unwrap(), failed);
    site.service.restore_image(&id).await.unwrap();
    assert_eq!(site.status(&id).await, "active");
    site.store.set_removals(Removals::Fine);
    let scrubbed = Scrubbed {
        images: 1,
        ..Scrubbed::default()
    };
    assert_eq!(site.service.scrub().await.unwrap(), scrubbed);
    assert_eq!(site.stored_files(), [site.file_of(&id)]);
}

#[tokio::test]
async fn a_crash_of_the_scrubber_before_the_data_is_gone_is_ended_by_the_next_start() {
    let site = Site::with(delayed(Duration::ZERO)).await;
    let id = site.active(b"data").await;
    site.service.delete_image(&site.ctx, &id).await.unwrap();
    {
        let _gate = site.store.removal_gate.write().await;
        let service = site.service.clone();
        let scrub = tokio::spawn(async move { service.scrub().await });
        until("the image is claimed", async || {
            site.pending().await.len() == 1
        })
        .await;
        let refused = site.service.restore_image(&id).await;
        assert!(
            matches!(refused, Err(Error::NotRestorable(_))),
            "{refused:?}"
        );
        scrub.abort();
        assert!(scrub.await.unwrap_err().is_cancelled());
        assert_eq!(site.stored_files().len(), 1);
    }
    let site = site.restart().await;
    site.service.scrub().await.unwrap();
    assert!(site.stored_files().is_empty());
    assert!(site.pending().await.is_empty());
}

#[tokio::test]
async fn what_comes_back_while_others_are_removed_keeps_its_data() {
    let site = Site::new().await;
    let (other, back) = (site.active(b"other").await, site.active(b"back").await);
    let delete = async |id| {
        let images = site.db.images();
        images
            .delete(id, ImageStatus::Active, ImageStatus::Deleted)
            .await
            .unwrap()
    };
    delete(&other).await;
    let deletion = delete(&back).await;
    let scrub = {
        let gate = site.store.removal_gate.write().await;
        let service = site.service.clone();
        let scrub = tokio::spawn(async move { service.scrub().await });
        until("the rows are read", async || {
            site.store.removals_begun() == 1
        })
        .await;
        let images = site.db.images();
        assert!(images.undo_delete(&deletion).await.unwrap());
        drop(gate);
        scrub
    };
    assert_eq!(scrub.await.unwrap().unwrap().locations, 1);
    assert_eq!(site.stored_files(), [site.file_of(&back)]);
    assert_eq!(site.status(&back).await, "active");
}

#[tokio::test]
async fn new_data_is_not_removed_in_place_of_what_was_deleted() {
    let site = Site::new().await;
    let id = site.active(b"old").await;
    site.store.set_removals(Removals::Fail);
    // As an import leaves the image that failed and could not remove what it had stored.
    let copy = show(&site, &id).await.locations[0].id;
    let emptied = ImageChanges {
        locations: Some(LocationChanges {
            seen: vec![copy],
            remove: vec![copy],
            ..LocationChanges::default()
        }),
        ..ImageChanges::default()
    };
    let (images, from) = (site.db.images(), ImageStatus::Active);
    images.update(&id, from, &emptied).await.unwrap();
    let queued = images.transition(&id, from, ImageStatus::Queued).await;
    assert!(queued.unwrap());
    assert_eq!(site.pending().await.len(), 1);
    let refused = site.upload(&id, b"new").await.unwrap_err();
    assert!(
        matches!(refused, Error::StillRemoving { .. }),
        "{refused:?}"
    );
    assert_eq!(refused.kind(), Kind::Conflict);
    assert_eq!(site.status(&id).await, "queued");

    site.store.set_removals(Removals::Fine);
    site.upload(&id, b"new").await.unwrap();
    assert!(site.pending().await.is_empty());
    site.service.scrub().await.unwrap();
    assert_eq!(std::fs::read(site.file_of(&id)).unwrap(), b"new");
}
