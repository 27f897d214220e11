//! Reads the configuration: oslo.config files and the environment, into plain typed structs.
//!
//! This is the only place that knows the file format and the names of options. Each option is one row of the table in
//! `options`; parsing, the sample file and the reference page come from it. Not its job: opening what is configured, or
//! reading the command line and `std::env`, which the caller hands in.

mod error;
mod ini;
mod kind;
mod option;
mod options;
mod report;
mod resolve;
mod sample;
mod secret;
mod settings;
mod sources;
mod substitute;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use error::{ConfigError, OptionName, Origin, Warning};
pub use sample::{reference, sample};
pub use secret::Secret;
pub use settings::{
    Api, Auth, AuthMode, Cache, CacheDriver, Cors, Database, FileStore, Flavor, HttpOptions,
    Images, Imports, Keys, Log, Notifications, Policy, Server, Settings, StoreDefinition,
    StoreType, Stores, Tls, TlsVersion,
};
pub(crate) use settings::{PLAIN, UNIX};

use resolve::Resolver;
use sources::Sources;

/// The outcome of reading the configuration.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What to run with.
    pub settings: Settings,
    /// What to tell the operator.
    pub warnings: Vec<Warning>,
}

impl Settings {
    /// Reads `files` in order, then the `*.conf` of `dirs` by name, later ones winning, and the variables
    /// `OS_<SECTION>__<OPTION>` of `environment` over them.
    pub fn load(
        files: &[PathBuf],
        dirs: &[PathBuf],
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Loaded, ConfigError> {
        load(&Sources::read(files, dirs, environment)?)
    }

    /// What `vidimus serve` runs with when no file is given: everything below `data_dir`, cache and its API on, reachable
    /// from this machine only. Variables of `environment` change single options.
    pub fn embedded(
        data_dir: &Path,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Loaded, ConfigError> {
        let mut sources = Sources::read(&[], &[], environment)?;
        // A relative path would make locations and rows depend on the folder the program is started in.
        let absolute = std::path::absolute(data_dir).map_err(|cause| ConfigError::Unreadable {
            path: data_dir.to_owned(),
            cause,
        })?;
        let below = |name: &str| absolute.join(name).to_string_lossy().into_owned();
        sources.add_base(
            "(built in)",
            vec![
                (
                    "database",
                    "connection",
                    format!("sqlite:///{}", below("vidimus.sqlite")),
                ),
                ("glance_store", "filesystem_store_datadir", below("images")),
                ("glance_store", "stores", "file".to_owned()),
                ("DEFAULT", "image_cache_dir", below("cache")),
                (
                    "DEFAULT",
                    "node_staging_uri",
                    format!("file://{}", below("staging")),
                ),
                ("paste_deploy", "flavor", "cachemanagement".to_owned()),
            ],
        );
        load(&sources)
    }
}

fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
    let mut resolver = Resolver::new(sources, options::rows());
    let mut warnings = Vec::new();
    for kind in options::STORE_TYPES {
        resolver.add_group("backend_defaults", options::rows_of_store(kind));
    }
    let settings = Settings::build(&mut resolver, &mut warnings)?;

    // Options of stores are known wherever a store's options may stand, also for stores that are left out.
    let mut store_groups = vec!["glance_store".to_owned(), "backend_defaults".to_owned()];
    let unsupported = warnings.iter().filter_map(|warning| match warning {
        Warning::UnsupportedStore { store, .. } => Some(store.clone()),
        _ => None,
    });
    store_groups.extend(unsupported);
    let named = settings.stores.definitions.iter();
    store_groups.extend(named.map(|store| store.id.to_string()));
    if settings.stores.is_multi {
        // Leftovers from before the stores had names.
        for kind in options::STORE_TYPES {
            resolver.add_group("glance_store", options::rows_of_store(kind));
        }
    }
    warnings.extend(report::warnings(sources, &resolver, &store_groups));
    Ok(Loaded { settings, warnings })
}
