//! Tasks: work that goes on behind an answer, as Glance's own tables keep it.
//!
//! A task moves from pending to processing and from there to success or failure, and never back; every move names the
//! status it starts from, so that of two who try the same one only one succeeds. Who may see a task is decided by the
//! callers; what a task does is not known here.

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait, Order, QueryResult, Value,
    sea_query::{Cond, Condition, Expr, ExprTrait, NullOrdering, Query, SelectStatement},
};
use vidimus_types::ImageId;

use crate::{
    Db, Result,
    dialect::{Dialect, now},
    record::Row,
};

/// How far a task has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskStatus {
    /// Waits for a worker.
    Pending,
    /// A worker is at it.
    Processing,
    /// Done.
    Success,
    /// Given up; the message says why.
    Failure,
}

impl TaskStatus {
    /// The word of the API and of the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }

    /// Whether nothing will happen to it any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::Failure)
    }
}

/// The text is no status of a task.
#[derive(Debug)]
pub struct UnknownTaskStatus;

impl std::str::FromStr for TaskStatus {
    type Err = UnknownTaskStatus;

    fn from_str(word: &str) -> Result<Self, UnknownTaskStatus> {
        [
            Self::Pending,
            Self::Processing,
            Self::Success,
            Self::Failure,
        ]
        .into_iter()
        .find(|status| status.as_str() == word)
        .ok_or(UnknownTaskStatus)
    }
}

/// A task with what it was given and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskRecord {
    /// The id.
    pub id: String,
    /// `api_image_import`, `import` or `location_import`; the column is `type`.
    pub kind: String,
    /// How far it has come.
    pub status: TaskStatus,
    /// The project of whoever started it; empty for somebody without one.
    pub owner: String,
    /// When a finished task may be forgotten.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was started.
    pub created_at: DateTime<Utc>,
    /// When something about it last changed.
    pub updated_at: DateTime<Utc>,
    /// The image it works on.
    pub image_id: Option<String>,
    /// The request that started it.
    pub request_id: Option<String>,
    /// The user who started it.
    pub user_id: Option<String>,
    /// What it was given.
    pub input: Option<serde_json::Value>,
    /// What came of it.
    pub result: Option<serde_json::Value>,
    /// Progress, or the cause of a failure.
    pub message: Option<String>,
}

/// A task to be started. It begins as pending.
#[derive(Debug, Clone)]
pub struct NewTask {
    /// The id.
    pub id: String,
    /// See [`TaskRecord::kind`].
    pub kind: &'static str,
    /// See [`TaskRecord::owner`].
    pub owner: String,
    /// The image it works on.
    pub image_id: Option<ImageId>,
    /// The request that starts it.
    pub request_id: Option<String>,
    /// The user who starts it.
    pub user_id: Option<String>,
    /// What it is given.
    pub input: serde_json::Value,
}

/// How a task ends.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskEnd {
    /// Success or failure.
    pub status: TaskStatus,
    /// What came of it; only successes have something to say.
    pub result: Option<serde_json::Value>,
    /// The last message; `None` keeps the one it has.
    pub message: Option<String>,
    /// From when on it may be forgotten.
    pub expires_at: DateTime<Utc>,
}

/// By what a list of tasks is sorted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskSort {
    /// `id`.
    Id,
    /// `type`.
    Kind,
    /// `status`.
    Status,
    /// `owner`.
    Owner,
    /// `expires_at`.
    ExpiresAt,
    /// `created_at`.
    CreatedAt,
    /// `updated_at`.
    UpdatedAt,
}

impl TaskSort {
    fn column(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Kind => "type",
            Self::Status => "status",
            Self::Owner => "owner",
            Self::ExpiresAt => "expires_at",
            Self::CreatedAt => "created_at",
            Self::UpdatedAt => "updated_at",
        }
    }
}

