//! The schemas of bodies: those the server checks requests by and serves to clients, and by hand the few that nobody can
//! fetch.
//!
//! The former are written in an older dialect of JSON Schema. What of it means nothing any more goes, and references are
//! replaced by what they stand for, so that they mean the same in here.

use serde_json::{Map, Value, json};
use vidimus_types::schema::{
    image_schema, images_schema, member_schema, members_schema,
    metadefs::{MetadefBody, MetadefSchema},
    task::{task_schema, tasks_schema},
};

use super::{Site, operation::named};

pub(super) fn schemas(site: &Site) -> Map<String, Value> {
    let mut schemas = Map::new();
    let mut add = |name: &str, schema: Value| {
        schemas.insert(name.to_owned(), schema);
    };
    add("image", adopted(image_schema(&site.schema)));
    add("shown_image", shown("image", SHOWN_IMAGE));
    let page = adopted(images_schema(&site.schema));
    add(
        "image_page",
        list_of(
            page,
            "images",
            "shown_image",
            &["images", "first", "schema"],
        ),
    );
    add("member", adopted(member_schema()));
    add("shown_member", shown("member", SHOWN_MEMBER));
    let list = adopted(members_schema());
    add(
        "member_list",
        list_of(list, "members", "shown_member", &["members", "schema"]),
    );
    add("task", adopted(task_schema()));
    add("shown_task", shown("task", SHOWN_TASK));
    let mut page = adopted(tasks_schema());
    page["required"] = json!(["tasks", "first", "schema"]);
    add("task_page", page);
    for schema in MetadefSchema::ALL {
        let mut document = adopted(schema.document());
        let items = match schema {
            MetadefSchema::Namespaces => Some(("namespaces", "metadef_namespace")),
            MetadefSchema::Objects => Some(("objects", "metadef_object")),
            MetadefSchema::Tags => Some(("tags", "metadef_tag")),
            MetadefSchema::ResourceTypes => {
                Some(("resource_type_associations", "metadef_resource_type"))
            }
            _ => None,
        };
        if let Some((list, item)) = items {
            document = list_of(document, list, item, &[list]);
        }
        add(&format!("metadef_{}", schema.name()), document);
    }
    add(
        "metadef_tag_names",
        adopted(MetadefBody::TagList.document()),
    );
    for (name, schema) in by_hand(site) {
        add(name, schema);
    }
    schemas
}

const SHOWN_IMAGE: &[&str] = &[
    "id",
    "name",
    "status",
    "visibility",
    "protected",
    "os_hidden",
    "checksum",
    "os_hash_algo",
    "os_hash_value",
    "owner",
    "size",
    "virtual_size",
    "container_format",
    "disk_format",
    "created_at",
    "updated_at",
    "tags",
    "min_ram",
    "min_disk",
    "self",
    "file",
    "schema",
];
const SHOWN_MEMBER: &[&str] = &[
    "member_id",
    "image_id",
    "status",
    "created_at",
    "updated_at",
    "schema",
];
const SHOWN_TASK: &[&str] = &[
    "id",
    "type",
    "status",
    "owner",
    "input",
    "result",
    "message",
    "created_at",
    "updated_at",
    "self",
    "schema",
];

/// What requests are checked by, with what an answer always has.
fn shown(name: &str, required: &[&str]) -> Value {
    json!({"allOf": [named(name)], "required": required})
}

/// A list whose items are known under a name.
fn list_of(mut list: Value, name: &str, item: &str, required: &[&str]) -> Value {
    list["properties"][name]["items"] = named(item);
    list["required"] = json!(required);
    list
}

fn adopted(mut schema: Value) -> Value {
    let mut definitions = Value::Null;
    if let Some(schema) = schema.as_object_mut() {
        schema.shift_remove("name");
        schema.shift_remove("links");
        definitions = schema.shift_remove("definitions").unwrap_or_default();
    }
    let mut adopted = Map::from_iter([("type".to_owned(), json!("object"))]);
    if let Value::Object(schema) = inlined(schema, &definitions) {
        adopted.extend(schema);
    }
    Value::Object(adopted)
}

