//! The schema documents. Key order counts: it is the order clients see, and the order in which faults are found.

use serde_json::{Map, Value, json};

use super::{MetadefBody, MetadefSchema};

pub(super) fn document(schema: MetadefSchema) -> Value {
    match schema {
        MetadefSchema::Namespace => namespace(),
        MetadefSchema::Namespaces => collection("namespaces", namespace()),
        MetadefSchema::Object => object(),
        MetadefSchema::Objects => collection("objects", object()),
        MetadefSchema::Property => property(&["type", "title", "name"]),
        MetadefSchema::Properties => by_name("properties", property(&["type", "title"])),
        MetadefSchema::Tag => tag(),
        MetadefSchema::Tags => collection("tags", tag()),
        MetadefSchema::ResourceType => association(),
        MetadefSchema::ResourceTypes => collection("resource_type_associations", association()),
    }
}

pub(super) fn checked(body: MetadefBody) -> Value {
    match body {
        MetadefBody::Namespace => namespace(),
        MetadefBody::Object => object(),
        MetadefBody::Property => property(&["type", "title", "name"]),
        MetadefBody::MemberProperty => property(&["type", "title"]),
        MetadefBody::Tag => tag(),
        MetadefBody::TagList => schema("tags", tag_list(), None, &[]),
        MetadefBody::Association => association(),
    }
}

fn schema(name: &str, properties: Value, definitions: Option<Value>, required: &[&str]) -> Value {
    let mut document = Map::new();
    document.insert("name".to_owned(), name.into());
    document.insert("properties".to_owned(), properties);
    document.insert("additionalProperties".to_owned(), false.into());
    if let Some(definitions) = definitions {
        document.insert("definitions".to_owned(), definitions);
    }
    if !required.is_empty() {
        document.insert("required".to_owned(), json!(required));
    }
    Value::Object(document)
}

/// The schema of an array of items.
fn collection(name: &str, item: Value) -> Value {
    list(name, item, |item| json!({"type": "array", "items": item}))
}

/// The schema of an object whose members are items.
fn by_name(name: &str, item: Value) -> Value {
    list(
        name,
        item,
        |item| json!({"type": "object", "additionalProperties": item}),
    )
}

fn list(name: &str, mut item: Value, wrap: fn(Value) -> Value) -> Value {
    // The definitions move to the top, where references look for them.
    let definitions = item
        .as_object_mut()
        .and_then(|item| item.shift_remove("definitions"));
    let mut properties = Map::new();
    properties.insert(name.to_owned(), wrap(item));
    for link in ["first", "next", "schema"] {
        properties.insert(link.to_owned(), json!({"type": "string"}));
    }
    let mut document = Map::new();
    document.insert("name".to_owned(), name.into());
    document.insert("properties".to_owned(), Value::Object(properties));
    document.insert(
        "links".to_owned(),
        json!([
            {"rel": "first", "href": "{first}"},
            {"rel": "next", "href": "{next}"},
            {"rel": "describedby", "href": "{schema}"},
        ]),
    );
    if let Some(definitions) = definitions {
        document.insert("definitions".to_owned(), definitions);
    }
    Value::Object(document)
}

fn text(max_length: u32, description: &str) -> Value {
    json!({"type": "string", "description": description, "maxLength": max_length})
}

fn time(description: &str) -> Value {
    json!({"type": "string", "readOnly": true, "description": description, "format": "date-time"})
}

fn link() -> Value {
    json!({"readOnly": true, "type": "string"})
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/definitions/{name}")})
}

fn namespace() -> Value {
    let properties = json!({
        "namespace": text(80, "The name of the namespace, which no other has"),
        "display_name": text(80, "A name for people, shown in place of the other where there is one"),
        "description": text(500, "What the namespace is about"),
        "visibility": {
            "type": "string",
            "description": "Who can see the namespace",
            "enum": ["public", "private"],
        },
        "protected": {"type": "boolean", "description": "Whether the namespace refuses to be deleted"},
        "owner": text(255, "The project the namespace belongs to"),
        "created_at": time("When the namespace was created"),
        "updated_at": time("When the namespace was last changed"),
        "schema": link(),
        "self": link(),
        "resource_type_associations": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "prefix": {"type": "string"},
                    "properties_target": {"type": "string"},
                },
            },
        },
        "properties": reference("property"),
        "objects": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "description": {"type": "string"},
                    "required": reference("stringArray"),
                    "properties": reference("property"),
                },
            },
        },
        "tags": {
            "type": "array",
            "items": {"type": "object", "properties": {"name": {"type": "string"}}},
        },
    });
    schema("namespace", properties, Some(definitions()), &["namespace"])
}

