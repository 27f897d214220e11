//! A server that speaks TLS, with its files, and the clients that come to it.

use std::{process::Output, sync::Arc, time::Duration};

use reqwest::{Certificate, Client, ClientBuilder, Identity};
use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName},
};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use vidimus_testkit::TestServer;

use super::authority::{Authority, Pair};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_vidimus");

/// Long enough for anything that is going to happen at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct House {
    pub(crate) server: TestServer,
    pub(crate) authority: Authority,
    /// With `server.pem` and `server.key`, which the server reads, and `ca.pem`, the authority's own.
    pub(crate) files: TempDir,
    pub(crate) first: Pair,
}

/// `[vidimus]` of a server with these files.
pub(crate) fn section(files: &TempDir, more: &str) -> String {
    let dir = files.path().display();
    format!(
        "[vidimus]\ntls_cert_file = {dir}/server.pem\ntls_key_file = {dir}/server.key\n{more}\
         [DEFAULT]\nnode_staging_uri = file://$DIR/staging\nimage_cache_dir = $DIR/cache\n\
         [paste_deploy]\nflavor = cachemanagement\n\
         [database]\nconnection = sqlite:///$DIR/glance.sqlite\n\
         [glance_store]\nfilesystem_store_datadir = $DIR/images\n"
    )
}

impl House {
    /// A server with a certificate of a new authority; `more` options of `[vidimus]`, in which `$CA` is the authority's file.
    pub(crate) fn new(more: &str) -> Self {
        let files = TempDir::with_prefix("vidimus-tls").unwrap();
        let authority = Authority::new("Test authority");
        let ca = files.path().join("ca.pem");
        std::fs::write(&ca, authority.pem()).unwrap();
        let first = authority.issue("first");
        first.write(files.path(), "server");
        let more = more.replace("$CA", &ca.display().to_string());
        let server = TestServer::builder(PROGRAM)
            .config(&section(&files, &more))
            .start();
        Self {
            server,
            authority,
            files,
            first,
        }
    }

    pub(crate) fn address(&self) -> String {
        self.server.url().trim_start_matches("https://").to_owned()
    }

    /// A client that believes the authority.
    pub(crate) fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    /// One that shows a certificate as well.
    pub(crate) fn client_with(&self, pair: &Pair) -> Client {
        let identity = Identity::from_pem(&pair.together()).unwrap();
        self.builder().identity(identity).build().unwrap()
    }

    fn builder(&self) -> ClientBuilder {
        let authority = Certificate::from_pem(&self.authority.pem()).unwrap();
        Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_only([authority])
    }

    /// Shakes hands as bare as it can be, speaking these versions and protocols above.
    pub(crate) async fn shake_hands(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&str],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from(self.authority.der()))
            .unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        let stream = TcpStream::connect(self.address()).await?;
        let name = ServerName::try_from("127.0.0.1").unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
    }

    /// The certificate that a new connection is shown.
    pub(crate) async fn shown(&self) -> Vec<u8> {
        let stream = self
            .shake_hands(rustls::DEFAULT_VERSIONS, &[])
            .await
            .unwrap();
        let shown = stream.get_ref().1.peer_certificates().unwrap();
        shown[0].to_vec()
    }

    /// Waits until the log has this.
    pub(crate) async fn wait_for_log(&self, text: &str) {
        let logged = async {
            while !self.server.log().contains(text) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let outcome = tokio::time::timeout(PATIENCE, logged).await;
        assert!(
            outcome.is_ok(),
            "`{text}` is not in the log:\n{}",
            self.server.log()
        );
    }

    /// `vidimus cache list` with the server's configuration.
    pub(crate) fn cache_list(&self) -> Output {
        std::process::Command::new(PROGRAM)
            .args(["cache", "--server", &self.address(), "--config-file"])
            .arg(self.server.dir().join("glance-api.conf"))
            .arg("list")
            .output()
            .unwrap()
    }
}
