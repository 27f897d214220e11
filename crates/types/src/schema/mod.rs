//! The JSON schemas of an image and of a list of images, and the check of a request body against the former.
//!
//! Clients fetch the documents and read them with software, so names, types, limits and their order are Glance's. What a
//! refused body is answered with is Glance's text as well, down to the layout its Python libraries give it; `pyrepr`
//! prints it, `validate` finds out what is wrong. Rules no schema can express are not checked here.

mod document;
mod location;
mod member;
pub mod metadefs;
mod pyrepr;
pub mod task;
mod validate;

use serde_json::{Map, Value};
use thiserror::Error;

pub use location::validate_location;
pub use member::{member_schema, members_schema};

/// What of the schemas the operator decides.
#[derive(Debug, Clone, PartialEq)]
pub struct SchemaOptions {
    /// `[image_format] container_formats`.
    pub container_formats: Vec<String>,
    /// `[image_format] disk_formats`.
    pub disk_formats: Vec<String>,
    /// The content of `schema-image.json`, if there is one: property schemas by name, or those under `properties` with
    /// a list of names under `required`.
    pub custom: Option<Map<String, Value>>,
}

/// Glance's defaults.
impl Default for SchemaOptions {
    fn default() -> Self {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            container_formats: list(&[
                "ami",
                "ari",
                "aki",
                "bare",
                "ovf",
                "ova",
                "docker",
                "compressed",
            ]),
            disk_formats: list(&[
                "ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop",
            ]),
            custom: None,
        }
    }
}

/// A `schema-image.json` that must not be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CustomSchemaError {
    /// Every image has that attribute already.
    #[error("custom property `{0}` conflicts with a base property")]
    Conflict(String),
    /// A property's schema is no JSON object, or `properties` is none.
    #[error("custom property `{0}` has no schema")]
    NoSchema(String),
    /// The expression uses something only other languages know, such as look-around.
    #[error("pattern `{pattern}` of custom property `{property}` is not understood")]
    Pattern { property: String, pattern: String },
}

impl SchemaOptions {
    /// Whether the custom property of this name is described.
    pub fn knows(&self, property: &str) -> bool {
        let custom = self.custom.as_ref().and_then(document::custom_properties);
        custom.is_some_and(|known| known.contains_key(property))
    }

    /// Finds what is wrong with the custom properties. A server that starts without asking would enforce them in part.
    ///
    /// # Errors
    /// The first property that cannot be used.
    pub fn check(&self) -> Result<(), CustomSchemaError> {
        let Some(custom) = &self.custom else {
            return Ok(());
        };
        let Some(properties) = document::custom_properties(custom) else {
            return Err(CustomSchemaError::NoSchema("properties".to_owned()));
        };
        let base = document::base_properties(self);
        for (name, schema) in properties {
            if base.contains_key(name) {
                return Err(CustomSchemaError::Conflict(name.clone()));
            }
            if !schema.is_object() {
                return Err(CustomSchemaError::NoSchema(name.clone()));
            }
            if let Some(pattern) = validate::unusable_pattern(schema) {
                return Err(CustomSchemaError::Pattern {
                    property: name.clone(),
                    pattern,
                });
            }
        }
        Ok(())
    }
}

/// A body is not what the schema asks for. The message is the whole text for the client.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct SchemaError {
    /// Several lines: what is wrong, the part of the schema that says so, and the offending value.
    pub message: String,
}

/// The answer to `GET /v2/schemas/image`.
pub fn image_schema(options: &SchemaOptions) -> Value {
    document::image(options)
}

/// The answer to `GET /v2/schemas/images`.
pub fn images_schema(options: &SchemaOptions) -> Value {
    document::images(options)
}

/// Checks the attributes of a new image, or those a PATCH sets, against the image schema.
///
/// # Errors
/// Names the one fault Glance would name if there are several.
pub fn validate_image_body(
    body: &Map<String, Value>,
    options: &SchemaOptions,
) -> Result<(), SchemaError> {
    check_against(&document::image(options), &Value::Object(body.clone()))
}

fn check_against(schema: &Value, body: &Value) -> Result<(), SchemaError> {
    match validate::worst_fault(schema, body) {
        None => Ok(()),
        Some(fault) => Err(SchemaError {
            message: format!(
                "Provided object does not match schema '{}': {}",
                schema["name"].as_str().unwrap_or_default(),
                fault.describe()
            ),
        }),
    }
}

#[cfg(test)]
mod tests;
