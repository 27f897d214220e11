//! The words of the Image API, shared by the server and the SDK.
//!
//! What belongs here: identifiers that are checked once and then trusted, the enums of the API with their spelling, the
//! JSON bodies both sides exchange, and the schema documents. What does not: anything that does I/O, and anything only
//! one side needs.

mod attributes;
mod cache;
mod id;
mod json;
mod patch;
mod range;
pub mod schema;
mod status;
mod time;

pub use attributes::{CLIENT_ATTRIBUTES, SERVER_ATTRIBUTES, is_attribute};
pub use cache::{CacheState, CachedImage, ClearTarget, InvalidClearTarget, PruneReport};
pub use id::{ImageId, InvalidId, StoreId};
pub use json::{python_json, python_json_of_size};
pub use patch::{Change, Operation, PatchDialect, PatchError, is_reserved, parse_patch};
pub use range::ByteRange;
pub use status::{ImageStatus, MemberStatus, UnknownWord, Visibility};
pub use time::{epoch_seconds, iso_seconds};
