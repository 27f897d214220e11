//! Removes data that nobody is to read any more: at once, later, and again where it failed.
//!
//! The rows have said so before any store is touched. A crash in between leaves a row that names what is still to be removed,
//! and the next round removes it. Not its job: deciding what is deleted.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{TimeDelta, Utc};
use futures_util::{StreamExt, stream};
use vidimus_db::{self as db, Since};
use vidimus_store as store;
use vidimus_types::{ImageId, StoreId};

use crate::{Error, ImageService, LocationRecord, Result, locations::place};

/// How long a removal may take on another node before it counts as abandoned. Until then its store may still refuse, and
/// the image come back.
const OTHERS_TIME: Duration = Duration::from_secs(300);

/// What a round of scrubbing did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// Images that had waited and are gone now.
    pub images: usize,
    /// Other locations whose data was still there and is not any more.
    pub locations: usize,
    /// Locations whose data could not be removed; they are tried again.
    pub failed: usize,
}

/// Locations whose data is being removed here, by row. What a use case works on is none of the scrubber's business.
#[derive(Debug, Clone, Default)]
pub(crate) struct Removals(Arc<Mutex<HashSet<i64>>>);

impl Removals {
    fn lock(&self) -> MutexGuard<'_, HashSet<i64>> {
        // Every change is whole in itself, so a panic elsewhere leaves the set sound.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps others away from locations as long as it lives: those that nobody had in hand before.
#[derive(Debug)]
pub(crate) struct Removing {
    removals: Removals,
    rows: Vec<i64>,
}

impl Removing {
    /// Whether somebody else has all of them in hand.
    fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl Drop for Removing {
    fn drop(&mut self) {
        let mut removals = self.removals.lock();
        for row in &self.rows {
            removals.remove(row);
        }
    }
}

/// Why the data stays where it is: the store will not let go of it.
#[derive(Debug)]
pub(crate) enum Refusal {
    InUse,
    HasSnapshots,
    Denied,
}

impl Refusal {
    fn of(error: &store::Error) -> Option<Self> {
        match error {
            store::Error::InUse { .. } => Some(Self::InUse),
            store::Error::HasSnapshots { .. } => Some(Self::HasSnapshots),
            store::Error::Denied { .. } => Some(Self::Denied),
            _ => None,
        }
    }

    /// What it means to who deletes the image.
    pub(crate) fn of_image(self, id: &ImageId) -> Error {
        match self {
            Self::InUse => Error::InUse(*id),
            Self::HasSnapshots => Error::HasSnapshots,
            Self::Denied => Error::RemovalDenied(*id),
        }
    }

    /// What it means to who deletes one copy of its data.
    pub(crate) fn of_copy(self, id: &ImageId) -> Error {
        match self {
            Self::InUse => Error::CopyInUse(*id),
            refusal => refusal.of_image(id),
        }
    }
}

impl ImageService {
    /// Keeps the scrubber away from these locations, until the answer is known whether their data goes or stays.
    ///
    /// To be asked before the rows change, which is when the scrubber sees them.
    pub(crate) fn removing(&self, locations: &[LocationRecord]) -> Removing {
        let removals = self.parts.removals.clone();
        let rows = {
            let mut taken = removals.lock();
            let rows = locations.iter().map(|location| location.id);
            rows.filter(|row| taken.insert(*row)).collect()
        };
        Removing { removals, rows }
    }

    /// Removes what is still to be removed of an image from a store, before other data of the image comes there. A store may
    /// keep both at the same place, and what is removed later would be the new.
    pub(crate) async fn make_way(&self, id: &ImageId, store: &StoreId) -> Result<()> {
        for location in self.parts.db.locations().pending_of(id).await? {
            let found = self.parts.stores.find(&place(&location));
            if !found.is_ok_and(|found| found.id() == store) {
                continue;
            }
            let removing = self.removing(std::slice::from_ref(&location));
            let removal = self.try_remove_data(id, &location);
            let is_gone =
                !removing.is_empty() && removal.await.map_err(|refusal| refusal.of_copy(id))?;
            if !is_gone {
                return Err(Error::StillRemoving {
                    image: *id,
                    store: store.clone(),
                });
            }
        }
        Ok(())
    }

    /// Removes data whose image is gone, then forgets where it was. What fails now is found again by its row.
    pub(crate) async fn remove_data(&self, id: &ImageId, location: &LocationRecord) -> bool {
        match self.try_remove_data(id, location).await {
            Ok(is_gone) => is_gone,
            Err(refusal) => {
                tracing::warn!(image.id = %id, ?refusal, "the store does not let go of image data, will try again");
                false
            }
        }
    }

    /// Whether the data goes with its location; what a store only reads belongs to somebody else, and stays.
    pub(crate) fn is_removable(&self, location: &LocationRecord) -> bool {
        let store = self.parts.stores.find(&place(location));
        store.is_ok_and(|store| store.capabilities().can_delete)
    }

