//! Records as the API shows them, key by key in the order Glance emits them.

mod image;
pub(crate) mod metadefs;

use serde_json::{Value, json};
use vidimus_service::MemberRecord;
use vidimus_types::{CachedImage, iso_seconds};

pub(crate) use image::{ImageViews, image_view};

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

/// A cached image. Compat: with the cache records in the database there is a `checksum`, and it is always null.
pub(crate) fn cached_image_view(image: &CachedImage) -> Value {
    let mut view = json!(image);
    if let (Some(_), Some(map)) = (image.id, view.as_object_mut()) {
        map.insert("checksum".to_owned(), Value::Null);
    }
    view
}
