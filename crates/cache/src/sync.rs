//! The lock behind which the concurrency core keeps its state.
//!
//! `flight` and `progress` take their lock from here and from nowhere else, so that the model check in `tests/it` can
//! compile the same files over another lock and try their interleavings.

pub(crate) use std::sync::Mutex;
use std::sync::{MutexGuard, PoisonError};

/// Locks, also after a panic elsewhere: no section under these locks calls foreign code, so the state is whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
