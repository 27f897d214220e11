//! Fetches data over HTTP at a user's wish, and goes on where a connection broke off.
//!
//! Every hop is admitted by the [`UriFilter`] and connected to by the addresses that passed. Redirects are followed by
//! hand, so that nothing is asked of an address nobody looked at, and nothing the user put into the URI is told to the
//! next host. A body that ends early is asked for again from there on, as long as the server can show that it is still
//! the same.

mod filter;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream;
use reqwest::{Client, Response, StatusCode, header};
use thiserror::Error;
use url::Url;
use vidimus_store::ByteStream;

pub(crate) use filter::Refusal;
pub use filter::UriFilter;

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
pub(crate) enum FetchError {
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
    /// It broke off, and what the server has now is something else or cannot be compared.
    #[error("the connection broke off after {at} bytes and cannot be resumed")]
    NotResumable {
        /// How much had come.
        at: u64,
    },
}

/// Data on its way from elsewhere.
pub(crate) struct Fetched {
    /// The bytes. When it fails, [`Self::failure`] knows why.
    pub(crate) data: ByteStream,
    /// How much there will be, if the server says so.
    pub(crate) size_bytes: Option<u64>,
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
pub(crate) struct Failure(Arc<Mutex<Option<FetchError>>>);

impl Failure {
    /// The reason, once.
    pub(crate) fn take(&self) -> Option<FetchError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn leave(&self, error: FetchError) -> io::Error {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        io::Error::other("the fetch failed")
    }
}

impl Fetched {
    /// Where the reason is found when the data breaks off.
    pub(crate) fn failure(&self) -> Failure {
        self.failure.clone()
    }
}

/// Opens the data behind a URI.
pub(crate) async fn fetch(filter: &UriFilter, uri: &str) -> Result<Fetched, FetchError> {
    let mut body = RemoteBody {
        filter: filter.clone(),
        uri: uri.to_owned(),
        response: None,
        at: 0,
        size_bytes: None,
        validator: None,
        attempts: 0,
    };
    body.open().await?;
    let size_bytes = body.size_bytes;
    let failure = Failure::default();
    let state = (body, failure.clone());
    let data = stream::try_unfold(state, |(mut body, failure)| async move {
        match body.next().await {
            Ok(Some(chunk)) => Ok(Some((chunk, (body, failure)))),
            Ok(None) => Ok(None),
            Err(error) => Err(failure.leave(error)),
        }
    });
    Ok(Fetched {
        data: Box::pin(data),
        size_bytes,
        failure,
    })
}

/// What tells whether the data is still the same.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Validator {
    /// A strong entity tag or a date, as it came.
    text: String,
}

impl Validator {
    fn of(response: &Response) -> Option<Self> {
        let text = |name| response.headers().get(name)?.to_str().ok();
        let tag = text(header::ETAG).filter(|tag| !tag.starts_with("W/"));
        tag.or(text(header::LAST_MODIFIED)).map(|text| Self {
            text: text.to_owned(),
        })
    }
}

/// A body that is read through any number of connections.
struct RemoteBody {
    filter: UriFilter,
    uri: String,
    response: Option<Response>,
    at: u64,
    size_bytes: Option<u64>,
    validator: Option<Validator>,
    attempts: u32,
}

impl RemoteBody {
    /// The first connection, which decides how much there is.
    async fn open(&mut self) -> Result<(), FetchError> {
        let response = self.request().await?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        self.size_bytes = length_of(&response);
        self.validator = Validator::of(&response);
        self.response = Some(response);
        Ok(())
    }

