//! The use cases on a real database, a real store and a real cache; only faults are made up.

mod downloads;
mod support;
mod uploads;
mod workers;
