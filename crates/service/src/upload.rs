//! The upload, in order: find, ask, claim the image, store and watch the data, judge it, commit.
//!
//! Data before row: the image becomes active in one transaction after its data is durable. Until then the image is
//! `saving`, and everything done so far is undone if the upload does not finish.

use std::io;

use bytes::Bytes;
use futures_util::Stream;
use vidimus_auth::{Action, Context, Credentials};
use vidimus_db::{self as db, ImageRecord, UploadFacts};
use vidimus_digest::Algorithm;
use vidimus_inspect::Declared;
use vidimus_keys::{Token, Verifier};
use vidimus_store::{self as store, Location};
use vidimus_types::{ImageId, ImageStatus, StoreId};

use crate::{
    Error, ImageService, Result, Shortage,
    data::{Facts, Limits, Wanted, Watch},
    images::{require_formats, require_move, require_owner},
    notify::{Event, payload},
};

/// What comes with the data.
#[derive(Debug, Clone, Default)]
pub struct UploadRequest {
    /// The size the client announced.
    pub announced_size: Option<u64>,
    /// The store the client chose.
    pub store: Option<String>,
    /// What the client proved himself with, for the key manager.
    pub credentials: Credentials,
}

/// In whose name data comes, and how much of it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sender<'a> {
    /// Whose room it takes up.
    pub(crate) project: Option<&'a str>,
    /// In whose name the key manager is asked for the certificate of a signed image.
    pub(crate) token: Option<&'a Token>,
    /// How much there will be, if that is known.
    pub(crate) expected: Option<u64>,
}

impl ImageService {
    /// Takes the data of a queued image and makes the image active.
    ///
    /// Safe to drop: from the moment the image is claimed the work runs in a task of its own, which notices when `data`
    /// ends early and undoes what it did.
    pub async fn upload<S>(
        &self,
        ctx: &Context,
        id: &ImageId,
        request: UploadRequest,
        data: S,
    ) -> Result<()>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        let store = self.choose_store(request.store.as_deref())?;
        let record = self.find_image(ctx, id).await?;
        self.enforce_on(ctx, Action::UploadImage, &record)?;
        require_move(&record, ImageStatus::Saving)?;
        require_formats(&record)?;
        require_owner(ctx, &record).map_err(|_| Error::UploadDenied(*id))?;