    async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        loop {
            let Some(response) = &mut self.response else {
                self.reopen().await?;
                continue;
            };
            let cause: Box<dyn std::error::Error + Send + Sync> =
                match tokio::time::timeout(SILENCE, response.chunk()).await {
                    Ok(Ok(Some(chunk))) if chunk.is_empty() => continue,
                    Ok(Ok(Some(chunk))) => {
                        self.at += chunk.len() as u64;
                        self.attempts = 0;
                        return Ok(Some(chunk));
                    }
                    Ok(Ok(None)) if self.size_bytes.is_none_or(|size| self.at >= size) => {
                        return Ok(None);
                    }
                    Ok(Ok(None)) => Box::new(io::Error::from(io::ErrorKind::UnexpectedEof)),
                    Ok(Err(error)) => Box::new(error.without_url()),
                    Err(silent) => Box::new(silent),
                };
            self.response = None;
            self.rest(cause).await?;
        }
    }

    /// Waits before another attempt, or gives up.
    async fn rest(
        &mut self,
        cause: Box<dyn std::error::Error + Send + Sync>,
    ) -> Result<(), FetchError> {
        if self.attempts >= ATTEMPTS {
            return Err(FetchError::Connection(cause));
        }
        tracing::info!(
            size_bytes = self.at,
            error = &*cause as &dyn std::error::Error,
            "fetch broke off, will go on"
        );
        tokio::time::sleep(PAUSE * 2_u32.pow(self.attempts)).await;
        self.attempts += 1;
        Ok(())
    }

    /// Goes on at the byte where it broke off.
    async fn reopen(&mut self) -> Result<(), FetchError> {
        let lost = FetchError::NotResumable { at: self.at };
        // Without one nobody can tell whether the two halves belong together.
        if self.validator.is_none() && self.at > 0 {
            return Err(lost);
        }
        let response = match self.request().await {
            Ok(response) => response,
            Err(FetchError::Connection(cause)) => return self.rest(cause).await,
            Err(error) => return Err(error),
        };
        let is_same = Validator::of(&response) == self.validator;
        match response.status() {
            StatusCode::PARTIAL_CONTENT if is_same && self.continues(&response) => {
                self.response = Some(response);
                Ok(())
            }
            StatusCode::OK if is_same && length_of(&response) == self.size_bytes => {
                self.skip(response).await
            }
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => Err(lost),
            status if status.is_server_error() => {
                self.rest(Box::new(io::Error::other(format!("status {status}"))))
                    .await
            }
            status => Err(FetchError::Status(status.as_u16())),
        }
    }

    /// Whether a partial answer begins where this body is and is part of as much.
    fn continues(&self, response: &Response) -> bool {
        let range = response.headers().get(header::CONTENT_RANGE);
        let Some((span, size)) = range
            .and_then(|range| range.to_str().ok())
            .and_then(|range| range.strip_prefix("bytes "))
            .and_then(|range| range.split_once('/'))
        else {
            return false;
        };
        let start = span.split_once('-').map(|(start, _)| start);
        let begins_here = start.and_then(|start| start.parse().ok()) == Some(self.at);
        let is_as_long = self
            .size_bytes
            .is_none_or(|expected| size == "*" || size.parse() == Ok(expected));
        begins_here && is_as_long
    }

    /// Reads over what has come before, where a server does not know ranges.
    async fn skip(&mut self, mut response: Response) -> Result<(), FetchError> {
        let mut left = self.at;
        while left > 0 {
            let chunk = match tokio::time::timeout(SILENCE, response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => return Err(FetchError::NotResumable { at: self.at }),
                Ok(Err(error)) => return self.rest(Box::new(error.without_url())).await,
                Err(silent) => return self.rest(Box::new(silent)).await,
            };
            // The chunk in which the known part ends would have to be handed out in part.
            if chunk.len() as u64 > left {
                let rest = response_rest(chunk, left);
                return self.resume_with(response, rest);
            }
            left -= chunk.len() as u64;
        }
        self.response = Some(response);
        Ok(())
    }

    fn resume_with(&mut self, response: Response, rest: Bytes) -> Result<(), FetchError> {
        let joined = stream::unfold((Some(rest), response), |(rest, mut response)| async move {
            if let Some(rest) = rest {
                return Some((Ok(rest), (None, response)));
            }
            let chunk = response.chunk().await.transpose()?;
            Some((chunk, (None, response)))
        });
        let body = reqwest::Body::wrap_stream(joined);
        self.response = Some(http::Response::new(body).into());
        Ok(())
    }

    /// Asks for what is missing, through as many redirects as it takes.
    async fn request(&self) -> Result<Response, FetchError> {
        let (mut url, mut addresses) = self
            .filter
            .admit(&self.uri)
            .await
            .map_err(FetchError::Refused)?;
        for _ in 0..=REDIRECTS {
            let response = self.ask(&url, &addresses).await?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            let next = response
                .headers()
                .get(header::LOCATION)
                .and_then(|location| location.to_str().ok())
                .and_then(|location| url.join(location).ok())
                .ok_or(FetchError::Status(response.status().as_u16()))?;
            (url, addresses) = self
                .filter
                .admit(next.as_str())
                .await
                .map_err(FetchError::RedirectRefused)?;
        }
        Err(FetchError::RedirectLoop)
    }

    async fn ask(&self, url: &Url, addresses: &[SocketAddr]) -> Result<Response, FetchError> {
        let failed = |error: reqwest::Error| FetchError::Connection(Box::new(error.without_url()));
        let client = Client::builder()
            // A proxy from the environment would resolve the name again, by itself.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIME)
            .resolve_to_addrs(url.host_str().unwrap_or_default(), addresses)
            .build()
            .map_err(failed)?;
        let mut request = client
            .get(url.clone())
            .header(header::ACCEPT_ENCODING, "identity")
            .header(
                header::USER_AGENT,
                concat!("vidimus/", env!("CARGO_PKG_VERSION")),
            );
        if self.at > 0
            && let Some(validator) = &self.validator
        {
            request = request
                .header(header::RANGE, format!("bytes={}-", self.at))
                .header(header::IF_RANGE, &validator.text);
        }
        match tokio::time::timeout(SILENCE, request.send()).await {
            Ok(answered) => answered.map_err(failed),
            Err(silent) => Err(FetchError::Connection(Box::new(silent))),
        }
    }
}

fn response_rest(chunk: Bytes, skipped: u64) -> Bytes {
    usize::try_from(skipped).map_or_else(|_| Bytes::new(), |skipped| chunk.slice(skipped..))
}

fn length_of(response: &Response) -> Option<u64> {
    response
        .headers()
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}
