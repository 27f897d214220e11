//! The promises of [`Store`], as checks that every implementation must pass.
//!
//! Each check begins and ends with an empty store: whatever is left behind fails it. A failed check panics, as a test does.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use vidimus_types::{ByteRange, ImageId};

use crate::{ByteStream, Error, Location, Store, StoreRead};

/// A store under test, and a way to look at it from outside.
pub struct Subject<'a> {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Names everything it holds, finished or not.
    pub contents: &'a (dyn Fn() -> Vec<String> + Sync),
    /// A location that looks like its own and lies outside of what it may touch.
    pub foreign: Location,
}

impl std::fmt::Debug for Subject<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subject")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

/// Runs every check.
pub async fn check(subject: &Subject<'_>) {
    what_was_put_is_read_back(subject).await;
    ranges_are_exact(subject).await;
    a_wrong_size_hint_changes_nothing(subject).await;
    a_broken_source_leaves_nothing(subject).await;
    a_dropped_put_leaves_nothing(subject).await;
    one_of_several_puts_wins_whole(subject).await;
    a_second_put_replaces_the_whole(subject).await;
    what_is_not_there_is_not_found(subject).await;
    foreign_locations_are_refused(subject).await;
    recovery_spares_what_is_being_written(subject).await;
}

async fn what_was_put_is_read_back(subject: &Subject<'_>) {
    for size_bytes in [0, 1, 70_000, 3 * 1024 * 1024 + 1] {
        let (id, data) = (ImageId::random(), sample(size_bytes, 1));
        let location = put(subject, &id, &data).await;
        assert!(subject.store.recognises(&location.url), "its own location");
        let size = must(subject.store.size(&location).await, "size");
        assert_eq!(size, size_bytes as u64);
        let read = must(subject.store.open(&location, None).await, "open");
        assert_eq!(read.size_bytes(), size_bytes as u64);
        assert_eq!(read.range(), ByteRange::whole(size_bytes as u64));
        assert!(bytes_of(read).await == data, "{size_bytes} bytes differ");
        delete(subject, &location).await;
    }
}

async fn ranges_are_exact(subject: &Subject<'_>) {
    let data = sample(600_000, 2);
    let location = put(subject, &ImageId::random(), &data).await;
    for (start, end) in [
        (0, 0),
        (0, 1),
        (262_143, 262_145),
        (599_999, 600_000),
        (7, 600_000),
    ] {
        let range = ByteRange { start, end };
        let read = must(subject.store.open(&location, Some(range)).await, "open");
        assert_eq!(read.range(), range);
        assert_eq!(read.size_bytes(), 600_000);
        let expected = &data[start as usize..end as usize];
        assert!(bytes_of(read).await == expected, "{range:?} differs");
    }
    for (start, end) in [(0, 600_001), (600_001, 600_002)] {
        let beyond = subject
            .store
            .open(&location, Some(ByteRange { start, end }))
            .await;
        assert!(
            matches!(
                beyond,
                Err(Error::OutOfRange {
                    size_bytes: 600_000,
                    ..
                })
            ),
            "{beyond:?}"
        );
    }
    delete(subject, &location).await;
}

async fn a_wrong_size_hint_changes_nothing(subject: &Subject<'_>) {
    let data = sample(100_000, 3);
    for hint in [0, 1, 99_999, 100_001, 2_000_000] {
        let source = stream_of(&data);
        let id = ImageId::random();
        let put = subject.store.put(&id, source, Some(hint));
        let stored = must(put.await, "put");
        assert_eq!(stored.size_bytes, 100_000);
        let read = must(subject.store.open(&stored.location, None).await, "open");
        assert!(bytes_of(read).await == data, "hint {hint}");
        delete(subject, &stored.location).await;
    }
}

async fn a_broken_source_leaves_nothing(subject: &Subject<'_>) {
    for size_bytes in [0, 10, 5 * 1024 * 1024] {
        let cut = stream::once(async { Err(io::Error::other("the client left")) });
        let source = Box::pin(stream_of(&sample(size_bytes, 4)).chain(cut));
        let id = ImageId::random();
        let put = subject.store.put(&id, source, Some(size_bytes as u64));
        let failed = put.await;
        assert!(matches!(failed, Err(Error::Source(_))), "{failed:?}");
        assert_eq!((subject.contents)(), Vec::<String>::new(), "left behind");
    }
}

async fn a_dropped_put_leaves_nothing(subject: &Subject<'_>) {
    // Cut at every chunk in turn, which reaches the phases between opening the file and publishing it.
    for chunks in 0..12 {
        let taken = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&taken);
        let data = stream_of(&sample(400_000 * chunks, 5)).inspect(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        let id = ImageId::random();
        let store = Arc::clone(&subject.store);
        let source = Box::pin(data.chain(stream::pending()));
        let put = tokio::spawn(async move { store.put(&id, source, None).await });
        while taken.load(Ordering::Relaxed) < (400_000 * chunks).div_ceil(CHUNK) as u64 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        put.abort();
        drop(put.await);
        // What is under way on other threads is cleared away when it ends.
        until_empty(subject).await;
    }
}

