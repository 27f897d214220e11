//! The client: one cloud, one token, one image endpoint.
//!
//! Its job is to turn a call of the API into a request that goes to the right place with the right token, and to repeat
//! it where that is safe: once after a 401 with a new token, a few times after 503. Not its job: what the calls mean.

use std::{sync::Arc, time::Duration};

use reqwest::{
    Method, Response, StatusCode,
    header::{ACCEPT, HeaderMap, HeaderName},
};
use serde_json::Value;
use tokio::sync::OnceCell;
use url::Url;

use crate::{
    Cache, CloudConfig, Error, Images, Members, Result, Stores, Tasks, discovery,
    identity::Session,
    transport::{self, Payload, Request, Transport},
};

/// The first pause before a request is repeated after 503; it doubles each time. Compat: keystoneauth's.
const FIRST_RETRY_PAUSE: Duration = Duration::from_millis(500);

/// A client of one cloud's image service. Cheap to clone; clones share token and connections.
#[derive(Debug, Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: CloudConfig,
    transport: Transport,
    session: Session,
    endpoint: OnceCell<Url>,
}

/// One call of the Image API, before endpoint and token are known.
#[derive(Debug)]
pub(crate) struct Call {
    method: Method,
    path: Vec<String>,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    payload: Payload,
}

impl Call {
    pub(crate) fn new(method: Method, path: &[&str]) -> Self {
        Self {
            method,
            path: path.iter().map(|segment| (*segment).to_owned()).collect(),
            query: Vec::new(),
            headers: HeaderMap::new(),
            payload: Payload::Empty,
        }
    }

    pub(crate) fn get(path: &[&str]) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn query(mut self, pairs: Vec<(String, String)>) -> Self {
        self.query = pairs;
        self
    }

    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Result<Self> {
        self.headers.insert(name, transport::header_value(value)?);
        Ok(self)
    }

    /// Compat: openstacksdk sends `Accept: application/json` with some calls only, and the format of Glance's error
    /// bodies, and so the text of the error, depends on it.
    pub(crate) fn accept_json(mut self) -> Self {
        self.headers.insert(
            ACCEPT,
            reqwest::header::HeaderValue::from_static("application/json"),
        );
        self
    }

    pub(crate) fn json(mut self, body: &Value) -> Self {
        self.payload = Payload::Bytes(body.to_string().into());
        self.headers.entry(reqwest::header::CONTENT_TYPE).or_insert(
            reqwest::header::HeaderValue::from_static("application/json"),
        );
        self
    }

    pub(crate) fn stream(mut self, body: reqwest::Body) -> Self {
        self.payload = Payload::Stream(body);
        self
    }
}

impl Client {
    /// A client for the cloud that `config` describes.
    ///
    /// Nothing is sent yet: the first call authenticates and finds the endpoint, and its errors include what can go wrong
    /// there.
    pub fn connect(config: &CloudConfig) -> Result<Self> {
        Ok(Self {
            inner: Arc::new(Inner {
                transport: Transport::new(config),
                session: Session::new(config)?,
                config: config.clone(),
                endpoint: OnceCell::new(),
            }),
        })
    }

