//! The use cases of the image service, and its workers.
//!
//! One method for each thing a caller can ask for; handlers and workers call the same ones. Every use case reads in the
//! same order: find the image as the caller sees it, ask the policy, do the work, answer. This is the only crate that
//! sees the database, the stores, the cache and the policy together, so a decision that needs two of them is made here.
//! Not its job: HTTP, configuration files, and how bytes reach the socket.

mod actions;
mod cache;
mod config;
mod data;
mod download;
mod error;
mod hashing;
mod images;
mod import;
mod list;
mod locations;
mod members;
pub mod metadefs;
mod mirror;
mod nodes;
mod notify;
mod patch;
mod qemu_img;
mod quota;
mod recover;
mod scrub;
mod signatures;
mod stage;
mod stores;
mod tags;
mod target;
mod tasks;
mod upload;
mod workers;

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use vidimus_auth::{Context, Policy};
use vidimus_cache::ImageCache;
use vidimus_db::{Db, Scope};
use vidimus_fetch::Fetcher;
use vidimus_store::{Store, StoreSet};

pub use cache::{CacheListing, CacheToClear, Cleared};
pub use config::{CacheRecord, ImportConfig, ScrubConfig, ServiceConfig};
pub use download::{Download, ImageBody, Piece, RangeRequest};
pub use error::{Error, Kind, Result};
use import::Hashings;
pub use import::{ImportRequest, LegacyConfig, LocationRequest, Plugin, PluginConfig};
pub use list::ImagePage;
pub use nodes::{Done, Relayed};
pub use notify::{NotificationConfig, NotificationDriver, Sending};
pub use qemu_img::QemuImg;
pub use quota::Shortage;
pub use recover::Recovery;
pub use scrub::Scrubbed;
pub use stores::StoreInfo;
pub use tasks::TaskPage;
pub use upload::UploadRequest;
pub use vidimus_db::SortKey as ImageSortKey;
pub use vidimus_db::TaskRecord;
pub use vidimus_db::{
    AssociationRecord, ImageRecord, LocationRecord, MemberRecord, MetadefTagRecord,
    NamespaceRecord, PropertyRecord, ResourceTypeRecord,
};
pub use vidimus_store::ByteStream;
pub use workers::Workers;

/// The image service: every use case is a method. Cloning is cheap and shares everything.
#[derive(Debug, Clone)]
pub struct ImageService {
    parts: Arc<Parts>,
}

#[derive(Debug)]
struct Parts {
    config: ServiceConfig,
    db: Db,
    stores: StoreSet,
    /// Where data waits for its import.
    staging: Arc<dyn Store>,
    /// Fetches what callers name.
    fetcher: Fetcher,
    /// Hashes of locations that are being computed.
    hashings: Hashings,
    /// Data that is being removed and may be refused.
    removals: scrub::Removals,
    /// How many imports may still begin.
    import_slots: Arc<Semaphore>,
    cache: Option<ImageCache>,
    mirror: mirror::CacheMirror,
    policy: Policy,
    outbox: notify::Outbox,
    /// Uploads and undo work that go on when their client has left; shutdown waits for them.
    tasks: TaskTracker,
}

impl ImageService {
    /// Puts the parts together. Nothing runs until [`Self::start_workers`].
    pub fn new(
        config: ServiceConfig,
        db: Db,
        stores: StoreSet,
        staging: Arc<dyn Store>,
        cache: Option<ImageCache>,
        policy: Policy,
    ) -> Self {
        let mirror = mirror::CacheMirror::new(config.cache_record.clone());
        let outbox = notify::Outbox::new(&config.notifications);
        Self {
            parts: Arc::new(Parts {
                db,
                stores,
                staging,
                fetcher: Fetcher::new(config.import.filter.clone()),
                hashings: Hashings::default(),
                removals: scrub::Removals::default(),
                import_slots: Arc::new(Semaphore::new(config.import.workers.max(1))),
                cache,
                mirror,
                policy,
                outbox,
                tasks: TaskTracker::new(),
                config,
            }),
        }
    }

    /// The settings the service runs with.
    pub fn config(&self) -> &ServiceConfig {
        &self.parts.config
    }

    /// Whether there is a cache at all (`image_cache_dir`).
    pub fn has_cache(&self) -> bool {
        self.parts.cache.is_some()
    }

    /// Whether the site has stores to choose from (`enabled_backends`).
    pub fn has_several_stores(&self) -> bool {
        self.parts.stores.is_multi()
    }

    /// The same caller with the policy's verdict on being an admin, by the rule `context_is_admin`.
    pub fn admit(&self, ctx: Context) -> Context {
        self.parts.policy.admit(ctx)
    }

    /// Waits until uploads under way have ended, writes down what the cache counted, and closes the database.
    pub async fn shut_down(&self) {
        self.parts.tasks.close();
        self.parts.tasks.wait().await;
        if let Some(cache) = &self.parts.cache {
            self.write_cache_records(cache).await;
            if let Err(error) = cache.shutdown().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the cache index was not saved"
                );
            }
        }
        // SQLite folds its write-ahead log into the file when the last connection closes, so that the file alone is whole.
        if let Err(error) = self.parts.db.clone().close().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the database was not closed cleanly"
            );
        }
    }
}

/// The rows the caller can see.
fn scope(ctx: &Context) -> Scope {
    Scope {
        is_admin: ctx.is_admin(),
        project: ctx.project_id().map(str::to_owned),
    }
}
