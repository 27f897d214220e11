//! What goes wrong in Glance's cache and must not here. `weakness_NN` is a row of the list of known weaknesses in the
//! reference on the cache, `dN` a defect reproduced against Glance 33.0.0. Number 13 and 22 are in `limit.rs`.

use std::{
    collections::HashSet,
    fs::File,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use vidimus_cache::{FillFailure, Lookup, Verification};
use vidimus_types::{ByteRange, ImageId};

use crate::support::{
    Folder, Image, MIB, Reads, fed, fill, filling, hit, miss, read_file, read_fill, read_range,
};

/// Two first downloads, the second leaves: Glance publishes a file with a hole.
#[tokio::test]
async fn weakness_d1_a_leaving_client_spoils_no_file() {
    let folder = Folder::new(MIB);
    let cache = folder.open().await;
    let image = Image::new(800_000);
    let (sender, source) = fed();
    let first = miss(&cache, &image).await.fill(source);
    sender.send(Ok(image.data.slice(..300_000))).unwrap();
    let second = filling(&cache, &image).await;
    let mut stream = second.parts(ByteRange::whole(800_000));
    stream.next().await.unwrap().unwrap();
    drop((stream, second));
    sender.send(Ok(image.data.slice(300_000..))).unwrap();
    drop(sender);
    let (data, end) = read_fill(&first).await;
    end.unwrap();
    assert!(data == image.data);
    first.finished().await.unwrap();
    assert!(read_file(&hit(&cache, &image).await) == image.data);
}

/// A prefetch during a download whose source fails: Glance publishes a file with a hole that no list shows.
#[tokio::test]
async fn weakness_d2_a_prefetch_joins_the_download() {
    let folder = Folder::new(MIB);
    let cache = folder.open().await;
    let image = Image::new(800_000);
    let (sender, source) = fed();
    let download = miss(&cache, &image).await.fill(source);
    sender.send(Ok(image.data.slice(..300_000))).unwrap();
    let Lookup::Filling(prefetch) = cache.lookup_for_prefetch(&image.id, &image.expected).await
    else {
        panic!("the prefetch would read the store again");
    };
    sender
        .send(Err(std::io::Error::other("the store failed")))
        .unwrap();
    for reader in [download, prefetch] {
        let (data, end) = read_fill(&reader).await;
        assert!(matches!(end.unwrap_err().failure, FillFailure::Source(_)));
        assert!(data == image.data[..300_000]);
    }
    assert!(cache.list().is_empty());
    assert_eq!(folder.bytes_on_disk(), 0);
}

/// `kill -9` during a fill: Glance does not cache the image for a day.
#[tokio::test]
async fn weakness_06_d3_a_fill_cut_by_a_crash_blocks_nothing() {
    let folder = Folder::new(MIB);
    let image = Image::new(100_000);
    folder.leave(format!("incomplete/{}", image.id), &image.data[..60_000]);
    let cache = folder.open().await;
    assert_eq!(folder.bytes_on_disk(), 0);
    fill(&cache, &image).await;
    assert!(read_file(&hit(&cache, &image).await) == image.data);
}

/// Empty and cut files, as a power loss leaves them: hits in Glance.
#[tokio::test]
async fn weakness_d4_a_cut_file_is_no_hit() {
    let folder = Folder::new(MIB);
    let (empty, cut, cut_later) = (Image::new(1_000), Image::new(1_000), Image::new(100_000));
    folder.leave(empty.id.as_str(), b"");
    folder.leave(cut.id.as_str(), &cut.data[..999]);
    let cache = folder.open().await;
    for image in [&empty, &cut] {
        drop(miss(&cache, image).await);
        assert!(!cache.contains(&image.id));
    }
    assert_eq!((folder.bytes_on_disk(), cache.used_bytes()), (0, 0));
    // Cut while it is a verified hit, closed and open.
    for is_open in [false, true] {
        fill(&cache, &cut_later).await;
        let reader = is_open.then_some(hit(&cache, &cut_later).await);
        let file = File::options()
            .write(true)
            .open(folder.complete(&cut_later.id));
        file.unwrap().set_len(50_000).unwrap();
        drop(miss(&cache, &cut_later).await);
        drop(reader);
        assert_eq!(cache.used_bytes(), 0);
    }
    assert_eq!(cache.counters().damaged, 4);
}

/// Files that no index knows, over the limit: Glance's prune never returns.
#[tokio::test]
async fn weakness_01_d5_orphans_over_the_limit_are_pruned() {
    let folder = Folder::new(10_000);
    let mut names: HashSet<_> = (0..30).map(|_| ImageId::random()).collect();
    for id in &names {
        folder.leave(id.as_str(), &[7; 1_000]);
    }
    let cache = folder.open().await;
    assert_eq!(
        (cache.used_bytes(), folder.bytes_on_disk()),
        (10_000, 10_000)
    );
    assert_eq!(
        cache.prune().await.unwrap().images,
        0,
        "nothing is left to do"
    );
    let listed: HashSet<_> = cache
        .list()
        .into_iter()
        .map(|entry| entry.image_id)
        .collect();
    assert_eq!(listed.len(), 10, "they are seen");
    names.retain(|id| listed.contains(id));
    assert_eq!(names.len(), 10);
    // An orphan that appears while we run is no business of prune's, and does not stop it.
    folder.leave(ImageId::random().as_str(), &[7; 20_000]);
    assert_eq!(cache.prune().await.unwrap().images, 0);
}

/// An image that cannot be fetched: Glance's prefetch thread dies, and the queue with it.
#[tokio::test(start_paused = true)]
async fn weakness_16_d6_a_poisonous_image_stops_no_other() {
    let folder = Folder::new(MIB);
    let cache = folder.open().await;
    let queue = cache.queue();
    let (poison, good) = (ImageId::random(), ImageId::random());
    assert!(queue.push(&poison).await.unwrap());
    assert!(queue.push(&good).await.unwrap());
    assert_eq!(queue.next().await, poison);
    queue.failed(&poison, "the store has no such image");
    assert_eq!(queue.next().await, good);
    queue.done(&good).await.unwrap();
    let begun = tokio::time::Instant::now();
    let mut waits = Vec::new();
    for _ in 0..10 {
        let before = tokio::time::Instant::now();
        assert_eq!(queue.next().await, poison, "it is tried for ever");
        waits.push(before.elapsed().as_secs());
        queue.failed(&poison, "still not");
    }
    assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
    assert!(begun.elapsed() > Duration::from_secs(3_000));
    let [failure] = &queue.failures()[..] else {
        panic!("one image failed");
    };
    assert_eq!((failure.image_id, failure.attempts), (poison, 11));
    assert_eq!(failure.last_error, "still not");
    // A worker that dies with an image in hand does not take it along.
    assert_eq!(queue.next().await, poison);
    let taken = tokio::time::Instant::now();
    let late = ImageId::random();
    queue.push(&late).await.unwrap();
    assert_eq!(queue.next().await, late);
    assert_eq!(queue.next().await, poison);
    assert_eq!(taken.elapsed().as_secs(), 900);
    assert_eq!(queue.list(), [poison, late]);
}

/// Glance's prefetch holds the whole image in memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weakness_02_a_fill_holds_a_mebibyte_at_most() {
    struct Counted(Bytes, Arc<AtomicUsize>);
    impl AsRef<[u8]> for Counted {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    impl Drop for Counted {
        fn drop(&mut self) {
            self.1.fetch_sub(self.0.len(), SeqCst);
        }
    }
    let folder = Folder::new(64 * MIB);
    let cache = folder.open().await;
    let image = Image::new(32 * 1024 * 1024);
    let (held, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (data, held_now, most_held) = (image.data.clone(), Arc::clone(&held), Arc::clone(&most));
    let chunk = 64 * 1024;
    let chunks = (0..data.len()).step_by(chunk).map(move |at| {
        let now = held_now.fetch_add(chunk, SeqCst) + chunk;
        most_held.fetch_max(now, SeqCst);
        let counted = Counted(data.slice(at..at + chunk), Arc::clone(&held_now));
        Ok(Bytes::from_owner(counted))
    });
    let reader = miss(&cache, &image).await.fill(stream::iter(chunks));
    // A follower that takes one part and stalls.
    let mut stalled = reader.parts(ByteRange::whole(reader.size_bytes()));
    stalled.next().await.unwrap().unwrap();
    reader.finished().await.unwrap();
    assert!(
        most.load(SeqCst) <= 1024 * 1024,
        "{} bytes held",
        most.load(SeqCst)
    );
    assert_eq!(held.load(SeqCst), 0);
}

/// Two requests both find the image neither cached nor being cached, and both write the same file.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn weakness_04_05_one_writer_per_file() {
    let folder = Folder::new(64 * MIB);
    let cache = folder.open().await;
    for _ in 0..50 {
        let image = Image::new(100_000);
        let reads = Reads::default();
        let clients: Vec<_> = (0..16)
            .map(|_| {
                let (cache, image, reads) = (cache.clone(), image.clone(), reads.clone());
                tokio::spawn(async move { reads.download(&cache, &image).await == image.data })
            })
            .collect();
        for client in clients {
            assert!(client.await.unwrap());
        }
        assert_eq!(reads.count(), 1);
    }
}

/// Glance's cleaner goes by age alone and deletes a slow download under its writer.
#[tokio::test]
async fn weakness_07_clean_spares_a_slow_fill() {
    let mut folder = Folder::new(MIB);
    folder.stall_time = Duration::from_secs(3_600);
    let cache = folder.open().await;
    let image = Image::new(100_000);
    let (sender, source) = fed();
    let reader = miss(&cache, &image).await.fill(source);
    sender.send(Ok(image.data.slice(..70_000))).unwrap();
    reader
        .parts(ByteRange::whole(100_000))
        .next()
        .await
        .unwrap()
        .unwrap();
    let old = SystemTime::now() - Duration::from_secs(100_000);
    let age = |name: &str| {
        let file = File::options()
            .write(true)
            .open(folder.path().join("incomplete").join(name));
        file.unwrap().set_modified(old).unwrap();
    };
    age(image.id.as_str());
    let (stalled, fresh, invalid) = (ImageId::random(), ImageId::random(), ImageId::random());
    folder.leave(format!("incomplete/{stalled}"), b"12345");
    age(stalled.as_str());
    folder.leave(format!("incomplete/{fresh}"), b"foreign and alive");
    folder.leave(format!("invalid/{invalid}"), b"123");
    let cleaned = cache.clean().await.unwrap();
    assert_eq!(
        (cleaned.invalid, cleaned.incomplete, cleaned.bytes),
        (1, 1, 8)
    );
    assert!(
        folder
            .path()
            .join("incomplete")
            .join(fresh.as_str())
            .is_file()
    );
    sender.send(Ok(image.data.slice(70_000..))).unwrap();
    drop(sender);
    reader.finished().await.unwrap();
    assert!(read_file(&hit(&cache, &image).await) == image.data);
}

/// Glance never looks at the bytes again, and has nothing to compare them with.
#[tokio::test]
async fn weakness_08_damage_is_noticed() {
    let folder = Folder::new(MIB);
    let (left, image) = (Image::new(100_000), Image::new(100_000));
    // Glance's hole: the right size, the wrong bytes.
    let mut holed = left.data.to_vec();
    holed[10_000..40_000].fill(0);
    folder.leave(left.id.as_str(), &holed);
    let cache = folder.open().await;
    assert!(cache.contains(&left.id), "taken up");
    drop(miss(&cache, &left).await);
    assert!(!cache.contains(&left.id), "and found out");
    // Written to after it was verified.
    fill(&cache, &image).await;
    let path = folder.complete(&image.id);
    std::fs::write(&path, &holed).unwrap();
    drop(miss(&cache, &image).await);
    // Rot leaves size and time alone. A look-up cannot see it; `verify` does.
    fill(&cache, &image).await;
    assert_eq!(
        cache.verify(&image.id, &image.expected).await.unwrap(),
        Verification::Intact
    );
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[image.data[5] ^ 4], 5).unwrap();
    file.set_modified(modified).unwrap();
    assert_eq!(
        cache.verify(&image.id, &image.expected).await.unwrap(),
        Verification::Dropped
    );
    assert_eq!(
        cache.verify(&image.id, &image.expected).await.unwrap(),
        Verification::NotCached
    );
    drop(miss(&cache, &image).await);
    assert_eq!((folder.bytes_on_disk(), cache.counters().damaged), (0, 3));
}

