//! TLS from a command of this program to the server on this machine.
//!
//! Both read the same configuration, so the command knows the very certificate that it must meet. Whose name stands in it
//! and who signed it say less than that.

use std::{io, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{
        CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature,
        verify_tls13_signature,
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::files;
use crate::{boot::BootError, config};

/// Speaks TLS over `stream`, to whoever has the configured certificate and its key.
pub(crate) async fn connect(
    tls: &config::Tls,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, BootError> {
    let expected = files::certificates("tls_cert_file", &tls.cert_file)?.remove(0);
    let failed = |error| BootError::new("TLS with the server on this machine fails", error);
    let provider = Arc::new(aws_lc_rs::default_provider());
    let pinned = Pinned {
        expected,
        algorithms: provider.signature_verification_algorithms,
    };
    let config =
        client_config(provider, pinned).map_err(|error| failed(io::Error::other(error)))?;
    let address = stream.peer_addr().map_err(failed)?;
    TlsConnector::from(Arc::new(config))
        .connect(ServerName::from(address.ip()), stream)
        .await
        .map_err(failed)
}

fn client_config(provider: Arc<CryptoProvider>, pinned: Pinned) -> Result<ClientConfig, Error> {
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(pinned))
        .with_no_client_auth())
}

/// Takes one certificate and no other.
#[derive(Debug)]
struct Pinned {
    expected: CertificateDer<'static>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if shown.as_ref() == self.expected.as_ref() {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
