//! Imports whose process is gone: their images go back to where their owners can go on from.
//!
//! Compat: Glance leaves such an image in `importing`, from where only deleting it helps.

use vidimus_db::{self as db, Content, ImageRecord, ImportStep, Scope, TaskRecord};
use vidimus_types::{ImageId, ImageStatus, StoreId};

use super::{
    LOCATION_TASK, Method, Progress, TASK_KIND, legacy,
    lock::{is_gone, stores_of},
    run::way_back,
};
use crate::{ImageService, Result, notify::Event};

impl ImageService {
    /// Ends the imports nobody works on any more, and says how many. With `all`, none is being worked on: this node has just
    /// started and is alone with the database; what it was reading for its hash goes on.
    pub(crate) async fn recover_imports(&self, all: bool) -> Result<usize> {
        let mut recovered = 0;
        for task in self.parts.db.tasks().unfinished().await? {
            if !all && !is_gone(&task) {
                continue;
            }
            match task.kind.as_str() {
                TASK_KIND => self.recover_import(&task).await?,
                LOCATION_TASK if all && self.resume_hash(&task).await? => continue,
                LOCATION_TASK => self.recover_location(&task).await?,
                legacy::KIND => self.recover_legacy(&task).await?,
                _ => continue,
            }
            recovered += 1;
        }
        Ok(recovered)
    }

    /// Puts back an image whose data was being looked at where it lies.
    async fn recover_location(&self, task: &TaskRecord) -> Result<()> {
        let why = "The server stopped before the location was taken.";
        let end = self.failure(why.to_owned());
        match task.image_id.as_deref().and_then(|id| id.parse().ok()) {
            Some(id) => self.end_location_import(&id, &task.id, end).await?,
            None => {
                self.parts.db.tasks().finish(&task.id, &end).await?;
            }
        }
        tracing::warn!(
            image.id = task.image_id,
            task.id = task.id,
            "unfinished location undone"
        );
        Ok(())
    }

    async fn recover_import(&self, task: &TaskRecord) -> Result<()> {
        let end = self.failure("The server stopped before the import was done.".to_owned());
        let id = task
            .image_id
            .as_deref()
            .and_then(|id| id.parse::<ImageId>().ok());
        let record = match id {
            Some(id) => match self.parts.db.images().get(&Scope::admin(), &id).await {
                Err(db::Error::NotFound(_)) => None,
                found => Some(found?),
            },
            None => None,
        };
        let is_held = match &record {
            Some(record) => self.parts.db.imports().holds(&record.id, &task.id).await?,
            None => false,
        };
        if let (Some(record), true) = (record, is_held) {
            self.send_back(&record, task, end.clone()).await?;
        }
        self.parts.db.tasks().finish(&task.id, &end).await?;
        self.notify_task(Event::TaskFailure, &task.id).await;
        Ok(())
    }

    async fn send_back(
        &self,
        record: &ImageRecord,
        task: &TaskRecord,
        end: db::TaskEnd,
    ) -> Result<()> {
        let id = record.id;
        let stores = self.stores_named(task);
        self.remove_unrecorded(record, &stores).await;
        if let Err(error) = self.clear_beside_staged(&id).await {
            tracing::warn!(image.id = %id, error = &error as &dyn std::error::Error, "files of an import plugin could not be removed");
        }
        let mut progress = Progress::of(self, record);
        for store in &stores {
            if !self.stores_of(record).contains(&store.as_str()) {
                progress.fail(store);
            } else {
                progress.done(store);
            }
        }
        let mut step = ImportStep::new(id, &task.id);
        step.set_properties = progress.properties();
        step.end = Some(end);
        let was_staged = method_of(task) == Some(Method::GlanceDirect);
        match record.status {
            ImageStatus::Importing if record.locations.is_empty() => {
                let staged = self.staged_size(&id).await.filter(|_| was_staged);
                (step.status, step.content) = way_back(staged);
            }
            // Glance records each copy before it begins the next: what is recorded is whole.
            ImageStatus::Importing => {
                step.status = Some((ImageStatus::Importing, ImageStatus::Active));
            }
            // Glance takes the lock first and moves the image later; these never began.
            _ => step.content = Content::Unchanged,
        }
        let is_back = self.parts.db.imports().step(&step).await?;
        if is_back {
            self.notify_image(Event::ImageUpdate, &id).await;
        }
        let keeps_staged = matches!(step.status, Some((_, ImageStatus::Uploading)))
            || record.status == ImageStatus::Uploading;
        if is_back && !keeps_staged {
            self.unstage(&id).await;
        }
        tracing::warn!(image.id = %id, task.id = task.id, "unfinished import undone");
        Ok(())
    }

    /// The stores the import was to reach.
    fn stores_named(&self, task: &TaskRecord) -> Vec<StoreId> {
        if !self.has_several_stores() {
            return vec![self.parts.stores.default_store().id().clone()];
        }
        let names = stores_of(task.input.as_ref());
        names.iter().filter_map(|name| name.parse().ok()).collect()
    }

    /// Removes copies that were put and never recorded.
    pub(super) async fn remove_unrecorded(&self, record: &ImageRecord, stores: &[StoreId]) {
        let recorded: Vec<&str> = record
            .locations
            .iter()
            .map(|location| location.url.as_str())
            .collect();
        for store in stores
            .iter()
            .filter_map(|id| self.parts.stores.get(id).ok())
        {
            for place in store.places_of(&record.id) {
                if recorded.contains(&place.url.as_str()) {
                    continue;
                }
                if let Err(error) = store.delete(&place).await {
                    tracing::warn!(image.id = %record.id, error = &error as &dyn std::error::Error, "a leftover could not be removed");
                }
            }
        }
    }

    /// Puts images right whose staging a crash cut off, and says how many.
    pub(crate) async fn recover_staging(&self) -> Result<usize> {
        let mut recovered = 0;
        let uploading = [ImageStatus::Uploading];
        for record in self.parts.db.images().in_status(&uploading).await? {
            match (self.staged_size(&record.id).await, record.size) {
                (Some(_), Some(_)) => continue,
                // Whole, or it would not be under its name.
                (Some(size), None) => {
                    let host = self.config().import.stage_host.as_deref();
                    self.parts
                        .db
                        .imports()
                        .staged(&record.id, size, host)
                        .await?;
                }
                (None, _) => {
                    let from = ImageStatus::Uploading;
                    self.parts
                        .db
                        .images()
                        .restore_queued(&record.id, from)
                        .await?;
                }
            }
            tracing::warn!(image.id = %record.id, "unfinished staging put right");
            recovered += 1;
        }
        Ok(recovered)
    }
}

fn method_of(task: &TaskRecord) -> Option<Method> {
    let name = task.input.as_ref()?.pointer("/import_req/method/name")?;
    Method::named(name.as_str()?)
}
