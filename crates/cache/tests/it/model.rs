//! Permits, followers and cancellation: one source read, no lost wake-up, nobody hangs. Each test runs thousands of
//! interleavings; shuttle fails a schedule in which a thread can never go on.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use futures_util::FutureExt;
use shuttle::{future::block_on, thread};

use crate::{
    flight::{Acquired, Flights, Grant},
    progress::Progress,
    sync::{Mutex, lock},
};

const SCHEDULES: usize = 10_000;
const SIZE: u64 = 3;

type Fill = Arc<Progress<&'static str>>;

/// A cache of one image without a disk: the flights, and an index that is one `bool`.
struct World {
    flights: Arc<Flights<u8, Fill>>,
    is_cached: Mutex<bool>,
    source_reads: AtomicUsize,
    holders: AtomicUsize,
}

#[derive(Debug, PartialEq)]
enum Answer {
    Hit,
    Followed(Result<(), &'static str>),
    GaveUp,
}

impl World {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            flights: Arc::new(Flights::new()),
            is_cached: Mutex::new(false),
            source_reads: AtomicUsize::new(0),
            holders: AtomicUsize::new(0),
        })
    }

    /// As `Inner::look`: what is there, who works on it, and with the grant in hand once more what is there.
    async fn grant(&self) -> Result<Grant<u8, Fill>, Option<Fill>> {
        loop {
            if *lock(&self.is_cached) {
                return Err(None);
            }
            let grant = match self.flights.acquire(&0) {
                Acquired::Granted(grant) => grant,
                Acquired::Filling(fill) => return Err(Some(fill)),
                Acquired::Busy(turn) => match turn.await {
                    Some(grant) => grant,
                    None => continue,
                },
            };
            if *lock(&self.is_cached) {
                drop(grant.settle());
                continue;
            }
            return Ok(grant);
        }
    }

    fn enter(&self) {
        assert_eq!(self.holders.fetch_add(1, SeqCst), 0, "two hold one image");
    }

    fn leave(&self) {
        self.holders.fetch_sub(1, SeqCst);
    }

    /// A download to its end. `fate` is what becomes of the fill, should it fall to this caller.
    fn download(self: &Arc<Self>, fate: Fate) -> Answer {
        block_on(async {
            let fill = match self.grant().await {
                Err(None) => return Answer::Hit,
                Err(Some(fill)) => fill,
                Ok(grant) => {
                    self.enter();
                    if fate == Fate::DropsPermit {
                        self.leave();
                        drop(grant);
                        return Answer::GaveUp;
                    }
                    self.source_reads.fetch_add(1, SeqCst);
                    let fill = Fill::new(Progress::new());
                    grant.begin(Arc::clone(&fill));
                    let (world, writing) = (Arc::clone(self), Arc::clone(&fill));
                    thread::spawn(move || world.fill(grant, &writing, fate));
                    fill
                }
            };
            for at in 0..SIZE {
                let now = fill.wait(|now| now.written > at).await;
                if let Some(Err(failure)) = now.outcome {
                    return Answer::Followed(Err(failure));
                }
                assert!(now.written > at);
            }
            let end = fill.wait(|_| false).await;
            Answer::Followed(end.outcome.unwrap())
        })
    }

    /// As `Fill::run`: bytes, then the index and the grant in one step, then the followers.
    fn fill(&self, grant: Grant<u8, Fill>, fill: &Fill, fate: Fate) {
        for written in 1..=SIZE {
            fill.advance(written);
            if fate == Fate::Fails {
                self.leave();
                drop(grant);
                fill.finish(Err("source"));
                return;
            }
        }
        fill.verified();
        self.leave();
        let mut is_cached = lock(&self.is_cached);
        match grant.settle() {
            Ok(()) => *is_cached = true,
            Err(grant) => drop(grant),
        }
        drop(is_cached);
        fill.finish(Ok(()));
    }

    /// As `Inner::remove`.
    fn remove(&self) {
        self.flights.doom(&0);
        block_on(async {
            loop {
                match self.flights.acquire(&0) {
                    Acquired::Granted(grant) => {
                        *lock(&self.is_cached) = false;
                        return drop(grant);
                    }
                    Acquired::Filling(_) => return,
                    Acquired::Busy(_) if !*lock(&self.is_cached) => return,
                    Acquired::Busy(turn) => {
                        if let Some(grant) = turn.await {
                            *lock(&self.is_cached) = false;
                            return drop(grant);
                        }
                    }
                }
            }
        });
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Succeeds,
    Fails,
    DropsPermit,
}

