//! What is said about images, members and tasks.
//!
//! Compat: the members and their forms are Glance's. Locations are left out, since they may hold credentials, and so are
//! the input and the messages of tasks.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use vidimus_db::{ImageRecord, MemberRecord, TaskRecord};
use vidimus_keys::Mismatch;
use vidimus_types::{ImageId, ImageStatus, StoreId, Visibility};

use crate::{
    Error,
    error::signature_cause,
    import::{FAILED, IMPORTING, listed_stores},
};

/// An image.
pub(crate) fn image(record: &ImageRecord) -> Value {
    let properties: Map<String, Value> = record
        .properties
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    json!({
        "id": record.id.as_str(),
        "name": record.name,
        "status": record.status.as_str(),
        "created_at": time(record.created_at),
        "updated_at": time(record.updated_at),
        "min_disk": record.min_disk,
        "min_ram": record.min_ram,
        "protected": record.protected,
        "checksum": record.checksum,
        "owner": record.owner,
        "disk_format": record.disk_format,
        "container_format": record.container_format,
        "size": record.size,
        "virtual_size": record.virtual_size,
        "is_public": record.visibility == Visibility::Public,
        "visibility": record.visibility.as_str(),
        "properties": properties,
        "tags": record.tags,
        "deleted": false,
        "deleted_at": null,
    })
}

/// An image as it was before it was deleted, in the status it has now.
pub(crate) fn deleted_image(record: &ImageRecord, status: ImageStatus) -> Value {
    let mut told = image(record);
    told["status"] = status.as_str().into();
    deleted(told)
}

/// An image that gets data now, with the store where stores have names.
pub(crate) fn prepared_image(record: &ImageRecord, store: Option<&StoreId>) -> Value {
    let mut told = with_import(image(record), record);
    if let Some(store) = store {
        told["backend"] = store.as_str().into();
    }
    told
}

/// An image that got data.
pub(crate) fn uploaded_image(record: &ImageRecord) -> Value {
    with_import(image(record), record)
}

/// What stores the image is still to reach, and which it could not.
fn with_import(mut told: Value, record: &ImageRecord) -> Value {
    for name in [IMPORTING, FAILED] {
        told[name] = listed_stores(record, name).collect();
    }
    told
}

/// Why an image did not get its data. Compat: a sentence, and no object.
pub(crate) fn failed_upload(id: &ImageId, error: &Error) -> Value {
    let cause = match error {
        Error::StoreFull | Error::StoreDenied | Error::DeletedDuringUpload(_) => {
            return error.to_string().into();
        }
        Error::StoreTimedOut { .. } => {
            return format!("Filesystem store operation timed out: {error}").into();
        }
        Error::TooLarge => "The provided image is too large.".to_owned(),
        Error::SignatureMismatch(_) => Mismatch.to_string(),
        Error::SignatureRefused { cause, .. } => signature_cause(cause),
        other => other.to_string(),
    };
    format!("Failed to upload image data for image {id} due to internal error: {cause}").into()
}

/// A member of an image.
pub(crate) fn member(record: &MemberRecord) -> Value {
    json!({
        "image_id": record.image_id.as_str(),
        "member_id": record.member,
        "status": record.status.as_str(),
        "created_at": time(record.created_at),
        "updated_at": time(record.updated_at),
        "deleted": false,
        "deleted_at": null,
    })
}

/// A task.
pub(crate) fn task(record: &TaskRecord) -> Value {
    json!({
        "id": record.id,
        "type": record.kind,
        "status": record.status.as_str(),
        "result": null,
        "owner": record.owner,
        "message": null,
        // Compat: a time that is not known yet is told as now.
        "expires_at": time(record.expires_at.unwrap_or_else(Utc::now)),
        "created_at": time(record.created_at),
        "updated_at": time(record.updated_at),
        "deleted": false,
        "deleted_at": null,
    })
}

/// The same of something that is gone.
pub(crate) fn deleted(mut told: Value) -> Value {
    told["deleted"] = true.into();
    told["deleted_at"] = time(Utc::now()).into();
    told
}

/// To the second.
pub(super) fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}
