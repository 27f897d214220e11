//! Applies the changes of a PATCH to an image held in memory, one after the other; nothing is saved here.

use serde_json::Value;
use vidimus_auth::{Access, Action, Context};
use vidimus_db::{ImageChanges, ImageRecord};
use vidimus_types::{Change, ImageStatus, Operation, PatchDialect, Visibility};

use crate::{
    Error, ImageService, Result,
    images::{distinct, refuse_four_bytes},
    target::image_target,
};

/// The attributes every image has. They can be replaced but not removed.
const BASE: &[&str] = &[
    "name",
    "visibility",
    "protected",
    "os_hidden",
    "tags",
    "owner",
    "min_disk",
    "min_ram",
    "disk_format",
    "container_format",
];

/// An image with the changes so far, and as it was before.
#[derive(Debug)]
pub(crate) struct ImageEdit {
    before: ImageRecord,
    record: ImageRecord,
}

impl ImageEdit {
    pub(crate) fn new(record: ImageRecord) -> Self {
        Self {
            before: record.clone(),
            record,
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
            .any(|(name, _)| property(&self.before, name).is_none())
    }

    /// Properties that count against the quota; the server's own do not.
    pub(crate) fn counted_properties(&self) -> usize {
        self.record
            .properties
            .iter()
            .filter(|(name, _)| !name.starts_with("os_glance"))
            .count()
    }

    /// What is different from before. Only that is written, so that an attribute somebody else changes meanwhile stays.
    pub(crate) fn into_changes(self) -> ImageChanges {
        let Self { before, record } = self;
        let removed = before
            .properties
            .iter()
            .filter(|(name, _)| property(&record, name).is_none());
        let set = record
            .properties
            .iter()
            .filter(|(name, value)| property(&before, name) != Some(value));
        ImageChanges {
            set_properties: set
                .map(|(name, value)| (name.clone(), value.clone().unwrap_or_default()))
                .collect(),
            remove_properties: removed.map(|(name, _)| name.clone()).collect(),
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
        property(&self.record, name).is_some()
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
    pub(crate) fn apply_change(
        &self,
        ctx: &Context,
        edit: &mut ImageEdit,
        change: Change,
    ) -> Result<()> {
        let attribute = change.attribute;
        if attribute == "locations" {
            return self.refuse_location_change(ctx, edit, &change.operation);
        }
        if let Operation::Add(value) | Operation::Replace(value) = &change.operation {
            refuse_four_bytes(
                [(attribute.as_str(), value.as_str().unwrap_or_default())].into_iter(),
            )?;
        }
        let is_base = BASE.contains(&attribute.as_str());
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

    /// Changing locations by PATCH is off (`show_multiple_locations`), as it is by default in Glance.
    fn refuse_location_change(
        &self,
        ctx: &Context,
        edit: &ImageEdit,
        operation: &Operation,
    ) -> Result<()> {
        let (action, verb) = match operation {
            Operation::Replace(Value::Array(list)) if list.is_empty() => {
                return Err(Error::LocationsEmptied);
            }
            Operation::Add(_) => (Action::SetImageLocation, "add"),
            Operation::Replace(_) => (Action::SetImageLocation, "update"),
            Operation::Remove => (Action::DeleteImageLocation, "remove"),
        };
        self.enforce_on(ctx, action, edit.record())?;
        Err(Error::LocationsInvisible(verb))
    }
}

fn property<'a>(record: &'a ImageRecord, name: &str) -> Option<&'a Option<String>> {
    record
        .properties
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value)
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
