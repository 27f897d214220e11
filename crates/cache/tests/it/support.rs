//! A cache in a temporary folder, images, and sources that are counted, held back or broken.

use std::{
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tempfile::TempDir;
use tokio::sync::mpsc;
use vidimus_cache::{
    CacheConfig, CacheFile, Expected, FillError, FillPart, FillPermit, FillReader, ImageCache,
    Lookup,
};
use vidimus_digest::{Algorithm, hex_digest};
use vidimus_types::{ByteRange, ImageId};

pub(crate) const MIB: u64 = 1024 * 1024;

/// An image and what its record says of it.
#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) id: ImageId,
    pub(crate) data: Bytes,
    pub(crate) expected: Expected,
}

impl Image {
    /// An image of bytes that repeat nowhere near a chunk's length.
    pub(crate) fn new(size_bytes: usize) -> Self {
        Self::with_id(ImageId::random(), size_bytes, 1)
    }

    pub(crate) fn with_id(id: ImageId, size_bytes: usize, seed: u64) -> Self {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        };
        let data: Bytes = std::iter::repeat_with(next).take(size_bytes).collect();
        let expected = expected(&data);
        Self { id, data, expected }
    }

    /// The image's bytes in pieces.
    pub(crate) fn source(&self) -> impl Stream<Item = io::Result<Bytes>> + Send + use<> {
        pieces(&self.data)
    }
}

pub(crate) fn expected(data: &[u8]) -> Expected {
    let digest = |algorithm| hex_digest(algorithm, data).unwrap();
    Expected {
        size_bytes: data.len() as u64,
        md5: Some(digest(Algorithm::md5())),
        hash: Some(("sha512".to_owned(), digest(Algorithm::sha512()))),
    }
}

pub(crate) fn pieces(data: &Bytes) -> impl Stream<Item = io::Result<Bytes>> + Send + use<> {
    let data = data.clone();
    let starts = (0..data.len()).step_by(40_000);
    stream::iter(starts.map(move |at| Ok(data.slice(at..data.len().min(at + 40_000)))))
}

/// A source fed by the test: nothing comes before it is sent, and it ends when the sender is dropped.
pub(crate) fn fed() -> (
    mpsc::UnboundedSender<io::Result<Bytes>>,
    impl Stream<Item = io::Result<Bytes>> + Send,
) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let source = stream::unfold(receiver, async |mut receiver| {
        Some((receiver.recv().await?, receiver))
    });
    (sender, source)
}

/// A cache folder that outlives the caches opened on it.
pub(crate) struct Folder {
    dir: TempDir,
    pub(crate) max_size_bytes: u64,
    pub(crate) stall_time: Duration,
    pub(crate) free_space_reserve_bytes: u64,
}

impl Folder {
    pub(crate) fn new(max_size_bytes: u64) -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            max_size_bytes,
            stall_time: Duration::from_secs(86_400),
            free_space_reserve_bytes: 0,
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    pub(crate) fn config(&self) -> CacheConfig {
        CacheConfig {
            dir: self.path(),
            max_size_bytes: self.max_size_bytes,
            stall_time: self.stall_time,
            free_space_reserve_bytes: self.free_space_reserve_bytes,
            large_from_bytes: 8 * MIB,
        }
    }

    pub(crate) async fn open(&self) -> ImageCache {
        ImageCache::open(self.config()).await.unwrap()
    }

    pub(crate) fn complete(&self, id: &ImageId) -> PathBuf {
        self.path().join(id.as_str())
    }

    /// Puts a file where the cache would have put it.
    pub(crate) fn leave(&self, name: impl AsRef<Path>, data: &[u8]) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, data).unwrap();
    }

    /// Bytes of all files that count: complete ones and those being filled.
    pub(crate) fn bytes_on_disk(&self) -> u64 {
        let sum = |folder: PathBuf| {
            let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap());
            let images = files.filter(|file| {
                let name = file.file_name();
                name.to_str().unwrap().parse::<ImageId>().is_ok()
            });
            // Files may go between the listing and the look.
            images
                .filter_map(|file| file.metadata().ok())
                .map(|metadata| metadata.len())
                .sum::<u64>()
        };
        sum(self.path()) + sum(self.path().join("incomplete"))
    }
}

