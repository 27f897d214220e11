//! One call to a server of ours on this machine, for commands that find its folders in use.
//!
//! It speaks as an admin by the headers of an authenticating proxy, which a server believes from its own machine if it
//! is configured for a proxy; one without authentication needs no telling.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use crate::{
    config::{PLAIN, Tls},
    tls::connect,
};

/// What came back.
#[derive(Debug)]
pub(crate) enum LocalAnswer {
    /// Nobody listens there.
    NoServer,
    /// Done; the JSON body, or null.
    Ok(Value),
    /// Not done, for this reason.
    Refused(String),
}

/// Asks the server at `server`, an address as in `[vidimus] listen`; by TLS where one speaks that.
pub(crate) async fn call(
    server: &str,
    tls: Option<&Tls>,
    method: Method,
    path: &str,
    header: Option<(&str, &str)>,
) -> LocalAnswer {
    let plain = server.strip_prefix(PLAIN);
    let server = plain.unwrap_or(server);
    let Ok(stream) = TcpStream::connect(server).await else {
        return LocalAnswer::NoServer;
    };
    let outcome = match tls.filter(|_| plain.is_none()) {
        None => exchange(stream, server, method, path, header).await,
        Some(tls) => match connect(tls, stream).await {
            Ok(stream) => exchange(stream, server, method, path, header).await,
            Err(error) => Err(error.into()),
        },
    };
    outcome.unwrap_or_else(|error| LocalAnswer::Refused(told(&*error)))
}

/// The error with all that is behind it.
fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(reason) = cause {
        text = format!("{text}: {reason}");
        cause = reason.source();
    }
    text
}

async fn exchange<S>(
    stream: S,
    server: &str,
    method: Method,
    path: &str,
    header: Option<(&str, &str)>,
) -> Result<LocalAnswer, Box<dyn std::error::Error + Send + Sync>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", server)
        .header("accept", "application/json")
        .header("x-identity-status", "Confirmed")
        .header("x-roles", "admin");
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    let response = sender
        .send_request(request.body(Empty::<Bytes>::new())?)
        .await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    drop(sender);
    driver.abort();
    let value: Value = serde_json::from_slice(&body).unwrap_or_default();
    if status.is_success() {
        return Ok(LocalAnswer::Ok(value));
    }
    let reason = value["message"]
        .as_str()
        .unwrap_or_default()
        .replace("<br />", "");
    Ok(LocalAnswer::Refused(format!("{status}: {}", reason.trim())))
}
