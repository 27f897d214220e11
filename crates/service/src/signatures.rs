//! Images whose properties say how their data was signed, and keys that go when their image goes.
//!
//! Data with a signature is taken by no store unless the signature fits: whether it can be verified at all is decided
//! before the first byte, and whether it fits with the last, see [`crate::upload`].

use vidimus_auth::Credentials;
use vidimus_db::ImageRecord;
use vidimus_keys::{Claim, Refusal, Token, Verifier};
use vidimus_types::ImageId;

use crate::{Error, ImageService, Result};

/// The key of the volume an image was made from, and what is to become of it.
const KEY: &str = "cinder_encryption_key_id";
const KEY_POLICY: &str = "cinder_encryption_key_deletion_policy";
const WITH_THE_IMAGE: &str = "on_image_deletion";

impl ImageService {
    /// What the data of an image is held against, if the image says that it is signed.
    pub(crate) async fn verifier_of(
        &self,
        record: &ImageRecord,
        token: Option<&Token>,
    ) -> Result<Option<Verifier>> {
        let Some(claim) = Claim::of(|name| record.property(name)) else {
            return Ok(None);
        };
        let manager = self.config().key_manager.as_ref();
        // On the heap: most images are not signed, and each of their uploads would carry the room for this.
        match Box::pin(claim.verifier(manager, token)).await {
            Ok(verifier) => Ok(Some(verifier)),
            Err(cause) => {
                tracing::warn!(image.id = %record.id, error = &cause as &dyn std::error::Error, "the signature cannot be verified");
                Err(Error::SignatureRefused {
                    image: record.id,
                    cause,
                })
            }
        }
    }

    /// Deletes the key of an image that is gone.
    ///
    /// Compat: whatever the key manager says, the image is deleted; who looks after keys is told in the log.
    pub(crate) async fn delete_key(&self, image: &ImageId, key: KeyToDelete) {
        let deleted = match &self.config().key_manager {
            Some(manager) => manager.delete(&key.id, key.token.as_ref()).await,
            None => Err(Refusal::NotConfigured),
        };
        match deleted {
            Ok(()) => {
                tracing::info!(image.id = %image, key.id = key.id, "the key of a deleted image is deleted");
            }
            Err(refusal) => {
                tracing::warn!(image.id = %image, key.id = key.id, error = &refusal as &dyn std::error::Error, "the key of a deleted image could not be deleted");
            }
        }
    }
}

/// A key that goes with its image, and in whose name.
#[derive(Debug)]
pub(crate) struct KeyToDelete {
    id: String,
    token: Option<Token>,
}

impl KeyToDelete {
    /// The key of the volume the image was made from, where it was made for the image alone.
    pub(crate) fn of(record: &ImageRecord, credentials: Option<&Credentials>) -> Option<Self> {
        let id = record.property(KEY)??.to_owned();
        let goes = record.property(KEY_POLICY) == Some(Some(WITH_THE_IMAGE));
        let token = credentials.and_then(Credentials::token).map(Token::new);
        goes.then_some(Self { id, token })
    }
}

/// Whether the image has a key that goes with it.
pub(crate) fn has_key_to_delete(record: &ImageRecord) -> bool {
    KeyToDelete::of(record, None).is_some()
}
