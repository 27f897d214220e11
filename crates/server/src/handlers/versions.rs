//! Which versions of the API there are, and which of them a request means.
//!
//! Compat: the order of the list and which versions depend on what, with all its oddities, are the peer's (api.md 1.3);
//! clients take the highest number. The minor version never decides what a route does.

use axum::{
    http::{HeaderMap, StatusCode, Uri, header},
    response::Response,
};
use serde_json::{Value, json as value};

use super::{json, with_body};
use crate::{
    app::App,
    openapi::operation::{Operation, named},
};

/// What version negotiation makes of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Negotiated {
    /// Go on with this path, which begins with `/v2`.
    Path(String),
    /// Answer with the list of versions.
    Choices(StatusCode),
    /// The bare `/v2`.
    Redirect,
}

/// Minor versions that exist on every site.
const ALWAYS: &[u32] = &[0, 1, 2, 3, 4, 5, 6, 7, 9, 15, 17];
/// Minor versions that say the site has several stores.
const SEVERAL_STORES: &[u32] = &[8, 10, 11, 12, 13];
/// Minor versions that say the site has a cache.
const CACHE: &[u32] = &[14, 16, 18];

/// The media type that can name a version instead of the path.
const MEDIA_TYPE: &str = "application/vnd.openstack.images-";

pub(crate) fn negotiate(app: &App, uri: &Uri, headers: &HeaderMap) -> Negotiated {
    let path = uri.path();
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    resolve(
        path,
        accept,
        app.service.has_several_stores(),
        app.service.has_cache(),
    )
}

fn resolve(path: &str, accept: &str, several_stores: bool, cache: bool) -> Negotiated {
    let trimmed = path.trim_start_matches('/');
    let (first, rest) = match trimmed.find('/') {
        Some(slash) => trimmed.split_at(slash),
        None => (trimmed, ""),
    };
    if first == "versions" {
        return Negotiated::Choices(StatusCode::OK);
    }
    let (version, rest) = match accept.strip_prefix(MEDIA_TYPE) {
        Some(version) => (version, path),
        None => (first, rest),
    };
    if !is_allowed(version, several_stores, cache) {
        return Negotiated::Choices(StatusCode::MULTIPLE_CHOICES);
    }
    if rest.is_empty() {
        Negotiated::Redirect
    } else {
        Negotiated::Path(format!("/v2{rest}"))
    }
}

fn is_allowed(version: &str, several_stores: bool, cache: bool) -> bool {
    let minor = match version.strip_prefix("v2") {
        Some("") => return true,
        Some(minor) => minor
            .strip_prefix('.')
            .filter(|digits| digits.len() == 1 || !digits.starts_with('0')),
        None => None,
    };
    let Some(minor) = minor.and_then(|digits| digits.parse::<u32>().ok()) else {
        return false;
    };
    ALWAYS.contains(&minor)
        || several_stores && SEVERAL_STORES.contains(&minor)
        || cache && CACHE.contains(&minor)
}

fn listed(several_stores: bool, cache: bool) -> Vec<u32> {
    let mut minors = if cache {
        vec![18, 17, 16, 15, 14]
    } else {
        vec![15]
    };
    minors.extend(if several_stores {
        &[13, 12, 11, 10, 9, 8][..]
    } else {
        &[9]
    });
    if !cache {
        minors.push(17);
    }
    minors.extend([7, 6, 5, 4, 3, 2, 1, 0]);
    minors
}

pub(crate) fn list_versions_doc() -> Operation {
    Operation::new("service", "list_versions", "List the versions of the API")
        .open()
        .json(200, "The versions", named("versions"))
}

pub(crate) fn show_versions_doc() -> Operation {
    Operation::new(
        "service",
        "show_versions",
        "List the versions of the API to choose from",
    )
    .note("Every path whose first part is not known is answered like this.")
    .open()
    .json(300, "The versions", named("versions"))
}

pub(crate) fn redirect_doc() -> Operation {
    Operation::new("service", "redirect_to_api", "Go to the API proper")
        .empty(302, "To `/v2/`")
        .with_header(
            "Location",
            "The same with a slash behind it",
            value!({"type": "string", "format": "uri"}),
        )
}

/// The list of versions.
pub(crate) fn versions(app: &App, headers: &HeaderMap, status: StatusCode) -> Response {
    let cache = app.service.has_cache();
    let current = if cache { 18 } else { 17 };
    let base = app
        .http
        .public_endpoint
        .clone()
        .unwrap_or_else(|| app.http.base_url(headers));
    let href = format!("{}/v2/", base.trim_end_matches('/'));
    let versions: Vec<Value> = listed(app.service.has_several_stores(), cache)
        .into_iter()
        .map(|minor| {
            value!({
                "id": format!("v2.{minor}"),
                "status": if minor == current { "CURRENT" } else { "SUPPORTED" },
                "links": [{ "rel": "self", "href": href }],
            })
        })
        .collect();
    json(status, &value!({ "versions": versions }))
}

/// From `/v2` to `/v2/`.
pub(crate) fn redirect(app: &App, headers: &HeaderMap) -> Response {
    let mut response = with_body(StatusCode::FOUND, "text/plain; charset=utf8", "");
    if let Ok(location) = format!("{}/v2/", app.http.base_url(headers)).try_into() {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(path: &str, accept: &str) -> Negotiated {
        resolve(path, accept, false, true)
    }

    #[test]
    fn paths_name_versions() {
        assert_eq!(
            path("/v2/images", ""),
            Negotiated::Path("/v2/images".into())
        );
        assert_eq!(
            path("/v2.18/images", ""),
            Negotiated::Path("/v2/images".into())
        );
        assert_eq!(path("/v2", ""), Negotiated::Redirect);
        assert_eq!(path("/v2/", ""), Negotiated::Path("/v2/".into()));
        assert_eq!(path("/versions/", ""), Negotiated::Choices(StatusCode::OK));
        for unknown in [
            "/",
            "/v1/images",
            "/v2.19/images",
            "/v2.8/images",
            "/v2.09/images",
            "/images",
            "/v2.x/images",
        ] {
            assert_eq!(
                path(unknown, ""),
                Negotiated::Choices(StatusCode::MULTIPLE_CHOICES),
                "{unknown}"
            );
        }
    }

    #[test]
    fn a_media_type_names_one_too() {
        let accept = "application/vnd.openstack.images-v2.5";
        assert_eq!(
            path("/images", accept),
            Negotiated::Path("/v2/images".into())
        );
        assert_eq!(
            path("/v2/images", accept),
            Negotiated::Path("/v2/v2/images".into()),
            "found by no route"
        );
        let unknown = "application/vnd.openstack.images-v9";
        assert_eq!(
            path("/images", unknown),
            Negotiated::Choices(StatusCode::MULTIPLE_CHOICES)
        );
    }

    #[test]
    fn stores_and_cache_open_more_versions() {
        assert!(!is_allowed("v2.14", true, false) && is_allowed("v2.14", false, true));
        assert!(!is_allowed("v2.8", false, true) && is_allowed("v2.8", true, false));
        assert_eq!(listed(false, false), [15, 9, 17, 7, 6, 5, 4, 3, 2, 1, 0]);
    }
}
