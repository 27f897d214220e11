//! The work of an import: fetch, let the plugins have it, store, and what happens when one of these fails.
//!
//! Whatever fails, the image goes back to a status from which its owner can go on: to `uploading` with what was staged, if
//! only a store failed; to `queued`, if the data was at fault or never came; a copy leaves it `active`.

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokio::sync::SemaphorePermit;
use vidimus_db::{Content, ImageRecord, ImportStep, UploadFacts};
use vidimus_store::{Location, StoreRead};
use vidimus_types::{ImageId, ImageStatus, StoreId};

use super::{Job, Method, Progress, plugins::Prepared};
use crate::{
    Error, ImageService,
    notify::{Event, payload},
    upload::Sender,
};

/// How often work that takes long says that it is alive, and looks whether it is still wanted.
const PULSE: Duration = Duration::from_secs(10);

/// How often work that waits for its turn says so. It counts as forgotten after two hours.
const WAITING_PULSE: Duration = Duration::from_secs(600);

/// An import did not reach its end.
#[derive(Debug)]
pub(super) enum Broken {
    /// The data is not what the image says, or there is too much of it: no other try will help.
    Data(String),
    /// It could not be fetched.
    Source(String),
    /// A store or this node failed; what is staged is good.
    Store(String),
    /// The image is gone, or somebody else has the lock. Nothing is left to be said to anybody.
    Unwanted,
}

impl Broken {
    /// Sorts what storing can end with.
    fn storing(store: &StoreId, error: Error) -> Self {
        match error {
            Error::UnsupportedContent(_) | Error::TooLarge | Error::SignatureMismatch(_) => {
                Self::Data(error.to_string())
            }
            other => {
                tracing::warn!(store.id = %store, error = &other as &dyn std::error::Error, "import to a store failed");
                Self::Store(format!("Store `{store}`: {other}"))
            }
        }
    }

    /// Names the plugin at which it ended.
    pub(super) fn of_plugin(self, name: &str) -> Self {
        match self {
            Self::Data(text) => Self::Data(format!("Plugin {name}: {text}")),
            Self::Source(text) => Self::Source(format!("Plugin {name}: {text}")),
            Self::Store(text) => Self::Store(format!("Plugin {name}: {text}")),
            Self::Unwanted => Self::Unwanted,
        }
    }

    pub(super) fn internal(error: impl std::error::Error + 'static) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "import failed");
        Self::Store("The server failed.".to_owned())
    }

    pub(super) fn message(&self) -> &str {
        match self {
            Self::Data(text) | Self::Source(text) | Self::Store(text) => text,
            Self::Unwanted => "The image was deleted or is being imported by another task.",
        }
    }
}

impl ImageService {
    /// Does what the job says, when its turn has come. The image is in a defined state afterwards.
    pub(super) async fn run_import(&self, job: Job) {
        let (id, task) = (job.record.id, job.task.clone());
        let _turn = self.turn(&task).await;
        let mut progress = Progress::of(self, &job.record);
        progress.begin(&job.stores);
        let service = self.clone();
        let job = Arc::new(job);
        let work = {
            let (job, mut progress) = (job.clone(), progress.clone());
            Box::pin(async move { service.import(&job, &mut progress).await })
        };
        if let Some(Err(broken)) = self.work_off(&id, &task, work).await {
            tracing::warn!(image.id = %id, task.id = task, cause = broken.message(), "import failed");
            self.revert(&job, progress, &broken).await;
        }
    }

