//! Request bodies: checked by their schema, then brought into the form that is kept.
//!
//! Compat: what Glance's schemas let through and its own typed attributes then stumble over is answered by Glance with 500.
//! Here it is refused like any other bad body.

use serde_json::{Map, Value};
use vidimus_db::{NewAssociation, NewObject};
use vidimus_types::schema::metadefs::{MetadefBody, property_definition, validate_metadef};

use super::Error;
use crate::{Error as ServiceError, Result};

/// The longest name a column takes, in characters.
const NAME_LENGTH: usize = 80;

/// The members of a body that fits its schema and mentions nothing that is the server's.
pub(super) fn members(
    body: Value,
    kind: MetadefBody,
    server_owned: &[&str],
) -> Result<Map<String, Value>> {
    let Value::Object(members) = body else {
        return Err(Error::NotAnObject.into());
    };
    if let Some(name) = server_owned
        .iter()
        .find(|name| members.contains_key(**name))
    {
        return Err(ServiceError::ReadOnly((*name).to_owned()));
    }
    validate_metadef(kind, &members)
        .map_err(|error| ServiceError::SchemaMismatch(error.to_string()))?;
    Ok(members)
}

/// Attributes only the server writes, where the thing has links.
pub(super) const LINKED: &[&str] = &["self", "schema", "created_at", "updated_at"];

/// Attributes only the server writes, where it has none.
pub(super) const TIMED: &[&str] = &["created_at", "updated_at"];

/// A text, if there is one.
pub(super) fn text(members: &Map<String, Value>, name: &str) -> Option<String> {
    members.get(name)?.as_str().map(str::to_owned)
}

/// A list of texts, if there is one.
pub(super) fn texts(members: &Map<String, Value>, name: &str) -> Option<Vec<String>> {
    let items = members.get(name)?.as_array()?;
    let texts = items.iter().filter_map(Value::as_str).map(str::to_owned);
    Some(texts.collect())
}

/// Definitions of properties by name, in the form they are kept in; `None` if there is nothing of that kind.
pub(super) fn definitions(members: &Map<String, Value>) -> Result<Option<Map<String, Value>>> {
    let Some(Value::Object(given)) = members.get("properties") else {
        return Ok(None);
    };
    let mut kept = Map::new();
    for (name, definition) in given {
        let definition = definition
            .as_object()
            .ok_or_else(|| Error::WrongType(name.clone()))?;
        let definition = property_definition(definition).map_err(Error::from)?;
        kept.insert(name.clone(), Value::Object(definition));
    }
    Ok(Some(kept))
}

/// An object of its own or in a namespace to be created.
pub(super) fn object(members: &Map<String, Value>) -> Result<NewObject> {
    Ok(NewObject {
        name: text(members, "name").ok_or(Error::Missing("name"))?,
        description: text(members, "description"),
        required: texts(members, "required").unwrap_or_default(),
        properties: definitions(members)?.unwrap_or_default(),
    })
}

/// An association of its own or in a namespace to be created.
pub(super) fn association(members: &Map<String, Value>) -> Result<NewAssociation> {
    Ok(NewAssociation {
        name: text(members, "name").ok_or(Error::Missing("name"))?,
        prefix: text(members, "prefix"),
        properties_target: text(members, "properties_target"),
    })
}

/// The things of one kind in a namespace to be created, each with only the members it may have.
pub(super) fn children<'a>(
    namespace: &'a Map<String, Value>,
    name: &str,
    known: &[&str],
) -> Result<Vec<&'a Map<String, Value>>> {
    let items = namespace.get(name).and_then(Value::as_array);
    let mut children = Vec::new();
    for item in items.into_iter().flatten() {
        let child = item
            .as_object()
            .ok_or_else(|| Error::WrongType(name.to_owned()))?;
        if let Some(unknown) = child.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(Error::Unknown(unknown.clone()).into());
        }
        // Nothing is done with times in there, but they are echoed, and as texts.
        for time in TIMED {
            if child.get(*time).is_some_and(|value| !value.is_string()) {
                return Err(Error::WrongType((*time).to_owned()).into());
            }
        }
        children.push(child);
    }
    Ok(children)
}

/// Refuses a name the schema allows and the column does not.
pub(super) fn require_short(name: &str, what: &'static str) -> Result<()> {
    if name.chars().count() > NAME_LENGTH {
        return Err(Error::TooLong(what).into());
    }
    Ok(())
}

/// Refuses texts with characters beyond the Basic Multilingual Plane, which Glance's MySQL columns cannot hold.
pub(super) fn refuse_four_bytes(
    members: &Map<String, Value>,
    verb: &'static str,
    what: &'static str,
) -> Result<()> {
    match members
        .iter()
        .find_map(|(name, value)| four_bytes(name, value))
    {
        None => Ok(()),
        Some(name) => Err(Error::FourBytes {
            verb,
            what,
            field: title(name),
        }
        .into()),
    }
}

/// The name of the member that holds such characters, or is made of them.
fn four_bytes<'a>(name: &'a str, value: &'a Value) -> Option<&'a str> {
    let holds = |text: &str| text.chars().any(|letter| letter as u32 > 0xFFFF);
    if holds(name) {
        return Some("name");
    }
    match value {
        Value::String(text) => holds(text).then_some(name),
        Value::Array(items) => items.iter().find_map(|item| four_bytes(name, item)),
        Value::Object(members) => members
            .iter()
            .find_map(|(name, value)| four_bytes(name, value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// `display_name` as `Display_Name`, which is how Glance begins the sentence.
fn title(name: &str) -> String {
    let mut starts_word = true;
    name.chars()
        .map(|letter| {
            let letter = if starts_word {
                letter.to_ascii_uppercase()
            } else {
                letter.to_ascii_lowercase()
            };
            starts_word = !letter.is_alphabetic();
            letter
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(body: Value) -> Option<String> {
        let body = body.as_object().unwrap();
        refuse_four_bytes(body, "create", "object")
            .err()
            .map(|error| error.to_string())
    }

    #[test]
    fn four_bytes_are_found_wherever_they_are() {
        let says = |field: &str| {
            Some(format!(
                "Couldn't create metadata object: {field} can't contain 4 byte unicode characters."
            ))
        };
        assert_eq!(
            refused(json!({"name": "\u{ffff}ü", "required": ["a"]})),
            None
        );
        assert_eq!(
            refused(json!({"display_name": "\u{10000}"})),
            says("Display_Name")
        );
        assert_eq!(
            refused(json!({"required": ["\u{1f4bf}"]})),
            says("Required")
        );
        assert_eq!(
            refused(json!({"properties": {"a": {"items": {"enum": ["\u{1f4bf}"]}}}})),
            says("Enum")
        );
        assert_eq!(
            refused(json!({"properties": {"\u{1f4bf}": {}}})),
            says("Name")
        );
    }
}
