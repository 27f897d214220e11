//! An image as the API shows it, written straight from the record.
//!
//! A page of a list shows each image's thirty members; building them as a tree first costs more than finding them in the
//! database does.

use std::{cell::RefCell, fmt, sync::Arc};

use bytes::Bytes;
use serde::{
    Serialize, Serializer,
    ser::{Error, SerializeMap},
};
use serde_json::{Map, Value};
use vidimus_auth::Context;
use vidimus_service::{ImageRecord, ImageService};
use vidimus_types::{ImageStatus, is_attribute, iso_seconds, python_json};

/// Properties that the server keeps on an image for itself.
const HIDDEN: &[&str] = &["os_glance_stage_host", "os_glance_hash_op_host"];

/// An image as JSON.
///
/// What everybody sees alike is written once and kept with the record, which the database layer gives to all who ask until
/// somebody commits a change. Most images are shown many times before they change.
pub(crate) fn image_json(service: &ImageService, ctx: &Context, record: &ImageRecord) -> Bytes {
    let write = || Bytes::from(python_json(&image_view(service, ctx, record), false));
    // Where the data of a deactivated image is, and protected properties, some see and others not.
    let is_alike =
        record.status != ImageStatus::Deactivated && service.config().protections.is_none();
    if is_alike {
        record.shown.text(write).clone()
    } else {
        write()
    }
}

/// Images, one after the other, as a JSON array.
pub(crate) fn images_json(
    service: &ImageService,
    ctx: &Context,
    records: &[Arc<ImageRecord>],
    array: &mut Vec<u8>,
) {
    array.push(b'[');
    for (position, record) in records.iter().enumerate() {
        if position > 0 {
            array.extend_from_slice(b", ");
        }
        array.extend_from_slice(&image_json(service, ctx, record));
    }
    array.push(b']');
}

/// An image, to be written as JSON.
struct ImageView<'a> {
    service: &'a ImageService,
    ctx: &'a Context,
    record: &'a ImageRecord,
}

/// An image. Custom properties come first; one that has the name of an attribute keeps its place and loses its value.
fn image_view<'a>(
    service: &'a ImageService,
    ctx: &'a Context,
    record: &'a ImageRecord,
) -> ImageView<'a> {
    ImageView {
        service,
        ctx,
        record,
    }
}

impl Serialize for ImageView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_taken = |(name, _): &(String, _)| is_attribute(name);
        if self.record.properties.iter().any(is_taken) {
            // Only a row from elsewhere has such a property, and a map knows what to do with it.
            let mut map = Map::new();
            self.write(&mut map).map_err(S::Error::custom)?;
            return map.serialize(serializer);
        }
        let mut map = serializer.serialize_map(None)?;
        self.write(&mut Streamed(&mut map))?;
        map.end()
    }
}

/// Takes the members of an object, one by one.
trait Members {
    type Error;

    fn put(&mut self, name: &str, value: impl Serialize) -> Result<(), Self::Error>;
}

impl Members for Map<String, Value> {
    type Error = serde_json::Error;

    fn put(&mut self, name: &str, value: impl Serialize) -> Result<(), serde_json::Error> {
        self.insert(name.to_owned(), serde_json::to_value(value)?);
        Ok(())
    }
}

struct Streamed<'m, M>(&'m mut M);

impl<M: SerializeMap> Members for Streamed<'_, M> {
    type Error = M::Error;

    fn put(&mut self, name: &str, value: impl Serialize) -> Result<(), M::Error> {
        self.0.serialize_entry(name, &value)
    }
}

impl ImageView<'_> {
    fn write<M: Members>(&self, members: &mut M) -> Result<(), M::Error> {
        let Self {
            service,
            ctx,
            record,
        } = self;
        for (name, value) in &record.properties {
            if !HIDDEN.contains(&name.as_str()) && service.may_read_property(ctx, name) {
                match value {
                    // Compat: null is shown only where a schema of the operator's knows the property; old rows have it elsewhere.
                    None if service.knows_property(name) => members.put(name, ())?,
                    value => members.put(name, value.as_deref().unwrap_or_default())?,
                }
            }
        }
        members.put("name", &record.name)?;
        members.put("disk_format", &record.disk_format)?;
        members.put("container_format", &record.container_format)?;
        members.put("visibility", record.visibility)?;
        members.put("size", record.size)?;
        members.put("virtual_size", record.virtual_size)?;
        members.put("status", record.status)?;
        members.put("checksum", &record.checksum)?;
        members.put("protected", record.protected)?;
        members.put("min_ram", record.min_ram)?;
        members.put("min_disk", record.min_disk)?;
        members.put("owner", &record.owner)?;
        members.put("os_hidden", record.os_hidden)?;
        members.put("os_hash_algo", &record.os_hash_algo)?;
        members.put("os_hash_value", &record.os_hash_value)?;
        members.put("id", record.id)?;
        members.put("created_at", iso_seconds(record.created_at))?;
        members.put("updated_at", iso_seconds(record.updated_at))?;
        // Where the data of a deactivated image is, only admins are told.
        let shows_locations = ctx.is_admin() || record.status != ImageStatus::Deactivated;
        if service.config().show_locations {
            members.put("locations", Listed::of(locations(record, shows_locations)))?;
        }
        if service.config().show_direct_url
            && let Some(url) = service.direct_url(record).filter(|_| shows_locations)
        {
            members.put("direct_url", url)?;
        }
        members.put("tags", &record.tags)?;
        members.put("self", Text(format_args!("/v2/images/{}", record.id)))?;
        members.put("file", Text(format_args!("/v2/images/{}/file", record.id)))?;
        members.put("schema", "/v2/schemas/image")?;
        let stores = service.stores_of(record);
        if !stores.is_empty() && shows_locations {
            members.put("stores", stores.join(","))?;
        }
        Ok(())
    }
}

/// Where the image's data lies, as far as the caller may know.
fn locations(record: &ImageRecord, shown: bool) -> impl Iterator<Item = impl Serialize> {
    #[derive(Serialize)]
    struct Shown<'a> {
        url: &'a str,
        metadata: &'a Map<String, Value>,
    }
    let locations = record.locations.iter().filter(move |_| shown);
    locations.map(|location| Shown {
        url: &location.url,
        metadata: &location.metadata,
    })
}

/// What an iterator yields, as an array; can be written once.
struct Listed<I>(RefCell<Option<I>>);

impl<I> Listed<I> {
    fn of(items: I) -> Self {
        Self(RefCell::new(Some(items)))
    }
}

impl<I: Iterator<Item: Serialize>> Serialize for Listed<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.take().into_iter().flatten())
    }
}

/// Text that is put together while it is written.
struct Text<'a>(fmt::Arguments<'a>);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}
