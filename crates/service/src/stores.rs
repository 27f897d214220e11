//! What clients may know of the stores.

use vidimus_auth::{Action, Context, Target};
use vidimus_store::StoreDescription;

use crate::{Error, ImageService, Result};

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
}