/// A copy that Glance left is good after one look, by one reader for all who wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn weakness_08_a_good_copy_of_glances_is_taken_over() {
    let folder = Folder::new(8 * MIB);
    let image = Image::new(3_000_000);
    folder.leave(image.id.as_str(), &image.data);
    let cache = folder.open().await;
    let reads = Reads::default();
    let clients: Vec<_> = (0..20)
        .map(|_| {
            let (cache, image, reads) = (cache.clone(), image.clone(), reads.clone());
            tokio::spawn(async move { reads.download(&cache, &image).await == image.data })
        })
        .collect();
    for client in clients {
        assert!(client.await.unwrap());
    }
    assert_eq!((reads.count(), cache.counters().hits), (0, 20));
}

/// Keyed by id alone, Glance serves the old bytes of an id that has new ones.
#[tokio::test]
async fn weakness_11_an_id_with_other_data_is_no_hit() {
    let folder = Folder::new(MIB);
    let cache = folder.open().await;
    let old = Image::new(1_000);
    let new = Image::with_id(old.id, 1_000, 2);
    assert_ne!(old.expected, new.expected);
    fill(&cache, &old).await;
    fill(&cache, &new).await;
    assert!(read_file(&hit(&cache, &new).await) == new.data);
}

/// Glance walks the folder for each size and each list.
#[tokio::test]
async fn weakness_12_size_and_list_need_no_disk() {
    let folder = Folder::new(MIB);
    let cache = folder.open().await;
    let image = Image::new(1_000);
    fill(&cache, &image).await;
    let reader = hit(&cache, &image).await;
    std::fs::remove_dir_all(folder.path()).unwrap();
    assert_eq!(cache.used_bytes(), 1_000);
    assert_eq!(cache.list().len(), 1);
    assert!(cache.contains(&image.id));
    // Nor does a hit on an image that others read.
    assert!(read_file(&hit(&cache, &image).await) == image.data);
    drop(reader);
}

