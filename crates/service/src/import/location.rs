//! Takes data where it lies: somebody says where, and the image becomes active without a byte being stored.
//!
//! With a hash to hold the data against, the image is importing until all of it was read, and queued again if it is
//! something else. Without one the image is active at once, and the hash is computed behind that. Deleting the image ends the
//! reading. What a crash cuts off is read again at the next start, by [`ImageService::resume_hash`], or put back by
//! [`ImageService::end_location_import`] if nothing was recorded yet.
//!
//! Compat: a location that could not be taken is taken off again. Glance leaves those of the web on the queued image, where
//! they are in the way of every other try.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::StreamExt;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use vidimus_auth::{Action, Context};
use vidimus_db::{
    Content, Described, ImageRecord, ImportStart, ImportStep, NewTask, Scope, Started, TaskEnd,
    TaskRecord,
};
use vidimus_digest::Algorithm;
use vidimus_fetch::Refusal;
use vidimus_store::Location;
use vidimus_types::{ImageId, ImageStatus, schema::validate_location};

use super::{Progress, run::Broken};
use crate::{
    Error, ImageService, Result,
    data::{Facts, Limits, Wanted, Watch},
    images::{check_quota, require_formats, require_owner},
    locations::{check_route_hash, is_web, place},
    nodes::HASH_HOST,
    notify::Event,
};

/// The type of the tasks that take locations.
pub(crate) const LOCATION_TASK: &str = "location_import";

/// The pause before data is read once more.
const PAUSE: Duration = Duration::from_secs(1);

/// A request to take data where it lies.
#[derive(Debug, Clone)]
pub struct LocationRequest {
    url: String,
    /// As it was sent; nothing and an empty object mean the same.
    validation: Map<String, Value>,
}

/// A location that is being taken, under the image's import lock.
#[derive(Debug)]
struct LocationJob {
    /// The image as it was found.
    record: ImageRecord,
    task: String,
    /// Whose room the data takes up.
    project: Option<String>,
    url: String,
    /// The hash the data must have.
    expected: Option<(Algorithm, String)>,
}

/// The images whose data is being read for its hash, so that deleting one ends it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hashings(Arc<Mutex<HashMap<ImageId, CancellationToken>>>);

/// Takes the image off the list again.
#[derive(Debug)]
struct Hashing {
    all: Hashings,
    id: ImageId,
    cancelled: CancellationToken,
}

impl Hashings {
    /// Ends the reading of an image's data, if it is being read.
    pub(crate) fn cancel(&self, id: &ImageId) {
        if let Some(token) = self.lock().get(id) {
            token.cancel();
        }
    }

