//! Removes the data of images that have waited long enough, and what could not be removed before.

use tokio::time::MissedTickBehavior;

use crate::ImageService;

pub(super) async fn run(service: ImageService) {
    let mut ticks = tokio::time::interval(service.config().scrub.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = service.scrub().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "scrubbing failed, will try again"
            );
        }
    }
}
