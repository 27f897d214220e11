//! The file an image grows in until it is whole, and how it gets its name.
//!
//! Not its job: fetching or verifying what goes into it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tokio::{io::AsyncSeekExt, task::spawn_blocking};

use super::{SaveOptions, Saved, Transfer, in_file};
use crate::{Client, Error, Image, Result};

/// Where the finished file goes.
pub(super) struct Target {
    pub(super) path: PathBuf,
    pub(super) exists: bool,
    /// Whether it is a regular file or nothing yet.
    pub(super) is_replaceable: bool,
}

impl Target {
    pub(super) fn find(path: &Path) -> Result<Self> {
        match fs::metadata(path) {
            Ok(facts) if facts.is_file() => Ok(Self {
                // The file behind a link is replaced, not the link.
                path: fs::canonicalize(path).map_err(Error::io(path))?,
                exists: true,
                is_replaceable: true,
            }),
            Ok(_) => Ok(Self {
                path: path.to_owned(),
                exists: true,
                is_replaceable: false,
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self {
                path: path.to_owned(),
                exists: false,
                is_replaceable: true,
            }),
            Err(error) => Err(Error::io(path)(error)),
        }
    }

    fn part_path(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".part");
        name.into()
    }
}

/// The file that grows until it is whole, locked so that two processes do not mix their bytes.
pub(super) struct PartFile {
    path: PathBuf,
    file: fs::File,
}

/// A part file whose content is the image's.
pub(super) struct WholeFile {
    part: PartFile,
    saved: Saved,
}

impl PartFile {
    pub(super) fn open(target: &Target) -> Result<Self> {
        let path = target.part_path();
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(Error::io(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path, file }),
            Err(fs::TryLockError::WouldBlock) => Err(Error::Busy(target.path.clone())),
            Err(fs::TryLockError::Error(error)) => Err(Error::io(&path)(error)),
        }
    }

    pub(super) async fn fill(
        self,
        client: &Client,
        image: &Image,
        options: SaveOptions,
    ) -> Result<WholeFile> {
        let mut transfer = Transfer::new(client, image, options);
        let length = self.file.metadata().map_err(Error::io(&self.path))?.len();
        // A beginning that cannot be verified, or is longer than the image, is none.
        let can_resume =
            transfer.expected.is_some() && image.size.is_none_or(|size| length <= size);
        let resumed_bytes = if can_resume { length } else { 0 };
        match self.attempt(&mut transfer, resumed_bytes).await {
            Ok(saved) => Ok(WholeFile { part: self, saved }),
            Err(Error::ChecksumMismatch { .. }) if resumed_bytes > 0 => {
                tracing::info!(path = %self.path.display(), "what was there is not the beginning of this image, starting over");
                let saved = self.attempt(&mut transfer, 0).await;
                self.kept_unless_wrong(saved)
            }
            Err(error) => self.kept_unless_wrong(Err(error)),
        }
    }

    /// Leaves a beginning for the next time, but not the wrong bytes.
    fn kept_unless_wrong(self, saved: Result<Saved>) -> Result<WholeFile> {
        let error = match saved {
            Ok(saved) => return Ok(WholeFile { part: self, saved }),
            Err(error) => error,
        };
        let is_empty = self.file.metadata().is_ok_and(|facts| facts.len() == 0);
        if is_empty || matches!(error, Error::ChecksumMismatch { .. }) {
            // The error to report is the one that led here.
            let _ = fs::remove_file(&self.path);
        }
        Err(error)
    }

    async fn attempt(&self, transfer: &mut Transfer<'_>, resumed_bytes: u64) -> Result<Saved> {
        let here = || Error::io(&self.path);
        self.file.set_len(resumed_bytes).map_err(here())?;
        let beginning = fs::File::open(&self.path).map_err(here())?;
        transfer.restart(resumed_bytes);
        transfer.start_verifier(Some(beginning))?;
        let mut file = tokio::fs::File::from_std(self.file.try_clone().map_err(here())?);
        file.seek(io::SeekFrom::Start(resumed_bytes))
            .await
            .map_err(here())?;
        transfer
            .run(&mut file)
            .await
            .map_err(|error| in_file(error, &self.path))
    }
}

impl WholeFile {
    /// Gives the file its name, in a way that survives a power cut.
    pub(super) async fn publish(self, target: &Target) -> Result<Saved> {
        let Self { part, saved } = self;
        let target_path = target.path.clone();
        let exists = target.exists;
        spawn_blocking(move || {
            if exists {
                let permissions = fs::metadata(&target_path)
                    .map_err(Error::io(&target_path))?
                    .permissions();
                part.file
                    .set_permissions(permissions)
                    .map_err(Error::io(&part.path))?;
            }
            part.file.sync_all().map_err(Error::io(&part.path))?;
            fs::rename(&part.path, &target_path).map_err(Error::io(&target_path))?;
            let folder = target_path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty())
                .unwrap_or(Path::new("."));
            fs::File::open(folder)
                .and_then(|folder| folder.sync_all())
                .map_err(Error::io(folder))?;
            Ok(saved)
        })
        .await
        .map_err(|error| Error::Stream(io::Error::other(error)))?
    }
}
