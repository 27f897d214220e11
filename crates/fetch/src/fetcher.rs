//! Makes connections, and only to addresses that passed the filter.
//!
//! One client for each hop: which addresses a name may mean is decided anew every time, and kept in no pool.

use std::{fmt, io, net::SocketAddr};

use reqwest::{
    Certificate, Client, Method, Proxy, Response,
    header::{self, HeaderValue},
};
use thiserror::Error;
use url::Url;

use crate::{
    CONNECT_TIME, FetchError, Fetched, REDIRECTS, Refusal, SILENCE, UriFilter, body, length_of,
    pace::Pace,
};

/// Fetches from elsewhere: what may be reached, whose certificates are believed, through which proxies.
///
/// Cloning is cheap next to a connection.
#[derive(Debug, Clone)]
pub struct Fetcher {
    filter: UriFilter,
    trust: Trust,
    proxies: Vec<(String, Url)>,
    pub(crate) pace: Pace,
}

/// What a fetch is made with, beside the URI.
#[derive(Clone, Default)]
pub struct Terms {
    /// The caller's token, for the server of the URI alone: none that it redirects to is told.
    pub token: Option<String>,
    /// Whether the data is compared with its hash afterwards. Then it may be resumed also where the server shows nothing by
    /// which the halves could be told to belong together.
    pub is_verified: bool,
}

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terms")
            .field("has_token", &self.token.is_some())
            .field("is_verified", &self.is_verified)
            .finish()
    }
}

/// Whose certificates are believed.
#[derive(Debug, Clone, Default)]
pub enum Trust {
    /// Those the machine believes.
    #[default]
    Machine,
    /// Those of these authorities and no others.
    Only(Vec<Certificate>),
    /// Anybody's: the connection is encrypted, and nobody knows with whom.
    Anybody,
}

impl Trust {
    /// The authorities of a PEM file.
    pub fn from_pem(pem: &[u8]) -> Result<Self, SetupError> {
        let found = Certificate::from_pem_bundle(pem)
            .map_err(|error| SetupError::Certificates(Box::new(error)))?;
        if found.is_empty() {
            let none = io::Error::other("there is none in the file");
            return Err(SetupError::Certificates(Box::new(none)));
        }
        Ok(Self::Only(found))
    }
}

/// The settings of a [`Fetcher`] are no use.
#[derive(Debug, Error)]
pub enum SetupError {
    /// The file holds no certificates.
    #[error("the certificates cannot be read")]
    Certificates(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The proxy has no usable address.
    #[error("`{0}` is no address of a proxy")]
    Proxy(String),
}

/// What to ask for, beside the URI.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asking<'a> {
    pub(crate) method: Option<&'a Method>,
    /// Only the bytes from here on.
    pub(crate) from: Option<u64>,
    /// Only of what still has this tag or date.
    pub(crate) if_still: Option<&'a str>,
    pub(crate) token: Option<&'a str>,
}

impl Fetcher {
    /// Fetches what the filter lets through, directly, from whom the machine believes.
    pub fn new(filter: UriFilter) -> Self {
        Self {
            filter,
            trust: Trust::default(),
            proxies: Vec::new(),
            pace: Pace::default(),
        }
    }

    /// The same with other authorities.
    #[must_use]
    pub fn trusting(mut self, trust: Trust) -> Self {
        self.trust = trust;
        self
    }

    /// The same through a proxy for all URIs of a scheme. The filter still judges where they lead, by what the name means here;
    /// what it means to the proxy is the proxy's business.
    pub fn through(mut self, scheme: &str, proxy: &str) -> Result<Self, SetupError> {
        // Compat: as with Python's requests, a proxy without a scheme is spoken to in plain HTTP.
        let full = if proxy.contains("://") {
            proxy.to_owned()
        } else {
            format!("http://{proxy}")
        };
        let url = Url::parse(&full).ok().filter(Url::has_host);
        let url = url.ok_or_else(|| SetupError::Proxy(proxy.to_owned()))?;
        self.proxies.push((scheme.to_ascii_lowercase(), url));
        Ok(self)
    }

    /// Whether a URI may be fetched from, as far as that can be told without connecting.
    pub async fn admit(&self, uri: &str) -> Result<(), Refusal> {
        self.filter.admit(uri).await.map(drop)
    }

