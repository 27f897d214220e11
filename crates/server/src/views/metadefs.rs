//! Metadata definitions as the API shows them. Compat: what has no value is left out and not null.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use vidimus_service::{
    AssociationRecord, MetadefTagRecord, NamespaceRecord, PropertyRecord, ResourceTypeRecord,
    metadefs::{NamespaceWithContent, Object},
};
use vidimus_types::{iso_seconds, schema::metadefs::stored_property};

/// A namespace with whatever of its content is at hand.
pub(crate) fn namespace_view(record: &NamespaceRecord, content: Map<String, Value>) -> Value {
    let mut view = Map::new();
    view.insert("namespace".to_owned(), json!(record.namespace));
    set_some(&mut view, "display_name", record.display_name.as_deref());
    set_some(&mut view, "description", record.description.as_deref());
    view.insert("visibility".to_owned(), json!(record.visibility));
    view.insert("protected".to_owned(), json!(record.protected));
    view.insert("owner".to_owned(), json!(record.owner));
    set_times(&mut view, record.created_at, record.updated_at);
    view.extend(content);
    view.insert("self".to_owned(), namespace_link(record).into());
    view.insert("schema".to_owned(), json!("/v2/schemas/metadefs/namespace"));
    Value::Object(view)
}

/// Where a namespace is.
fn namespace_link(record: &NamespaceRecord) -> String {
    format!("/v2/metadefs/namespaces/{}", record.namespace)
}

/// A namespace with all that is in it; kinds of which there is nothing are left out.
pub(crate) fn whole_namespace_view(shown: &NamespaceWithContent) -> Value {
    let NamespaceWithContent { record, content } = shown;
    let mut members = Map::new();
    set_list(
        &mut members,
        "resource_type_associations",
        content.associations.iter().map(association_view),
    );
    if !content.properties.is_empty() {
        members.insert(
            "properties".to_owned(),
            properties_view(&content.properties),
        );
    }
    let objects = content.objects.iter().cloned().map(Object::from);
    set_list(
        &mut members,
        "objects",
        objects.map(|object| object_view(&record.namespace, &object)),
    );
    set_list(
        &mut members,
        "tags",
        content.tags.iter().map(|tag| json!({"name": tag.name})),
    );
    namespace_view(record, members)
}

/// A namespace in a list.
pub(crate) fn listed_namespace_view(
    record: &NamespaceRecord,
    associations: &[AssociationRecord],
) -> Value {
    let mut members = Map::new();
    set_list(
        &mut members,
        "resource_type_associations",
        associations.iter().map(association_view),
    );
    namespace_view(record, members)
}

/// An object of the namespace of this name.
pub(crate) fn object_view(namespace: &str, object: &Object) -> Value {
    let mut view = Map::new();
    view.insert("name".to_owned(), json!(object.name));
    if let Some(required) = &object.required {
        view.insert("required".to_owned(), json!(required));
    }
    set_some(&mut view, "description", object.description.as_deref());
    if let Some(properties) = &object.properties {
        let shown: Map<String, Value> = properties
            .iter()
            .map(|(name, definition)| (name.clone(), stored_property(definition).into()))
            .collect();
        view.insert("properties".to_owned(), Value::Object(shown));
    }
    set_times(&mut view, object.created_at, object.updated_at);
    view.insert(
        "self".to_owned(),
        format!(
            "/v2/metadefs/namespaces/{namespace}/objects/{}",
            object.name
        )
        .into(),
    );
    view.insert("schema".to_owned(), json!("/v2/schemas/metadefs/object"));
    Value::Object(view)
}

/// A property. Compat: alone it always has its name; among others only if it was created alone.
pub(crate) fn property_view(property: &PropertyRecord) -> Value {
    let mut view = Map::new();
    view.insert("name".to_owned(), json!(property.name));
    for (name, value) in stored_property(&property.definition) {
        if name != "name" {
            view.insert(name, value);
        }
    }
    Value::Object(view)
}

/// Properties by name.
pub(crate) fn properties_view(properties: &[PropertyRecord]) -> Value {
    let by_name = properties.iter().map(|property| {
        let definition = stored_property(&property.definition);
        (property.name.clone(), Value::Object(definition))
    });
    Value::Object(by_name.collect())
}

/// A tag that is shown alone.
pub(crate) fn tag_view(tag: &MetadefTagRecord) -> Value {
    let mut view = Map::new();
    view.insert("name".to_owned(), json!(tag.name));
    set_times(&mut view, tag.created_at, tag.updated_at);
    Value::Object(view)
}

/// A resource type.
pub(crate) fn resource_type_view(resource_type: &ResourceTypeRecord) -> Value {
    let mut view = Map::new();
    view.insert("name".to_owned(), json!(resource_type.name));
    set_times(
        &mut view,
        resource_type.created_at,
        resource_type.updated_at,
    );
    Value::Object(view)
}

/// The association of a namespace with a resource type.
pub(crate) fn association_view(association: &AssociationRecord) -> Value {
    let mut view = Map::new();
    view.insert("name".to_owned(), json!(association.name));
    set_some(&mut view, "prefix", association.prefix.as_deref());
    let target = association.properties_target.as_deref();
    set_some(&mut view, "properties_target", target);
    set_times(&mut view, association.created_at, association.updated_at);
    Value::Object(view)
}

fn set_some(view: &mut Map<String, Value>, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        view.insert(name.to_owned(), value.into());
    }
}

fn set_list(view: &mut Map<String, Value>, name: &str, items: impl Iterator<Item = Value>) {
    let items: Vec<Value> = items.collect();
    if !items.is_empty() {
        view.insert(name.to_owned(), Value::Array(items));
    }
}

fn set_times(
    view: &mut Map<String, Value>,
    created: DateTime<Utc>,
    updated: Option<DateTime<Utc>>,
) {
    view.insert("created_at".to_owned(), iso_seconds(created).into());
    if let Some(updated) = updated {
        view.insert("updated_at".to_owned(), iso_seconds(updated).into());
    }
}
