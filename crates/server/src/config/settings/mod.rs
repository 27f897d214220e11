//! The configuration as the program uses it: plain values by subject, every one checked.

mod api;
mod imports;
mod keys;
mod notifications;
mod stores;
mod tls;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

pub use api::{AuthMode, Cors, Flavor, Policy};
pub use imports::Imports;
pub use keys::Keys;
pub use notifications::Notifications;
pub use stores::{FileStore, HttpOptions, StoreDefinition, StoreType, Stores};
pub use tls::{Tls, TlsVersion};

use crate::app::SendFiles;

use super::{
    error::{ConfigError, OptionName, Origin, Warning},
    options::{cache, deletion, images, libraries, logging, service, vidimus},
    resolve::Resolver,
    secret::Secret,
};

/// Everything that can be configured.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where and how requests come in.
    pub server: Server,
    /// Who may call.
    pub auth: Auth,
    /// How the API answers.
    pub api: Api,
    /// What images may be like.
    pub images: Images,
    /// What becomes of the data of deleted images.
    pub deletion: Deletion,
    /// The image cache.
    pub cache: Cache,
    /// Where image data is kept.
    pub stores: Stores,
    /// How data is imported, and from where.
    pub imports: Imports,
    /// Where certificates and keys are.
    pub keys: Keys,
    /// What other services are told.
    pub notifications: Notifications,
    /// Folder for data on its way through an import.
    pub staging_dir: PathBuf,
    /// The metadata database.
    pub database: Database,
    /// Where the rules of who may do what come from.
    pub policy: Policy,
    /// What web pages of other origins may do.
    pub cors: Cors,
    /// Where the log goes.
    pub log: Log,
}

/// Where and how requests come in.
#[derive(Debug, Clone)]
pub struct Server {
    /// Addresses to listen on, each `host:port`, `http://host:port` or `unix:path`; a host may still be a name.
    pub listen: Vec<String>,
    /// With what a `host:port` speaks TLS; `None`: it does not.
    pub tls: Option<Tls>,
    /// Start of links in version documents.
    pub public_endpoint: Option<String>,
    /// This node's own URL; `public_endpoint` where it has none of its own.
    pub self_reference_url: Option<String>,
    /// Whether a proxy's Forwarded headers are believed.
    pub trusts_proxy_headers: bool,
    /// Characters of a client's request id.
    pub max_request_id_length: u64,
    /// While it exists, the health check says no.
    pub health_disabling_file: Option<PathBuf>,
    /// For the headers of a request.
    pub header_timeout: Duration,
    /// For a transfer in which nothing moves.
    pub body_idle_timeout: Duration,
    /// For a connection without a request.
    pub keep_alive_timeout: Duration,
    /// How image data in files gets to clients.
    pub send_files: SendFiles,
}

/// Who may call.
#[derive(Debug, Clone)]
pub struct Auth {
    /// Who says who is calling.
    pub mode: AuthMode,
    /// Neighbours whose identity headers are believed, as `auth::TrustedSources` parses them.
    pub trusted_identity_sources: Vec<String>,
    /// Whether who is not confirmed may read what everybody may.
    pub allows_anonymous: bool,
    /// Whether everybody may be an administrator even from other machines.
    pub allow_unauthenticated_remote: bool,
}

/// How the API answers.
#[derive(Debug, Clone)]
pub struct Api {
    /// What requests pass through.
    pub flavor: Flavor,
    /// Entries on a page.
    pub limit_param_default: u64,
    /// Entries on a page at the most.
    pub api_limit_max: u64,
    /// Whether images show `direct_url`.
    pub show_image_direct_url: bool,
    /// Whether images show `locations`.
    pub show_multiple_locations: bool,
    /// In the order they are advertised.
    pub enabled_import_methods: Vec<String>,
}

/// What images may be like.
#[derive(Debug, Clone)]
pub struct Images {
    /// hashlib's name of the second hash.
    pub hashing_algorithm: String,
    /// Bytes of data.
    pub size_cap: u64,
    /// Negative: no limit. So for each quota.
    pub property_quota: i64,
    /// See `property_quota`.
    pub tag_quota: i64,
    /// See `property_quota`.
    pub member_quota: i64,
    /// See `property_quota`.
    pub location_quota: i64,
    /// Bytes the images of a project may take up; zero for any number.
    pub storage_quota: u64,
    /// Where custom properties are described, if anybody looks for such a file; see `boot::custom_schema`.
    pub schema_file: Option<PathBuf>,
    /// Who may do what with custom properties; relative as configured.
    pub property_protection_file: Option<PathBuf>,
    /// Whether that file names policy rules and not roles.
    pub protects_by_policies: bool,
    /// Values of `container_format`.
    pub container_formats: Vec<String>,
    /// Values of `disk_format`.
    pub disk_formats: Vec<String>,
    /// Whether content must be what `disk_format` says.
    pub require_format_match: bool,
    /// VMDK variants that are accepted.
    pub vmdk_allowed_types: Vec<String>,
    /// Checks of GPT disks that only warn.
    pub gpt_safety_checks_nonfatal: Vec<String>,
}

