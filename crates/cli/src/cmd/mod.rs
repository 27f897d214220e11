//! What the commands do: one function each, which talks to the cloud and hands its result to the formatters.

mod cached_image;
mod help;
mod image;

use vidimus_sdk::Client;

pub(crate) use help::{print_help, print_help_on};

use crate::{args::Action, console::Console, error::Result, output};

/// What every command is given.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) client: Client,
    pub(crate) console: Console,
    /// `CLIFF_MAX_TERM_WIDTH`.
    pub(crate) max_width: Option<String>,
}

impl Context {
    fn show(&self, record: &output::Record, format: &crate::args::ShowFormat) -> Result<()> {
        let options = format.options(self.max_width.as_deref());
        self.console
            .print(&output::render_record(record, &options)?)
    }

    fn list(&self, listing: output::Listing, format: &crate::args::ListFormat) -> Result<()> {
        let options = format.options(self.max_width.as_deref());
        self.console
            .print(&output::render_listing(listing, &options)?)
    }
}

/// Runs a command that needs no cloud; `None` if this one does.
pub(crate) fn run_offline(action: &Action, console: Console) -> Option<Result<()>> {
    match action {
        Action::Help(arguments) => Some(help::print_help_on(&arguments.command, console)),
        Action::Complete(arguments) => Some(help::complete(arguments, console)),
        _ => None,
    }
}

/// Runs a command.
pub(crate) async fn run(action: Action, context: &Context) -> Result<()> {
    match action {
        Action::CachedImageClear(arguments) => cached_image::clear(arguments, context).await,
        Action::CachedImageDelete(arguments) => cached_image::delete(arguments, context).await,
        Action::CachedImageList(arguments) => cached_image::list(arguments, context).await,
        Action::CachedImageQueue(arguments) => cached_image::queue(arguments, context).await,
        Action::Complete(arguments) => help::complete(&arguments, context.console),
        Action::Help(arguments) => help::print_help_on(&arguments.command, context.console),
        Action::ImageAddProject(arguments) => image::add_project(arguments, context).await,
        Action::ImageCreate(arguments) => image::create(*arguments, context).await,
        Action::ImageDelete(arguments) => image::delete(arguments, context).await,
        Action::ImageImport(arguments) => image::import(*arguments, context).await,
        Action::ImageImportInfo(arguments) => image::import_info(arguments, context).await,
        Action::ImageList(arguments) => image::list(*arguments, context).await,
        Action::ImageMemberGet(arguments) => image::member_get(arguments, context).await,
        Action::ImageMemberList(arguments) => image::member_list(arguments, context).await,
        Action::ImageRemoveProject(arguments) => image::remove_project(arguments, context).await,
        Action::ImageSave(arguments) => image::save(arguments, context).await,
        Action::ImageSet(arguments) => image::set(*arguments, context).await,
        Action::ImageShow(arguments) => image::show(arguments, context).await,
        Action::ImageStage(arguments) => image::stage(arguments, context).await,
        Action::ImageStoresList(arguments) => image::stores_list(arguments, context).await,
        Action::ImageTaskList(arguments) => image::task_list(*arguments, context).await,
        Action::ImageTaskShow(arguments) => image::task_show(arguments, context).await,
        Action::ImageUnset(arguments) => image::unset(arguments, context).await,
    }
}
