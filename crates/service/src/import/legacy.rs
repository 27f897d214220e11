//! Tasks that a client starts with `POST /v2/tasks`: the import of old, which makes an image of what is behind a URI.
//!
//! The task is an import like others, of an image that did not exist before: the image holds its lock, and who sends no
//! formats gets no image. What fails takes the image with it. The other types are started by routes of their own; a task
//! of such a type ends at once and says so.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use uuid::Uuid;
use vidimus_auth::{Context, Credentials};
use vidimus_db::{IMPORT_LOCK, ImportStep, NewImage, NewTask, Scope, TaskRecord};
use vidimus_inspect::Format;
use vidimus_keys::Token;
use vidimus_types::{
    CLIENT_ATTRIBUTES, ImageId, ImageStatus, SERVER_ATTRIBUTES, StoreId, is_reserved,
};

use super::{
    Job, LOCATION_TASK, Method, Progress, TASK_KIND,
    plugins::Prepared,
    run::{Broken, guarded},
};
use crate::{
    Error, ImageService, Result,
    notify::{Event, payload},
};

/// The type of tasks that import as in old times.
pub(crate) const KIND: &str = "import";

/// What becomes of the data of such imports on its way.
#[derive(Debug, Clone, Default)]
pub struct LegacyConfig {
    /// Whether the data is unpacked, looked at and converted at all: where there is a `work_dir`, or several stores.
    pub has_stages: bool,
    /// What disks are converted to (`conversion_format`).
    pub conversion_format: Option<Format>,
    /// Properties of a virtual machine's processor that its image gets (`cim_pasd` in `ovf-metadata.json`).
    pub ovf_properties: Vec<String>,
}

impl ImageService {
    /// Writes a task down and has it begin; how it ends is found in the task.
    pub async fn create_task(
        &self,
        ctx: &Context,
        kind: &str,
        input: Option<Map<String, Value>>,
        credentials: &Credentials,
    ) -> Result<TaskRecord> {
        self.may_use_tasks(ctx)?;
        let kind = [KIND, TASK_KIND, LOCATION_TASK]
            .into_iter()
            .find(|known| *known == kind)
            .ok_or_else(|| Error::Invalid(format!("there are no tasks of type {kind}")))?;
        let input = input.unwrap_or_default();
        if kind == KIND {
            self.require_legacy_source(input.get("import_from")).await?;
        }
        let image = input.get("image_id").and_then(Value::as_str);
        let new = NewTask {
            id: Uuid::new_v4().to_string(),
            kind,
            owner: ctx.project_id().unwrap_or_default().to_owned(),
            image_id: image.and_then(|id| id.parse().ok()),
            request_id: Some(ctx.request_id().to_owned()),
            user_id: ctx.user_id().map(str::to_owned),
            input: Value::Object(input.clone()),
        };
        self.parts.db.tasks().create(&new).await?;
        self.notify_task(Event::TaskCreate, &new.id).await;
        let written = self.parts.db.tasks().get(&new.id).await?;
        let written = written.ok_or_else(|| Error::TaskNotFound(new.id.clone()))?;
        let (service, ctx) = (self.clone(), ctx.clone());
        let token = credentials.token().map(Token::new);
        self.parts
            .tasks
            .spawn(async move { service.run_task(&ctx, token, &new.id, kind, input).await });
        Ok(written)
    }

    /// What can be said of the URI while the caller waits.
    async fn require_legacy_source(&self, uri: Option<&Value>) -> Result<()> {
        let invalid = |text: String| Err(Error::Invalid(text));
        let uri = match uri {
            Some(Value::String(uri)) if !uri.is_empty() => uri,
            // Compat: as Python prints them. Of a number, Glance makes a 500.
            Some(Value::String(_)) => return invalid("Invalid location: ".to_owned()),
            None | Some(Value::Null) => return invalid("Invalid location: None".to_owned()),
            Some(other) => return invalid(format!("Invalid location: {other}")),
        };
        if ["file:///", "filesystem:///"]
            .iter()
            .any(|scheme| uri.starts_with(scheme))
        {
            return invalid(
                "File based imports are not allowed. Please use a non-local source of image data."
                    .to_owned(),
            );
        }
        if !["http://", "https://"]
            .iter()
            .any(|scheme| uri.starts_with(scheme))
        {
            return invalid("The given uri is not valid. Please specify a valid uri from the following list of supported uri ['http']".to_owned());
        }
        self.parts.fetcher.admit(uri).await.map_err(|refusal| {
            tracing::info!(error = &refusal as &dyn std::error::Error, "import refused");
            Error::Invalid(format!(
                "URI for legacy import task does not pass filtering: {uri}"
            ))
        })
    }

