//! Every route on one page.

use axum::{
    Router,
    extract::Request,
    response::{IntoResponse, Response},
    routing::{MethodRouter, delete, get, post, put},
};

use crate::{
    app::App,
    error::ApiError,
    handlers::{
        actions, cache, image_data, images, imports, info, legacy_cache, members, metadefs,
        schemas, tags, tasks,
    },
};

pub(crate) fn router(app: App) -> Router {
    let mut router = Router::new()
        .route(
            "/v2/images",
            only(
                "GET, POST",
                get(images::list_images).post(images::create_image),
            ),
        )
        .route(
            "/v2/images/{id}",
            only(
                "GET, PATCH, DELETE",
                get(images::show_image)
                    .patch(images::update_image)
                    .delete(images::delete_image),
            ),
        )
        .route(
            "/v2/images/{id}/file",
            only(
                "GET, PUT",
                get(image_data::download_image).put(image_data::upload_image),
            ),
        )
        .route(
            "/v2/images/{id}/stage",
            only("PUT", put(image_data::stage_image)),
        )
        .route(
            "/v2/images/{id}/import",
            only("POST", post(imports::import_image)),
        )
        .route(
            "/v2/images/{id}/tasks",
            only("GET", get(tasks::list_image_tasks)),
        )
        .route(
            "/v2/stores/{store}/{image}",
            only("DELETE", delete(imports::delete_copy)),
        )
        .route(
            "/v2/tasks",
            only("GET, POST", get(tasks::list_tasks).post(tasks::create_task)),
        )
        .route(
            "/v2/tasks/{id}",
            only(
                "GET, DELETE",
                get(tasks::show_task).delete(tasks::delete_task),
            ),
        )
        .route("/v2/schemas/task", only("GET", get(schemas::task)))
        .route("/v2/schemas/tasks", only("GET", get(schemas::tasks)))
        .route(
            "/v2/images/{id}/actions/deactivate",
            only("POST", post(actions::deactivate_image)),
        )
        .route(
            "/v2/images/{id}/actions/reactivate",
            only("POST", post(actions::reactivate_image)),
        )
        .route(
            "/v2/images/{id}/tags/{tag}",
            only("PUT, DELETE", put(tags::add_tag).delete(tags::remove_tag)),
        )
        .route(
            "/v2/images/{id}/members",
            only(
                "GET, POST",
                get(members::list_members).post(members::add_member),
            ),
        )
        .route(
            "/v2/images/{id}/members/{member}",
            only(
                "GET, PUT, DELETE",
                get(members::show_member)
                    .put(members::update_member)
                    .delete(members::delete_member),
            ),
        )
        .route("/v2/schemas/member", only("GET", get(schemas::member)))
        .route("/v2/schemas/members", only("GET", get(schemas::members)))
        .route("/v2/schemas/image", only("GET", get(schemas::image)))
        .route("/v2/schemas/images", only("GET", get(schemas::images)))
        .route("/v2/info/import", only("GET", get(info::import_methods)))
        .route("/v2/info/stores", only("GET", get(info::stores)))
        .route(
            "/v2/info/stores/detail",
            only("GET", get(info::stores_in_detail)),
        )
        .route("/v2/info/usage", or_404(get(info::usage)))
        .route(
            "/v2/cache",
            only(
                "GET, DELETE",
                get(cache::list_cache).delete(cache::clear_cache),
            ),
        )
        .route("/v2/cache/clean", only("POST", post(cache::clean_cache)))
        .route("/v2/cache/prune", only("POST", post(cache::prune_cache)))
        .route(
            "/v2/cache/nodes/{id}",
            only("GET", get(cache::list_cached_nodes)),
        )
        .route(
            "/v2/cache/{id}",
            only(
                "PUT, DELETE",
                put(cache::queue_image).delete(cache::delete_cached_image),
            ),
        );
    if app.http.legacy_cache_routes {
        // Compat: other methods fall through this filter to the router behind it, which knows no such path.
        router = router
            .route(
                "/v2/cached_images",
                or_404(
                    get(legacy_cache::list_cached_images).delete(legacy_cache::clear_cached_images),
                ),
            )
            .route(
                "/v2/cached_images/{id}",
                or_404(delete(legacy_cache::delete_cached_image)),
            )
            .route(
                "/v2/queued_images",
                or_404(
                    get(legacy_cache::list_queued_images).delete(legacy_cache::clear_queued_images),
                ),
            )
            .route(
                "/v2/queued_images/{id}",
                or_404(put(legacy_cache::queue_image).delete(legacy_cache::delete_queued_image)),
            );
    }
    let router = metadefs::metadefs(router, only);
    router.fallback(not_found).with_state(app)
}

/// Refuses every other method, HEAD too, which axum would otherwise answer like GET.
fn only(allow: &'static str, methods: MethodRouter<App>) -> MethodRouter<App> {
    let refuse = move || async move { ApiError::method_not_allowed(allow) };
    methods.head(refuse).fallback(refuse)
}

fn or_404(methods: MethodRouter<App>) -> MethodRouter<App> {
    let refuse = || async { ApiError::not_found() };
    methods.head(refuse).fallback(refuse)
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
