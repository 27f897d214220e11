//! The options of the commands about tasks.

use clap::{Args, builder::PossibleValuesParser};

use super::{ListFormat, ShowFormat, values};

/// `image task list`
#[derive(Debug, Clone, Args)]
pub(crate) struct ImageTaskList {
    /// Sort by this: created_at, expires_at, id, status, type or updated_at
    #[arg(long, value_name = "key[:field]")]
    pub(crate) sort_key: Option<String>,
    /// Sort in this direction: asc or desc
    #[arg(long, value_name = "key[:direction]")]
    pub(crate) sort_dir: Option<String>,
    /// Ask for pages of at most this many tasks
    #[arg(long, value_name = "limit", value_parser = values::limit, allow_negative_numbers = true)]
    pub(crate) limit: Option<u64>,
    /// Start behind this task (ID)
    #[arg(long, value_name = "marker")]
    pub(crate) marker: Option<String>,
    /// List at most this many tasks, over as many pages as it takes
    #[arg(long, value_name = "max-items", value_parser = values::max_items, allow_negative_numbers = true)]
    pub(crate) max_items: Option<u64>,
    /// List only tasks of this type
    #[arg(long = "type", value_name = "type", value_parser = PossibleValuesParser::new(["import"]))]
    pub(crate) task_type: Option<String>,
    /// List only tasks in this status
    #[arg(long, value_name = "status",
          value_parser = PossibleValuesParser::new(["pending", "processing", "success", "failure"]))]
    pub(crate) status: Option<String>,
    #[command(flatten)]
    pub(crate) format: ListFormat,
}

/// `image task show`
#[derive(Debug, Clone, Args)]
pub(crate) struct ImageTaskShow {
    /// Task (ID)
    #[arg(value_name = "Task ID")]
    pub(crate) task: String,
    #[command(flatten)]
    pub(crate) format: ShowFormat,
}
