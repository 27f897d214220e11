//! Sends one HTTP request and follows redirects without carrying credentials elsewhere.
//!
//! Not its job: knowing tokens, endpoints or what a status means.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use reqwest::{
    Body, Method, Response, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION},
    redirect,
};
use url::{Host, Url};

use crate::{CloudConfig, Error, HttpError, Result, Tls, config::TlsFiles, http_error};

/// keystoneauth follows 30; nobody has a use for more than a few.
const MAX_REDIRECTS: usize = 10;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// What a request carries.
#[derive(Debug, Default)]
pub(crate) enum Payload {
    #[default]
    Empty,
    /// Can be sent again, after a redirect, a 401 or a 503.
    Bytes(Bytes),
    /// Can be sent once.
    Stream(Body),
}

impl Payload {
    /// The same payload once more, if that is possible.
    fn again(&self) -> Option<Self> {
        match self {
            Self::Empty => Some(Self::Empty),
            Self::Bytes(bytes) => Some(Self::Bytes(bytes.clone())),
            Self::Stream(_) => None,
        }
    }
}

/// A request that is ready to go.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    /// Headers that must not reach another origin than `url`'s.
    pub(crate) credentials: HeaderMap,
    pub(crate) payload: Payload,
}

impl Request {
    pub(crate) fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            credentials: HeaderMap::new(),
            payload: Payload::Empty,
        }
    }

    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Result<Self> {
        self.headers.insert(name, header_value(value)?);
        Ok(self)
    }

    pub(crate) fn json(mut self, body: &serde_json::Value) -> Self {
        self.payload = Payload::Bytes(body.to_string().into());
        self.headers
            .entry(CONTENT_TYPE)
            .or_insert(HeaderValue::from_static("application/json"));
        self
    }

    /// The same request once more, if its payload can be sent again.
    pub(crate) fn again(&self) -> Option<Self> {
        Some(Self {
            method: self.method.clone(),
            url: self.url.clone(),
            headers: self.headers.clone(),
            credentials: self.credentials.clone(),
            payload: self.payload.again()?,
        })
    }
}

/// A header value, refused here and not by a panic when the user's text has control characters in it.
pub(crate) fn header_value(text: &str) -> Result<HeaderValue> {
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
        Error::InvalidRequest("a value with control characters cannot be sent".to_owned())
    })
}