    /// Images and their data.
    pub fn images(&self) -> Images<'_> {
        Images::new(self)
    }

    /// The image service's cache.
    pub fn cache(&self) -> Cache<'_> {
        Cache::new(self)
    }

    /// Who an image is shared with.
    pub fn members(&self) -> Members<'_> {
        Members::new(self)
    }

    /// The image service's stores and import methods.
    pub fn stores(&self) -> Stores<'_> {
        Stores::new(self)
    }

    /// What the image service does behind its answers.
    pub fn tasks(&self) -> Tasks<'_> {
        Tasks::new(self)
    }

    /// The URL all calls start with, ending in `/v2/`.
    pub async fn endpoint(&self) -> Result<&Url> {
        self.inner
            .endpoint
            .get_or_try_init(|| {
                discovery::image_endpoint(
                    &self.inner.config,
                    &self.inner.transport,
                    &self.inner.session,
                )
            })
            .await
    }

    /// The project the token is scoped to; `None` for `none`, `admin_token` and tokens of another scope.
    pub async fn project_id(&self) -> Result<Option<String>> {
        self.inner.session.project_id(&self.inner.transport).await
    }

    /// The id of the project called `name_or_id`, in `domain` (name or id) if given.
    ///
    /// Compat: like osc-lib, takes the text for an id where the caller may not look projects up, or where there is no
    /// Identity service to ask.
    pub async fn find_project_id(&self, name_or_id: &str, domain: Option<&str>) -> Result<String> {
        self.inner
            .session
            .find_project_id(&self.inner.transport, name_or_id, domain)
            .await
    }

    /// Sends the call; an error status is an error.
    pub(crate) async fn send(&self, call: Call) -> Result<Response> {
        let method = call.method.clone();
        let response = self.send_unchecked(call).await?;
        transport::checked(&method, response).await
    }

    /// Sends the call and returns the JSON it answers with.
    pub(crate) async fn send_for_json(&self, call: Call) -> Result<Value> {
        transport::json(self.send(call).await?).await
    }

    async fn send_unchecked(&self, call: Call) -> Result<Response> {
        let mut request = self.request(call).await?;
        let mut may_renew_token = true;
        let mut pause = FIRST_RETRY_PAUSE;
        let mut retries_left = self.inner.config.status_code_retries;
        loop {
            let again = request.again();
            let used = self
                .inner
                .session
                .credentials(&self.inner.transport)
                .await?;
            request.credentials = used.headers()?;
            let response = self.inner.transport.send(request).await?;
            match (response.status(), again) {
                (StatusCode::UNAUTHORIZED, Some(next))
                    if may_renew_token && used.can_be_renewed() =>
                {
                    may_renew_token = false;
                    self.inner.session.forget(&used).await;
                    request = next;
                }
                (StatusCode::SERVICE_UNAVAILABLE, Some(next)) if retries_left > 0 => {
                    retries_left -= 1;
                    tracing::info!(url = %response.url(), pause_ms = pause.as_millis(), "the service is unavailable, trying again");
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                    request = next;
                }
                _ => return Ok(response),
            }
        }
    }

    async fn request(&self, call: Call) -> Result<Request> {
        // These would silently make another path of it.
        if let Some(segment) = call
            .path
            .iter()
            .find(|segment| matches!(segment.as_str(), "" | "." | ".."))
        {
            return Err(Error::InvalidRequest(format!(
                "`{segment}` cannot be part of a path"
            )));
        }
        let mut url = self.endpoint().await?.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(&call.path);
        }
        if !call.query.is_empty() {
            url.set_query(Some(&query_string(&call.query)));
        }
        let mut request = Request::new(call.method, url);
        request.headers = call.headers;
        request.payload = call.payload;
        Ok(request)
    }
}

/// Compat: Python's `urlencode`, so that URLs in error texts are the same.
fn query_string(pairs: &[(String, String)]) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        quote_plus(name, &mut out);
        out.push('=');
        quote_plus(value, &mut out);
    }
    out
}

fn quote_plus(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => {
                out.push(char::from(byte))
            }
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn queries_read_back(pairs in proptest::collection::vec((".*", ".*"), 1..4)) {
            let query = query_string(&pairs);
            let read: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
            prop_assert_eq!(read, pairs);
        }
    }

    #[test]
    fn queries_are_written_as_python_writes_them() {
        // python3 -c 'from urllib.parse import urlencode; print(urlencode({"name": "a b~*é/:"}))'
        let pairs = [("name".to_owned(), "a b~*é/:".to_owned())];
        assert_eq!(query_string(&pairs), "name=a+b~%2A%C3%A9%2F%3A");
    }
}