        let service = self.clone();
        let project = ctx.project_id().map(str::to_owned);
        let upload = async move {
            service.claim(&record).await?;
            let token = request.credentials.token().map(Token::new);
            let sender = Sender {
                project: project.as_deref(),
                token: token.as_ref(),
                // Compat: an announced size of zero means that the size is not known (openstacksdk sends it for empty files).
                expected: request.announced_size.filter(|size| *size > 0),
            };
            let outcome = service.save_data(&record, &store, sender, data).await;
            if let Err(error) = &outcome {
                service.notify_upload_failed(&record.id, error);
                service.restore_queued(&record.id).await;
            }
            outcome
        };
        self.parts
            .tasks
            .spawn(upload)
            .await
            .map_err(Error::internal)?
    }

    fn choose_store(&self, name: Option<&str>) -> Result<StoreId> {
        let stores = &self.parts.stores;
        let Some(name) = name.filter(|_| stores.is_multi()) else {
            return Ok(stores.default_store().id().clone());
        };
        let id: StoreId = name
            .parse()
            .map_err(|_| Error::UnknownStore(name.to_owned()))?;
        match stores.get(&id) {
            Ok(_) => Ok(id),
            Err(_) => Err(Error::UnknownStore(name.to_owned())),
        }
    }

    /// Moves the image from queued to saving, unless somebody else was faster.
    async fn claim(&self, record: &ImageRecord) -> Result<()> {
        let (from, to) = (ImageStatus::Queued, ImageStatus::Saving);
        match self
            .parts
            .db
            .images()
            .transition(&record.id, from, to)
            .await
        {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::StatusConflict {
                from: ImageStatus::Saving,
                to,
            }),
            Err(error) => Err(error.into()),
        }
    }

    async fn save_data<S>(
        &self,
        record: &ImageRecord,
        store: &StoreId,
        sender: Sender<'_>,
        data: S,
    ) -> Result<()>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        self.notify_image(Event::ImageUpdate, &record.id).await;
        self.notify_prepare(&record.id, store).await;
        let facts = self.store_data(record, store, sender, data).await?;
        let committed = self.commit(record, sender.project, &facts).await;
        if committed.is_err() {
            self.undo_put(&record.id, &facts).await;
        }
        committed
    }

    /// Puts data into a store and finds out what it is. After an error nothing of it is left.
    pub(crate) async fn store_data<S>(
        &self,
        record: &ImageRecord,
        store: &StoreId,
        sender: Sender<'_>,
        data: S,
    ) -> Result<UploadFacts>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        let config = self.config();
        let expected = sender.expected;
        if expected.is_some_and(|size| size > config.image_size_cap) {
            return Err(Error::TooLarge);
        }
        let room = self
            .storage_room(sender.project, expected, Some(&record.id))
            .await?
            .map_err(Error::StorageQuota)?;
        let limits = Limits {
            cap: config.image_size_cap,
            expected,
            room,
        };
        let verifier = self.verifier_of(record, sender.token).await?;
        let wanted = Wanted {
            algorithm: config.hash_algorithm,
            signed: verifier.as_ref().map(signed_hash).transpose()?,
            inspect: record.container_format.as_deref() == Some("bare"),
        };
        let (watch, data) = Watch::over(data, limits, wanted)?;

        self.make_way(&record.id, store).await?;
        let store = self.parts.stores.get(store)?;
        let stored = match store.put(&record.id, data, expected).await {
            Ok(stored) => stored,
            Err(error) => return Err(watch.broken().unwrap_or_else(|| Error::from(error))),
        };
        let judged = async {
            let facts = watch.finish(limits).await?;
            verify(record, verifier.as_ref(), &facts)?;
            self.judge(record, facts, &stored.location)
        };
        let outcome = judged.await;
        if outcome.is_err() {
            self.remove_put(&record.id, &stored.location).await;
        }
        outcome
    }

    /// Decides whether the data is what the image says it is.
    fn judge(
        &self,
        record: &ImageRecord,
        facts: Facts,
        location: &Location,
    ) -> Result<UploadFacts> {
        let config = self.config();
        let virtual_size = match facts.inspector {
            Some(inspector) => {
                let declared = Declared {
                    disk_format: record.disk_format.as_deref().unwrap_or_default(),
                    container_format: record.container_format.as_deref().unwrap_or_default(),
                };
                let verdict = inspector
                    .finish(&declared, &config.inspection)
                    .map_err(|rejection| Error::UnsupportedContent(rejection.to_string()))?;
                if let Some(warning) = &verdict.warning {
                    tracing::warn!(image.id = %record.id, "{warning}");
                }
                verdict.virtual_size
            }
            None => None,
        };
        Ok(UploadFacts {
            size: facts.size_bytes,
            checksum: facts.md5,
            os_hash_algo: config.hash_algorithm.name().to_owned(),
            os_hash_value: facts.hash,
            virtual_size,
            url: location.url.clone(),
            metadata: location.metadata.clone(),
        })
    }

    async fn commit(
        &self,
        record: &ImageRecord,
        project: Option<&str>,
        facts: &UploadFacts,
    ) -> Result<()> {
        // Others may have taken the room meanwhile.
        let limit = self.storage_limit(project);
        match self
            .parts
            .db
            .images()
            .commit_upload(&record.id, facts, limit.as_ref())
            .await
        {
            Ok(record) => {
                tracing::info!(image.id = %record.id, size_bytes = facts.size, "image active");
                self.notify(Event::ImageUpload, || payload::uploaded_image(&record));
                self.notify(Event::ImageActivate, || payload::image(&record));
                self.notify(Event::ImageUpdate, || payload::image(&record));
                Ok(())
            }
            Err(db::Error::NotFound(_) | db::Error::StatusConflict { .. }) => {
                Err(Error::DeletedDuringUpload(record.id))
            }
            Err(db::Error::OverLimit { used, limit }) => Err(Error::StorageQuota(
                Shortage::found_late(facts.size, used, limit),
            )),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes data that was put and is not going to be recorded.
    pub(crate) async fn undo_put(&self, id: &ImageId, facts: &UploadFacts) {
        let location = Location {
            url: facts.url.clone(),
            metadata: facts.metadata.clone(),
        };
        self.remove_put(id, &location).await;
    }

    async fn remove_put(&self, id: &ImageId, location: &Location) {
        let removed = match self.parts.stores.find(location) {
            Ok(store) => store.delete(location).await,
            Err(error) => Err(error),
        };
        if let Err(error) = removed {
            tracing::error!(image.id = %id, error = &error as &dyn std::error::Error, "the data of a failed upload could not be removed");
        }
    }

    /// Gives the image back to its owner for another try.
    async fn restore_queued(&self, id: &ImageId) {
        match self
            .parts
            .db
            .images()
            .restore_queued(id, ImageStatus::Saving)
            .await
        {
            Ok(true) => self.notify_image(Event::ImageUpdate, id).await,
            Ok(false) => tracing::info!(image.id = %id, "the image was deleted during its upload"),
            Err(error) => {
                tracing::error!(image.id = %id, error = &error as &dyn std::error::Error, "the image stays in saving until the next start");
            }
        }
    }
}

/// The hash that the data of a signed image needs.
fn signed_hash(verifier: &Verifier) -> Result<Algorithm> {
    let algorithm = verifier.algorithm();
    algorithm.ok_or_else(|| Error::internal("this machine cannot compute the hash that was signed"))
}

/// Holds the data against the signature, where there is one.
fn verify(record: &ImageRecord, verifier: Option<&Verifier>, facts: &Facts) -> Result<()> {
    let Some(verifier) = verifier else {
        return Ok(());
    };
    let hash = facts.signed_hash.as_deref().unwrap_or_default();
    verifier
        .verify(hash)
        .map_err(|_| Error::SignatureMismatch(record.id))?;
    tracing::info!(image.id = %record.id, "the signature fits the data");
    Ok(())
}

impl From<store::Error> for Error {
    /// What a store's failure means to somebody who writes. Reading has its own way, see `download`.
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Full { .. } => Self::StoreFull,
            store::Error::Denied { .. } => Self::StoreDenied,
            store::Error::TimedOut { seconds, .. } => Self::StoreTimedOut { seconds },
            store::Error::NoSuchStore { store } => Self::UnknownStore(store.to_string()),
            store::Error::ReadOnly { .. } => Self::StoreReadOnly,
            other => Self::StoreUnavailable(other),
        }
    }
}

impl From<db::Error> for Error {
    /// Conditions of the database that no use case expects are our fault.
    fn from(error: db::Error) -> Self {
        Self::internal(error)
    }
}
