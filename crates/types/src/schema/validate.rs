//! Checks a value against a schema and picks the fault to report.
//!
//! Knows the keywords the image schema uses and those that make sense for a custom property, with draft 2020-12's
//! meaning, and of references those into the schema's own `definitions`. Of combinations only `allOf` is known, and
//! `format` is not enforced.
//!
//! Compat: Glance reports what Python's jsonschema calls the best match: the fault closest to the root, among equals the
//! one whose path sorts last, then one of type, then the first found.

use std::cmp::Reverse;

use regex::Regex;
use serde_json::{Map, Value};

use super::pyrepr::{indexed, pretty, repr};

/// A step into an object or an array, from a schema or a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// One keyword a value does not satisfy.
#[derive(Debug)]
pub(super) struct Fault<'a> {
    message: String,
    keyword: &'a str,
    /// The schema that has the keyword, and the way to it.
    schema: &'a Map<String, Value>,
    schema_path: Vec<Step>,
    value: &'a Value,
    value_path: Vec<Step>,
}

impl Fault<'_> {
    /// The text jsonschema makes of it.
    pub(super) fn describe(&self) -> String {
        let schema = pretty(&Value::Object(self.schema.clone())).replace('\n', "\n    ");
        let value = pretty(self.value).replace('\n', "\n    ");
        format!(
            "{message}\n\nFailed validating {keyword} in {schema_path}:\n    {schema}\n\nOn {value_path}:\n    {value}",
            message = self.message,
            keyword = repr(&Value::from(self.keyword)),
            schema_path = indexed("schema", &self.schema_path),
            value_path = indexed("instance", &self.value_path),
        )
    }

    /// Greater is more worth reporting.
    fn relevance(&self) -> (Reverse<usize>, &[Step], bool) {
        let is_of_other_type = self
            .schema
            .get("type")
            .is_none_or(|types| !is_of_type(self.value, types));
        (
            Reverse(self.value_path.len()),
            &self.value_path,
            is_of_other_type,
        )
    }
}

/// The fault to report, if there is any.
pub(super) fn worst_fault<'a>(schema: &'a Value, value: &'a Value) -> Option<Fault<'a>> {
    let mut check = Check::of(schema);
    check.apply(schema, value);
    check.faults.into_iter().reduce(|best, fault| {
        if fault.relevance() > best.relevance() {
            fault
        } else {
            best
        }
    })
}

/// The first pattern in the schema that cannot be used.
pub(super) fn unusable_pattern(schema: &Value) -> Option<String> {
    match schema {
        Value::Object(members) => members.iter().find_map(|(keyword, member)| match member {
            Value::String(pattern) if keyword == "pattern" && Regex::new(pattern).is_err() => {
                Some(pattern.clone())
            }
            other => unusable_pattern(other),
        }),
        Value::Array(items) => items.iter().find_map(unusable_pattern),
        _ => None,
    }
}

struct Check<'a> {
    root: &'a Value,
    schema_path: Vec<Step>,
    value_path: Vec<Step>,
    faults: Vec<Fault<'a>>,
}

impl<'a> Check<'a> {
    fn of(root: &'a Value) -> Self {
        Self {
            root,
            schema_path: Vec::new(),
            value_path: Vec::new(),
            faults: Vec::new(),
        }
    }

    fn apply(&mut self, schema: &'a Value, value: &'a Value) {
        // `true` allows everything; `false` occurs only as `additionalProperties` and is dealt with there.
        let Some(schema) = schema.as_object() else {
            return;
        };
        for (keyword, wanted) in schema {
            let messages = match keyword.as_str() {
                "properties" => {
                    self.apply_properties(wanted, value);
                    continue;
                }
                "additionalProperties" if wanted.is_object() => {
                    self.apply_to_others(schema, wanted, value);
                    continue;
                }
                "items" => {
                    self.apply_to_items(wanted, value);
                    continue;
                }
                "$ref" => {
                    // Compat: the step through a reference does not show in jsonschema's paths.
                    if let Some(target) = self.resolve(wanted) {
                        self.apply(target, value);
                    }
                    continue;
                }
                "allOf" => {
                    self.apply_all(wanted, value);
                    continue;
                }
                "additionalProperties" => {
                    refuse_others(schema, wanted, value).into_iter().collect()
                }
                "required" => missing(wanted, value),
                "dependentRequired" => missing_beside(wanted, value),
                keyword => unmet(keyword, wanted, value).into_iter().collect(),
            };
            for message in messages {
                self.faults.push(Fault {
                    message,
                    keyword,
                    schema,
                    schema_path: self.schema_path.clone(),
                    value,
                    value_path: self.value_path.clone(),
                });
            }
        }
    }

