//! Fetches data over HTTP at a user's wish, and goes on where a connection broke off.
//!
//! Every hop is admitted by the [`UriFilter`] and connected to by the addresses that passed. Redirects are followed by
//! hand, so that nothing is asked of an address nobody looked at, and nothing the user put into the URI is told to the
//! next host. A body that ends early is asked for again from there on, as long as the server can show that it is still
//! the same.

mod body;
mod fetcher;
mod filter;
mod pace;
#[cfg(test)]
mod tests;

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::Stream;
use reqwest::{Response, header};
use thiserror::Error;

pub use fetcher::{Fetcher, SetupError, Terms, Trust};
pub use filter::{Refusal, UriFilter};

/// How many redirects are followed, as Python's urllib does.
const REDIRECTS: usize = 10;

/// How often in a row a body is asked for again without a byte having come.
const ATTEMPTS: u32 = 5;

/// How long a connection may take to be made, and then to send anything.
const CONNECT_TIME: Duration = Duration::from_secs(20);
const SILENCE: Duration = Duration::from_secs(60);

/// The first pause before another attempt; it doubles with each.
const PAUSE: Duration = Duration::from_millis(500);

/// The data could not be fetched. Said to the user, so it holds nothing about networks the user cannot see.
#[derive(Debug, Error)]
pub enum FetchError {
    /// The filter says no.
    #[error("the URI does not pass filtering")]
    Refused(#[source] Refusal),
    /// The filter says no to a redirect.
    #[error("it redirects to a URI that does not pass filtering")]
    RedirectRefused(#[source] Refusal),
    /// Too many redirects, or one to nowhere.
    #[error("it redirects without end")]
    RedirectLoop,
    /// The server's answer is no data.
    #[error("the server answered with status {0}")]
    Status(u16),
    /// The server cannot be reached, or stopped sending too often.
    #[error("the connection failed")]
    Connection(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// So little comes that it would never end.
    #[error("the server sends too slowly")]
    TooSlow,
    /// It broke off, and what the server has now is something else or cannot be compared.
    #[error("the connection broke off after {at} bytes and cannot be resumed")]
    NotResumable {
        /// How much had come.
        at: u64,
    },
}

/// Data on its way from elsewhere.
pub struct Fetched {
    /// The bytes. When it fails, [`Self::failure`] knows why.
    pub data: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>,
    /// How much there will be, if the server says so.
    pub size_bytes: Option<u64>,
    failure: Failure,
}

impl std::fmt::Debug for Fetched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetched")
            .field("size_bytes", &self.size_bytes)
            .finish_non_exhaustive()
    }
}

/// Where a stream leaves the reason of its failure, which would not fit into an I/O error unharmed.
#[derive(Debug, Clone, Default)]
pub struct Failure(Arc<Mutex<Option<FetchError>>>);

impl Failure {
    /// The reason, once.
    pub fn take(&self) -> Option<FetchError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn leave(&self, error: FetchError) -> io::Error {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        io::Error::other("the fetch failed")
    }
}

impl Fetched {
    /// Where the reason is found when the data breaks off.
    pub fn failure(&self) -> Failure {
        self.failure.clone()
    }
}

/// The announced length. Where the data comes in chunks, only their end says how much there is.
fn length_of(response: &Response) -> Option<u64> {
    let headers = response.headers();
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return None;
    }
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}
