//! The Image API as tests speak it: any request, and the usual ones by name.
//!
//! Not the SDK: no retries, no checks, no opinion on the status. An answer that never came is a value too, since tests kill
//! servers.

use reqwest::{Body, Client, Method, header::CONTENT_TYPE};
use serde_json::Value;
use vidimus_types::ImageId;

/// What the server said.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// All headers.
    pub headers: reqwest::header::HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Whether the server did what it was asked.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Itself, if the status is this one.
    ///
    /// # Panics
    /// If it is another.
    pub fn expect_status(self, status: u16) -> Self {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{body}");
        self
    }
}

/// The connection ended before the answer did; nobody knows what the server has done.
#[derive(Debug)]
pub struct NoAnswer {
    /// The part of the body that came.
    pub body: Vec<u8>,
    /// What the client library says.
    pub cause: reqwest::Error,
}

/// A client of one server.
#[derive(Debug, Clone)]
pub struct Api {
    client: Client,
    url: String,
}

/// What a request comes to.
type Outcome = Result<Answer, NoAnswer>;

impl Api {
    /// A client that pools no connections, so that each request stands for itself.
    pub fn new(url: &str) -> Self {
        let client = Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client without TLS roots of its own");
        Self {
            client,
            url: url.to_owned(),
        }
    }

    /// Sends a request built with reqwest and reads the answer to its end.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Outcome {
        let nothing = |cause| NoAnswer {
            body: Vec::new(),
            cause,
        };
        let mut response = request.send().await.map_err(nothing)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(cause) => return Err(NoAnswer { body, cause }),
            }
        }
        Ok(Answer {
            status,
            headers,
            body,
        })
    }

    /// A request for a path, to be completed and handed to [`Api::send`].
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// `GET` of a path.
    pub async fn get(&self, path: &str) -> Outcome {
        self.send(self.request(Method::GET, path)).await
    }

    /// `POST /v2/images` with these fields.
    pub async fn create(&self, fields: &Value) -> Outcome {
        let request = self.request(Method::POST, "/v2/images").json(fields);
        self.send(request).await
    }

    /// A raw image without data, which must be made.
    ///
    /// # Panics
    /// If it is not.
    pub async fn new_image(&self, name: &str) -> ImageId {
        let fields =
            serde_json::json!({"name": name, "disk_format": "raw", "container_format": "bare"});
        let answer = self.create(&fields).await.expect("an answer");
        let image = answer.expect_status(201).json();
        let id = image["id"].as_str().and_then(|id| id.parse().ok());
        id.expect("an image id")
    }

    /// `PUT /v2/images/{id}/file`.
    pub async fn upload(&self, id: &ImageId, data: impl Into<Body>) -> Outcome {
        let request = self.request(Method::PUT, &format!("/v2/images/{id}/file"));
        let typed = request.header(CONTENT_TYPE, "application/octet-stream");
        self.send(typed.body(data)).await
    }

    /// `GET /v2/images/{id}/file`.
    pub async fn download(&self, id: &ImageId) -> Outcome {
        self.get(&format!("/v2/images/{id}/file")).await
    }

    /// `GET /v2/images/{id}`.
    pub async fn show(&self, id: &ImageId) -> Outcome {
        self.get(&format!("/v2/images/{id}")).await
    }

    /// `PATCH /v2/images/{id}` with JSON-patch operations.
    pub async fn patch(&self, id: &ImageId, operations: &Value) -> Outcome {
        let request = self.request(Method::PATCH, &format!("/v2/images/{id}"));
        let kind = "application/openstack-images-v2.1-json-patch";
        let typed = request.header(CONTENT_TYPE, kind);
        self.send(typed.body(operations.to_string())).await
    }

    /// `DELETE /v2/images/{id}`.
    pub async fn delete(&self, id: &ImageId) -> Outcome {
        let request = self.request(Method::DELETE, &format!("/v2/images/{id}"));
        self.send(request).await
    }

    /// `PUT` or `DELETE /v2/images/{id}/tags/{tag}`.
    pub async fn tag(&self, method: Method, id: &ImageId, tag: &str) -> Outcome {
        let request = self.request(method, &format!("/v2/images/{id}/tags/{tag}"));
        self.send(request).await
    }

    /// `PUT` (queue) or `DELETE /v2/cache/{id}`.
    pub async fn cache(&self, method: Method, id: &ImageId) -> Outcome {
        self.send(self.request(method, &format!("/v2/cache/{id}")))
            .await
    }

    /// `DELETE /v2/cache`, of one target or of both.
    pub async fn clear_cache(&self, target: Option<&str>) -> Outcome {
        let request = self.request(Method::DELETE, "/v2/cache");
        let request = match target {
            Some(target) => request.header("x-image-cache-clear-target", target),
            None => request,
        };
        self.send(request).await
    }
}
