//! The crate against real SQLite files: who sees what, pages, races, and what a deleted image leaves behind.

#![expect(
    clippy::unwrap_used,
    reason = "what is not a test here is a test's helper, which clippy does not see"
)]

mod cached;
mod changes;
mod deletion;
mod filters;
mod imports;
mod kept;
mod members;
mod metadefs;
mod paging;
mod schema;
mod support;
mod uploads;
mod visibility;
