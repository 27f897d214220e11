//! Deactivate and reactivate an image.

use vidimus_auth::{Action, Context};
use vidimus_types::{ImageId, ImageStatus};

use crate::{Error, ImageService, Result, images::require_owner, notify::Event};

impl ImageService {
    /// Keeps everybody but admins from downloading the image. Nothing happens to one that is deactivated already.
    pub async fn deactivate_image(&self, ctx: &Context, id: &ImageId) -> Result<()> {
        let (from, to) = (ImageStatus::Active, ImageStatus::Deactivated);
        self.move_image(ctx, id, Action::Deactivate, "deactivate", from, to)
            .await
    }

    /// Makes a deactivated image active again. Nothing happens to one that is active already.
    pub async fn reactivate_image(&self, ctx: &Context, id: &ImageId) -> Result<()> {
        let (from, to) = (ImageStatus::Deactivated, ImageStatus::Active);
        self.move_image(ctx, id, Action::Reactivate, "reactivate", from, to)
            .await
    }

    async fn move_image(
        &self,
        ctx: &Context,
        id: &ImageId,
        action: Action,
        verb: &'static str,
        from: ImageStatus,
        to: ImageStatus,
    ) -> Result<()> {
        let record = self.find_image(ctx, id).await?;
        self.enforce_on(ctx, action, &record)?;
        if record.status == to {
            return Ok(());
        }
        if record.status != from {
            return Err(Error::ActionRefused {
                verb,
                status: record.status,
            });
        }
        require_owner(ctx, &record)?;
        if self.parts.db.images().transition(id, from, to).await? {
            self.notify_image(Event::ImageUpdate, id).await;
            Ok(())
        } else {
            Err(Error::ChangedMeanwhile(*id))
        }
    }
}
