//! JSON patch as the Image API takes it.
//!
//! Two dialects: media type `…-v2.1-json-patch` is RFC 6902's `{"op", "path", "value"}` cut down to add, remove and
//! replace; `…-v2.0-json-patch` is draft 4's `{"add": "/path", "value"}`. Paths name one attribute; only `locations`
//! has a second level. What a change does to an image is not decided here.

use serde_json::{Map, Value};
use thiserror::Error;

/// Which dialect the body is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchDialect {
    /// `application/openstack-images-v2.0-json-patch`, draft 4.
    V20,
    /// `application/openstack-images-v2.1-json-patch`, draft 10.
    V21,
}

impl PatchDialect {
    /// The media types a PATCH may have, as the `Accept-Patch` header lists them.
    pub const MEDIA_TYPES: &'static str = "application/openstack-images-v2.0-json-patch, application/openstack-images-v2.1-json-patch";

    /// Both.
    pub const ALL: [Self; 2] = [Self::V20, Self::V21];

    /// The media type that stands for the dialect.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::V20 => "application/openstack-images-v2.0-json-patch",
            Self::V21 => "application/openstack-images-v2.1-json-patch",
        }
    }

    /// The dialect a media type (without parameters) stands for.
    pub fn from_media_type(media_type: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|dialect| dialect.media_type() == media_type)
    }
}

/// What a change does.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// Sets an attribute, whether it was there or not (draft 4: only if it was not).
    Add(Value),
    /// Takes an attribute away.
    Remove,
    /// Sets an attribute that is there.
    Replace(Value),
}

/// One step of a patch, with its path decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What to do.
    pub operation: Operation,
    /// The attribute.
    pub attribute: String,
    /// The position in `locations`; `None` for every other attribute.
    pub position: Option<String>,
    /// The dialect it was written in, since add means something else in draft 4.
    pub dialect: PatchDialect,
}

/// Why a patch was refused. The text is what the client is told.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatchError {
    /// The document is not a patch, or a value does not fit its attribute.
    #[error("{0}")]
    Malformed(String),
    /// The server owns the attribute.
    #[error("Attribute '{0}' is read-only.")]
    ReadOnly(String),
    /// The name is not for clients.
    #[error("Attribute '{0}' is reserved.")]
    Reserved(String),
}

const READ_ONLY: &[&str] = &[
    "created_at",
    "updated_at",
    "status",
    "checksum",
    "size",
    "virtual_size",
    "direct_url",
    "self",
    "file",
    "schema",
    "id",
    "os_hash_algo",
    "os_hash_value",
];

const RESERVED: &[&str] = &["location", "deleted", "deleted_at"];

/// Whether clients may not use the name for a property of their own: `location`, `deleted`, `deleted_at`, and all that
/// begins with `os_glance`.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name) || name.starts_with("os_glance")
}

/// Reads the body of a PATCH.
///
/// `validate` says whether a partial image fits the schema, or what is wrong. Every change is checked to the end before
/// the next one is looked at, so the first mistake is the one reported.
pub fn parse_patch(
    body: &Value,
    dialect: PatchDialect,
    validate: impl Fn(&Map<String, Value>) -> Result<(), String>,
) -> Result<Vec<Change>, PatchError> {
    let Value::Array(steps) = body else {
        return malformed("Request body must be a JSON array of operation objects.");
    };
    steps
        .iter()
        .map(|step| parse_change(step, dialect, &validate))
        .collect()
}

fn malformed<T>(message: impl Into<String>) -> Result<T, PatchError> {
    Err(PatchError::Malformed(message.into()))
}

