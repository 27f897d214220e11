//! Starts a whole server in a test: the built program in a process of its own, on a folder that goes away with the test.
//!
//! Made for tests of what only a process shows: its HTTP surface as a client sees it, its memory, its death by `SIGKILL`
//! and its coming back. What a part does alone is tested beside that part. Everything here panics where a test could not
//! go on.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test whose server does not start has failed"
)]

mod api;
mod server;

pub use api::{Answer, Api, NoAnswer};
pub use server::{TestServer, TestServerBuilder};