fn object() -> Value {
    let properties = json!({
        "name": {"type": "string", "maxLength": 80},
        "description": {"type": "string"},
        "required": reference("stringArray"),
        "properties": reference("property"),
        "schema": link(),
        "self": link(),
        "created_at": time("When the object was created"),
        "updated_at": time("When the object was last changed"),
    });
    schema("object", properties, Some(definitions()), &["name"])
}

fn property(required: &[&str]) -> Value {
    let mut definitions = numbers();
    definitions.insert(
        "stringArray".to_owned(),
        json!({"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": true}),
    );
    schema(
        "property",
        property_members(),
        Some(Value::Object(definitions)),
        required,
    )
}

fn tag() -> Value {
    let properties = json!({
        "name": {"type": "string", "maxLength": 80},
        "created_at": time("When the tag was created"),
        "updated_at": time("When the tag was last changed"),
    });
    schema("tag", properties, None, &["name"])
}

fn tag_list() -> Value {
    json!({
        "tags": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}},
                "required": ["name"],
                "additionalProperties": false,
            },
        },
    })
}

fn association() -> Value {
    let properties = json!({
        "name": text(80, "The name of the resource type, best the one Heat uses for it"),
        "prefix": text(
            80,
            "What comes before the names of the namespace's properties when they are used on this resource type, \
             with the separator",
        ),
        "properties_target": text(
            80,
            "Which of several sets of properties is meant, where the resource type has several; on volumes, for \
             example, `image` for those the volume has from its image",
        ),
        "created_at": time("When the association was made"),
        "updated_at": time("When the association was last changed"),
    });
    schema("resource_type_association", properties, None, &["name"])
}

fn definitions() -> Value {
    let mut definitions = numbers();
    definitions.insert(
        "stringArray".to_owned(),
        json!({"type": "array", "items": {"type": "string"}, "uniqueItems": true}),
    );
    definitions.insert(
        "property".to_owned(),
        json!({
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["title", "type"],
                "properties": property_members(),
            },
        }),
    );
    Value::Object(definitions)
}

fn numbers() -> Map<String, Value> {
    let mut definitions = Map::new();
    definitions.insert(
        "positiveInteger".to_owned(),
        json!({"type": "integer", "minimum": 0}),
    );
    definitions.insert(
        "positiveIntegerDefault0".to_owned(),
        json!({"allOf": [{"$ref": "#/definitions/positiveInteger"}, {"default": 0}]}),
    );
    definitions
}

fn property_members() -> Value {
    let types = json!({
        "type": "string",
        "enum": ["array", "boolean", "integer", "number", "object", "string", null],
    });
    json!({
        "name": {"type": "string", "maxLength": 80},
        "title": {"type": "string"},
        "description": {"type": "string"},
        "operators": {"type": "array", "items": {"type": "string"}},
        "type": types,
        "required": reference("stringArray"),
        "minimum": {"type": "number"},
        "maximum": {"type": "number"},
        "maxLength": reference("positiveInteger"),
        "minLength": reference("positiveIntegerDefault0"),
        "pattern": {"type": "string", "format": "regex"},
        "enum": {"type": "array"},
        "readonly": {"type": "boolean"},
        "default": {},
        "items": {
            "type": "object",
            "properties": {"type": types, "enum": {"type": "array"}},
        },
        "maxItems": reference("positiveInteger"),
        "minItems": reference("positiveIntegerDefault0"),
        "uniqueItems": {"type": "boolean", "default": false},
        "additionalItems": {"type": "boolean"},
    })
}
