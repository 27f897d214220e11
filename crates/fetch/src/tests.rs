//! Fetches from servers that do not do as they should.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures_util::StreamExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Mutex,
};

use crate::{FetchError, Fetched, Fetcher, Terms, UriFilter, fetcher::Asking, pace::Pace};

/// A server that answers the nth connection with the nth script, and notes what it was asked.
struct Source {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Source {
    async fn new(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answers: Vec<String> = answers.iter().map(|text| (*text).to_owned()).collect();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        tokio::spawn(async move {
            for answer in answers {
                let (mut connection, _) = listener.accept().await.unwrap();
                noted.lock().await.push(head(&mut connection).await);
                // A client that has heard enough may be gone.
                let _ = connection.write_all(answer.as_bytes()).await;
            }
        });
        Self { address, asked }
    }

    fn uri(&self) -> String {
        format!("http://{}/image", self.address)
    }

    async fn asked(&self) -> Vec<String> {
        self.asked.lock().await.clone()
    }
}

async fn head(connection: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap().to_ascii_lowercase()
}

fn fetcher() -> Fetcher {
    Fetcher::new(UriFilter {
        allowed_hosts: vec!["127.0.0.1".into(), "localhost".into()],
        allowed_ports: Vec::new(),
        ..UriFilter::default()
    })
}

async fn read(fetched: Fetched) -> Result<String, FetchError> {
    let failure = fetched.failure();
    let mut data = fetched.data;
    let mut all = Vec::new();
    while let Some(chunk) = data.next().await {
        match chunk {
            Ok(chunk) => all.extend_from_slice(&chunk),
            Err(_) => return Err(failure.take().expect("a failed fetch knows why")),
        }
    }
    Ok(String::from_utf8(all).unwrap())
}

async fn fetch(source: &Source) -> Result<String, FetchError> {
    read(fetcher().fetch(&source.uri()).await?).await
}

async fn fetch_verified(source: &Source) -> Result<String, FetchError> {
    let terms = Terms {
        token: Some("secret".into()),
        is_verified: true,
    };
    read(fetcher().fetch_on(&source.uri(), terms).await?).await
}

const CUT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nETag: \"one\"\r\n\r\n01234";

#[tokio::test]
async fn exactly_the_checked_addresses_are_connected_to() {
    let source = Source::new(&["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"]).await;
    let closed = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let nobody = closed.local_addr().unwrap();
    drop(closed);
    // No resolver knows this name, and the first of its addresses does not answer.
    let uri = format!("http://nowhere.invalid:{}/x", source.address.port());
    let url = url::Url::parse(&uri).unwrap();
    let addresses = [
        SocketAddr::new(nobody.ip(), source.address.port()),
        source.address,
    ];
    let response = fetcher().ask(&url, &addresses, Asking::default()).await;
    assert_eq!(response.unwrap().text().await.unwrap(), "hi");
    assert!(source.asked().await[0].contains("host: nowhere.invalid"));
}

#[tokio::test]
async fn neither_token_nor_password_goes_to_another_host() {
    let last = Source::new(&["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"]).await;
    let away = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://localhost:{}/there\r\nContent-Length: 0\r\n\r\n",
        last.address.port()
    );
    let here = "HTTP/1.1 307 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n";
    let first = Source::new(&[here, &away]).await;
    let uri = format!("http://user:word@{}/image", first.address);
    let terms = Terms {
        token: Some("secret".into()),
        is_verified: false,
    };
    let fetched = fetcher().fetch_on(&uri, terms).await.unwrap();
    assert_eq!(read(fetched).await.unwrap(), "hi");
    for asked in first.asked().await {
        assert!(asked.contains("x-auth-token: secret"), "{asked}");
        assert!(asked.contains("authorization: basic"), "{asked}");
    }
    let told = &last.asked().await[0];
    assert!(
        !told.contains("secret") && !told.contains("authorization"),
        "{told}"
    );
}

