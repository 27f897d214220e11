//! `image …`

mod attributes;
mod create;
mod delete;
mod import;
mod list;
mod members;
mod progress;
mod save;
mod set;
mod show;
mod source;
mod stage;
mod stores;
mod tasks;
mod unset;

pub(super) use create::create;
pub(super) use delete::delete;
pub(super) use import::{import, import_info};
pub(super) use list::list;
pub(super) use members::{add_project, member_get, member_list, remove_project};
pub(super) use save::save;
pub(super) use set::set;
pub(super) use show::show;
pub(super) use stage::stage;
pub(super) use stores::stores_list;
pub(super) use tasks::{task_list, task_show};
pub(super) use unset::unset;

use super::Context;
use crate::{
    args::ProjectArgs,
    error::{Error, Result},
};

/// The id of the project that was named, if one was.
async fn project_id(arguments: &ProjectArgs, context: &Context) -> Result<Option<String>> {
    let Some(project) = arguments
        .project
        .as_deref()
        .filter(|project| !project.is_empty())
    else {
        return Ok(None);
    };
    let id = context
        .client
        .find_project_id(project, arguments.project_domain.as_deref())
        .await?;
    Ok(Some(id))
}

/// Refuses an option that only Image API v1 had.
fn refuse_dead_option(option: Option<&str>) -> Result<()> {
    match option {
        None => Ok(()),
        Some(name) => Err(Error::Failed(format!(
            "ERROR: --{name} was given, which is an Image v1 option that is no longer supported in Image v2"
        ))),
    }
}
