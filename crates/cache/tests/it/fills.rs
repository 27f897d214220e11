//! Fills and their followers: what each of them gets, whatever happens.

use std::{io, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use vidimus_cache::{BypassReason, Expected, FillFailure, ImageCache, Lookup};
use vidimus_types::ByteRange;

use crate::support::{
    Folder, Image, MIB, Reads, expected, fed, fill, filling, hit, miss, pieces, read_file,
    read_fill, read_part, read_range,
};

async fn bypass(cache: &ImageCache, image: &Image) -> BypassReason {
    match cache.lookup(&image.id, &image.expected).await {
        Lookup::Bypass(reason) => reason,
        other => panic!("not a bypass: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_first_downloads_cost_one_read() {
    let folder = Folder::new(16 * MIB);
    let cache = folder.open().await;
    let image = Image::new(3_000_001);
    let reads = Reads::default();
    let clients: Vec<_> = (0..200)
        .map(|number| {
            let (cache, image, reads) = (cache.clone(), image.clone(), reads.clone());
            tokio::spawn(async move {
                match (number, cache.lookup(&image.id, &image.expected).await) {
                    // Begins, takes one piece, and leaves.
                    (0, Lookup::Miss(permit)) => {
                        let (sender, source) = fed();
                        let reader = permit.fill(source);
                        sender.send(Ok(image.data.slice(..100_000))).unwrap();
                        let mut stream = reader.parts(ByteRange::whole(reader.size_bytes()));
                        let part = read_part(&stream.next().await.unwrap().unwrap());
                        assert!(part == image.data[..part.len()] && !part.is_empty());
                        drop((stream, reader));
                        for at in (100_000..image.data.len()).step_by(50_000) {
                            let end = image.data.len().min(at + 50_000);
                            sender.send(Ok(image.data.slice(at..end))).unwrap();
                            tokio::task::yield_now().await;
                        }
                        1
                    }
                    // Crawls.
                    (_, Lookup::Filling(reader)) if number % 10 == 3 => {
                        let mut stream = reader.parts(ByteRange::whole(reader.size_bytes()));
                        let mut data = Vec::new();
                        while let Some(part) = stream.next().await {
                            data.extend_from_slice(&read_part(&part.unwrap()));
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                        assert!(data == image.data);
                        0
                    }
                    (_, found) => {
                        assert!(reads.take(found, &image).await == image.data);
                        0
                    }
                }
            })
        })
        .collect();
    let mut reads_by_first = 0;
    for client in clients {
        reads_by_first += client.await.unwrap();
    }
    assert_eq!(reads_by_first + reads.count(), 1);
    assert!(read_file(&hit(&cache, &image).await) == image.data);
    let counters = cache.counters();
    assert_eq!((counters.misses, counters.filled), (1, 1));
}

#[tokio::test]
async fn a_fill_goes_on_when_every_client_has_left() {
    let folder = Folder::new(MIB);
    let cache = folder.open().await;
    let image = Image::new(200_000);
    let (sender, source) = fed();
    drop(miss(&cache, &image).await.fill(source));
    sender.send(Ok(image.data.clone())).unwrap();
    let reader = filling(&cache, &image).await;
    drop(sender);
    reader.finished().await.unwrap();
    assert!(read_file(&hit(&cache, &image).await) == image.data);
    assert_eq!((cache.used_bytes(), cache.reserved_bytes()), (200_000, 0));
}

#[tokio::test]
async fn an_empty_image_is_cached_like_any_other() {
    let folder = Folder::new(MIB);
    let cache = folder.open().await;
    let image = Image::new(0);
    let reader = miss(&cache, &image).await.fill(image.source());
    let (data, end) = read_fill(&reader).await;
    end.unwrap();
    assert!(data.is_empty());
    reader.finished().await.unwrap();
    assert_eq!(hit(&cache, &image).await.size_bytes, 0);
}

#[tokio::test]
async fn wrong_bytes_never_make_a_complete_download() {
    let folder = Folder::new(MIB);
    let cache = folder.open().await;
    let image = Image::new(300_000);
    let mut wrong = image.data.to_vec();
    wrong[7] ^= 1;
    let reader = miss(&cache, &image).await.fill(pieces(&Bytes::from(wrong)));
    let (data, end) = read_fill(&reader).await;
    let error = end.unwrap_err();
    assert!(
        matches!(error.failure, FillFailure::WrongHash { .. }),
        "{error:?}"
    );
    assert!(
        !error.failure.is_resumable(),
        "the store would give them again"
    );
    assert_eq!(error.offset, data.len() as u64);
    assert!(
        data.len() <= 300_000 - 65_536,
        "the last piece was not held back"
    );
    reader.finished().await.unwrap_err();
    let (late, end) = read_fill(&reader).await;
    assert!(late.is_empty(), "bytes known to be wrong were given out");
    assert_eq!(end.unwrap_err().offset, 0);
    assert!(!cache.contains(&image.id));
    assert_eq!(folder.bytes_on_disk(), 0);
    assert_eq!((cache.used_bytes(), cache.reserved_bytes()), (0, 0));
    // The next caller fetches it again.
    fill(&cache, &image).await;
}

#[tokio::test]
async fn the_last_piece_waits_for_the_verdict_and_no_other_does() {
    let folder = Folder::new(MIB);
    let cache = folder.open().await;
    let image = Image::new(200_000);
    let (sender, source) = fed();
    let reader = miss(&cache, &image).await.fill(source);
    sender.send(Ok(image.data.clone())).unwrap();
    let mut whole = reader.parts(ByteRange::whole(200_000));
    let mut read = 0;
    while read < 200_000 - 65_536 {
        read += read_part(&whole.next().await.unwrap().unwrap()).len();
    }
    assert_eq!(read, 200_000 - 65_536);
    // A range that does not reach the end is served whole while the source has not even ended.
    let (middle, end) = read_range(
        &reader,
        ByteRange {
            start: 1,
            end: 199_999,
        },
    )
    .await;
    end.unwrap();
    assert!(middle == image.data[1..199_999]);
    assert!(futures_util::poll!(whole.next()).is_pending());
    drop(sender);
    assert!(read_part(&whole.next().await.unwrap().unwrap()) == image.data[read..]);
    assert!(whole.next().await.is_none());
}

#[tokio::test]
async fn a_source_of_another_length_fails() {
    let folder = Folder::new(MIB);
    let cache = folder.open().await;
    let image = Image::new(200_000);
    let mut long = image.data.to_vec();
    long.push(0);
    let reader = miss(&cache, &image).await.fill(pieces(&Bytes::from(long)));
    let failure = reader.finished().await.unwrap_err().failure;
    assert!(
        matches!(failure, FillFailure::TooLong { expected: 200_000 }),
        "{failure:?}"
    );
    let short = image.data.slice(..150_000);
    let reader = miss(&cache, &image).await.fill(pieces(&short));
    let (data, end) = read_fill(&reader).await;
    let error = end.unwrap_err();
    assert!(
        matches!(
            error.failure,
            FillFailure::TooShort {
                expected: 200_000,
                received: 150_000
            }
        ),
        "{error:?}"
    );
    assert!(error.failure.is_resumable());
    assert!(data == image.data[..data.len()]);
    assert!(!cache.contains(&image.id));
    assert_eq!((folder.bytes_on_disk(), cache.reserved_bytes()), (0, 0));
}

#[tokio::test]
async fn a_source_that_fails_leaves_its_followers_a_place_to_go_on_from() {
    let folder = Folder::new(MIB);
    let cache = folder.open().await;
    let image = Image::new(400_000);
    let first = [
        Ok(image.data.slice(..100_000)),
        Ok(image.data.slice(100_000..250_000)),
        Err(io::Error::other("the store went away")),
    ];
    let reader = miss(&cache, &image).await.fill(stream::iter(first));
    let (mut data, end) = read_fill(&reader).await;
    let error = end.unwrap_err();
    assert_eq!(error.offset, 250_000, "all that came is given out");
    assert!(
        matches!(&error.failure, FillFailure::Source(cause) if cause.to_string() == "the store went away")
    );
    assert!(error.failure.is_resumable());
    data.extend_from_slice(&image.data[250_000..]);
    assert!(data == image.data);
    fill(&cache, &image).await;
}

#[tokio::test(start_paused = true)]
async fn a_source_that_gives_nothing_for_the_stall_time_is_given_up() {
    let mut folder = Folder::new(MIB);
    folder.stall_time = Duration::from_secs(60);
    let cache = folder.open().await;
    let image = Image::new(1_000);
    let (sender, source) = fed();
    let reader = miss(&cache, &image).await.fill(source);
    sender.send(Ok(image.data.slice(..500))).unwrap();
    let error = reader.finished().await.unwrap_err();
    assert!(
        matches!(&error.failure, FillFailure::Source(cause) if cause.kind() == io::ErrorKind::TimedOut),
        "{error:?}"
    );
    assert!(!cache.is_filling(&image.id));
}

#[tokio::test]
async fn a_source_that_panics_hangs_nobody() {
    let folder = Folder::new(MIB);
    let cache = folder.open().await;
    let image = Image::new(1_000);
    let source = stream::poll_fn(|_| panic!("a bug in a store"));
    let reader = miss(&cache, &image).await.fill(source);
    let error = reader.finished().await.unwrap_err();
    assert!(matches!(error.failure, FillFailure::Stopped));
    assert_eq!((folder.bytes_on_disk(), cache.reserved_bytes()), (0, 0));
    fill(&cache, &image).await;
}

#[tokio::test]
async fn a_dropped_permit_goes_to_the_next_waiter() {
    let folder = Folder::new(MIB);
    let cache = folder.open().await;
    let image = Image::new(1_000);
    let permit = miss(&cache, &image).await;
    let waiters: Vec<_> = (0..3)
        .map(|_| {
            let (cache, image) = (cache.clone(), image.clone());
            tokio::spawn(async move { Reads::default().download(&cache, &image).await })
        })
        .collect();
    tokio::task::yield_now().await;
    assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
    drop(permit);
    for waiter in waiters {
        assert!(waiter.await.unwrap() == image.data);
    }
    assert_eq!(cache.counters().misses, 2);
}

#[tokio::test]
async fn a_local_failure_is_not_the_sources() {
    let folder = Folder::new(MIB);
    let cache = folder.open().await;
    let image = Image::new(1_000);
    let permit = miss(&cache, &image).await;
    let incomplete = folder.path().join("incomplete");
    std::fs::remove_dir(&incomplete).unwrap();
    std::fs::write(&incomplete, "").unwrap();
    let reader = permit.fill(image.source());
    let (data, end) = read_fill(&reader).await;
    let error = end.unwrap_err();
    assert!(matches!(error.failure, FillFailure::Local(_)), "{error:?}");
    assert!(error.failure.is_resumable());
    assert_eq!((data.len(), error.offset), (0, 0));
    assert_eq!(cache.reserved_bytes(), 0);
}

#[tokio::test]
async fn a_file_that_cannot_be_published_still_serves_its_followers() {
    let folder = Folder::new(MIB);
    let cache = folder.open().await;
    let image = Image::new(1_000);
    let permit = miss(&cache, &image).await;
    std::fs::create_dir(folder.complete(&image.id)).unwrap();
    let reader = permit.fill(image.source());
    let (data, end) = read_fill(&reader).await;
    end.unwrap();
    assert!(data == image.data);
    assert!(matches!(
        reader.finished().await.unwrap_err().failure,
        FillFailure::Local(_)
    ));
    assert!(!cache.contains(&image.id));
    assert_eq!(
        (
            folder.path().join("incomplete").read_dir().unwrap().count(),
            cache.reserved_bytes()
        ),
        (0, 0)
    );
}

#[tokio::test]
async fn an_image_removed_while_it_is_filled_is_not_cached() {
    let folder = Folder::new(MIB);
    let cache = folder.open().await;
    let image = Image::new(200_000);
    let (sender, source) = fed();
    let reader = miss(&cache, &image).await.fill(source);
    sender.send(Ok(image.data.slice(..100_000))).unwrap();
    assert!(!cache.remove(&image.id).await, "nothing was cached");
    sender.send(Ok(image.data.slice(100_000..))).unwrap();
    drop(sender);
    let (data, end) = read_fill(&reader).await;
    end.unwrap();
    assert!(data == image.data, "who follows still gets all of it");
    reader.finished().await.unwrap();
    assert!(!cache.contains(&image.id));
    assert_eq!((folder.bytes_on_disk(), cache.reserved_bytes()), (0, 0));
    fill(&cache, &image).await;
}

#[tokio::test]
async fn a_removed_image_stays_readable_for_those_who_read_it() {
    let folder = Folder::new(MIB);
    let cache = folder.open().await;
    let image = Image::new(1_000);
    fill(&cache, &image).await;
    let file = hit(&cache, &image).await;
    assert!(cache.remove(&image.id).await);
    assert!(!cache.remove(&image.id).await);
    assert_eq!((cache.used_bytes(), folder.bytes_on_disk()), (0, 0));
    assert!(read_file(&file) == image.data);
    miss(&cache, &image).await;
}

#[tokio::test]
async fn hashes_decide_what_can_be_cached() {
    let folder = Folder::new(MIB);
    let cache = folder.open().await;
    let mut image = Image::new(1_000);
    let good = image.expected.clone();
    image.expected.md5 = None;
    image.expected.hash = Some(("rot13".to_owned(), "00".to_owned()));
    assert_eq!(bypass(&cache, &image).await, BypassReason::Unverifiable);
    image.expected = Expected {
        md5: None,
        hash: None,
        ..good.clone()
    };
    fill(&cache, &image).await;
    assert!(
        read_file(&hit(&cache, &image).await) == image.data,
        "an image that has no hash"
    );
    // The hash was not known when it was filled, so now the file is read.
    image.expected = good;
    assert!(read_file(&hit(&cache, &image).await) == image.data);
    image.expected.md5 = Some("0".repeat(32));
    image.expected.hash = None;
    drop(miss(&cache, &image).await);
    assert!(!cache.contains(&image.id));
    let upper = Image::new(100);
    let md5 = upper.expected.md5.clone().map(|md5| md5.to_uppercase());
    let upper = Image {
        expected: Expected {
            md5,
            ..upper.expected.clone()
        },
        ..upper
    };
    fill(&cache, &upper).await;
}

#[tokio::test]
async fn an_image_of_another_size_is_not_a_hit_and_not_followed() {
    let folder = Folder::new(MIB);
    let cache = folder.open().await;
    let image = Image::new(1_000);
    let other = Image {
        expected: expected(&image.data[..900]),
        ..image.clone()
    };
    let (sender, source) = fed();
    let reader = miss(&cache, &image).await.fill(source);
    assert_eq!(bypass(&cache, &other).await, BypassReason::Busy);
    sender.send(Ok(image.data.clone())).unwrap();
    drop(sender);
    reader.finished().await.unwrap();
    drop(miss(&cache, &other).await);
    assert!(!cache.contains(&image.id), "the id has other data now");
}

#[tokio::test]
async fn shutdown_ends_fills_and_frees_the_folder() {
    let folder = Folder::new(MIB);
    let cache = folder.open().await;
    let (done, running) = (Image::new(1_000), Image::new(1_000));
    fill(&cache, &done).await;
    let permit = miss(&cache, &running).await;
    let (sender, source) = fed();
    let reader = permit.fill(source);
    sender.send(Ok(running.data.slice(..10))).unwrap();
    cache.shutdown().await.unwrap();
    let error = reader.finished().await.unwrap_err();
    assert!(matches!(error.failure, FillFailure::Stopped));
    assert_eq!(bypass(&cache, &running).await, BypassReason::ShuttingDown);
    drop(cache);
    let cache = folder.open().await;
    assert!(read_file(&hit(&cache, &done).await) == done.data);
    assert_eq!(folder.bytes_on_disk(), 1_000);
}