fn parse_change(
    step: &Value,
    dialect: PatchDialect,
    validate: &impl Fn(&Map<String, Value>) -> Result<(), String>,
) -> Result<Change, PatchError> {
    let Value::Object(step) = step else {
        return malformed("Operations must be JSON objects.");
    };
    let (name, pointer) = match dialect {
        PatchDialect::V20 => draft_4(step)?,
        PatchDialect::V21 => draft_10(step)?,
    };
    let path = decode_pointer(pointer)?;
    let depth = match (path[0].as_str(), name) {
        ("locations", "add" | "remove") => 2,
        _ => 1,
    };
    if path.len() != depth {
        return malformed(format!(
            "Invalid JSON pointer for this resource: '/{}'",
            path.join("/")
        ));
    }
    let value = match (name, step.get("value")) {
        ("remove", _) => None,
        (_, Some(value)) => Some(value.clone()),
        (_, None) => {
            return malformed(format!(
                "Operation \"{name}\" requires a member named \"value\"."
            ));
        }
    };

    let mut path = path.into_iter();
    let attribute = path.next().unwrap_or_default();
    let position = path.next();
    if READ_ONLY.contains(&attribute.as_str()) {
        return Err(PatchError::ReadOnly(attribute));
    }
    if is_reserved(&attribute) {
        return Err(PatchError::Reserved(attribute));
    }
    if let Some(value) = &value {
        let fragment = if position.is_some() {
            Value::Array(vec![value.clone()])
        } else {
            value.clone()
        };
        validate(&Map::from_iter([(attribute.clone(), fragment)]))
            .map_err(PatchError::Malformed)?;
    }
    let operation = match (name, value) {
        ("add", Some(value)) => Operation::Add(value),
        ("replace", Some(value)) => Operation::Replace(value),
        _ => Operation::Remove,
    };
    Ok(Change {
        operation,
        attribute,
        position,
        dialect,
    })
}

fn draft_10(step: &Map<String, Value>) -> Result<(&'static str, &str), PatchError> {
    const ONE_OF: &str = "It must be one of the following: add, remove, replace.";
    let name = match step.get("op") {
        None | Some(Value::Null) => {
            return malformed(format!(
                "Unable to find `op` in JSON Schema change. {ONE_OF}"
            ));
        }
        Some(Value::String(op)) => match op.as_str() {
            "add" => "add",
            "remove" => "remove",
            "replace" => "replace",
            other => return malformed(format!("Invalid operation: `{other}`. {ONE_OF}")),
        },
        Some(other) => return malformed(format!("Invalid operation: `{other}`. {ONE_OF}")),
    };
    match step.get("path") {
        Some(Value::String(path)) => Ok((name, path)),
        Some(_) => malformed("The 'path' of an operation must be a string."),
        None => malformed("Unable to find 'path' in JSON Schema change"),
    }
}

fn draft_4(step: &Map<String, Value>) -> Result<(&'static str, &str), PatchError> {
    let mut found = ["add", "remove", "replace"]
        .into_iter()
        .filter_map(|name| Some((name, step.get(name)?)));
    match (found.next(), found.next()) {
        (Some((name, Value::String(path))), None) => Ok((name, path)),
        (Some(_), None) => malformed("The path of an operation must be a string."),
        (Some(_), Some(_)) => malformed(
            "Operation objects must contain only one member named \"add\", \"remove\", or \"replace\".",
        ),
        (None, _) => malformed(
            "Operation objects must contain exactly one member named \"add\", \"remove\", or \"replace\".",
        ),
    }
}

