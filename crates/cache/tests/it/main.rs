//! The cache from outside, and its concurrency core under every schedule shuttle can think of.

#![expect(
    clippy::unwrap_used,
    reason = "clippy's exception for tests does not reach their helpers"
)]

// The files themselves, over shuttle's lock in place of the standard library's.
#[expect(dead_code, reason = "the model does not use every method")]
#[path = "../../src/flight.rs"]
mod flight;
#[expect(dead_code, reason = "the model does not use every method")]
#[path = "../../src/progress.rs"]
mod progress;

mod clears;
mod crash;
mod disks;
mod fills;
mod limit;
mod model;
mod recovery;
mod reference;
mod support;
mod sync;
mod weaknesses;
