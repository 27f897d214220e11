//! A clear, and who works on the images meanwhile.

use std::{sync::mpsc, time::Duration};

use futures_util::FutureExt;
use tokio::{runtime, task};
use vidimus_cache::{BypassReason, Cleared, ImageCache, Lookup};
use vidimus_types::ClearTarget;

use crate::support::{Folder, Image, fill, read_file, unlinked};

/// Runs a test with one thread for all work on files, so that the test can hold it.
fn with_one_file_thread(test: impl Future<Output = ()>) {
    let mut builder = runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).max_blocking_threads(1);
    runtime.enable_all().build().unwrap().block_on(test);
}

/// Holds the thread for files until the sender is dropped.
fn hold_files() -> mpsc::Sender<()> {
    let (sender, receiver) = mpsc::channel::<()>();
    task::spawn_blocking(move || {
        let _ = receiver.recv();
    });
    sender
}

async fn look(cache: &ImageCache, image: &Image) -> Lookup {
    cache.lookup(&image.id, &image.expected).await
}

/// Clears the cache while a look-up of its only image is being served: it has the image as soon as it is polled again,
/// and until then nobody can unlink the file.
async fn clear_under<'a>(
    cache: &'a ImageCache,
    image: &'a Image,
) -> (Cleared, impl Future<Output = Lookup> + 'a) {
    let files = hold_files();
    // Found on the disk, so it must be read, by the first.
    let mut reading = Box::pin(look(cache, image));
    let mut waiting = Box::pin(look(cache, image));
    assert!(reading.as_mut().now_or_never().is_none());
    assert!(waiting.as_mut().now_or_never().is_none());
    let clearing = tokio::spawn({
        let cache = cache.clone();
        async move { cache.clear(ClearTarget::Cache).await.unwrap() }
    });
    while cache.used_bytes() > 0 {
        task::yield_now().await;
    }
    drop(files);
    let cleared = clearing.await.unwrap();
    drop(reading);
    (cleared, waiting)
}

/// The one who wants room has the image whose file is to make it, since before the clear could get at it.
#[test]
fn a_fill_waits_for_no_clear_that_waits_for_the_fill() {
    with_one_file_thread(async {
        let folder = Folder::new(10_000);
        let image = Image::new(8_000);
        folder.leave(image.id.as_str(), &image.data);
        let cache = folder.open().await;
        let (cleared, lookup) = clear_under(&cache, &image).await;
        assert_eq!((cleared.images, cleared.bytes), (1, 8_000));
        assert_eq!((cache.used_bytes(), cache.occupied_bytes()), (0, 8_000));
        let found = lookup.await;
        let Lookup::Miss(permit) = found else {
            panic!("there was room for it: {found:?}");
        };
        assert!(!folder.complete(&image.id).exists());
        let room = (cache.reserved_bytes(), cache.occupied_bytes());
        assert_eq!(room, (8_000, 8_000));
        permit.fill(image.source()).finished().await.unwrap();
        unlinked(&cache).await;
        assert_eq!((cache.used_bytes(), folder.bytes_on_disk()), (8_000, 8_000));
        let Lookup::Hit(file) = look(&cache, &image).await else {
            panic!("it was filled after the clear");
        };
        assert!(read_file(&file) == image.data);
    });
}

/// As many fills as clears, each of which needs what the others are about to unlink.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn clears_and_fills_that_need_all_the_room_end() {
    let folder = Folder::new(20_000);
    let cache = folder.open().await;
    let images: Vec<_> = (0..4).map(|_| Image::new(9_000)).collect();
    let clients: Vec<_> = (0..4)
        .map(|client| {
            let (cache, images) = (cache.clone(), images.clone());
            tokio::spawn(async move {
                for step in 0..40 {
                    let image = &images[(client + step) % images.len()];
                    match look(&cache, image).await {
                        Lookup::Miss(permit) => {
                            permit.fill(image.source()).finished().await.unwrap()
                        }
                        Lookup::Filling(reader) => reader.finished().await.unwrap(),
                        Lookup::Hit(_) | Lookup::Bypass(_) => {}
                    }
                    if step % 4 == client {
                        cache.clear(ClearTarget::Cache).await.unwrap();
                    }
                    assert!(cache.occupied_bytes() <= 20_000);
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    unlinked(&cache).await;
    assert_eq!(cache.used_bytes(), folder.bytes_on_disk());
}

/// Nobody can unlink the file, so its room does not come: who waits for it is told to go.
#[test]
fn a_shutdown_ends_the_wait_for_room() {
    with_one_file_thread(async {
        let folder = Folder::new(10_000);
        let (held, other) = (Image::new(8_000), Image::new(8_000));
        folder.leave(held.id.as_str(), &held.data);
        let cache = folder.open().await;
        let (_, lookup) = clear_under(&cache, &held).await;
        let mut room = Box::pin(look(&cache, &other));
        let early = tokio::time::timeout(Duration::from_millis(50), &mut room).await;
        assert!(early.is_err(), "there is no room yet: {early:?}");
        let (ended, found) = tokio::join!(cache.shutdown(), room);
        ended.unwrap();
        assert!(
            matches!(found, Lookup::Bypass(BypassReason::ShuttingDown)),
            "{found:?}"
        );
        assert!(folder.complete(&held.id).exists());
        drop(lookup);
        drop(cache);
        // The next start heeds the note of the clear.
        let cache = folder.open().await;
        assert!(cache.list().is_empty());
        fill(&cache, &other).await;
    });
}
