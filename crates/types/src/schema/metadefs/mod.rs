//! The JSON schemas of metadata definitions, the check of request bodies against them, and the form in which a property's
//! definition is kept.
//!
//! What the schemas allow and the form cannot hold is refused by the latter; whether a definition makes sense for any
//! image is nobody's business here.

mod documents;
mod property;

#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use super::{SchemaError, check_against};

pub use property::{PropertyFault, property_definition, stored_property};

/// The schema documents below `/v2/schemas/metadefs/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetadefSchema {
    /// A namespace, with what it may hold from the beginning.
    Namespace,
    /// A page of namespaces.
    Namespaces,
    /// An object: properties that belong together.
    Object,
    /// The objects of a namespace.
    Objects,
    /// A property.
    Property,
    /// The properties of a namespace, by name.
    Properties,
    /// A tag.
    Tag,
    /// The tags of a namespace.
    Tags,
    /// The association of a namespace with a resource type.
    ResourceType,
    /// The associations of a namespace.
    ResourceTypes,
}

impl MetadefSchema {
    /// Every document.
    pub const ALL: &'static [Self] = &[
        Self::Namespace,
        Self::Namespaces,
        Self::Object,
        Self::Objects,
        Self::Property,
        Self::Properties,
        Self::Tag,
        Self::Tags,
        Self::ResourceType,
        Self::ResourceTypes,
    ];

    /// The last part of the document's path.
    pub fn name(self) -> &'static str {
        match self {
            Self::Namespace => "namespace",
            Self::Namespaces => "namespaces",
            Self::Object => "object",
            Self::Objects => "objects",
            Self::Property => "property",
            Self::Properties => "properties",
            Self::Tag => "tag",
            Self::Tags => "tags",
            Self::ResourceType => "resource_type",
            Self::ResourceTypes => "resource_types",
        }
    }

    /// The document itself.
    pub fn document(self) -> Value {
        documents::document(self)
    }
}

/// What a request body is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetadefBody {
    /// A namespace to be created, or what takes the place of one.
    Namespace,
    /// An object.
    Object,
    /// A property with its name.
    Property,
    /// A property under the name it has in an object.
    MemberProperty,
    /// A tag.
    Tag,
    /// Tags to create in one go.
    TagList,
    /// An association with a resource type.
    Association,
}

impl MetadefBody {
    /// What a body is checked against.
    pub fn document(self) -> Value {
        documents::checked(self)
    }
}

/// Checks a request body.
///
/// # Errors
/// Names the one fault Glance would name if there are several.
pub fn validate_metadef(kind: MetadefBody, body: &Map<String, Value>) -> Result<(), SchemaError> {
    check_against(&documents::checked(kind), &Value::Object(body.clone()))
}