fn downloads(world: &Arc<World>, fates: &[Fate]) -> Vec<Answer> {
    let threads: Vec<_> = fates
        .iter()
        .map(|fate| {
            let (world, fate) = (Arc::clone(world), *fate);
            thread::spawn(move || world.download(fate))
        })
        .collect();
    threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect()
}

#[test]
fn any_number_of_first_downloads_cost_one_read() {
    shuttle::check_random(
        || {
            let world = World::new();
            let answers = downloads(&world, &[Fate::Succeeds; 4]);
            assert!(
                answers
                    .iter()
                    .all(|answer| matches!(answer, Answer::Hit | Answer::Followed(Ok(())))),
                "{answers:?}"
            );
            assert_eq!(world.source_reads.load(SeqCst), 1);
            assert!(*lock(&world.is_cached));
            assert!(
                world.flights.try_acquire(&0).is_some(),
                "the image stays taken"
            );
        },
        SCHEDULES,
    );
}

#[test]
fn a_dropped_permit_goes_to_the_next_and_nobody_hangs() {
    shuttle::check_random(
        || {
            let world = World::new();
            let fates = [
                Fate::DropsPermit,
                Fate::DropsPermit,
                Fate::Succeeds,
                Fate::Succeeds,
            ];
            let answers = downloads(&world, &fates);
            for (fate, answer) in fates.iter().zip(&answers) {
                match answer {
                    Answer::Hit | Answer::Followed(Ok(())) => {}
                    Answer::GaveUp => assert_eq!(*fate, Fate::DropsPermit),
                    Answer::Followed(Err(_)) => panic!("{answers:?}"),
                }
            }
            assert_eq!(world.source_reads.load(SeqCst), 1);
        },
        SCHEDULES,
    );
}

#[test]
fn a_failed_fill_fails_its_followers_and_frees_the_image() {
    shuttle::check_random(
        || {
            let world = World::new();
            let answers = downloads(&world, &[Fate::Fails, Fate::Fails, Fate::Succeeds]);
            assert!(!answers.contains(&Answer::GaveUp), "{answers:?}");
            if !*lock(&world.is_cached) {
                assert!(
                    answers
                        .iter()
                        .all(|answer| *answer == Answer::Followed(Err("source"))),
                    "{answers:?}"
                );
            }
            assert!(
                world.flights.try_acquire(&0).is_some(),
                "the image stays taken"
            );
        },
        SCHEDULES,
    );
}

#[test]
fn waiters_that_leave_do_not_take_the_permit_with_them() {
    shuttle::check_random(
        || {
            let world = World::new();
            let first = world.flights.try_acquire(&0).unwrap();
            let leavers: Vec<_> = (0..2)
                .map(|_| {
                    let world = Arc::clone(&world);
                    thread::spawn(move || {
                        block_on(async {
                            // Asks, looks once, and goes: with the permit in hand, offered, or neither.
                            if let Acquired::Busy(mut turn) = world.flights.acquire(&0) {
                                thread::yield_now();
                                drop((&mut turn).now_or_never());
                                thread::yield_now();
                            }
                        });
                    })
                })
                .collect();
            let stayers = {
                let world = Arc::clone(&world);
                thread::spawn(move || downloads(&world, &[Fate::Succeeds; 2]))
            };
            drop(first);
            for answer in stayers.join().unwrap() {
                assert!(
                    matches!(answer, Answer::Hit | Answer::Followed(Ok(()))),
                    "{answer:?}"
                );
            }
            for leaver in leavers {
                leaver.join().unwrap();
            }
            assert_eq!(world.source_reads.load(SeqCst), 1);
            assert!(
                world.flights.try_acquire(&0).is_some(),
                "the image stays taken"
            );
        },
        SCHEDULES,
    );
}

