//! Applies the changes of a PATCH to an image held in memory, one after the other; nothing is saved here.

use serde_json::{Map, Value};
use vidimus_auth::{Access, Action, Context};
use vidimus_db::{
    Described, ImageChanges, ImageRecord, LocationChanges, LocationRecord, LocationStatus,
};
use vidimus_types::{CLIENT_ATTRIBUTES, Change, ImageStatus, Operation, PatchDialect, Visibility};

use crate::{
    Error, ImageService, Result,
    images::{distinct, refuse_four_bytes},
    target::image_target,
};

/// An image with the changes so far, and as it was before.
#[derive(Debug)]
pub(crate) struct ImageEdit {
    before: ImageRecord,
    record: ImageRecord,
    /// Locations taken off whose data is to be removed.
    taken: Vec<LocationRecord>,
}

/// The row number of a location that has no row yet.
const NO_ROW: i64 = 0;

impl ImageEdit {
    pub(crate) fn new(record: ImageRecord) -> Self {
        Self {
            before: record.clone(),
            record,
            taken: Vec::new(),
        }
    }

    pub(crate) fn record(&self) -> &ImageRecord {
        &self.record
    }

    pub(crate) fn before(&self) -> &ImageRecord {
        &self.before
    }

    /// Whether there is a property that was not there before. Compat: only then does Glance look at the quota.
    pub(crate) fn added_properties(&self) -> bool {
        self.record
            .properties
            .iter()
            .any(|(name, _)| self.before.property(name).is_none())
    }

    /// Properties that count against the quota; the server's own do not.
    pub(crate) fn counted_properties(&self) -> usize {
        self.record
            .properties
            .iter()
            .filter(|(name, _)| !name.starts_with("os_glance"))
            .count()
    }

    /// The locations taken off, once the change is saved.
    pub(crate) fn taken(&self) -> &[LocationRecord] {
        &self.taken
    }

    /// Puts a location in front of the one at `at`. The first one says how large the image is.
    pub(crate) fn insert_location(
        &mut self,
        at: usize,
        url: String,
        metadata: Map<String, Value>,
        size_bytes: u64,
    ) {
        self.record.locations.insert(at, fresh(url, metadata));
        if self.record.size.is_none_or(|size| size == 0) {
            self.record.size = Some(size_bytes);
        }
    }

    /// Puts these in the place of all locations, whose data stays.
    pub(crate) fn replace_locations(
        &mut self,
        locations: Vec<(String, Map<String, Value>)>,
        size_bytes: Option<u64>,
    ) {
        let locations = locations.into_iter();
        self.record.locations = locations
            .map(|(url, metadata)| fresh(url, metadata))
            .collect();
        if self.record.size.is_none_or(|size| size == 0) && size_bytes.is_some() {
            self.record.size = size_bytes;
        }
    }

    /// Takes the location at `at` off.
    pub(crate) fn take_location(&mut self, at: usize) {
        let taken = self.record.locations.remove(at);
        if taken.id != NO_ROW {
            self.taken.push(taken);
        }
    }

    /// The image has its data, of which this was said.
    pub(crate) fn activate(&mut self, said: Described) {
        let record = &mut self.record;
        record.status = ImageStatus::Active;
        for (current, said) in [
            (&mut record.checksum, said.checksum),
            (&mut record.os_hash_algo, said.os_hash_algo),
            (&mut record.os_hash_value, said.os_hash_value),
        ] {
            if said.is_some() {
                *current = said;
            }
        }
    }

    /// Puts the locations of the saved image into the order they were left in.
    ///
    /// Compat: Glance answers a PATCH from memory and everything else from the rows, whose order is that of their numbers.
    pub(crate) fn order(&self, saved: &mut ImageRecord) {
        let place = |location: &LocationRecord| {
            let is_same = |left: &&LocationRecord| {
                left.id == location.id
                    || (left.id == NO_ROW
                        && left.url == location.url
                        && left.metadata == location.metadata)
            };
            let mut left = self.record.locations.iter();
            left.position(|one| is_same(&one)).unwrap_or(usize::MAX)
        };
        saved.locations.sort_by_key(place);
    }