    fn apply_properties(&mut self, properties: &'a Value, value: &'a Value) {
        let (Some(properties), Some(members)) = (properties.as_object(), value.as_object()) else {
            return;
        };
        for (name, schema) in properties {
            if let Some(member) = members.get(name) {
                let way = vec![Step::Key("properties".to_owned()), Step::Key(name.clone())];
                self.descend(way, Step::Key(name.clone()), schema, member);
            }
        }
    }

    fn apply_to_others(
        &mut self,
        schema: &'a Map<String, Value>,
        wanted: &'a Value,
        value: &'a Value,
    ) {
        for (name, member) in others(schema, value) {
            let way = vec![Step::Key("additionalProperties".to_owned())];
            self.descend(way, Step::Key(name.clone()), wanted, member);
        }
    }

    fn apply_to_items(&mut self, wanted: &'a Value, value: &'a Value) {
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            self.descend(
                vec![Step::Key("items".to_owned())],
                Step::Index(index),
                wanted,
                item,
            );
        }
    }

    fn apply_all(&mut self, parts: &'a Value, value: &'a Value) {
        for (index, part) in parts.as_array().into_iter().flatten().enumerate() {
            let depth = self.schema_path.len();
            self.schema_path
                .extend([Step::Key("allOf".to_owned()), Step::Index(index)]);
            self.apply(part, value);
            self.schema_path.truncate(depth);
        }
    }

    fn resolve(&self, reference: &Value) -> Option<&'a Value> {
        self.root.pointer(reference.as_str()?.strip_prefix('#')?)
    }

    fn descend(&mut self, way: Vec<Step>, step: Step, schema: &'a Value, value: &'a Value) {
        let depth = self.schema_path.len();
        self.schema_path.extend(way);
        self.value_path.push(step);
        self.apply(schema, value);
        self.value_path.pop();
        self.schema_path.truncate(depth);
    }
}

/// The members of the value that `properties` does not name.
fn others<'a>(
    schema: &'a Map<String, Value>,
    value: &'a Value,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let named = schema.get("properties").and_then(Value::as_object);
    let is_named = move |name: &str| named.is_some_and(|named| named.contains_key(name));
    value
        .as_object()
        .into_iter()
        .flatten()
        .filter(move |(name, _)| !is_named(name))
}

fn refuse_others(schema: &Map<String, Value>, wanted: &Value, value: &Value) -> Option<String> {
    if *wanted != Value::Bool(false) {
        return None;
    }
    let mut names: Vec<&String> = others(schema, value).map(|(name, _)| name).collect();
    names.sort();
    let verb = if names.len() == 1 { "was" } else { "were" };
    let names: Vec<String> = names
        .into_iter()
        .map(|name| repr(&Value::from(name.as_str())))
        .collect();
    let list = names.join(", ");
    (!names.is_empty())
        .then(|| format!("Additional properties are not allowed ({list} {verb} unexpected)"))
}

fn missing(required: &Value, value: &Value) -> Vec<String> {
    let (Some(required), Some(members)) = (required.as_array(), value.as_object()) else {
        return Vec::new();
    };
    let names = required.iter().filter(|name| {
        name.as_str()
            .is_some_and(|name| !members.contains_key(name))
    });
    names
        .map(|name| format!("{} is a required property", repr(name)))
        .collect()
}

fn missing_beside(wanted: &Value, value: &Value) -> Vec<String> {
    let (Some(wanted), Some(members)) = (wanted.as_object(), value.as_object()) else {
        return Vec::new();
    };
    let mut messages = Vec::new();
    for (name, others) in wanted
        .iter()
        .filter(|(name, _)| members.contains_key(*name))
    {
        for other in others.as_array().into_iter().flatten() {
            if !other
                .as_str()
                .is_some_and(|other| members.contains_key(other))
            {
                let name = repr(&Value::from(name.as_str()));
                messages.push(format!("{} is a dependency of {name}", repr(other)));
            }
        }
    }
    messages
}

