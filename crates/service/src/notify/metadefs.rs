//! What is said about metadata definitions.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use vidimus_db::{AssociationRecord, MetadefTagRecord, NamespaceRecord, PropertyRecord};

use super::payload::time;
use crate::metadefs::Object;

/// The parts of a definition that are told.
const DEFINITION: [&str; 16] = [
    "type",
    "title",
    "description",
    "default",
    "minimum",
    "maximum",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "confidential",
    "items",
    "uniqueItems",
    "minItems",
    "maxItems",
    "additionalItems",
];

/// A namespace; `old` is what it was called before.
pub(crate) fn namespace(record: &NamespaceRecord, old: &str) -> Value {
    json!({
        "namespace": record.namespace,
        "namespace_old": old,
        "display_name": record.display_name,
        "protected": record.protected,
        "visibility": record.visibility.as_str(),
        "owner": record.owner,
        "description": record.description,
        "created_at": time(record.created_at),
        "updated_at": changed(record.updated_at),
        "deleted": false,
        "deleted_at": null,
    })
}

/// An object.
pub(crate) fn object(namespace: &str, object: &Object, old: &str) -> Value {
    let properties: Vec<Value> = object
        .properties
        .iter()
        .flatten()
        .map(|(name, definition)| {
            let mut told = json!({ "name": name });
            for part in DEFINITION {
                // Compat: here, and not of properties that stand alone, what is empty or zero is told as nothing.
                told[part] = definition
                    .get(part)
                    .filter(|value| !is_falsy(value))
                    .cloned()
                    .unwrap_or_default();
            }
            told
        })
        .collect();
    json!({
        "namespace": namespace,
        "name": object.name,
        "name_old": old,
        "properties": properties,
        "required": object.required,
        "description": object.description,
        "created_at": time(object.created_at),
        "updated_at": changed(object.updated_at),
        "deleted": false,
        "deleted_at": null,
    })
}

/// A property.
pub(crate) fn property(namespace: &str, property: &PropertyRecord, old: &str) -> Value {
    let mut told = Map::new();
    told.insert("namespace".to_owned(), namespace.into());
    told.insert("name".to_owned(), property.name.as_str().into());
    told.insert("name_old".to_owned(), old.into());
    for part in DEFINITION {
        let value = property.definition.get(part).cloned().unwrap_or_default();
        told.insert(part.to_owned(), value);
    }
    told.insert("deleted".to_owned(), false.into());
    told.insert("deleted_at".to_owned(), Value::Null);
    told.into()
}

/// A tag.
pub(crate) fn tag(namespace: &str, tag: &MetadefTagRecord, old: &str) -> Value {
    tag_of(namespace, &tag.name, old, tag.created_at, tag.updated_at)
}

/// A tag that was created just now.
pub(crate) fn new_tag(namespace: &str, name: &str) -> Value {
    tag_of(namespace, name, name, Utc::now(), None)
}

fn tag_of(
    namespace: &str,
    name: &str,
    old: &str,
    created_at: DateTime<Utc>,
    updated_at: Option<DateTime<Utc>>,
) -> Value {
    json!({
        "namespace": namespace,
        "name": name,
        "name_old": old,
        "created_at": time(created_at),
        "updated_at": changed(updated_at),
        "deleted": false,
        "deleted_at": null,
    })
}

/// That a namespace is for a resource type.
pub(crate) fn resource_type(namespace: &str, association: &AssociationRecord) -> Value {
    json!({
        "namespace": namespace,
        "name": association.name,
        "name_old": association.name,
        "prefix": association.prefix,
        "properties_target": association.properties_target,
        "created_at": time(association.created_at),
        "updated_at": changed(association.updated_at),
        "deleted": false,
        "deleted_at": null,
    })
}

/// Compat: a time that is not known is told as now.
fn changed(at: Option<DateTime<Utc>>) -> String {
    time(at.unwrap_or_else(Utc::now))
}

/// What Python takes for false.
fn is_falsy(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(value) => value.as_f64() == Some(0.0),
        Value::String(value) => value.is_empty(),
        Value::Array(value) => value.is_empty(),
        Value::Object(value) => value.is_empty(),
    }
}
