//! Asks another node of this site to do what only it can: what is staged lies in a folder of one node, and data that is
//! read for its hash is read by one.
//!
//! The other node is asked as the caller would ask it, with the caller's own credentials, and its answer is the caller's.
//! It is trusted like this one: its address stands in the database, where no client can write it. Nothing is passed on
//! twice, so nodes that call themselves by other names than the database does cannot send a request round in circles.

use std::time::Duration;

use bytes::BytesMut;
use reqwest::{
    Client, Method, Response,
    header::{self, HeaderValue},
};
use serde_json::Value;
use thiserror::Error as ThisError;
use vidimus_auth::{Context, Credentials};
use vidimus_db::ImageRecord;
use vidimus_types::ImageId;

use crate::{
    Error, ImageService, Result,
    signatures::{KeyToDelete, has_key_to_delete},
};

/// The property with the URL of the node that holds what is staged.
pub(crate) const STAGE_HOST: &str = "os_glance_stage_host";

/// The property with the URL of the node that computes the hash of data elsewhere.
pub(crate) const HASH_HOST: &str = "os_glance_hash_op_host";

/// How long the other node may take.
// Compat: Glance waits as long.
const PATIENCE: Duration = Duration::from_secs(60);

/// The longest answer that is passed back; what Glance says about an import or a deletion is far shorter.
const ANSWER_BYTES: usize = 64 * 1024;

/// What another node answered in our place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relayed {
    /// The HTTP status, a success or an error.
    pub status: u16,
    /// Under which id the other node logged the request.
    pub request_id: Option<String>,
    /// What it said about an error, as it stands in its JSON.
    pub message: String,
}

/// By whom something was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// By this node.
    Here,
    /// By another one, or refused there.
    There(Relayed),
}

/// A request as another node is to get it.
struct Relay<'a> {
    method: Method,
    path: String,
    body: Option<&'a Value>,
    store_header: Option<&'a str>,
}

/// Why there is no answer of the other node.
#[derive(Debug, ThisError)]
enum Silence {
    /// Nobody listens there.
    #[error("the node cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// Somebody does, and says nothing of use.
    #[error("the node does not answer as it should")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ImageService {
    /// Deletes an image, on the node that has its staged data or reads its data if that is another one.
    ///
    /// If that node cannot do it, this one does; what is staged there goes when that node starts again, and what is read
    /// there is given up when that node sees that the image is gone.
    pub async fn delete_image_where_held(
        &self,
        ctx: &Context,
        id: &ImageId,
        credentials: impl FnOnce() -> Credentials,
    ) -> Result<Done> {
        let record = self.find_deletable(ctx, id).await?;
        // Most images are held by nobody and have no key, and need nobody's.
        let hosts = [STAGE_HOST, HASH_HOST];
        let is_held = hosts.iter().any(|name| host(&record, name).is_some());
        let credentials = (is_held || has_key_to_delete(&record)).then(credentials);
        let asked = credentials.as_ref().and_then(|credentials| {
            let mut others = hosts.iter();
            let other = others.find_map(|name| self.other_node(&record, name, credentials))?;
            Some((other, credentials))
        });
        let Some((host, credentials)) = asked else {
            let key = KeyToDelete::of(&record, credentials.as_ref());
            self.delete_found(&record, key).await?;
            return Ok(Done::Here);
        };
        let relay = Relay {
            method: Method::DELETE,
            path: format!("/v2/images/{id}"),
            body: None,
            store_header: None,
        };
        match self.ask_node(host, ctx, credentials, relay).await {
            Ok(answer) if answer.status < 500 => return Ok(Done::There(answer)),
            Ok(answer) => {
                tracing::warn!(image.id = %id, host, status = answer.status, "the other node could not delete the image, it is deleted here");
            }
            Err(silence) => {
                tracing::warn!(image.id = %id, host, error = &silence as &dyn std::error::Error, "the other node could not be asked, the image is deleted here");
            }
        }
        // The other node may have got further than its answer.
        let record = self.find_deletable(ctx, id).await?;
        let key = KeyToDelete::of(&record, Some(credentials));
        self.delete_found(&record, key).await?;
        Ok(Done::Here)
    }

    /// Has the node begin the import that has the staged data.
    pub(crate) async fn relay_import(
        &self,
        host: &str,
        ctx: &Context,
        credentials: &Credentials,
        record: &ImageRecord,
        (body, store_header): (&Value, Option<&str>),
    ) -> Result<Relayed> {
        let id = record.id;
        let relay = Relay {
            method: Method::POST,
            path: format!("/v2/images/{id}/import"),
            body: Some(body),
            store_header,
        };
        let answered = self.ask_node(host, ctx, credentials, relay).await;
        answered.map_err(|silence| {
            tracing::warn!(image.id = %id, host, error = &silence as &dyn std::error::Error, "the staging node could not be asked");
            match silence {
                Silence::Unreachable(_) => Error::StageHostUnreachable,
                Silence::Broken(_) => Error::StageHostBroken,
            }
        })
    }

    /// The URL in this property of the image, if it is that of another node and that may be asked.
    pub(crate) fn other_node<'a>(
        &self,
        record: &'a ImageRecord,
        name: &str,
        credentials: &Credentials,
    ) -> Option<&'a str> {
        let host = host(record, name)?;
        let is_other = self.config().import.stage_host.as_deref() != Some(host);
        (is_other && !credentials.is_relayed()).then_some(host)
    }

    async fn ask_node(
        &self,
        host: &str,
        ctx: &Context,
        credentials: &Credentials,
        relay: Relay<'_>,
    ) -> std::result::Result<Relayed, Silence> {
        tracing::info!(host, method = %relay.method, path = relay.path, "passed on to another node");
        let url = format!("{}{}", host.trim_end_matches('/'), relay.path);
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Silence::Broken(Box::new(error)))?;
        let mut request = client
            .request(relay.method, url)
            .timeout(PATIENCE)
            .header(header::ACCEPT, "application/json")
            .header("X-OpenStack-Request-ID", ctx.request_id());
        for (name, value) in credentials.relay_headers() {
            let mut value =
                HeaderValue::try_from(value).map_err(|error| Silence::Broken(error.into()))?;
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        if let Some(store) = relay.store_header {
            request = request.header("X-Image-Meta-Store", store);
        }
        if let Some(body) = relay.body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| {
            let error = error.without_url();
            if error.is_connect() {
                Silence::Unreachable(error)
            } else {
                Silence::Broken(Box::new(error))
            }
        })?;
        read_answer(response).await
    }
}

fn host<'a>(record: &'a ImageRecord, name: &str) -> Option<&'a str> {
    record.property(name)?.filter(|host| !host.is_empty())
}

async fn read_answer(mut response: Response) -> std::result::Result<Relayed, Silence> {
    let broken = |what: String| Silence::Broken(what.into());
    let status = response.status();
    if status.is_informational() || status.is_redirection() {
        return Err(broken(format!("status {}", status.as_u16())));
    }
    let request_id = response
        .headers()
        .get("x-openstack-request-id")
        .and_then(|id| id.to_str().ok())
        .map(str::to_owned);
    let mut body = BytesMut::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| Silence::Broken(error.without_url().into()))?
    {
        if body.len() + chunk.len() > ANSWER_BYTES {
            return Err(broken("the answer is too long".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    let said: Option<Value> = serde_json::from_slice(&body).ok();
    let message = said
        .as_ref()
        .and_then(|said| said.get("message")?.as_str())
        .unwrap_or_default();
    Ok(Relayed {
        status: status.as_u16(),
        request_id,
        message: message.to_owned(),
    })
}
