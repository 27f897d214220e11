//! Create, show, update and delete an image.

use std::sync::Arc;

use serde_json::{Map, Value};
use vidimus_auth::{Access, Action, Context, Target};
use vidimus_db::{self as db, Deletion, ImageChanges, ImageRecord, LocationRecord, NewImage};
use vidimus_types::{
    Change, ImageId, ImageStatus, Visibility, is_reserved, schema::validate_image_body,
};

use crate::{
    Error, ImageService, Result, Shortage,
    notify::{Event, payload},
    patch::{ImageEdit, field_u32, optional_text},
    scope,
    signatures::KeyToDelete,
    target::{self, image_target},
};

/// Attributes of a new image that only the server writes, though the schema knows them.
const SERVER_OWNED: &[&str] = &[
    "created_at",
    "updated_at",
    "status",
    "checksum",
    "size",
    "virtual_size",
];

/// Attributes a body may not even mention.
const LINKS: &[&str] = &["direct_url", "self", "file", "schema", "stores"];

impl ImageService {
    /// Registers an image without data, in status queued.
    pub async fn create_image(
        &self,
        ctx: &Context,
        body: Map<String, Value>,
    ) -> Result<ImageRecord> {
        let image = self.propose_image(ctx, body)?;
        match self.parts.db.images().create(&image).await {
            Ok(record) => {
                self.notify(Event::ImageCreate, || payload::image(&record));
                Ok(record)
            }
            Err(db::Error::Duplicate { .. }) => Err(Error::Duplicate(image.id)),
            Err(error) => Err(error.into()),
        }
    }

