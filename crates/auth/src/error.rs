//! What can go wrong before anyone is asked: unreadable, malformed or unusable configuration.
//!
//! Refusals of callers are not here: [`Denied`](crate::Denied) and [`Unauthenticated`](crate::Unauthenticated) are answers.

use std::{io, path::PathBuf};

use thiserror::Error;

/// The configuration of identity or policy cannot be used.
#[derive(Debug, Error)]
pub enum Error {
    /// A policy file or folder exists and cannot be read.
    #[error("policy `{}` cannot be read", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A policy file is not a mapping of rule names to rules.
    #[error("policy file `{}` is malformed: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why, as the parser put it.
        reason: String,
    },
    /// A rule asks another server (`http:` or `https:`).
    ///
    /// Such a rule is refused and not denied quietly: under `not` a quiet denial would allow.
    #[error("rule `{rule}` asks a remote server by `{check}`, which is not supported")]
    RemoteCheck {
        /// The rule's name.
        rule: String,
        /// The part of the rule that asks.
        check: String,
    },
    /// An entry of the trusted sources is neither an address, a network nor one of the known words.
    #[error("trusted source `{0}` is not an address, a network, `loopback` or `unix`")]
    InvalidSource(String),
}
