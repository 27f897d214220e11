//! Finds and reads `clouds.yaml`, `secure.yaml` and `clouds-public.yaml`.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, MapAccess, Visitor},
};
use serde_json::{Map, Value};

use super::merge::{AUTH_OPTIONS, current_name};
use crate::Environment;

const SUFFIXES: [&str; 3] = [".yaml", ".yml", ".json"];

/// The first file called `stem` that can be read and parsed; a `variable` of the environment may name one to try first.
///
/// Compat: openstacksdk passes over a file it may not read or cannot parse, the latter with a warning.
pub(super) fn load(
    stem: &str,
    variable: Option<&str>,
    environment: &Environment,
) -> Option<(PathBuf, Map<String, Value>)> {
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
            Ok(content) => return Some((path, content.unwrap_or_default())),
            Err(reason) => {
                tracing::warn!(path = %path.display(), reason, "skipping configuration file")
            }
        }
    }
    None
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

/// The content of a file; none of an empty one.
fn parse(path: &Path, text: &str) -> Result<Option<Map<String, Value>>, String> {
    if path
        .extension()
        .is_some_and(|extension| extension == "json")
    {
        return serde_json::from_str(text).map_err(|error| error.to_string());
    }
    // Compat: the last of several values for one key wins, as with PyYAML.
    let options = serde_saphyr::options! { duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::LastWins };
    let content: Option<File> =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())?;
    Ok(content.map(|File(content)| content))
}

/// A YAML file, read so that credentials are the text that stands there: `password: 1e3` is three characters, not a
/// thousand. Only what is no credential is left to YAML's guesses.
struct File(Map<String, Value>);

impl<'de> Deserialize<'de> for File {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Section::File
            .deserialize(deserializer)
            .map(|value| match value {
                Value::Object(content) => Self(content),
                _ => Self(Map::new()),
            })
    }
}

/// Where in the file a mapping stands, which says how to read what is in it.
#[derive(Clone, Copy)]
enum Section {
    File,
    Clouds,
    Cloud,
    Auth,
}

impl Section {
    /// How to read the value of `key` in this section: as a mapping of its own kind, or not.
    fn inner(self, key: &str) -> Option<Self> {
        match (self, key) {
            (Self::File, "clouds" | "public-clouds") => Some(Self::Clouds),
            (Self::Clouds, _) => Some(Self::Cloud),
            (Self::Cloud, "auth") => Some(Self::Auth),
            _ => None,
        }
    }

    fn is_text(self, key: &str) -> bool {
        let key = key.replace('-', "_");
        matches!(self, Self::Cloud | Self::Auth) && AUTH_OPTIONS.contains(&current_name(&key))
    }
}

impl<'de> DeserializeSeed<'de> for Section {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Section {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut content = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = if let Some(inner) = self.inner(&key) {
                entries.next_value_seed(inner)?
            } else if self.is_text(&key) {
                entries
                    .next_value::<Option<String>>()?
                    .map_or(Value::Null, Value::String)
            } else {
                entries.next_value()?
            };
            content.insert(key, value);
        }
        Ok(Value::Object(content))
    }
}