    /// The image that a body describes, if the caller may have it.
    pub(crate) fn propose_image(
        &self,
        ctx: &Context,
        mut body: Map<String, Value>,
    ) -> Result<NewImage> {
        if let Some(name) = LINKS.iter().find(|name| body.contains_key(**name)) {
            return Err(Error::ReadOnly((*name).to_owned()));
        }
        let config = self.config();
        validate_image_body(&body, &config.schema)
            .map_err(|error| Error::SchemaMismatch(error.to_string()))?;

        refuse_four_bytes(
            body.iter()
                .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))),
        )?;

        // What is left over in the end are the custom properties, whose order shows: hence no plain `remove`.
        let tags = texts(body.shift_remove("tags"));
        let id = match body.shift_remove("id") {
            Some(Value::String(id)) => id
                .parse()
                .map_err(|_| Error::Invalid(format!("Invalid image id: {id}")))?,
            _ => ImageId::random(),
        };
        let server_owned = SERVER_OWNED
            .iter()
            .find(|name| body.contains_key(**name))
            .copied();
        let visibility = match body.shift_remove("visibility") {
            Some(Value::String(word)) => word.parse().unwrap_or(Visibility::Shared),
            _ => Visibility::Shared,
        };
        let owner = match body.shift_remove("owner") {
            None => ctx.project_id().map(str::to_owned),
            given => optional_text(given),
        };
        let mut image = NewImage {
            name: optional_text(body.shift_remove("name")),
            disk_format: optional_text(body.shift_remove("disk_format")),
            container_format: optional_text(body.shift_remove("container_format")),
            min_disk: field_u32("min_disk", body.shift_remove("min_disk"))?,
            min_ram: field_u32("min_ram", body.shift_remove("min_ram"))?,
            protected: body.shift_remove("protected") == Some(Value::Bool(true)),
            os_hidden: body.shift_remove("os_hidden") == Some(Value::Bool(true)),
            tags: distinct(tags),
            visibility,
            ..NewImage::new(id, owner)
        };
        if let Some(name) = body
            .keys()
            .find(|name| name.chars().count() > 255 || is_reserved(name))
        {
            return Err(if is_reserved(name) {
                Error::ReservedProperty(name.clone())
            } else {
                Error::Invalid(
                    "Custom property should not be greater than 255 characters.".to_owned(),
                )
            });
        }

        self.enforce_create(ctx, &image)?;
        if let Some(name) = server_owned {
            return Err(Error::ReadOnly(name.to_owned()));
        }
        image.properties = body
            .into_iter()
            .map(|(name, value)| (name, optional_text(Some(value))))
            .collect();
        if image.properties.iter().any(|(name, _)| name == "locations") {
            return Err(Error::Reserved("locations".to_owned()));
        }
        for (name, _) in &image.properties {
            if !self.may_touch(ctx, name, Access::Create) {
                return Err(Error::Reserved(name.clone()));
            }
        }
        self.check_property_quota(image.properties.len())?;
        self.check_tag_quota(image.tags.len())?;
        Ok(image)
    }

    fn enforce_create(&self, ctx: &Context, image: &NewImage) -> Result<()> {
        let target = target::proposed(image);
        if let Err(denied) = self.parts.policy.enforce(ctx, Action::AddImage, &target) {
            return Err(match &image.owner {
                owner if ctx.project_id() != owner.as_deref() => Error::ForeignOwner(owner.clone()),
                _ => denied.into(),
            });
        }
        self.enforce_visibility(ctx, image.visibility, &target)
    }

    /// Publishing and sharing with the community have rules of their own.
    pub(crate) fn enforce_visibility(
        &self,
        ctx: &Context,
        visibility: Visibility,
        target: &Target<'_>,
    ) -> Result<()> {
        let action = match visibility {
            Visibility::Public => Action::PublicizeImage,
            Visibility::Community => Action::CommunitizeImage,
            Visibility::Private | Visibility::Shared => return Ok(()),
        };
        Ok(self.parts.policy.enforce(ctx, action, target)?)
    }

    /// The image as the caller may see it.
    pub async fn show_image(&self, ctx: &Context, id: &ImageId) -> Result<Arc<ImageRecord>> {
        let found = self.parts.db.images().get_shared(&scope(ctx), id).await;
        let record = found_image(id, found)?;
        self.enforce_on(ctx, Action::GetImage, &record)?;
        Ok(record)
    }

    /// Changes an image. All changes happen, or none.
    pub async fn update_image(
        &self,
        ctx: &Context,
        id: &ImageId,
        changes: Vec<Change>,
    ) -> Result<ImageRecord> {
        let record = self.find_image(ctx, id).await?;
        if changes.is_empty() {
            return Ok(record);
        }
        let status = record.status;
        let mut edit = ImageEdit::new(record);
        for change in changes {
            self.apply_change(ctx, &mut edit, change).await?;
        }
        if edit.added_properties() {
            self.check_property_quota(edit.counted_properties())?;
        }
        self.check_tag_quota(edit.record().tags.len())?;
        require_owner(ctx, edit.before())?;
        let changes = ImageChanges {
            limit: self.storage_limit(ctx.project_id()),
            ..edit.changes()
        };
        match self.parts.db.images().update(id, status, &changes).await {
            Ok(mut record) => {
                edit.order(&mut record);
                self.notify(Event::ImageUpdate, || payload::image(&record));
                self.remove_taken(*id, edit.taken().to_vec()).await?;
                Ok(record)
            }
            Err(db::Error::StatusConflict { .. } | db::Error::LocationsChanged(_)) => {
                Err(Error::ChangedMeanwhile(*id))
            }
            Err(db::Error::OverLimit { used, limit }) => {
                let size = edit.record().size.unwrap_or(0);
                let shortage = Shortage::found_late(size, used, limit);
                Err(Error::LocationStorageQuota(shortage))
            }
            Err(db::Error::NotFound(_)) => Err(Error::ImageNotFound(id.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the data of locations that a change took off.
    async fn remove_taken(&self, id: ImageId, taken: Vec<LocationRecord>) -> Result<()> {
        if taken.is_empty() || self.config().scrub.is_delayed {
            return Ok(());
        }
        // A client that leaves now must not stop the removal half-way.
        let service = self.clone();
        let removing = self.removing(&taken);
        let removal = self.parts.tasks.spawn(async move {
            for location in &taken {
                service.remove_data(&id, location).await;
            }
            drop(removing);
        });
        removal.await.map_err(Error::internal)
    }

    /// Hides the image at once and removes its data afterwards.
    ///
    /// The row changes before the cache or any store is touched, so a crash in between leaves data nobody points at,
    /// with a location row that says so, and never a row whose data is gone. What cannot be removed now is tried again
    /// by the scrubber; what the store refuses to remove brings the image back.
    pub async fn delete_image(&self, ctx: &Context, id: &ImageId) -> Result<()> {
        let record = self.find_deletable(ctx, id).await?;
        let key = KeyToDelete::of(&record, None);
        self.delete_found(&record, key).await
    }

    /// The image if the caller may delete it.
    pub(crate) async fn find_deletable(&self, ctx: &Context, id: &ImageId) -> Result<ImageRecord> {
        let record = match self.find_image(ctx, id).await {
            Err(Error::ImageNotFound(_)) => return Err(Error::NothingToDelete(id.to_string())),
            found => found?,
        };
        self.enforce_on(ctx, Action::DeleteImage, &record)?;
        if record.protected {
            return Err(Error::Protected(*id));
        }
        require_owner(ctx, &record)?;
        Ok(record)
    }

    /// Deletes an image as it was found, and the key that goes with it.
    pub(crate) async fn delete_found(
        &self,
        record: &ImageRecord,
        key: Option<KeyToDelete>,
    ) -> Result<()> {
        let id = record.id;
        // Compat, stricter: what is deactivated would come back active, so it is not put aside. Glance refuses an admin to
        // delete it, and leaves its data in the store for ever when its owner does.
        let is_delayed = self.config().scrub.is_delayed
            && !record.locations.is_empty()
            && record.status.can_become(ImageStatus::PendingDelete);
        let to = if is_delayed {
            ImageStatus::PendingDelete
        } else {
            ImageStatus::Deleted
        };
        let removing = self.removing(&record.locations);
        let images = self.parts.db.images();
        let deletion = match images.delete(&id, record.status, to).await {
            Ok(deletion) => deletion,
            Err(db::Error::NotFound(_)) => return Err(Error::NothingToDelete(id.to_string())),
            Err(db::Error::StatusConflict { .. }) => return Err(Error::ChangedMeanwhile(id)),
            Err(error) => return Err(error.into()),
        };
        let (service, record) = (self.clone(), record.clone());
        // A client that leaves now must not stop the removal half-way.
        let removal = self.parts.tasks.spawn(async move {
            if !is_delayed {
                service.remove_or_bring_back(&deletion).await?;
            }
            drop(removing);
            service.notify(Event::ImageDelete, || payload::deleted_image(&record, to));
            service.parts.hashings.cancel(&id);
            service.forget_cached(&id).await;
            service.unstage(&id).await;
            if let Some(key) = key {
                service.delete_key(&id, key).await;
            }
            Ok(())
        });
        removal.await.map_err(Error::internal)?
    }

    /// Removes the data of a deleted image. If a store will not let go of it, the image is there again as it was, with what
    /// data it still has.
    async fn remove_or_bring_back(&self, deletion: &Deletion) -> Result<()> {
        // What is never removed is forgotten last, or the image would come back without it.
        let (removable, others): (Vec<_>, Vec<_>) = deletion
            .locations
            .iter()
            .partition(|location| self.is_removable(location));
        for location in removable.into_iter().chain(others) {
            let Err(refusal) = self.try_remove_data(&deletion.image, location).await else {
                continue;
            };
            if self.parts.db.images().undo_delete(deletion).await? {
                return Err(refusal.of_image(&deletion.image));
            }
        }
        Ok(())
    }

    /// The image if the caller's scope contains it.
    pub(crate) async fn find_image(&self, ctx: &Context, id: &ImageId) -> Result<ImageRecord> {
        found_image(id, self.parts.db.images().get(&scope(ctx), id).await)
    }

    /// Asks the policy about an image that exists. Who may not even see it is told that it does not.
    pub(crate) fn enforce_on(
        &self,
        ctx: &Context,
        action: Action,
        record: &ImageRecord,
    ) -> Result<()> {
        let target = image_target(ctx, record);
        let policy = &self.parts.policy;
        match policy.enforce(ctx, action, &target) {
            Ok(()) => Ok(()),
            Err(_)
                if action == Action::GetImage || !policy.check(ctx, Action::GetImage, &target) =>
            {
                Err(Error::Hidden)
            }
            Err(denied) => Err(denied.into()),
        }
    }

    /// Whether the caller may see the custom property of this name.
    pub fn may_read_property(&self, ctx: &Context, name: &str) -> bool {
        self.may_touch(ctx, name, Access::Read)
    }

    /// Whether `schema-image.json` describes the custom property of this name.
    pub fn knows_property(&self, name: &str) -> bool {
        self.config().schema.knows(name)
    }

    pub(crate) fn may_touch(&self, ctx: &Context, property: &str, access: Access) -> bool {
        let protections = self.config().protections.as_ref();
        protections.is_none_or(|rules| rules.allow(&self.parts.policy, ctx, property, access))
    }

    pub(crate) fn check_property_quota(&self, count: usize) -> Result<()> {
        check_quota("properties", count, self.config().property_quota)
    }

    pub(crate) fn check_tag_quota(&self, count: usize) -> Result<()> {
        check_quota("tags", count, self.config().tag_quota)
    }

    /// The stores an image's data is in, in the order of its locations.
    pub fn stores_of<'a>(&self, record: &'a ImageRecord) -> Vec<&'a str> {
        if !self.has_several_stores() {
            return Vec::new();
        }
        record
            .locations
            .iter()
            .filter_map(|location| location.metadata.get("store")?.as_str())
            .collect()
    }

    /// Where the data would be read from first.
    pub fn direct_url(&self, record: &ImageRecord) -> Option<String> {
        self.locations_of(record, &[])
            .into_iter()
            .next()
            .map(|location| location.url)
    }
}

fn found_image<T>(id: &ImageId, found: db::Result<T>) -> Result<T> {
    match found {
        Err(db::Error::NotFound(_)) => Err(Error::ImageNotFound(id.to_string())),
        found => Ok(found?),
    }
}

pub(crate) fn check_quota(what: &'static str, attempted: usize, maximum: i64) -> Result<()> {
    match usize::try_from(maximum) {
        Ok(allowed) if attempted > allowed => Err(Error::QuotaExceeded {
            what,
            attempted,
            maximum,
        }),
        _ => Ok(()),
    }
}

/// Whether the caller may write the image at all, whatever the policy allows.
///
/// Compat: below its policy Glance keeps an older rule, by which an image without an owner is an admin's to change.
pub(crate) fn require_owner(ctx: &Context, record: &ImageRecord) -> Result<()> {
    let is_owner = record.owner.is_some() && record.owner.as_deref() == ctx.project_id();
    if ctx.is_admin() || is_owner {
        Ok(())
    } else {
        Err(Error::NotOwner)
    }
}

/// Whether data may be saved: both formats are known.
pub(crate) fn require_formats(record: &ImageRecord) -> Result<()> {
    let missing: Vec<&'static str> = [
        ("disk_format", &record.disk_format),
        ("container_format", &record.container_format),
    ]
    .into_iter()
    .filter(|(_, format)| format.as_deref().is_none_or(str::is_empty))
    .map(|(name, _)| name)
    .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Error::FormatsUnset(missing))
    }
}

