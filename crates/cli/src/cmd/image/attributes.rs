//! What openstackclient makes of an image: which keys it shows as fields and which as properties, in which order, and
//! under which names it sorts, filters and removes them.
//!
//! Compat: openstacksdk gives some keys of the API another name or type. The tables here are that mapping.

use serde_json::{Map, Value, json};
use vidimus_sdk::Image;

use crate::output::{Cell, Record, format_size};

/// What openstacksdk turns a value into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Any,
    Bool,
    Int,
    Float,
    /// `true` for the words oslo takes for true, `false` for all others.
    LooseBool,
    Text,
    Map,
}

/// A key that is not a field of its own: its name on the wire, openstacksdk's name, its type there.
struct Key {
    wire: &'static str,
    attribute: &'static str,
    kind: Kind,
}

const fn same(wire: &'static str, kind: Kind) -> Key {
    Key {
        wire,
        attribute: wire,
        kind,
    }
}

const fn renamed(wire: &'static str, attribute: &'static str, kind: Kind) -> Key {
    Key {
        wire,
        attribute,
        kind,
    }
}

/// Known keys that stand before the unknown ones among the properties.
const FIRST: [Key; 3] = [
    renamed("os_hidden", "is_hidden", Kind::Bool),
    renamed("os_hash_algo", "hash_algo", Kind::Any),
    renamed("os_hash_value", "hash_value", Kind::Any),
];

/// Known keys that stand behind them.
const LAST: [Key; 39] = [
    same("store", Kind::Any),
    same("locations", Kind::Any),
    same("direct_url", Kind::Any),
    same("url", Kind::Any),
    same("metadata", Kind::Map),
    same("architecture", Kind::Any),
    same("hypervisor_type", Kind::Any),
    same("instance_type_rxtx_factor", Kind::Float),
    same("instance_uuid", Kind::Any),
    renamed("img_config_drive", "needs_config_drive", Kind::Any),
    same("kernel_id", Kind::Any),
    same("os_distro", Kind::Any),
    same("os_version", Kind::Any),
    renamed("os_secure_boot", "needs_secure_boot", Kind::Any),
    same("os_shutdown_timeout", Kind::Int),
    same("ramdisk_id", Kind::Any),
    same("vm_mode", Kind::Any),
    same("hw_cpu_sockets", Kind::Int),
    same("hw_cpu_cores", Kind::Int),
    same("hw_cpu_threads", Kind::Int),
    same("hw_disk_bus", Kind::Any),
    same("hw_cpu_policy", Kind::Any),
    same("hw_cpu_thread_policy", Kind::Any),
    same("hw_rng_model", Kind::Any),
    same("hw_machine_type", Kind::Any),
    same("hw_scsi_model", Kind::Any),
    same("hw_serial_port_count", Kind::Int),
    same("hw_video_model", Kind::Any),
    same("hw_video_ram", Kind::Int),
    same("hw_watchdog_action", Kind::Any),
    same("os_command_line", Kind::Any),
    same("hw_vif_model", Kind::Any),
    renamed(
        "hw_vif_multiqueue_enabled",
        "is_hw_vif_multiqueue_enabled",
        Kind::LooseBool,
    ),
    renamed("hw_boot_menu", "is_hw_boot_menu_enabled", Kind::LooseBool),
    same("vmware_adaptertype", Kind::Any),
    same("vmware_ostype", Kind::Any),
    renamed("auto_disk_config", "has_auto_disk_config", Kind::Any),
    same("os_type", Kind::Any),
    same("os_admin_user", Kind::Any),
];

/// The rest of them; two arrays, so that the longer stays readable.
const VERY_LAST: [Key; 2] = [
    same("hw_qemu_guest_agent", Kind::Text),
    same("os_require_quiesce", Kind::LooseBool),
];

/// Fields under a name of openstacksdk's own.
const RENAMED_FIELDS: [(&str, &str); 2] = [("is_protected", "protected"), ("owner_id", "owner")];

fn keys() -> impl Iterator<Item = &'static Key> {
    FIRST.iter().chain(&LAST).chain(&VERY_LAST)
}

/// An image's fields by their names on the wire, all of them, missing ones as null.
fn fields(image: &Image) -> Map<String, Value> {
    let fields = json!({
        "checksum": image.checksum,
        "container_format": image.container_format,
        "created_at": image.created_at,
        "disk_format": image.disk_format,
        "file": image.file,
        "id": image.id,
        "min_disk": image.min_disk,
        "min_ram": image.min_ram,
        "name": image.name,
        "owner": image.owner,
        "protected": image.protected,
        "schema": image.schema,
        "size": image.size,
        "status": image.status,
        "updated_at": image.updated_at,
        "virtual_size": image.virtual_size,
        "visibility": image.visibility,
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// The image as `image show` and `image create` print it.
pub(super) fn record(image: &Image, human_readable: bool) -> Record {
    let mut cells: Vec<(String, Cell)> = fields(image)
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name, Cell::Plain(value)))
        .collect();
    if human_readable {
        for (name, cell) in &mut cells {
            if let ("size", Cell::Plain(Value::Number(size))) = (name.as_str(), &*cell) {
                *cell = Cell::text(format_size(size.as_f64().unwrap_or_default()));
            }
        }
    }
    cells.push(("tags".to_owned(), tags(image)));
    let properties = properties(image);
    if !properties.is_empty() {
        cells.push(("properties".to_owned(), Cell::Dict(properties)));
    }
    cells.sort_by(|(a, _), (b, _)| a.cmp(b));
    Record { fields: cells }
}

pub(super) fn tags(image: &Image) -> Cell {
    Cell::List(image.tags.iter().map(|tag| json!(tag)).collect())
}

/// Everything that is no field: known keys without a value are left out, unknown ones are kept as they are.
fn properties(image: &Image) -> Map<String, Value> {
    let mut properties = Map::new();
    let known = |keys: &'static [Key], properties: &mut Map<String, Value>| {
        for key in keys {
            if let Some(value) = image
                .properties
                .get(key.wire)
                .filter(|value| !value.is_null())
            {
                properties.insert(key.wire.to_owned(), converted(value, key.kind));
            }
        }
    };
    known(&FIRST, &mut properties);
    for (name, value) in custom(image) {
        properties.insert(name.clone(), value.clone());
    }
    known(&LAST, &mut properties);
    known(&VERY_LAST, &mut properties);
    properties
}

