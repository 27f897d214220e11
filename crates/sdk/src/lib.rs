//! A Rust client of the OpenStack Image API, version 2.
//!
//! Its job: find the image service (`clouds.yaml`, `OS_*`, Keystone's catalog), speak to it, and move image data safely.
//! Nothing here prints, asks questions or reads the process's environment on its own.
//!
//! ```no_run
//! # async fn example() -> vidimus_sdk::Result<()> {
//! use vidimus_sdk::{Client, CloudConfig, Environment, Overrides};
//!
//! let config = CloudConfig::load(&Overrides::default(), &Environment::of_process())?;
//! let client = Client::connect(&config)?;
//! let image = client.images().find("cirros").await?;
//! client.cache().queue(&image.id).await?;
//! # Ok(()) }
//! ```
//!
//! What it promises beyond the calls themselves: errors read like those of openstacksdk (same class names, same words),
//! no token leaves for another origin than the one it was meant for, and a saved image is whole and verified or is not
//! there under its name.

mod cache;
mod catalog;
mod client;
mod config;
mod discovery;
mod download;
mod environment;
mod error;
mod http_error;
mod identity;
mod image;
mod images;
mod import;
mod list;
mod members;
mod save;
mod secret;
mod sign;
mod stores;
mod tasks;
mod transport;
mod upload;
mod wait;

pub use cache::Cache;
pub use client::Client;
pub use config::{AuthMethod, CloudConfig, IdentityAuth, Named, Overrides, Scope, Tls, UserRef};
pub use download::{Download, DownloadRequest};
pub use environment::Environment;
pub use error::{Error, Result};
pub use http_error::{HttpError, HttpErrorClass};
pub use image::{Image, ImagePatch, NewImage};
pub use images::{CreatedImage, Images};
pub use import::{ImportMethod, ImportRequest, Location, NewLocation};
pub use list::{ImagePages, ListQuery, Pages, TaskPages};
pub use members::{Member, Members};
pub use save::{Integrity, SaveOptions, Saved};
pub use secret::Secret;
pub use sign::{Signature, SigningKey};
pub use stores::{StoreInfo, Stores};
pub use tasks::{Task, Tasks};
pub use upload::{OnProgress, Progress, Sent, Upload};
pub use vidimus_types::{
    CacheState, CachedImage, ClearTarget, ImageId, ImageStatus, MemberStatus, PruneReport, StoreId,
    Visibility,
};
pub use wait::Wait;
