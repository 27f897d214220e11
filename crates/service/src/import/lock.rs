//! The lock that keeps two imports from working on one image, and when it counts as left behind.

use chrono::{TimeDelta, Utc};
use serde_json::Value;
use vidimus_db::{IMPORT_LOCK, ImageRecord, TaskRecord, TaskStatus};

use crate::{Error, ImageService, Result, notify::Event};

/// A task that shows no sign of life for this long is gone, and its lock lost; one that still waits for its turn, after
/// twice as long.
///
/// Compat: Glance's times. Work under way here notes its progress far more often.
const EXPIRY: TimeDelta = TimeDelta::minutes(60);

/// A lock whose holder is gone.
#[derive(Debug)]
pub(super) struct Expired {
    /// The task that held it.
    pub(super) task: String,
    /// The stores it was to reach.
    pub(super) stores: Vec<String>,
}

impl ImageService {
    /// Looks at the lock of an image: none, one that can be taken over, or one that stands in the way.
    pub(super) async fn expired_lock(&self, record: &ImageRecord) -> Result<Option<Expired>> {
        let lock = record
            .properties
            .iter()
            .find(|(name, _)| name == IMPORT_LOCK);
        let Some((_, holder)) = lock else {
            return Ok(None);
        };
        let holder = holder.clone().unwrap_or_default();
        let Some(task) = self.parts.db.tasks().get(&holder).await? else {
            tracing::warn!(image.id = %record.id, task.id = holder, "import lock of a task that does not exist");
            return Ok(Some(Expired {
                task: holder,
                stores: Vec::new(),
            }));
        };
        if !is_gone(&task) {
            return Err(Error::ImportRefused("Image has active task".to_owned()));
        }
        tracing::warn!(image.id = %record.id, task.id = task.id, status = task.status.as_str(), "import lock has expired");
        let end = self.failure("Expired lock preempted".to_owned());
        self.parts.db.tasks().finish(&task.id, &end).await?;
        self.notify_task(Event::TaskFailure, &task.id).await;
        Ok(Some(Expired {
            stores: stores_of(task.input.as_ref()),
            task: task.id,
        }))
    }
}

/// Whether nobody works on a task any more.
pub(super) fn is_gone(task: &TaskRecord) -> bool {
    let patience = match task.status {
        TaskStatus::Pending => EXPIRY * 2,
        TaskStatus::Processing | TaskStatus::Success | TaskStatus::Failure => EXPIRY,
    };
    Utc::now() - task.updated_at >= patience
}

/// The stores in the input of a task.
pub(super) fn stores_of(input: Option<&Value>) -> Vec<String> {
    let backend = input
        .and_then(|input| input.get("backend"))
        .and_then(Value::as_array);
    let names = backend.into_iter().flatten().filter_map(Value::as_str);
    names.map(str::to_owned).collect()
}
