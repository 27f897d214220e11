//! Every route on one page.

use axum::{
    Router,
    extract::Request,
    response::{IntoResponse, Response},
};

use crate::{
    app::App,
    error::ApiError,
    handlers::{
        actions, cache, health, image_data, images, imports, info, legacy_cache, locations,
        members, metadefs, openapi, schemas, tags, tasks, versions,
    },
    routes::{Route, Routes, delete, get, post, put},
};

/// What answers the requests of a site.
pub(crate) fn router(app: App) -> Router {
    let (router, _) = routes(app.http.legacy_cache_routes).into_parts();
    router.fallback(not_found).with_state(app)
}

/// Every route, to be described.
pub(crate) fn route_table(legacy_cache_routes: bool) -> Vec<Route> {
    routes(legacy_cache_routes).into_parts().1
}

fn routes(legacy_cache_routes: bool) -> Routes {
    let mut routes = Routes::default()
        .answered_before("/", versions::show_versions_doc())
        .answered_before("/versions", versions::list_versions_doc())
        .answered_before("/v2", versions::redirect_doc())
        .answered_before("/healthcheck", health::healthcheck_doc())
        .answered_before("/openapi.json", openapi::show_document_doc())
        .route(
            "/v2/images",
            get(images::list_images, images::list_images_doc())
                .post(images::create_image, images::create_image_doc()),
        )
        .route(
            "/v2/images/{id}",
            get(images::show_image, images::show_image_doc())
                .patch(images::update_image, images::update_image_doc())
                .delete(images::delete_image, images::delete_image_doc()),
        )
        .route(
            "/v2/images/{id}/file",
            get(image_data::download_image, image_data::download_image_doc())
                .put(image_data::upload_image, image_data::upload_image_doc()),
        )
        .route(
            "/v2/images/{id}/stage",
            put(image_data::stage_image, image_data::stage_image_doc()),
        )
        .route(
            "/v2/images/{id}/import",
            post(imports::import_image, imports::import_image_doc()),
        )
        .route(
            "/v2/images/{id}/locations",
            get(locations::list_locations, locations::list_locations_doc())
                .post(locations::add_location, locations::add_location_doc()),
        )
        .route(
            "/v2/images/{id}/tasks",
            get(tasks::list_image_tasks, tasks::list_image_tasks_doc()),
        )
        .route(
            "/v2/stores/{store}/{image}",
            delete(imports::delete_copy, imports::delete_copy_doc()),
        )
        .route(
            "/v2/tasks",
            get(tasks::list_tasks, tasks::list_tasks_doc())
                .post(tasks::create_task, tasks::create_task_doc()),
        )
        .route(
            "/v2/tasks/{id}",
            get(tasks::show_task, tasks::show_task_doc())
                .delete(tasks::delete_task, tasks::delete_task_doc()),
        )
        .route("/v2/schemas/task", get(schemas::task, schemas::doc("task")))
        .route(
            "/v2/schemas/tasks",
            get(schemas::tasks, schemas::doc("tasks")),
        )
        .route(
            "/v2/images/{id}/actions/deactivate",
            post(actions::deactivate_image, actions::deactivate_image_doc()),
        )
        .route(
            "/v2/images/{id}/actions/reactivate",
            post(actions::reactivate_image, actions::reactivate_image_doc()),
        )
        .route(
            "/v2/images/{id}/tags/{tag}",
            put(tags::add_tag, tags::add_tag_doc())
                .delete(tags::remove_tag, tags::remove_tag_doc()),
        )
        .route(
            "/v2/images/{id}/members",
            get(members::list_members, members::list_members_doc())
                .post(members::add_member, members::add_member_doc()),
        )
        .route(
            "/v2/images/{id}/members/{member}",
            get(members::show_member, members::show_member_doc())
                .put(members::update_member, members::update_member_doc())
                .delete(members::delete_member, members::delete_member_doc()),
        )
        .route(
            "/v2/schemas/member",
            get(schemas::member, schemas::doc("member")),
        )
        .route(
            "/v2/schemas/members",
            get(schemas::members, schemas::doc("members")),
        )
        .route(
            "/v2/schemas/image",
            get(schemas::image, schemas::doc("image")),
        )
        .route(
            "/v2/schemas/images",
            get(schemas::images, schemas::doc("images")),
        )
        .route(
            "/v2/info/import",
            get(info::import_methods, info::import_methods_doc()),
        )
        .route("/v2/info/stores", get(info::stores, info::stores_doc()))
        .route(
            "/v2/info/stores/detail",
            get(info::stores_in_detail, info::stores_in_detail_doc()),
        )
        .route_or_404("/v2/info/usage", get(info::usage, info::usage_doc()))
        .route(
            "/v2/cache",
            get(cache::list_cache, cache::list_cache_doc())
                .delete(cache::clear_cache, cache::clear_cache_doc()),
        )
        .route(
            "/v2/cache/clean",
            post(cache::clean_cache, cache::clean_cache_doc()),
        )
        .route(
            "/v2/cache/prune",
            post(cache::prune_cache, cache::prune_cache_doc()),
        )
        .route(
            "/v2/cache/nodes/{id}",
            get(cache::list_cached_nodes, cache::list_cached_nodes_doc()),
        )
        .route(
            "/v2/cache/{id}",
            put(cache::queue_image, cache::queue_image_doc())
                .delete(cache::delete_cached_image, cache::delete_cached_image_doc()),
        );
    if legacy_cache_routes {
        // Compat: other methods fall through this filter to the router behind it, which knows no such path.
        routes = routes
            .route_or_404(
                "/v2/cached_images",
                get(
                    legacy_cache::list_cached_images,
                    legacy_cache::list_cached_images_doc(),
                )
                .delete(
                    legacy_cache::clear_cached_images,
                    legacy_cache::clear_cached_images_doc(),
                ),
            )
            .route_or_404(
                "/v2/cached_images/{id}",
                delete(
                    legacy_cache::delete_cached_image,
                    legacy_cache::delete_cached_image_doc(),
                ),
            )
            .route_or_404(
                "/v2/queued_images",
                get(
                    legacy_cache::list_queued_images,
                    legacy_cache::list_queued_images_doc(),
                )
                .delete(
                    legacy_cache::clear_queued_images,
                    legacy_cache::clear_queued_images_doc(),
                ),
            )
            .route_or_404(
                "/v2/queued_images/{id}",
                put(legacy_cache::queue_image, legacy_cache::queue_image_doc()).delete(
                    legacy_cache::delete_queued_image,
                    legacy_cache::delete_queued_image_doc(),
                ),
            );
    }
    metadefs::metadefs(routes)
}

async fn not_found(request: Request) -> Response {
    match request.method().as_str() {
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" | "TRACE" => {
            ApiError::not_found()
        }
        _ => ApiError::unknown_method(),
    }
    .into_response()
}
