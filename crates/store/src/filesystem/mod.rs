//! Keeps image data as one file per image, `<datadir>/<image id>`, as glance_store's `file` driver does.
//!
//! Either program reads what the other wrote. Beyond that driver: data appears under its name only when it is whole and
//! synced, and locations reach nothing outside of the configured folders.

mod incoming;
mod patience;
mod placement;
mod roots;
mod write;

#[cfg(test)]
mod tests;

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use rustix::io::Errno;
use serde_json::json;
use vidimus_types::{ByteRange, ImageId, StoreId};

use crate::{
    ByteStream, Capabilities, Error, Location, Recovered, Result, Store, StoreInfo, StoreRead,
    Stored,
};

pub use patience::Patience;

use incoming::Syncs;
use patience::{Pool, Wanted};
use placement::Placement;
use roots::{Refusal, Roots};

/// What [`FilesystemStore::new`] needs to know.
#[derive(Debug, Clone)]
pub struct FilesystemConfig {
    /// The store's name.
    pub id: StoreId,
    /// The operator's words for users.
    pub description: Option<String>,
    /// See [`StoreInfo::weight`].
    pub weight: i64,
    /// Folders with their priorities. New data goes to the highest priority that has room, and there to the folder with
    /// the most free space. They are created where missing.
    pub datadirs: Vec<(PathBuf, i64)>,
    /// Mode of the files as the file system counts it (`0o640`); 0 leaves what the umask gave.
    pub file_perm: u32,
    /// Shown in `GET /v2/info/stores/detail`; reads choose their own size.
    pub chunk_size: u64,
    /// Leaves holes where the data is zeros.
    pub thin_provisioning: bool,
    /// Data of this size or more does not stay in memory when it is on the disk.
    pub large_from_bytes: u64,
    /// How long the machine may take for what should take no time; without it, as long as it likes.
    pub patience: Option<Patience>,
}

/// A store in local (or mounted) folders.
#[derive(Debug)]
pub struct FilesystemStore {
    id: StoreId,
    info: StoreInfo,
    roots: Roots,
    placement: Placement,
    file_perm: u32,
    is_thin: bool,
    large_from_bytes: u64,
    syncs: Syncs,
    pool: Option<Pool>,
}

impl FilesystemStore {
    /// Creates missing folders and checks that they can be written.
    pub fn new(config: FilesystemConfig) -> Result<Self> {
        let failed = |action| {
            let id = config.id.clone();
            move |cause| Error::from_io(&id, action, cause)
        };
        let paths: Vec<PathBuf> = config
            .datadirs
            .iter()
            .map(|(path, _)| path.clone())
            .collect();
        let Some(first) = paths.first() else {
            let cause = io::Error::from(io::ErrorKind::InvalidInput);
            return Err(failed("find a folder to write to: none is configured")(
                cause,
            ));
        };
        let properties = [
            ("data_dir", json!(first)),
            ("chunk_size", json!(config.chunk_size)),
            ("thin_provisioning", json!(config.thin_provisioning)),
        ];
        for path in &paths {
            std::fs::create_dir_all(path).map_err(failed("create its folder"))?;
            incoming::create_folder(path).map_err(failed("write to its folder"))?;
            placement::let_readers_enter(path, config.file_perm);
        }
        Ok(Self {
            info: StoreInfo {
                kind: "file",
                description: config.description.clone(),
                weight: config.weight,
                properties: properties
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect(),
            },
            roots: Roots::new(&paths).map_err(failed("read its folder"))?,
            placement: Placement::new(config.datadirs.clone()),
            file_perm: config.file_perm,
            is_thin: config.thin_provisioning,
            large_from_bytes: config.large_from_bytes,
            pool: config.patience.map(Pool::new),
            syncs: Syncs::REAL,
            id: config.id,
        })
    }

    fn io_error(&self, action: &'static str, cause: io::Error) -> Error {
        Error::from_io(&self.id, action, cause)
    }

    fn refused(&self, location: &Location, action: &'static str, refusal: Refusal) -> Error {
        match refusal {
            Refusal::Missing => Error::NotFound {
                store: self.id.clone(),
                place: location.label(),
            },
            Refusal::Bad(reason) => Error::BadLocation {
                place: location.label(),
                reason,
            },
            Refusal::Io(cause) => self.io_error(action, cause),
        }
    }

