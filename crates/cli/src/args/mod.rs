//! What was typed: global options, the command, its own options.
//!
//! Three steps, as in cliff: global options are taken out wherever they stand, the words left in front name the command,
//! the rest is parsed by the command's own clap parser. What a command does is not known here.

mod cached_image;
mod command;
mod format;
mod global_table;
mod globals;
mod image;
mod import;
mod members;
mod meta;
mod tasks;
mod usage;
mod values;

pub(crate) use cached_image::{CachedImageClear, CachedImageList, CachedImages};
pub(crate) use command::{Action, COMMANDS, Command, find};
pub(crate) use format::{ListFormat, ShowFormat};
pub(crate) use globals::{Globals, help_arguments};
pub(crate) use image::{
    ImageCreate, ImageDelete, ImageList, ImageSave, ImageSet, ImageShow, ImageUnset, Membership,
    ProjectArgs,
};
pub(crate) use import::{ImageImport, ImageImportInfo, ImageStage, ImageStoresList};
pub(crate) use members::{ImageAddProject, ImageMemberGet, ImageMemberList, ImageRemoveProject};
pub(crate) use meta::{Complete, Help, Shell};
pub(crate) use tasks::{ImageTaskList, ImageTaskShow};
