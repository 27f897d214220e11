//! How TLS connections are made.

use std::path::{Path, PathBuf};

use reqwest::{Certificate, Identity};

use super::merge::Merged;
use crate::{Error, Result};

/// What to trust and how to identify oneself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Whether the server's certificate is checked. Nothing but an explicit wish switches this off.
    pub verify: bool,
    /// The certificates to trust instead of the machine's own.
    pub cacert: Option<PathBuf>,
    /// The client's certificate.
    pub cert: Option<PathBuf>,
    /// The key of the client's certificate, where it is not in the same file.
    pub key: Option<PathBuf>,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            verify: true,
            cacert: None,
            cert: None,
            key: None,
        }
    }
}

impl Tls {
    pub(super) fn from_merged(cloud: &Merged) -> Self {
        let path = |key: &str| cloud.get(key).map(|text| cloud.expand_home(&text));
        Self {
            verify: cloud.flag("verify").unwrap_or(true)
                && !cloud.flag("insecure").unwrap_or(false),
            cacert: path("cacert"),
            cert: path("cert"),
            key: path("key"),
        }
    }
}

/// The files of a [`Tls`], read.
pub(crate) struct TlsFiles {
    pub(crate) roots: Option<Vec<Certificate>>,
    pub(crate) identity: Option<Identity>,
}

impl TlsFiles {
    pub(crate) fn read(tls: &Tls) -> Result<Self> {
        let roots = match &tls.cacert {
            Some(path) if tls.verify => {
                let pem = read(path)?;
                let roots = Certificate::from_pem_bundle(&pem)
                    .map_err(|_| unusable(path, "it holds no certificate"))?;
                if roots.is_empty() {
                    return Err(unusable(path, "it holds no certificate"));
                }
                Some(roots)
            }
            _ => None,
        };
        let identity = match &tls.cert {
            Some(cert) => {
                let mut pem = read(cert)?;
                if let Some(key) = &tls.key {
                    pem.push(b'\n');
                    pem.extend(read(key)?);
                }
                let identity = Identity::from_pem(&pem)
                    .map_err(|_| unusable(cert, "it holds no certificate with its private key"))?;
                Some(identity)
            }
            None => None,
        };
        Ok(Self { roots, identity })
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(Error::io(path))
}

fn unusable(path: &Path, reason: &str) -> Error {
    Error::ConfigFile {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}
