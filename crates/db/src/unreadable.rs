//! Rows that nobody can read: what asks for one row fails and names it, what reads many goes on without it.
//!
//! Neither Glance nor this crate writes such rows; a hand in the database does, or an image from a time when ids were free
//! text. One of them must not hide all others, nor keep a server from starting.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use crate::{Error, Result};

/// The rows that were named already, so that a list that is asked for often does not fill the log.
static NAMED: Mutex<BTreeSet<(&'static str, String)>> = Mutex::new(BTreeSet::new());

/// How many are kept in mind.
const NAMES: usize = 10_000;

/// What was read, or nothing where the row is unreadable.
pub(crate) fn skip<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(error @ Error::Corrupt { .. }) => {
            name(&error);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn name(error: &Error) {
    let Error::Corrupt { table, row, .. } = error else {
        return;
    };
    let is_new = {
        let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
        named.len() < NAMES && named.insert((*table, row.clone()))
    };
    if is_new {
        tracing::warn!(
            error = error as &dyn std::error::Error,
            "left out, correct or remove the row"
        );
    }
}
