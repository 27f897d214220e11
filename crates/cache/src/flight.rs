//! Who may touch the files of an image: one at a time, everybody else follows or waits.
//!
//! Everything that creates, checks or removes a cached file does so holding the image's [`Grant`]. A grant that begins a
//! fill publishes something to follow; whoever asks then gets that and does not wait. A grant that is dropped goes to
//! the caller who has waited longest. Knows nothing of files, sizes or runtimes, and is model-checked for that reason
//! (`tests/it/model.rs`).

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use crate::sync::{Mutex, lock};

/// The grants of all images, by `K`; `F` is what a fill gives to its followers.
pub(crate) struct Flights<K, F> {
    slots: Mutex<Slots<K, F>>,
}

struct Slots<K, F> {
    by_key: HashMap<K, Slot<F>>,
    next_ticket: u64,
}

/// Exists as long as somebody holds or is offered the grant.
struct Slot<F> {
    holder: Holder<F>,
    is_doomed: bool,
    waiters: VecDeque<Waiter>,
}

enum Holder<F> {
    Working,
    Filling(F),
    /// Given to the waiter with this ticket, who has not come for it yet.
    Offered(u64),
}

struct Waiter {
    ticket: u64,
    waker: Option<Waker>,
    is_doomed: bool,
}

/// The answer to [`Flights::acquire`].
pub(crate) enum Acquired<K: Hash + Eq + Clone, F: Clone> {
    /// The image is the caller's alone.
    Granted(Grant<K, F>),
    /// A fill runs; follow it.
    Filling(F),
    /// Somebody holds the grant and has not begun a fill.
    Busy(Turn<K, F>),
}

impl<K: Hash + Eq + Clone, F: Clone> Flights<K, F> {
    pub(crate) fn new() -> Self {
        let slots = Slots {
            by_key: HashMap::new(),
            next_ticket: 0,
        };
        Self {
            slots: Mutex::new(slots),
        }
    }

    /// Takes the grant of `key`, or says what to do instead.
    pub(crate) fn acquire(self: &Arc<Self>, key: &K) -> Acquired<K, F> {
        let mut guard = lock(&self.slots);
        let slots = &mut *guard;
        let Some(slot) = slots.by_key.get_mut(key) else {
            slots.by_key.insert(key.clone(), Slot::new());
            return Acquired::Granted(self.grant(key));
        };
        if let Holder::Filling(follower) = &slot.holder {
            return Acquired::Filling(follower.clone());
        }
        let ticket = slots.next_ticket;
        slots.next_ticket += 1;
        slot.waiters.push_back(Waiter {
            ticket,
            waker: None,
            is_doomed: false,
        });
        Acquired::Busy(Turn {
            flights: Arc::clone(self),
            key: key.clone(),
            ticket,
            is_over: false,
        })
    }

    /// Takes the grant of `key` if nobody has it; never waits.
    pub(crate) fn try_acquire(self: &Arc<Self>, key: &K) -> Option<Grant<K, F>> {
        let mut slots = lock(&self.slots);
        if slots.by_key.contains_key(key) {
            return None;
        }
        slots.by_key.insert(key.clone(), Slot::new());
        Some(self.grant(key))
    }

    /// What the running fill of `key` gives to followers.
    pub(crate) fn filling(&self, key: &K) -> Option<F> {
        match &lock(&self.slots).by_key.get(key)?.holder {
            Holder::Filling(follower) => Some(follower.clone()),
            Holder::Working | Holder::Offered(_) => None,
        }
    }

    /// Tells the holder of `key`, and all who wait for it now, that what they bring must not be kept.
    ///
    /// Callers who come later are not concerned. Returns whether there was anybody.
    pub(crate) fn doom(&self, key: &K) -> bool {
        let mut slots = lock(&self.slots);
        let Some(slot) = slots.by_key.get_mut(key) else {
            return false;
        };
        slot.is_doomed = true;
        for waiter in &mut slot.waiters {
            waiter.is_doomed = true;
        }
        true
    }

    fn grant(self: &Arc<Self>, key: &K) -> Grant<K, F> {
        Grant {
            flights: Arc::clone(self),
            key: key.clone(),
            is_over: false,
        }
    }

