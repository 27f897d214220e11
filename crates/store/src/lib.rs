//! Puts, reads and deletes image data in a named store.
//!
//! A store is handed bytes and an image id and gives back a [`Location`]; from then on the location alone finds the
//! data. What a [`Store`] promises is written at its methods and held by the `conformance` suite. Not its job: knowing what
//! an image is, who may read it, hashing or inspecting the bytes, caching.

use std::{fmt::Debug, io, pin::Pin};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;
use serde_json::{Map, Value};
use vidimus_types::{ByteRange, ImageId, StoreId};

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod error;
mod filesystem;
mod http;
mod location;
#[cfg(any(test, feature = "memory"))]
mod memory;
mod read;
mod set;
mod tagged;

pub use error::{Error, Result};
pub use filesystem::{FilesystemConfig, FilesystemStore, Patience};
pub use http::HttpStore;
pub use location::Location;
#[cfg(any(test, feature = "memory"))]
pub use memory::MemoryStore;
pub use read::StoreRead;
pub use set::{StoreDescription, StoreSet};

/// Image data on its way. An `Err` ends it: nothing that follows one is data.
pub type ByteStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// A place that keeps image data.
///
/// Every method is required, so that a wrapper cannot forget one.
#[async_trait]
pub trait Store: Debug + Send + Sync {
    /// The name the operator gave it.
    fn id(&self) -> &StoreId;

    /// What `GET /v2/info/stores` tells about it.
    fn info(&self) -> &StoreInfo;

    /// What it can do. Asking for more is answered with an error, never with a panic.
    fn capabilities(&self) -> Capabilities;

    /// Whether a location with this URL could be one of its own. Looks at the text only.
    fn recognises(&self, url: &str) -> bool;

    /// Stores all of `data` under a name made from `id`, or nothing.
    ///
    /// `Ok` means the data is durable: it survives a crash of the process and of the machine. After an error, or when the
    /// future is dropped at any point, nothing stays behind. `size_hint` is what was announced; it may be wrong, and only
    /// the bytes that came are counted. Data already there under the same name is replaced as a whole, readers that have
    /// it open keep what they opened.
    async fn put(&self, id: &ImageId, data: ByteStream, size_hint: Option<u64>) -> Result<Stored>;

    /// Opens the data for reading, all of it or the bytes of `range`.
    ///
    /// What is open stays readable when the data is deleted meanwhile, if the store can do that.
    async fn open(&self, location: &Location, range: Option<ByteRange>) -> Result<StoreRead>;

    /// How many bytes there are.
    async fn size(&self, location: &Location) -> Result<u64>;

    /// Removes the data. Removing what is not there is success.
    ///
    /// [`Error::InUse`], [`Error::HasSnapshots`] and [`Error::Denied`] mean that it is there, whole, and stays.
    async fn delete(&self, location: &Location) -> Result<()>;

    /// Every place where `put` may have left the data of this image, whether there is something or not.
    ///
    /// For the undoing of uploads that a crash cut off after the data was stored and before anybody wrote down where.
    fn places_of(&self, id: &ImageId) -> Vec<Location>;

    /// Removes what a killed process left half-written, and says how much it was.
    ///
    /// For the start of the program; safe while others, here or on another node, are writing.
    async fn recover(&self) -> Result<Recovered>;
}

/// What a store can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// `put` works.
    pub can_put: bool,
    /// `open` takes a range; without this only all of the data can be had.
    pub can_open_range: bool,
    /// `delete` removes the data.
    pub can_delete: bool,
}

/// What is told about a store.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreInfo {
    /// Its type as `enabled_backends` spells it, such as `file`.
    pub kind: &'static str,
    /// The operator's words for users.
    pub description: Option<String>,
    /// Where an image has several locations, the store of the highest weight is read first.
    pub weight: i64,
    /// The `properties` of `GET /v2/info/stores/detail`.
    pub properties: Map<String, Value>,
}

/// The outcome of a `put`.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Where the data is.
    pub location: Location,
    /// How many bytes came.
    pub size_bytes: u64,
}

/// What `recover` cleared away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovered {
    /// How many half-written files.
    pub files: u64,
    /// How many bytes they held.
    pub size_bytes: u64,
}