/// The same for values that are not to appear in logs.
pub(crate) fn secret_value(text: &str) -> Result<HeaderValue> {
    let mut value = header_value(text)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The kind of connection an origin needs; each kind has its own pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Kind {
    is_tls: bool,
    is_loopback: bool,
}

/// The connections of one client.
#[derive(Debug)]
pub(crate) struct Transport {
    tls: Tls,
    timeout: Option<Duration>,
    user_agent: String,
    pools: Mutex<HashMap<Kind, reqwest::Client>>,
}

impl Transport {
    pub(crate) fn new(config: &CloudConfig) -> Self {
        Self {
            tls: config.tls.clone(),
            timeout: config.timeout,
            user_agent: config.user_agent.clone(),
            pools: Mutex::default(),
        }
    }

    /// Sends the request and returns the answer whatever its status, after following redirects.
    pub(crate) async fn send(&self, mut request: Request) -> Result<Response> {
        for _ in 0..MAX_REDIRECTS {
            let again = request.again();
            let origin = request.url.clone();
            let response = self.send_once(request).await?;
            let Some(target) = redirect_target(&response) else {
                return Ok(response);
            };
            request = follow(&origin, &target, again)?;
        }
        Err(Error::Redirect {
            url: request.url.to_string(),
            target: request.url.to_string(),
            reason: "too many redirects",
        })
    }

    async fn send_once(&self, request: Request) -> Result<Response> {
        let Request {
            method,
            url,
            mut headers,
            credentials,
            payload,
        } = request;
        headers.extend(credentials);
        let mut builder = self
            .pool(&url)?
            .request(method.clone(), url.clone())
            .headers(headers);
        match payload {
            // hyper sends no length here, and some proxies refuse a PUT without.
            Payload::Empty if method != Method::GET => builder = builder.header(CONTENT_LENGTH, 0),
            Payload::Empty => {}
            Payload::Bytes(bytes) => builder = builder.body(bytes),
            Payload::Stream(body) => builder = builder.body(body),
        }
        let started = Instant::now();
        let response = builder
            .send()
            .await
            .map_err(|error| connection_error(&url, &error))?;
        tracing::debug!(
            %method,
            url = %without_password(&url),
            status = response.status().as_u16(),
            request.id = request_id(&response).unwrap_or_default(),
            duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "request"
        );
        Ok(response)
    }

    fn pool(&self, url: &Url) -> Result<reqwest::Client> {
        let kind = Kind {
            is_tls: url.scheme() == "https",
            is_loopback: is_loopback(url),
        };
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(&kind) {
            return Ok(pool.clone());
        }
        let pool = self.build(kind)?;
        pools.insert(kind, pool.clone());
        Ok(pool)
    }

    fn build(&self, kind: Kind) -> Result<reqwest::Client> {
        let mut builder = reqwest::Client::builder()
            .user_agent(&self.user_agent)
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_keepalive(Duration::from_secs(60))
            .redirect(redirect::Policy::none());
        if let Some(timeout) = self.timeout {
            builder = builder.read_timeout(timeout);
        }
        if kind.is_loopback {
            builder = builder.no_proxy();
        }
        if kind.is_tls {
            let files = TlsFiles::read(&self.tls)?;
            if !self.tls.verify {
                builder = builder.tls_danger_accept_invalid_certs(true);
            }
            if let Some(roots) = files.roots {
                builder = builder.tls_certs_only(roots);
            }
            if let Some(identity) = files.identity {
                builder = builder.identity(identity);
            }
        } else {
            // Reading the machine's certificates takes longer than a whole request over plain HTTP.
            builder = builder.tls_certs_only([]);
        }
        builder.build().map_err(|error| {
            Error::Config(format!(
                "the TLS settings cannot be used: {}",
                causes(&error)
            ))
        })
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

fn redirect_target(response: &Response) -> Option<String> {
    let is_redirect = matches!(
        response.status().as_u16(),
        301 | 302 | 303 | 305 | 307 | 308
    );
    is_redirect
        .then(|| response.headers().get(LOCATION))
        .flatten()
        .map(|target| String::from_utf8_lossy(target.as_bytes()).into_owned())
}

/// The request to send after `origin` answered with a redirect to `target`.
///
/// Compat: keystoneauth repeats the request with the same method, whatever kind of redirect it is. Unlike it, credentials
/// stay with the origin they were meant for, and a request that changes something is not repeated elsewhere.
fn follow(origin: &Url, target: &str, again: Option<Request>) -> Result<Request> {
    let refuse = |reason| Error::Redirect {
        url: origin.to_string(),
        target: target.to_owned(),
        reason,
    };
    let mut request = again.ok_or_else(|| refuse("uploaded data cannot be sent a second time"))?;
    let url = origin
        .join(target)
        .map_err(|_| refuse("the target is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refuse("the target is not an HTTP URL"));
    }
    if url.origin() != origin.origin() {
        if request.method != Method::GET {
            return Err(refuse(
                "a request that changes something does not leave its server",
            ));
        }
        request.credentials.clear();
    }
    request.url = url;
    Ok(request)
}

/// The answer as it is, or the error its status stands for.
pub(crate) async fn checked(method: &Method, response: Response) -> Result<Response> {
    if response.status().as_u16() < StatusCode::BAD_REQUEST.as_u16() {
        return Ok(response);
    }
    let status = response.status();
    let url = response.url().clone();
    let content_type = header_text(&response, CONTENT_TYPE.as_str()).unwrap_or_default();
    let request_id = request_id(&response);
    let reason = response
        .extensions()
        .get::<hyper::ext::ReasonPhrase>()
        .map(|phrase| String::from_utf8_lossy(phrase.as_bytes()).into_owned())
        .or_else(|| status.canonical_reason().map(str::to_owned))
        .unwrap_or_default();
    // An error whose body breaks off is still that error.
    let body = response.bytes().await.unwrap_or_default();
    Err(HttpError {
        status: status.as_u16(),
        method: method.clone(),
        url: without_password(&url).to_string(),
        details: http_error::details(&content_type, &body, &reason),
        label: None,
        request_id,
    }
    .into())
}

/// The body of an answer that must be JSON.
pub(crate) async fn json(response: Response) -> Result<serde_json::Value> {
    let url = response.url().clone();
    let body = response
        .bytes()
        .await
        .map_err(|error| interrupted(&url, &error))?;
    serde_json::from_slice(&body)
        .map_err(|error| Error::invalid_response(without_password(&url), error))
}

pub(crate) fn header_text(response: &Response, name: &str) -> Option<String> {
    let value = response.headers().get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

pub(crate) fn request_id(response: &Response) -> Option<String> {
    header_text(response, "x-openstack-request-id")
}

pub(crate) fn connection_error(url: &Url, error: &reqwest::Error) -> Error {
    Error::Connection {
        url: without_password(url).to_string(),
        reason: causes(error),
    }
}

/// The error of an answer that broke off.
pub(crate) fn interrupted(url: &Url, error: &reqwest::Error) -> Error {
    Error::Interrupted {
        url: without_password(url).to_string(),
        reason: causes(error),
    }
}

/// Whether a path that ends with `/<text>` means the thing with this id and nothing else.
pub(crate) fn may_be_id(text: &str) -> bool {
    !text.is_empty()
        && text != "."
        && text != ".."
        && !text.contains(['/', '?', '#', '\\'])
        && !text.contains(char::is_control)
}

/// The causes below an error, which say more than reqwest's own "error sending request".
fn causes(error: &reqwest::Error) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let text = error.to_string();
        if words.last().is_none_or(|last| !last.ends_with(&text)) {
            words.push(text);
        }
        cause = error.source();
    }
    if words.is_empty() {
        words.push(error.to_string());
    }
    // What `openssl req -x509` makes by default. OpenSSL's clients accept it, rustls does not.
    if words.iter().any(|text| text.contains("CaUsedAsEndEntity")) {
        words.push("the server's certificate is one of an authority, create it with basicConstraints=CA:FALSE".to_owned());
    }
    words.join(": ")
}

/// A URL that can be shown.
fn without_password(url: &Url) -> Url {
    let mut url = url.clone();
    if url.password().is_some() {
        // Fails only for URLs that cannot have a password.
        let _ = url.set_password(Some("***"));
    }
    url
}
