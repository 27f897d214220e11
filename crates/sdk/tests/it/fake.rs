//! A server at the edge of the process: HTTP/1.1 by hand, so that a test can cut a connection where it wants.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use vidimus_sdk::{AuthMethod, Client, CloudConfig, Secret};

pub(crate) const ID: &str = "71c675ab-d94f-49cd-a114-e12490b328d9";

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What to answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    status: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// Close the connection after so many bytes of the body.
    cut_after: Option<usize>,
}

impl Reply {
    /// `status` is the status line's end, such as `200 OK`.
    pub(crate) fn new(status: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut reply = Self {
            status: status.to_owned(),
            body: body.into(),
            ..Self::default()
        };
        if !content_type.is_empty() {
            reply = reply.header("Content-Type", content_type);
        }
        reply
    }

    pub(crate) fn json(value: &serde_json::Value) -> Self {
        Self::new("200 OK", "application/json", value.to_string())
    }

    pub(crate) fn empty() -> Self {
        Self::new("204 No Content", "", "")
    }

    pub(crate) fn redirect(to: &str) -> Self {
        Self::new("307 Temporary Redirect", "", "").header("Location", to)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn cut_after(mut self, bytes: usize) -> Self {
        self.cut_after = Some(bytes);
        self
    }
}

/// A running server. It stops when the test's runtime does.
#[derive(Clone)]
pub(crate) struct Fake {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Fake {
    pub(crate) async fn start(answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            received: Arc::default(),
        };
        let received = Arc::clone(&fake.received);
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (received, answer) = (Arc::clone(&received), Arc::clone(&answer));
                tokio::spawn(async move {
                    // A client that hangs up is part of some tests.
                    let _ = serve(stream, &received, &*answer).await;
                });
            }
        });
        fake
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.received().iter().map(Received::line).collect()
    }

    /// A client without authentication, at version 2 of this server.
    pub(crate) fn client(&self) -> Client {
        let mut config = CloudConfig::without_auth(format!("{}/v2", self.url));
        config.status_code_retries = 0;
        Client::connect(&config).unwrap()
    }

    /// A client with a token that was there before.
    pub(crate) fn client_with_token(&self) -> Client {
        Client::connect(&CloudConfig::with_auth(AuthMethod::AdminToken {
            endpoint: Some(format!("{}/v2", self.url)),
            token: Secret::new("the-token"),
        }))
        .unwrap()
    }
}

async fn serve(
    stream: TcpStream,
    received: &Mutex<Vec<Received>>,
    answer: &(dyn Fn(&Received) -> Reply + Send + Sync),
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let Some(request) = read(&mut stream).await? else {
            return Ok(());
        };
        received.lock().unwrap().push(request.clone());
        let reply = answer(&request);
        let mut head = format!(
            "HTTP/1.1 {}\r\nContent-Length: {}\r\n",
            reply.status,
            reply.body.len()
        );
        for (name, value) in &reply.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).await?;
        let sent = reply.cut_after.unwrap_or(reply.body.len());
        stream.write_all(&reply.body[..sent]).await?;
        stream.flush().await?;
        if reply.cut_after.is_some() {
            return Ok(());
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<Received>> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default().to_owned();
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut body = Vec::new();
    if let Some(length) = headers.get("content-length") {
        body.resize(length.parse().unwrap(), 0);
        stream.read_exact(&mut body).await?;
    } else if headers.contains_key("transfer-encoding") {
        loop {
            let mut size = String::new();
            stream.read_line(&mut size).await?;
            let size = usize::from_str_radix(size.trim(), 16).unwrap();
            let mut chunk = vec![0; size + 2];
            stream.read_exact(&mut chunk).await?;
            body.extend(&chunk[..size]);
            if size == 0 {
                break;
            }
        }
    }
    Ok(Some(Received {
        method,
        target,
        headers,
        body,
    }))
}

/// The JSON of an active image with this data.
pub(crate) fn image(name: &str, data: &[u8]) -> serde_json::Value {
    let hash = |algorithm| vidimus_digest::hex_digest(algorithm, data).unwrap();
    serde_json::json!({
        "id": ID, "name": name, "status": "active", "size": data.len(), "tags": [],
        "checksum": hash(vidimus_digest::Algorithm::md5()),
        "os_hash_algo": "sha512", "os_hash_value": hash(vidimus_digest::Algorithm::sha512()),
    })
}
