//! `/v2/schemas/metadefs/…`.

use axum::http::StatusCode;
use vidimus_types::schema::metadefs::MetadefSchema;

use crate::{
    app::Call,
    handlers::{Answer, json},
    openapi::operation::{Operation, UNEXPECTED, named},
};

/// The operation that shows one of the schemas.
pub(super) fn show_schema_doc(schema: MetadefSchema) -> Operation {
    let (id, summary) = match schema {
        MetadefSchema::Namespace => ("namespace_schema", "Show the JSON schema of a namespace"),
        MetadefSchema::Namespaces => (
            "namespaces_schema",
            "Show the JSON schema of a page of namespaces",
        ),
        MetadefSchema::Object => ("object_schema", "Show the JSON schema of an object"),
        MetadefSchema::Objects => (
            "objects_schema",
            "Show the JSON schema of a list of objects",
        ),
        MetadefSchema::Property => ("property_schema", "Show the JSON schema of a property"),
        MetadefSchema::Properties => (
            "properties_schema",
            "Show the JSON schema of properties by name",
        ),
        MetadefSchema::Tag => ("tag_schema", "Show the JSON schema of a tag"),
        MetadefSchema::Tags => ("tags_schema", "Show the JSON schema of a list of tags"),
        MetadefSchema::ResourceType => (
            "association_schema",
            "Show the JSON schema of an association",
        ),
        MetadefSchema::ResourceTypes => (
            "associations_schema",
            "Show the JSON schema of a list of associations",
        ),
    };
    Operation::new("schemas", id, summary)
        .json(200, "The schema", named("json_schema"))
        .refuses(&[UNEXPECTED])
}

pub(super) fn show_schema(schema: MetadefSchema, call: Call) -> Answer {
    call.reject_body()?;
    Ok(json(StatusCode::OK, &schema.document()))
}
