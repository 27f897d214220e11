//! The cache of this node as its operators see it: list, queue, delete, clear, prune, clean.
//!
//! The same methods serve the API, the timer and the command line. Policy comes before "not supported at this site",
//! except where an image is looked up first, as in Glance.

use vidimus_auth::{Action, Context};
use vidimus_cache::ImageCache;
use vidimus_types::{CacheState, CachedImage, ClearTarget, ImageId, ImageStatus, PruneReport};

use crate::{CacheRecord, Error, ImageRecord, ImageService, Result, target::image_target};

/// What is cached and queued on this node.
pub type CacheListing = CacheState;

/// What a clear removed.
pub use vidimus_cache::Cleared;

/// The cache in the hands of somebody who may clear it.
#[derive(Debug)]
pub struct CacheToClear<'a> {
    cache: &'a ImageCache,
}

impl CacheToClear<'_> {
    /// Empties the cache, the queue, or both.
    ///
    /// Clients that are reading a cached file keep it to its end, and a fill under way goes on and is cached.
    pub async fn clear(self, target: ClearTarget) -> Result<Cleared> {
        self.cache.clear(target).await.map_err(Error::internal)
    }
}

impl ImageService {
    /// Everything cached and queued on this node.
    pub async fn list_cache(&self, ctx: &Context) -> Result<CacheListing> {
        let cache = self.cache_for(ctx, Action::CacheList, None)?;
        Ok(CacheListing {
            cached_images: self.cached_images(cache).await,
            queued_images: cache.queue().list(),
        })
    }

    /// Queues an image to be fetched into the cache. Nothing happens to one that is cached or queued already.
    pub async fn queue_image(&self, ctx: &Context, id: &ImageId) -> Result<()> {
        let record = self.find_for_cache(ctx, id).await?;
        let cache = self.cache_for(ctx, Action::CacheImage, Some(&record))?;
        if record.status != ImageStatus::Active {
            return Err(Error::NotActive);
        }
        cache.queue().push(id).await.map_err(Error::internal)?;
        Ok(())
    }

    /// Removes an image from the cache and the queue, whether it is there or not.
    ///
    /// An image that Glance no longer has can still be removed, as long as a copy or a queue entry of it is left.
    pub async fn delete_cached_image(&self, ctx: &Context, id: &ImageId) -> Result<()> {
        let record = match self.find_for_cache(ctx, id).await {
            Ok(record) => Some(record),
            Err(Error::NamedImageNotFound(text)) => match &self.parts.cache {
                Some(cache) if cache.contains(id) || cache.queue().contains(id) => None,
                _ => return Err(Error::NamedImageNotFound(text)),
            },
            Err(error) => return Err(error),
        };
        self.cache_for(ctx, Action::CacheDelete, record.as_ref())?;
        self.forget_cached(id).await;
        Ok(())
    }

