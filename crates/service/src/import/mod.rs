//! Imports: the request, decided while the caller waits, and the work, done behind the answer.
//!
//! [`ImageService::import_image`] asks everything that can be asked, in Glance's order, takes the image's import lock and
//! hands a [`Job`] to a tracked task; `run` does it. An import that fails never leaves its image stuck: `run` says to
//! where it goes back, and `recover` does the same for those a crash cut off.

mod fetch;
mod glance_download;
mod legacy;
mod location;
mod lock;
mod parallel;
mod plugins;
mod recover;
mod run;

pub use legacy::LegacyConfig;
pub use plugins::{Plugin, PluginConfig};

use std::borrow::Cow;

use serde_json::{Map, Value, json};
use uuid::Uuid;
use vidimus_auth::{Action, Context, Credentials};
use vidimus_db::{ImageRecord, ImportStart, NewTask, Started};
use vidimus_keys::Token;
use vidimus_types::{ImageId, ImageStatus, StoreId};

use self::{fetch::Proof, glance_download::Remote};
use crate::{
    Error, ImageService, Result,
    nodes::{Done, STAGE_HOST},
    notify::Event,
};

/// Stores an import still has to reach, as a property of the image.
pub(crate) const IMPORTING: &str = "os_glance_importing_to_stores";

/// Stores an import could not reach.
pub(crate) const FAILED: &str = "os_glance_failed_import";

/// The type of the tasks of imports.
pub(crate) const TASK_KIND: &str = "api_image_import";

pub use location::LocationRequest;
pub(crate) use location::{Hashings, LOCATION_TASK};

/// A request to import, as its body and headers say it.
#[derive(Debug, Clone)]
pub struct ImportRequest {
    body: Map<String, Value>,
    method: Method,
    uri: Option<String>,
    proof: Option<Proof>,
    must_all_succeed: bool,
    all_stores: bool,
    store_header: Option<String>,
    credentials: Credentials,
}

/// Where the data comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// From the staging folder.
    GlanceDirect,
    /// From elsewhere over HTTP.
    WebDownload,
    /// From the Glance of another region.
    GlanceDownload,
    /// From a store that has it.
    CopyImage,
}

impl Method {
    fn named(name: &str) -> Option<Self> {
        match name {
            "glance-direct" => Some(Self::GlanceDirect),
            "web-download" => Some(Self::WebDownload),
            "glance-download" => Some(Self::GlanceDownload),
            "copy-image" => Some(Self::CopyImage),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::GlanceDirect => "glance-direct",
            Self::WebDownload => "web-download",
            Self::GlanceDownload => "glance-download",
            Self::CopyImage => "copy-image",
        }
    }
}

/// An import that holds its lock.
#[derive(Debug, Clone)]
struct Job {
    /// The image as it was found, before it became importing.
    record: ImageRecord,
    /// Whose room the data takes up.
    project: Option<String>,
    /// In whose name a key manager is asked.
    token: Option<Token>,
    task: String,
    method: Method,
    uri: Option<String>,
    /// What data from the web has to be.
    proof: Option<Proof>,
    remote: Option<Remote>,
    stores: Vec<StoreId>,
    must_all_succeed: bool,
    /// Whether the formats in `record` are not those it was found with.
    adopts_formats: bool,
    /// Properties that come with the data.
    adopted_properties: Vec<(String, String)>,
    /// Properties that a plugin sets on the image.
    injected: Vec<(String, String)>,
    /// Whether a task made the image, and nobody is told how far it has come.
    is_legacy: bool,
}

impl Job {
    /// The image with the properties that it gets with the data.
    fn as_adopted<'a>(&self, record: &'a ImageRecord) -> Cow<'a, ImageRecord> {
        let adopted = self.adopted_properties.iter().chain(&self.injected);
        let mut record = Cow::Borrowed(record);
        for (name, value) in adopted {
            let properties = &mut record.to_mut().properties;
            properties.retain(|(known, _)| known != name);
            properties.push((name.clone(), Some(value.clone())));
        }
        record
    }
}

