//! The library against servers that misbehave in ways a real one cannot be made to.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod auth;
mod cloud;
mod data;
mod errors;
mod fake;
mod images;
mod imports;
mod redirects;
mod tls;