fn inlined(schema: Value, definitions: &Value) -> Value {
    match schema {
        Value::Object(members) => {
            let reference = members.get("$ref").and_then(Value::as_str);
            if let Some(name) = reference.and_then(|text| text.strip_prefix("#/definitions/")) {
                return inlined(definitions[name].clone(), definitions);
            }
            members
                .into_iter()
                .map(|(name, member)| (name, inlined(member, definitions)))
                .collect()
        }
        Value::Array(items) => items
            .into_iter()
            .map(|item| inlined(item, definitions))
            .collect(),
        other => other,
    }
}

/// An object with these members, all of which are there.
fn object(properties: Value) -> Value {
    let required: Vec<String> = properties
        .as_object()
        .map(|properties| properties.keys().cloned().collect())
        .unwrap_or_default();
    json!({"type": "object", "properties": properties, "required": required})
}

fn list(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

fn by_hand(site: &Site) -> Vec<(&'static str, Value)> {
    let text = || json!({"type": "string"});
    let count = || json!({"type": "integer", "minimum": 0});
    let uuid = || json!({"type": "string", "format": "uuid"});
    let any_object = || json!({"type": "object"});
    let mut schemas = vec![
        (
            "error",
            object(json!({"message": text(), "code": text(), "title": text()})),
        ),
        (
            "health",
            object(json!({"detailed": {"type": "boolean"}, "reasons": list(text())})),
        ),
        (
            "versions",
            object(json!({"versions": list(object(json!({
                "id": {"type": "string", "pattern": "^v2\\.[0-9]+$"},
                "status": {"type": "string", "enum": ["CURRENT", "SUPPORTED"]},
                "links": list(object(json!({"rel": text(), "href": text()}))),
            })))})),
        ),
        (
            "json_schema",
            object(json!({"name": text(), "properties": any_object()})),
        ),
        (
            "import_methods",
            object(json!({"import-methods": object(json!({
                "description": text(), "type": text(), "value": list(text()),
            }))})),
        ),
        ("stores", object(json!({"stores": list(store(&[]))}))),
        (
            "stores_in_detail",
            object(json!({"stores": list(store(&["type", "weight", "properties"]))})),
        ),
        (
            "usage",
            object(
                json!({"usage": {"type": "object", "additionalProperties": object(json!({
                    "usage": count(), "limit": {"type": "integer"},
                }))}}),
            ),
        ),
        ("cached_image", cached_image()),
        (
            "cached_images",
            object(json!({"cached_images": list(named("cached_image"))})),
        ),
        (
            "queued_images",
            object(json!({"queued_images": list(uuid())})),
        ),
        (
            "cache",
            object(
                json!({"cached_images": list(named("cached_image")), "queued_images": list(uuid())}),
            ),
        ),
        ("deleted_count", object(json!({"num_deleted": count()}))),
        (
            "pruned",
            object(json!({"total_files_pruned": count(), "total_bytes_pruned": count()})),
        ),
        (
            "new_member",
            object(json!({"member": {"type": "string", "minLength": 1, "maxLength": 255}})),
        ),
        (
            "member_answer",
            json!({
                "type": "object",
                "properties": {"status": member_schema()["properties"]["status"]},
                "required": ["status"],
            }),
        ),
        ("image_tasks", object(json!({"tasks": list(raw_task())}))),
        ("import_request", import_request(site)),
        (
            "locations",
            list(json!({
                "type": "object",
                "properties": {"url": text(), "metadata": any_object()},
                "required": ["url", "metadata"],
            })),
        ),
        ("location_request", location_request()),
        (
            "openapi_document",
            object(json!({"openapi": text(), "info": any_object(), "paths": any_object()})),
        ),
    ];
    schemas.extend(patches());
    schemas.push((
        "metadef_known_resource_types",
        object(json!({"resource_types": list(json!({
            "type": "object",
            "properties": {"name": text(), "created_at": time(), "updated_at": time()},
            "required": ["name", "created_at"],
        }))})),
    ));
    schemas
}

fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

fn store(more: &[&str]) -> Value {
    let members = [
        ("id", json!({"type": "string"})),
        ("description", json!({"type": "string"})),
        ("default", json!({"type": "string", "enum": ["true"]})),
        ("read-only", json!({"type": "string", "enum": ["true"]})),
        ("type", json!({"type": "string"})),
        ("weight", json!({"type": "integer"})),
        ("properties", json!({"type": "object"})),
    ];
    let shown: Map<String, Value> = members
        .into_iter()
        .filter(|(name, _)| {
            !matches!(*name, "type" | "weight" | "properties") || more.contains(name)
        })
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect();
    let required: Vec<&str> = ["id"].iter().chain(more).copied().collect();
    json!({"type": "object", "properties": shown, "required": required})
}

fn cached_image() -> Value {
    json!({
        "type": "object",
        "properties": {
            "id": {"type": "integer", "description": "The number of the record, where there is one"},
            "image_id": {"type": "string", "format": "uuid"},
            "last_accessed": {"type": "number", "description": "When it was last served, in seconds since 1970"},
            "last_modified": {"type": "number", "description": "When it came into the cache, in seconds since 1970"},
            "size": {"type": "integer", "description": "How many bytes it takes", "minimum": 0},
            "hits": {"type": "integer", "description": "How often it was served", "minimum": 0},
            "checksum": {"type": "null"},
        },
        "required": ["image_id", "last_accessed", "last_modified", "size", "hits"],
    })
}

/// A task as it stands in the database: no links, times without a zone.
fn raw_task() -> Value {
    let mut schema = adopted(task_schema());
    let null_or_text = || json!({"type": ["null", "string"]});
    if let Some(properties) = schema["properties"].as_object_mut() {
        properties.shift_remove("self");
        properties.shift_remove("schema");
        for name in ["message", "image_id", "request_id", "user_id", "deleted_at"] {
            properties.insert(name.to_owned(), null_or_text());
        }
        properties.insert("deleted".to_owned(), json!({"type": "boolean"}));
        let names: Vec<String> = properties.keys().cloned().collect();
        schema["required"] = json!(names);
    }
    schema
}

fn location_request() -> Value {
    json!({
        "type": "object",
        "properties": {
            "url": {"type": "string", "description": "Where the data lies"},
            "validation_data": {
                "type": "object",
                "description": "A hash the data must have; both or none",
                "properties": {
                    "os_hash_algo": {"type": "string", "enum": ["sha1", "sha256", "sha512", "md5"]},
                    "os_hash_value": {"type": "string", "maxLength": 128},
                },
                "additionalProperties": false,
            },
        },
        "required": ["url"],
    })
}

fn import_request(site: &Site) -> Value {
    json!({
        "type": "object",
        "properties": {
            "method": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "enum": site.import_methods},
                    "uri": {"type": "string", "format": "uri", "description": "For `web-download`: where the data is"},
                },
                "required": ["name"],
            },
            "stores": {
                "type": "array",
                "items": {"type": "string"},
                "minItems": 1,
                "description": "The stores to put the data into",
            },
            "all_stores": {"type": "boolean", "description": "All of them"},
            "all_stores_must_succeed": {
                "type": "boolean",
                "description": "Whether one that fails makes the import fail",
                "default": true,
            },
        },
        "required": ["method"],
    })
}

/// The two dialects of a patch.
fn patches() -> [(&'static str, Value); 2] {
    let path = || json!({"type": "string", "pattern": "^/", "examples": ["/name"]});
    let draft_4 = |verb: &str| object(json!({verb: path(), "value": {}}));
    let old =
        json!({"anyOf": [draft_4("add"), draft_4("replace"), object(json!({"remove": path()}))]});
    let new = json!({"anyOf": [
        object(json!({"op": {"type": "string", "enum": ["add", "replace"]}, "path": path(), "value": {}})),
        object(json!({"op": {"type": "string", "enum": ["remove"]}, "path": path()})),
    ]});
    [
        ("image_patch_v2_0", list(old)),
        ("image_patch_v2_1", list(new)),
    ]
}
