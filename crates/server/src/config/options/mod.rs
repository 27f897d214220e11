//! The table of options, by subject.
//!
//! An option stands either here, with type, default and help, and then it has an effect; or in `accepted`, and then
//! setting it is answered by one warning. Nothing else is known.

pub(in crate::config) mod accepted;
pub(in crate::config) mod cache;
pub(in crate::config) mod deletion;
pub(in crate::config) mod images;
pub(in crate::config) mod imports;
pub(in crate::config) mod keys;
pub(in crate::config) mod libraries;
pub(in crate::config) mod logging;
pub(in crate::config) mod notifications;
pub(in crate::config) mod service;
pub(in crate::config) mod stores;
pub(in crate::config) mod vidimus;

use super::option::Row;

/// Every option with an effect, without those of single stores, in the order of the sample.
pub(super) fn rows() -> impl Iterator<Item = &'static Row> {
    [
        vidimus::ROWS,
        service::ROWS,
        images::ROWS,
        deletion::ROWS,
        imports::ROWS,
        keys::ROWS,
        notifications::ROWS,
        cache::ROWS,
        logging::ROWS,
        stores::ROWS,
        libraries::ROWS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// The types of stores that are built in.
pub(super) const STORE_TYPES: [&str; 2] = ["file", "http"];

/// The options of one store, by the type of the store.
pub(super) fn rows_of_store(kind: &str) -> impl Iterator<Item = &'static Row> {
    let own: &[&Row] = match kind {
        "file" => stores::file::ROWS,
        "http" => stores::http::ROWS,
        _ => &[],
    };
    stores::each::ROWS.iter().chain(own).copied()
}
