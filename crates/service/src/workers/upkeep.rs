//! Regular housekeeping: prune and clean the cache, write its records down, end what was abandoned.
//!
//! Every step logs its own failure and leaves the others alone.

use tokio::time::MissedTickBehavior;

use crate::ImageService;

pub(super) async fn run(service: ImageService) {
    // Nobody is served from these, so the first request need not wait for a hundred thousand files.
    match service.forget_deleted().await {
        Ok(0) => {}
        Ok(copies) => tracing::info!(copies, "dropped what was cached of deleted images"),
        Err(error) => warn("drop what is cached of deleted images", &error),
    }
    let mut ticks = tokio::time::interval(service.config().upkeep_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Some(cache) = &service.parts.cache {
            match cache.prune().await {
                Ok(pruned) if pruned.images > 0 => {
                    tracing::info!(
                        images = pruned.images,
                        size_bytes = pruned.bytes,
                        "cache pruned"
                    );
                }
                Ok(_) => {}
                Err(error) => warn("prune", &error),
            }
            if let Err(error) = cache.clean().await {
                warn("clean", &error);
            }
            if let Err(error) = cache.save_index().await {
                warn("save the cache index", &error);
            }
            service.write_cache_records(cache).await;
        }
        if let Err(error) = service.recover_imports(false).await {
            warn("end abandoned imports", &error);
        }
        if let Err(error) = service.parts.db.tasks().expire().await {
            warn("forget old tasks", &error);
        }
    }
}

fn warn(step: &'static str, error: &(dyn std::error::Error + 'static)) {
    tracing::warn!(step, error, "housekeeping step failed, will try again");
}