    fn location_changes(&self) -> Option<LocationChanges> {
        let ids = |locations: &[LocationRecord]| -> Vec<i64> {
            locations.iter().map(|location| location.id).collect()
        };
        let (seen, kept, remove) = (
            ids(&self.before.locations),
            ids(&self.record.locations),
            ids(&self.taken),
        );
        let add: Vec<_> = self
            .record
            .locations
            .iter()
            .filter(|location| location.id == NO_ROW)
            .map(|location| (location.url.clone(), location.metadata.clone()))
            .collect();
        let forget: Vec<i64> = seen
            .iter()
            .filter(|id| !kept.contains(id) && !remove.contains(id))
            .copied()
            .collect();
        let is_change = !(add.is_empty() && remove.is_empty() && forget.is_empty());
        is_change.then_some(LocationChanges {
            seen,
            remove,
            forget,
            add,
        })
    }

    /// What is different from before. Only that is written, so that an attribute somebody else changes meanwhile stays.
    pub(crate) fn changes(&self) -> ImageChanges {
        let locations = self.location_changes();
        let (before, record) = (self.before.clone(), self.record.clone());
        let removed = before
            .properties
            .iter()
            .filter(|(name, _)| record.property(name).is_none());
        let set = record
            .properties
            .iter()
            .filter(|(name, value)| before.property(name) != Some(value.as_deref()));
        ImageChanges {
            set_properties: set.cloned().collect(),
            remove_properties: removed.map(|(name, _)| name.clone()).collect(),
            locations,
            limit: None,
            status: changed(before.status, record.status),
            described: Described {
                size: changed(before.size, record.size).flatten(),
                checksum: changed(before.checksum, record.checksum).flatten(),
                os_hash_algo: changed(before.os_hash_algo, record.os_hash_algo).flatten(),
                os_hash_value: changed(before.os_hash_value, record.os_hash_value).flatten(),
            },
            name: changed(before.name, record.name),
            disk_format: changed(before.disk_format, record.disk_format),
            container_format: changed(before.container_format, record.container_format),
            visibility: changed(before.visibility, record.visibility),
            min_disk: changed(before.min_disk, record.min_disk),
            min_ram: changed(before.min_ram, record.min_ram),
            owner: changed(before.owner, record.owner),
            protected: changed(before.protected, record.protected),
            os_hidden: changed(before.os_hidden, record.os_hidden),
            tags: changed(before.tags, record.tags),
        }
    }

    fn has(&self, name: &str) -> bool {
        self.record.property(name).is_some()
    }

    fn set_property(&mut self, property: String, value: Value) {
        let value = optional_text(Some(value));
        match self
            .record
            .properties
            .iter_mut()
            .find(|(name, _)| *name == property)
        {
            Some((_, current)) => *current = value,
            None => self.record.properties.push((property, value)),
        }
    }

    fn set_base(&mut self, attribute: &str, value: Value) -> Result<()> {
        let record = &mut self.record;
        match attribute {
            "name" => record.name = optional_text(Some(value)),
            "owner" => record.owner = optional_text(Some(value)),
            "protected" => record.protected = value == Value::Bool(true),
            "os_hidden" => record.os_hidden = value == Value::Bool(true),
            "min_disk" => record.min_disk = field_u32("min_disk", Some(value))?,
            "min_ram" => record.min_ram = field_u32("min_ram", Some(value))?,
            "visibility" => record.visibility = visibility_of(&value)?,
            "tags" => {
                let Value::Array(tags) = value else {
                    return Ok(());
                };
                record.tags = distinct(
                    tags.into_iter()
                        .filter_map(|tag| optional_text(Some(tag)))
                        .collect(),
                );
            }
            "disk_format" => {
                require_open_format(record, "disk_format")?;
                record.disk_format = optional_text(Some(value));
            }
            "container_format" => {
                require_open_format(record, "container_format")?;
                record.container_format = optional_text(Some(value));
            }
            _ => {}
        }
        Ok(())
    }
}