/// Splits a pointer into its decoded parts; there is always at least one, empty for `/`.
///
/// Compat: parts lose surrounding white space, as in Glance.
fn decode_pointer(pointer: &str) -> Result<Vec<String>, PatchError> {
    let Some(rest) = pointer.strip_prefix('/') else {
        return malformed(format!("Pointer `{pointer}` does not start with \"/\"."));
    };
    let has_adjacent = rest
        .match_indices('/')
        .any(|(at, _)| rest[at + 1..].trim_start().starts_with('/'));
    if has_adjacent {
        return malformed(format!("Pointer `{pointer}` contains adjacent \"/\"."));
    }
    if pointer.len() > 1 && pointer.ends_with('/') {
        return malformed(format!("Pointer `{pointer}` end with \"/\"."));
    }
    if rest.trim() == "/" {
        return malformed(format!(
            "Pointer `{pointer}` does not contains valid token."
        ));
    }
    let bad_escape = pointer
        .match_indices('~')
        .any(|(at, _)| !matches!(pointer.as_bytes().get(at + 1), Some(b'0' | b'1')));
    if bad_escape {
        return malformed(format!(
            "Pointer `{pointer}` contains \"~\" not part of a recognized escape sequence."
        ));
    }
    Ok(pointer
        .trim_start_matches('/')
        .split('/')
        .map(|part| part.replace("~1", "/").replace("~0", "~").trim().to_owned())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(body: Value) -> Result<Vec<Change>, PatchError> {
        parse_patch(&body, PatchDialect::V21, |_| Ok(()))
    }

    fn refusal(body: Value) -> String {
        parse(body).unwrap_err().to_string()
    }

    #[test]
    fn reads_both_dialects() {
        let new = parse(json!([{"op": "add", "path": "/a~1b", "value": "x"}])).unwrap();
        assert_eq!(new[0].attribute, "a/b");
        assert_eq!(new[0].operation, Operation::Add(json!("x")));
        let old =
            parse_patch(&json!([{"remove": "/name"}]), PatchDialect::V20, |_| Ok(())).unwrap();
        assert_eq!(old[0].operation, Operation::Remove);
        assert_eq!(parse(json!([])).unwrap(), []);
    }

    #[test]
    fn refuses_what_is_no_patch_in_glances_words() {
        assert_eq!(
            refusal(json!({})),
            "Request body must be a JSON array of operation objects."
        );
        assert_eq!(refusal(json!(["x"])), "Operations must be JSON objects.");
        assert_eq!(
            refusal(json!([{"path": "/a"}])),
            "Unable to find `op` in JSON Schema change. It must be one of the following: add, remove, replace."
        );
        assert_eq!(
            refusal(json!([{"op": "move", "path": "/a"}])),
            "Invalid operation: `move`. It must be one of the following: add, remove, replace."
        );
        assert_eq!(
            refusal(json!([{"op": "add"}])),
            "Unable to find 'path' in JSON Schema change"
        );
        assert_eq!(
            refusal(json!([{"op": "add", "path": "/a"}])),
            "Operation \"add\" requires a member named \"value\"."
        );
    }

    #[test]
    fn refuses_bad_pointers() {
        for (pointer, part) in [
            ("name", "does not start with"),
            ("/a//b", "adjacent"),
            ("/a/ /b", "adjacent"),
            ("/a/", "end with"),
            ("//", "end with"),
            ("/a~2", "recognized escape"),
            ("/a~", "recognized escape"),
            ("/a/b", "Invalid JSON pointer for this resource: '/a/b'"),
            (
                "/tags/-",
                "Invalid JSON pointer for this resource: '/tags/-'",
            ),
        ] {
            let message = refusal(json!([{"op": "replace", "path": pointer, "value": "x"}]));
            assert!(message.contains(part), "{pointer}: {message}");
        }
    }

    #[test]
    fn guards_the_servers_attributes() {
        assert_eq!(
            refusal(json!([{"op": "replace", "path": "/status", "value": "x"}])),
            "Attribute 'status' is read-only."
        );
        assert_eq!(
            refusal(json!([{"op": "add", "path": "/os_glance_x", "value": "x"}])),
            "Attribute 'os_glance_x' is reserved."
        );
        assert_eq!(
            refusal(json!([{"op": "remove", "path": "/deleted"}])),
            "Attribute 'deleted' is reserved."
        );
    }

    #[test]
    fn only_locations_have_positions() {
        let change = parse(
            json!([{"op": "add", "path": "/locations/-", "value": {"url": "u", "metadata": {}}}]),
        );
        assert_eq!(change.unwrap()[0].position.as_deref(), Some("-"));
        assert!(parse(json!([{"op": "add", "path": "/locations", "value": []}])).is_err());
        assert!(parse(json!([{"op": "replace", "path": "/locations", "value": []}])).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn no_pointer_panics(pointer in ".{0,40}") {
            let _ = parse(json!([{"op": "remove", "path": pointer}]));
        }

        #[test]
        fn a_name_survives_encoding(name in "[^ \t\r\n\u{85}\u{a0}][a-z/~ .é]{0,20}x") {
            let encoded = name.replace('~', "~0").replace('/', "~1");
            if !is_reserved(&name) && !READ_ONLY.contains(&name.as_str()) {
                let body = json!([{"op": "add", "path": format!("/{encoded}"), "value": "v"}]);
                proptest::prop_assert_eq!(&parse(body).unwrap()[0].attribute, name.trim());
            }
        }
    }
}
