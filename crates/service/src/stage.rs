//! Staging: data is put aside for an import, in a folder of this node and not in a store.
//!
//! The folder is a store of its own kind: what lies there is whole and durable, under the name of its image, as Glance
//! keeps it. An image has staged data exactly as long as it is `uploading`, or `importing` from there.

use std::{
    io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use futures_util::Stream;
use vidimus_auth::{Action, Context};
use vidimus_db::{self as db, ImageRecord, Scope};
use vidimus_store::{Location, StoreRead};
use vidimus_types::{ImageId, ImageStatus};

use crate::{
    Error, ImageService, Result,
    data::{Limits, Meter},
    images::require_move,
    notify::Event,
};

impl ImageService {
    /// Whether clients may stage data at all.
    pub fn require_staging(&self) -> Result<()> {
        let methods = &self.config().import_methods;
        if methods.iter().any(|method| method == "glance-direct") {
            Ok(())
        } else {
            Err(Error::StagingOff)
        }
    }

    /// Takes the data of a queued image and keeps it for an import.
    ///
    /// Safe to drop, like [`Self::upload`].
    pub async fn stage<S>(
        &self,
        ctx: &Context,
        id: &ImageId,
        announced_size: Option<u64>,
        data: S,
    ) -> Result<()>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        self.require_staging()?;
        let record = self.find_image(ctx, id).await?;
        self.enforce_on(ctx, Action::ModifyImage, &record)?;
        require_move(&record, ImageStatus::Uploading)?;
        let service = self.clone();
        let staging = async move {
            service.claim_for_staging(&record).await?;
            let outcome = service.keep_staged(&record, announced_size, data).await;
            if outcome.is_err() {
                service.unstage(&record.id).await;
                service.restore_after_staging(&record.id).await;
            }
            outcome
        };
        self.parts
            .tasks
            .spawn(staging)
            .await
            .map_err(Error::internal)?
    }

    async fn claim_for_staging(&self, record: &ImageRecord) -> Result<()> {
        let (from, to) = (ImageStatus::Queued, ImageStatus::Uploading);
        if self
            .parts
            .db
            .images()
            .transition(&record.id, from, to)
            .await?
        {
            self.notify_image(Event::ImageUpdate, &record.id).await;
            Ok(())
        } else {
            Err(Error::StatusConflict { from: to, to })
        }
    }

    async fn keep_staged<S>(
        &self,
        record: &ImageRecord,
        announced_size: Option<u64>,
        data: S,
    ) -> Result<()>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        // As for uploads, an announced size of zero means that the size is not known.
        let expected = announced_size.filter(|size| *size > 0);
        let size_bytes = self.put_staged(&record.id, expected, data).await?;
        let host = self.config().import.stage_host.as_deref();
        if self
            .parts
            .db
            .imports()
            .staged(&record.id, size_bytes, host)
            .await?
        {
            tracing::info!(image.id = %record.id, size_bytes, "image data staged");
            self.notify_image(Event::ImageUpdate, &record.id).await;
            Ok(())
        } else {
            Err(Error::DeletedDuringUpload(record.id))
        }
    }

    /// Writes data into the staging folder, exactly as much of it as is expected if that is known.
    pub(crate) async fn put_staged<S>(
        &self,
        id: &ImageId,
        expected: Option<u64>,
        data: S,
    ) -> Result<u64>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        let limits = Limits {
            room: None,
            cap: self.config().image_size_cap,
            expected,
        };
        let (meter, data) = Meter::over(data, limits);
        if expected.is_some_and(|size| size > limits.cap) {
            return Err(Error::TooLarge);
        }
        match self.parts.staging.put(id, Box::pin(data), expected).await {
            Ok(stored) => match expected {
                Some(expected) if expected != stored.size_bytes => Err(Error::SizeMismatch {
                    expected,
                    got: stored.size_bytes,
                }),
                _ => Ok(stored.size_bytes),
            },
            Err(error) => Err(meter.broken().unwrap_or_else(|| Error::from(error))),
        }
    }

    async fn restore_after_staging(&self, id: &ImageId) {
        let from = ImageStatus::Uploading;
        match self.parts.db.images().restore_queued(id, from).await {
            Ok(true) => self.notify_image(Event::ImageUpdate, id).await,
            Ok(false) => {
                tracing::info!(image.id = %id, "the image was deleted while it was staged")
            }
            Err(error) => {
                tracing::error!(image.id = %id, error = &error as &dyn std::error::Error, "the image stays in uploading until the next start");
            }
        }
    }

    /// The place of an image in the staging folder.
    pub(crate) fn staged_at(&self, id: &ImageId) -> Option<Location> {
        self.parts.staging.places_of(id).into_iter().next()
    }

    /// The file in which data is staged for an image.
    pub(crate) fn staged_path(&self, id: &ImageId) -> Option<PathBuf> {
        let location = self.staged_at(id)?;
        location.url.strip_prefix("file://").map(PathBuf::from)
    }

    /// Removes what an import that was cut off left beside the staged data of an image.
    pub(crate) async fn clear_beside_staged(&self, id: &ImageId) -> io::Result<()> {
        let staged = self.staged_path(id);
        let Some(folder) = staged.as_deref().and_then(Path::parent) else {
            return Ok(());
        };
        let prefix = format!("{id}.");
        let mut files = tokio::fs::read_dir(folder).await?;
        while let Some(file) = files.next_entry().await? {
            if file.file_name().to_string_lossy().starts_with(&prefix) {
                tokio::fs::remove_file(file.path()).await?;
            }
        }
        Ok(())
    }

    /// How much is staged for an image, if anything.
    pub(crate) async fn staged_size(&self, id: &ImageId) -> Option<u64> {
        let location = self.staged_at(id)?;
        self.parts.staging.size(&location).await.ok()
    }

    /// Opens what is staged for an image.
    pub(crate) async fn open_staged(&self, id: &ImageId) -> Result<StoreRead> {
        let location = self
            .staged_at(id)
            .ok_or_else(|| Error::internal("the staging folder has no place for images"))?;
        Ok(self.parts.staging.open(&location, None).await?)
    }

    /// Removes what is staged for an image, if anything.
    pub(crate) async fn unstage(&self, id: &ImageId) {
        let Some(location) = self.staged_at(id) else {
            return;
        };
        if let Err(error) = self.parts.staging.delete(&location).await {
            tracing::warn!(image.id = %id, error = &error as &dyn std::error::Error, "staged data could not be removed");
        }
    }

    /// Removes staged data of images that do not exist any more, and says how much it was.
    ///
    /// Safe while other nodes stage into the same folder: an image is there before its data is.
    pub(crate) async fn clear_staging(&self) -> Result<u64> {
        let place = self.staged_path(&ImageId::random());
        let Some(folder) = place.as_deref().and_then(Path::parent) else {
            return Ok(0);
        };
        let mut removed = 0;
        let mut files = tokio::fs::read_dir(folder).await.map_err(Error::internal)?;
        while let Some(file) = files.next_entry().await.map_err(Error::internal)? {
            let path = file.path();
            // Compat: Glance puts intermediate files of its plugins beside the data, with the id before the first dot.
            let id = path.file_stem().and_then(|stem| stem.to_str());
            let Some(id) = id.and_then(|stem| stem.parse::<ImageId>().ok()) else {
                continue;
            };
            match self.parts.db.images().get(&Scope::admin(), &id).await {
                Ok(_) => continue,
                Err(db::Error::NotFound(_)) => {}
                Err(error) => return Err(error.into()),
            }
            match tokio::fs::remove_file(&path).await {
                Ok(()) => {
                    tracing::info!(image.id = %id, "staged data of an image that is gone removed");
                    removed += 1;
                }
                Err(error) => {
                    tracing::warn!(image.id = %id, error = &error as &dyn std::error::Error, "staged data could not be removed");
                }
            }
        }
        Ok(removed)
    }
}
