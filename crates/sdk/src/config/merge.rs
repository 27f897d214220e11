//! Merges files, environment and explicit options into one flat set of options, in the order osc-lib has.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::{Overrides, files};
use crate::{Environment, Error, Result};

/// Variables that choose or find a cloud and say nothing about it.
const SELECTORS: [&str; 5] = [
    "OS_CLOUD",
    "OS_REGION_NAME",
    "OS_CLIENT_CONFIG_FILE",
    "OS_CLIENT_SECURE_FILE",
    "OS_CLOUD_NAME",
];

/// The options the command line knows, whose variables therefore change a cloud from a file too.
const COMMAND_OPTIONS: &[&str] = &[
    "region_name",
    "cacert",
    "cert",
    "key",
    "default_domain",
    "interface",
    "auth_type",
    "auth_url",
    "username",
    "user_id",
    "password",
    "user_domain_name",
    "user_domain_id",
    "project_name",
    "project_id",
    "project_domain_name",
    "project_domain_id",
    "domain_name",
    "domain_id",
    "default_domain_id",
    "default_domain_name",
    "trust_id",
    "system_scope",
    "token",
    "application_credential_id",
    "application_credential_name",
    "application_credential_secret",
    "endpoint",
    "image_api_version",
    "identity_api_version",
];

/// Options that live in the `auth` section and may stand outside of it. All of them are single texts.
pub(super) const AUTH_OPTIONS: &[&str] = &[
    "auth_url",
    "username",
    "user_id",
    "password",
    "user_domain_name",
    "user_domain_id",
    "project_name",
    "project_id",
    "project_domain_name",
    "project_domain_id",
    "domain_name",
    "domain_id",
    "default_domain_id",
    "default_domain_name",
    "trust_id",
    "system_scope",
    "token",
    "application_credential_id",
    "application_credential_name",
    "application_credential_secret",
    "endpoint",
];

/// Old names, and what they are called now.
const OLD_NAMES: &[(&str, &str)] = &[
    ("tenant_id", "project_id"),
    ("tenant_name", "project_name"),
    ("auth_token", "token"),
    ("auth_plugin", "auth_type"),
    ("endpoint_type", "interface"),
    ("image_endpoint_type", "image_interface"),
    ("user_name", "username"),
    ("url", "endpoint"),
];

/// One cloud's options after merging.
#[derive(Debug)]
pub(super) struct Merged {
    pub(super) name: Option<String>,
    options: Map<String, Value>,
    home: Option<PathBuf>,
}

impl Merged {
    /// An option's value, wherever it stood. Empty is none.
    pub(super) fn get(&self, key: &str) -> Option<String> {
        text(self.options.get(key)?).filter(|text| !text.is_empty())
    }

    /// An option that may be a list.
    pub(super) fn list(&self, key: &str) -> Vec<String> {
        match self.options.get(key) {
            Some(Value::Array(values)) => values.iter().filter_map(text).collect(),
            Some(value) => text(value)
                .into_iter()
                .filter(|text| !text.is_empty())
                .collect(),
            None => Vec::new(),
        }
    }

    /// A yes or no. Compat: openstacksdk takes `true` in any case for yes and every other text for no.
    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        match self.options.get(key)? {
            Value::Null => None,
            Value::Bool(flag) => Some(*flag),
            other => Some(text(other).is_some_and(|word| word.eq_ignore_ascii_case("true"))),
        }
    }

    /// Whether anything is known about how to authenticate.
    pub(super) fn has_auth(&self) -> bool {
        AUTH_OPTIONS.iter().any(|key| self.get(key).is_some())
    }

    pub(super) fn expand_home(&self, path: &str) -> PathBuf {
        match (path.strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(path),
        }
    }
}

/// Numbers count as their digits: `project_id: 42` is a project.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

pub(super) fn merge(overrides: &Overrides, environment: &Environment) -> Result<Merged> {
    let clouds = read_clouds(environment)?;
    let from_environment = environment_options(environment);
    let name = choose(overrides, environment, &clouds, from_environment.is_some())?;
    let mut options = Map::new();
    if let Some(name) = &name {
        let cloud = clouds
            .get(name)
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        let cloud = normalized(cloud);
        for (key, value) in profile(&cloud, environment)? {
            options.insert(key, value);
        }
        options.extend(cloud);
        choose_region(name, &mut options, overrides, environment)?;
    }
    for (key, value) in from_environment.into_iter().flatten() {
        if name.is_none() || COMMAND_OPTIONS.contains(&key.as_str()) {
            options.insert(key, json!(value));
        }
    }
    for (key, value) in overrides.iter().filter(|(key, _)| *key != "cloud") {
        options.insert(current_name(key).to_owned(), json!(value));
    }
    let home = environment.get("HOME").map(PathBuf::from);
    Ok(Merged {
        name,
        options,
        home,
    })
}

/// The clouds of `clouds.yaml` with the secrets of `secure.yaml` laid over them.
fn read_clouds(environment: &Environment) -> Result<Map<String, Value>> {
    let mut content = Map::new();
    for (stem, variable) in [
        ("clouds", "OS_CLIENT_CONFIG_FILE"),
        ("secure", "OS_CLIENT_SECURE_FILE"),
    ] {
        if let Some((path, file)) = files::load(stem, Some(variable), environment) {
            if !file.contains_key("clouds") {
                tracing::warn!(path = %path.display(), "the file has no `clouds`");
            }
            overlay(&mut content, file);
        }
    }
    match content.remove("clouds") {
        Some(Value::Object(clouds)) => Ok(clouds),
        _ => Ok(Map::new()),
    }
}

