//! The definition of a property as it is kept and shown: known members only, in one order, each of its one type.
//!
//! Compat: Glance passes definitions through typed attributes on their way in and out, which is what turns `1.5` into `1`
//! and `true` into `"True"` here.

use serde_json::{Map, Value};
use thiserror::Error;

use crate::schema::pyrepr;

/// A definition the schema lets through and that cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PropertyFault {
    /// A member nobody knows.
    #[error("Unknown attribute: {0}")]
    Unknown(String),
    /// A member that has to be there.
    #[error("Mandatory field missing: {0}")]
    Missing(&'static str),
    /// A member of another type.
    #[error("Invalid input for attribute {0}")]
    Invalid(String),
    /// A default Glance could not read again.
    #[error(
        "Error decoding your request. Either the URL or the request body contained characters that could not be decoded by Glance"
    )]
    Undecodable,
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Texts,
    Default,
    Flag,
    Integer,
    Items,
}

/// Every member, in the order they are shown in.
const MEMBERS: &[(&str, Kind)] = &[
    ("name", Kind::Text),
    ("type", Kind::Text),
    ("title", Kind::Text),
    ("description", Kind::Text),
    ("operators", Kind::Texts),
    ("default", Kind::Default),
    ("readonly", Kind::Flag),
    ("minimum", Kind::Integer),
    ("maximum", Kind::Integer),
    ("enum", Kind::Texts),
    ("pattern", Kind::Text),
    ("minLength", Kind::Integer),
    ("maxLength", Kind::Integer),
    ("confidential", Kind::Flag),
    ("items", Kind::Items),
    ("uniqueItems", Kind::Flag),
    ("minItems", Kind::Integer),
    ("maxItems", Kind::Integer),
    ("additionalItems", Kind::Flag),
];

/// What of a definition that a client sent is to be kept.
///
/// # Errors
/// The first member that cannot be kept.
pub fn property_definition(
    definition: &Map<String, Value>,
) -> Result<Map<String, Value>, PropertyFault> {
    let is_known = |name: &str| MEMBERS.iter().any(|(known, _)| *known == name);
    if let Some(name) = definition.keys().find(|name| !is_known(name)) {
        return Err(PropertyFault::Unknown(name.clone()));
    }
    let mut kept = Map::new();
    for (name, kind) in MEMBERS {
        if let Some(value) = definition.get(*name) {
            let value = convert(name, *kind, value)?;
            if matches!(kind, Kind::Default) && value.as_str().is_some_and(|text| !text.is_ascii())
            {
                return Err(PropertyFault::Undecodable);
            }
            kept.insert((*name).to_owned(), value);
        }
    }
    Ok(kept)
}

/// A definition out of the database, as it is shown. What nobody knows is left out and what is of another type stays as it
/// is: files loaded by an operator are kept as they were written, and one odd member must not hide all the others.
pub fn stored_property(definition: &Value) -> Map<String, Value> {
    let mut shown = Map::new();
    for (name, kind) in MEMBERS {
        if let Some(value) = definition.get(*name) {
            let value = convert(name, *kind, value).unwrap_or_else(|_| value.clone());
            shown.insert((*name).to_owned(), value);
        }
    }
    shown
}

fn convert(name: &str, kind: Kind, value: &Value) -> Result<Value, PropertyFault> {
    let invalid = || PropertyFault::Invalid(name.to_owned());
    if value.is_null() {
        return Ok(Value::Null);
    }
    match kind {
        Kind::Text if value.is_string() => Ok(value.clone()),
        Kind::Texts => {
            let items = value.as_array().ok_or_else(invalid)?;
            let are_texts = items.iter().all(|item| item.is_string() || item.is_null());
            are_texts.then(|| value.clone()).ok_or_else(invalid)
        }
        Kind::Default => Ok(match value {
            Value::String(_) => value.clone(),
            Value::Number(_) | Value::Bool(_) => Value::String(pyrepr::repr(value)),
            Value::Null | Value::Array(_) | Value::Object(_) => Value::Null,
        }),
        Kind::Flag => flag(value).map(Value::Bool).ok_or_else(invalid),
        Kind::Integer => integer(value).ok_or_else(invalid),
        Kind::Items => items(value.as_object().ok_or_else(invalid)?),
        Kind::Text => Err(invalid()),
    }
}

fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => Some(number.as_f64()? != 0.0),
        Value::String(word) => match word.as_str() {
            "true" | "t" | "yes" | "y" | "on" | "1" => Some(true),
            "false" | "f" | "no" | "n" | "off" | "0" => Some(false),
            _ => None,
        },
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn integer(value: &Value) -> Option<Value> {
    match value {
        Value::Number(number) if !number.is_f64() => Some(value.clone()),
        Value::Number(number) => {
            let whole = number.as_f64()?.trunc();
            // Beyond this a float cannot be told from its neighbours anyway.
            if whole.abs() < 9e18 {
                Some(Value::from(whole as i64))
            } else {
                Some(Value::from(whole))
            }
        }
        Value::String(text) => text.trim().parse::<i64>().ok().map(Value::from),
        Value::Bool(flag) => Some(Value::from(i64::from(*flag))),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn items(given: &Map<String, Value>) -> Result<Value, PropertyFault> {
    if let Some(name) = given.keys().find(|name| *name != "type" && *name != "enum") {
        return Err(PropertyFault::Unknown(format!("items.{name}")));
    }
    let mut kept = Map::new();
    match given.get("type") {
        None => return Err(PropertyFault::Missing("items.type")),
        Some(value) => {
            kept.insert("type".to_owned(), convert("items.type", Kind::Text, value)?);
        }
    }
    if let Some(value) = given.get("enum") {
        kept.insert(
            "enum".to_owned(),
            convert("items.enum", Kind::Texts, value)?,
        );
    }
    Ok(Value::Object(kept))
}
