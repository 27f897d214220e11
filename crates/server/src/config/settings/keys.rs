//! Where certificates and keys are.

use std::path::PathBuf;

use url::Url;

use crate::config::{
    error::{ConfigError, OptionName, Warning},
    options::keys,
    resolve::Resolver,
};

/// The names under which castellan finds its driver for Barbican.
const BARBICAN: [&str; 2] = [
    "barbican",
    "castellan.key_manager.barbican_key_manager.BarbicanKeyManager",
];

/// Where certificates and keys are.
#[derive(Debug, Clone)]
pub struct Keys {
    /// The key manager's URL; `None` where there is none that can be asked.
    pub endpoint: Option<String>,
    /// Whether its certificate is checked.
    pub is_verified: bool,
    /// File of the authorities that are believed about it, instead of those of the machine.
    pub ca_file: Option<PathBuf>,
}

pub(super) fn keys(
    resolver: &Resolver<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<Keys, ConfigError> {
    let backend = resolver.resolve(&keys::BACKEND)?;
    let endpoint = resolver.resolve(&keys::BARBICAN_ENDPOINT)?;
    // Read for its check alone.
    resolver.get(&keys::BARBICAN_API_VERSION)?;
    let is_url = |text: &str| {
        let url = Url::parse(text).ok();
        url.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
    };
    let is_barbican = BARBICAN.contains(&backend.value.as_str());
    if !is_barbican {
        warnings.push(Warning::UnsupportedKeyManager {
            origin: backend.origin,
            backend: backend.value,
        });
    }
    let endpoint = match endpoint.value.filter(|text| !text.is_empty()) {
        Some(text) if !is_url(&text) => {
            let row = &keys::BARBICAN_ENDPOINT.row;
            return Err(ConfigError::BadValue {
                origin: endpoint.origin,
                option: OptionName::new(row.group, row.name),
                found: format!("`{text}`"),
                allowed: "a URL such as `http://localhost:9311`".to_owned(),
            });
        }
        found => found.filter(|_| is_barbican),
    };
    Ok(Keys {
        endpoint,
        is_verified: resolver.get(&keys::VERIFY_SSL)?,
        ca_file: resolver.get(&keys::VERIFY_SSL_PATH)?,
    })
}