/// Which tasks a list shows.
#[derive(Debug, Clone)]
pub struct TaskQuery {
    /// Only those of this project.
    pub owner: Option<String>,
    /// Only those whose text columns have these values, by column: `type`, `status`, `owner`, `image_id`, `request_id`,
    /// `user_id`, `id`.
    pub equal: Vec<(&'static str, String)>,
    /// The order.
    pub sort: TaskSort,
    /// Whether the largest come first.
    pub descending: bool,
    /// The page starts behind this one.
    pub after: Option<TaskRecord>,
    /// How many at the most.
    pub limit: u64,
}

/// The tasks of a [`Db`].
#[derive(Debug, Clone, Copy)]
pub struct Tasks<'a> {
    db: &'a Db,
}

impl<'a> Tasks<'a> {
    pub(crate) fn new(db: &'a Db) -> Self {
        Self { db }
    }

    /// One task, unless it is forgotten.
    pub async fn get(&self, id: &str) -> Result<Option<TaskRecord>> {
        let select = select(self.db.dialect())
            .and_where(Expr::col(("tasks", "id")).eq(id))
            .to_owned();
        Ok(self.read(&select).await?.into_iter().next())
    }

    /// The tasks of an image, oldest first.
    pub async fn of_image(&self, id: &ImageId) -> Result<Vec<TaskRecord>> {
        let select = select(self.db.dialect())
            .and_where(Expr::col(("tasks", "image_id")).eq(id.as_str()))
            .order_by(("tasks", "created_at"), Order::Asc)
            .order_by(("tasks", "id"), Order::Asc)
            .to_owned();
        self.read(&select).await
    }

    /// Tasks that have not ended, oldest first. For putting things right after a crash.
    pub async fn unfinished(&self) -> Result<Vec<TaskRecord>> {
        let words = [TaskStatus::Pending, TaskStatus::Processing].map(TaskStatus::as_str);
        let select = select(self.db.dialect())
            .and_where(Expr::col(("tasks", "status")).is_in(words))
            .order_by(("tasks", "created_at"), Order::Asc)
            .to_owned();
        self.read(&select).await
    }

    /// A page of tasks.
    pub async fn list(&self, query: &TaskQuery) -> Result<Vec<TaskRecord>> {
        let dialect = self.db.dialect();
        let mut select = select(dialect);
        if let Some(owner) = &query.owner {
            select.and_where(Expr::col(("tasks", "owner")).eq(owner.as_str()));
        }
        for (column, value) in &query.equal {
            select.and_where(Expr::col(("tasks", *column)).eq(value.as_str()));
        }
        let mut keys = vec![TaskSort::CreatedAt, TaskSort::Id];
        if !keys.contains(&query.sort) {
            keys.insert(0, query.sort);
        }
        if let Some(marker) = &query.after {
            select.cond_where(behind(&keys, marker, query.descending, dialect));
        }
        for key in keys {
            let (order, nulls) = if query.descending {
                (Order::Desc, NullOrdering::Last)
            } else {
                (Order::Asc, NullOrdering::First)
            };
            select.order_by_with_nulls(("tasks", key.column()), order, nulls);
        }
        select.limit(query.limit);
        self.read(&select).await
    }

