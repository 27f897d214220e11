//! `cached image …`

mod clear;
mod delete;
mod list;
mod queue;

pub(super) use clear::clear;
pub(super) use delete::delete;
pub(super) use list::list;
pub(super) use queue::queue;
