//! The use cases on a real database, a real store and a real cache; only faults are made up.

#![expect(clippy::unwrap_used, unreachable_pub, reason = "tests")]

mod deletion;
mod downloads;
mod imports;
mod key_manager;
mod locations;
mod notifications;
mod signatures;
mod support;
mod uploads;
mod web;
mod workers;