/// A Range request never meets Glance's cache.
#[tokio::test]
async fn weakness_14_ranges_are_served_from_what_is_there() {
    let folder = Folder::new(MIB);
    let cache = folder.open().await;
    let image = Image::new(500_000);
    let (sender, source) = fed();
    let reader = miss(&cache, &image).await.fill(source);
    sender.send(Ok(image.data.slice(..300_000))).unwrap();
    for (start, end) in [(0, 1), (70_000, 299_999), (5, 5)] {
        let (data, result) = read_range(&reader, ByteRange { start, end }).await;
        result.unwrap();
        assert!(data == image.data[start as usize..end as usize]);
    }
    assert_eq!(reader.available(), 300_000);
    let tail = tokio::spawn({
        let reader = reader.clone();
        async move {
            read_range(
                &reader,
                ByteRange {
                    start: 299_000,
                    end: u64::MAX,
                },
            )
            .await
        }
    });
    sender.send(Ok(image.data.slice(300_000..))).unwrap();
    drop(sender);
    let (data, result) = tail.await.unwrap();
    result.unwrap();
    assert!(data == image.data[299_000..]);
}

/// A name in the queue is a file name in Glance, whatever it is.
#[tokio::test]
async fn weakness_18_only_images_are_queued() {
    let folder = Folder::new(MIB);
    folder.leave("queue/not-an-image", b"");
    let id = ImageId::random();
    folder.leave(format!("queue/{id}"), b"");
    let cache = folder.open().await;
    assert_eq!(cache.queue().list(), [id]);
    assert_eq!(cache.queue().next().await, id);
}

