//! What every handler can reach, and what it is told about its request.

use std::{net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, Method, Uri, header, request::Parts},
};
use vidimus_auth::{Context, Credentials, Peer, TrustedSources};
use vidimus_service::ImageService;

use crate::{cors::Cors, error::ApiError, extract, forwarded::Forwarded, openapi::Document};

pub use crate::sendfile::SendFiles;

/// The service and the settings of its HTTP side. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct App {
    /// The use cases.
    pub service: ImageService,
    /// How requests are read and answered.
    pub http: Arc<HttpConfig>,
    /// What the routes do, for programs to read.
    pub document: Arc<Document>,
}

impl App {
    /// The same for clients of a listener whose addresses begin with `scheme`.
    pub(crate) fn reached_by(&self, scheme: &'static str) -> Self {
        let http = HttpConfig {
            scheme,
            ..(*self.http).clone()
        };
        Self {
            http: Arc::new(http),
            ..self.clone()
        }
    }
}

/// Settings of the HTTP side.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// Who says who calls.
    pub identity: IdentitySource,
    /// Whether who is not confirmed may read what everybody may (`allow_anonymous_access`).
    pub allows_anonymous: bool,
    /// The address in links, if it is not the one the client used (`public_endpoint`).
    pub public_endpoint: Option<String>,
    /// How addresses begin for clients that no proxy speaks for: by what the listener they came to speaks.
    pub scheme: &'static str,
    /// Whether `Forwarded` and `X-Forwarded-*` headers are believed (`enable_proxy_headers_parsing`).
    pub believe_forwarded: bool,
    /// What web pages of other origins may do.
    pub cors: Cors,
    /// Whether the legacy routes of the `cachemanage` filter are there.
    pub legacy_cache_routes: bool,
    /// The longest request id taken from a client; 0 for any (`max_request_id_length`).
    pub request_id_max: usize,
    /// How long a client may take to send the head of a request, and how long an idle connection is kept for one.
    pub head_timeout: Duration,
    /// How long a transfer may stand still.
    pub stall_timeout: Duration,
    /// How image data in files gets to clients.
    pub send_files: SendFiles,
    /// While this file exists, `/healthcheck` answers 503.
    pub disable_file: Option<PathBuf>,
    /// Where clients get a token, for the answer 401 (`www_authenticate_uri`).
    pub authenticate_uri: Option<String>,
}

/// Who says who calls.
#[derive(Debug, Clone)]
pub enum IdentitySource {
    /// Nobody: every caller is an admin.
    None,
    /// A proxy in front, by headers; believed only from these sources.
    Proxy(TrustedSources),
}

/// A request without its body, as handlers see it.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) ctx: Context,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    /// The other end of the connection.
    pub(crate) peer: Peer,
}

impl Call {
    /// Refuses a body where none belongs.
    pub(crate) fn reject_body(&self) -> Result<(), ApiError> {
        extract::json::reject_body(&self.method, &self.headers)
    }

    /// The query string, decoded.
    pub(crate) fn parameters(&self) -> Result<Vec<(String, String)>, ApiError> {
        extract::query::parameters(self.uri.query())
    }

    /// A header as text, if it is one.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What other servers are told of the caller.
    pub(crate) fn credentials(&self) -> Credentials {
        Credentials::from_headers(|name| self.header(name))
    }

    /// The media type of the body, without parameters, in lower case.
    pub(crate) fn media_type(&self) -> String {
        let value = self
            .header(header::CONTENT_TYPE.as_str())
            .unwrap_or_default();
        value
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
    }
}

impl FromRequestParts<App> for Call {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, ApiError> {
        // Put there by `serve::answer` before routing; a request without it has not been authenticated. Taken out, not
        // copied, as are the headers: one handler takes one call, and nothing that comes after it reads either.
        let ctx = parts
            .extensions
            .remove::<Context>()
            .ok_or_else(ApiError::not_found)?;
        if ctx.is_read_only() && !parts.method.is_safe() {
            return Err(ApiError::read_only());
        }
        Ok(Self {
            ctx,
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            headers: std::mem::take(&mut parts.headers),
            peer: parts
                .extensions
                .get::<Peer>()
                .copied()
                .unwrap_or(Peer::Unix),
        })
    }
}

impl HttpConfig {
    /// Where answers go: the client as a believed proxy names it, or else the other end of the connection.
    pub(crate) fn client_address(&self, call: &Call) -> Option<String> {
        let forwarded = call
            .header("x-forwarded-for")
            .filter(|_| self.believe_forwarded);
        let first = forwarded.and_then(|hops| hops.split(',').next()?.trim().parse().ok());
        match (first, call.peer) {
            (Some(address), _) | (None, Peer::Ip(address)) => Some(IpAddr::to_string(&address)),
            (None, Peer::Unix) => None,
        }
    }

    /// The address of the service as this client knows it, without a slash at the end.
    pub(crate) fn base_url(&self, headers: &HeaderMap) -> String {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let forwarded = if self.believe_forwarded {
            Forwarded::read(headers)
        } else {
            Forwarded::default()
        };
        let scheme = forwarded.proto.unwrap_or(self.scheme);
        let host = forwarded.host.or(text("host")).unwrap_or("localhost");
        let prefix = forwarded.prefix.unwrap_or_default().trim_end_matches('/');
        format!("{scheme}://{host}{prefix}")
    }
}