/// Lays `upper` over `lower`, mapping by mapping.
fn overlay(lower: &mut Map<String, Value>, upper: Map<String, Value>) {
    for (key, value) in upper {
        match (lower.get_mut(&key), value) {
            (Some(Value::Object(below)), Value::Object(above)) => overlay(below, above),
            (_, value) => {
                lower.insert(key, value);
            }
        }
    }
}

/// The variables as options, if any of them says something about a cloud.
fn environment_options(environment: &Environment) -> Option<Vec<(String, String)>> {
    let is_about_a_cloud = |name: &str| {
        !["OS_TEST", "OS_STD", "OS_LOG"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
    };
    let variables = || {
        environment
            .openstack()
            .filter(|(name, _)| is_about_a_cloud(name))
    };
    if variables().all(|(name, _)| SELECTORS.contains(&name)) {
        return None;
    }
    let mut options: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: &str| {
        if !value.is_empty() {
            options.push((name.to_owned(), value.to_owned()));
        }
    };
    // Old names first, so that the current ones win.
    for wants_old in [true, false] {
        for (variable, value) in variables().filter(|(name, _)| *name != "OS_CLOUD") {
            let name = variable.trim_start_matches("OS_").to_ascii_lowercase();
            let current = current_name(&name);
            if (current != name) == wants_old {
                add(current, value);
            }
        }
    }
    Some(options)
}

pub(super) fn current_name(name: &str) -> &str {
    OLD_NAMES
        .iter()
        .find(|(old, _)| *old == name)
        .map_or(name, |(_, current)| current)
}

/// Which cloud of the files to use; `None` leaves it to variables and options.
fn choose(
    overrides: &Overrides,
    environment: &Environment,
    clouds: &Map<String, Value>,
    environment_is_cloud: bool,
) -> Result<Option<String>> {
    let envvars = environment.get("OS_CLOUD_NAME").unwrap_or("envvars");
    if let Some(name) = overrides
        .get("cloud")
        .or_else(|| environment.get("OS_CLOUD"))
    {
        return if clouds.contains_key(name) {
            Ok(Some(name.to_owned()))
        } else if environment_is_cloud && name == envvars {
            Ok(None)
        } else {
            Err(Error::Config(format!("Cloud {name} was not found.")))
        };
    }
    if environment_is_cloud {
        return Ok(None);
    }
    // Compat: a file with a single cloud needs no choice.
    let mut names = clouds.keys();
    match (names.next(), names.next()) {
        (Some(only), None) => Ok(Some(only.clone())),
        _ => Ok(None),
    }
}

/// A cloud with its `auth` section spread out and its names brought up to date.
///
/// Compat: where an option stands both inside and outside of `auth`, openstackclient takes the one outside.
fn normalized(cloud: Map<String, Value>) -> Map<String, Value> {
    let mut auth = Map::new();
    let mut outside = Map::new();
    for (key, value) in cloud {
        match (key.as_str(), value) {
            ("auth", Value::Object(section)) => auth = section,
            (_, value) => {
                outside.insert(key, value);
            }
        }
    }
    let mut options = Map::new();
    for section in [auth, outside] {
        let (old, current): (Vec<_>, Vec<_>) = section
            .into_iter()
            .map(|(key, value)| (key.replace('-', "_"), value))
            .filter(|(_, value)| !value.is_null())
            .partition(|(key, _)| current_name(key) != key);
        for (key, value) in old.into_iter().chain(current) {
            options.insert(current_name(&key).to_owned(), value);
        }
    }
    options
}

/// The options of the profile a cloud names.
fn profile(cloud: &Map<String, Value>, environment: &Environment) -> Result<Map<String, Value>> {
    let Some(name) = cloud
        .get("profile")
        .or_else(|| cloud.get("cloud"))
        .and_then(text)
    else {
        return Ok(Map::new());
    };
    let vendors = files::load("clouds-public", None, environment);
    let found = vendors
        .and_then(|(_, mut content)| content.remove("public-clouds"))
        .and_then(|mut profiles| profiles.get_mut(&name).map(Value::take));
    match found {
        Some(Value::Object(profile)) => Ok(normalized(profile)),
        _ => {
            tracing::warn!(profile = name, "no clouds-public.yaml has this profile");
            Ok(Map::new())
        }
    }
}

/// Applies the values of the region that is asked for, or of the cloud's first.
fn choose_region(
    cloud: &str,
    options: &mut Map<String, Value>,
    overrides: &Overrides,
    environment: &Environment,
) -> Result<()> {
    let wanted = overrides
        .get("region_name")
        .or_else(|| environment.get("OS_REGION_NAME"));
    let regions = match options.remove("regions") {
        Some(Value::Array(regions)) => regions,
        _ => match options.get("region_name").and_then(text) {
            Some(list) => list.split(',').map(|name| json!(name)).collect(),
            None => Vec::new(),
        },
    };
    if regions.is_empty() {
        return Ok(());
    }
    let name_of = |region: &Value| text(region).or_else(|| region.get("name").and_then(text));
    let chosen = match wanted {
        None => regions.first(),
        Some(wanted) => Some(
            regions
                .iter()
                .find(|region| name_of(region).as_deref() == Some(wanted))
                .ok_or_else(|| {
                    let names: Vec<String> = regions.iter().filter_map(name_of).collect();
                    Error::Config(format!(
                        "Region {wanted} is not a valid region name for cloud {cloud}. Valid choices are {}. Please note \
                         that region names are case sensitive.",
                        names.join(",")
                    ))
                })?,
        ),
    };
    if let Some(region) = chosen {
        if let Some(Value::Object(values)) = region.get("values") {
            options.extend(normalized(values.clone()));
        }
        if let Some(name) = name_of(region) {
            options.insert("region_name".to_owned(), json!(name));
        }
    }
    Ok(())
}
