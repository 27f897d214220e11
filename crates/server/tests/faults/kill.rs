//! `SIGKILL` at a random moment: nothing acknowledged is lost or altered, nothing is stuck, nothing is left over.
//!
//! `VIDIMUS_KILL_ROUNDS=100` for a night, `VIDIMUS_KILL_SEED` for the operations of a failure seen before (the moment of the
//! kill and the interleaving are the machine's).

use std::{
    env,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use vidimus_testkit::{TestServer, TestServerBuilder};

use crate::{
    house,
    worker::{ClearCount, Worker},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_vidimus");
const ROUNDS: usize = 12;
const WORKERS: usize = 4;

fn number<T: std::str::FromStr>(variable: &str) -> Option<T> {
    env::var(variable).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again() {
    kill_again_and_again(TestServer::builder(PROGRAM), ROUNDS).await;
}

/// Deleted images wait for the scrubber, which is killed as well; a start scrubs before it answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again_while_scrubbing() {
    let builder = TestServer::builder(PROGRAM)
        .variable("OS_DEFAULT__DELAYED_DELETE", "true")
        .variable("OS_DEFAULT__WAKEUP_TIME", "1");
    kill_again_and_again(builder, ROUNDS / 3).await;
}

async fn kill_again_and_again(builder: TestServerBuilder, rounds: usize) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = number("VIDIMUS_KILL_SEED").unwrap_or(now.as_secs());
    let rounds = number("VIDIMUS_KILL_ROUNDS").unwrap_or(rounds);
    eprintln!("VIDIMUS_KILL_SEED={seed} VIDIMUS_KILL_ROUNDS={rounds}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut server = builder.start();
    let mut workers: Vec<_> = (0..WORKERS)
        .map(|number| Worker::new(number, seed))
        .collect();
    let clears = ClearCount::default();
    for round in 0..rounds {
        let before: usize = workers.iter().map(|worker| worker.acknowledged).sum();
        let moment = Duration::from_millis(random.u64(50..1500));
        work_until_killed(&mut server, &mut workers, &clears, moment).await;
        server.start();
        house::inspect(&server, &mut workers, clears.now()).await;
        clears.settle();
        let after: usize = workers.iter().map(|worker| worker.acknowledged).sum();
        eprintln!("round {round}: {} operations in {moment:?}", after - before);
    }
    let acknowledged: usize = workers.iter().map(|worker| worker.acknowledged).sum();
    assert!(acknowledged > rounds, "hardly anything was done");
}

/// Lets all workers at the server and takes it from under them.
async fn work_until_killed(
    server: &mut TestServer,
    workers: &mut [Worker],
    clears: &ClearCount,
    moment: Duration,
) {
    let api = server.api();
    let work =
        futures_util::future::join_all(workers.iter_mut().map(|worker| worker.run(&api, clears)));
    let killer = async {
        tokio::time::sleep(moment).await;
        server.kill();
    };
    tokio::join!(work, killer);
}