/// Waits until all files of cleared images are unlinked.
pub(crate) async fn unlinked(cache: &ImageCache) {
    while cache.occupied_bytes() != cache.used_bytes() + cache.reserved_bytes() {
        tokio::task::spawn_blocking(std::thread::yield_now)
            .await
            .unwrap();
    }
}

pub(crate) async fn miss(cache: &ImageCache, image: &Image) -> FillPermit {
    match cache.lookup(&image.id, &image.expected).await {
        Lookup::Miss(permit) => permit,
        other => panic!("not a miss: {other:?}"),
    }
}

pub(crate) async fn hit(cache: &ImageCache, image: &Image) -> CacheFile {
    match cache.lookup(&image.id, &image.expected).await {
        Lookup::Hit(file) => file,
        other => panic!("not a hit: {other:?}"),
    }
}

pub(crate) async fn filling(cache: &ImageCache, image: &Image) -> FillReader {
    match cache.lookup(&image.id, &image.expected).await {
        Lookup::Filling(reader) => reader,
        other => panic!("not filling: {other:?}"),
    }
}

/// Fetches an image that is not cached, to the end.
pub(crate) async fn fill(cache: &ImageCache, image: &Image) {
    let reader = miss(cache, image).await.fill(image.source());
    reader.finished().await.unwrap();
}

/// All bytes of an open cached image.
pub(crate) fn read_file(file: &CacheFile) -> Vec<u8> {
    let mut data = vec![0; usize::try_from(file.size_bytes).unwrap()];
    file.file.read_exact_at(&mut data, 0).unwrap();
    data
}

/// Follows a fill to the end; what came, and how it ended.
pub(crate) async fn read_fill(reader: &FillReader) -> (Vec<u8>, Result<(), FillError>) {
    read_range(reader, ByteRange::whole(reader.size_bytes())).await
}

pub(crate) async fn read_range(
    reader: &FillReader,
    range: ByteRange,
) -> (Vec<u8>, Result<(), FillError>) {
    let mut parts = reader.parts(range);
    let mut data = Vec::new();
    while let Some(part) = parts.next().await {
        match part {
            Ok(part) => data.extend_from_slice(&read_part(&part)),
            Err(error) => return (data, Err(error)),
        }
    }
    (data, Ok(()))
}

/// The bytes of a part of a fill.
pub(crate) fn read_part(part: &FillPart) -> Vec<u8> {
    let mut data = vec![0; usize::try_from(part.range.len()).unwrap()];
    part.file
        .read_exact_at(&mut data, part.range.start)
        .unwrap();
    data
}

/// Counts how often a source is opened.
#[derive(Clone, Default)]
pub(crate) struct Reads(Arc<AtomicUsize>);

impl Reads {
    pub(crate) fn count(&self) -> usize {
        self.0.load(SeqCst)
    }

    /// What the service does: asks, and reads the source if it falls to it. The whole image, whichever way.
    pub(crate) async fn download(&self, cache: &ImageCache, image: &Image) -> Vec<u8> {
        let found = cache.lookup(&image.id, &image.expected).await;
        self.take(found, image).await
    }

    /// As [`Self::download`], by what was found in the cache.
    pub(crate) async fn take(&self, found: Lookup, image: &Image) -> Vec<u8> {
        let reader = match found {
            Lookup::Hit(file) => return read_file(&file),
            Lookup::Filling(reader) => reader,
            Lookup::Miss(permit) => {
                self.0.fetch_add(1, SeqCst);
                permit.fill(image.source())
            }
            Lookup::Bypass(_) => {
                self.0.fetch_add(1, SeqCst);
                return image.data.to_vec();
            }
        };
        let (data, end) = read_fill(&reader).await;
        end.unwrap();
        data
    }
}