impl ImportRequest {
    /// Reads a body; `store_header` is the value of `X-Image-Meta-Store`.
    pub fn read(
        service: &ImageService,
        body: Value,
        store_header: Option<String>,
        credentials: Credentials,
    ) -> Result<Self> {
        let invalid = |text: &str| Error::Invalid(text.to_owned());
        // Compat, stricter: an array, or a method that is no object, makes the peer answer 500.
        let Value::Object(body) = body else {
            return Err(invalid("Import request requires a 'method' field."));
        };
        let method = body
            .get("method")
            .ok_or_else(|| invalid("Import request requires a 'method' field."))?;
        let name = method
            .get("name")
            .ok_or_else(|| invalid("Import request requires a 'name' field."))?;
        let shown = match name {
            // Compat: as Python prints it.
            Value::Null => "None".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let is_enabled = service.config().import_methods.contains(&shown);
        let known = Method::named(&shown).filter(|_| is_enabled);
        let known = known
            .ok_or_else(|| Error::Invalid(format!("Unknown import method name '{shown}'.")))?;
        let flag = |name: &str, default: bool| match body.get(name) {
            None => Ok(default),
            Some(Value::Bool(value)) => Ok(*value),
            Some(_) => Err(Error::Invalid(format!(
                "'{name}' must be boolean value only"
            ))),
        };
        let must_all_succeed = flag("all_stores_must_succeed", true)?;
        let all_stores = flag("all_stores", false)?;
        let uri = method.get("uri").and_then(Value::as_str).map(str::to_owned);
        let proof = match known {
            Method::WebDownload => Proof::read(method)?,
            Method::GlanceDirect | Method::GlanceDownload | Method::CopyImage => None,
        };
        Ok(Self {
            method: known,
            uri,
            proof,
            must_all_succeed,
            all_stores,
            store_header,
            credentials,
            body,
        })
    }

    /// The image elsewhere, if it is one that is wanted.
    fn remote(&mut self, ctx: &Context) -> Result<Option<Remote>> {
        match self.body.get_mut("method") {
            Some(Value::Object(method)) if self.method == Method::GlanceDownload => {
                Remote::read(method, ctx, &self.credentials).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The URI as Python prints it into a message.
    fn shown_uri(&self) -> &str {
        self.uri.as_deref().unwrap_or("None")
    }
}

impl ImageService {
    /// Starts an import and returns when it has begun; how it ends is found in its task and in the image.
    ///
    /// What another node has staged, that node imports, or says why not.
    pub async fn import_image(
        &self,
        ctx: &Context,
        id: &ImageId,
        mut request: ImportRequest,
    ) -> Result<Done> {
        let record = self.find_image(ctx, id).await?;
        require_status(&record, request.method)?;
        require_format("container_format", record.container_format.as_deref())?;
        require_format("disk_format", record.disk_format.as_deref())?;
        let action = match request.method {
            Method::CopyImage => Action::CopyImage,
            Method::GlanceDirect | Method::WebDownload | Method::GlanceDownload => {
                Action::ModifyImage
            }
        };
        let remote = request.remote(ctx)?;
        self.enforce_on(ctx, action, &record)?;
        let expired = self.expired_lock(&record).await?;
        let Some(stores) = self.import_stores(&record, &request)? else {
            tracing::info!(image.id = %id, "nothing to copy, every store has the image");
            return Ok(Done::Here);
        };
        if !request.must_all_succeed && !self.has_several_stores() {
            return Err(Error::Invalid(format!(
                "All_stores_must_succeed can only be set with enabled_backends {}",
                request.shown_uri()
            )));
        }
        if request.method == Method::GlanceDirect
            && !self.is_staged_here(&record).await
            && let Some(host) = self.other_node(&record, STAGE_HOST, &request.credentials)
        {
            let body = Value::Object(request.body);
            let said = (&body, request.store_header.as_deref());
            let relayed = self.relay_import(host, ctx, &request.credentials, &record, said);
            return Ok(Done::There(relayed.await?));
        }
        self.require_source(&record, &request).await?;

        let job = Job {
            task: Uuid::new_v4().to_string(),
            method: request.method,
            uri: request.uri.clone(),
            proof: request.proof.clone(),
            remote,
            adopts_formats: false,
            adopted_properties: Vec::new(),
            must_all_succeed: request.must_all_succeed,
            injected: self.injected_for(ctx, request.method),
            is_legacy: false,
            stores,
            record,
            project: ctx.project_id().map(str::to_owned),
            token: request.credentials.token().map(Token::new),
        };
        self.begin(ctx, &job, request, expired).await?;
        let service = self.clone();
        self.parts
            .tasks
            .spawn(async move { Box::pin(service.run_import(job)).await });
        Ok(Done::Here)
    }

    /// Whether all of what was staged for the image lies here, whatever this node was called then.
    async fn is_staged_here(&self, record: &ImageRecord) -> bool {
        record.size.is_some() && self.staged_size(&record.id).await == record.size
    }

    /// Whether the data is where it should come from, as far as that can be told at once.
    async fn require_source(&self, record: &ImageRecord, request: &ImportRequest) -> Result<()> {
        match request.method {
            Method::CopyImage | Method::GlanceDownload => Ok(()),
            Method::WebDownload => {
                let uri = request.shown_uri();
                let admitted = self.parts.fetcher.admit(uri).await;
                admitted.map_err(|refusal| {
                    tracing::info!(image.id = %record.id, error = &refusal as &dyn std::error::Error, "web-download refused");
                    Error::Invalid(format!(
                        "URI for web-download does not pass filtering: {uri}"
                    ))
                })
            }
            // Beginning all the same would throw the image back to queued.
            Method::GlanceDirect if self.staged_size(&record.id).await.is_none() => {
                Err(Error::StagedElsewhere(record.id))
            }
            Method::GlanceDirect => Ok(()),
        }
    }

    async fn begin(
        &self,
        ctx: &Context,
        job: &Job,
        request: ImportRequest,
        expired: Option<lock::Expired>,
    ) -> Result<()> {
        let id = job.record.id;
        let to = match job.method {
            Method::CopyImage => job.record.status,
            Method::GlanceDirect | Method::WebDownload | Method::GlanceDownload => {
                ImageStatus::Importing
            }
        };
        let mut progress = Progress::of(self, &job.record);
        if let Some(expired) = &expired {
            progress.forget(&expired.stores);
        }
        progress.begin(&job.stores);
        let backend: Vec<Value> = if self.has_several_stores() {
            job.stores
                .iter()
                .map(|store| store.as_str().into())
                .collect()
        } else {
            vec![Value::Null]
        };
        let start = ImportStart {
            image: id,
            status: (job.record.status, to),
            task: NewTask {
                id: job.task.clone(),
                kind: TASK_KIND,
                // Compat: the column cannot be empty, and Glance answers 500 to a caller without a project.
                owner: ctx.project_id().unwrap_or_default().to_owned(),
                image_id: Some(id),
                request_id: Some(ctx.request_id().to_owned()),
                user_id: ctx.user_id().map(str::to_owned),
                input: json!({ "image_id": id, "import_req": request.body, "backend": backend }),
            },
            expired: expired.map(|expired| expired.task),
            set_properties: progress.properties(),
            remove_properties: vec![STAGE_HOST.to_owned()],
        };
        match self.parts.db.imports().start(&start).await? {
            Started::Yes => {
                self.notify_task(Event::TaskCreate, &job.task).await;
                self.notify_image(Event::ImageUpdate, &id).await;
                Ok(())
            }
            Started::Locked => Err(Error::ImportRefused(format!(
                "New operation on image '{id}' is not permitted as prior operation is still in progress"
            ))),
            Started::Changed => Err(Error::ChangedMeanwhile(id)),
        }
    }

    /// The stores the data is to go to; `None` if it is in all of them already.
    fn import_stores(
        &self,
        record: &ImageRecord,
        request: &ImportRequest,
    ) -> Result<Option<Vec<StoreId>>> {
        // Compat: where stores have no names, naming some changes nothing.
        if !self.has_several_stores() {
            return Ok(Some(vec![self.parts.stores.default_store().id().clone()]));
        }
        let mut stores = self.chosen_stores(request)?;
        if request.method != Method::CopyImage {
            return Ok(Some(stores));
        }
        for present in self.stores_of(record) {
            match stores.iter().position(|store| store.as_str() == present) {
                Some(at) if request.all_stores => {
                    stores.remove(at);
                }
                Some(_) => {
                    return Err(Error::Invalid(format!(
                        "Image is already present at store '{present}'"
                    )));
                }
                None => {}
            }
        }
        let is_done = request.all_stores && stores.is_empty();
        Ok(Some(stores).filter(|_| !is_done))
    }

    fn chosen_stores(&self, request: &ImportRequest) -> Result<Vec<StoreId>> {
        let set = &self.parts.stores;
        let listed = request.body.get("stores");
        let clash = |text: &str| Err(Error::Invalid(text.to_owned()));
        if request.all_stores {
            if listed.is_some() || request.store_header.is_some() {
                return clash(
                    "All_stores parameter can't be used with x-image-meta-store header or stores parameter",
                );
            }
            let writable = set.iter().filter(|store| store.capabilities().can_put);
            return Ok(writable.map(|store| store.id().clone()).collect());
        }
        let names: Vec<String> = match (listed, &request.store_header) {
            (Some(_), Some(_)) => {
                return clash(
                    "Stores parameter and x-image-meta-store header can't be both specified",
                );
            }
            (Some(Value::Array(names)), None) => names
                .iter()
                .map(|name| {
                    name.as_str()
                        .map_or_else(|| name.to_string(), str::to_owned)
                })
                .collect(),
            (Some(_), None) => return clash("'stores' must be a list of store identifiers"),
            (None, Some(name)) => vec![name.clone()],
            (None, None) => return Ok(vec![set.default_store().id().clone()]),
        };
        let mut stores: Vec<StoreId> = Vec::with_capacity(names.len());
        for name in names {
            let unknown = || Error::ImportRefused(format!("Store for identifier {name} not found"));
            let id: StoreId = name.parse().map_err(|_| unknown())?;
            set.get(&id).map_err(|_| unknown())?;
            // A store that is named twice would hold the data twice under one name.
            if !stores.contains(&id) {
                stores.push(id);
            }
        }
        if stores.is_empty() {
            // Compat, stricter: Glance accepts an empty list, imports nothing and loses what is staged.
            return clash("'stores' must name at least one store");
        }
        Ok(stores)
    }

    /// Takes the copy of an image's data away that is in one store.
    pub async fn delete_copy(&self, ctx: &Context, store: &str, id: &ImageId) -> Result<()> {
        self.require_store_for_copy(store)?;
        let record = match self.find_image(ctx, id).await {
            Err(Error::ImageNotFound(id)) => {
                return Err(Error::NoImageForCopy(id));
            }
            found => found?,
        };
        self.enforce_on(ctx, Action::GetImageLocation, &record)?;
        self.enforce_on(ctx, Action::DeleteImageLocation, &record)?;
        if record.status != ImageStatus::Active {
            return Err(Error::ImportRefused(
                "It's not allowed to remove image data from store if image status is not 'active'"
                    .to_owned(),
            ));
        }
        if record.locations.len() == 1 {
            return Err(Error::LastCopy);
        }
        let is_there = |location: &&crate::LocationRecord| {
            location.metadata.get("store").and_then(Value::as_str) == Some(store)
        };
        let copy = record.locations.iter().find(is_there);
        let copy = copy.ok_or_else(|| Error::NoCopy {
            image: *id,
            store: store.to_owned(),
        })?;
        let removing = self.removing(std::slice::from_ref(copy));
        let Some(taken) = self.parts.db.imports().take_copy(id, copy.id).await? else {
            return Err(Error::ChangedMeanwhile(*id));
        };
        // A client that leaves now must not stop the removal half-way.
        let (service, id) = (self.clone(), *id);
        let removal = self.parts.tasks.spawn(async move {
            if !service.config().scrub.is_delayed {
                service.remove_copy_or_put_back(&id, &taken).await?;
            }
            drop(removing);
            service.notify_image(Event::ImageUpdate, &id).await;
            Ok(())
        });
        removal.await.map_err(Error::internal)?
    }

    /// Removes a copy that was taken off its image. If the store will not let go of it, it is a copy again.
    async fn remove_copy_or_put_back(
        &self,
        id: &ImageId,
        taken: &crate::LocationRecord,
    ) -> Result<()> {
        let Err(refusal) = self.try_remove_data(id, taken).await else {
            return Ok(());
        };
        if self.parts.db.locations().put_back(id, taken.id).await? {
            return Err(refusal.of_copy(id));
        }
        Ok(())
    }

    /// Whether copies can be told apart here, and this store is one of those that hold them.
    pub fn require_store_for_copy(&self, store: &str) -> Result<()> {
        if !self.has_several_stores() {
            return Err(Error::Hidden);
        }
        let is_known = store
            .parse::<StoreId>()
            .is_ok_and(|id| self.parts.stores.get(&id).is_ok());
        if is_known {
            Ok(())
        } else {
            Err(Error::ImportRefused(format!(
                "The selected store {store} is not available on this node."
            )))
        }
    }
}

/// The two lists of stores that an image shows while it is imported and afterwards.
#[derive(Debug, Clone, Default)]
struct Progress {
    /// The image shows no lists.
    is_silent: bool,
    /// One store without a name leaves both lists empty.
    has_names: bool,
    importing: std::collections::BTreeSet<String>,
    failed: std::collections::BTreeSet<String>,
}

/// The stores in one of the two lists.
pub(crate) fn listed_stores<'a>(
    record: &'a ImageRecord,
    name: &str,
) -> impl Iterator<Item = &'a str> {
    let list = record.property(name).flatten().unwrap_or_default();
    list.split(',').filter(|store| !store.is_empty())
}

impl Progress {
    fn of(service: &ImageService, record: &ImageRecord) -> Self {
        let read = |name: &str| listed_stores(record, name).map(str::to_owned).collect();
        Self {
            is_silent: false,
            has_names: service.has_several_stores(),
            importing: read(IMPORTING),
            failed: read(FAILED),
        }
    }

    /// For an image nobody has asked to import.
    fn silent() -> Self {
        Self {
            is_silent: true,
            ..Self::default()
        }
    }

    fn forget(&mut self, stores: &[String]) {
        for store in stores {
            self.importing.remove(store);
            self.failed.remove(store);
        }
    }

    fn begin(&mut self, stores: &[StoreId]) {
        for store in stores.iter().filter(|_| self.has_names) {
            self.importing.insert(store.to_string());
            self.failed.remove(store.as_str());
        }
    }

    fn done(&mut self, store: &StoreId) {
        self.importing.remove(store.as_str());
    }

    fn fail(&mut self, store: &StoreId) {
        self.importing.remove(store.as_str());
        if self.has_names {
            self.failed.insert(store.to_string());
        }
    }

    fn properties(&self) -> Vec<(String, String)> {
        if self.is_silent {
            return Vec::new();
        }
        let join = |stores: &std::collections::BTreeSet<String>| {
            stores
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(",")
        };
        vec![
            (IMPORTING.to_owned(), join(&self.importing)),
            (FAILED.to_owned(), join(&self.failed)),
        ]
    }
}

fn require_status(record: &ImageRecord, method: Method) -> Result<()> {
    let refused = |text: String| Err(Error::ImportRefused(text));
    let status = record.status;
    match method {
        Method::CopyImage if status == ImageStatus::Active => Ok(()),
        Method::CopyImage => {
            refused("Only images with status active can be targeted for copying".to_owned())
        }
        _ if status == ImageStatus::Active => {
            refused("Image with status active cannot be target for import".to_owned())
        }
        Method::WebDownload | Method::GlanceDownload if status != ImageStatus::Queued => {
            refused(format!(
                "Image needs to be in 'queued' state to use '{}' method",
                method.name()
            ))
        }
        Method::GlanceDirect if status != ImageStatus::Uploading => {
            refused("Image needs to be staged before 'glance-direct' method can be used".to_owned())
        }
        Method::WebDownload | Method::GlanceDownload | Method::GlanceDirect => Ok(()),
    }
}

fn require_format(name: &str, value: Option<&str>) -> Result<()> {
    if value.is_some_and(|format| !format.is_empty()) {
        Ok(())
    } else {
        Err(Error::ImportRefused(format!(
            "'{name}' needs to be set before import"
        )))
    }
}