async fn one_of_several_puts_wins_whole(subject: &Subject<'_>) {
    let id = ImageId::random();
    let candidates: Vec<Vec<u8>> = (0..4)
        .map(|seed| sample(900_000 + seed, seed as u8))
        .collect();
    let puts = candidates
        .iter()
        .map(|data| subject.store.put(&id, stream_of(data), None));
    let outcomes = futures_util::future::join_all(puts).await;
    let stored: Vec<_> = outcomes.into_iter().filter_map(Result::ok).collect();
    let Some(last) = stored.first() else {
        panic!("every put failed");
    };
    let read = must(subject.store.open(&last.location, None).await, "open");
    let data = bytes_of(read).await;
    assert!(candidates.contains(&data), "a mixture of several uploads");
    assert_eq!((subject.contents)().len(), 1, "one file of one image");
    delete(subject, &last.location).await;
}

async fn a_second_put_replaces_the_whole(subject: &Subject<'_>) {
    let id = ImageId::random();
    let (long, short) = (sample(500_000, 6), sample(1_000, 7));
    let location = put(subject, &id, &long).await;
    let opened = must(subject.store.open(&location, None).await, "open");
    let again = put(subject, &id, &short).await;
    assert_eq!(again, location);
    assert!(
        bytes_of(opened).await == long,
        "an open reader was disturbed"
    );
    let read = must(subject.store.open(&location, None).await, "open");
    assert!(bytes_of(read).await == short);

    let opened = must(subject.store.open(&location, None).await, "open");
    delete(subject, &location).await;
    assert!(
        bytes_of(opened).await == short,
        "deleting disturbed a reader"
    );
}

async fn what_is_not_there_is_not_found(subject: &Subject<'_>) {
    let location = put(subject, &ImageId::random(), b"x").await;
    delete(subject, &location).await;
    let opened = subject.store.open(&location, None).await;
    assert!(matches!(opened, Err(Error::NotFound { .. })), "{opened:?}");
    let size = subject.store.size(&location).await;
    assert!(matches!(size, Err(Error::NotFound { .. })), "{size:?}");
    must(subject.store.delete(&location).await, "deleting once more");
}

async fn foreign_locations_are_refused(subject: &Subject<'_>) {
    for foreign in [
        &subject.foreign,
        &Location::new(""),
        &Location::new("x://y/z"),
    ] {
        assert!(!subject.store.recognises(&foreign.url), "{foreign:?}");
        let opened = subject.store.open(foreign, None).await;
        assert!(
            matches!(opened, Err(Error::BadLocation { .. })),
            "{opened:?}"
        );
        let size = subject.store.size(foreign).await;
        assert!(matches!(size, Err(Error::BadLocation { .. })), "{size:?}");
        let deleted = subject.store.delete(foreign).await;
        assert!(
            matches!(deleted, Err(Error::BadLocation { .. })),
            "{deleted:?}"
        );
    }
}

async fn recovery_spares_what_is_being_written(subject: &Subject<'_>) {
    let data = sample(300_000, 8);
    let location = put(subject, &ImageId::random(), &data).await;
    let (id, store) = (ImageId::random(), Arc::clone(&subject.store));
    let (send, receive) = tokio::sync::mpsc::channel::<io::Result<Bytes>>(1);
    let source = Box::pin(stream::unfold(receive, |mut receive| async move {
        Some((receive.recv().await?, receive))
    }));
    let put = tokio::spawn(async move { store.put(&id, source, None).await });
    // The second chunk is taken only once the first is in the store's hands.
    for _ in 0..2 {
        must(send.send(Ok(Bytes::from_static(b"half"))).await, "send");
    }
    let recovered = must(subject.store.recover().await, "recover");
    assert_eq!(recovered.files, 0, "somebody is writing that");
    drop(send);
    let Ok(stored) = put.await else {
        panic!("put panicked");
    };
    let second = must(stored, "the put that recovery ran beside").location;
    let read = must(subject.store.open(&second, None).await, "open");
    assert!(bytes_of(read).await == b"halfhalf");
    must(subject.store.delete(&second).await, "delete");
    delete(subject, &location).await;
}

const CHUNK: usize = 65_536;

fn must<T, E: std::fmt::Debug>(outcome: Result<T, E>, what: &str) -> T {
    match outcome {
        Ok(value) => value,
        Err(error) => panic!("{what}: {error:?}"),
    }
}

/// Bytes that tell seeds and places apart, with stretches of zeros in between.
fn sample(size_bytes: usize, seed: u8) -> Vec<u8> {
    let byte = |at: usize| match (at / 100_000) % 3 {
        1 => 0,
        _ => (at % 251) as u8 ^ seed,
    };
    (0..size_bytes).map(byte).collect()
}

fn stream_of(data: &[u8]) -> ByteStream {
    let chunks: Vec<_> = data
        .chunks(CHUNK)
        .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
        .collect();
    Box::pin(stream::iter(chunks))
}

async fn put(subject: &Subject<'_>, id: &ImageId, data: &[u8]) -> Location {
    let put = subject
        .store
        .put(id, stream_of(data), Some(data.len() as u64));
    let stored = must(put.await, "put");
    assert_eq!(stored.size_bytes, data.len() as u64);
    stored.location
}

async fn bytes_of(read: StoreRead) -> Vec<u8> {
    let chunks: Vec<Bytes> = must(read.into_stream().try_collect().await, "read");
    chunks.concat()
}

async fn delete(subject: &Subject<'_>, location: &Location) {
    must(subject.store.delete(location).await, "delete");
    assert_eq!((subject.contents)(), Vec::<String>::new(), "left behind");
}

async fn until_empty(subject: &Subject<'_>) {
    for _ in 0..2_000 {
        if (subject.contents)().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("left behind: {:?}", (subject.contents)());
}
