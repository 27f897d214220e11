//! A service in a temporary folder, over a store that counts and can be told to fail.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::Utc;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use vidimus_auth::{Context, Policy, PolicyConfig};
use vidimus_cache::{CacheConfig, ImageCache};
use vidimus_db::{Db, DbConfig, Since};
use vidimus_fetch::Fetcher;
use vidimus_service::{
    Download, Error, ImageBody, ImageService, LocationRecord, Piece, RangeRequest, ServiceConfig,
    UploadRequest,
};
use vidimus_store::{
    ByteStream, Capabilities, FilesystemConfig, FilesystemStore, HttpStore, Location, Recovered,
    Store, StoreInfo, StoreRead, StoreSet, Stored,
};
use vidimus_types::{ByteRange, ImageId, StoreId};

/// What a read of the store does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    Fine,
    /// Ends in an error after this many bytes, the first time.
    BreakOnceAfter(u64),
    /// Gives other bytes.
    Corrupt,
    Refuse,
}

/// What a removal from the store does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removals {
    Fine,
    Fail,
    InUse,
    HasSnapshots,
    Denied,
}

/// A filesystem store with a counter of opens and a fault to inject.
#[derive(Debug)]
pub struct FaultyStore {
    inner: FilesystemStore,
    pub opens: AtomicU64,
    removals: std::sync::Mutex<Removals>,
    removals_begun: AtomicU64,
    /// Held for writing, it keeps removals from beginning.
    pub removal_gate: tokio::sync::RwLock<()>,
    /// Held for writing, it keeps reads from beginning.
    pub gate: tokio::sync::RwLock<()>,
    reads: std::sync::Mutex<Reads>,
}

impl FaultyStore {
    pub fn set(&self, reads: Reads) {
        *self.reads.lock().unwrap() = reads;
    }

    pub fn set_removals(&self, removals: Removals) {
        *self.removals.lock().unwrap() = removals;
    }

    /// How many removals were asked for, whatever became of them.
    pub fn removals_begun(&self) -> u64 {
        self.removals_begun.load(Ordering::SeqCst)
    }

