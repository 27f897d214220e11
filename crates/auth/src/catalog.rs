//! Reads a service catalog: where the images of another region are.

use serde::Deserialize;
use thiserror::Error;

/// The catalog does not say where to go.
#[derive(Debug, Error)]
pub enum CatalogError {
    /// The request came without one.
    #[error("the request came without a service catalog")]
    Missing,
    /// It is no catalog.
    #[error("the service catalog cannot be read")]
    Malformed(#[source] serde_json::Error),
    /// No image service has an endpoint there.
    #[error("the service catalog has no image service in region `{0}`")]
    NoRegion(String),
    /// There is one, but not of this interface.
    #[error("the image service in region `{region}` has no `{interface}` endpoint")]
    NoInterface {
        /// As the caller wrote it.
        region: String,
        /// As the caller wrote it.
        interface: String,
    },
}

/// A service, as keystonemiddleware writes it into `X-Service-Catalog` (version 2 of Keystone's catalog, whatever the
/// version of the token).
#[derive(Debug, Deserialize)]
struct Service {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    endpoints: Vec<serde_json::Map<String, serde_json::Value>>,
}

/// The endpoint of the image service, without a slash at the end.
// Compat: Glance looks no further than the first endpoint in the region, and takes regions in any case.
pub(crate) fn image_endpoint(
    catalog: &str,
    region: &str,
    interface: &str,
) -> Result<String, CatalogError> {
    let services: Vec<Service> = serde_json::from_str(catalog).map_err(CatalogError::Malformed)?;
    let wanted = region.to_lowercase();
    let is_there = |endpoint: &&serde_json::Map<String, serde_json::Value>| {
        let region = endpoint.get("region").and_then(|region| region.as_str());
        region.is_some_and(|region| region.to_lowercase() == wanted)
    };
    let endpoint = services
        .iter()
        .filter(|service| service.kind == "image")
        .flat_map(|service| &service.endpoints)
        .find(is_there)
        .ok_or_else(|| CatalogError::NoRegion(region.to_owned()))?;
    let url = endpoint
        .get(&format!("{interface}URL"))
        .and_then(|url| url.as_str());
    let url = url.ok_or_else(|| CatalogError::NoInterface {
        region: region.to_owned(),
        interface: interface.to_owned(),
    })?;
    Ok(url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::{CatalogError, image_endpoint};

    const CATALOG: &str = r#"[
        {"type": "compute", "name": "nova", "endpoints": [{"region": "west", "publicURL": "http://nova.west"}]},
        {"type": "image", "name": "glance", "endpoints_links": [], "endpoints": [
            {"region": "East", "publicURL": "http://glance.east/", "internalURL": "http://10.0.0.1:9292"},
            {"region": "west", "publicURL": "http://glance.west", "id": "e2"},
            {"region": "west", "adminURL": "http://never.seen"}
        ]},
        {"type": "odd"}
    ]"#;

    #[test]
    fn the_first_image_endpoint_of_the_region() {
        let found = |region, interface| image_endpoint(CATALOG, region, interface);
        assert_eq!(found("east", "public").unwrap(), "http://glance.east");
        assert_eq!(found("EAST", "internal").unwrap(), "http://10.0.0.1:9292");
        assert_eq!(found("west", "public").unwrap(), "http://glance.west");
        assert!(matches!(
            found("west", "admin"),
            Err(CatalogError::NoInterface { .. })
        ));
        assert!(matches!(
            found("north", "public"),
            Err(CatalogError::NoRegion(_))
        ));
    }

    #[test]
    fn what_is_no_catalog_is_said_to_be_none() {
        for text in ["", "{}", "[1]", r#"[{"type": "image", "endpoints": {}}]"#] {
            assert!(
                matches!(
                    image_endpoint(text, "r", "public"),
                    Err(CatalogError::Malformed(_))
                ),
                "{text}"
            );
        }
    }
}