    async fn run_task(
        &self,
        ctx: &Context,
        token: Option<Token>,
        task: &str,
        kind: &str,
        input: Map<String, Value>,
    ) {
        let _turn = match kind {
            KIND => Some(self.turn(task).await),
            _ => None,
        };
        match self.parts.db.tasks().begin(task).await {
            Ok(true) => self.notify_task(Event::TaskProcessing, task).await,
            Ok(false) => return,
            Err(error) => {
                tracing::error!(
                    task.id = task,
                    error = &error as &dyn std::error::Error,
                    "task not begun"
                );
                return;
            }
        }
        let outcome = match kind {
            KIND => self.import_as_of_old(ctx, token, task, &input).await,
            _ => Err(no_client_starts(kind, &input)),
        };
        match outcome {
            Ok(()) => self.notify_task(Event::TaskSuccess, task).await,
            Err(cause) => {
                tracing::warn!(task.id = task, kind, cause, "task failed");
                if let Err(error) = self.give_up(task, cause).await {
                    tracing::error!(
                        task.id = task,
                        error = &error as &dyn std::error::Error,
                        "the task stays unfinished until the next start"
                    );
                }
            }
        }
    }

    /// Ends a task that failed, unless its image is still there: then whoever looks for abandoned tasks tries again.
    async fn give_up(&self, task: &str, cause: String) -> Result<()> {
        if !self.parts.db.imports().held_by(task).await?.is_empty() {
            return Ok(());
        }
        let end = self.failure(cause);
        self.parts.db.tasks().finish(task, &end).await?;
        self.notify_task(Event::TaskFailure, task).await;
        Ok(())
    }

    /// Makes the image, or says why there is none.
    async fn import_as_of_old(
        &self,
        ctx: &Context,
        token: Option<Token>,
        task: &str,
        input: &Map<String, Value>,
    ) -> Result<(), String> {
        require_fields(
            input,
            &["import_from", "import_from_format", "image_properties"],
        )?;
        let text = |error: Error| error.to_string();
        let store = self.legacy_store(input.get("backend"))?;
        let mut new = self.legacy_image(ctx, input.get("image_properties"))?;
        new.properties
            .push((IMPORT_LOCK.to_owned(), Some(task.to_owned())));
        let created = self.parts.db.images().create(&new).await;
        let record = created.map_err(|error| text(error.into()))?;
        self.notify(Event::ImageCreate, || payload::image(&record));
        let job = Arc::new(Job {
            record,
            task: task.to_owned(),
            method: Method::WebDownload,
            uri: input
                .get("import_from")
                .and_then(Value::as_str)
                .map(str::to_owned),
            proof: None,
            remote: None,
            stores: vec![store],
            must_all_succeed: true,
            adopts_formats: false,
            adopted_properties: Vec::new(),
            injected: Vec::new(),
            is_legacy: true,
            project: ctx.project_id().map(str::to_owned),
            token,
        });
        let work = {
            let (service, job) = (self.clone(), Arc::clone(&job));
            let ctx = ctx.clone();
            async move { service.bring(&job, &ctx).await }
        };
        if let Err(broken) = guarded(work).await {
            self.discard(&job.record.id).await;
            return Err(broken.message().to_owned());
        }
        tracing::info!(image.id = %job.record.id, task.id = task, "import done");
        Ok(())
    }

    async fn bring(&self, job: &Arc<Job>, ctx: &Context) -> Result<(), Broken> {
        let mut step = ImportStep::new(job.record.id, &job.task);
        step.status = Some((ImageStatus::Queued, ImageStatus::Importing));
        self.step(&step).await?;
        self.fetch_from_web(job).await?;
        let mut prepared = Prepared::untouched(job);
        if self.config().import.legacy.has_stages {
            self.go_through_stages(job, &mut prepared, ctx).await?;
        }
        let prepared = Arc::new(prepared);
        self.import_to_all(job, &prepared, &mut Progress::silent())
            .await?;
        self.unstage(&job.record.id).await;
        Ok(())
    }

    /// Takes the disk out of an OVA, converts it where the site wants that, and finds out what it is.
    async fn go_through_stages(
        &self,
        job: &Job,
        prepared: &mut Prepared,
        ctx: &Context,
    ) -> Result<(), Broken> {
        let work = self.unpack_ova(job, prepared, ctx);
        self.while_wanted(job, "", work).await??;
        if prepared.record.container_format.as_deref() != Some("bare") {
            return Ok(());
        }
        if let Some(format) = self.config().import.legacy.conversion_format {
            let work = self.convert(job, prepared, 0, format);
            let done = self.while_wanted(job, "", work).await?;
            done.map_err(|broken| broken.of_plugin("convert"))?;
        }
        let work = self.introspect(job, prepared);
        let done = self.while_wanted(job, "", work).await?;
        done.map_err(|broken| broken.of_plugin("introspect"))
    }

    fn legacy_store(&self, backend: Option<&Value>) -> Result<StoreId, String> {
        let stores = &self.parts.stores;
        let name = match backend.filter(|_| self.has_several_stores()) {
            None | Some(Value::Null) => return Ok(stores.default_store().id().clone()),
            Some(Value::String(name)) => name,
            Some(other) => return Err(format!("'backend' must name one store, not {other}")),
        };
        let id: Option<StoreId> = name.parse().ok();
        id.filter(|id| stores.get(id).is_ok())
            .ok_or_else(|| format!("Store for identifier {name} not found"))
    }

