//! Builds everything from the settings: the only file that sees all crates.

use std::{fmt, io::ErrorKind, path::Path, sync::Arc};

use serde_json::{Map, Value};
use thiserror::Error;
use vidimus_auth::{Policy, PolicyConfig, ProtectionFormat, Protections, TrustedSources};
use vidimus_cache::{CacheConfig, ImageCache};
use vidimus_db::{Db, DbConfig};
use vidimus_digest::Algorithm;
use vidimus_fetch::{Fetcher, Trust, UriFilter};
use vidimus_inspect::{Format, Rules};
use vidimus_keys::{KeyManager, KeyManagerConfig};
use vidimus_service::{
    CacheRecord, ImageService, ImportConfig, LegacyConfig, NotificationConfig, NotificationDriver,
    PluginConfig, QemuImg, ScrubConfig, ServiceConfig,
};
use vidimus_store::{FilesystemConfig, FilesystemStore, HttpStore, Patience, Store, StoreSet};
use vidimus_types::schema::SchemaOptions;

use crate::{
    app::{App, HttpConfig, IdentitySource},
    config::{
        AuthMode, CacheDriver, HttpOptions, Images, Keys, Notifications, Settings, StoreDefinition,
        StoreType,
    },
    cors::Cors,
    openapi::{Document, Site},
};

/// The server cannot start with these settings.
#[derive(Debug, Error)]
#[error("{what}")]
pub struct BootError {
    what: String,
    #[source]
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl BootError {
    /// What could not be done, and why.
    pub(crate) fn new(
        what: impl fmt::Display,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            what: what.to_string(),
            cause: Some(cause.into()),
        }
    }

    /// What could not be done, where that says it all.
    pub(crate) fn plain(what: impl fmt::Display) -> Self {
        Self {
            what: what.to_string(),
            cause: None,
        }
    }
}

/// Opens database, stores and cache, and puts what a crash left back into order.
///
/// `own_url` is what this node is called where no `worker_self_reference_url` is set.
pub async fn boot(settings: &Settings, own_url: &str) -> Result<App, BootError> {
    let config = service_config(settings, own_url)?;
    let identity = identity(settings)?;
    let service = service(settings, config, settings.cache.dir.is_some()).await?;
    let recovery = service
        .recover()
        .await
        .map_err(|error| BootError::new("unfinished work cannot be undone", error))?;
    tracing::info!(
        uploads = recovery.uploads,
        leftovers = recovery.leftovers,
        imports = recovery.imports,
        "recovered"
    );
    let http = HttpConfig {
        identity,
        allows_anonymous: settings.auth.allows_anonymous,
        public_endpoint: settings.server.public_endpoint.clone(),
        scheme: "http",
        believe_forwarded: settings.server.trusts_proxy_headers,
        cors: Cors::new(&settings.cors),
        legacy_cache_routes: settings.api.flavor.has_cache_management,
        request_id_max: usize::try_from(settings.server.max_request_id_length)
            .unwrap_or(usize::MAX),
        // hyper has one clock for both: the wait for the next request and the reading of its head.
        head_timeout: settings
            .server
            .header_timeout
            .max(settings.server.keep_alive_timeout),
        stall_timeout: settings.server.body_idle_timeout,
        send_files: settings.server.send_files,
        disable_file: settings.server.health_disabling_file.clone(),
        authenticate_uri: None,
    };
    let document = Document::new(described(service.config(), settings));
    Ok(App {
        service,
        http: Arc::new(http),
        document: Arc::new(document),
    })
}

/// The service without anything running or put right, for work beside a server that may be running.
///
/// It has no cache, which belongs to the server, and it does not take itself for the only user of the database.
pub async fn scrubber(settings: &Settings) -> Result<ImageService, BootError> {
    let mut config = service_config(settings, "")?;
    config.sole_user_of_database = false;
    config.scrub.is_own_work = true;
    service(settings, config, false).await
}

/// The service with its cache, without anything running or put right, for a word to the cache of a server that is not
/// running.
pub async fn cache_keeper(settings: &Settings) -> Result<ImageService, BootError> {
    service(settings, service_config(settings, "")?, true).await
}

async fn service(
    settings: &Settings,
    config: ServiceConfig,
    has_cache: bool,
) -> Result<ImageService, BootError> {
    let policy = policy(settings)?;
    let stores = stores(settings)?;
    let db = database(settings).await?;
    db.sync()
        .await
        .map_err(|error| BootError::new("the database cannot be used", error))?;
    if !db.has_indexes().await.unwrap_or(true) {
        tracing::info!(
            "long lists are slower than they need be; `vidimus db sync` adds the indexes for them, and a restart uses them"
        );
    }
    let cache = match has_cache {
        true => Some(open_cache(settings).await?),
        false => None,
    };
    let staging = staging(settings)?;
    Ok(ImageService::new(
        config, db, stores, staging, cache, policy,
    ))
}