/// What becomes of the data of deleted images.
#[derive(Debug, Clone)]
pub struct Deletion {
    /// Whether it waits for the scrubber.
    pub is_delayed: bool,
    /// How long.
    pub scrub_time: Duration,
    /// Images that are scrubbed at the same time.
    pub scrub_pool_size: u64,
    /// Between two rounds.
    pub wakeup_time: Duration,
    /// Whether the scrubber, as a program of its own, goes on after the first round.
    pub is_daemon: bool,
    /// Whether the server scrubs.
    pub by_server: bool,
}

/// The image cache.
#[derive(Debug, Clone)]
pub struct Cache {
    /// No folder, no cache.
    pub dir: Option<PathBuf>,
    /// Where else the cache's contents are recorded.
    pub driver: CacheDriver,
    /// Bytes it may hold.
    pub max_size_bytes: u64,
    /// Age of unfinished files that are given up.
    pub stall_time: Duration,
    /// Bytes left free on its disk.
    pub free_space_reserve_bytes: u64,
    /// Time between two rounds of upkeep.
    pub upkeep_interval: Duration,
}

/// Where the contents of the cache are recorded besides its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheDriver {
    /// In Glance's tables.
    CentralizedDb,
    /// Nowhere; Glance would use a database of its own in the folder.
    Sqlite,
    /// Nowhere; Glance would use attributes of the files.
    Xattr,
}

/// The metadata database.
#[derive(Debug, Clone)]
pub struct Database {
    /// SQLAlchemy's form of URL.
    pub connection: Secret,
    /// Queries at the same time; `None` leaves it to the program.
    pub max_pool_size: Option<u32>,
}

/// Where the log goes.
#[derive(Debug, Clone)]
pub struct Log {
    /// Whether every step is told.
    pub is_debug: bool,
    /// `None`: only to standard error.
    pub file: Option<PathBuf>,
    /// Whether to standard error. Always so without a file.
    pub to_stderr: bool,
}

impl Settings {
    pub(super) fn build(
        resolver: &mut Resolver<'_>,
        warnings: &mut Vec<Warning>,
    ) -> Result<Self, ConfigError> {
        let stores = stores::build(resolver, warnings)?;
        let resolver = &*resolver;
        let flavor = api::flavor(resolver)?;
        let settings = Self {
            server: server(resolver)?,
            auth: Auth {
                mode: api::auth_mode(resolver, flavor)?,
                trusted_identity_sources: resolver.get(&vidimus::TRUSTED_IDENTITY_SOURCES)?,
                allows_anonymous: resolver.get(&service::ALLOW_ANONYMOUS_ACCESS)?,
                allow_unauthenticated_remote: resolver
                    .get(&vidimus::ALLOW_UNAUTHENTICATED_REMOTE)?,
            },
            api: Api {
                flavor,
                limit_param_default: resolver.get(&service::LIMIT_PARAM_DEFAULT)?,
                api_limit_max: resolver.get(&service::API_LIMIT_MAX)?,
                show_image_direct_url: resolver.get(&service::SHOW_IMAGE_DIRECT_URL)?,
                show_multiple_locations: resolver.get(&service::SHOW_MULTIPLE_LOCATIONS)?,
                enabled_import_methods: resolver.get(&service::ENABLED_IMPORT_METHODS)?,
            },
            images: images(resolver)?,
            deletion: deletion(resolver)?,
            cache: cache(resolver)?,
            imports: imports::imports(resolver)?,
            keys: keys::keys(resolver, warnings)?,
            notifications: notifications::notifications(resolver, warnings)?,
            staging_dir: stores::staging_dir(resolver, stores.is_multi)?,
            stores,
            database: database(resolver)?,
            policy: api::policy(resolver)?,
            cors: api::cors(resolver)?,
            log: log(resolver)?,
        };
        settings.check_exposure()?;
        Ok(settings)
    }