    pub fn opens(&self) -> u64 {
        self.opens.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Store for FaultyStore {
    fn id(&self) -> &StoreId {
        self.inner.id()
    }

    fn info(&self) -> &StoreInfo {
        self.inner.info()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn recognises(&self, url: &str) -> bool {
        self.inner.recognises(url)
    }

    async fn put(
        &self,
        id: &ImageId,
        data: ByteStream,
        size_hint: Option<u64>,
    ) -> vidimus_store::Result<Stored> {
        self.inner.put(id, data, size_hint).await
    }

    async fn open(
        &self,
        location: &Location,
        range: Option<ByteRange>,
    ) -> vidimus_store::Result<StoreRead> {
        drop(self.gate.read().await);
        self.opens.fetch_add(1, Ordering::SeqCst);
        let read = self.inner.open(location, range).await?;
        let (range, size_bytes) = (read.range(), read.size_bytes());
        let data = read.into_stream();
        let reads = {
            let mut reads = self.reads.lock().unwrap();
            let now = *reads;
            if matches!(now, Reads::BreakOnceAfter(_)) {
                *reads = Reads::Fine;
            }
            now
        };
        let stream: ByteStream = match reads {
            Reads::Fine => data,
            Reads::Corrupt => {
                Box::pin(data.map_ok(|chunk| chunk.iter().map(|byte| !byte).collect()))
            }
            Reads::Refuse => Box::pin(stream::iter([Err(io::Error::other("made to fail"))])),
            Reads::BreakOnceAfter(limit) => Box::pin(stream::unfold(
                (data, limit),
                |(mut data, left)| async move {
                    if left == 0 {
                        return None;
                    }
                    let chunk = data.next().await?;
                    Some(match chunk {
                        Ok(chunk) if (chunk.len() as u64) < left => {
                            let left = left - chunk.len() as u64;
                            (Ok(chunk), (data, left))
                        }
                        _ => (Err(io::Error::other("made to fail")), (data, 0)),
                    })
                },
            )),
        };
        Ok(StoreRead::Stream {
            stream,
            range,
            size_bytes,
        })
    }

    async fn size(&self, location: &Location) -> vidimus_store::Result<u64> {
        self.inner.size(location).await
    }

    async fn delete(&self, location: &Location) -> vidimus_store::Result<()> {
        self.removals_begun.fetch_add(1, Ordering::SeqCst);
        drop(self.removal_gate.read().await);
        let (store, place) = (self.inner.id().clone(), location.label());
        let action = "delete the data";
        let cause = io::Error::other("made to fail");
        let removals = *self.removals.lock().unwrap();
        Err(match removals {
            Removals::Fine => return self.inner.delete(location).await,
            Removals::Fail => vidimus_store::Error::Io {
                store,
                action,
                cause,
            },
            Removals::InUse => vidimus_store::Error::InUse {
                store,
                place,
                cause: cause.into(),
            },
            Removals::HasSnapshots => vidimus_store::Error::HasSnapshots { store, place },
            Removals::Denied => vidimus_store::Error::Denied {
                store,
                action,
                cause,
            },
        })
    }

    fn places_of(&self, id: &ImageId) -> Vec<Location> {
        self.inner.places_of(id)
    }

    async fn recover(&self) -> vidimus_store::Result<Recovered> {
        self.inner.recover().await
    }
}

/// A service with everything it needs, gone when dropped.
pub struct Site {
    pub service: ImageService,
    pub store: Arc<FaultyStore>,
    pub cache: ImageCache,
    pub db: Db,
    pub ctx: Context,
    dir: TempDir,
}

impl Site {
    pub async fn new() -> Self {
        Self::with(ServiceConfig::default()).await
    }

    pub async fn with(config: ServiceConfig) -> Self {
        Self::in_folder(tempfile::tempdir().unwrap(), config).await
    }

    /// Everything let go and opened again, as after a crash.
    pub async fn restart(self) -> Self {
        let Self {
            service,
            cache,
            db,
            dir,
            ..
        } = self;
        drop((service, cache));
        db.close().await.unwrap();
        Self::in_folder(dir, ServiceConfig::default()).await
    }

    /// The folder alone; whatever still runs must be ended by ending its runtime.
    pub fn into_folder(self) -> TempDir {
        self.dir
    }

    pub async fn in_folder(dir: TempDir, config: ServiceConfig) -> Self {
        let url = format!("sqlite:///{}", dir.path().join("db.sqlite").display());
        let db = Db::connect(&DbConfig {
            url,
            max_connections: 4,
        })
        .await
        .unwrap();
        db.sync().await.unwrap();
        let id: StoreId = "file".parse().unwrap();
        let inner = FilesystemStore::new(FilesystemConfig {
            id: id.clone(),
            description: None,
            weight: 0,
            datadirs: vec![(dir.path().join("images"), 0)],
            file_perm: 0,
            chunk_size: 65536,
            thin_provisioning: false,
            large_from_bytes: u64::MAX,
            patience: None,
        });
        let store = Arc::new(FaultyStore {
            inner: inner.unwrap(),
            opens: AtomicU64::new(0),
            removals_begun: AtomicU64::new(0),
            removals: std::sync::Mutex::new(Removals::Fine),
            removal_gate: tokio::sync::RwLock::new(()),
            gate: tokio::sync::RwLock::new(()),
            reads: std::sync::Mutex::new(Reads::Fine),
        });
        let fetcher = Fetcher::new(config.import.filter.clone());
        let web = HttpStore::new("http".parse().unwrap(), None, 0, fetcher);
        let all = vec![Arc::clone(&store) as Arc<dyn Store>, Arc::new(web)];
        let stores = StoreSet::single(all, &id).unwrap();
        let cache = ImageCache::open(CacheConfig {
            dir: dir.path().join("cache"),
            max_size_bytes: 1 << 30,
            stall_time: Duration::from_secs(86400),
            free_space_reserve_bytes: 0,
            large_from_bytes: u64::MAX,
        });
        let cache = cache.await.unwrap();
        let policy = Policy::load(PolicyConfig::default()).unwrap();
        let staging = FilesystemStore::new(FilesystemConfig {
            id: "os_glance_staging_store".parse().unwrap(),
            description: None,
            weight: 0,
            datadirs: vec![(dir.path().join("staging"), 0)],
            file_perm: 0,
            chunk_size: 65536,
            thin_provisioning: false,
            large_from_bytes: u64::MAX,
            patience: None,
        });
        let staging = Arc::new(staging.unwrap());
        let service = ImageService::new(
            config,
            db.clone(),
            stores,
            staging,
            Some(cache.clone()),
            policy,
        );
        service.recover().await.unwrap();
        Self {
            service,
            store,
            cache,
            db,
            ctx: Context::unauthenticated_admin("req-test"),
            dir,
        }
    }

    /// A queued image in raw format.
    pub async fn queued(&self) -> ImageId {
        let body = json!({"disk_format": "raw", "container_format": "bare"});
        let Value::Object(body) = body else {
            unreachable!()
        };
        self.create(body).await
    }

    pub async fn create(&self, body: Map<String, Value>) -> ImageId {
        self.service.create_image(&self.ctx, body).await.unwrap().id
    }

    /// An active image with this data.
    pub async fn active(&self, data: &[u8]) -> ImageId {
        let id = self.queued().await;
        self.upload(&id, data).await.unwrap();
        id
    }

    pub async fn upload(&self, id: &ImageId, data: &[u8]) -> Result<(), Error> {
        let chunks: Vec<io::Result<Bytes>> = data
            .chunks(10_000)
            .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
            .collect();
        self.service
            .upload(
                &self.ctx,
                id,
                UploadRequest::default(),
                stream::iter(chunks),
            )
            .await
    }

    pub async fn download(&self, id: &ImageId) -> Download {
        self.service
            .download(&self.ctx, id, &[], &Whole)
            .await
            .unwrap()
            .unwrap()
    }

    pub async fn status(&self, id: &ImageId) -> String {
        self.service
            .show_image(&self.ctx, id)
            .await
            .unwrap()
            .status
            .to_string()
    }

    /// All locations whose data waits to be removed, without those of images that can be restored.
    pub async fn pending(&self) -> Vec<(ImageId, LocationRecord)> {
        let now = Utc::now();
        let since = Since {
            images: now,
            copies: now,
        };
        self.db.locations().pending(&since).await.unwrap()
    }

    /// The files of the store, leftovers included.
    pub fn stored_files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.dir.path().join("images")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path)
                } else {
                    found.push(path)
                }
            }
        }
        found
    }

    pub fn file_of(&self, id: &ImageId) -> PathBuf {
        self.dir.path().join("images").join(id.as_str())
    }
}

/// All of the image.
#[derive(Debug)]
pub struct Whole;

impl RangeRequest for Whole {
    fn resolve(&self, _size_bytes: u64) -> Result<Option<ByteRange>, Error> {
        Ok(None)
    }
}

/// These bytes.
#[derive(Debug)]
pub struct Part(pub ByteRange);

impl RangeRequest for Part {
    fn resolve(&self, _size_bytes: u64) -> Result<Option<ByteRange>, Error> {
        Ok(Some(self.0))
    }
}

/// Everything a download gives, or how it broke.
pub async fn read(body: ImageBody) -> io::Result<Vec<u8>> {
    use std::os::unix::fs::FileExt;
    body.try_fold(Vec::new(), |mut all, piece| async move {
        match piece {
            Piece::Bytes(bytes) => all.extend_from_slice(&bytes),
            Piece::File { file, range } => {
                let mut part = vec![0; range.len() as usize];
                file.read_exact_at(&mut part, range.start)?;
                all.append(&mut part);
            }
        }
        Ok(all)
    })
    .await
}

/// Bytes that are different everywhere.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

/// Waits until `condition` holds; fails after ten seconds.
pub async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    for _ in 0..1000 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never happened: {what}");
}
