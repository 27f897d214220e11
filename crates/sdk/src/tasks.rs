//! What the image service does behind its answers: imports, for the most part.

use serde::Deserialize;
use serde_json::Value;

use crate::{Client, Error, ListQuery, Result, TaskPages, Wait, client::Call, transport, wait};

/// The task calls of a [`Client`]. The service shows its tasks to admins only; those of one image can be had from
/// [`Images::tasks`](crate::Images::tasks).
#[derive(Debug, Clone, Copy)]
pub struct Tasks<'a> {
    client: &'a Client,
}

/// A task. Lists leave out what it was asked for and what came of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Task {
    /// Its id.
    pub id: String,
    /// What it does: `api_image_import`, `location_import`, ….
    #[serde(rename = "type")]
    pub task_type: String,
    /// `pending`, `processing`, `success` or `failure`.
    pub status: String,
    /// The project it is done for.
    #[serde(default)]
    pub owner: Option<String>,
    /// What it was asked for.
    #[serde(default)]
    pub input: Option<Value>,
    /// What came of it.
    #[serde(default)]
    pub result: Option<Value>,
    /// How far it is, or why it failed.
    #[serde(default)]
    pub message: Option<String>,
    /// When it was made.
    #[serde(default)]
    pub created_at: Option<String>,
    /// When it last changed.
    #[serde(default)]
    pub updated_at: Option<String>,
    /// When the service may forget it.
    #[serde(default)]
    pub expires_at: Option<String>,
}

impl<'a> Tasks<'a> {
    pub(crate) fn new(client: &'a Client) -> Self {
        Self { client }
    }

    /// The tasks a query selects, page by page.
    pub fn list(&self, query: ListQuery) -> TaskPages<'a> {
        TaskPages::of_tasks(self.client, query)
    }

    /// The task with this id.
    pub async fn get(&self, id: &str) -> Result<Task> {
        // Nothing else than an id has a place in the path, and no task another kind of name.
        if !transport::may_be_id(id) {
            return Err(Error::InvalidRequest(format!("`{id}` is not a task's id")));
        }
        let body = self.client.send_for_json(Call::get(&["tasks", id])).await;
        let body = body.map_err(|error| error.labelled(format!("No Task found for {id}")))?;
        serde_json::from_value(body)
            .map_err(|error| Error::invalid_response(format!("tasks/{id}"), error))
    }

    /// Waits for the task's end: the task as it is after its success, or [`Error::Failure`] with its message.
    pub async fn wait(&self, id: &str, wait: &Wait) -> Result<Task> {
        let task = self.get(id).await?;
        let waiting = wait.start(format!("Task:{id}"), "success");
        wait::until_success(waiting, task, || async { self.get(id).await.map(Some) }).await
    }
}