    /// Refuses to let everybody be an administrator from other machines, unless that is said in so many words.
    ///
    /// To be asked again when the addresses were replaced, as by a command-line option.
    pub fn check_exposure(&self) -> Result<(), ConfigError> {
        if self.auth.mode != AuthMode::None || self.auth.allow_unauthenticated_remote {
            return Ok(());
        }
        match self.server.listen.iter().find(|text| !is_loopback(text)) {
            None => Ok(()),
            Some(address) => Err(ConfigError::Conflict {
                origin: Origin::Default,
                option: OptionName::new("vidimus", "auth"),
                problem: format!(
                    "without authentication `{address}` would make every caller an administrator; set `auth`, listen on a \
                     loopback address, or set `allow_unauthenticated_remote = true`"
                ),
            }),
        }
    }
}

/// What an address begins with that is a socket file and not a host.
pub(crate) const UNIX: &str = "unix:";

/// What an address begins with that is spoken to without TLS although there is a certificate.
pub(crate) const PLAIN: &str = "http://";

fn is_loopback(address: &str) -> bool {
    if address.starts_with(UNIX) {
        return true;
    }
    let address = address.strip_prefix(PLAIN).unwrap_or(address);
    match address.parse::<SocketAddr>() {
        Ok(address) => address.ip().is_loopback(),
        Err(_) => matches!(address.rsplit_once(':'), Some(("localhost", _))),
    }
}

fn server(resolver: &Resolver<'_>) -> Result<Server, ConfigError> {
    let public_endpoint: Option<String> = resolver.get(&service::PUBLIC_ENDPOINT)?;
    let self_reference_url: Option<String> = resolver.get(&service::WORKER_SELF_REFERENCE_URL)?;
    Ok(Server {
        listen: listen(resolver)?,
        tls: tls::tls(resolver)?,
        self_reference_url: self_reference_url.or_else(|| public_endpoint.clone()),
        public_endpoint,
        trusts_proxy_headers: resolver.get(&libraries::ENABLE_PROXY_HEADERS_PARSING)?,
        max_request_id_length: resolver.get(&service::MAX_REQUEST_ID_LENGTH)?,
        health_disabling_file: resolver.get(&libraries::DISABLE_BY_FILE_PATH)?,
        header_timeout: resolver.get(&vidimus::HEADER_TIMEOUT)?,
        body_idle_timeout: resolver.get(&vidimus::BODY_IDLE_TIMEOUT)?,
        keep_alive_timeout: resolver.get(&vidimus::KEEP_ALIVE_TIMEOUT)?,
        send_files: match resolver.get(&vidimus::SEND_FILES)?.as_str() {
            "sendfile" => SendFiles::Sendfile,
            "copy" => SendFiles::Copy,
            _ => SendFiles::Auto,
        },
    })
}

fn listen(resolver: &Resolver<'_>) -> Result<Vec<String>, ConfigError> {
    let listen = resolver.resolve(&vidimus::LISTEN)?;
    for address in listen.value.iter().filter(|text| !text.starts_with(UNIX)) {
        let port = address
            .strip_prefix(PLAIN)
            .unwrap_or(address)
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse::<u16>().ok());
        if port.is_none() {
            return Err(ConfigError::BadValue {
                origin: listen.origin,
                option: OptionName::new("vidimus", "listen"),
                found: format!("`{address}`"),
                allowed: "`host:port`, `http://host:port` or `unix:path`".to_owned(),
            });
        }
    }
    if !listen.value.is_empty() {
        return Ok(listen.value);
    }
    let host = resolver.get(&service::BIND_HOST)?;
    let port = resolver.get(&service::BIND_PORT)?;
    Ok(vec![if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }])
}

fn images(resolver: &Resolver<'_>) -> Result<Images, ConfigError> {
    Ok(Images {
        hashing_algorithm: resolver.get(&images::HASHING_ALGORITHM)?,
        size_cap: resolver.get(&images::IMAGE_SIZE_CAP)?,
        property_quota: resolver.get(&images::IMAGE_PROPERTY_QUOTA)?,
        tag_quota: resolver.get(&images::IMAGE_TAG_QUOTA)?,
        member_quota: resolver.get(&images::IMAGE_MEMBER_QUOTA)?,
        location_quota: resolver.get(&images::IMAGE_LOCATION_QUOTA)?,
        storage_quota: storage_quota(resolver)?,
        // Found by its place beside the configuration file, not by an option.
        schema_file: None,
        property_protection_file: resolver.get(&images::PROPERTY_PROTECTION_FILE)?,
        protects_by_policies: resolver.get(&images::PROPERTY_PROTECTION_RULE_FORMAT)? == "policies",
        container_formats: resolver.get(&images::CONTAINER_FORMATS)?,
        disk_formats: resolver.get(&images::DISK_FORMATS)?,
        require_format_match: resolver.get(&images::REQUIRE_IMAGE_FORMAT_MATCH)?,
        vmdk_allowed_types: resolver.get(&images::VMDK_ALLOWED_TYPES)?,
        gpt_safety_checks_nonfatal: resolver.get(&images::GPT_SAFETY_CHECKS_NONFATAL)?,
    })
}