    /// The image as the task describes it.
    fn legacy_image(&self, ctx: &Context, described: Option<&Value>) -> Result<NewImage, String> {
        let Some(Value::Object(described)) = described else {
            return Err("'image_properties' must be an object".to_owned());
        };
        let mut body = Map::new();
        for (name, value) in described {
            if SERVER_ATTRIBUTES.contains(&name.as_str()) || is_reserved(name) {
                return Err(format!("'image_properties' must not have '{name}'"));
            }
            let value = if CLIENT_ATTRIBUTES.contains(&name.as_str()) {
                value.clone()
            } else {
                // Compat: properties are texts, and other values become texts as Glance's database makes them.
                match value {
                    Value::String(text) => json!(text),
                    Value::Number(number) => json!(number.to_string()),
                    Value::Bool(is_so) => json!(if *is_so { "1" } else { "0" }),
                    Value::Null => json!(""),
                    Value::Array(_) | Value::Object(_) => {
                        return Err(format!("'{name}' in 'image_properties' must be a text"));
                    }
                }
            };
            body.insert(name.clone(), value);
        }
        for name in ["disk_format", "container_format"] {
            if body.get(name).and_then(Value::as_str).is_none() {
                return Err(format!("'{name}' must be in 'image_properties'"));
            }
        }
        // Compat: unlike any other, such an image belongs to nobody unless the task says to whom.
        body.entry("owner").or_insert(Value::Null);
        self.propose_image(ctx, body)
            .map_err(|error| error.to_string())
    }

    /// Takes an image away that never got its data.
    async fn discard(&self, id: &ImageId) {
        match self.parts.db.images().get(&Scope::admin(), id).await {
            Ok(record) => {
                if let Err(error) = self.delete_found(&record, None).await {
                    tracing::error!(image.id = %id, error = &error as &dyn std::error::Error, "the image of a failed task is still there");
                }
            }
            Err(vidimus_db::Error::NotFound(_)) => self.unstage(id).await,
            Err(error) => {
                tracing::error!(image.id = %id, error = &error as &dyn std::error::Error, "the image of a failed task is still there");
            }
        }
    }

    /// Ends a task whose process is gone, and takes its image away.
    pub(super) async fn recover_legacy(&self, task: &TaskRecord) -> Result<()> {
        for id in self.parts.db.imports().held_by(&task.id).await? {
            let record = match self.parts.db.images().get(&Scope::admin(), &id).await {
                Err(vidimus_db::Error::NotFound(_)) => continue,
                found => found?,
            };
            let stores: Vec<StoreId> = self
                .parts
                .stores
                .iter()
                .map(|store| store.id().clone())
                .collect();
            self.remove_unrecorded(&record, &stores).await;
            if let Err(error) = self.clear_beside_staged(&id).await {
                tracing::warn!(image.id = %id, error = &error as &dyn std::error::Error, "files of a task could not be removed");
            }
            self.discard(&id).await;
            tracing::warn!(image.id = %id, task.id = task.id, "unfinished task undone");
        }
        let cause = "The server stopped before the task was done.";
        self.give_up(&task.id, cause.to_owned()).await
    }
}

/// Why a task of a type that only the server starts has failed.
fn no_client_starts(kind: &str, input: &Map<String, Value>) -> String {
    if input.is_empty() {
        return format!("Input to {kind} task is empty.");
    }
    if kind == LOCATION_TASK {
        if let Err(missing) = require_fields(input, &["image_id", "loc_url", "validation_data"]) {
            return missing;
        }
        return "Locations are added with POST /v2/images/{image_id}/locations.".to_owned();
    }
    if !input.contains_key("image_id") {
        return "Missing required 'image_id' field".to_owned();
    }
    "Images are imported with POST /v2/images/{image_id}/import.".to_owned()
}

fn require_fields(input: &Map<String, Value>, names: &[&str]) -> Result<(), String> {
    match names.iter().find(|name| !input.contains_key(**name)) {
        Some(name) => Err(format!("Input does not contain '{name}' field")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(object) = value else {
            unreachable!()
        };
        object
    }

    #[test]
    fn a_task_that_no_client_starts_says_what_is_missing_first() {
        let said = |kind: &str, input: Value| no_client_starts(kind, &object(input));
        assert_eq!(
            said("api_image_import", json!({})),
            "Input to api_image_import task is empty."
        );
        assert!(said("api_image_import", json!({ "x": 1 })).contains("'image_id'"));
        assert!(said("api_image_import", json!({ "image_id": "x" })).contains("/import"));
        assert!(said("location_import", json!({ "image_id": "x" })).contains("'loc_url'"));
        let whole = json!({ "image_id": "x", "loc_url": "y", "validation_data": {} });
        assert!(said("location_import", whole).contains("/locations"));
    }
}