    /// Opens the data behind a URI.
    pub async fn fetch(&self, uri: &str) -> Result<Fetched, FetchError> {
        self.fetch_on(uri, Terms::default()).await
    }

    /// Opens the data behind a URI in somebody's name, or where its hash is known.
    pub async fn fetch_on(&self, uri: &str, terms: Terms) -> Result<Fetched, FetchError> {
        body::open(self, uri, terms).await
    }

    /// How much there is behind a URI, if the server says so.
    pub async fn size(&self, uri: &str) -> Result<Option<u64>, FetchError> {
        let asking = Asking {
            method: Some(&Method::HEAD),
            ..Asking::default()
        };
        let response = self.request(uri, asking).await?;
        if response.status().is_success() {
            Ok(length_of(&response))
        } else {
            Err(FetchError::Status(response.status().as_u16()))
        }
    }

    /// Asks, through as many redirects as it takes.
    pub(crate) async fn request(
        &self,
        uri: &str,
        asking: Asking<'_>,
    ) -> Result<Response, FetchError> {
        let admitted = self.filter.admit(uri).await;
        let (mut url, mut addresses) = admitted.map_err(FetchError::Refused)?;
        let (origin, mut asking) = (url.origin(), asking);
        for _ in 0..=REDIRECTS {
            let response = self.ask(&url, &addresses, asking).await?;
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
            if url.origin() != origin {
                asking.token = None;
            }
        }
        Err(FetchError::RedirectLoop)
    }

    pub(crate) async fn ask(
        &self,
        url: &Url,
        addresses: &[SocketAddr],
        asking: Asking<'_>,
    ) -> Result<Response, FetchError> {
        let failed = |error: reqwest::Error| FetchError::Connection(Box::new(error.without_url()));
        let client = self.client(url, addresses).map_err(failed)?;
        let mut request = client
            .request(asking.method.unwrap_or(&Method::GET).clone(), url.clone())
            .header(header::ACCEPT_ENCODING, "identity")
            .header(
                header::USER_AGENT,
                concat!("vidimus/", env!("CARGO_PKG_VERSION")),
            );
        if let Some(at) = asking.from {
            request = request.header(header::RANGE, format!("bytes={at}-"));
            if let Some(validator) = asking.if_still {
                request = request.header(header::IF_RANGE, validator);
            }
        }
        if let Some(token) = asking.token {
            let mut token = HeaderValue::from_str(token)
                .map_err(|error| FetchError::Connection(Box::new(error)))?;
            token.set_sensitive(true);
            request = request.header("X-Auth-Token", token);
        }
        match tokio::time::timeout(SILENCE, request.send()).await {
            Ok(answered) => answered.map_err(failed),
            Err(silent) => Err(FetchError::Connection(Box::new(silent))),
        }
    }

    fn client(&self, url: &Url, addresses: &[SocketAddr]) -> reqwest::Result<Client> {
        let mut builder = Client::builder()
            // A proxy from the environment would resolve the name again, by itself.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIME)
            .resolve_to_addrs(url.host_str().unwrap_or_default(), addresses);
        let scheme = url.scheme();
        if let Some((_, proxy)) = self.proxies.iter().find(|(of, _)| of == scheme) {
            builder = builder.proxy(Proxy::all(proxy.clone())?);
        }
        builder = match &self.trust {
            // Reading the machine's certificates takes longer than a whole request over plain HTTP.
            _ if scheme == "http" && self.proxies.is_empty() => builder.tls_certs_only([]),
            Trust::Machine => builder,
            Trust::Only(authorities) => builder.tls_certs_only(authorities.iter().cloned()),
            Trust::Anybody => builder.tls_danger_accept_invalid_certs(true),
        };
        builder.build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_need_an_address_and_certificates_a_file_of_them() {
        let fetcher = || Fetcher::new(UriFilter::default());
        assert!(fetcher().through("http", "10.0.0.1:3128").is_ok());
        assert!(
            fetcher()
                .through("https", "http://proxy.example:1080")
                .is_ok()
        );
        let refused = fetcher().through("http", "://").unwrap_err();
        assert_eq!(refused.to_string(), "`://` is no address of a proxy");
        assert!(Trust::from_pem(b"nothing of the kind").is_err());
    }
}
