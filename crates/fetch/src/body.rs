//! A body that is read through any number of connections.

use std::io;

use bytes::Bytes;
use futures_util::stream;
use reqwest::{Response, StatusCode, header};

use crate::{
    ATTEMPTS, Failure, FetchError, Fetched, Fetcher, PAUSE, SILENCE, Terms, fetcher::Asking,
    length_of,
};

/// Opens the data behind a URI.
pub(crate) async fn open(
    fetcher: &Fetcher,
    uri: &str,
    terms: Terms,
) -> Result<Fetched, FetchError> {
    let mut body = RemoteBody {
        fetcher: fetcher.clone(),
        uri: uri.to_owned(),
        terms,
        response: None,
        at: 0,
        size_bytes: None,
        validator: None,
        attempts: 0,
    };
    body.open().await?;
    let size_bytes = body.size_bytes;
    let failure = Failure::default();
    let state = (body, fetcher.pace.clone(), failure.clone());
    let data = stream::try_unfold(state, |(mut body, mut pace, failure)| async move {
        let length = |chunk: &Option<Bytes>| chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        match pace.keep(body.next(), length).await {
            Ok(Some(chunk)) => Ok(Some((chunk, (body, pace, failure)))),
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
    fetcher: Fetcher,
    uri: String,
    terms: Terms,
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
        // Without one nobody can tell whether the two halves belong together, unless their hash does so in the end.
        if self.validator.is_none() && self.at > 0 && !self.terms.is_verified {
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

    /// Asks for what is missing.
    async fn request(&self) -> Result<Response, FetchError> {
        let asking = Asking {
            from: (self.at > 0).then_some(self.at),
            if_still: self
                .validator
                .as_ref()
                .map(|validator| validator.text.as_str()),
            token: self.terms.token.as_deref(),
            ..Asking::default()
        };
        self.fetcher.request(&self.uri, asking).await
    }
}

fn response_rest(chunk: Bytes, skipped: u64) -> Bytes {
    usize::try_from(skipped).map_or_else(|_| Bytes::new(), |skipped| chunk.slice(skipped..))
}
