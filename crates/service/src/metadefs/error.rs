//! Every way a use case of metadata definitions can end badly, in the words Glance uses.

use vidimus_db::MetadefKind;
use vidimus_types::schema::metadefs::PropertyFault;

use crate::Kind;

/// A use case of metadata definitions ended badly.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such namespace, or one the caller may not see.
    #[error("Metadata definition namespace={0} was not found.")]
    NamespaceNotFound(String),
    /// The same in the words of other routes.
    #[error("Namespace {0} not found")]
    NamespaceMissing(String),
    /// The namespace has no such object.
    #[error("Could not find metadata object {0}")]
    ObjectNotFound(String),
    /// The namespace has no such property.
    #[error("Could not find property {0}")]
    PropertyNotFound(String),
    /// The namespace has no such tag.
    #[error("Could not find metadata tag {0}")]
    TagNotFound(String),
    /// Nobody knows the resource type.
    #[error("The metadata definition resource-type with name={0}, was not found.")]
    ResourceTypeNotFound(String),
    /// The namespace is not for the resource type.
    #[error(
        "The metadata definition resource-type association of resource-type={resource_type} to namespace={namespace}, was not found."
    )]
    AssociationNotFound {
        /// The resource type.
        resource_type: String,
        /// The namespace.
        namespace: String,
    },
    /// There is no such association to take back.
    #[error("Failed to find resource type {0} to delete")]
    NothingToDissociate(String),
    /// The name asked for does not begin as it has to on that resource type.
    #[error(
        "Property {property} does not start with the expected resource type association prefix of '{prefix}'."
    )]
    PrefixMissing {
        /// The name asked for.
        property: String,
        /// How it has to begin; `None` if nothing can be right.
        prefix: String,
    },
    /// The name is taken.
    #[error("The metadata definition namespace={0} already exists.")]
    DuplicateNamespace(String),
    /// The new name is taken.
    #[error(
        "Invalid update. It would result in a duplicate metadata definition namespace with the same name of {0}"
    )]
    TakenByNamespace(String),
    /// The namespace has an object of that name.
    #[error(
        "A metadata definition object with name={name} already exists in namespace={namespace}."
    )]
    DuplicateObject {
        /// The name.
        name: String,
        /// The namespace.
        namespace: String,
    },
    /// The namespace has a property of that name.
    #[error(
        "A metadata definition property with name={name} already exists in namespace={namespace}."
    )]
    DuplicateProperty {
        /// The name.
        name: String,
        /// The namespace.
        namespace: String,
    },
    /// The namespace has one of the new name.
    #[error(
        "Invalid update. It would result in a duplicate metadata definition {kind} with the same name={name} in namespace={namespace}."
    )]
    TakenBySibling {
        /// Object or property.
        kind: MetadefKind,
        /// The name.
        name: String,
        /// The namespace.
        namespace: String,
    },
    /// The namespace has the tag.
    #[error(
        "A metadata tag with name={name} already exists in namespace={namespace}. (Please note that metadata tag names are case insensitive)."
    )]
    DuplicateTag {
        /// The tag.
        name: String,
        /// The namespace.
        namespace: String,
    },
    /// The namespace is for that resource type already.
    #[error(
        "The metadata definition resource-type association of resource-type={resource_type} to namespace={namespace} already exists."
    )]
    DuplicateAssociation {
        /// The resource type.
        resource_type: String,
        /// The namespace.
        namespace: String,
    },
    /// The namespace is protected, and with it everything in it.
    #[error("Metadata definition namespace {0} is protected and cannot be deleted.")]
    NamespaceProtected(String),
    /// The object's namespace is protected.
    #[error("Metadata definition object {0} is protected and cannot be deleted.")]
    ObjectProtected(String),
    /// The property's namespace is protected.
    #[error("Metadata definition property {0} is protected and cannot be deleted.")]
    PropertyProtected(String),
    /// The tag's namespace is protected.
    #[error("Metadata definition tag {0} is protected and cannot be deleted.")]
    TagProtected(String),
    /// The association's namespace is protected.
    #[error(
        "Metadata definition resource-type-association {0} is protected and cannot be deleted."
    )]
    AssociationProtected(String),
    /// A text holds characters that not every database can keep.
    #[error("Couldn't {verb} metadata {what}: {field} can't contain 4 byte unicode characters.")]
    FourBytes {
        /// `create` or `update`.
        verb: &'static str,
        /// What it was to become.
        what: &'static str,
        /// The member that holds them.
        field: String,
    },
    /// A property that cannot be kept.
    #[error(transparent)]
    Property(#[from] PropertyFault),
    /// The body is an array.
    #[error("Request body must be a JSON object.")]
    NotAnObject,
    /// Something a namespace is to be created with lacks a member.
    #[error("Mandatory field missing: {0}")]
    Missing(&'static str),
    /// Something a namespace is to be created with has a member nobody knows.
    #[error("Unknown attribute: {0}")]
    Unknown(String),
    /// A name is too long to be kept.
    #[error("Name of {0} is longer than 80 characters")]
    TooLong(&'static str),
    /// Something a namespace is to be created with has a member of another type.
    #[error("Invalid input for attribute {0}")]
    WrongType(String),
}

impl Error {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::NamespaceNotFound(_)
            | Self::NamespaceMissing(_)
            | Self::ObjectNotFound(_)
            | Self::PropertyNotFound(_)
            | Self::TagNotFound(_)
            | Self::ResourceTypeNotFound(_)
            | Self::AssociationNotFound { .. }
            | Self::NothingToDissociate(_)
            | Self::PrefixMissing { .. } => Kind::NotFound,
            Self::DuplicateNamespace(_)
            | Self::TakenByNamespace(_)
            | Self::DuplicateObject { .. }
            | Self::DuplicateProperty { .. }
            | Self::TakenBySibling { .. }
            | Self::DuplicateTag { .. }
            | Self::DuplicateAssociation { .. } => Kind::Conflict,
            Self::NamespaceProtected(_)
            | Self::ObjectProtected(_)
            | Self::PropertyProtected(_)
            | Self::TagProtected(_)
            | Self::AssociationProtected(_) => Kind::Forbidden,
            Self::FourBytes { .. }
            | Self::Property(_)
            | Self::NotAnObject
            | Self::Missing(_)
            | Self::Unknown(_)
            | Self::TooLong(_)
            | Self::WrongType(_) => Kind::Invalid,
        }
    }
}
