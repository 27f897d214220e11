//! What clients may know of the stores, and removing data from them.

use vidimus_auth::{Action, Context, Target};
use vidimus_store::StoreDescription;
use vidimus_types::ImageId;

use crate::{Error, ImageService, LocationRecord, Result};

/// One store, as clients may know it.
pub type StoreInfo = StoreDescription;

impl ImageService {
    /// The stores a client can choose from, in the order of the configuration.
    pub fn stores(&self) -> Result<Vec<StoreInfo>> {
        if self.has_several_stores() {
            Ok(self.parts.stores.describe())
        } else {
            Err(Error::SingleStore)
        }
    }

    /// The same with what only admins and services may know.
    pub fn stores_in_detail(&self, ctx: &Context) -> Result<Vec<StoreInfo>> {
        let stores = self.stores()?;
        self.parts
            .policy
            .enforce(ctx, Action::StoresInfoDetail, &Target::none())?;
        Ok(stores)
    }

    /// Removes data whose image is gone, then forgets where it was. What fails now is found again by its row.
    pub(crate) async fn remove_data(&self, id: &ImageId, location: &LocationRecord) {
        let place = vidimus_store::Location {
            url: location.url.clone(),
            metadata: location.metadata.clone(),
        };
        let removed = match self.parts.stores.find(&place) {
            // What a store only reads belongs to somebody else, and stays.
            Ok(store) if !store.capabilities().can_delete => Ok(()),
            Ok(store) => store.delete(&place).await,
            Err(error) => Err(error),
        };
        if let Err(error) = removed {
            tracing::warn!(image.id = %id, error = &error as &dyn std::error::Error, "image data not removed, will try again");
            return;
        }
        if let Err(error) = self.parts.db.locations().finish_delete(location.id).await {
            tracing::warn!(image.id = %id, error = &error as &dyn std::error::Error, "the removed location is still in the database");
        }
    }

    /// Tries again to remove data of deleted images that could not be removed at the time.
    pub async fn scrub(&self) -> Result<usize> {
        let pending = self.parts.db.locations().pending().await?;
        for (id, location) in &pending {
            self.remove_data(id, location).await;
        }
        Ok(pending.len())
    }
}
