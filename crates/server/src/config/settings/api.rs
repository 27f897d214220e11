//! What requests pass through, who is calling, and the rules that apply.

use std::{path::PathBuf, time::Duration};

use crate::config::{
    error::{ConfigError, OptionName},
    options::{libraries, service, vidimus},
    resolve::Resolver,
};

/// What requests pass through: Glance's paste pipelines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flavor {
    /// Callers are authenticated.
    pub has_keystone: bool,
    /// Downloads fill and use the cache.
    pub has_caching: bool,
    /// The cache API is served.
    pub has_cache_management: bool,
}

/// Who says who is calling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMode {
    /// Nobody: every caller is an administrator.
    None,
    /// A trusted neighbour, in headers.
    Proxy,
}

/// Where the rules of who may do what come from.
#[derive(Debug, Clone)]
pub struct Policy {
    /// As configured; relative paths are looked for beside the configuration file.
    pub file: PathBuf,
    /// Whether somebody named the file, so that its absence is worth a word.
    pub is_file_set: bool,
    /// Folders of more files.
    pub dirs: Vec<PathBuf>,
    /// The rule for rules that do not exist.
    pub default_rule: String,
    /// Whether older, wider rules are out of force.
    pub enforce_new_defaults: bool,
}

/// What web pages of other origins may do.
#[derive(Debug, Clone)]
pub struct Cors {
    /// Empty: nothing.
    pub allowed_origins: Vec<String>,
    /// Whether the user's credentials may come along.
    pub allow_credentials: bool,
    /// Headers of answers they may read.
    pub expose_headers: Vec<String>,
    /// How long a browser may remember.
    pub max_age: Duration,
    /// Methods they may use.
    pub allow_methods: Vec<String>,
    /// Headers of requests they may set.
    pub allow_headers: Vec<String>,
}

pub(super) fn flavor(resolver: &Resolver<'_>) -> Result<Flavor, ConfigError> {
    let flavor = resolver.get(&service::FLAVOR)?.unwrap_or_default();
    let mut parts = Flavor::default();
    for part in flavor.split('+') {
        match part {
            "keystone" => parts.has_keystone = true,
            "caching" => parts.has_caching = true,
            "cachemanagement" => {
                parts.has_caching = true;
                parts.has_cache_management = true;
            }
            _ => {}
        }
    }
    Ok(parts)
}

pub(super) fn auth_mode(resolver: &Resolver<'_>, flavor: Flavor) -> Result<AuthMode, ConfigError> {
    match resolver.get(&vidimus::AUTH)?.as_deref() {
        Some("proxy") => Ok(AuthMode::Proxy),
        Some(_) => Ok(AuthMode::None),
        // Serving everybody as an administrator because tokens cannot be validated would be the worst way to go on.
        None if flavor.has_keystone => Err(ConfigError::Conflict {
            origin: resolver.resolve(&service::FLAVOR)?.origin,
            option: OptionName::new("paste_deploy", "flavor"),
            problem: "it asks for Keystone, and tokens are not validated here; set `[vidimus] auth = proxy` and let a proxy \
                      validate them"
                .to_owned(),
        }),
        None => Ok(AuthMode::None),
    }
}

pub(super) fn policy(resolver: &Resolver<'_>) -> Result<Policy, ConfigError> {
    let dirs = resolver.get(&libraries::POLICY_DIRS)?;
    Ok(Policy {
        file: resolver.get(&libraries::POLICY_FILE)?,
        is_file_set: resolver.is_set("oslo_policy", &libraries::POLICY_FILE.row),
        dirs: dirs.into_iter().map(PathBuf::from).collect(),
        default_rule: resolver.get(&libraries::POLICY_DEFAULT_RULE)?,
        enforce_new_defaults: resolver.get(&libraries::ENFORCE_NEW_DEFAULTS)?,
    })
}

pub(super) fn cors(resolver: &Resolver<'_>) -> Result<Cors, ConfigError> {
    Ok(Cors {
        allowed_origins: resolver.get(&libraries::ALLOWED_ORIGIN)?,
        allow_credentials: resolver.get(&libraries::ALLOW_CREDENTIALS)?,
        expose_headers: resolver.get(&libraries::EXPOSE_HEADERS)?,
        max_age: resolver.get(&libraries::MAX_AGE)?,
        allow_methods: resolver.get(&libraries::ALLOW_METHODS)?,
        allow_headers: resolver.get(&libraries::ALLOW_HEADERS)?,
    })
}
