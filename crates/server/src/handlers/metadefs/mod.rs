//! `/v2/metadefs/…` and `/v2/schemas/metadefs/…`: metadata definitions.

mod namespaces;
mod objects;
mod properties;
mod resource_types;
mod schemas;
mod tags;

use vidimus_types::schema::metadefs::MetadefSchema;

use super::{Answer, empty, unicode_json};
use crate::{
    openapi::operation::Refusal,
    routes::{Routes, delete, get},
};

const TAG: &str = "metadata definitions";
const NO_NAMESPACE: Refusal = (404, "No such namespace, or none the caller may see");
const NO_MEMBER: Refusal = (
    404,
    "No such namespace, or none the caller may see, or that is not in it",
);
const PROTECTED: Refusal = (
    403,
    "The policy does not let the caller do this, or the namespace is protected",
);

/// Adds the routes.
pub(crate) fn metadefs(mut routes: Routes) -> Routes {
    for schema in MetadefSchema::ALL {
        let schema = *schema;
        let show = move |call| async move { schemas::show_schema(schema, call) };
        let path = format!("/v2/schemas/metadefs/{}", schema.name());
        routes = routes.route(&path, get(show, schemas::show_schema_doc(schema)));
    }
    routes
        .route(
            "/v2/metadefs/resource_types",
            get(
                resource_types::list_resource_types,
                resource_types::list_resource_types_doc(),
            ),
        )
        .route(
            "/v2/metadefs/namespaces",
            get(
                namespaces::list_namespaces,
                namespaces::list_namespaces_doc(),
            )
            .post(
                namespaces::create_namespace,
                namespaces::create_namespace_doc(),
            ),
        )
        .route(
            "/v2/metadefs/namespaces/{namespace}",
            get(namespaces::show_namespace, namespaces::show_namespace_doc())
                .put(
                    namespaces::update_namespace,
                    namespaces::update_namespace_doc(),
                )
                .delete(
                    namespaces::delete_namespace,
                    namespaces::delete_namespace_doc(),
                ),
        )
        .route(
            "/v2/metadefs/namespaces/{namespace}/resource_types",
            get(
                resource_types::list_associations,
                resource_types::list_associations_doc(),
            )
            .post(
                resource_types::create_association,
                resource_types::create_association_doc(),
            ),
        )
        .route(
            "/v2/metadefs/namespaces/{namespace}/resource_types/{name}",
            delete(
                resource_types::delete_association,
                resource_types::delete_association_doc(),
            ),
        )
        .route(
            "/v2/metadefs/namespaces/{namespace}/properties",
            get(
                properties::list_properties,
                properties::list_properties_doc(),
            )
            .post(
                properties::create_property,
                properties::create_property_doc(),
            )
            .delete(
                properties::delete_properties,
                properties::delete_properties_doc(),
            ),
        )
        .route(
            "/v2/metadefs/namespaces/{namespace}/properties/{name}",
            get(properties::show_property, properties::show_property_doc())
                .put(
                    properties::update_property,
                    properties::update_property_doc(),
                )
                .delete(
                    properties::delete_property,
                    properties::delete_property_doc(),
                ),
        )
        .route(
            "/v2/metadefs/namespaces/{namespace}/objects",
            get(objects::list_objects, objects::list_objects_doc())
                .post(objects::create_object, objects::create_object_doc())
                .delete(objects::delete_objects, objects::delete_objects_doc()),
        )
        .route(
            "/v2/metadefs/namespaces/{namespace}/objects/{name}",
            get(objects::show_object, objects::show_object_doc())
                .put(objects::update_object, objects::update_object_doc())
                .delete(objects::delete_object, objects::delete_object_doc()),
        )
        .route(
            "/v2/metadefs/namespaces/{namespace}/tags",
            get(tags::list_tags, tags::list_tags_doc())
                .post(tags::create_tags, tags::create_tags_doc())
                .delete(tags::delete_tags, tags::delete_tags_doc()),
        )
        .route(
            "/v2/metadefs/namespaces/{namespace}/tags/{name}",
            get(tags::show_tag, tags::show_tag_doc())
                .post(tags::create_tag, tags::create_tag_doc())
                .put(tags::update_tag, tags::update_tag_doc())
                .delete(tags::delete_tag, tags::delete_tag_doc()),
        )
}
