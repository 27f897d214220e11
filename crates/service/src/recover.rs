//! Puts everything back into a defined state after a crash. Runs once, before the first request.

use vidimus_types::ImageStatus;

use crate::{ImageService, Result, notify::Event};

/// What had to be put right.
#[derive(Debug, Clone, Copy, Default)]
pub struct Recovery {
    /// Uploads that had not finished; their images are queued again.
    pub uploads: usize,
    /// Files of unfinished uploads that were removed from the stores.
    pub leftovers: u64,
    /// Imports and stagings that had not finished; their images are where they can be imported again.
    pub imports: usize,
}

impl ImageService {
    /// Undoes uploads and imports that a crash cut off. Deletions it interrupted are finished by the scrubber, behind the start.
    ///
    /// Uploads found in `saving` are only touched where this process alone uses the database; elsewhere another node
    /// may be in the middle of one.
    pub async fn recover(&self) -> Result<Recovery> {
        let mut recovery = Recovery {
            leftovers: self.parts.stores.recover().await.files,
            ..Recovery::default()
        };
        if self.config().sole_user_of_database {
            for record in self
                .parts
                .db
                .images()
                .in_status(&[ImageStatus::Saving])
                .await?
            {
                // Its data may have been published just before the crash; without a row it is nobody's.
                recovery.leftovers += self.parts.stores.remove_unreferenced(&record.id).await;
                if self
                    .parts
                    .db
                    .images()
                    .restore_queued(&record.id, ImageStatus::Saving)
                    .await?
                {
                    tracing::warn!(image.id = %record.id, "unfinished upload undone, the image is queued again");
                    self.notify_image(Event::ImageUpdate, &record.id).await;
                    recovery.uploads += 1;
                }
            }
        }
        if self.config().sole_user_of_database {
            recovery.imports = self.recover_imports(true).await? + self.recover_staging().await?;
        }
        match self.parts.staging.recover().await {
            Ok(recovered) => recovery.leftovers += recovered.files,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "leftovers of staging could not be removed"
                );
            }
        }
        recovery.leftovers += self.clear_staging().await?;
        Ok(recovery)
    }
}
