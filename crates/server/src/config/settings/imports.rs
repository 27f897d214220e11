//! How data is imported, and from where.

use std::{path::PathBuf, time::Duration};

use vidimus_service::Plugin;

use crate::config::{
    error::{ConfigError, OptionName},
    option::Opt,
    options::{imports, vidimus},
    resolve::Resolver,
};

/// How data is imported, and from where.
#[derive(Debug, Clone)]
pub struct Imports {
    /// Imports at the same time.
    pub workers: usize,
    /// For how long finished tasks are remembered.
    pub task_time_to_live: Duration,
    /// Whether the data of a location is read for its hash.
    pub hashes_locations: bool,
    /// How often that is tried again.
    pub hash_retries: u32,
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
    /// Whether legacy tasks look at the data they bring.
    pub has_work_dir: bool,
    /// What legacy tasks convert disks to.
    pub conversion_format: Option<String>,
    /// Where the properties are named that virtual machines bring, if anybody looks for such a file.
    pub ovf_metadata: Option<PathBuf>,
    /// What is done with the data, in this order.
    pub plugins: Vec<Plugin>,
    /// Stores that are written at the same time.
    pub max_parallel_stores: usize,
    /// What disks are converted to.
    pub output_format: String,
    /// Properties every imported image gets.
    pub injected: Vec<(String, String)>,
    /// Roles whose callers do without.
    pub roles_without_injection: Vec<String>,
    /// The program that converts.
    pub qemu_img: PathBuf,
    /// For how long it may.
    pub conversion_timeout: Duration,
    /// How many times larger than its archive data may be.
    pub decompression_ratio: u64,
}

pub(super) fn imports(resolver: &Resolver<'_>) -> Result<Imports, ConfigError> {
    Ok(Imports {
        workers: usize::try_from(resolver.get(&imports::TASK_POOL_THREADS)?).unwrap_or(usize::MAX),
        task_time_to_live: Duration::from_secs(
            resolver
                .get(&imports::TASK_TIME_TO_LIVE)?
                .saturating_mul(3600),
        ),
        hashes_locations: resolver.get(&imports::DO_SECURE_HASH)?,
        hash_retries: u32::try_from(resolver.get(&imports::HTTP_RETRIES)?).unwrap_or(u32::MAX),
        allowed_schemes: lower(resolver.get(&imports::ALLOWED_SCHEMES)?),
        disallowed_schemes: lower(resolver.get(&imports::DISALLOWED_SCHEMES)?),
        allowed_hosts: resolver.get(&imports::ALLOWED_HOSTS)?,
        disallowed_hosts: resolver.get(&imports::DISALLOWED_HOSTS)?,
        allowed_ports: ports(resolver, &imports::ALLOWED_PORTS)?,
        disallowed_ports: ports(resolver, &imports::DISALLOWED_PORTS)?,
        copied_properties: resolver.get(&imports::COPIED_PROPERTIES)?,
        has_work_dir: resolver.get(&imports::WORK_DIR)?.is_some(),
        conversion_format: resolver.get(&imports::CONVERSION_FORMAT)?,
        ovf_metadata: None,
        plugins: plugins(resolver)?,
        max_parallel_stores: usize::try_from(resolver.get(&imports::MAX_PARALLEL_STORES)?)
            .unwrap_or(usize::MAX),
        output_format: resolver.get(&imports::OUTPUT_FORMAT)?,
        injected: injected(resolver)?,
        roles_without_injection: resolver.get(&imports::IGNORE_USER_ROLES)?,
        qemu_img: resolver.get(&vidimus::QEMU_IMG)?,
        conversion_timeout: resolver.get(&vidimus::CONVERSION_TIMEOUT)?,
        decompression_ratio: resolver.get(&vidimus::DECOMPRESSION_RATIO)?,
    })
}

fn plugins(resolver: &Resolver<'_>) -> Result<Vec<Plugin>, ConfigError> {
    let found = resolver.resolve(&imports::IMAGE_IMPORT_PLUGINS)?;
    let plugins: Vec<Plugin> = found
        .value
        .iter()
        .filter_map(|name| Plugin::named(name))
        .collect();
    let twice = plugins
        .iter()
        .enumerate()
        .find(|(at, plugin)| plugins[..*at].contains(plugin));
    match twice {
        Some((_, plugin)) => Err(ConfigError::Conflict {
            origin: found.origin,
            option: OptionName::new("image_import_opts", "image_import_plugins"),
            problem: format!("it names `{}` twice", plugin.name()),
        }),
        None => Ok(plugins),
    }
}

fn injected(resolver: &Resolver<'_>) -> Result<Vec<(String, String)>, ConfigError> {
    let found = resolver.resolve(&imports::INJECT)?;
    let problem = |problem: String| ConfigError::Conflict {
        origin: found.origin.clone(),
        option: OptionName::new("inject_metadata_properties", "inject"),
        problem,
    };
    for (name, _) in &found.value {
        if name.is_empty() || name.chars().count() > 255 {
            return Err(problem(format!(
                "the name of a property has from 1 to 255 characters, and `{name}` has not"
            )));
        }
    }
    Ok(found.value)
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
