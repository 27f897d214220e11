//! Remembers for a while which queries have many rows, so that not every page counts them anew.
//!
//! A hint and no more: it decides how a page is found, never what is on it.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use sea_orm::Statement;

const REMEMBERED: Duration = Duration::from_secs(60);

/// Projects and owners are many; what does not fit is counted again.
const MOST_CROWDS: usize = 4096;

/// Queries, by a hash, with the number of rows they exceed and how long that is believed.
#[derive(Debug, Default)]
pub(crate) struct Crowds {
    known: Mutex<HashMap<u64, (usize, Instant)>>,
}

impl Crowds {
    pub(crate) fn is_crowded(&self, statement: &Statement, most: usize) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .get(&key(statement))
            .is_some_and(|(exceeded, until)| *exceeded >= most && *until > Instant::now())
    }

    pub(crate) fn note(&self, statement: &Statement, exceeded: usize) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_CROWDS {
            known.clear();
        }
        known.insert(key(statement), (exceeded, Instant::now() + REMEMBERED));
    }
}

fn key(statement: &Statement) -> u64 {
    let mut hasher = DefaultHasher::new();
    statement.sql.hash(&mut hasher);
    for value in statement.values.iter().flat_map(|values| &values.0) {
        value.hash(&mut hasher);
    }
    hasher.finish()
}
