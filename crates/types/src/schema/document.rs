//! The schema documents. Key order counts: it is the order clients see, and the order in which faults are found.

use serde_json::{Map, Value, json};

use super::SchemaOptions;
use crate::ImageStatus;

pub(super) const UUID_PATTERN: &str =
    "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$";

pub(super) fn image(options: &SchemaOptions) -> Value {
    let mut properties = base_properties(options);
    let custom = options.custom.as_ref();
    for (name, schema) in custom.and_then(custom_properties).into_iter().flatten() {
        // Compat: marks what the operator has added; clients show only the rest as columns.
        if let (Value::Object(mut schema), false) = (schema.clone(), properties.contains_key(name))
        {
            schema.insert("is_base".to_owned(), Value::Bool(false));
            properties.insert(name.clone(), Value::Object(schema));
        }
    }
    let mut document = Map::new();
    document.insert("name".to_owned(), json!("image"));
    document.insert("properties".to_owned(), Value::Object(properties));
    document.insert("additionalProperties".to_owned(), json!({"type": "string"}));
    if let Some(required) = custom.and_then(required_properties) {
        document.insert("required".to_owned(), required.clone());
    }
    document.insert(
        "links".to_owned(),
        json!([
            {"rel": "self", "href": "{self}"},
            {"rel": "enclosure", "href": "{file}"},
            {"rel": "describedby", "href": "{schema}"},
        ]),
    );
    Value::Object(document)
}

pub(super) fn images(options: &SchemaOptions) -> Value {
    json!({
        "name": "images",
        "properties": {
            "images": {"type": "array", "items": image(options)},
            "first": {"type": "string"},
            "next": {"type": "string"},
            "schema": {"type": "string"},
        },
        "links": [
            {"rel": "first", "href": "{first}"},
            {"rel": "next", "href": "{next}"},
            {"rel": "describedby", "href": "{schema}"},
        ],
    })
}

/// The property schemas, whichever of the two layouts they are in; `None` if `properties` is no object.
pub(super) fn custom_properties(custom: &Map<String, Value>) -> Option<&Map<String, Value>> {
    match custom.get("properties") {
        Some(properties) => properties.as_object(),
        None => Some(custom),
    }
}

/// The names new images must have, if the layout with `properties` lists any.
fn required_properties(custom: &Map<String, Value>) -> Option<&Value> {
    custom.get("properties")?;
    custom
        .get("required")
        .filter(|required| required.as_array().is_some_and(|names| !names.is_empty()))
}

/// `null` and the words.
fn null_or(words: &[String]) -> Value {
    std::iter::once(Value::Null)
        .chain(words.iter().map(|word| json!(word)))
        .collect()
}

fn read_only(kind: Value, description: &str) -> Value {
    json!({"type": kind, "readOnly": true, "description": description})
}

/// A hash or its name, which only the server writes.
fn read_only_text(description: &str, max_length: u32) -> Value {
    json!({"type": ["null", "string"], "readOnly": true, "description": description, "maxLength": max_length})
}

/// The attributes every image has.
pub(super) fn base_properties(options: &SchemaOptions) -> Map<String, Value> {
    let statuses: Vec<&str> = ImageStatus::ALL
        .iter()
        .map(|status| status.as_str())
        .collect();
    let properties = [
        (
            "id",
            json!({"type": "string", "description": "An identifier for the image", "pattern": UUID_PATTERN}),
        ),
        (
            "name",
            json!({"type": ["null", "string"], "description": "Descriptive name for the image", "maxLength": 255}),
        ),
        (
            "status",
            json!({"type": "string", "readOnly": true, "description": "Status of the image", "enum": statuses}),
        ),
        (
            "visibility",
            json!({
                "type": "string",
                "description": "Scope of image accessibility",
                "enum": ["community", "public", "private", "shared"],
            }),
        ),
        (
            "protected",
            json!({"type": "boolean", "description": "If true, image will not be deletable."}),
        ),
        (
            "os_hidden",
            json!({"type": "boolean", "description": "Whether lists leave the image out unless asked for hidden ones"}),
        ),
        (
            "checksum",
            read_only_text("md5 hash of image contents.", 32),
        ),
        (
            "os_hash_algo",
            read_only_text("Algorithm to calculate the os_hash_value", 64),
        ),
        (
            "os_hash_value",
            read_only_text(
                "Hash of the image contents by os_hash_algo, in hexadecimal",
                128,
            ),
        ),
        (
            "owner",
            json!({"type": ["null", "string"], "description": "Owner of the image", "maxLength": 255}),
        ),
        (
            "size",
            read_only(json!(["null", "integer"]), "Size of image file in bytes"),
        ),
        (
            "virtual_size",
            read_only(json!(["null", "integer"]), "Virtual size of image in bytes"),
        ),
        (
            "container_format",
            json!({
                "type": ["null", "string"],
                "description": "Format of the container",
                "enum": null_or(&options.container_formats),
            }),
        ),
        (
            "disk_format",
            json!({
                "type": ["null", "string"],
                "description": "Format of the disk",
                "enum": null_or(&options.disk_formats),
            }),
        ),
        (
            "created_at",
            read_only(json!("string"), "Date and time of image registration"),
        ),
        (
            "updated_at",
            read_only(
                json!("string"),
                "Date and time of the last image modification",
            ),
        ),
        (
            "tags",
            json!({
                "type": "array",
                "description": "List of strings related to the image",
                "items": {"type": "string", "maxLength": 255},
            }),
        ),
        (
            "direct_url",
            read_only(
                json!("string"),
                "Where the store keeps the image data, as a URL",
            ),
        ),
        (
            "min_ram",
            json!({"type": "integer", "description": "Amount of ram (in MB) required to boot image."}),
        ),
        (
            "min_disk",
            json!({"type": "integer", "description": "Amount of disk space (in GB) required to boot image."}),
        ),
        ("self", read_only(json!("string"), "An image self url")),
        ("file", read_only(json!("string"), "An image file url")),
        (
            "stores",
            read_only(
                json!("string"),
                "Stores that hold the image data, separated by commas; absent where only one store is set up",
            ),
        ),
        ("schema", read_only(json!("string"), "An image schema url")),
        ("locations", locations()),
    ];
    properties
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}

fn locations() -> Value {
    json!({
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "url": {"type": "string", "maxLength": 255},
                "metadata": {"type": "object"},
                "validation_data": {
                    "description": "Hashes to record for the image. Once it has left the status `queued`, they must \
                        equal those it has.",
                    "type": "object",
                    "writeOnly": true,
                    "additionalProperties": false,
                    "properties": {
                        "checksum": {"type": "string", "minLength": 32, "maxLength": 32},
                        "os_hash_algo": {"type": "string", "maxLength": 64},
                        "os_hash_value": {"type": "string", "maxLength": 128},
                    },
                    "required": ["os_hash_algo", "os_hash_value"],
                },
            },
            "required": ["url", "metadata"],
        },
        "description": "The places where stores keep the image data",
    })
}
