//! Fetches queued images into the cache, one after the other.
//!
//! An image that cannot be fetched goes to the back with a pause that grows, so it never holds up the others; one that
//! is gone or no longer active leaves the queue.

use crate::{ImageService, download::PrefetchError};

pub(super) async fn run(service: ImageService) {
    let Some(cache) = service.parts.cache.clone() else {
        return;
    };
    loop {
        let id = cache.queue().next().await;
        let outcome = match service.fill_cache(&cache, &id).await {
            Ok(()) => {
                tracing::info!(image.id = %id, "queued image cached");
                cache.queue().done(&id).await
            }
            Err(PrefetchError::Pointless(reason)) => {
                tracing::warn!(image.id = %id, reason, "queued image dropped");
                cache.queue().done(&id).await
            }
            Err(PrefetchError::Failed(reason)) => {
                tracing::warn!(image.id = %id, reason, "queued image not cached, will try again");
                cache.queue().failed(&id, reason);
                Ok(())
            }
        };
        if let Err(error) = outcome {
            tracing::warn!(image.id = %id, error = &error as &dyn std::error::Error, "queue entry not removed");
        }
    }
}
