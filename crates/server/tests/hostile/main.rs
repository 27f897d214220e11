//! A running server under requests nobody should send: no 5xx, no panic, no status that is not documented, no memory and no
//! descriptors that do not come back.
//!
//! The requests are made of the server's own OpenAPI document, so a new route is under fire the day it is documented. They
//! follow from a seed: `VIDIMUS_HOSTILE_SEED` (and the same number of requests) gives the same ones again, though what the
//! server has in it when one arrives depends on the others. `VIDIMUS_HOSTILE_REQUESTS` says how many there are.

#![expect(
    clippy::unwrap_used,
    reason = "clippy's exception for tests does not reach their helpers"
)]

mod document;
mod json;
mod names;
mod request;
mod wire;

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use document::{Operation, operations};
use fastrand::Rng;
use names::Names;
use request::{Expected, Maker, Request};
use vidimus_testkit::TestServer;
use wire::{Answer, Connection};

/// As many of these run at the same time.
const THREADS: usize = 4;

/// How much more memory the server may hold at the end than when a fifth of the requests were through, and than after three
/// fifths: what is kept of a database that grows meanwhile (deleted images stay in it), 8 MiB for each processor's connection and
/// half a MiB for each of the driver's, and free memory that the allocator and idle threads have in hand.
const GROWTH_BYTES: u64 = 40 * 1024 * 1024;
const LATE_GROWTH_BYTES: u64 = 24 * 1024 * 1024;

const CONFIG: &str = "\
[DEFAULT]
enabled_backends = fast:file,slow:file
image_cache_dir = $DIR/cache
image_cache_driver = centralized_db
worker_self_reference_url = http://127.0.0.1
node_staging_uri = file://$DIR/staging
show_multiple_locations = true
show_image_direct_url = true
[import_filtering_opts]
allowed_hosts = [nowhere.invalid]
[database]
connection = sqlite:///$DIR/glance.sqlite
[glance_store]
default_backend = fast
[fast]
filesystem_store_datadir = $DIR/fast
[slow]
filesystem_store_datadir = $DIR/slow
[paste_deploy]
flavor = cachemanagement
";

/// What all threads have in common.
struct Attack {
    address: String,
    operations: Vec<Operation>,
    left: AtomicUsize,
    /// How often each status came.
    statuses: Mutex<BTreeMap<u16, usize>>,
    /// What must not have happened.
    faults: Mutex<Vec<String>>,
}

fn variable(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap(),
        Err(_) => default,
    }
}

#[test]
fn nothing_a_client_sends_breaks_the_server() {
    let requests = variable("VIDIMUS_HOSTILE_REQUESTS", 20_000) as usize;
    let seed = variable("VIDIMUS_HOSTILE_SEED", 7);
    let program = std::env::var("VIDIMUS_HOSTILE_PROGRAM")
        .unwrap_or_else(|_| env!("CARGO_BIN_EXE_vidimus").to_owned());
    let server = TestServer::builder(program)
        .config(CONFIG)
        // A line for each of a million requests helps nobody.
        .variable("VIDIMUS_LOG", "warn")
        .start();
    let address = server.url().strip_prefix("http://").unwrap().to_owned();
    let document = Connection::new(&address).ask("GET", "/openapi.json", "", b"");
    let operations = operations(&serde_json::from_slice(&document.body).unwrap());
    assert!(operations.len() > 90);
    let attack = Attack {
        address,
        operations,
        left: AtomicUsize::new(0),
        statuses: Mutex::default(),
        faults: Mutex::default(),
    };

    let begin = Instant::now();
    // What is allocated once is allocated by then.
    attack.run(requests / 5, seed);
    let warm_files = settled_files(&server);
    let mut resident = vec![settled_bytes(&server, requests)];
    for round in 1..5 {
        attack.run(requests / 5, seed.wrapping_add(round));
        resident.push(settled_bytes(&server, requests));
    }
    let end_files = settled_files(&server);

    let statuses = attack.statuses.lock().unwrap();
    let shown: Vec<u64> = resident.iter().map(|bytes| bytes / 1024).collect();
    eprintln!(
        "{requests} requests in {:.1} s: {statuses:?}\nresident KiB after each fifth: {shown:?}; open files after the first {warm_files}, at the end {end_files}",
        begin.elapsed().as_secs_f64(),
    );
    let faults = attack.faults.lock().unwrap();
    assert!(faults.is_empty(), "seed {seed}:\n{}", faults.join("\n"));
    let log = server.log();
    let bad: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("panicked") || line.contains("ERROR"))
        .take(10)
        .collect();
    assert!(bad.is_empty(), "in the log:\n{}", bad.join("\n"));
    assert!(
        resident[4] < resident[0] + GROWTH_BYTES,
        "memory grows, KiB after each fifth: {shown:?}"
    );
    assert!(
        resident[4] < resident[2] + LATE_GROWTH_BYTES,
        "memory goes on growing, KiB after each fifth: {shown:?}"
    );
    assert!(
        end_files <= warm_files + 8,
        "from {warm_files} to {end_files} open files"
    );
    let total: usize = statuses.values().sum();
    let successes: usize = statuses.range(200..300).map(|(_, count)| count).sum();
    assert!(
        successes * 10 > total,
        "hardly anything gets through: {statuses:?}"
    );
    // It still does what it is for.
    let answer = Connection::new(&attack.address).ask(
        "POST",
        "/v2/images",
        "application/json",
        b"{\"name\":\"after\"}",
    );
    assert_eq!(answer.status, 201);
}

