//! Finds the URL the calls of the Image API start with.
//!
//! An endpoint may be registered with or without its version. The versions document at its root settles which it is.

use reqwest::{Method, header::ACCEPT};
use serde::Deserialize;
use url::Url;

use crate::{
    CloudConfig, Error, Result,
    identity::Session,
    transport::{self, Request, Transport},
};

/// The versions document, `GET /` of the service.
#[derive(Debug, Deserialize)]
struct Versions {
    versions: Vec<Version>,
}

#[derive(Debug, Deserialize)]
struct Version {
    id: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    links: Vec<Link>,
}

#[derive(Debug, Deserialize)]
struct Link {
    rel: String,
    href: String,
}

/// The endpoint for `config`, asking the service for its versions where the URL does not say.
pub(crate) async fn image_endpoint(
    config: &CloudConfig,
    transport: &Transport,
    session: &Session,
) -> Result<Url> {
    let given = match &config.image_endpoint_override {
        Some(given) => given.clone(),
        None => session.image_endpoint(transport).await?,
    };
    let url = parse(&given)?;
    if has_version(&url) {
        return Ok(url);
    }
    match versions(&url, transport).await {
        Ok(versions) => Ok(newest(&versions)
            .and_then(|version| self_link(version, &url))
            .unwrap_or_else(|| below(&url, "v2"))),
        // A service that answers but has no versions document still has its version 2 in the usual place.
        Err(error @ Error::Connection { .. }) => Err(error),
        Err(error) => {
            tracing::debug!(%error, "no version discovery");
            Ok(below(&url, "v2"))
        }
    }
}

/// The URL of an endpoint, ending in `/`.
pub(crate) fn parse(given: &str) -> Result<Url> {
    let mut url: Url = given
        .parse()
        .ok()
        .filter(|url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| Error::Config(format!("the image endpoint `{given}` is not an HTTP URL")))?;
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// Whether the last segment of the path is `v2`, `v2.9` and the like.
fn has_version(url: &Url) -> bool {
    url.path()
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .and_then(|segment| segment.strip_prefix('v'))
        .is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
}

/// Compat: asked without a token, as keystoneauth does.
async fn versions(url: &Url, transport: &Transport) -> Result<Vec<Version>> {
    let request = Request::new(Method::GET, url.clone()).header(ACCEPT, "application/json")?;
    let response = transport::checked(&Method::GET, transport.send(request).await?).await?;
    let body = transport::json(response).await?;
    let document: Versions =
        serde_json::from_value(body).map_err(|error| Error::invalid_response(url, error))?;
    Ok(document.versions)
}

/// The highest 2.x that is not deprecated.
fn newest(versions: &[Version]) -> Option<&Version> {
    versions
        .iter()
        .filter(|version| matches!(version.status.as_str(), "CURRENT" | "SUPPORTED"))
        .filter_map(|version| Some((minor(&version.id)?, version)))
        .max_by_key(|(minor, _)| *minor)
        .map(|(_, version)| version)
}

/// `v2.18` is 18, and nothing but version 2 is anything.
fn minor(id: &str) -> Option<u32> {
    let number = id.strip_prefix('v')?;
    let (major, minor) = number.split_once('.').unwrap_or((number, "0"));
    (major == "2").then(|| minor.parse().ok()).flatten()
}

/// Where a version says it is, on the host that was asked.
///
/// Compat: like keystoneauth, keeps scheme and host of the endpoint: a Glance behind a proxy advertises its own.
fn self_link(version: &Version, asked: &Url) -> Option<Url> {
    let link = version.links.iter().find(|link| link.rel == "self")?;
    let target = asked.join(&link.href).ok()?;
    let mut url = asked.clone();
    url.set_path(target.path());
    parse(url.as_str()).ok()
}

fn below(url: &Url, segment: &str) -> Url {
    let mut url = url.clone();
    url.set_path(&format!("{}{segment}/", url.path()));
    url
}