/// Connects to the metadata database.
pub async fn database(settings: &Settings) -> Result<Db, BootError> {
    let config = DbConfig {
        url: settings.database.connection.expose().to_owned(),
        max_connections: settings.database.max_pool_size.unwrap_or(8),
    };
    Db::connect(&config)
        .await
        .map_err(|error| BootError::new("the database cannot be opened", error))
}

/// Opens the cache folder.
pub async fn open_cache(settings: &Settings) -> Result<ImageCache, BootError> {
    let Some(dir) = settings.cache.dir.clone() else {
        return Err(BootError::plain(
            "there is no cache: set `image_cache_dir` in [DEFAULT]",
        ));
    };
    let config = CacheConfig {
        dir,
        max_size_bytes: settings.cache.max_size_bytes,
        stall_time: settings.cache.stall_time,
        free_space_reserve_bytes: settings.cache.free_space_reserve_bytes,
        large_from_bytes: crate::memory::large_from_bytes(),
    };
    ImageCache::open(config)
        .await
        .map_err(|error| BootError::new("the cache cannot be opened", error))
}

/// The rules of who may do what.
pub fn policy(settings: &Settings) -> Result<Policy, BootError> {
    let config = PolicyConfig {
        policy_file: Some(settings.policy.file.clone()),
        policy_dirs: settings.policy.dirs.clone(),
        default_rule: settings.policy.default_rule.clone(),
        enforce_new_defaults: settings.policy.enforce_new_defaults,
        ..PolicyConfig::default()
    };
    let policy =
        Policy::load(config).map_err(|error| BootError::new("the policy cannot be used", error))?;
    for warning in policy.warnings() {
        tracing::warn!("policy: {warning}");
    }
    Ok(policy)
}

/// The stores, opened.
pub fn stores(settings: &Settings) -> Result<StoreSet, BootError> {
    let open = |definition: &StoreDefinition| -> Result<Arc<dyn Store>, BootError> {
        let file = match &definition.kind {
            StoreType::File(file) => file,
            StoreType::Http(options) => return http_store(settings, definition, options),
        };
        let config = FilesystemConfig {
            id: definition.id.clone(),
            description: definition.description.clone(),
            weight: definition.weight,
            datadirs: file.datadirs.clone(),
            file_perm: file.file_perm,
            chunk_size: file.chunk_size,
            thin_provisioning: file.thin_provisioning,
            large_from_bytes: crate::memory::large_from_bytes(),
            patience: file.timeout.map(|limit| Patience {
                limit,
                threads: file.threads,
                warn_from: file.warn_from,
            }),
        };
        let store = FilesystemStore::new(config).map_err(|error| {
            BootError::new(format!("store `{}` cannot be opened", definition.id), error)
        })?;
        Ok(Arc::new(store))
    };
    let opened = settings
        .stores
        .definitions
        .iter()
        .map(open)
        .collect::<Result<Vec<_>, _>>()?;
    let build = if settings.stores.is_multi {
        StoreSet::multi
    } else {
        StoreSet::single
    };
    build(opened, &settings.stores.default)
        .map_err(|error| BootError::new("the stores do not fit together", error))
}

/// A store that reads what lies on the web, where the same filter lets it as `web-download`.
fn http_store(
    settings: &Settings,
    definition: &StoreDefinition,
    options: &HttpOptions,
) -> Result<Arc<dyn Store>, BootError> {
    let failed = |cause: Box<dyn std::error::Error + Send + Sync>| {
        BootError::new(format!("store `{}` cannot be opened", definition.id), cause)
    };
    let trust = match &options.ca_file {
        Some(file) => authorities(file)?,
        None if options.is_insecure => Trust::Anybody,
        None => Trust::Machine,
    };
    let mut fetcher = Fetcher::new(uri_filter(settings)).trusting(trust);
    for (scheme, proxy) in &options.proxies {
        fetcher = fetcher
            .through(scheme, proxy)
            .map_err(|error| failed(Box::new(error)))?;
    }
    Ok(Arc::new(HttpStore::new(
        definition.id.clone(),
        definition.description.clone(),
        definition.weight,
        fetcher,
    )))
}

/// Where a caller's URI may lead.
fn uri_filter(settings: &Settings) -> UriFilter {
    let imports = &settings.imports;
    UriFilter {
        allowed_schemes: imports.allowed_schemes.clone(),
        disallowed_schemes: imports.disallowed_schemes.clone(),
        allowed_hosts: imports.allowed_hosts.clone(),
        disallowed_hosts: imports.disallowed_hosts.clone(),
        allowed_ports: imports.allowed_ports.clone(),
        disallowed_ports: imports.disallowed_ports.clone(),
    }
}

