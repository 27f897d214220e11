//! The certificate that holds the key to verify with.
//!
//! Compat: Glance reads the key and nothing else: neither who issued the certificate nor how long it is valid. Who may put
//! certificates where the caller can name them is decided in the key manager.

use std::fmt;

use openssl::{
    error::ErrorStack,
    pkey::{Id, PKey, Public},
    x509::X509,
};

/// What the head of an encrypted PEM text begins with (RFC 1421).
const ENCRYPTED: &[u8] = b"Proc-Type:";

/// A certificate, as far as it is needed.
pub(crate) struct Certificate {
    key: PKey<Public>,
}

impl Certificate {
    /// Reads the first certificate of a PEM text.
    pub(crate) fn from_pem(pem: &[u8]) -> Result<Self, ErrorStack> {
        // OpenSSL would ask for the password of an encrypted one: at the terminal, and for as long as nobody answers.
        if pem.windows(ENCRYPTED.len()).any(|part| part == ENCRYPTED) {
            return Err(ErrorStack::get());
        }
        let key = X509::from_pem(pem)?.public_key()?;
        Ok(Self { key })
    }

    /// The key, if it is of one of these types.
    pub(crate) fn key_of(self, types: &[Id]) -> Option<PKey<Public>> {
        types.contains(&self.key.id()).then_some(self.key)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("key", &self.key.id())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_asked_for_a_password() {
        // With standard input open, OpenSSL would wait here for ever.
        let encrypted = "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n\
             DEK-Info: AES-128-CBC,0123456789ABCDEF0123456789ABCDEF\n\n\
             AAAAAAAAAAAAAAAAAAAAAA==\n-----END CERTIFICATE-----\n";
        assert!(Certificate::from_pem(encrypted.as_bytes()).is_err());
        assert!(Certificate::from_pem(b"").is_err());
    }
}