/// How much memory the server holds once it has nothing to do. Threads that are idle for ten seconds end, and give back what they
/// had in hand, so only a run that is long anyway waits for them.
fn settled_bytes(server: &TestServer, requests: usize) -> u64 {
    let patience = Duration::from_secs(if requests < 200_000 { 0 } else { 15 });
    let begin = Instant::now();
    let mut least = server.resident_bytes();
    while begin.elapsed() < patience {
        std::thread::sleep(Duration::from_millis(250));
        least = least.min(server.resident_bytes());
    }
    least
}

/// How many files the server has open once it has noticed that everybody left.
fn settled_files(server: &TestServer) -> usize {
    let mut fewest = usize::MAX;
    let mut since = Instant::now();
    while since.elapsed() < Duration::from_secs(2) {
        let count = server.open_files();
        if count < fewest {
            fewest = count;
            since = Instant::now();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    fewest
}

impl Attack {
    fn run(&self, requests: usize, seed: u64) {
        self.left.store(requests, Ordering::Relaxed);
        std::thread::scope(|scope| {
            for thread in 0..THREADS as u64 {
                scope.spawn(move || {
                    self.attack(Rng::with_seed(
                        seed.wrapping_mul(1_000).wrapping_add(thread),
                    ))
                });
            }
        });
    }

    fn attack(&self, rng: Rng) {
        let mut names = Names::default();
        let mut connection = Connection::new(&self.address);
        let mut maker = Maker {
            operations: &self.operations,
            rng,
        };
        let mut sent = 0_usize;
        let one_less = |left: usize| left.checked_sub(1);
        while self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            .is_ok()
        {
            if sent.is_multiple_of(50) {
                names.replenish(&mut connection, &mut maker.rng);
            }
            sent += 1;
            let request = maker.next(&names);
            match request.expected {
                Expected::Answer {
                    operation,
                    is_head,
                    is_unknown_method,
                } => match connection.exchange(&request.pieces, is_head) {
                    Ok(answer) => {
                        let operation = operation.map(|at| &self.operations[at]);
                        if let Some(operation) = operation {
                            names.learn(&operation.id, &answer);
                        }
                        self.judge(&request, &answer, operation, is_unknown_method);
                    }
                    Err(error) => self.fault(&request, &format!("no answer: {error}")),
                },
                Expected::Anything => match connection.provoke(&request.pieces) {
                    Ok(answers) => {
                        for answer in answers {
                            self.judge(&request, &answer, None, true);
                        }
                    }
                    Err(error) => self.fault(&request, &format!("nobody answers: {error}")),
                },
                Expected::Nothing => {
                    if let Err(error) = connection.abandon(&request.pieces) {
                        self.fault(&request, &format!("no connection: {error}"));
                    }
                }
            }
            if self.faults.lock().unwrap().len() > 20 {
                return;
            }
        }
    }

    fn judge(
        &self,
        request: &Request,
        answer: &Answer,
        operation: Option<&Operation>,
        may_be_501: bool,
    ) {
        *self
            .statuses
            .lock()
            .unwrap()
            .entry(answer.status)
            .or_default() += 1;
        if answer.status >= 500 && !(may_be_501 && answer.status == 501) {
            self.fault(
                request,
                &format!(
                    "{}: {}",
                    answer.status,
                    String::from_utf8_lossy(&answer.body)
                ),
            );
        } else if let Some(operation) = operation
            && !operation.statuses.contains(&answer.status)
        {
            let said = String::from_utf8_lossy(&answer.body);
            self.fault(
                request,
                &format!(
                    "{} does not document {}: {said}",
                    operation.id, answer.status
                ),
            );
        }
    }

    fn fault(&self, request: &Request, what: &str) {
        let bytes = request.pieces.concat();
        let shown = bytes[..bytes.len().min(1_500)].escape_ascii();
        let what: String = what.chars().take(400).collect();
        self.faults
            .lock()
            .unwrap()
            .push(format!("{what}\n  to \"{shown}\""));
    }
}
