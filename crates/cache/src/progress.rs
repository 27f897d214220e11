//! How far a fill has come: one writer says so, any number of followers wait for it.
//!
//! Like `flight` it knows nothing of files and runtimes, and is model-checked.

use std::{
    collections::HashMap,
    task::{Poll, Waker},
};

use crate::sync::{Mutex, lock};

/// A state that only moves forward; `E` is why a fill failed.
pub(crate) struct Progress<E> {
    state: Mutex<State<E>>,
}

/// What a follower sees.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot<E> {
    /// Bytes that can be read from the file.
    pub(crate) written: u64,
    /// All bytes are there and are the image's.
    pub(crate) is_verified: bool,
    /// How it ended, once it has.
    pub(crate) outcome: Option<Result<(), E>>,
}

struct State<E> {
    now: Snapshot<E>,
    waiters: HashMap<u64, Waker>,
    next_waiter: u64,
}

impl<E: Clone> Progress<E> {
    pub(crate) fn new() -> Self {
        let now = Snapshot {
            written: 0,
            is_verified: false,
            outcome: None,
        };
        Self {
            state: Mutex::new(State {
                now,
                waiters: HashMap::new(),
                next_waiter: 0,
            }),
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot<E> {
        lock(&self.state).now.clone()
    }

    /// The first `written` bytes can be read.
    pub(crate) fn advance(&self, written: u64) {
        self.change(|now| now.written = now.written.max(written));
    }

    /// All bytes are the image's. Said before they are on the disk for good: clients need not wait for that.
    pub(crate) fn verified(&self) {
        self.change(|now| now.is_verified = true);
    }

    /// The fill is over. Only the first call counts, and nothing changes after it.
    pub(crate) fn finish(&self, outcome: Result<(), E>) {
        self.change(|now| now.outcome = Some(outcome));
    }

    fn change(&self, change: impl FnOnce(&mut Snapshot<E>)) {
        let mut state = lock(&self.state);
        if state.now.outcome.is_some() {
            return;
        }
        change(&mut state.now);
        let waiters = std::mem::take(&mut state.waiters);
        drop(state);
        for waker in waiters.into_values() {
            waker.wake();
        }
    }

    /// Waits until `is_enough` or the end. May be dropped at any time.
    pub(crate) async fn wait(&self, is_enough: impl Fn(&Snapshot<E>) -> bool) -> Snapshot<E> {
        let mut place = Place {
            progress: self,
            number: None,
        };
        std::future::poll_fn(|context| {
            let mut state = lock(&self.state);
            if state.now.outcome.is_some() || is_enough(&state.now) {
                return Poll::Ready(state.now.clone());
            }
            let number = *place.number.get_or_insert_with(|| {
                state.next_waiter += 1;
                state.next_waiter
            });
            state.waiters.insert(number, context.waker().clone());
            Poll::Pending
        })
        .await
    }
}

/// A follower's place among the waiters, given up when it stops waiting.
struct Place<'a, E> {
    progress: &'a Progress<E>,
    number: Option<u64>,
}

impl<E> Drop for Place<'_, E> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let left = lock(&self.progress.state).waiters.remove(&number);
            drop(left);
        }
    }
}