/// What the document at `/openapi.json` depends on.
pub fn site(settings: &Settings) -> Result<Site, BootError> {
    Ok(described(&service_config(settings, "")?, settings))
}

fn described(config: &ServiceConfig, settings: &Settings) -> Site {
    Site {
        schema: config.schema.clone(),
        import_methods: config.import_methods.clone(),
        open_to_all: settings.auth.mode == AuthMode::None,
        legacy_cache_routes: settings.api.flavor.has_cache_management,
    }
}

/// Where data waits for its import: a folder that works like a store and is none.
fn staging(settings: &Settings) -> Result<Arc<dyn Store>, BootError> {
    let failed = |cause: Box<dyn std::error::Error + Send + Sync>| {
        let dir = settings.staging_dir.display();
        BootError::new(format!("staging folder `{dir}` cannot be used"), cause)
    };
    let config = FilesystemConfig {
        // Compat: the name Glance reserves for it.
        id: "os_glance_staging_store"
            .parse()
            .map_err(|error| failed(Box::new(error)))?,
        description: None,
        weight: 0,
        datadirs: vec![(settings.staging_dir.clone(), 0)],
        file_perm: 0,
        chunk_size: 64 * 1024,
        thin_provisioning: false,
        large_from_bytes: crate::memory::large_from_bytes(),
        patience: None,
    };
    let store = FilesystemStore::new(config).map_err(|error| failed(Box::new(error)))?;
    Ok(Arc::new(store))
}

fn identity(settings: &Settings) -> Result<IdentitySource, BootError> {
    match settings.auth.mode {
        AuthMode::None => Ok(IdentitySource::None),
        AuthMode::Proxy => TrustedSources::parse(&settings.auth.trusted_identity_sources)
            .map(IdentitySource::Proxy)
            .map_err(|error| {
                BootError::new(
                    "`trusted_identity_sources` in [vidimus] cannot be read",
                    error,
                )
            }),
    }
}

fn service_config(settings: &Settings, own_url: &str) -> Result<ServiceConfig, BootError> {
    let images = &settings.images;
    let hash_algorithm = Algorithm::find(&images.hashing_algorithm).ok_or_else(|| {
        BootError::plain(format!(
            "`hashing_algorithm = {}` in [DEFAULT] is not known here",
            images.hashing_algorithm
        ))
    })?;
    let node_url = settings
        .server
        .self_reference_url
        .clone()
        .unwrap_or_else(|| own_url.to_owned());
    let is_sqlite = settings.database.connection.expose().starts_with("sqlite");
    Ok(ServiceConfig {
        page_size: settings.api.limit_param_default,
        page_size_max: settings.api.api_limit_max,
        image_size_cap: images.size_cap,
        property_quota: images.property_quota,
        tag_quota: images.tag_quota,
        member_quota: images.member_quota,
        location_quota: images.location_quota,
        storage_quota: images.storage_quota,
        hash_algorithm,
        schema: schema(images)?,
        protections: protections(images)?,
        inspection: Rules {
            require_match: images.require_format_match,
            gpt_nonfatal: images.gpt_safety_checks_nonfatal.clone(),
        },
        import_methods: settings.api.enabled_import_methods.clone(),
        show_locations: settings.api.show_multiple_locations,
        show_direct_url: settings.api.show_image_direct_url,
        import: ImportConfig {
            workers: settings.imports.workers,
            task_time_to_live: settings.imports.task_time_to_live,
            stage_host: settings.server.self_reference_url.clone(),
            hashes_locations: settings.imports.hashes_locations,
            hash_retries: settings.imports.hash_retries,
            filter: uri_filter(settings),
            copied_properties: settings.imports.copied_properties.clone(),
            plugins: plugins(settings),
            max_parallel_stores: settings.imports.max_parallel_stores,
            legacy: LegacyConfig {
                has_stages: settings.imports.has_work_dir || settings.stores.is_multi,
                conversion_format: settings
                    .imports
                    .conversion_format
                    .as_deref()
                    .and_then(Format::from_name),
                ovf_properties: match &settings.imports.ovf_metadata {
                    Some(file) => ovf_properties(file)?,
                    None => Vec::new(),
                },
            },
        },
        key_manager: key_manager(&settings.keys)?,
        scrub: ScrubConfig {
            is_delayed: settings.deletion.is_delayed,
            delay: settings.deletion.scrub_time,
            images_at_once: usize::try_from(settings.deletion.scrub_pool_size)
                .unwrap_or(usize::MAX),
            interval: settings.deletion.wakeup_time,
            is_own_work: settings.deletion.by_server,
        },
        notifications: notifications(&settings.notifications),
        cache_downloads: settings.api.flavor.has_caching,
        cache_record: match settings.cache.driver {
            CacheDriver::CentralizedDb => CacheRecord::Database { node_url },
            CacheDriver::Sqlite | CacheDriver::Xattr => CacheRecord::Folder,
        },
        upkeep_interval: settings.cache.upkeep_interval,
        sole_user_of_database: is_sqlite,
    })
}