#[tokio::test]
async fn every_hop_is_checked() {
    for inside in [
        "http://127.0.0.2/x",
        "http://[::ffff:127.0.0.2]/x",
        "http://[::1]/x",
        "//169.254.169.254/latest",
        "http://2130706434/x",
        "file:///etc/passwd",
    ] {
        let answer =
            format!("HTTP/1.1 302 Found\r\nLocation: {inside}\r\nContent-Length: 0\r\n\r\n");
        let source = Source::new(&[&answer]).await;
        let outcome = fetch(&source).await;
        assert!(
            matches!(outcome, Err(FetchError::RedirectRefused(_))),
            "{inside}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_cut_is_resumed_where_it_happened() {
    let rest = "HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\nContent-Range: bytes 5-9/10\r\nETag: \"one\"\r\n\r\n56789";
    let source = Source::new(&[CUT, rest]).await;
    assert_eq!(fetch(&source).await.unwrap(), "0123456789");
    let asked = &source.asked().await[1];
    assert!(asked.contains("range: bytes=5-"), "{asked}");
    assert!(asked.contains("if-range: \"one\""), "{asked}");
}

#[tokio::test]
async fn a_server_without_ranges_is_read_over() {
    let whole = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nETag: \"one\"\r\n\r\n0123456789";
    let source = Source::new(&[CUT, whole]).await;
    assert_eq!(fetch(&source).await.unwrap(), "0123456789");
}

#[tokio::test]
async fn halves_that_do_not_belong_together_are_not_joined() {
    for other in [
        // Changed since, and the server says so in either way.
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nETag: \"two\"\r\n\r\nabcdefghij",
        "HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\nContent-Range: bytes 5-9/10\r\nETag: \"two\"\r\n\r\nfghij",
        // Nothing is said.
        "HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\nContent-Range: bytes 5-9/10\r\n\r\nfghij",
        // Another part, another whole, no whole at all.
        "HTTP/1.1 206 Partial Content\r\nContent-Length: 6\r\nContent-Range: bytes 4-9/10\r\nETag: \"one\"\r\n\r\n456789",
        "HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\nContent-Range: bytes 5-9/11\r\nETag: \"one\"\r\n\r\n56789",
        "HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\nETag: \"one\"\r\n\r\n56789",
        "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nETag: \"one\"\r\n\r\n0123456789ab",
    ] {
        let source = Source::new(&[CUT, other]).await;
        let outcome = fetch(&source).await;
        assert!(
            matches!(outcome, Err(FetchError::NotResumable { at: 5 })),
            "{other}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn without_a_tag_only_what_is_verified_is_resumed() {
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234";
    let rest = "HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\nContent-Range: bytes 5-9/10\r\n\r\n56789";
    let outcome = fetch(&Source::new(&[cut, rest]).await).await;
    assert!(
        matches!(outcome, Err(FetchError::NotResumable { at: 5 })),
        "{outcome:?}"
    );
    let source = Source::new(&[cut, rest]).await;
    assert_eq!(fetch_verified(&source).await.unwrap(), "0123456789");
    let asked = &source.asked().await[1];
    assert!(
        asked.contains("range: bytes=5-") && !asked.contains("if-range"),
        "{asked}"
    );
    assert!(asked.contains("x-auth-token: secret"), "{asked}");
}

#[tokio::test]
async fn a_length_that_chunks_belie_is_not_believed() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
    let source = Source::new(&[answer]).await;
    match fetcher().fetch(&source.uri()).await {
        Ok(fetched) => {
            assert_eq!(fetched.size_bytes, None);
            assert_eq!(read(fetched).await.unwrap(), "hi");
        }
        // To refuse it is as good: such an answer is no HTTP.
        Err(error) => assert!(matches!(error, FetchError::Connection(_)), "{error:?}"),
    }
}

#[tokio::test]
async fn two_lengths_are_none() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\nhello";
    let outcome = fetch(&Source::new(&[answer]).await).await;
    assert!(
        matches!(outcome, Err(FetchError::Connection(_))),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn nothing_is_unpacked() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 6\r\n\r\npacked";
    let source = Source::new(&[answer]).await;
    assert_eq!(fetch(&source).await.unwrap(), "packed");
    assert!(source.asked().await[0].contains("accept-encoding: identity"));
}

#[tokio::test]
async fn a_trickle_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/image", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        head(&mut connection).await;
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
        connection.write_all(answer.as_bytes()).await.unwrap();
        while connection.write_all(b".").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let mut fetcher = fetcher();
    fetcher.pace = Pace::of(Duration::from_millis(300), 10_000);
    let outcome = read(fetcher.fetch(&uri).await.unwrap()).await;
    assert!(matches!(outcome, Err(FetchError::TooSlow)), "{outcome:?}");
}

#[tokio::test]
async fn no_error_shows_the_password() {
    let uri = "http://user:word@127.0.0.1:9/secret-path";
    let error = fetcher().fetch(uri).await.unwrap_err();
    let mut shown = format!("{error:?} {error}");
    let mut cause: &dyn std::error::Error = &error;
    while let Some(next) = cause.source() {
        shown.push_str(&format!(" {next} {next:?}"));
        cause = next;
    }
    assert!(
        !shown.contains("word") && !shown.contains("secret"),
        "{shown}"
    );
}
