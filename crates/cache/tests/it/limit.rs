//! The limit, at every moment, and who makes room.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use vidimus_cache::{BypassReason, Lookup};
use vidimus_types::ClearTarget;

use crate::support::{Folder, Image, MIB, Reads, fed, fill, hit, miss, read_file, unlinked};

#[tokio::test]
async fn what_cannot_fit_goes_past_the_cache() {
    let mut folder = Folder::new(10_000);
    let cache = folder.open().await;
    let reason = async |cache: &vidimus_cache::ImageCache, image: &Image| match cache
        .lookup(&image.id, &image.expected)
        .await
    {
        Lookup::Bypass(reason) => reason,
        other => panic!("not a bypass: {other:?}"),
    };
    assert_eq!(
        reason(&cache, &Image::new(10_001)).await,
        BypassReason::TooLarge
    );
    let cached = Image::new(3_000);
    fill(&cache, &cached).await;
    let (_sender, source) = fed();
    let running = miss(&cache, &Image::new(7_000)).await.fill(source);
    assert_eq!(
        reason(&cache, &Image::new(3_001)).await,
        BypassReason::NoRoom
    );
    assert!(cache.contains(&cached.id), "evicted in vain");
    drop((running, cached));
    drop(miss(&cache, &Image::new(3_000)).await);
    cache.shutdown().await.unwrap();
    drop(cache);
    folder.free_space_reserve_bytes = u64::MAX / 2;
    let cache = folder.open().await;
    assert_eq!(reason(&cache, &Image::new(1)).await, BypassReason::DiskFull);
    assert_eq!(cache.reserved_bytes(), 0);
}

#[tokio::test]
async fn a_look_at_what_is_there_evicts_nothing_and_waits_for_nobody() {
    let folder = Folder::new(10_000);
    let cache = folder.open().await;
    let (cached, other) = (Image::new(8_000), Image::new(8_000));
    fill(&cache, &cached).await;
    let answer = async |image: &Image| cache.lookup_present(&image.id, &image.expected).await;
    assert!(matches!(
        answer(&other).await,
        Lookup::Bypass(BypassReason::NotCached)
    ));
    assert!(matches!(answer(&cached).await, Lookup::Hit(_)));
    assert_eq!((cache.reserved_bytes(), cache.counters().hits), (0, 1));
    let permit = miss(&cache, &other).await;
    assert!(!cache.contains(&cached.id), "a download does evict");
    assert!(matches!(
        answer(&other).await,
        Lookup::Bypass(BypassReason::NotCached)
    ));
    let (_sender, source) = fed();
    let _reader = permit.fill(source);
    assert!(matches!(answer(&other).await, Lookup::Filling(_)));
}

#[tokio::test]
async fn one_big_image_costs_no_more_small_ones_than_needed() {
    let folder = Folder::new(10_000);
    let cache = folder.open().await;
    let small: Vec<_> = (0..3).map(|_| Image::new(100)).collect();
    for image in &small {
        fill(&cache, image).await;
    }
    fill(&cache, &Image::new(9_000)).await;
    let next = Image::new(5_000);
    fill(&cache, &next).await;
    assert!(
        small.iter().all(|image| cache.contains(&image.id)),
        "they went with the big one, and for nothing"
    );
    assert_eq!(cache.used_bytes(), 5_300);
    assert_eq!(cache.counters().evicted, 1);
}

#[tokio::test]
async fn a_backup_run_does_not_evict_what_is_used() {
    let folder = Folder::new(100_000);
    let cache = folder.open().await;
    let hot: Vec<_> = (0..8).map(|_| Image::new(10_000)).collect();
    for image in &hot {
        fill(&cache, image).await;
        hit(&cache, image).await;
    }
    for _ in 0..200 {
        fill(&cache, &Image::new(10_000)).await;
    }
    for image in &hot {
        assert!(cache.contains(&image.id));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn weakness_13_the_limit_holds_at_every_moment() {
    let folder = Arc::new(Folder::new(MIB));
    let cache = folder.open().await;
    let is_over = Arc::new(AtomicBool::new(false));
    let watcher = std::thread::spawn({
        let (folder, cache, is_over) = (Arc::clone(&folder), cache.clone(), Arc::clone(&is_over));
        move || {
            let mut looks = 0_u64;
            while !is_over.load(SeqCst) {
                assert!(cache.occupied_bytes() <= MIB);
                // A walk is no snapshot: a file that goes and one that comes meanwhile are both in the sum. Five
                // walks in a row that see too much are no accident.
                let seen = (0..5).map(|_| folder.bytes_on_disk()).min().unwrap();
                assert!(seen <= MIB, "{seen} bytes on the disk");
                looks += 1;
            }
            looks
        }
    });
    let images: Vec<_> = (0..24_usize)
        .map(|number| Image::new(20_000 + number * 9_000))
        .collect();
    let clients: Vec<_> = (0..8_usize)
        .map(|client| {
            let (cache, images) = (cache.clone(), images.clone());
            tokio::spawn(async move {
                for step in 0..60 {
                    let image = &images[(client * 7 + step * (client + 1)) % images.len()];
                    assert!(Reads::default().download(&cache, image).await == image.data);
                    if step == 30 && client == 0 {
                        cache.clear(ClearTarget::Cache).await.unwrap();
                    }
                    if step % 9 == 0 {
                        cache.remove(&image.id).await;
                    }
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    // On a slow disk the crowd above may have found no room. When its last fills have ended, every image must find some.
    for image in &images {
        loop {
            match cache.lookup(&image.id, &image.expected).await {
                Lookup::Hit(file) => break assert!(read_file(&file) == image.data),
                Lookup::Filling(reader) => reader.finished().await.unwrap(),
                Lookup::Miss(permit) => permit.fill(image.source()).finished().await.unwrap(),
                Lookup::Bypass(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }
    is_over.store(true, SeqCst);
    assert!(watcher.join().unwrap() > 0);
    cache.shutdown().await.unwrap();
    assert_eq!(cache.reserved_bytes(), 0);
    unlinked(&cache).await;
    assert_eq!(cache.used_bytes(), folder.bytes_on_disk());
    assert!(cache.counters().evicted > 0);
}

#[tokio::test]
async fn weakness_22_an_image_in_use_is_evicted_last_and_counted_once() {
    let folder = Folder::new(10_000);
    let cache = folder.open().await;
    let (used, idle) = (Image::new(4_000), Image::new(4_000));
    fill(&cache, &used).await;
    fill(&cache, &idle).await;
    let reader = hit(&cache, &used).await;
    drop(hit(&cache, &idle).await);
    // The idle one has as many hits, came later and was asked for later. It is nobody's now.
    fill(&cache, &Image::new(4_000)).await;
    assert!(cache.contains(&used.id) && !cache.contains(&idle.id));
    // Nothing else is left to go.
    fill(&cache, &Image::new(9_000)).await;
    assert!(!cache.contains(&used.id));
    assert!(read_file(&reader) == used.data, "and still it can be read");
    assert_eq!((cache.used_bytes(), folder.bytes_on_disk()), (9_000, 9_000));
}
