//! Who calls, and what they may do.
//!
//! [`Context`] says who asks, [`identity`] reads it from the headers of an authenticating proxy, and [`policy`] decides by
//! the rules of oslo.policy. What does not belong here: HTTP types (headers come through a closure), the images
//! themselves (rules see a [`Target`] that the caller fills), and what to answer to a refusal.

mod catalog;
mod context;
mod credentials;
mod error;
pub mod identity;
pub mod policy;
mod protect;
mod trusted;

pub use catalog::CatalogError;
pub use context::{Context, Scope, new_request_id};
pub use credentials::Credentials;
pub use error::Error;
pub use identity::{Identity, Unauthenticated};
pub use policy::{Action, Attributes, Denied, Policy, PolicyConfig, Target, Value};
pub use protect::{Access, ProtectionError, ProtectionFormat, Protections};
pub use trusted::{Peer, TrustedSources};