/// Whether the image may go from where it is to `to`.
pub(crate) fn require_move(record: &ImageRecord, to: ImageStatus) -> Result<()> {
    if record.status.can_become(to) {
        Ok(())
    } else {
        Err(Error::StatusConflict {
            from: record.status,
            to,
        })
    }
}

/// Refuses characters beyond the basic plane in names and values.
///
/// Compat: Glance's MySQL tables cannot hold them, so it takes them on no database (peer: create/four-byte name).
pub(crate) fn refuse_four_bytes<'a>(texts: impl Iterator<Item = (&'a str, &'a str)>) -> Result<()> {
    let is_four_bytes = |text: &str| text.chars().any(|character| character > '\u{ffff}');
    for (name, value) in texts {
        if is_four_bytes(name) {
            return Err(Error::Invalid(
                "Property names can't contain 4 byte unicode.".to_owned(),
            ));
        }
        if is_four_bytes(value) {
            return Err(Error::Invalid(format!(
                "{} can't contain 4 byte unicode characters.",
                title(name)
            )));
        }
    }
    Ok(())
}

/// As Python's `str.title`: every letter that follows no letter is a capital, all others are small.
fn title(name: &str) -> String {
    let mut after_letter = false;
    let mut titled = String::with_capacity(name.len());
    for character in name.chars() {
        if after_letter {
            titled.extend(character.to_lowercase());
        } else {
            titled.extend(character.to_uppercase());
        }
        after_letter = character.is_alphabetic();
    }
    titled
}

fn texts(value: Option<Value>) -> Vec<String> {
    match value {
        Some(Value::Array(items)) => items
            .into_iter()
            .filter_map(|item| optional_text(Some(item)))
            .collect(),
        _ => Vec::new(),
    }
}

/// Tags are a set; the first mention of each stays where it is.
pub(crate) fn distinct(tags: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    tags.into_iter()
        .filter(|tag| seen.insert(tag.clone()))
        .collect()
}