/// Glance sorts markers by the time of files, whose clock ticks are longer than the gap between two requests.
#[tokio::test]
async fn weakness_20_the_queue_keeps_its_order() {
    let folder = Folder::new(MIB);
    let mut cache = folder.open().await;
    let ids: Vec<_> = (0..20).map(|_| ImageId::random()).collect();
    for id in &ids {
        assert!(cache.queue().push(id).await.unwrap());
        assert!(!cache.queue().push(id).await.unwrap());
    }
    for _ in 0..2 {
        assert_eq!(cache.queue().list(), ids);
        assert_eq!(
            (cache.queue().len(), cache.queue().contains(&ids[3])),
            (20, true)
        );
        drop(cache);
        cache = folder.open().await;
    }
    assert_eq!(cache.queue().next().await, ids[0]);
    assert_eq!(cache.queue().next().await, ids[1], "it is handed out once");
    assert!(cache.queue().remove(&ids[0]).await.unwrap());
    assert!(!cache.queue().remove(&ids[0]).await.unwrap());
    assert_eq!(cache.queue().list(), ids[1..]);
}

/// A queued image that is cached, by whomever, leaves the queue.
#[tokio::test]
async fn weakness_20_a_fill_fulfils_the_queue() {
    let folder = Folder::new(MIB);
    let cache = folder.open().await;
    let image = Image::new(1_000);
    let (sender, source) = fed();
    let reader = miss(&cache, &image).await.fill(source);
    assert!(
        cache.queue().push(&image.id).await.unwrap(),
        "the fill may fail yet"
    );
    sender.send(Ok(image.data.clone())).unwrap();
    drop(sender);
    reader.finished().await.unwrap();
    assert!(cache.queue().is_empty());
    assert_eq!(folder.path().join("queue").read_dir().unwrap().count(), 0);
    assert!(!cache.queue().push(&image.id).await.unwrap(), "cached");
}
