//! Namespaces as files: read as Glance's loader reads them, written so that it can read them again.
//!
//! Definitions are kept as the file has them. Finding and opening files is not done here.

use serde_json::{Map, Value, json};
use thiserror::Error;
use vidimus_db::{
    NamespaceContent, NamespaceFields, NamespaceRecord, NewAssociation, NewNamespace, NewObject,
};
use vidimus_types::Visibility;

use super::{body::text, body::texts, namespaces::OWNER_OF_NOBODY};

/// A file that holds no namespace.
#[derive(Debug, Error)]
pub enum FileError {
    /// It is no JSON.
    #[error("it is not JSON")]
    NotJson(#[from] serde_json::Error),
    /// Something has to be there and is not, or is of another type.
    #[error("`{0}` is missing or of the wrong type")]
    Unusable(&'static str),
}

/// Reads a file.
///
/// # Errors
/// The first thing in it that cannot be used.
pub fn namespace_from_file(content: &[u8]) -> Result<NewNamespace, FileError> {
    let Value::Object(file) = serde_json::from_slice(content)? else {
        return Err(FileError::Unusable("namespace"));
    };
    let fields = NamespaceFields {
        namespace: text(&file, "namespace").ok_or(FileError::Unusable("namespace"))?,
        display_name: text(&file, "display_name"),
        description: text(&file, "description"),
        visibility: match file.get("visibility").and_then(Value::as_str) {
            Some("public") => Visibility::Public,
            _ => Visibility::Private,
        },
        protected: file.get("protected") == Some(&Value::Bool(true)),
        owner: text(&file, "owner").unwrap_or_else(|| OWNER_OF_NOBODY.to_owned()),
    };
    let associations = list(&file, "resource_type_associations")?
        .into_iter()
        .map(|item| {
            Ok(NewAssociation {
                name: text(item, "name").ok_or(FileError::Unusable("name"))?,
                prefix: text(item, "prefix"),
                properties_target: text(item, "properties_target"),
            })
        })
        .collect::<Result<_, FileError>>()?;
    let objects = list(&file, "objects")?
        .into_iter()
        .map(|item| {
            Ok(NewObject {
                name: text(item, "name").ok_or(FileError::Unusable("name"))?,
                description: text(item, "description"),
                // Compat: Glance's loader forgets these.
                required: texts(item, "required").unwrap_or_default(),
                properties: definitions(item)?,
            })
        })
        .collect::<Result<_, FileError>>()?;
    let tags = list(&file, "tags")?
        .into_iter()
        .map(|item| text(item, "name").ok_or(FileError::Unusable("name")))
        .collect::<Result<_, FileError>>()?;
    Ok(NewNamespace {
        fields,
        associations,
        objects,
        properties: definitions(&file)?,
        tags,
    })
}

/// A namespace as the content of a file.
pub fn exported_namespace(record: &NamespaceRecord, content: &NamespaceContent) -> Value {
    let associations: Vec<Value> = content
        .associations
        .iter()
        .map(|association| {
            json!({
                "name": association.name,
                "prefix": association.prefix,
                "properties_target": association.properties_target,
            })
        })
        .collect();
    let properties: Map<String, Value> = content
        .properties
        .iter()
        .map(|property| (property.name.clone(), property.definition.clone()))
        .collect();
    let objects: Vec<Value> = content
        .objects
        .iter()
        .map(|object| {
            json!({
                "name": object.name,
                "description": object.description,
                "required": object.required,
                "properties": object.properties,
            })
        })
        .collect();
    // The oldest first, so that loading them makes the newest the last again.
    let tags: Vec<Value> = content
        .tags
        .iter()
        .rev()
        .map(|tag| json!({"name": tag.name}))
        .collect();
    json!({
        "namespace": record.namespace,
        "display_name": record.display_name,
        "description": record.description,
        "visibility": record.visibility.as_str(),
        "protected": record.protected,
        "owner": record.owner,
        "resource_type_associations": associations,
        "properties": properties,
        "objects": objects,
        "tags": tags,
    })
}

fn list<'a>(
    file: &'a Map<String, Value>,
    name: &'static str,
) -> Result<Vec<&'a Map<String, Value>>, FileError> {
    match file.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_object().ok_or(FileError::Unusable(name)))
            .collect(),
        Some(_) => Err(FileError::Unusable(name)),
    }
}

fn definitions(file: &Map<String, Value>) -> Result<Map<String, Value>, FileError> {
    match file.get("properties") {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(definitions)) => Ok(definitions.clone()),
        Some(_) => Err(FileError::Unusable("properties")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_file_gets_defaults() {
        let new =
            namespace_from_file(br#"{"namespace": "n", "objects": [{"name": "o"}]}"#).unwrap();
        assert_eq!(new.fields.owner, "admin");
        assert_eq!(new.fields.visibility, Visibility::Private);
        assert!(!new.fields.protected);
        assert_eq!(new.objects[0].properties, Map::new());
        assert!(new.tags.is_empty());
    }

    #[test]
    fn what_is_no_namespace_is_refused() {
        for content in [
            "{",
            "[]",
            "{}",
            r#"{"namespace": 5}"#,
            r#"{"namespace": "n", "tags": [{}]}"#,
            r#"{"namespace": "n", "tags": {}}"#,
            r#"{"namespace": "n", "objects": ["o"]}"#,
            r#"{"namespace": "n", "properties": []}"#,
            r#"{"namespace": "n", "resource_type_associations": [{"prefix": "p"}]}"#,
        ] {
            assert!(
                namespace_from_file(content.as_bytes()).is_err(),
                "{content}"
            );
        }
    }
}
