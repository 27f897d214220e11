//! Records as the API shows them, key by key in the order Glance emits them.

pub(crate) mod metadefs;

use serde_json::{Map, Value, json};
use vidimus_auth::Context;
use vidimus_service::{ImageRecord, ImageService, MemberRecord};
use vidimus_types::{CachedImage, ImageStatus, iso_seconds};

/// Properties that the server keeps on an image for itself.
const HIDDEN: &[&str] = &["os_glance_stage_host", "os_glance_hash_op_host"];

/// An image. Custom properties come first; one that has the name of an attribute keeps its place and loses its value.
pub(crate) fn image_view(service: &ImageService, ctx: &Context, record: &ImageRecord) -> Value {
    let mut view = Map::with_capacity(record.properties.len() + 24);
    for (name, value) in &record.properties {
        if !HIDDEN.contains(&name.as_str()) && service.may_read_property(ctx, name) {
            view.insert(name.clone(), value.as_deref().unwrap_or_default().into());
        }
    }
    let mut set = |name: &str, value: Value| {
        view.insert(name.to_owned(), value);
    };
    set("name", json!(record.name));
    set("disk_format", json!(record.disk_format));
    set("container_format", json!(record.container_format));
    set("visibility", json!(record.visibility));
    set("size", json!(record.size));
    set("virtual_size", json!(record.virtual_size));
    set("status", json!(record.status));
    set("checksum", json!(record.checksum));
    set("protected", json!(record.protected));
    set("min_ram", json!(record.min_ram));
    set("min_disk", json!(record.min_disk));
    set("owner", json!(record.owner));
    set("os_hidden", json!(record.os_hidden));
    set("os_hash_algo", json!(record.os_hash_algo));
    set("os_hash_value", json!(record.os_hash_value));
    set("id", json!(record.id));
    set("created_at", iso_seconds(record.created_at).into());
    set("updated_at", iso_seconds(record.updated_at).into());
    // Where the data of a deactivated image is, only admins are told.
    let shows_locations = ctx.is_admin() || record.status != ImageStatus::Deactivated;
    if service.config().show_locations {
        let locations = record.locations.iter().filter(|_| shows_locations);
        let shown =
            locations.map(|location| json!({ "url": location.url, "metadata": location.metadata }));
        set("locations", shown.collect());
    }
    if service.config().show_direct_url
        && let Some(url) = service.direct_url(record).filter(|_| shows_locations)
    {
        set("direct_url", url.into());
    }
    set("tags", json!(record.tags));
    set("self", format!("/v2/images/{}", record.id).into());
    set("file", format!("/v2/images/{}/file", record.id).into());
    set("schema", "/v2/schemas/image".into());
    let stores = service.stores_of(record);
    if !stores.is_empty() && shows_locations {
        set("stores", stores.join(",").into());
    }
    Value::Object(view)
}

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
