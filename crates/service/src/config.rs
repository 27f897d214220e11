//! What the use cases need to be told: limits, formats and the names they answer with. Plain values; where they come
//! from is the program's business.

use std::time::Duration;

use vidimus_auth::Protections;
use vidimus_digest::Algorithm;
use vidimus_fetch::UriFilter;
use vidimus_inspect::Rules;
use vidimus_keys::KeyManager;
use vidimus_types::schema::SchemaOptions;

use crate::{
    import::{LegacyConfig, PluginConfig},
    notify::NotificationConfig,
};

/// Settings of the use cases.
#[derive(Debug, Clone)]
pub struct ServiceConfig {
    /// Images on a page when the caller names no limit (`limit_param_default`).
    pub page_size: u64,
    /// Images on a page at the most (`api_limit_max`).
    pub page_size_max: u64,
    /// Bytes an image may have (`image_size_cap`).
    pub image_size_cap: u64,
    /// Properties an image may have; negative for any number (`image_property_quota`).
    pub property_quota: i64,
    /// Tags an image may have; negative for any number (`image_tag_quota`).
    pub tag_quota: i64,
    /// Members an image may have; negative for any number (`image_member_quota`).
    pub member_quota: i64,
    /// Locations an image may have; negative for any number (`image_location_quota`).
    pub location_quota: i64,
    /// Bytes the images of a project may take up; zero for any number (`user_storage_quota`).
    pub storage_quota: u64,
    /// The second hash of every upload (`hashing_algorithm`).
    pub hash_algorithm: Algorithm,
    /// The formats and custom properties clients may use.
    pub schema: SchemaOptions,
    /// Who may do what with custom properties; without any, whoever may change the image (`property_protection_file`).
    pub protections: Option<Protections>,
    /// How strictly content must match its declared format.
    pub inspection: Rules,
    /// The ways to import, in the order they are advertised (`enabled_import_methods`).
    pub import_methods: Vec<String>,
    /// Whether images show where their data is (`show_multiple_locations`).
    pub show_locations: bool,
    /// Whether images show the first of their locations (`show_image_direct_url`).
    pub show_direct_url: bool,
    /// Whether downloads fill the cache (the paste flavor names caching or cachemanagement).
    pub cache_downloads: bool,
    /// What of the cache is written into the database.
    pub cache_record: CacheRecord,
    /// How data is imported.
    pub import: ImportConfig,
    /// Where the certificates of signed images and the keys of encrypted volumes are. Without one, no signed image can be
    /// uploaded: what cannot be verified is not taken.
    pub key_manager: Option<KeyManager>,
    /// When the data of deleted images goes.
    pub scrub: ScrubConfig,
    /// What other services are told.
    pub notifications: NotificationConfig,
    /// How often the cache is pruned and cleaned and its hit counts are written down.
    pub upkeep_interval: Duration,
    /// Whether this process alone uses the database, so that uploads found unfinished at start are nobody's.
    pub sole_user_of_database: bool,
}

impl Default for ServiceConfig {
    /// Glance's defaults, with downloads cached and records kept in the folder only.
    fn default() -> Self {
        Self {
            page_size: 25,
            page_size_max: 1000,
            image_size_cap: 1 << 40,
            property_quota: 128,
            tag_quota: 128,
            member_quota: 128,
            location_quota: 10,
            storage_quota: 0,
            hash_algorithm: Algorithm::sha512(),
            schema: SchemaOptions::default(),
            protections: None,
            inspection: Rules::default(),
            import_methods: ["glance-direct", "web-download", "copy-image"]
                .map(str::to_owned)
                .to_vec(),
            show_locations: false,
            show_direct_url: false,
            cache_downloads: true,
            cache_record: CacheRecord::Folder,
            import: ImportConfig::default(),
            key_manager: None,
            scrub: ScrubConfig::default(),
            notifications: NotificationConfig::default(),
            upkeep_interval: Duration::from_secs(300),
            sole_user_of_database: true,
        }
    }
}

/// Settings of the removal of data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScrubConfig {
    /// Whether deleted images wait for the scrubber (`delayed_delete`).
    pub is_delayed: bool,
    /// How long they wait (`scrub_time`).
    pub delay: Duration,
    /// Images whose data is removed at the same time (`scrub_pool_size`).
    pub images_at_once: usize,
    /// Time between two rounds (`wakeup_time`).
    pub interval: Duration,
    /// Whether this process removes the data of images that have waited, or leaves them to another.
    pub is_own_work: bool,
}

impl Default for ScrubConfig {
    fn default() -> Self {
        Self {
            is_delayed: false,
            delay: Duration::ZERO,
            images_at_once: 1,
            interval: Duration::from_secs(300),
            is_own_work: true,
        }
    }
}

/// Settings of imports.
#[derive(Debug, Clone)]
pub struct ImportConfig {
    /// Imports at the same time (`task_pool_threads`).
    pub workers: usize,
    /// For how long finished tasks are remembered (`task_time_to_live`).
    pub task_time_to_live: Duration,
    /// How other nodes reach the one that holds staged data.
    pub stage_host: Option<String>,
    /// Whether the data of a location is read to find out its hash, or to check the one that came with it (`do_secure_hash`).
    pub hashes_locations: bool,
    /// How often reading it is tried again (`http_retries`).
    pub hash_retries: u32,
    /// What may be downloaded from elsewhere (`import_filtering_opts`).
    pub filter: UriFilter,
    /// How properties begin that are copied from an image of another region (`glance_download_properties`).
    pub copied_properties: Vec<String>,
    /// What is done with the data on its way.
    pub plugins: PluginConfig,
    /// Into how many stores the data of one image goes at the same time (`max_parallel_stores`).
    pub max_parallel_stores: usize,
    /// What becomes of data that a task of the type `import` brings.
    pub legacy: LegacyConfig,
}

impl Default for ImportConfig {
    fn default() -> Self {
        Self {
            workers: 16,
            task_time_to_live: Duration::from_secs(48 * 3600),
            stage_host: None,
            hashes_locations: true,
            hash_retries: 3,
            filter: UriFilter::default(),
            copied_properties: ["hw_", "trait:", "os_distro", "os_secure_boot", "os_type"]
                .map(str::to_owned)
                .to_vec(),
            plugins: PluginConfig::default(),
            max_parallel_stores: 1,
            legacy: LegacyConfig::default(),
        }
    }
}

/// Where Glance keeps a node's cache records, which decides what the cache API shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CacheRecord {
    /// The tables `cached_images` and `node_reference` (`image_cache_driver = centralized_db`).
    Database {
        /// This node, by its URL (`worker_self_reference_url`).
        node_url: String,
    },
    /// Nowhere but in the folder (`sqlite`, `xattr`).
    Folder,
}
