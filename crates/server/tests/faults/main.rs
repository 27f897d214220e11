//! The whole program under faults: killed in the middle of everything, again and again, on one folder.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "clippy's exception for tests does not reach their helpers"
)]

mod content;
mod deletion;
mod house;
mod kill;
mod ledger;
mod worker;