/// The keys openstacksdk has never heard of.
fn custom(image: &Image) -> impl Iterator<Item = (&String, &Value)> {
    image
        .properties
        .iter()
        .filter(|(name, _)| !keys().any(|key| key.wire == name.as_str()))
}

/// The value of a key that openstacksdk has not heard of.
pub(super) fn custom_property<'a>(image: &'a Image, name: &str) -> Option<&'a Value> {
    custom(image).find_map(|(key, value)| (key == name).then_some(value))
}

/// The value of one of openstacksdk's attributes, null if the image has none; `None` if there is no such attribute.
pub(super) fn attribute(image: &Image, name: &str) -> Option<Value> {
    if name == "tags" {
        return Some(json!(image.tags));
    }
    if name == "properties" {
        return Some(Value::Object(
            custom(image)
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        ));
    }
    if let Some(key) = keys().find(|key| key.attribute == name) {
        let value = image.properties.get(key.wire).unwrap_or(&Value::Null);
        return Some(converted(value, key.kind));
    }
    let fields = fields(image);
    let wire = RENAMED_FIELDS
        .iter()
        .find_map(|(attribute, wire)| (*attribute == name).then_some(*wire));
    match wire {
        Some(wire) => fields.get(wire).cloned(),
        // `protected` is the wire's name only.
        None => fields.get(name).filter(|_| name != "protected").cloned(),
    }
}

/// The name on the wire of an attribute.
pub(super) fn wire_name(attribute: &str) -> &str {
    let of_key = keys()
        .find(|key| key.attribute == attribute)
        .map(|key| key.wire);
    let of_field = || {
        RENAMED_FIELDS
            .iter()
            .find_map(|(name, wire)| (*name == attribute).then_some(*wire))
    };
    of_key.or_else(of_field).unwrap_or(attribute)
}

/// Whether openstacksdk knows the name, as its own or as the wire's.
pub(super) fn is_known(image: &Image, name: &str) -> bool {
    attribute(image, name).is_some() || name == "protected" || keys().any(|key| key.wire == name)
}

/// Whether the image has the key, by its name on the wire.
pub(super) fn has(image: &Image, wire: &str) -> bool {
    image.properties.contains_key(wire)
        || fields(image)
            .get(wire)
            .is_some_and(|value| !value.is_null())
}

fn converted(value: &Value, kind: Kind) -> Value {
    if value.is_null() {
        return Value::Null;
    }
    match (kind, value) {
        (Kind::Bool, value) => Value::Bool(is_truthy(value)),
        (Kind::Int, Value::String(text)) => json!(digits(text)),
        (Kind::Int, Value::Bool(value)) => json!(i64::from(*value)),
        (Kind::Float, Value::String(text)) => text
            .trim()
            .parse::<f64>()
            .map_or(json!(0.0), |number| json!(number)),
        (Kind::Float, Value::Number(number)) => json!(number.as_f64()),
        (Kind::LooseBool, Value::String(text)) => {
            let word = text.trim().to_lowercase();
            Value::Bool(["1", "t", "true", "on", "y", "yes"].contains(&word.as_str()))
        }
        (Kind::LooseBool, Value::Number(number)) => Value::Bool(number.as_i64() == Some(1)),
        (Kind::Text, value) => Value::String(crate::output::to_text(value)),
        (Kind::Map, Value::Object(_)) => value.clone(),
        (Kind::Map, _) => json!({}),
        _ => value.clone(),
    }
}

/// Compat: openstacksdk makes 0 of every text that is not digits alone.
fn digits(text: &str) -> u64 {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().unwrap_or(0)
    } else {
        0
    }
}

fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(body: Value) -> Image {
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn properties_stand_in_the_order_of_openstacksdk() {
        let image = image(json!({
            "id": "71c675ab-d94f-49cd-a114-e12490b328d9", "os_type": "linux", "zebra": null, "os_hash_value": null,
            "os_hidden": false, "hw_cpu_cores": "4", "apple": "1", "hw_boot_menu": "Yes", "os_version": null,
        }));
        let shown = properties(&image);
        let shown: Vec<String> = shown
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        assert_eq!(
            shown,
            [
                "os_hidden=false",
                "zebra=null",
                "apple=\"1\"",
                "hw_cpu_cores=4",
                "hw_boot_menu=true",
                "os_type=\"linux\""
            ]
        );
    }

    #[test]
    fn attributes_are_found_by_the_names_of_openstacksdk() {
        let image = image(json!({
            "id": "71c675ab-d94f-49cd-a114-e12490b328d9", "protected": true, "owner": "p", "x": "y",
        }));
        assert_eq!(attribute(&image, "is_protected"), Some(json!(true)));
        assert_eq!(attribute(&image, "protected"), None);
        assert_eq!(attribute(&image, "owner_id"), Some(json!("p")));
        assert_eq!(attribute(&image, "os_distro"), Some(Value::Null));
        assert_eq!(attribute(&image, "x"), None);
        assert_eq!(wire_name("is_hidden"), "os_hidden");
        assert!(is_known(&image, "os_hidden") && !is_known(&image, "x"));
    }
}
