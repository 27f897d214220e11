//! The image service's cache, as its API shows it: the node that answers.

use reqwest::{Method, header::HeaderName};
use vidimus_types::{CacheState, ClearTarget, ImageId, PruneReport};

use crate::{Client, Error, Result, client::Call};

/// The cache calls of a [`Client`].
#[derive(Debug, Clone, Copy)]
pub struct Cache<'a> {
    client: &'a Client,
}

impl<'a> Cache<'a> {
    pub(crate) fn new(client: &'a Client) -> Self {
        Self { client }
    }

    /// What is cached and what waits to be.
    pub async fn list(&self) -> Result<CacheState> {
        let body = self.client.send_for_json(Call::get(&["cache"])).await;
        // Compat: openstacksdk's words, the `None` included.
        let body = body.map_err(|error| error.labelled("No Cache found for None"))?;
        serde_json::from_value(body).map_err(|error| Error::invalid_response("cache", error))
    }

    /// Asks for the image to be cached; the server does so later. An image that is cached or queued already is none the
    /// worse for it.
    pub async fn queue(&self, image: &ImageId) -> Result<()> {
        self.send(Call::new(Method::PUT, &["cache", image.as_str()]))
            .await
    }

    /// Takes the image out of the cache and out of the queue.
    ///
    /// Compat: a server without a cache answers 404 too, which openstackclient takes for success; the caller decides.
    pub async fn delete(&self, image: &ImageId) -> Result<()> {
        self.send(Call::new(Method::DELETE, &["cache", image.as_str()]))
            .await
    }

    /// Empties the cache, the queue or both.
    pub async fn clear(&self, target: ClearTarget) -> Result<()> {
        let mut call = Call::new(Method::DELETE, &["cache"]);
        if let Some(value) = target.header_value() {
            call = call.header(HeaderName::from_static(ClearTarget::HEADER), value)?;
        }
        self.send(call).await
    }

    /// Removes broken and abandoned files from the cache.
    pub async fn clean(&self) -> Result<()> {
        self.send(Call::new(Method::POST, &["cache", "clean"]))
            .await
    }

    /// Removes cached images until the cache is within its limit.
    pub async fn prune(&self) -> Result<PruneReport> {
        let body = self
            .client
            .send_for_json(Call::new(Method::POST, &["cache", "prune"]))
            .await?;
        serde_json::from_value(body).map_err(|error| Error::invalid_response("cache/prune", error))
    }

    /// The URLs of the nodes that have the image in their cache.
    pub async fn nodes(&self, image: &ImageId) -> Result<Vec<String>> {
        let call = Call::get(&["cache", "nodes", image.as_str()]);
        let body = self.client.send_for_json(call).await?;
        serde_json::from_value(body).map_err(|error| Error::invalid_response("cache/nodes", error))
    }

    async fn send(&self, call: Call) -> Result<()> {
        self.client.send(call).await?;
        Ok(())
    }
}
