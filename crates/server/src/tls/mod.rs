//! TLS of the addresses that are listened on: from files to handshakes, and new files while the server runs.
//!
//! Each connection begins with what was read last and keeps it to its end, so new certificates cut nobody off. Image data
//! goes through here as bytes that were read; only plain sockets are sent files by the kernel (see `sendfile`).
//!
//! Not its job: TLS of connections that this server opens, except those of its own commands (`pinned`).

mod files;
mod pinned;

use std::{io, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{boot::BootError, config, stall::StallGuard};

pub(crate) use pinned::connect;

/// A connection that speaks TLS. The guard is inside, where bytes are those on the wire.
pub(crate) type TlsSocket = TlsStream<StallGuard<TcpStream>>;

/// The first byte of everything a client of TLS can begin with.
const HANDSHAKE: u8 = 22;

/// How long the answer to a client without TLS may take, and how much is read of it meanwhile.
const FAREWELL: (Duration, u64) = (Duration::from_secs(1), 64 * 1024);

/// What a client reads that speaks plain HTTP.
const NOT_TLS: &str = "HTTP/1.1 400 Bad Request\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 43\r\n\
    Connection: close\r\n\
    \r\n\
    This address speaks TLS: ask with https://\n";

/// Certificates, key and rules for handshakes, exchanged as a whole.
#[derive(Debug)]
pub struct Tls {
    settings: config::Tls,
    current: ArcSwap<ServerConfig>,
    patience: Duration,
}

impl Tls {
    /// Reads the files. A handshake may take as long as `patience`.
    pub fn load(settings: config::Tls, patience: Duration) -> Result<Self, BootError> {
        let current = ArcSwap::new(files::server_config(&settings)?);
        Ok(Self {
            settings,
            current,
            patience,
        })
    }

    /// Reads the files again, for the connections that come from now on. If they are no use, all stays as it is.
    pub fn reload(&self) -> Result<(), BootError> {
        self.current.store(files::server_config(&self.settings)?);
        Ok(())
    }

    /// The handshake, with a client that may never finish it.
    pub(crate) async fn accept(
        self: Arc<Self>,
        stream: TcpStream,
        stall_timeout: Duration,
    ) -> io::Result<TlsSocket> {
        let handshake = async {
            if is_something_else(&stream).await? {
                dismiss(stream).await;
                return Err(io::Error::other("the client does not speak TLS"));
            }
            let acceptor = TlsAcceptor::from(self.current.load_full());
            acceptor
                .accept(StallGuard::new(stream, stall_timeout))
                .await
        };
        // Most of what a handshake needs is only needed by those that wait; it is no part of the task.
        match tokio::time::timeout(self.patience, Box::pin(handshake)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the client did not finish its handshake",
            )),
        }
    }
}

async fn is_something_else(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0];
    let found = stream.peek(&mut first).await?;
    Ok(found > 0 && first[0] != HANDSHAKE)
}

/// Tells a client without TLS, most likely somebody who forgot the `s`, what is wrong.
async fn dismiss(mut stream: TcpStream) {
    let (patience, most) = FAREWELL;
    let said = async {
        stream.write_all(NOT_TLS.as_bytes()).await?;
        stream.shutdown().await?;
        // A socket that is closed with something unread takes back what it has sent.
        tokio::io::copy(&mut stream.take(most), &mut tokio::io::sink()).await
    };
    // Whether the client cares is its own affair.
    let _ = tokio::time::timeout(patience, said).await;
}
