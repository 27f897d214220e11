//! Tasks as callers see them: the list and the record for admins, the tasks of an image for whoever sees the image.

use chrono::Utc;
use vidimus_auth::{Action, Context, Target};
use vidimus_db::{TaskEnd, TaskQuery, TaskRecord, TaskSort, TaskStatus};
use vidimus_types::ImageId;

use crate::{Error, ImageService, Result};

/// A page of tasks.
#[derive(Debug, Clone)]
pub struct TaskPage {
    /// The tasks.
    pub tasks: Vec<TaskRecord>,
    /// Where the next page begins, if this one is full.
    pub next_marker: Option<String>,
}

/// Columns a list can be narrowed by.
const FILTERS: &[&str] = &[
    "id",
    "type",
    "status",
    "owner",
    "image_id",
    "request_id",
    "user_id",
];

impl ImageService {
    /// Whether the caller may use the task API at all; nothing finer exists.
    pub fn may_use_tasks(&self, ctx: &Context) -> Result<()> {
        Ok(self
            .parts
            .policy
            .enforce(ctx, Action::TasksApiAccess, &Target::none())?)
    }

    /// One task.
    pub async fn show_task(&self, ctx: &Context, id: &str) -> Result<TaskRecord> {
        self.may_use_tasks(ctx)?;
        let found = self.parts.db.tasks().get(id).await?;
        found.ok_or_else(|| Error::TaskNotFound(id.to_owned()))
    }

    /// A page of tasks, by the parameters of the query.
    pub async fn list_tasks(
        &self,
        ctx: &Context,
        parameters: &[(String, String)],
    ) -> Result<TaskPage> {
        self.may_use_tasks(ctx)?;
        let query = self.task_query(ctx, parameters).await?;
        let limit = query.limit;
        if limit == 0 {
            return Ok(TaskPage {
                tasks: Vec::new(),
                next_marker: None,
            });
        }
        let tasks = self.parts.db.tasks().list(&query).await?;
        let is_full = tasks.len() as u64 == limit;
        let next_marker = tasks.last().filter(|_| is_full).map(|task| task.id.clone());
        Ok(TaskPage { tasks, next_marker })
    }

    async fn task_query(
        &self,
        ctx: &Context,
        parameters: &[(String, String)],
    ) -> Result<TaskQuery> {
        // Compat: of a parameter given several times the last counts here.
        let given = |wanted: &str| {
            let found = parameters.iter().rev().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.as_str())
        };
        let descending = match given("sort_dir") {
            None | Some("desc") => true,
            Some("asc") => false,
            Some(other) => return invalid(format!("Invalid sort direction: {other}")),
        };
        if let Some(word) = given("status").filter(|word| !word.is_empty())
            && word.parse::<TaskStatus>().is_err()
        {
            return invalid(format!("Invalid status value: {word}"));
        }
        // Compat: the types of the tasks there really are cannot be asked for.
        if let Some(word) = given("type").filter(|word| !word.is_empty() && *word != "import") {
            return invalid(format!("Invalid type value: {word}"));
        }
        let marker = given("marker").filter(|marker| !marker.is_empty());
        if marker.is_some_and(|marker| uuid::Uuid::try_parse(marker).is_err()) {
            return invalid("Invalid marker format".to_owned());
        }
        let config = self.config();
        let limit = match given("limit") {
            None => config.page_size,
            Some(text) => match text.trim().parse::<i128>() {
                Err(_) => return invalid("limit param must be an integer".to_owned()),
                Ok(number) => u64::try_from(number)
                    .map_err(|_| Error::Invalid("limit param must be positive".to_owned()))?,
            },
        };
        let sort = match given("sort_key").unwrap_or("created_at") {
            "id" => TaskSort::Id,
            "type" => TaskSort::Kind,
            "status" => TaskSort::Status,
            "owner" => TaskSort::Owner,
            "expires_at" => TaskSort::ExpiresAt,
            "created_at" => TaskSort::CreatedAt,
            "updated_at" => TaskSort::UpdatedAt,
            _ => return invalid("Sort key supplied was not valid.".to_owned()),
        };
        let after = match marker {
            None => None,
            Some(marker) => {
                let found = self.parts.db.tasks().get(marker).await?;
                let lost =
                    || Error::Invalid(format!("Task with the given id {marker} was not found"));
                Some(found.ok_or_else(lost)?)
            }
        };
        Ok(TaskQuery {
            owner: ctx
                .project_id()
                .filter(|_| !ctx.is_admin())
                .map(str::to_owned),
            equal: FILTERS
                .iter()
                .filter_map(|name| Some((*name, given(name)?.to_owned())))
                .collect(),
            sort,
            descending,
            after,
            limit: limit.min(config.page_size_max),
        })
    }

    /// The tasks that work or worked on an image, oldest first.
    pub async fn list_image_tasks(&self, ctx: &Context, id: &ImageId) -> Result<Vec<TaskRecord>> {
        // Compat: an image the caller may not see has no name in this answer.
        self.show_image(ctx, id)
            .await
            .map_err(|error| match error {
                Error::ImageNotFound(_) => Error::Hidden,
                other => other,
            })?;
        let now = Utc::now();
        let mut tasks = self.parts.db.tasks().of_image(id).await?;
        tasks.retain(|task| {
            let is_kept = task.expires_at.is_none_or(|end| end >= now);
            is_kept && (ctx.is_admin() || ctx.project_id() == Some(&task.owner))
        });
        Ok(tasks)
    }

    pub(crate) fn success(&self, result: serde_json::Value) -> TaskEnd {
        self.end(TaskStatus::Success, Some(result), None)
    }

    pub(crate) fn failure(&self, message: String) -> TaskEnd {
        self.end(TaskStatus::Failure, None, Some(message))
    }

    fn end(
        &self,
        status: TaskStatus,
        result: Option<serde_json::Value>,
        message: Option<String>,
    ) -> TaskEnd {
        TaskEnd {
            status,
            result,
            message,
            expires_at: Utc::now() + self.config().import.task_time_to_live,
        }
    }
}

fn invalid<T>(message: String) -> Result<T> {
    Err(Error::Invalid(message))
}