impl ImageService {
    /// Asks the policy about one change, then makes it.
    pub(crate) async fn apply_change(
        &self,
        ctx: &Context,
        edit: &mut ImageEdit,
        change: Change,
    ) -> Result<()> {
        if change.attribute == "locations" {
            return self.change_locations(ctx, edit, change).await;
        }
        let attribute = change.attribute;
        if let Operation::Add(value) | Operation::Replace(value) = &change.operation {
            refuse_four_bytes(
                [(attribute.as_str(), value.as_str().unwrap_or_default())].into_iter(),
            )?;
        }
        let is_base = CLIENT_ATTRIBUTES.contains(&attribute.as_str());
        let is_owner_change = attribute == "owner" && !ctx.is_admin();
        if is_owner_change && matches!(change.operation, Operation::Replace(_)) {
            return Err(Error::OwnerFixed);
        }
        if attribute == "visibility"
            && let Operation::Add(value) | Operation::Replace(value) = &change.operation
        {
            self.enforce_visibility(
                ctx,
                visibility_of(value)?,
                &image_target(ctx, edit.record()),
            )?;
        }
        self.enforce_on(ctx, Action::ModifyImage, edit.record())?;
        // Compat, stricter: Glance refuses `replace` and lets an owner give an image away by `add`.
        if is_owner_change && matches!(change.operation, Operation::Add(_)) {
            return Err(Error::OwnerFixed);
        }

        // A property the caller may not see is as good as none.
        let is_seen = edit.has(&attribute) && self.may_touch(ctx, &attribute, Access::Read);
        let exists = is_base || is_seen;
        let access = match change.operation {
            Operation::Remove => Access::Delete,
            _ if is_seen => Access::Update,
            _ => Access::Create,
        };
        let is_reserved = || !is_base && !self.may_touch(ctx, &attribute, access);
        match change.operation {
            Operation::Add(_) if exists && change.dialect == PatchDialect::V20 => {
                Err(Error::PropertyPresent(attribute))
            }
            Operation::Replace(_) if !exists => Err(Error::PropertyMissing(attribute)),
            Operation::Add(value) | Operation::Replace(value) if is_base => {
                edit.set_base(&attribute, value)
            }
            Operation::Add(value) | Operation::Replace(value) => {
                if attribute.chars().count() > 255 {
                    return Err(Error::Invalid(
                        "Custom property should not be greater than 255 characters.".to_owned(),
                    ));
                }
                if is_reserved() {
                    return Err(Error::Reserved(attribute));
                }
                edit.set_property(attribute, value);
                Ok(())
            }
            Operation::Remove if is_base => Err(Error::NotRemovable(attribute)),
            Operation::Remove if !exists => Err(Error::PropertyMissing(attribute)),
            Operation::Remove if is_reserved() => Err(Error::Reserved(attribute)),
            Operation::Remove => {
                edit.record
                    .properties
                    .retain(|(name, _)| *name != attribute);
                Ok(())
            }
        }
    }
}

fn fresh(url: String, metadata: Map<String, Value>) -> LocationRecord {
    LocationRecord {
        id: NO_ROW,
        url,
        metadata,
        status: LocationStatus::Active,
    }
}

fn changed<T: PartialEq>(before: T, after: T) -> Option<T> {
    (before != after).then_some(after)
}

fn require_open_format(record: &ImageRecord, attribute: &'static str) -> Result<()> {
    match record.status {
        ImageStatus::Queued | ImageStatus::Importing => Ok(()),
        _ => Err(Error::FormatFixed(attribute)),
    }
}

fn visibility_of(value: &Value) -> Result<Visibility> {
    value
        .as_str()
        .and_then(|word| word.parse().ok())
        .ok_or_else(|| {
            Error::Invalid(
                "visibility must be one of community, public, private, shared".to_owned(),
            )
        })
}

/// A string, or nothing for null.
pub(crate) fn optional_text(value: Option<Value>) -> Option<String> {
    match value {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// `min_disk` and `min_ram`: between 0 and 2147483647, or left at 0.
pub(crate) fn field_u32(name: &'static str, value: Option<Value>) -> Result<u32> {
    let refuse = |value: &Value, why: &str| {
        Error::Invalid(format!(
            "Invalid value '{value}' for parameter '{name}': {why}"
        ))
    };
    match value {
        None | Some(Value::Null) => Ok(0),
        Some(value) => match value.as_i64() {
            Some(number) if number < 0 => Err(refuse(&value, "Cannot be a negative value")),
            Some(number) => match u32::try_from(number) {
                Ok(number) if number <= i32::MAX as u32 => Ok(number),
                _ => Err(Error::Invalid(format!(
                    "'{name}' value out of range, must not exceed 2147483647."
                ))),
            },
            None => Err(refuse(&value, "Must be an integer")),
        },
    }
}