    /// Waits until there are few enough imports. Who waits long says now and then that the task is not forgotten.
    pub(super) async fn turn(&self, task: &str) -> SemaphorePermit<'_> {
        let mut turn = pin!(self.parts.import_slots.acquire());
        loop {
            match tokio::time::timeout(WAITING_PULSE, &mut turn).await {
                Ok(Ok(turn)) => return turn,
                Ok(Err(_)) => unreachable!("nobody closes it"),
                Err(_) => {
                    if let Err(error) = self.parts.db.tasks().still_waits(task).await {
                        tracing::warn!(
                            task.id = task,
                            error = &error as &dyn std::error::Error,
                            "the wait was not noted"
                        );
                    }
                }
            }
        }
    }

    /// Takes up a task, does its work and tells of both; what a failure calls for is up to the caller. `None` if somebody
    /// else has taken the task up.
    pub(super) async fn work_off(
        &self,
        image: &ImageId,
        task: &str,
        work: impl Future<Output = Result<(), Broken>> + Send + 'static,
    ) -> Option<Result<(), Broken>> {
        let waiting = self.task_to_tell(Event::TaskRun, task).await;
        match self.parts.db.tasks().begin(task).await {
            Ok(true) => self.notify_task(Event::TaskProcessing, task).await,
            Ok(false) => return None,
            Err(error) => {
                tracing::error!(image.id = %image, task.id = task, error = &error as &dyn std::error::Error, "task not begun");
            }
        }
        let outcome = self.finish(image, task, work).await;
        // Compat: when it is done, and as it was before it began.
        if let (Ok(()), Some(waiting)) = (&outcome, waiting) {
            self.notify(Event::TaskRun, || payload::task(&waiting));
        }
        Some(outcome)
    }

    /// Does the work of a task that was taken up, and tells of its success.
    pub(super) async fn finish(
        &self,
        image: &ImageId,
        task: &str,
        work: impl Future<Output = Result<(), Broken>> + Send + 'static,
    ) -> Result<(), Broken> {
        guarded(work).await?;
        tracing::info!(image.id = %image, task.id = task, "task done");
        self.notify_task(Event::TaskSuccess, task).await;
        Ok(())
    }

    async fn import(&self, job: &Arc<Job>, progress: &mut Progress) -> Result<(), Broken> {
        let adopting = match &job.remote {
            Some(remote) => Some(Arc::new(self.fetch_from_glance(job, remote).await?)),
            None => None,
        };
        let job = adopting.as_ref().unwrap_or(job);
        if job.method == Method::WebDownload {
            self.fetch_from_web(job).await?;
        }
        let prepared = Arc::new(self.prepare(job).await?);
        let outcome = if job.must_all_succeed {
            self.import_to_all(job, &prepared, progress).await
        } else {
            self.import_to_any(job, &prepared, progress).await
        };
        if outcome.is_ok() && job.method != Method::CopyImage {
            self.unstage(&job.record.id).await;
        }
        outcome
    }

    pub(super) async fn step(&self, step: &ImportStep) -> Result<(), Broken> {
        let before = self.before_step(step).await;
        match self.parts.db.imports().step(step).await {
            Ok(true) => {
                self.notify_step(step, before).await;
                Ok(())
            }
            Ok(false) => Err(Broken::Unwanted),
            Err(vidimus_db::Error::OverLimit { used, limit }) => Err(Broken::Store(format!(
                "Image exceeds the storage quota: {used} of {limit} bytes would be taken up."
            ))),
            Err(error) => Err(Broken::internal(error)),
        }
    }

    /// Puts the data into one store.
    pub(super) async fn import_to(
        &self,
        job: &Job,
        prepared: &Prepared,
        store: &StoreId,
    ) -> Result<UploadFacts, Broken> {
        self.notify_prepare(&job.record.id, store).await;
        let source = self
            .open_source(job, prepared)
            .await
            .map_err(|error| self.not_stored(job, store, error))?;
        let size_bytes = source.size_bytes();
        let data = source.into_stream();
        let sender = Sender {
            project: job.project.as_deref(),
            token: job.token.as_ref(),
            expected: Some(size_bytes),
        };
        let record = job.as_adopted(&prepared.record);
        let put = self.store_data(&record, store, sender, data);
        // Compat: where several stores are filled at the same time nobody says how far it has come.
        let is_told = !job.is_legacy && self.stores_at_once(job).min(job.stores.len()) == 1;
        let copied = |bytes: u64| match is_told {
            true => format!("Copied {} MiB", bytes >> 20),
            false => String::new(),
        };
        let stored = self.while_wanted(job, &copied(0), put).await?;
        let mut facts = stored.map_err(|error| self.not_stored(job, store, error))?;
        facts.virtual_size = facts.virtual_size.or(prepared.virtual_size);
        if let Err(broken) = self.verify_copy(job, &facts) {
            self.undo_put(&job.record.id, &facts).await;
            return Err(broken);
        }
        if let Err(error) = self
            .parts
            .db
            .tasks()
            .progress(&job.task, &copied(size_bytes))
            .await
        {
            tracing::warn!(image.id = %job.record.id, error = &error as &dyn std::error::Error, "progress not noted");
        }
        Ok(facts)
    }

    fn not_stored(&self, job: &Job, store: &StoreId, error: Error) -> Broken {
        self.notify_upload_failed(&job.record.id, &error);
        Broken::storing(store, error)
    }

    /// A copy must be what the image is known to be; what is wrong in one store must not spread.
    fn verify_copy(&self, job: &Job, facts: &UploadFacts) -> Result<(), Broken> {
        let record = &job.record;
        let is_same = record.size.is_none_or(|size| size == facts.size)
            && record
                .checksum
                .as_ref()
                .is_none_or(|sum| *sum == facts.checksum)
            && (record.os_hash_algo.as_deref() != Some(&facts.os_hash_algo)
                || record.os_hash_value.as_deref() == Some(&facts.os_hash_value));
        if job.method != Method::CopyImage || is_same {
            Ok(())
        } else {
            Err(Broken::Store(
                "The data that was read is not what the image is known to be.".to_owned(),
            ))
        }
    }

    async fn open_source(&self, job: &Job, prepared: &Prepared) -> Result<StoreRead, Error> {
        if job.method != Method::CopyImage {
            return self.open_prepared(&job.record.id, prepared).await;
        }
        let mut last = Error::ImageNotFound(job.record.id.to_string());
        for location in self.locations_of(&job.record, &[]) {
            match self.open_copy(&location).await {
                Ok(read) => return Ok(read),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn open_copy(&self, location: &Location) -> Result<StoreRead, Error> {
        let store = self.parts.stores.find(location)?;
        Ok(store.open(location, None).await?)
    }

    /// As [`Self::while_held`], for an import.
    pub(super) async fn while_wanted<T>(
        &self,
        job: &Job,
        message: &str,
        work: impl Future<Output = T>,
    ) -> Result<T, Broken> {
        self.while_held(&job.record.id, &job.task, message, work)
            .await
    }

    /// Waits for work that may take long, says now and then that it is under way, and drops it when nobody wants it any
    /// more. What is dropped leaves nothing behind: stores promise that.
    pub(super) async fn while_held<T>(
        &self,
        image: &ImageId,
        task: &str,
        message: &str,
        work: impl Future<Output = T>,
    ) -> Result<T, Broken> {
        let mut work = Box::pin(work);
        loop {
            if let Ok(done) = tokio::time::timeout(PULSE, &mut work).await {
                return Ok(done);
            }
            let db = &self.parts.db;
            let alive = db.tasks().progress(task, message).await;
            let held = db.imports().holds(image, task).await;
            // A database that does not answer for a moment is no reason to throw hours of work away.
            if matches!(alive, Ok(false)) || matches!(held, Ok(false)) {
                return Err(Broken::Unwanted);
            }
        }
    }

    /// Puts the image back to where its owner can go on from, and says in the task why.
    async fn revert(&self, job: &Job, mut progress: Progress, broken: &Broken) {
        let id = job.record.id;
        for store in &job.stores {
            progress.fail(store);
        }
        let keeps_staged = matches!(broken, Broken::Store(_)) && job.method == Method::GlanceDirect;
        let staged = match self.staged_size(&id).await {
            Some(size) if keeps_staged => Some(size),
            _ => None,
        };
        let end = self.failure(broken.message().to_owned());
        let mut step = ImportStep::new(id, &job.task);
        if job.method != Method::CopyImage {
            (step.status, step.content) = way_back(staged);
        }
        step.set_properties = progress.properties();
        step.end = Some(end.clone());
        let reverted = match self.parts.db.imports().step(&step).await {
            Ok(true) => true,
            // Active already, by one store of several: only the lock and the lists are left to be put right.
            Ok(false) => {
                step.status = None;
                step.content = Content::Unchanged;
                matches!(self.parts.db.imports().step(&step).await, Ok(true))
            }
            Err(error) => {
                tracing::error!(image.id = %id, error = &error as &dyn std::error::Error, "the image stays in importing until the next start");
                return;
            }
        };
        if !reverted && let Err(error) = self.parts.db.tasks().finish(&job.task, &end).await {
            tracing::error!(image.id = %id, error = &error as &dyn std::error::Error, "the task stays unfinished until the next start");
        }
        if reverted {
            self.notify_image(Event::ImageUpdate, &id).await;
        }
        self.notify_task(Event::TaskFailure, &job.task).await;
        if staged.is_none()
            && job.method != Method::CopyImage
            && !self.is_staged_by_others(&job.record).await
        {
            self.unstage(&id).await;
        }
    }

    /// Whether somebody else has staged data for the image since: after losing the lock it is not ours to remove.
    async fn is_staged_by_others(&self, record: &ImageRecord) -> bool {
        let scope = vidimus_db::Scope::admin();
        match self.parts.db.images().get(&scope, &record.id).await {
            Ok(now) => matches!(now.status, ImageStatus::Uploading | ImageStatus::Importing),
            Err(_) => false,
        }
    }
}

/// Does work in a task of its own, so that a panic is a failure like others.
pub(super) fn guarded(
    work: impl Future<Output = Result<(), Broken>> + Send + 'static,
) -> impl Future<Output = Result<(), Broken>> {
    tokio::spawn(work).map(|done| done.unwrap_or_else(|stopped| Err(Broken::internal(stopped))))
}

/// Whether nobody has said what the data of an image is.
pub(super) fn is_unknown(record: &ImageRecord) -> bool {
    record.checksum.is_none() && record.os_hash_value.is_none()
}

/// Where an image goes whose import failed, with so much still staged for it.
pub(super) fn way_back(staged: Option<u64>) -> (Option<(ImageStatus, ImageStatus)>, Content) {
    match staged {
        Some(size) => (
            Some((ImageStatus::Importing, ImageStatus::Uploading)),
            Content::Staged(size),
        ),
        None => (
            Some((ImageStatus::Importing, ImageStatus::Queued)),
            Content::Forgotten,
        ),
    }
}