    /// Lets the caller clear the cache, if the policy does. What is to be cleared need not be known yet.
    pub fn cache_to_clear(&self, ctx: &Context) -> Result<CacheToClear<'_>> {
        let cache = self.cache_for(ctx, Action::CacheDelete, None)?;
        Ok(CacheToClear { cache })
    }

    /// Empties the cache, the queue, or both.
    pub async fn clear_cache(&self, ctx: &Context, target: ClearTarget) -> Result<Cleared> {
        self.cache_to_clear(ctx)?.clear(target).await
    }

    /// Evicts until the cache is within its limit.
    pub async fn prune_cache(&self, ctx: &Context) -> Result<PruneReport> {
        let pruned = self
            .cache_for(ctx, Action::CachePrune, None)?
            .prune()
            .await
            .map_err(Error::internal)?;
        Ok(PruneReport {
            total_files_pruned: pruned.images,
            total_bytes_pruned: pruned.bytes,
        })
    }

    /// Removes what failed and stalled fetches left behind.
    pub async fn clean_cache(&self, ctx: &Context) -> Result<()> {
        self.cache_for(ctx, Action::CacheClean, None)?
            .clean()
            .await
            .map_err(Error::internal)?;
        Ok(())
    }

    /// The URLs of the nodes that have the image cached.
    pub async fn list_cached_nodes(&self, ctx: &Context, id: &str) -> Result<Vec<String>> {
        let cache = self.cache_for(ctx, Action::ListCachedNodes, None)?;
        if self.config().cache_record == CacheRecord::Folder {
            return Err(Error::NotCentralized);
        }
        let id = id
            .parse()
            .map_err(|_| Error::NamedImageNotFound(id.to_owned()))?;
        self.find_for_cache(ctx, &id).await?;
        self.write_cache_records(cache).await;
        Ok(self.parts.db.cached().nodes_of(&id).await?)
    }

    /// The cached images, for the legacy route.
    pub async fn list_cached_images(&self, ctx: &Context) -> Result<Vec<CachedImage>> {
        let cache = self.cache_for(ctx, Action::ManageImageCache, None)?;
        Ok(self.cached_images(cache).await)
    }

    /// The queued images, for the legacy route.
    pub fn list_queued_images(&self, ctx: &Context) -> Result<Vec<ImageId>> {
        Ok(self
            .cache_for(ctx, Action::ManageImageCache, None)?
            .queue()
            .list())
    }

    /// Queues by id alone, for the legacy route: whether there is such an image is found out by the prefetcher.
    pub async fn queue_unchecked(&self, ctx: &Context, id: &ImageId) -> Result<()> {
        self.cache_for(ctx, Action::ManageImageCache, None)?
            .queue()
            .push(id)
            .await
            .map_err(Error::internal)?;
        Ok(())
    }

    /// Removes one cached copy, for the legacy route.
    pub async fn remove_cached(&self, ctx: &Context, id: &ImageId) -> Result<()> {
        self.cache_for(ctx, Action::ManageImageCache, None)?
            .remove(id)
            .await;
        Ok(())
    }

    /// Removes one queue entry, for the legacy route.
    pub async fn remove_queued(&self, ctx: &Context, id: &ImageId) -> Result<()> {
        self.cache_for(ctx, Action::ManageImageCache, None)?
            .queue()
            .remove(id)
            .await
            .map_err(Error::internal)?;
        Ok(())
    }

    /// Empties the cache or the queue, for the legacy routes.
    pub async fn clear_legacy(&self, ctx: &Context, target: ClearTarget) -> Result<Cleared> {
        self.cache_for(ctx, Action::ManageImageCache, None)?
            .clear(target)
            .await
            .map_err(Error::internal)
    }

    /// Asks the policy, then whether there is a cache at all.
    fn cache_for(
        &self,
        ctx: &Context,
        action: Action,
        record: Option<&ImageRecord>,
    ) -> Result<&ImageCache> {
        let target = record
            .map(|record| image_target(ctx, record))
            .unwrap_or_default();
        self.parts.policy.enforce(ctx, action, &target)?;
        self.parts.cache.as_ref().ok_or(Error::CacheOff)
    }

    async fn find_for_cache(&self, ctx: &Context, id: &ImageId) -> Result<ImageRecord> {
        match self.find_image(ctx, id).await {
            Err(Error::ImageNotFound(id)) => Err(Error::NamedImageNotFound(id)),
            found => found,
        }
    }

    /// Drops what the cache and the queue have of images that were deleted, as a crash between the row and the cache leaves
    /// behind. Nobody would be served from it, but it takes room.
    pub(crate) async fn forget_deleted(&self) -> Result<usize> {
        let Some(cache) = &self.parts.cache else {
            return Ok(0);
        };
        let mut ids = cache.queue().list();
        ids.extend(cache.list().iter().map(|entry| entry.image_id));
        let present = self.parts.db.images().present_among(&ids).await?;
        let deleted: Vec<_> = ids.iter().filter(|id| !present.contains(*id)).collect();
        for id in &deleted {
            self.forget_cached(id).await;
        }
        Ok(deleted.len())
    }

    /// Drops the copy of an image that was deleted while it was fetched.
    ///
    /// The delete may have looked into the cache before the fill began. The row goes first, so one of the two sees the
    /// other.
    pub(crate) async fn forget_if_deleted(&self, id: &ImageId) {
        match self.parts.db.images().present_among(&[*id]).await {
            Ok(present) if present.is_empty() => self.forget_cached(id).await,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(image.id = %id, error = &error as &dyn std::error::Error, "whether the image is still there is not known");
            }
        }
    }

    /// Drops whatever the cache has of an image. A copy that cannot be removed is dropped at the next start or prune;
    /// nobody is served from it meanwhile, since the image is looked up first.
    pub(crate) async fn forget_cached(&self, id: &ImageId) {
        let Some(cache) = &self.parts.cache else {
            return;
        };
        cache.remove(id).await;
        if let Err(error) = cache.queue().remove(id).await {
            tracing::warn!(image.id = %id, error = &error as &dyn std::error::Error, "queue entry not removed");
        }
    }
}
