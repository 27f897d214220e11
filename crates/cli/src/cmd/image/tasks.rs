//! `image task list` and `image task show`

use serde_json::{Map, json};
use vidimus_sdk::{ListQuery, Task};

use crate::{
    args::{ImageTaskList, ImageTaskShow},
    cmd::Context,
    error::Result,
    output::{Cell, Listing, Record},
};

pub(in crate::cmd) async fn task_list(arguments: ImageTaskList, context: &Context) -> Result<()> {
    let tasks = context.client.tasks().list(query(&arguments));
    let tasks = tasks.collect().await?;
    let row = |task: &Task| {
        vec![
            Cell::text(&task.id),
            Cell::text(&task.task_type),
            Cell::text(&task.status),
            Cell::Plain(json!(task.owner)),
        ]
    };
    let listing = Listing {
        columns: ["ID", "Type", "Status", "Owner"]
            .map(str::to_owned)
            .to_vec(),
        rows: tasks.iter().map(row).collect(),
        headings_are_list: false,
    };
    context.list(listing, &arguments.format)
}

/// Compat: openstackclient takes `--max-items` and lists everything all the same.
fn query(arguments: &ImageTaskList) -> ListQuery {
    let mut query = ListQuery {
        page_size: arguments.limit,
        marker: arguments.marker.clone(),
        max_items: arguments
            .max_items
            .and_then(|count| usize::try_from(count).ok())
            .filter(|count| *count > 0),
        ..ListQuery::default()
    };
    let filters = [
        ("type", &arguments.task_type),
        ("status", &arguments.status),
        ("sort_dir", &arguments.sort_dir),
        ("sort_key", &arguments.sort_key),
    ];
    for (name, value) in filters {
        if let Some(value) = value {
            query = query.filter(name, value.as_str());
        }
    }
    query
}

pub(in crate::cmd) async fn task_show(arguments: ImageTaskShow, context: &Context) -> Result<()> {
    let task = context.client.tasks().get(&arguments.task).await?;
    context.show(&record(&task), &arguments.format)
}

fn record(task: &Task) -> Record {
    let plain = [
        ("created_at", json!(task.created_at)),
        ("expires_at", json!(task.expires_at)),
        ("id", json!(task.id)),
        ("input", json!(task.input)),
        ("message", json!(task.message)),
        ("owner_id", json!(task.owner)),
        ("result", json!(task.result)),
        ("status", json!(task.status)),
        ("type", json!(task.task_type)),
        ("updated_at", json!(task.updated_at)),
    ];
    let mut fields: Vec<(String, Cell)> = plain
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Cell::Plain(value)))
        .collect();
    // Compat: there is always such a field, and nothing in it.
    fields.push(("properties".to_owned(), Cell::Dict(Map::new())));
    fields.sort_by(|(a, _), (b, _)| a.cmp(b));
    Record { fields }
}
