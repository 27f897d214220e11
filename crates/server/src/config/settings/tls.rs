//! TLS of the addresses that are listened on: which files, which versions.

use std::path::PathBuf;

use crate::config::{
    error::{ConfigError, OptionName},
    option::Opt,
    options::vidimus,
    resolve::Resolver,
};

/// How clients are spoken to by TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The server's certificate and those between it and its authority, in PEM.
    pub cert_file: PathBuf,
    /// The private key of that certificate, in PEM.
    pub key_file: PathBuf,
    /// The authorities of clients, in PEM; `None`: clients need no certificate.
    pub client_ca_file: Option<PathBuf>,
    /// The oldest version that is spoken.
    pub min_version: TlsVersion,
}

/// A version of TLS that is still fit for use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2.
    V12,
    /// TLS 1.3.
    V13,
}

pub(super) fn tls(resolver: &Resolver<'_>) -> Result<Option<Tls>, ConfigError> {
    let cert_file: Option<PathBuf> = resolver.get(&vidimus::TLS_CERT_FILE)?;
    let key_file: Option<PathBuf> = resolver.get(&vidimus::TLS_KEY_FILE)?;
    let client_ca_file: Option<PathBuf> = resolver.get(&vidimus::TLS_CLIENT_CA_FILE)?;
    let min_version = match resolver.get(&vidimus::TLS_MIN_VERSION)?.as_str() {
        "1.3" => TlsVersion::V13,
        _ => TlsVersion::V12,
    };
    // Half of it would mean plain text where the operator meant to have TLS.
    match (cert_file, key_file) {
        (Some(cert_file), Some(key_file)) => Ok(Some(Tls {
            cert_file,
            key_file,
            client_ca_file,
            min_version,
        })),
        (Some(_), None) => Err(lacks(resolver, &vidimus::TLS_CERT_FILE, "tls_key_file")?),
        (None, Some(_)) => Err(lacks(resolver, &vidimus::TLS_KEY_FILE, "tls_cert_file")?),
        (None, None) if client_ca_file.is_some() => Err(lacks(
            resolver,
            &vidimus::TLS_CLIENT_CA_FILE,
            "tls_cert_file",
        )?),
        (None, None) => Ok(None),
    }
}

fn lacks(
    resolver: &Resolver<'_>,
    set: &'static Opt<Option<PathBuf>>,
    missing: &str,
) -> Result<ConfigError, ConfigError> {
    Ok(ConfigError::Conflict {
        origin: resolver.resolve(set)?.origin,
        option: OptionName::new("vidimus", set.row.name),
        problem: format!("`{missing}` must be set as well"),
    })
}