/// What is wrong by a keyword that concerns this value alone.
fn unmet(keyword: &str, wanted: &Value, value: &Value) -> Option<String> {
    let complaint = match keyword {
        "type" => {
            let names: Vec<String> = type_names(wanted).iter().map(repr).collect();
            (!is_of_type(value, wanted)).then(|| format!("is not of type {}", names.join(", ")))
        }
        "enum" => {
            let is_one = wanted
                .as_array()
                .is_some_and(|words| words.iter().any(|word| equal(word, value)));
            (!is_one).then(|| format!("is not one of {}", repr(wanted)))
        }
        "const" if !equal(wanted, value) => return Some(format!("{} was expected", repr(wanted))),
        "pattern" => {
            let (pattern, text) = (wanted.as_str()?, value.as_str()?);
            let is_match = Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text));
            (!is_match).then(|| format!("does not match {}", repr(wanted)))
        }
        "minLength" => too_few(value.as_str()?.chars().count(), wanted.as_u64()?),
        "maxLength" => too_many(value.as_str()?.chars().count(), wanted.as_u64()?),
        "minItems" => too_few(value.as_array()?.len(), wanted.as_u64()?),
        "maxItems" => too_many(value.as_array()?.len(), wanted.as_u64()?),
        "uniqueItems" => {
            let items = value.as_array()?;
            let is_repeated = items
                .iter()
                .enumerate()
                .any(|(at, item)| items[..at].iter().any(|one| equal(one, item)));
            (wanted == &Value::Bool(true) && is_repeated)
                .then(|| "has non-unique elements".to_owned())
        }
        "minimum" => beyond(
            value,
            wanted,
            |value, limit| value < limit,
            "less than the minimum of",
        ),
        "maximum" => beyond(
            value,
            wanted,
            |value, limit| value > limit,
            "greater than the maximum of",
        ),
        "exclusiveMinimum" => beyond(
            value,
            wanted,
            |value, limit| value <= limit,
            "less than or equal to the minimum of",
        ),
        "exclusiveMaximum" => beyond(
            value,
            wanted,
            |value, limit| value >= limit,
            "greater than or equal to the maximum of",
        ),
        _ => None,
    }?;
    Some(format!("{} {complaint}", repr(value)))
}

fn too_few(count: usize, limit: u64) -> Option<String> {
    let complaint = if limit == 1 {
        "should be non-empty"
    } else {
        "is too short"
    };
    ((count as u64) < limit).then(|| complaint.to_owned())
}

fn too_many(count: usize, limit: u64) -> Option<String> {
    let complaint = if limit == 0 {
        "is expected to be empty"
    } else {
        "is too long"
    };
    (count as u64 > limit).then(|| complaint.to_owned())
}

fn beyond(
    value: &Value,
    limit: &Value,
    is_beyond: fn(f64, f64) -> bool,
    words: &str,
) -> Option<String> {
    is_beyond(value.as_f64()?, limit.as_f64()?).then(|| format!("is {words} {}", repr(limit)))
}

/// A single name stands for a list of one.
fn type_names(types: &Value) -> &[Value] {
    match types {
        Value::Array(names) => names,
        name => std::slice::from_ref(name),
    }
}

fn is_of_type(value: &Value, types: &Value) -> bool {
    type_names(types)
        .iter()
        .filter_map(Value::as_str)
        .any(|name| match name {
            "null" => value.is_null(),
            "boolean" => value.is_boolean(),
            "string" => value.is_string(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            "number" => value.is_number(),
            // 1.0 is an integer, too.
            "integer" => {
                value.is_i64()
                    || value.is_u64()
                    || value.as_f64().is_some_and(|number| number.fract() == 0.0)
            }
            _ => false,
        })
}

/// 1 and 1.0 are the same number, as they are in JSON.
fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(name, a)| b.get(name).is_some_and(|b| equal(a, b)))
        }
        _ => one == other,
    }
}
