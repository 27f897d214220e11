//! Records as the API shows them, key by key in the order Glance emits them.

mod image;
pub(crate) mod metadefs;

use serde::{Serialize, Serializer, ser::SerializeSeq};
use serde_json::{Value, json};
use vidimus_service::MemberRecord;
use vidimus_types::{CachedImage, ImageId, iso_seconds};

pub(crate) use image::{image_json, images_json};

/// A member of an image.
pub(crate) fn member_view(member: &MemberRecord) -> Value {
    json!({
        "member_id": member.member,
        "image_id": member.image_id,
        "status": member.status,
        "created_at": iso_seconds(member.created_at),
        "updated_at": iso_seconds(member.updated_at),
        "schema": "/v2/schemas/member",
    })
}

/// Cached images, to be written as a JSON array straight from the list: there may be a hundred thousand.
///
/// Compat: with the cache records in the database there is a `checksum`, and it is always null.
pub(crate) struct CachedImageViews<'a>(pub(crate) &'a [CachedImage]);

impl Serialize for CachedImageViews<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Recorded<'a> {
            id: i64,
            image_id: &'a ImageId,
            last_accessed: f64,
            last_modified: f64,
            size: u64,
            hits: u64,
            checksum: (),
        }
        #[derive(Serialize)]
        #[serde(untagged)]
        enum View<'a> {
            Recorded(Recorded<'a>),
            Found(&'a CachedImage),
        }
        let mut array = serializer.serialize_seq(Some(self.0.len()))?;
        for image in self.0 {
            array.serialize_element(&match image.id {
                None => View::Found(image),
                Some(id) => View::Recorded(Recorded {
                    id,
                    image_id: &image.image_id,
                    last_accessed: image.last_accessed,
                    last_modified: image.last_modified,
                    size: image.size,
                    hits: image.hits,
                    checksum: (),
                }),
            })?;
        }
        array.end()
    }
}
