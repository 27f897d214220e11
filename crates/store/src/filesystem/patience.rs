//! Few threads, of those that all blocking work shares, for what a dead network file system would hold up for ever.
//!
//! A call that hangs in the kernel cannot be ended. It is left alone after a while: who asked is told, the work asks before it
//! does what cannot be taken back, and the thread stays with the few this store may have. While all of them hang, no further call begins, and the process keeps its threads.
//!
//! Reads and writes of data are not counted here: what stalls in their midst is seen by whoever waits for the data.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Semaphore,
    task::{JoinError, spawn_blocking},
    time::timeout,
};
use vidimus_types::StoreId;

/// For how long a store waits for the machine, and with how many threads.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How long one call may take, the wait for a thread included (`filesystem_store_timeout`).
    pub limit: Duration,
    /// Threads that may be busy at a time (`filesystem_store_thread_pool_size`).
    pub threads: usize,
    /// Percentage of busy threads from which on a warning is logged (`filesystem_store_threadpool_threshold`).
    pub warn_from: u64,
}

/// Whether anybody still waits for work that was begun. What cannot be taken back must not be done when nobody does.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted(Arc<AtomicBool>);

impl Wanted {
    pub(super) fn is_given_up(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

#[derive(Debug)]
pub(super) struct Pool {
    patience: Patience,
    free: Arc<Semaphore>,
}

impl Pool {
    pub(super) fn new(patience: Patience) -> Self {
        let threads = patience.threads.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            patience: Patience {
                threads,
                ..patience
            },
            free: Arc::new(Semaphore::new(threads)),
        }
    }

    pub(super) fn limit(&self) -> Duration {
        self.patience.limit
    }

    /// What came of the work, if it was done in time. What was not begun by then never is.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        store: &StoreId,
        work: impl FnOnce(&Wanted) -> T + Send + 'static,
    ) -> Option<Result<T, JoinError>> {
        let wanted = Wanted::default();
        let seen = wanted.clone();
        let done = async {
            // Closed by nobody.
            let turn = Arc::clone(&self.free).acquire_owned().await.ok()?;
            self.warn_if_busy(store);
            let work = spawn_blocking(move || {
                // It may have waited for a thread of those that all share.
                let done = (!seen.is_given_up()).then(|| work(&seen));
                drop(turn);
                done
            });
            match work.await {
                Ok(done) => done.map(Ok),
                Err(stopped) => Some(Err(stopped)),
            }
        };
        let done = timeout(self.patience.limit, done).await;
        if done.is_err() {
            wanted.0.store(true, Ordering::SeqCst);
        }
        done.ok().flatten()
    }

    fn warn_if_busy(&self, store: &StoreId) {
        let threads = self.patience.threads;
        let busy = threads - self.free.available_permits();
        let percentage = busy as u64 * 100 / threads as u64;
        if percentage >= self.patience.warn_from {
            tracing::warn!(store.id = %store, busy, threads, "the store's threads are busy, its file system may be slow or gone");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    };

    use super::*;

    #[tokio::test]
    async fn what_hangs_takes_only_the_threads_of_its_pool() {
        let pool = Pool::new(Patience {
            limit: Duration::from_millis(100),
            threads: 2,
            warn_from: 75,
        });
        let store: StoreId = "dead".parse().unwrap();
        let begun = Arc::new(AtomicUsize::new(0));
        let (release, held) = mpsc::channel::<()>();
        let held = Arc::new(std::sync::Mutex::new(held));
        for _ in 0..5 {
            let (begun, held) = (Arc::clone(&begun), Arc::clone(&held));
            let hangs = move |_: &Wanted| {
                begun.fetch_add(1, Ordering::SeqCst);
                let held = held.lock().unwrap();
                let _ = held.recv();
            };
            assert!(pool.run(&store, hangs).await.is_none());
        }
        while begun.load(Ordering::SeqCst) < 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // Once it answers again, so does the pool.
        drop(release);
        let mut answer = None;
        while answer.is_none() {
            answer = pool.run(&store, |_| 7).await;
        }
        assert_eq!(answer.unwrap().unwrap(), 7);
        assert_eq!(begun.load(Ordering::SeqCst), 2);
    }
}
