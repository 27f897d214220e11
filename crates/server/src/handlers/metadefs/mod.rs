//! `/v2/metadefs/…` and `/v2/schemas/metadefs/…`: metadata definitions.

mod namespaces;
mod objects;
mod properties;
mod resource_types;
mod schemas;
mod tags;

use axum::{
    Router,
    routing::{MethodRouter, delete, get},
};
use vidimus_types::schema::metadefs::MetadefSchema;

use super::{Answer, empty, unicode_json};
use crate::app::App;

/// Adds the routes. `only` refuses the methods a route does not take.
pub(crate) fn metadefs(
    mut router: Router<App>,
    only: fn(&'static str, MethodRouter<App>) -> MethodRouter<App>,
) -> Router<App> {
    for schema in MetadefSchema::ALL {
        let schema = *schema;
        let show = move |call| async move { schemas::show_schema(schema, call) };
        let path = format!("/v2/schemas/metadefs/{}", schema.name());
        router = router.route(&path, only("GET", get(show)));
    }
    router
        .route(
            "/v2/metadefs/resource_types",
            only("GET", get(resource_types::list_resource_types)),
        )
        .route(
            "/v2/metadefs/namespaces",
            only(
                "GET, POST",
                get(namespaces::list_namespaces).post(namespaces::create_namespace),
            ),
        )
        .route(
            "/v2/metadefs/namespaces/{namespace}",
            only(
                "GET, PUT, DELETE",
                get(namespaces::show_namespace)
                    .put(namespaces::update_namespace)
                    .delete(namespaces::delete_namespace),
            ),
        )
        .route(
            "/v2/metadefs/namespaces/{namespace}/resource_types",
            only(
                "GET, POST",
                get(resource_types::list_associations).post(resource_types::create_association),
            ),
        )
        .route(
            "/v2/metadefs/namespaces/{namespace}/resource_types/{name}",
            only("DELETE", delete(resource_types::delete_association)),
        )
        .route(
            "/v2/metadefs/namespaces/{namespace}/properties",
            only(
                "GET, POST, DELETE",
                get(properties::list_properties)
                    .post(properties::create_property)
                    .delete(properties::delete_properties),
            ),
        )
        .route(
            "/v2/metadefs/namespaces/{namespace}/properties/{name}",
            only(
                "GET, PUT, DELETE",
                get(properties::show_property)
                    .put(properties::update_property)
                    .delete(properties::delete_property),
            ),
        )
        .route(
            "/v2/metadefs/namespaces/{namespace}/objects",
            only(
                "GET, POST, DELETE",
                get(objects::list_objects)
                    .post(objects::create_object)
                    .delete(objects::delete_objects),
            ),
        )
        .route(
            "/v2/metadefs/namespaces/{namespace}/objects/{name}",
            only(
                "GET, PUT, DELETE",
                get(objects::show_object)
                    .put(objects::update_object)
                    .delete(objects::delete_object),
            ),
        )
        .route(
            "/v2/metadefs/namespaces/{namespace}/tags",
            only(
                "GET, POST, DELETE",
                get(tags::list_tags)
                    .post(tags::create_tags)
                    .delete(tags::delete_tags),
            ),
        )
        .route(
            "/v2/metadefs/namespaces/{namespace}/tags/{name}",
            only(
                "GET, POST, PUT, DELETE",
                get(tags::show_tag)
                    .post(tags::create_tag)
                    .put(tags::update_tag)
                    .delete(tags::delete_tag),
            ),
        )
}
