//! The store against a server of a few lines.

use futures_util::TryStreamExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use vidimus_fetch::UriFilter;

use super::*;

/// Answers `GET` and `HEAD`: `/data` has ten bytes, `/lost` breaks off, `/uncounted` says its size only to `HEAD`, `/away` leads
/// to where nobody may go, `/busy` cannot now.
async fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut head = vec![0; 4096];
                let read = socket.read(&mut head).await.unwrap();
                let head = String::from_utf8_lossy(&head[..read]).into_owned();
                let is_head = head.starts_with("HEAD");
                let answer = match head.split(' ').nth(1).unwrap_or_default() {
                    "/data" if is_head => "200 OK\r\nContent-Length: 10\r\n\r\n",
                    "/data" => "200 OK\r\nContent-Length: 10\r\n\r\n0123456789",
                    "/lost" => "200 OK\r\nContent-Length: 10\r\n\r\n0123",
                    "/uncounted" if is_head => "200 OK\r\nContent-Length: 3\r\n\r\n",
                    "/uncounted" => "200 OK\r\n\r\nabc",
                    "/silent" => "200 OK\r\n\r\n",
                    "/away" => "302 Found\r\nLocation: http://169.254.169.254/\r\n\r\n",
                    "/busy" => "503 Busy\r\nContent-Length: 0\r\n\r\n",
                    _ => "404 Not Found\r\nContent-Length: 0\r\n\r\n",
                };
                let answer = answer.replacen("\r\n", "\r\nConnection: close\r\n", 1);
                let sent = format!("HTTP/1.1 {answer}");
                socket.write_all(sent.as_bytes()).await.unwrap();
            });
        }
    });
    url
}

fn store(filter: UriFilter) -> HttpStore {
    let id = "web".parse().unwrap();
    HttpStore::new(id, None, 0, Fetcher::new(filter))
}

fn open_store() -> HttpStore {
    store(UriFilter {
        allowed_hosts: vec!["127.0.0.1".to_owned(), "169.254.169.254".to_owned()],
        allowed_ports: Vec::new(),
        ..UriFilter::default()
    })
}

async fn bytes(store: &HttpStore, url: String) -> Result<Vec<u8>> {
    let read = store.open(&Location::new(url), None).await?;
    let chunks: Vec<_> = read
        .into_stream()
        .try_collect()
        .await
        .map_err(Error::Source)?;
    Ok(chunks.concat())
}

#[tokio::test]
async fn reads_what_a_server_has_and_knows_its_size() {
    let (url, store) = (server().await, open_store());
    assert_eq!(
        bytes(&store, format!("{url}/data")).await.unwrap(),
        b"0123456789"
    );
    let location = Location::new(format!("{url}/data"));
    assert_eq!(store.size(&location).await.unwrap(), 10);
    assert_eq!(
        bytes(&store, format!("{url}/uncounted")).await.unwrap(),
        b"abc"
    );
}

#[tokio::test]
async fn tells_apart_why_there_is_nothing_to_read() {
    let (url, store) = (server().await, open_store());
    let refused = async |path: &str| {
        let location = Location::new(format!("{url}{path}"));
        (
            store.open(&location, None).await.unwrap_err(),
            store.size(&location).await.unwrap_err(),
        )
    };
    let (opened, sized) = refused("/nowhere").await;
    assert!(matches!(opened, Error::NotFound { .. }), "{opened}");
    assert!(matches!(sized, Error::NotFound { .. }), "{sized}");
    let (opened, sized) = refused("/busy").await;
    assert!(matches!(opened, Error::Io { .. }), "{opened}");
    assert!(matches!(sized, Error::Io { .. }), "{sized}");
    let (opened, sized) = refused("/silent").await;
    assert!(matches!(opened, Error::BadLocation { .. }), "{opened}");
    assert!(matches!(sized, Error::BadLocation { .. }), "{sized}");
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = format!("http://{}/x", free.local_addr().unwrap());
    drop(free);
    let unreachable = store.size(&Location::new(closed)).await.unwrap_err();
    assert!(
        matches!(unreachable, Error::Unreachable { .. }),
        "{unreachable}"
    );
}

#[tokio::test]
async fn goes_nowhere_the_filter_does_not_allow() {
    let url = server().await;
    let location = Location::new(format!("{url}/data"));
    let careful = store(UriFilter::default());
    let refused = careful.open(&location, None).await.unwrap_err();
    assert!(matches!(refused, Error::BadLocation { .. }), "{refused}");

    let trusting_one = store(UriFilter {
        allowed_hosts: vec!["127.0.0.1".to_owned()],
        allowed_ports: Vec::new(),
        ..UriFilter::default()
    });
    let away = Location::new(format!("{url}/away"));
    let refused = trusting_one.size(&away).await.unwrap_err();
    assert!(matches!(refused, Error::BadLocation { .. }), "{refused}");
}

#[tokio::test]
async fn what_breaks_off_is_an_error_and_never_a_short_image() {
    let (url, store) = (server().await, open_store());
    let lost = bytes(&store, format!("{url}/lost")).await.unwrap_err();
    assert!(matches!(lost, Error::Source(_)), "{lost}");
}

#[tokio::test]
async fn is_only_read_and_only_as_a_whole() {
    let (url, store) = (server().await, open_store());
    let location = Location::new(format!("{url}/data"));
    let range = ByteRange { start: 2, end: 4 };
    let refused = store.open(&location, Some(range)).await.unwrap_err();
    assert!(matches!(refused, Error::NoRanges { .. }), "{refused}");
    let refused = store.delete(&location).await.unwrap_err();
    assert!(matches!(refused, Error::ReadOnly { .. }), "{refused}");
    let nothing: ByteStream = Box::pin(futures_util::stream::empty());
    let put = store.put(&ImageId::random(), nothing, None).await;
    assert!(matches!(put, Err(Error::ReadOnly { .. })));
    assert!(store.recognises("https://mirror.example/x"));
    assert!(!store.recognises("file:///x") && !store.recognises("httpx"));
}