    /// Writes down a task that no image is locked for.
    pub async fn create(&self, new: &NewTask) -> Result<()> {
        let tx = self.db.write().await?;
        insert(&tx, self.db.dialect(), new, now()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Takes a pending task up; `false` if somebody else has, or if it was given up meanwhile.
    pub async fn begin(&self, id: &str) -> Result<bool> {
        let update = self
            .change(id, &[TaskStatus::Pending])
            .value("status", TaskStatus::Processing.as_str())
            .to_owned();
        let tx = self.db.write().await?;
        let changed = tx.execute(&update).await?.rows_affected();
        tx.commit().await?;
        Ok(changed > 0)
    }

    /// Notes how far a task has come, which also shows that somebody is still at it; `false` if it was given up.
    pub async fn progress(&self, id: &str, message: &str) -> Result<bool> {
        let tx = self.db.write().await?;
        let update = self.change(id, &[TaskStatus::Processing]);
        let changed = tx.execute(&update).await?.rows_affected();
        if changed > 0 {
            tx.execute(&say(id, message)).await?;
        }
        tx.commit().await?;
        Ok(changed > 0)
    }

    /// Notes that a task which was not begun waits on; `false` if it was begun or given up.
    pub async fn still_waits(&self, id: &str) -> Result<bool> {
        let tx = self.db.write().await?;
        let update = self.change(id, &[TaskStatus::Pending]);
        let changed = tx.execute(&update).await?.rows_affected();
        tx.commit().await?;
        Ok(changed > 0)
    }

    /// Ends a task; `false` if it has ended already.
    pub async fn finish(&self, id: &str, end: &TaskEnd) -> Result<bool> {
        let tx = self.db.write().await?;
        let done = finish(&tx, self.db.dialect(), id, end, now()).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// Forgets finished tasks whose time has come.
    pub async fn expire(&self) -> Result<u64> {
        let dialect = self.db.dialect();
        let time = dialect.time(now());
        let bury = Query::update()
            .table("tasks")
            .value("deleted", true)
            .value("deleted_at", time.clone())
            .and_where(Expr::col("expires_at").lte(time))
            .and_where(Expr::col("deleted").eq(false))
            .to_owned();
        let tx = self.db.write().await?;
        let buried = tx.execute(&bury).await?.rows_affected();
        tx.commit().await?;
        Ok(buried)
    }

    fn change(&self, id: &str, from: &[TaskStatus]) -> sea_orm::sea_query::UpdateStatement {
        change(self.db.dialect(), id, from, now())
    }

    async fn read(&self, select: &SelectStatement) -> Result<Vec<TaskRecord>> {
        let dialect = self.db.dialect();
        let rows = self.db.inner.readers.query_all(select).await?;
        rows.iter().map(|row| task(row, dialect)).collect()
    }
}

/// Writes down a new task within the transaction of what it is for.
pub(crate) async fn insert(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    new: &NewTask,
    now: DateTime<Utc>,
) -> Result<()> {
    let columns: [(&str, Value); 10] = [
        ("id", new.id.as_str().into()),
        ("type", new.kind.into()),
        ("status", TaskStatus::Pending.as_str().into()),
        ("owner", new.owner.as_str().into()),
        (
            "image_id",
            new.image_id.map(|id| id.as_str().to_owned()).into(),
        ),
        ("request_id", new.request_id.clone().into()),
        ("user_id", new.user_id.clone().into()),
        ("created_at", dialect.time(now)),
        ("updated_at", dialect.time(now)),
        ("deleted", false.into()),
    ];
    let task = Query::insert()
        .into_table("tasks")
        .columns(columns.iter().map(|(name, _)| *name))
        .values_panic(columns.map(|(_, value)| value.into()))
        .to_owned();
    conn.execute(&task).await?;
    let info = Query::insert()
        .into_table("task_info")
        .columns(["task_id", "input", "message"])
        .values_panic([
            new.id.as_str().into(),
            new.input.to_string().into(),
            "".into(),
        ])
        .to_owned();
    conn.execute(&info).await?;
    Ok(())
}

/// Ends a task within the transaction of what it was for.
pub(crate) async fn finish(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    id: &str,
    end: &TaskEnd,
    now: DateTime<Utc>,
) -> Result<bool> {
    let update = change(
        dialect,
        id,
        &[TaskStatus::Pending, TaskStatus::Processing],
        now,
    )
    .value("status", end.status.as_str())
    .value("expires_at", dialect.time(end.expires_at))
    .to_owned();
    if conn.execute(&update).await?.rows_affected() == 0 {
        return Ok(false);
    }
    if let Some(result) = &end.result {
        let info = Query::update()
            .table("task_info")
            .value("result", result.to_string())
            .and_where(Expr::col("task_id").eq(id))
            .to_owned();
        conn.execute(&info).await?;
    }
    if let Some(message) = &end.message {
        conn.execute(&say(id, message)).await?;
    }
    Ok(true)
}

fn say(id: &str, message: &str) -> sea_orm::sea_query::UpdateStatement {
    Query::update()
        .table("task_info")
        .value("message", message)
        .and_where(Expr::col("task_id").eq(id))
        .to_owned()
}

fn change(
    dialect: Dialect,
    id: &str,
    from: &[TaskStatus],
    now: DateTime<Utc>,
) -> sea_orm::sea_query::UpdateStatement {
    Query::update()
        .table("tasks")
        .value("updated_at", dialect.time(now))
        .and_where(Expr::col("id").eq(id))
        .and_where(Expr::col("status").is_in(from.iter().map(|status| status.as_str())))
        .and_where(Expr::col("deleted").eq(false))
        .to_owned()
}

/// The columns of `tasks`; those of `task_info` have other names.
const COLUMNS: [&str; 10] = [
    "id",
    "type",
    "status",
    "owner",
    "expires_at",
    "created_at",
    "updated_at",
    "image_id",
    "request_id",
    "user_id",
];

fn select(dialect: Dialect) -> SelectStatement {
    Query::select()
        .columns(COLUMNS.map(|column| ("tasks", column)))
        .columns(["input", "result", "message"].map(|column| ("task_info", column)))
        .from("tasks")
        .left_join(
            "task_info",
            Expr::col(("task_info", "task_id")).equals(("tasks", "id")),
        )
        .and_where(dialect.is_false(("tasks", "deleted")))
        .to_owned()
}

fn task(row: &QueryResult, dialect: Dialect) -> Result<TaskRecord> {
    let row = Row::new(row, dialect, "tasks", "id")?;
    let json = |column| -> Result<Option<serde_json::Value>> {
        let text: Option<String> = row.get(column)?;
        text.map(|text| serde_json::from_str(&text).map_err(|_| row.corrupt(column)))
            .transpose()
    };
    let created_at = row.time("created_at")?.ok_or(row.corrupt("created_at"))?;
    Ok(TaskRecord {
        id: row.get("id")?,
        kind: row.get("type")?,
        status: row.parse("status")?,
        owner: row.get("owner")?,
        expires_at: row.time("expires_at")?,
        created_at,
        updated_at: row.time("updated_at")?.unwrap_or(created_at),
        image_id: row.get("image_id")?,
        request_id: row.get("request_id")?,
        user_id: row.get("user_id")?,
        input: json("input")?,
        result: json("result")?,
        message: row.get("message")?,
    })
}

/// What comes behind `marker` when sorted by `keys`, all in one direction. NULL is the smallest value.
fn behind(keys: &[TaskSort], marker: &TaskRecord, descending: bool, dialect: Dialect) -> Condition {
    let value = |key: TaskSort| -> Option<Value> {
        match key {
            TaskSort::Id => Some(marker.id.as_str().into()),
            TaskSort::Kind => Some(marker.kind.as_str().into()),
            TaskSort::Status => Some(marker.status.as_str().into()),
            TaskSort::Owner => Some(marker.owner.as_str().into()),
            TaskSort::ExpiresAt => marker.expires_at.map(|time| dialect.time(time)),
            TaskSort::CreatedAt => Some(dialect.time(marker.created_at)),
            TaskSort::UpdatedAt => Some(dialect.time(marker.updated_at)),
        }
    };
    let column = |key: TaskSort| Expr::col(("tasks", key.column()));
    let mut any = Cond::any();
    for (at, key) in keys.iter().enumerate() {
        let mut all = Cond::all();
        for earlier in &keys[..at] {
            all = all.add(match value(*earlier) {
                Some(value) => column(*earlier).eq(Expr::val(value)),
                None => column(*earlier).is_null(),
            });
        }
        all = all.add(match (value(*key), descending) {
            (Some(value), false) => Cond::any().add(column(*key).gt(Expr::val(value))),
            (Some(value), true) => Cond::any()
                .add(column(*key).lt(Expr::val(value)))
                .add(column(*key).is_null()),
            (None, false) => Cond::any().add(column(*key).is_not_null()),
            // Nothing is smaller than NULL.
            (None, true) => Cond::any().add(Expr::val(1).eq(0)),
        });
        any = any.add(all);
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_reads_back() {
        for status in [
            TaskStatus::Pending,
            TaskStatus::Processing,
            TaskStatus::Success,
            TaskStatus::Failure,
        ] {
            assert_eq!(status.as_str().parse::<TaskStatus>().ok(), Some(status));
        }
        assert!("done".parse::<TaskStatus>().is_err());
    }
}
