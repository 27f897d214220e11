//! Resolves which stores there are: named ones (`enabled_backends`) or one of each type (`[glance_store] stores`).

use std::{path::PathBuf, time::Duration};

use vidimus_types::StoreId;

use crate::config::{
    error::{ConfigError, OptionName, Origin, Warning},
    options::{
        STORE_TYPES, rows_of_store, service,
        stores::{self, each, file, http},
    },
    resolve::Resolver,
};

/// Section of options for all stores of a type.
const SHARED_GROUP: &str = "backend_defaults";

/// Section of options for unnamed stores.
const SINGLE_GROUP: &str = "glance_store";

/// Compat: names with this start are Glance's own.
const RESERVED: &str = "os_glance_";

/// The stores to open.
#[derive(Debug, Clone)]
pub struct Stores {
    /// Whether stores have names that clients can use.
    pub is_multi: bool,
    /// The name of the default one; always among `definitions`.
    pub default: StoreId,
    /// In the order of the configuration.
    pub definitions: Vec<StoreDefinition>,
}

/// One store to open.
#[derive(Debug, Clone)]
pub struct StoreDefinition {
    /// Its name; for an unnamed one, its type.
    pub id: StoreId,
    /// What users are told about it.
    pub description: Option<String>,
    /// Order of reading, highest first.
    pub weight: i64,
    /// Its type with the options of that type.
    pub kind: StoreType,
}

/// A type of store that is built in, with its options.
#[derive(Debug, Clone)]
pub enum StoreType {
    /// `file`.
    File(FileStore),
    /// `http`.
    Http(HttpOptions),
}

/// Options of a store of type `http`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpOptions {
    /// File of the authorities that are believed, instead of those of the machine.
    pub ca_file: Option<PathBuf>,
    /// Whether anybody is believed where there is no such file.
    pub is_insecure: bool,
    /// Schemes and the proxies for them.
    pub proxies: Vec<(String, String)>,
}

/// Options of a store of type `file`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStore {
    /// Folders with their priorities, in the order of the configuration.
    pub datadirs: Vec<(PathBuf, i64)>,
    /// Mode of the files (`0o640`), 0 to leave it to the umask.
    pub file_perm: u32,
    /// Shown to administrators.
    pub chunk_size: u64,
    /// Whether zeros become holes.
    pub thin_provisioning: bool,
    /// How long the file system may take.
    pub timeout: Option<Duration>,
    /// Threads that may wait for it.
    pub threads: usize,
    /// Percentage of them from which on a warning is logged.
    pub warn_from: u64,
}

/// Folder for data on its way through an import.
pub(super) fn staging_dir(resolver: &Resolver<'_>, is_multi: bool) -> Result<PathBuf, ConfigError> {
    if is_multi {
        return resolver.get(&service::STAGING_DATADIR);
    }
    let uri = resolver.resolve(&service::NODE_STAGING_URI)?;
    match uri.value.strip_prefix("file://") {
        Some(path) if path.starts_with('/') => Ok(path.into()),
        _ => Err(ConfigError::BadValue {
            origin: uri.origin,
            option: OptionName::new("DEFAULT", "node_staging_uri"),
            found: format!("`{}`", uri.value),
            allowed: "a `file://` URL with an absolute path".to_owned(),
        }),
    }
}

