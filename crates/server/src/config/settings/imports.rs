//! How data is imported, and from where.

use std::time::Duration;

use crate::config::{
    error::{ConfigError, OptionName},
    option::Opt,
    options::imports,
    resolve::Resolver,
};

/// How data is imported, and from where.
#[derive(Debug, Clone)]
pub struct Imports {
    /// Imports at the same time.
    pub workers: usize,
    /// For how long finished tasks are remembered.
    pub task_time_to_live: Duration,
    /// Schemes that may be fetched from; empty for all that are not refused. So for each pair.
    pub allowed_schemes: Vec<String>,
    /// See `allowed_schemes`.
    pub disallowed_schemes: Vec<String>,
    /// See `allowed_schemes`.
    pub allowed_hosts: Vec<String>,
    /// See `allowed_schemes`.
    pub disallowed_hosts: Vec<String>,
    /// See `allowed_schemes`.
    pub allowed_ports: Vec<u16>,
    /// See `allowed_schemes`.
    pub disallowed_ports: Vec<u16>,
    /// How properties begin that are copied from an image of another region.
    pub copied_properties: Vec<String>,
}

pub(super) fn imports(resolver: &Resolver<'_>) -> Result<Imports, ConfigError> {
    Ok(Imports {
        workers: usize::try_from(resolver.get(&imports::TASK_POOL_THREADS)?).unwrap_or(usize::MAX),
        task_time_to_live: Duration::from_secs(
            resolver
                .get(&imports::TASK_TIME_TO_LIVE)?
                .saturating_mul(3600),
        ),
        allowed_schemes: lower(resolver.get(&imports::ALLOWED_SCHEMES)?),
        disallowed_schemes: lower(resolver.get(&imports::DISALLOWED_SCHEMES)?),
        allowed_hosts: resolver.get(&imports::ALLOWED_HOSTS)?,
        disallowed_hosts: resolver.get(&imports::DISALLOWED_HOSTS)?,
        allowed_ports: ports(resolver, &imports::ALLOWED_PORTS)?,
        disallowed_ports: ports(resolver, &imports::DISALLOWED_PORTS)?,
        copied_properties: resolver.get(&imports::COPIED_PROPERTIES)?,
    })
}

fn lower(words: Vec<String>) -> Vec<String> {
    words.iter().map(|word| word.to_lowercase()).collect()
}

fn ports(resolver: &Resolver<'_>, option: &Opt<Vec<String>>) -> Result<Vec<u16>, ConfigError> {
    let found = resolver.resolve(option)?;
    let port = |text: &String| {
        text.trim()
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| ConfigError::BadValue {
                origin: found.origin.clone(),
                option: OptionName::new(option.row.group, option.row.name),
                found: format!("`{text}`"),
                allowed: "a list in brackets of ports from 1 to 65535".to_owned(),
            })
    };
    found.value.iter().map(port).collect()
}
