//! The image id of a path.

use vidimus_service::Error;
use vidimus_types::ImageId;

/// Reads the id of an `/images/{id}` route.
///
/// Compat: what is no id at all is answered like an id that does not exist (peer: images/bad_id).
pub(crate) fn image_id(text: &str) -> Result<ImageId, Error> {
    text.parse()
        .map_err(|_| Error::ImageNotFound(text.to_owned()))
}

/// Reads the id of a `/cache/{id}` or tag route, which word the same answer differently.
pub(crate) fn named_image_id(text: &str) -> Result<ImageId, Error> {
    text.parse()
        .map_err(|_| Error::NamedImageNotFound(text.to_owned()))
}