pub(super) fn build(
    resolver: &mut Resolver<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<Stores, ConfigError> {
    let enabled = resolver.resolve(&stores::ENABLED_BACKENDS)?;
    if enabled.value.is_empty() {
        single(resolver, warnings)
    } else {
        multi(resolver, &enabled.value, &enabled.origin, warnings)
    }
}

fn multi(
    resolver: &mut Resolver<'_>,
    enabled: &[(String, String)],
    origin: &Origin,
    warnings: &mut Vec<Warning>,
) -> Result<Stores, ConfigError> {
    let conflict = |origin: &Origin, group: &str, name: &str, problem| ConfigError::Conflict {
        origin: origin.clone(),
        option: OptionName::new(group, name),
        problem,
    };
    let in_enabled = |problem| conflict(origin, "DEFAULT", "enabled_backends", problem);
    let mut definitions = Vec::new();
    for (name, kind) in enabled {
        if name.starts_with(RESERVED) {
            return Err(in_enabled(format!(
                "`{name}` is not a free name: those that start with `{RESERVED}` are taken"
            )));
        }
        let id: StoreId = name
            .parse()
            .map_err(|_| in_enabled(format!("`{name}` cannot be the name of a store")))?;
        resolver.add_group(name, rows_of_store(kind));
        let Some(kind) = store_type(resolver, kind, &[name, SHARED_GROUP])? else {
            warnings.push(unsupported(origin, name, kind));
            continue;
        };
        definitions.push(StoreDefinition {
            description: resolver
                .resolve_in(&[name], &each::STORE_DESCRIPTION)?
                .value,
            weight: resolver.resolve_in(&[name], &each::WEIGHT)?.value,
            kind,
            id,
        });
    }
    let default = resolver.resolve(&stores::DEFAULT_BACKEND)?;
    let in_default = |problem| conflict(&default.origin, SINGLE_GROUP, "default_backend", problem);
    let Some(name) = &default.value else {
        return Err(in_default(
            "it must be set where `enabled_backends` is".to_owned(),
        ));
    };
    if let Some(store) = definitions.iter().find(|store| store.id.as_str() == name) {
        return Ok(Stores {
            is_multi: true,
            default: store.id.clone(),
            definitions,
        });
    }
    Err(in_default(
        match enabled.iter().find(|(other, _)| other == name) {
            Some((_, kind)) => format!("the type `{kind}` of store `{name}` is not built in"),
            None => format!("`{name}` is not among `enabled_backends`"),
        },
    ))
}

fn single(resolver: &mut Resolver<'_>, warnings: &mut Vec<Warning>) -> Result<Stores, ConfigError> {
    for kind in STORE_TYPES {
        resolver.add_group(SINGLE_GROUP, rows_of_store(kind));
    }
    let listed = resolver.resolve(&stores::STORES)?;
    let default = resolver.resolve(&stores::DEFAULT_STORE)?;
    let conflict = |problem| ConfigError::Conflict {
        origin: default.origin.clone(),
        option: OptionName::new(SINGLE_GROUP, "default_store"),
        problem,
    };
    let mut definitions: Vec<StoreDefinition> = Vec::new();
    for kind in &listed.value {
        let name = canonical(kind);
        if definitions.iter().any(|store| store.id.as_str() == name) {
            continue;
        }
        let Some(store) = store_type(resolver, name, &[SINGLE_GROUP])? else {
            warnings.push(unsupported(&listed.origin, kind, kind));
            continue;
        };
        definitions.push(StoreDefinition {
            id: name
                .parse()
                .map_err(|_| conflict("it has no usable name".to_owned()))?,
            description: None,
            weight: 0,
            kind: store,
        });
    }
    let wanted = canonical(&default.value);
    if !STORE_TYPES.contains(&wanted) {
        let problem = format!("stores of type `{}` are not built in", default.value);
        return Err(conflict(problem));
    }
    let found = definitions.iter().find(|store| store.id.as_str() == wanted);
    let default = match found {
        Some(store) => store.id.clone(),
        None => return Err(conflict(format!("`{wanted}` is not among `stores`"))),
    };
    Ok(Stores {
        is_multi: false,
        default,
        definitions,
    })
}

/// The name of a type. Compat: `default_store` takes the schemes of a type too.
fn canonical(kind: &str) -> &str {
    match kind {
        "filesystem" => "file",
        "https" => "http",
        other => other,
    }
}

/// The options of a store, each from the first of `groups` that sets it; `None` for a type that is not built in.
fn store_type(
    resolver: &Resolver<'_>,
    kind: &str,
    groups: &[&str],
) -> Result<Option<StoreType>, ConfigError> {
    Ok(match kind {
        "file" => Some(StoreType::File(file_store(resolver, groups)?)),
        "http" => Some(StoreType::Http(HttpOptions {
            ca_file: resolver.resolve_in(groups, &http::CA_FILE)?.value,
            is_insecure: resolver.resolve_in(groups, &http::INSECURE)?.value,
            proxies: resolver.resolve_in(groups, &http::PROXIES)?.value,
        })),
        _ => None,
    })
}

fn unsupported(origin: &Origin, store: &str, kind: &str) -> Warning {
    Warning::UnsupportedStore {
        origin: origin.clone(),
        store: store.to_owned(),
        kind: kind.to_owned(),
    }
}

/// The options of a file store, each from the first of `groups` that sets it.
fn file_store(resolver: &Resolver<'_>, groups: &[&str]) -> Result<FileStore, ConfigError> {
    let group = groups.first().copied().unwrap_or(SINGLE_GROUP);
    let one = resolver.resolve_in(groups, &file::DATADIR)?;
    let several = resolver.resolve_in(groups, &file::DATADIRS)?;
    // Compat: Glance counts the default of the first as set, so that the second works only beside an empty first.
    let datadirs = match (one.value, several.value.is_empty()) {
        (Some(dir), true) => vec![(dir, 0)],
        (None, true) => {
            return Err(ConfigError::Conflict {
                origin: one.origin,
                option: OptionName::new(group, file::DATADIR.row.name),
                problem: "a store must have a folder".to_owned(),
            });
        }
        (Some(_), false) if one.origin != Origin::Default => {
            return Err(ConfigError::Conflict {
                origin: several.origin,
                option: OptionName::new(group, file::DATADIRS.row.name),
                problem: format!("it cannot be set beside `{}`", file::DATADIR.row.name),
            });
        }
        (_, false) => datadirs(group, &several.value, &several.origin)?,
    };
    let perm = resolver.resolve_in(groups, &file::FILE_PERM)?;
    let file_perm = mode(perm.value).ok_or_else(|| ConfigError::BadValue {
        origin: perm.origin,
        option: OptionName::new(group, file::FILE_PERM.row.name),
        found: format!("`{}`", perm.value),
        allowed: "a file mode of up to four octal digits, such as 640".to_owned(),
    })?;
    Ok(FileStore {
        datadirs,
        file_perm,
        chunk_size: resolver.resolve_in(groups, &file::CHUNK_SIZE)?.value,
        thin_provisioning: resolver.resolve_in(groups, &file::THIN_PROVISIONING)?.value,
        timeout: Some(resolver.resolve_in(groups, &file::TIMEOUT)?.value)
            .filter(|seconds| *seconds > 0)
            .map(Duration::from_secs),
        threads: usize::try_from(resolver.resolve_in(groups, &file::THREADS)?.value)
            .unwrap_or(usize::MAX),
        warn_from: resolver.resolve_in(groups, &file::WARN_FROM)?.value,
    })
}

/// `path` or `path:priority` each. Compat: the part after the last colon is the priority; an empty one is 0; a folder
/// may be given twice only with one priority.
fn datadirs(
    group: &str,
    texts: &[String],
    origin: &Origin,
) -> Result<Vec<(PathBuf, i64)>, ConfigError> {
    let mut folders: Vec<(PathBuf, i64)> = Vec::new();
    for text in texts {
        let bad = |allowed: &str| ConfigError::BadValue {
            origin: origin.clone(),
            option: OptionName::new(group, file::DATADIRS.row.name),
            found: format!("`{text}`"),
            allowed: allowed.to_owned(),
        };
        let (path, priority) = text.rsplit_once(':').unwrap_or((text, ""));
        let priority: i64 = match priority.trim() {
            "" => 0,
            digits => digits
                .parse()
                .map_err(|_| bad("`path` or `path:priority` with a whole number"))?,
        };
        let path = PathBuf::from(path.trim());
        if path.as_os_str().is_empty() {
            return Err(bad("`path` or `path:priority`"));
        }
        match folders.iter().find(|(known, _)| *known == path) {
            None => folders.push((path, priority)),
            Some((_, known)) if *known == priority => {}
            Some(_) => return Err(bad("a folder that is not listed with another priority")),
        }
    }
    Ok(folders)
}

/// Compat: the digits of the number are read as octal ones, and nothing above zero means nothing to set.
fn mode(digits: i64) -> Option<u32> {
    if digits <= 0 {
        return Some(0);
    }
    u32::from_str_radix(&digits.to_string(), 8)
        .ok()
        .filter(|mode| *mode <= 0o7777)
}
