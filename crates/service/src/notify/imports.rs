//! What is told of an import: each copy of the data, and the image after every step.

use vidimus_db::{ImageRecord, ImportStep, UploadFacts};
use vidimus_types::{ImageId, ImageStatus, StoreId};

use super::{Event, payload};
use crate::ImageService;

impl ImageService {
    /// Tells that an image is about to get data, in this store.
    pub(crate) async fn notify_prepare(&self, id: &ImageId, store: &StoreId) {
        if let Some(record) = self.image_to_tell(Event::ImagePrepare, id).await {
            let named = Some(store).filter(|_| self.has_several_stores());
            self.notify(Event::ImagePrepare, || {
                payload::prepared_image(&record, named)
            });
        }
    }

    /// Tells of a copy that lies in its store and is recorded later, together with others.
    pub(crate) async fn notify_copy(&self, id: &ImageId, copy: &UploadFacts) {
        if let Some(record) = self.image_to_tell(Event::ImageUpload, id).await {
            let described = ImageRecord {
                size: Some(copy.size),
                virtual_size: copy.virtual_size,
                checksum: Some(copy.checksum.clone()),
                ..record
            };
            self.notify(Event::ImageUpload, || payload::uploaded_image(&described));
        }
    }

    /// The image as it is before a step that records copies, for [`Self::notify_step`].
    pub(crate) async fn before_step(&self, step: &ImportStep) -> Option<ImageRecord> {
        if step.copies.is_empty() {
            return None;
        }
        self.image_to_tell(self.upload_event(), &step.image).await
    }

    /// Tells what a step did.
    pub(crate) async fn notify_step(&self, step: &ImportStep, before: Option<ImageRecord>) {
        if let Some(before) = before
            && let Some(after) = self.image_to_tell(self.upload_event(), &step.image).await
        {
            let uploaded = still_importing(after, before);
            self.notify(Event::ImageUpload, || payload::uploaded_image(&uploaded));
            if step.status.is_some_and(|(_, to)| to == ImageStatus::Active) {
                self.notify(Event::ImageActivate, || payload::image(&uploaded));
            }
        }
        self.notify_image(Event::ImageUpdate, &step.image).await;
    }

    /// One of the two events of a recorded copy that somebody may want to hear of.
    fn upload_event(&self) -> Event {
        if self.notifies(Event::ImageUpload) {
            Event::ImageUpload
        } else {
            Event::ImageActivate
        }
    }
}

/// Compat: the lists of stores and the lock are told as they were while the data came.
fn still_importing(mut after: ImageRecord, before: ImageRecord) -> ImageRecord {
    let is_own = |name: &str| name.starts_with("os_glance");
    after.properties.retain(|(name, _)| !is_own(name));
    let own = before.properties.into_iter();
    after
        .properties
        .extend(own.filter(|(name, _)| is_own(name)));
    after
}