    /// As [`Self::remove_data`], with the store's refusal. `false` if it failed in another way.
    pub(crate) async fn try_remove_data(
        &self,
        id: &ImageId,
        location: &LocationRecord,
    ) -> Result<bool, Refusal> {
        let place = place(location);
        let rows = self.parts.db.locations();
        match rows.is_in_use(id, &location.url).await {
            Ok(false) => {}
            Ok(true) => {
                self.finish_removal(id, location).await;
                return Ok(true);
            }
            Err(error) => {
                tracing::warn!(image.id = %id, error = &error as &dyn std::error::Error, "image data not removed, will try again");
                return Ok(false);
            }
        }
        let removed = match self.parts.stores.find(&place) {
            Ok(store) if !store.capabilities().can_delete => Ok(()),
            Ok(store) => store.delete(&place).await,
            Err(error) => Err(error),
        };
        if let Err(error) = removed {
            if let Some(refusal) = Refusal::of(&error) {
                tracing::info!(image.id = %id, error = &error as &dyn std::error::Error, "the store refuses to remove image data");
                return Err(refusal);
            }
            tracing::warn!(image.id = %id, error = &error as &dyn std::error::Error, "image data not removed, will try again");
            return Ok(false);
        }
        self.finish_removal(id, location).await;
        Ok(true)
    }

    /// Forgets where data was. If that fails it is removed once more, which does no harm.
    async fn finish_removal(&self, id: &ImageId, location: &LocationRecord) {
        if let Err(error) = self.parts.db.locations().finish_delete(location.id).await {
            tracing::warn!(image.id = %id, error = &error as &dyn std::error::Error, "the removed location is still in the database");
        }
    }

    /// Removes what should be gone: data that a crash or a failing store left, and the images that have waited long enough,
    /// if that is this process's work.
    pub async fn scrub(&self) -> Result<Scrubbed> {
        let mut scrubbed = self.remove_leftovers().await?;
        if self.config().scrub.is_own_work {
            let waited = self.scrub_images().await?;
            scrubbed.images = waited.images;
            scrubbed.failed += waited.failed;
        }
        if scrubbed != Scrubbed::default() {
            let Scrubbed {
                images,
                locations,
                failed,
            } = scrubbed;
            tracing::info!(images, locations, failed, "scrubbed");
        }
        Ok(scrubbed)
    }

    async fn remove_leftovers(&self) -> Result<Scrubbed> {
        let config = self.config();
        let others = if config.sole_user_of_database {
            Duration::ZERO
        } else {
            OTHERS_TIME
        };
        let copies = if config.scrub.is_delayed {
            config.scrub.delay.max(others)
        } else {
            others
        };
        let since = Since {
            images: ago(others),
            copies: ago(copies),
        };
        let mut scrubbed = Scrubbed::default();
        let rows = self.parts.db.locations();
        for (id, location) in rows.pending(&since).await? {
            // Looked at one by one, and in this order: since the rows were read a removal may have begun, or one that was
            // under way been refused, and the image is back.
            let removing = self.removing(std::slice::from_ref(&location));
            if removing.is_empty() || !rows.is_pending(location.id, &since).await? {
                continue;
            }
            if self.remove_data(&id, &location).await {
                scrubbed.locations += 1;
            } else {
                scrubbed.failed += 1;
            }
        }
        Ok(scrubbed)
    }

    async fn scrub_images(&self) -> Result<Scrubbed> {
        let scrub = &self.config().scrub;
        let images = self
            .parts
            .db
            .images()
            .awaiting_scrub(ago(scrub.delay))
            .await?;
        let work = images.into_iter().map(|id| {
            let service = self.clone();
            async move { service.scrub_image(&id).await }
        });
        let outcomes: Vec<Result<Option<usize>>> = stream::iter(work)
            .buffer_unordered(scrub.images_at_once.max(1))
            .collect()
            .await;
        let mut scrubbed = Scrubbed::default();
        for outcome in outcomes {
            match outcome? {
                Some(0) => scrubbed.images += 1,
                Some(failed) => scrubbed.failed += failed,
                None => {}
            }
        }
        Ok(scrubbed)
    }

    /// How many locations of an image could not be removed; `None` if it no longer waits.
    async fn scrub_image(&self, id: &ImageId) -> Result<Option<usize>> {
        let images = self.parts.db.images();
        // Row before data: from here on nobody can restore the image, and a crash leaves rows that name the data.
        let Some(locations) = images.claim_scrub(id).await? else {
            return Ok(None);
        };
        let _removing = self.removing(&locations);
        let mut failed = 0;
        for location in &locations {
            if !self.remove_data(id, location).await {
                failed += 1;
            }
        }
        if failed > 0 {
            images.release_scrub(id).await?;
        }
        Ok(Some(failed))
    }

    /// Brings an image back that was deleted with `delayed_delete` and has not been scrubbed.
    pub async fn restore_image(&self, id: &ImageId) -> Result<()> {
        match self.parts.db.images().restore(id).await {
            Ok(()) => Ok(()),
            Err(db::Error::NotFound(_)) => Err(Error::ImageNotFound(id.to_string())),
            Err(db::Error::StatusConflict { found, .. }) => Err(Error::NotRestorable(found)),
            Err(db::Error::DataGone(_)) => Err(Error::NothingToRestore(*id)),
            Err(error) => Err(error.into()),
        }
    }
}

/// A time that long past; the beginning of all times for a span that reaches further.
fn ago(span: Duration) -> chrono::DateTime<Utc> {
    let span = TimeDelta::from_std(span).unwrap_or(TimeDelta::MAX);
    Utc::now()
        .checked_sub_signed(span)
        .unwrap_or(chrono::DateTime::UNIX_EPOCH)
}