/// Compat: Glance finds out with the first upload that the value cannot be read. Its units are powers of 1024.
fn storage_quota(resolver: &Resolver<'_>) -> Result<u64, ConfigError> {
    let found = resolver.resolve(&images::USER_STORAGE_QUOTA)?;
    let text = found.value.as_str();
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let shift = match &text[digits.len()..] {
        "" | "B" => Some(0),
        "KB" => Some(10),
        "MB" => Some(20),
        "GB" => Some(30),
        "TB" => Some(40),
        _ => None,
    };
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse::<u64>().ok().filter(|_| is_number);
    let bytes = number
        .zip(shift)
        .map(|(number, shift)| number.saturating_mul(1 << shift));
    bytes.ok_or_else(|| ConfigError::BadValue {
        origin: found.origin.clone(),
        option: OptionName::new("DEFAULT", "user_storage_quota"),
        found: format!("`{text}`"),
        allowed: "a number, with or without `B`, `KB`, `MB`, `GB` or `TB` behind it".to_owned(),
    })
}

fn deletion(resolver: &Resolver<'_>) -> Result<Deletion, ConfigError> {
    Ok(Deletion {
        is_delayed: resolver.get(&deletion::DELAYED_DELETE)?,
        scrub_time: resolver.get(&deletion::SCRUB_TIME)?,
        scrub_pool_size: resolver.get(&deletion::SCRUB_POOL_SIZE)?,
        // Compat: Glance takes zero as it stands, and then does nothing but scrub.
        wakeup_time: resolver
            .get(&deletion::WAKEUP_TIME)?
            .max(Duration::from_secs(1)),
        is_daemon: resolver.get(&deletion::DAEMON)?,
        by_server: resolver.get(&vidimus::SCRUB)?,
    })
}

fn cache(resolver: &Resolver<'_>) -> Result<Cache, ConfigError> {
    let driver = match resolver.get(&cache::IMAGE_CACHE_DRIVER)?.as_str() {
        "sqlite" => CacheDriver::Sqlite,
        "xattr" => CacheDriver::Xattr,
        _ => CacheDriver::CentralizedDb,
    };
    Ok(Cache {
        dir: resolver.get(&cache::IMAGE_CACHE_DIR)?,
        driver,
        max_size_bytes: resolver.get(&cache::IMAGE_CACHE_MAX_SIZE)?,
        stall_time: resolver.get(&cache::IMAGE_CACHE_STALL_TIME)?,
        free_space_reserve_bytes: resolver.get(&vidimus::CACHE_FREE_SPACE_RESERVE)?,
        upkeep_interval: resolver.get(&vidimus::UPKEEP_INTERVAL)?,
    })
}

fn database(resolver: &Resolver<'_>) -> Result<Database, ConfigError> {
    let connection = resolver.resolve(&libraries::CONNECTION)?;
    let max_pool_size = resolver.get(&libraries::MAX_POOL_SIZE)?;
    Ok(Database {
        connection: connection.value.ok_or_else(|| ConfigError::Conflict {
            origin: connection.origin,
            option: OptionName::new("database", "connection"),
            problem: "it must be set".to_owned(),
        })?,
        max_pool_size: (max_pool_size > 0).then_some(max_pool_size),
    })
}

/// Compat: oslo.log puts a relative `log_file` below `log_dir`, and names the file after the program where only the folder
/// is given.
fn log(resolver: &Resolver<'_>) -> Result<Log, ConfigError> {
    let dir: Option<PathBuf> = resolver.get(&logging::LOG_DIR)?;
    let file: Option<PathBuf> = resolver.get(&logging::LOG_FILE)?;
    let file = match (dir, file) {
        (Some(dir), Some(file)) => Some(dir.join(file)),
        (Some(dir), None) => Some(dir.join(Path::new("vidimus.log"))),
        (None, file) => file,
    };
    Ok(Log {
        is_debug: resolver.get(&logging::DEBUG)?,
        to_stderr: resolver.get(&logging::USE_STDERR)? || file.is_none(),
        file,
    })
}