    fn begin(&self, id: ImageId) -> Hashing {
        let cancelled = CancellationToken::new();
        self.lock().insert(id, cancelled.clone());
        Hashing {
            all: self.clone(),
            id,
            cancelled,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ImageId, CancellationToken>> {
        // Every change is one insert or remove, so a panic elsewhere leaves the map sound.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hashing {
    fn drop(&mut self) {
        self.all.lock().remove(&self.id);
    }
}

impl LocationJob {
    /// The job of a task, with what it recorded of the data, if it had come that far.
    fn of(task: &TaskRecord, record: ImageRecord) -> Option<(Self, Location, u64)> {
        let input = task.input.as_ref()?;
        let url = input.get("loc_url")?.as_str()?;
        let request = LocationRequest {
            url: url.to_owned(),
            validation: input
                .get("validation_data")
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default(),
        };
        let expected = request.expected().ok()?;
        let is_right = match record.status {
            ImageStatus::Active => expected.is_none(),
            ImageStatus::Importing => expected.is_some(),
            _ => false,
        };
        let ([location], Some(size_bytes)) = (record.locations.as_slice(), record.size) else {
            return None;
        };
        if !is_right || location.url != request.url {
            return None;
        }
        let location = place(location);
        let job = Self {
            task: task.id.clone(),
            project: Some(task.owner.clone()).filter(|owner| !owner.is_empty()),
            url: request.url,
            expected,
            record,
        };
        Some((job, location, size_bytes))
    }

    /// What the data is hashed with.
    fn algorithm(&self, usual: Algorithm) -> Algorithm {
        self.expected
            .as_ref()
            .map_or(usual, |(algorithm, _)| *algorithm)
    }
}

impl LocationRequest {
    /// Reads a body.
    pub fn read(body: &Value) -> Result<Self> {
        validate_location(body).map_err(|error| Error::SchemaMismatch(error.to_string()))?;
        let validation = body.get("validation_data").and_then(Value::as_object);
        Ok(Self {
            url: body["url"].as_str().unwrap_or_default().to_owned(),
            validation: validation.cloned().unwrap_or_default(),
        })
    }

    fn expected(&self) -> Result<Option<(Algorithm, String)>> {
        let text = |name: &str| self.validation.get(name).and_then(Value::as_str);
        match (text("os_hash_algo"), text("os_hash_value")) {
            (Some(algorithm), Some(value)) => {
                let algorithm = check_route_hash(algorithm, value)?;
                Ok(Some((algorithm, value.to_owned())))
            }
            _ => Ok(None),
        }
    }
}

impl ImageService {
    /// Begins to take data where it lies and returns; how that ends is found in its task and in the image.
    pub async fn add_location(
        &self,
        ctx: &Context,
        id: &ImageId,
        request: LocationRequest,
    ) -> Result<()> {
        let record = self.find_image(ctx, id).await?;
        if record.status != ImageStatus::Queued {
            return Err(Error::LocationsFixed {
                verb: "add",
                status: record.status,
            });
        }
        self.enforce_on(ctx, Action::AddImageLocation, &record)?;
        self.require_service_or_web(ctx, &request.url)?;
        let expected = request.expected()?;
        self.require_admitted(&record, &request.url).await?;
        // Compat, at once: Glance says yes here, and its task finds that it may not.
        require_owner(ctx, &record)?;

        let job = LocationJob {
            task: Uuid::new_v4().to_string(),
            project: ctx.project_id().map(str::to_owned),
            url: request.url.clone(),
            expected,
            record,
        };
        self.begin_location(ctx, &job, request).await?;
        let service = self.clone();
        self.parts
            .tasks
            .spawn(async move { service.run_location(job).await });
        Ok(())
    }

    /// Services may name any store; others only say where on the web data lies, if there is a store for that.
    fn require_service_or_web(&self, ctx: &Context, url: &str) -> Result<()> {
        let roles = ctx.roles().iter().chain(ctx.service_roles());
        let is_service = roles.into_iter().any(|role| role == "service");
        let mut stores = self.parts.stores.iter();
        let reads_web = stores.any(|store| store.info().kind == "http");
        if is_service || (url.starts_with("http") && reads_web) {
            Ok(())
        } else {
            Err(Error::LocationsForServices)
        }
    }

    async fn require_admitted(&self, record: &ImageRecord, url: &str) -> Result<()> {
        if !is_web(url) {
            return Ok(());
        }
        let admitted: Result<(), Refusal> = self.parts.fetcher.admit(url).await;
        admitted.map_err(|refusal| {
            tracing::info!(image.id = %record.id, error = &refusal as &dyn std::error::Error, "location refused");
            Error::Invalid(format!("URI for add location does not pass filtering: {url}"))
        })
    }

    async fn begin_location(
        &self,
        ctx: &Context,
        job: &LocationJob,
        request: LocationRequest,
    ) -> Result<()> {
        let id = job.record.id;
        let expired = self.expired_lock(&job.record).await?;
        let set_properties = match &expired {
            None => Vec::new(),
            Some(expired) => {
                let mut progress = Progress::of(self, &job.record);
                progress.forget(&expired.stores);
                let mut left = progress.properties();
                left.retain(|(name, _)| job.record.properties.iter().any(|(key, _)| key == name));
                left
            }
        };
        let input = json!({
            "image_id": id,
            "loc_url": request.url,
            "validation_data": request.validation,
        });
        let start = ImportStart {
            image: id,
            status: (ImageStatus::Queued, ImageStatus::Queued),
            task: NewTask {
                id: job.task.clone(),
                kind: LOCATION_TASK,
                owner: ctx.project_id().unwrap_or_default().to_owned(),
                image_id: Some(id),
                request_id: Some(ctx.request_id().to_owned()),
                user_id: ctx.user_id().map(str::to_owned),
                input,
            },
            expired: expired.map(|expired| expired.task),
            set_properties,
            remove_properties: Vec::new(),
        };
        match self.parts.db.imports().start(&start).await? {
            // Compat: nobody is told of the lock, which these tasks take and drop beside all else.
            Started::Yes => {
                self.notify_task(Event::TaskCreate, &job.task).await;
                Ok(())
            }
            Started::Locked => Err(Error::ImportRefused(format!(
                "New operation on image '{id}' is not permitted as prior operation is still in progress"
            ))),
            Started::Changed => Err(Error::ChangedMeanwhile(id)),
        }
    }

    /// Does what the job says, when its turn has come. The image is in a defined state afterwards.
    async fn run_location(&self, job: LocationJob) {
        let (id, task) = (job.record.id, job.task.clone());
        let _turn = self.turn(&task).await;
        let service = self.clone();
        let work = Box::pin(async move { service.take_location(&job).await });
        if let Some(Err(broken)) = self.work_off(&id, &task, work).await {
            self.give_location_up(&id, &task, &broken).await;
        }
    }

    async fn give_location_up(&self, id: &ImageId, task: &str, broken: &Broken) {
        tracing::warn!(image.id = %id, task.id = task, cause = broken.message(), "location not taken");
        let end = self.failure(broken.message().to_owned());
        if let Err(error) = self.end_location_import(id, task, end).await {
            tracing::error!(image.id = %id, error = &error as &dyn std::error::Error, "the image stays as it is until the next start");
        }
    }

    /// Goes on with a task that was reading data for its hash when this node stopped, and says whether it was such a one.
    ///
    /// Only where nobody else can be at it: the database is this node's alone.
    pub(super) async fn resume_hash(&self, task: &TaskRecord) -> Result<bool> {
        let Some(id) = task.image_id.as_deref().and_then(|id| id.parse().ok()) else {
            return Ok(false);
        };
        let db = &self.parts.db;
        let record = match db.images().get(&Scope::admin(), &id).await {
            Err(vidimus_db::Error::NotFound(_)) => return Ok(false),
            found => found?,
        };
        let is_begun = record.os_hash_algo.is_some() && record.os_hash_value.is_none();
        let Some((job, location, size_bytes)) = LocationJob::of(task, record)
            .filter(|_| is_begun && self.config().import.hashes_locations)
        else {
            return Ok(false);
        };
        // The second also for the sake of those who look for tasks that nobody works on: it may have been long.
        if !db.imports().holds(&id, &task.id).await? || !db.tasks().progress(&task.id, "").await? {
            return Ok(false);
        }
        tracing::info!(image.id = %id, task.id = task.id, "reading data for its hash again");
        let service = self.clone();
        self.parts
            .tasks
            .spawn(async move { service.run_hash(job, location, size_bytes).await });
        Ok(true)
    }

    /// As [`Self::run_location`], for what was recorded before.
    async fn run_hash(&self, job: LocationJob, location: Location, size_bytes: u64) {
        let (id, task) = (job.record.id, job.task.clone());
        let _turn = self.turn(&task).await;
        let service = self.clone();
        let work = async move {
            let hashing = service.parts.hashings.begin(job.record.id);
            service
                .record_hash(&job, &location, size_bytes, &hashing)
                .await
        };
        if let Err(broken) = self.finish(&id, &task, work).await {
            self.give_location_up(&id, &task, &broken).await;
        }
    }

    async fn take_location(&self, job: &LocationJob) -> Result<(), Broken> {
        let id = job.record.id;
        let (location, size_bytes) =
            self.judge_location(job)
                .await
                .map_err(|error| match error {
                    Error::Internal(_) => Broken::internal(error),
                    other => Broken::Source(other.to_string()),
                })?;
        let hashing = self.parts.hashings.begin(id);

        let import = &self.config().import;
        let mut first = ImportStep::new(id, &job.task);
        first.limit = self.storage_limit(job.project.as_deref());
        first.location = Some((location.url.clone(), location.metadata.clone()));
        let mut described = Described {
            size: Some(size_bytes),
            ..Described::default()
        };
        let to = if import.hashes_locations && job.expected.is_some() {
            ImageStatus::Importing
        } else {
            ImageStatus::Active
        };
        first.status = Some((ImageStatus::Queued, to));
        if import.hashes_locations {
            let algorithm = job.algorithm(self.config().hash_algorithm);
            described.os_hash_algo = Some(algorithm.name().to_owned());
            let host = import.stage_host.clone();
            first.set_properties = host
                .map(|host| (HASH_HOST.to_owned(), host))
                .into_iter()
                .collect();
        } else {
            if let Some((algorithm, value)) = &job.expected {
                described.os_hash_algo = Some(algorithm.name().to_owned());
                described.os_hash_value = Some(value.clone());
            }
            first.end = Some(self.location_taken(&id));
        }
        first.content = Content::Described(described);
        self.step(&first).await?;
        if !import.hashes_locations {
            return Ok(());
        }

        self.record_hash(job, &location, size_bytes, &hashing).await
    }

    /// Reads the data and writes down what it is; what it has to be and is not, ends in an error.
    async fn record_hash(
        &self,
        job: &LocationJob,
        location: &Location,
        size_bytes: u64,
        hashing: &Hashing,
    ) -> Result<(), Broken> {
        let id = job.record.id;
        let algorithm = job.algorithm(self.config().hash_algorithm);
        let found = self
            .hash_location(job, location, size_bytes, algorithm, hashing)
            .await;
        let mut last = ImportStep::new(id, &job.task);
        last.remove_properties = vec![HASH_HOST.to_owned()];
        let mut end = self.location_taken(&id);
        match (found, &job.expected) {
            (Ok(facts), Some((_, value))) if facts.hash != *value => {
                return Err(Broken::Data(format!(
                    "os_hash_value: ({value}) not matched with actual os_hash_value: ({})",
                    facts.hash
                )));
            }
            (Ok(facts), _) => {
                last.content = Content::Described(Described {
                    checksum: Some(facts.md5),
                    // What it was begun with may have been another configuration's.
                    os_hash_algo: Some(algorithm.name().to_owned()),
                    os_hash_value: Some(facts.hash),
                    ..Described::default()
                });
            }
            // The image was given out already: it stays, and nothing is said about its data.
            (Err(Broken::Source(cause)), None) => {
                last.content = Content::Unhashed;
                end.message = Some(cause);
            }
            (Err(broken), _) => return Err(broken),
        }
        if job.expected.is_some() {
            last.status = Some((ImageStatus::Importing, ImageStatus::Active));
        }
        last.end = Some(end);
        self.step(&last).await
    }

    fn location_taken(&self, id: &ImageId) -> TaskEnd {
        let mut end = self.success(json!({ "image_id": id }));
        end.message = Some(String::new());
        end
    }

    /// Goes and looks, and finds out whether there is room and what the location is called.
    async fn judge_location(&self, job: &LocationJob) -> Result<(Location, u64)> {
        let size_bytes = self.look_at(&job.url).await?.required()?;
        check_quota("locations", 1, self.config().location_quota)?;
        self.storage_room(job.project.as_deref(), Some(size_bytes), None)
            .await?
            .map_err(Error::LocationStorageQuota)?;
        require_formats(&job.record)?;
        crate::images::refuse_four_bytes([("url", job.url.as_str())].into_iter())?;
        let mut location = Location::new(job.url.clone());
        self.name_store(&mut location.metadata, &job.url);
        Ok((location, size_bytes))
    }

    /// Reads all of the data, as often as it takes.
    async fn hash_location(
        &self,
        job: &LocationJob,
        location: &Location,
        size_bytes: u64,
        algorithm: Algorithm,
        hashing: &Hashing,
    ) -> Result<Facts, Broken> {
        let mut left = self.config().import.hash_retries;
        loop {
            let reading = self.read_location(location, size_bytes, algorithm);
            let reading = self.while_held(&job.record.id, &job.task, "", reading);
            let read = tokio::select! {
                () = hashing.cancelled.cancelled() => return Err(Broken::Unwanted),
                read = reading => read?,
            };
            match read {
                Ok(facts) => return Ok(facts),
                Err(error) if left == 0 => {
                    tracing::warn!(image.id = %job.record.id, error = &error as &dyn std::error::Error, "location not readable");
                    return Err(Broken::Source(format!(
                        "Hash calculation failed for image {} data: {error}",
                        job.record.id
                    )));
                }
                Err(error) => {
                    tracing::info!(image.id = %job.record.id, error = &error as &dyn std::error::Error, "location not readable, will try again");
                    left -= 1;
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn read_location(
        &self,
        location: &Location,
        size_bytes: u64,
        algorithm: Algorithm,
    ) -> Result<Facts> {
        let store = self.parts.stores.find(location)?;
        let data = store.open(location, None).await?.into_stream();
        let limits = Limits {
            cap: u64::MAX,
            expected: Some(size_bytes),
            room: None,
        };
        let wanted = Wanted {
            algorithm,
            signed: None,
            inspect: false,
        };
        let (watch, mut data) = Watch::over(data, limits, wanted)?;
        while let Some(chunk) = data.next().await {
            if chunk.is_err() {
                let broken = watch
                    .broken()
                    .filter(|why| !matches!(why, Error::ClientGone));
                return Err(broken.unwrap_or_else(|| {
                    Error::StoreUnavailable(vidimus_store::Error::Source(io::Error::from(
                        io::ErrorKind::UnexpectedEof,
                    )))
                }));
            }
        }
        drop(data);
        watch.finish(limits).await
    }

    /// Ends a task that did not reach its end and puts its image back: queued and without a location if its data was to be
    /// checked, active and without a hash if it was given out already.
    pub(super) async fn end_location_import(
        &self,
        id: &ImageId,
        task: &str,
        end: TaskEnd,
    ) -> Result<()> {
        if self.put_back(id, task, end).await? {
            self.notify_image(Event::ImageUpdate, id).await;
        }
        self.notify_task(Event::TaskFailure, task).await;
        Ok(())
    }

    /// Says whether there was something to be put back.
    async fn put_back(&self, id: &ImageId, task: &str, end: TaskEnd) -> Result<bool> {
        let mut back = ImportStep::new(*id, task);
        back.remove_properties = vec![HASH_HOST.to_owned()];
        back.end = Some(end.clone());
        back.status = Some((ImageStatus::Importing, ImageStatus::Queued));
        back.content = Content::Forgotten;
        back.drop_locations = true;
        if let Some(dropped) = self.parts.db.imports().step_and_drop(&back).await? {
            for location in &dropped {
                self.remove_data(id, location).await;
            }
            return Ok(true);
        }
        back.drop_locations = false;
        back.status = Some((ImageStatus::Active, ImageStatus::Active));
        back.content = Content::Unhashed;
        if self.parts.db.imports().step(&back).await? {
            return Ok(true);
        }
        // Nothing was recorded yet, or the image is gone.
        back.status = None;
        back.content = Content::Unchanged;
        if !self.parts.db.imports().step(&back).await? {
            self.parts.db.tasks().finish(task, &end).await?;
        }
        Ok(false)
    }
}
