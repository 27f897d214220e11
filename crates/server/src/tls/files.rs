//! The files behind TLS, read and held against each other. Every complaint names the file, its option and what to do.

use std::{fmt, io, os::unix::fs::PermissionsExt, path::Path, sync::Arc};

use rustls::{
    Error, RootCertStore, ServerConfig,
    crypto::aws_lc_rs::{self, Ticketer},
    pki_types::{CertificateDer, PrivateKeyDer, pem},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    version::{TLS12, TLS13},
};

use crate::{
    boot::BootError,
    config::{Tls, TlsVersion},
};

/// What there must be in front of an encrypted key.
const ENCRYPTED: &str = "ENCRYPTED";

pub(super) fn server_config(tls: &Tls) -> Result<Arc<ServerConfig>, BootError> {
    let chain = certificates("tls_cert_file", &tls.cert_file)?;
    let key = private_key(&tls.key_file)?;
    let versions = match tls.min_version {
        TlsVersion::V12 => &[&TLS13, &TLS12][..],
        TlsVersion::V13 => &[&TLS13][..],
    };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|error| BootError::new("TLS cannot be set up", error))?;
    let clients = match &tls.client_ca_file {
        Some(file) => client_verifier(file, provider)?,
        None => WebPkiClientVerifier::no_client_auth(),
    };
    let mut config = builder
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)
        .map_err(|error| unusable_pair(tls, error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Tickets keep no memory here. They end with these files: a client that is let in by one was let in by the
    // authorities of that time.
    config.ticketer =
        Ticketer::new().map_err(|error| BootError::new("TLS cannot be set up", error))?;
    Ok(Arc::new(config))
}

fn client_verifier(
    file: &Path,
    provider: Arc<rustls::crypto::CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, BootError> {
    let option = "tls_client_ca_file";
    let mut authorities = RootCertStore::empty();
    for certificate in certificates(option, file)? {
        authorities.add(certificate).map_err(|error| {
            BootError::new(
                unfit(option, file, "holds a certificate that cannot be used"),
                error,
            )
        })?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider)
        .build()
        .map_err(|error| BootError::new(unfit(option, file, "cannot be used"), error))
}

/// The certificates of a PEM file, at least one.
pub(super) fn certificates(
    option: &str,
    file: &Path,
) -> Result<Vec<CertificateDer<'static>>, BootError> {
    let found = read::<CertificateDer<'static>>(option, file)?;
    if found.is_empty() {
        return Err(BootError::plain(unfit(
            option,
            file,
            "holds no certificate: it must be in PEM, between `BEGIN CERTIFICATE` and `END CERTIFICATE`",
        )));
    }
    Ok(found)
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, BootError> {
    let option = "tls_key_file";
    if let Some(key) = read::<PrivateKeyDer<'static>>(option, file)?
        .into_iter()
        .next()
    {
        warn_if_public(file);
        return Ok(key);
    }
    let is_encrypted = std::fs::read_to_string(file).is_ok_and(|text| text.contains(ENCRYPTED));
    let problem = if is_encrypted {
        "holds a key with a passphrase, which nobody could type: write it without one, as by `openssl pkey -in OLD -out NEW`"
    } else {
        "holds no private key: it must be in PEM, between `BEGIN PRIVATE KEY` and `END PRIVATE KEY`"
    };
    Err(BootError::plain(unfit(option, file, problem)))
}

/// Everything of a kind in a PEM file; other things in it are passed over.
fn read<T: pem::PemObject>(option: &str, file: &Path) -> Result<Vec<T>, BootError> {
    let text = std::fs::read(file)
        .map_err(|error: io::Error| BootError::new(unfit(option, file, "cannot be read"), error))?;
    T::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|error| BootError::new(unfit(option, file, "is damaged"), error))
}

fn warn_if_public(file: &Path) {
    let mode = std::fs::metadata(file).map_or(0, |found| found.permissions().mode());
    if mode & 0o007 != 0 {
        tracing::warn!(
            path = %file.display(),
            "everybody on this machine may open the private key of TLS: take that from them with chmod o="
        );
    }
}

fn unusable_pair(tls: &Tls, error: Error) -> BootError {
    let (cert, key) = (tls.cert_file.display(), tls.key_file.display());
    match error {
        Error::InconsistentKeys(_) => BootError::plain(format!(
            "the private key in `{key}` (`tls_key_file` of [vidimus]) is not that of the first certificate in `{cert}` \
             (`tls_cert_file`): name the files that belong together"
        )),
        error => BootError::new(
            format!("the certificate in `{cert}` and the private key in `{key}` cannot be used"),
            error,
        ),
    }
}

fn unfit(option: &str, file: &Path, problem: impl fmt::Display) -> String {
    format!("`{}` (`{option}` of [vidimus]) {problem}", file.display())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use openssl::{pkey::PKey, rsa::Rsa, symm::Cipher};

    use super::*;

    /// What is said about these contents of the two files, with their folder left out.
    fn refusal(cert: &[u8], key: &[u8]) -> String {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &[u8]| -> PathBuf {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let tls = Tls {
            cert_file: file("cert", cert),
            key_file: file("key", key),
            client_ca_file: None,
            min_version: TlsVersion::V12,
        };
        let error = server_config(&tls).unwrap_err().to_string();
        error.replace(&format!("{}/", dir.path().display()), "")
    }

    const CERT: &[u8] = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

    #[test]
    fn the_file_and_the_way_out_are_named() {
        let told = refusal(b"", b"");
        assert!(told.starts_with("`cert` (`tls_cert_file` of [vidimus]) holds no certificate: "));
        let told = refusal(b"-----BEGIN CERTIFICATE-----\nAAAA\n", b"");
        assert_eq!(told, "`cert` (`tls_cert_file` of [vidimus]) is damaged");
        let told = refusal(CERT, CERT);
        assert!(told.starts_with("`key` (`tls_key_file` of [vidimus]) holds no private key: "));
    }

    #[test]
    fn a_key_with_a_passphrase_is_told_as_one() {
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let locked = key
            .private_key_to_pem_pkcs8_passphrase(Cipher::aes_128_cbc(), b"secret")
            .unwrap();
        let told = refusal(CERT, &locked);
        assert!(told.contains("holds a key with a passphrase"), "{told}");
        // What certificate it is for does not come into it before that is no certificate at all.
        let told = refusal(CERT, &key.private_key_to_pem_pkcs8().unwrap());
        assert!(told.contains("cannot be used"), "{told}");
    }
}