/// Who has certificates and keys, if anybody.
fn key_manager(settings: &Keys) -> Result<Option<KeyManager>, BootError> {
    let Some(endpoint) = settings.endpoint.clone() else {
        return Ok(None);
    };
    let trust = match &settings.ca_file {
        _ if !settings.is_verified => Trust::Anybody,
        Some(file) => authorities(file)?,
        None => Trust::Machine,
    };
    KeyManager::new(KeyManagerConfig { endpoint, trust })
        .map(Some)
        .map_err(|error| BootError::new("the key manager of [barbican] cannot be asked", error))
}

/// The authorities in a file.
fn authorities(file: &Path) -> Result<Trust, BootError> {
    let unread = |error: Box<dyn std::error::Error + Send + Sync>| {
        BootError::new(format!("`{}` cannot be read", file.display()), error)
    };
    let pem = std::fs::read(file).map_err(|error| unread(Box::new(error)))?;
    Trust::from_pem(&pem).map_err(|error| unread(Box::new(error)))
}

/// Who is told what happens.
fn notifications(settings: &Notifications) -> NotificationConfig {
    NotificationConfig {
        drivers: settings
            .logs
            .then_some(NotificationDriver::Log)
            .into_iter()
            .collect(),
        publisher_id: settings.publisher_id.clone(),
        disabled: settings.disabled.clone(),
    }
}

/// What is done with the data of imports.
fn plugins(settings: &Settings) -> PluginConfig {
    let imports = &settings.imports;
    PluginConfig {
        plugins: imports.plugins.clone(),
        injected: imports.injected.clone(),
        roles_without_injection: imports.roles_without_injection.clone(),
        output_format: Format::from_name(&imports.output_format).unwrap_or(Format::Raw),
        vmdk_types: settings.images.vmdk_allowed_types.clone(),
        qemu_img: QemuImg {
            program: imports.qemu_img.clone(),
            timeout: imports.conversion_timeout,
        },
        max_expansion: imports.decompression_ratio,
    }
}

/// What images may look like: the configured formats, and the custom properties of `schema-image.json`.
fn schema(images: &Images) -> Result<SchemaOptions, BootError> {
    let schema = SchemaOptions {
        container_formats: images.container_formats.clone(),
        disk_formats: images.disk_formats.clone(),
        custom: match &images.schema_file {
            Some(file) => custom_schema(file)?,
            None => None,
        },
    };
    schema
        .check()
        .map_err(|error| BootError::new("`schema-image.json` cannot be used", error))?;
    Ok(schema)
}

/// Who may do what with custom properties.
fn protections(images: &Images) -> Result<Option<Protections>, BootError> {
    let Some(file) = &images.property_protection_file else {
        return Ok(None);
    };
    let path = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| BootError::new(format!("`{path}` cannot be read"), error))?;
    let format = if images.protects_by_policies {
        ProtectionFormat::Policies
    } else {
        ProtectionFormat::Roles
    };
    Protections::parse(&text, format)
        .map(Some)
        .map_err(|error| BootError::new(format!("`{path}` cannot be used"), error))
}

fn custom_schema(file: &Path) -> Result<Option<Map<String, Value>>, BootError> {
    let path = file.display();
    let text = match std::fs::read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            tracing::warn!(%path, "there is no such file, so images have no custom properties of their own");
            return Ok(None);
        }
        Err(error) => return Err(BootError::new(format!("`{path}` cannot be read"), error)),
    };
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|error| BootError::new(format!("`{path}` is no JSON object"), error))
}

/// The properties that virtual machines bring: the list `cim_pasd` of `ovf-metadata.json`.
fn ovf_properties(file: &Path) -> Result<Vec<String>, BootError> {
    #[derive(serde::Deserialize)]
    struct Metadata {
        #[serde(default)]
        cim_pasd: Vec<String>,
    }
    let path = file.display();
    let text = std::fs::read(file)
        .map_err(|error| BootError::new(format!("`{path}` cannot be read"), error))?;
    let metadata: Metadata = serde_json::from_slice(&text).map_err(|error| {
        BootError::new(
            format!("`{path}` does not name properties in a list `cim_pasd`"),
            error,
        )
    })?;
    Ok(metadata.cim_pasd)
}

/// Makes a folder and those above it, as far as they are missing.
pub fn create_dir(dir: &Path) -> Result<(), BootError> {
    std::fs::create_dir_all(dir).map_err(|cause| {
        BootError::new(format!("folder `{}` cannot be made", dir.display()), cause)
    })
}
