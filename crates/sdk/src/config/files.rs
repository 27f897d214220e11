//! Finds and reads `clouds.yaml`, `secure.yaml` and `clouds-public.yaml`.

use std::{
    io,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use crate::{Environment, Error, Result};

const SUFFIXES: [&str; 3] = [".yaml", ".yml", ".json"];

/// The first file called `stem` that can be read and parsed; a `variable` of the environment may name one to try first.
///
/// Compat: openstacksdk passes over a file it may not read or cannot parse, the latter with a warning.
pub(super) fn load(
    stem: &str,
    variable: Option<&str>,
    environment: &Environment,
) -> Result<Option<(PathBuf, Map<String, Value>)>> {
    let named = variable
        .and_then(|variable| environment.get(variable))
        .map(PathBuf::from);
    let usual = folders(environment)
        .into_iter()
        .flat_map(|folder| SUFFIXES.map(|suffix| folder.join(format!("{stem}{suffix}"))));
    for path in named.into_iter().chain(usual) {
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                let is_usual = matches!(
                    error.kind(),
                    io::ErrorKind::NotFound
                        | io::ErrorKind::PermissionDenied
                        | io::ErrorKind::NotADirectory
                );
                if !is_usual {
                    tracing::warn!(path = %path.display(), %error, "skipping configuration file");
                }
                continue;
            }
        };
        match parse(&path, &text) {
            Ok(Value::Object(content)) => return Ok(Some((path, content))),
            Ok(Value::Null) if text.trim().is_empty() => return Ok(Some((path, Map::new()))),
            Ok(_) => {
                return Err(Error::ConfigFile {
                    path,
                    reason: "it is not a mapping".to_owned(),
                });
            }
            Err(reason) => {
                tracing::warn!(path = %path.display(), reason, "skipping configuration file")
            }
        }
    }
    Ok(None)
}

/// Where configuration files are looked for. Compat: openstacksdk's order.
fn folders(environment: &Environment) -> Vec<PathBuf> {
    let home = environment
        .get("SNAP_REAL_HOME")
        .or_else(|| environment.get("HOME"));
    let mut folders = vec![PathBuf::from(".")];
    if let Some(config) = environment.get("XDG_CONFIG_HOME") {
        folders.push(Path::new(config).join("openstack"));
    }
    if let Some(home) = home {
        folders.push(Path::new(home).join(".config/openstack"));
    }
    let site = environment.get("XDG_CONFIG_DIRS").unwrap_or("/etc/xdg");
    folders.extend(
        site.split(':')
            .map(|folder| Path::new(folder).join("openstack")),
    );
    folders.push(PathBuf::from("/etc/openstack"));
    folders
}

fn parse(path: &Path, text: &str) -> std::result::Result<Value, String> {
    if path
        .extension()
        .is_some_and(|extension| extension == "json")
    {
        serde_json::from_str(text).map_err(|error| error.to_string())
    } else {
        serde_saphyr::from_str(text).map_err(|error| error.to_string())
    }
}