#[test]
fn a_removed_image_is_not_cached_by_a_fill_that_ran_then() {
    shuttle::check_random(
        || {
            let world = World::new();
            let fill = Fill::new(Progress::new());
            let grant = world.flights.try_acquire(&0).unwrap();
            grant.begin(Arc::clone(&fill));
            world.enter();
            let writer = {
                let (world, fill) = (Arc::clone(&world), Arc::clone(&fill));
                thread::spawn(move || world.fill(grant, &fill, Fate::Succeeds))
            };
            let follower = {
                let fill = Arc::clone(&fill);
                thread::spawn(move || block_on(fill.wait(|_| false)).outcome)
            };
            world.remove();
            writer.join().unwrap();
            assert_eq!(
                follower.join().unwrap(),
                Some(Ok(())),
                "followers still finish"
            );
            assert!(!*lock(&world.is_cached), "cached after its removal");
        },
        SCHEDULES,
    );
}

#[test]
fn a_permit_given_before_the_removal_caches_nothing() {
    shuttle::check_random(
        || {
            let world = World::new();
            let holder = world.flights.try_acquire(&0).unwrap();
            // Waits since before the removal.
            let Acquired::Busy(turn) = world.flights.acquire(&0) else {
                panic!("the image is taken");
            };
            let remover = {
                let world = Arc::clone(&world);
                thread::spawn(move || world.remove())
            };
            remover.join().unwrap();
            let late = match world.flights.acquire(&0) {
                Acquired::Busy(turn) => turn,
                Acquired::Granted(_) | Acquired::Filling(_) => panic!("the image is taken"),
            };
            drop(holder);
            let grant = block_on(turn).unwrap();
            assert!(grant.is_doomed());
            drop(grant);
            let grant = block_on(late).unwrap();
            assert!(
                !grant.is_doomed(),
                "who came after the removal may cache again"
            );
        },
        100,
    );
}

#[test]
fn followers_that_leave_take_no_wake_up_with_them() {
    shuttle::check_random(
        || {
            let fill = Fill::new(Progress::new());
            let stayers: Vec<_> = (0..3)
                .map(|_| {
                    let fill = Arc::clone(&fill);
                    thread::spawn(move || {
                        block_on(async {
                            for at in 0..SIZE {
                                fill.wait(|now| now.written > at).await;
                            }
                            fill.wait(|now| now.is_verified).await;
                            fill.wait(|_| false).await.outcome
                        })
                    })
                })
                .collect();
            let leaver = {
                let fill = Arc::clone(&fill);
                thread::spawn(move || {
                    let looked =
                        block_on(async { fill.wait(|now| now.written > 1).now_or_never() });
                    assert!(looked.is_none_or(|now| now.written > 1));
                })
            };
            for written in 1..=SIZE {
                fill.advance(written);
            }
            let reader = {
                let fill = Arc::clone(&fill);
                thread::spawn(move || block_on(fill.wait(|now| now.is_verified)).outcome)
            };
            fill.verified();
            assert_eq!(
                reader.join().unwrap(),
                None,
                "readers need not wait for the end"
            );
            fill.finish(Ok(()));
            fill.finish(Err("too late"));
            for stayer in stayers {
                assert_eq!(stayer.join().unwrap(), Some(Ok(())));
            }
            leaver.join().unwrap();
        },
        SCHEDULES,
    );
}
