//! What `src/sync.rs` is to the cache, for the model check.

pub(crate) use shuttle::sync::Mutex;
use shuttle::sync::MutexGuard;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}