    /// File work of one call, off the runtime's threads.
    async fn on_file<T: Send + 'static>(
        &self,
        location: &Location,
        action: &'static str,
        work: impl FnOnce(&roots::Place, &Wanted) -> std::result::Result<T, Refusal> + Send + 'static,
    ) -> Result<T> {
        let place = self
            .roots
            .place(&location.url)
            .map_err(|refusal| self.refused(location, action, refusal))?;
        let work = move |wanted: &Wanted| work(&place, wanted);
        let done = self.on_thread(action, work).await?;
        done.map_err(|refusal| self.refused(location, action, refusal))
    }

    /// Work off the runtime's threads, for as long as it may take.
    async fn on_thread<T: Send + 'static>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Wanted) -> T + Send + 'static,
    ) -> Result<T> {
        let done = match &self.pool {
            Some(pool) => {
                let done = pool.run(&self.id, work).await;
                done.ok_or_else(|| Error::TimedOut {
                    store: self.id.clone(),
                    action,
                    seconds: pool.limit().as_secs(),
                })?
            }
            None => tokio::task::spawn_blocking(move || work(&Wanted::default())).await,
        };
        done.map_err(|stopped| self.io_error(action, io::Error::other(stopped)))
    }

    async fn open_file(&self, location: &Location) -> Result<(File, u64)> {
        self.on_file(location, "open the data", |place, _| place.open())
            .await
    }
}

#[async_trait]
impl Store for FilesystemStore {
    fn id(&self) -> &StoreId {
        &self.id
    }

    fn info(&self) -> &StoreInfo {
        &self.info
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            can_put: true,
            can_open_range: true,
            can_delete: true,
        }
    }

    fn recognises(&self, url: &str) -> bool {
        self.roots.place(url).is_ok()
    }

    async fn put(&self, id: &ImageId, data: ByteStream, size_hint: Option<u64>) -> Result<Stored> {
        self.write(id, data, size_hint).await
    }

    async fn open(&self, location: &Location, range: Option<ByteRange>) -> Result<StoreRead> {
        let (file, size_bytes) = self.open_file(location).await?;
        let range = range.unwrap_or(ByteRange::whole(size_bytes));
        if range.end > size_bytes || range.start > range.end {
            return Err(Error::OutOfRange {
                store: self.id.clone(),
                place: location.label(),
                size_bytes,
            });
        }
        Ok(StoreRead::File {
            file: Arc::new(file),
            range,
            size_bytes,
        })
    }

    async fn size(&self, location: &Location) -> Result<u64> {
        self.on_file(location, "look up the size", |place, _| place.size())
            .await
    }

    async fn delete(&self, location: &Location) -> Result<()> {
        // The row that points at the data is finished after this. Were the file back after a power cut, nobody would look
        // for it again.
        let sync = self.syncs.folder;
        let gone = self
            .on_file(location, "delete the data", move |place, wanted| {
                place.remove(wanted, sync)
            })
            .await;
        match gone {
            Err(Error::NotFound { .. }) => Ok(()),
            // Compat, finer: glance_store takes every refusal of the system for one of permissions.
            Err(Error::Io { store, cause, .. })
                if matches!(
                    Errno::from_io_error(&cause),
                    Some(Errno::BUSY | Errno::TXTBSY)
                ) =>
            {
                Err(Error::InUse {
                    store,
                    place: location.label(),
                    cause: Box::new(cause),
                })
            }
            other => other,
        }
    }

    fn places_of(&self, id: &ImageId) -> Vec<Location> {
        let place =
            |root: &Path| Location::new(format!("file://{}", root.join(id.as_str()).display()));
        self.roots.paths().map(place).collect()
    }

    async fn recover(&self) -> Result<Recovered> {
        let folders: Vec<PathBuf> = self.roots.paths().map(incoming::folder).collect();
        let cleared =
            tokio::task::spawn_blocking(move || incoming::clear_leftovers(&folders)).await;
        cleared
            .unwrap_or_else(|stopped| Err(io::Error::other(stopped)))
            .map_err(|cause| self.io_error("remove leftovers", cause))
    }
}
