//! Keys and certificates of a key manager, and the signatures made with them.
//!
//! Two things are asked of a key manager in a caller's name: the certificate an image was signed with, so that its data can
//! be verified, and to delete the key an encrypted volume had. [`KeyManager`] asks, [`Claim`] is what an image says of its
//! signature, and a [`Verifier`] compares that with the hash of the data. Not its job: hashing the data, and what becomes
//! of an image whose signature is wrong.

mod barbican;
mod base64;
mod certificate;
mod signature;
mod token;

use thiserror::Error;

pub use barbican::{KeyManager, KeyManagerConfig};
use certificate::Certificate;
pub use signature::{Claim, Mismatch, Verifier};
pub use token::Token;

/// A signature cannot be verified. What it says is told to the caller, so it holds nothing about networks the caller
/// cannot see.
// Compat: in the words of cursive, because they reach clients.
#[derive(Debug, Error)]
pub enum Error {
    /// One of the properties has no value.
    #[error(
        "Required image properties for signature verification do not exist. Cannot verify signature. Missing property: {0}"
    )]
    Missing(&'static str),
    /// The signature holds characters that no encoding of bytes has.
    #[error("string argument should contain only ASCII characters")]
    NotAscii,
    /// The signature is no base64.
    #[error("The signature data was not properly encoded using base64")]
    NotBase64,
    /// No such hash method.
    #[error("Invalid signature hash method: {0}")]
    HashMethod(String),
    /// No such type of key, or none that this machine can verify with.
    #[error("Invalid signature key type: {0}")]
    KeyType(String),
    /// What should name a certificate is no id.
    #[error("Secret incorrectly specified.")]
    Reference,
    /// The key manager has no such certificate, or none the caller may know of.
    #[error("Certificate not found with ID: {0}")]
    NotFound(String),
    /// The key manager does not give it.
    #[error("Unable to retrieve certificate with ID: {reference}")]
    Unavailable {
        /// The certificate, as the image names it.
        reference: String,
        /// For the log.
        #[source]
        cause: Refusal,
    },
    /// It is a secret of another kind.
    #[error("Invalid certificate format: {0}")]
    NoCertificate(&'static str),
    /// It says that it is a certificate, and cannot be read as one.
    #[error("The certificate cannot be read: it has to be an X.509 certificate in PEM")]
    Unreadable(#[source] openssl::error::ErrorStack),
    /// The key in it is of another type.
    #[error("Invalid public key type for signature key type: {0}")]
    PublicKey(&'static str),
    /// There is no signature to compare with.
    #[error("Error occurred while creating the verifier")]
    Empty,
}

/// The key manager does not do what it was asked for. Said to operators alone.
#[derive(Debug, Error)]
pub enum Refusal {
    /// What should name a secret is no id.
    #[error("it is no id of a secret")]
    Reference,
    /// There is no such secret.
    #[error("the key manager has no such secret")]
    NotFound,
    /// It is not for this caller.
    #[error("the key manager refused the caller with status {0}")]
    Forbidden(u16),
    /// Somebody else still uses the secret.
    #[error("others are registered as consumers of the secret")]
    InUse,
    /// The answer is none that was expected.
    #[error("the key manager answered with status {0}")]
    Status(u16),
    /// The answer is no description of a secret, or longer than one can be.
    #[error("the key manager's answer cannot be read")]
    Answer(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There is no answer.
    #[error("the key manager cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// Its address or the settings of the connection are no use.
    #[error("the key manager cannot be asked")]
    Setup(#[source] reqwest::Error),
    /// Nobody has said where it is.
    #[error("there is no key manager: set `barbican_endpoint` in [barbican]")]
    NotConfigured,
}
