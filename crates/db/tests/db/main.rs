//! The crate against real SQLite files: who sees what, pages, races, and what a deleted image leaves behind.

mod cached;
mod changes;
mod filters;
mod paging;
mod schema;
mod support;
mod uploads;
mod visibility;
