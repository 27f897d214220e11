//! Picks the image service's endpoint out of a Keystone catalog.

use serde::Deserialize;

use crate::{Error, Result};

/// The service type. OpenStack's service-types authority knows no alias of it.
const IMAGE_TYPE: &str = "image";

/// One service of a catalog.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Service {
    #[serde(rename = "type")]
    pub(crate) service_type: String,
    #[serde(default)]
    pub(crate) endpoints: Vec<Endpoint>,
}

/// One endpoint of a service.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Endpoint {
    #[serde(default)]
    pub(crate) interface: String,
    #[serde(default)]
    pub(crate) region_id: Option<String>,
    #[serde(default)]
    pub(crate) region: Option<String>,
    #[serde(default)]
    pub(crate) url: Option<String>,
}

impl Endpoint {
    fn is_in(&self, region: &str) -> bool {
        self.region_id
            .as_deref()
            .filter(|id| !id.is_empty())
            .or(self.region.as_deref())
            == Some(region)
    }
}

/// The URL of the image service in `catalog`.
pub(crate) fn image_url(
    catalog: &[Service],
    interfaces: &[String],
    region: Option<&str>,
) -> Result<String> {
    if catalog.is_empty() {
        return Err(Error::NoEndpoint(
            "The service catalog is empty.".to_owned(),
        ));
    }
    let image_endpoints = || {
        catalog
            .iter()
            .filter(|service| service.service_type == IMAGE_TYPE)
            .flat_map(|service| &service.endpoints)
            .filter(|endpoint| region.is_none_or(|region| endpoint.is_in(region)))
    };
    for interface in interfaces {
        let found = image_endpoints()
            .filter(|endpoint| endpoint.interface == normalized(interface))
            .find_map(|endpoint| endpoint.url.clone().filter(|url| !url.is_empty()));
        if let Some(url) = found {
            return Ok(url);
        }
    }
    let interface = interfaces.join(", ");
    let place = region.map_or_else(String::new, |region| format!(" in {region} region"));
    // Compat: openstacksdk's words, the cause last.
    Err(Error::NoEndpoint(format!(
        "Service 'image' is disabled because its configuration could not be loaded. \
         The service is not present in the service catalog: \
         {interface} endpoint for image service{place} not found"
    )))
}

/// `publicURL` is what version 2 of the Identity API called `public`.
fn normalized(interface: &str) -> &str {
    interface.strip_suffix("URL").unwrap_or(interface)
}