    /// Hands the grant to whoever has waited longest, or frees the image.
    fn pass_on(&self, key: &K) {
        let mut slots = lock(&self.slots);
        let Some(slot) = slots.by_key.get_mut(key) else {
            return;
        };
        // What leaves the table is dropped and woken after the lock is free: both can run foreign code.
        let (old, waker) = match slot.waiters.pop_front() {
            Some(next) => {
                slot.is_doomed = next.is_doomed;
                let old = std::mem::replace(&mut slot.holder, Holder::Offered(next.ticket));
                (Some(old), next.waker)
            }
            None => (slots.by_key.remove(key).map(|slot| slot.holder), None),
        };
        drop(slots);
        drop(old);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<F> Slot<F> {
    fn new() -> Self {
        Self {
            holder: Holder::Working,
            is_doomed: false,
            waiters: VecDeque::new(),
        }
    }
}

/// The image is the holder's alone until this is dropped, settled, or begins a fill.
pub(crate) struct Grant<K: Hash + Eq + Clone, F: Clone> {
    flights: Arc<Flights<K, F>>,
    key: K,
    is_over: bool,
}

impl<K: Hash + Eq + Clone, F: Clone> Grant<K, F> {
    /// Gives everybody who waits, and everybody who comes, `follower` to follow.
    pub(crate) fn begin(&self, follower: F) {
        let mut slots = lock(&self.flights.slots);
        let Some(slot) = slots.by_key.get_mut(&self.key) else {
            return;
        };
        let old = std::mem::replace(&mut slot.holder, Holder::Filling(follower));
        let waiters = std::mem::take(&mut slot.waiters);
        drop(slots);
        drop(old);
        wake_all(waiters);
    }

    /// Whether what the holder brings must not be kept.
    pub(crate) fn is_doomed(&self) -> bool {
        let slots = lock(&self.flights.slots);
        slots
            .by_key
            .get(&self.key)
            .is_some_and(|slot| slot.is_doomed)
    }

    /// Ends the grant and lets everybody who waits look again, because there is something to see now.
    ///
    /// Refused, in one step with the check, when the image was doomed meanwhile.
    pub(crate) fn settle(mut self) -> Result<(), Self> {
        let mut slots = lock(&self.flights.slots);
        if slots
            .by_key
            .get(&self.key)
            .is_some_and(|slot| slot.is_doomed)
        {
            drop(slots);
            return Err(self);
        }
        let old = slots.by_key.remove(&self.key);
        drop(slots);
        self.is_over = true;
        if let Some(slot) = old {
            drop(slot.holder);
            wake_all(slot.waiters);
        }
        Ok(())
    }
}

impl<K: Hash + Eq + Clone, F: Clone> Drop for Grant<K, F> {
    fn drop(&mut self) {
        if !self.is_over {
            self.flights.pass_on(&self.key);
        }
    }
}

fn wake_all(waiters: VecDeque<Waiter>) {
    for waker in waiters.into_iter().filter_map(|waiter| waiter.waker) {
        waker.wake();
    }
}

/// Waits for the grant: `Some` when it is the caller's, `None` when there is reason to look again.
///
/// May be dropped at any time; a grant on its way to a dropped turn goes to the next.
pub(crate) struct Turn<K: Hash + Eq + Clone, F: Clone> {
    flights: Arc<Flights<K, F>>,
    key: K,
    ticket: u64,
    is_over: bool,
}

// Nothing in it is pinned.
impl<K: Hash + Eq + Clone, F: Clone> Unpin for Turn<K, F> {}

impl<K: Hash + Eq + Clone, F: Clone> Future for Turn<K, F> {
    type Output = Option<Grant<K, F>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let mut slots = lock(&this.flights.slots);
        let Some(slot) = slots.by_key.get_mut(&this.key) else {
            this.is_over = true;
            return Poll::Ready(None);
        };
        if matches!(slot.holder, Holder::Offered(ticket) if ticket == this.ticket) {
            slot.holder = Holder::Working;
            this.is_over = true;
            drop(slots);
            return Poll::Ready(Some(this.flights.grant(&this.key)));
        }
        let mine = |waiter: &&mut Waiter| waiter.ticket == this.ticket;
        match slot.waiters.iter_mut().find(mine) {
            Some(waiter) => {
                waiter.waker = Some(context.waker().clone());
                Poll::Pending
            }
            None => {
                this.is_over = true;
                Poll::Ready(None)
            }
        }
    }
}

impl<K: Hash + Eq + Clone, F: Clone> Drop for Turn<K, F> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut slots = lock(&self.flights.slots);
        let Some(slot) = slots.by_key.get_mut(&self.key) else {
            return;
        };
        slot.waiters.retain(|waiter| waiter.ticket != self.ticket);
        let is_offered = matches!(slot.holder, Holder::Offered(ticket) if ticket == self.ticket);
        drop(slots);
        if is_offered {
            self.flights.pass_on(&self.key);
        }
    }
}
