//! A server that speaks TLS: who gets in, what they are told, and new certificates while it runs.

#![expect(
    clippy::unwrap_used,
    reason = "clippy's exception for tests does not reach their helpers"
)]

mod authority;
mod data;
mod house;

use std::time::Duration;

use authority::{Authority, der};
use house::{House, PATIENCE, PROGRAM, section};
use rustls::version::{TLS12, TLS13};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

#[tokio::test]
async fn both_versions_are_spoken_and_http_1_above_them() {
    let house = House::new("");
    for version in [&TLS12, &TLS13] {
        let stream = house
            .shake_hands(&[version], &["h2", "http/1.1"])
            .await
            .unwrap();
        let (_, session) = stream.get_ref();
        assert_eq!(session.protocol_version(), Some(version.version));
        assert_eq!(session.alpn_protocol(), Some(&b"http/1.1"[..]));
    }
    // Who only speaks HTTP/2 is told so instead of being misunderstood.
    let refused = house.shake_hands(&[&TLS13], &["h2"]).await.unwrap_err();
    assert!(
        refused.to_string().contains("NoApplicationProtocol"),
        "{refused}"
    );
}

#[tokio::test]
async fn the_oldest_version_can_be_raised() {
    let house = House::new("tls_min_version = 1.3\n");
    house.shake_hands(&[&TLS13], &[]).await.unwrap();
    house.shake_hands(&[&TLS12], &[]).await.unwrap_err();
}

#[tokio::test]
async fn links_begin_with_https() {
    let house = House::new("");
    let (client, url) = (house.client(), house.server.url());
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    let versions = client.get(url).send().await.unwrap();
    let versions: Value = serde_json::from_slice(&versions.bytes().await.unwrap()).unwrap();
    let link = &versions["versions"][0]["links"][0]["href"];
    assert_eq!(link, &json!(format!("{url}/v2/")));
    let redirect = client.get(format!("{url}/v2")).send().await.unwrap();
    assert_eq!(redirect.headers()["location"], format!("{url}/v2/"));
    let image = client
        .post(format!("{url}/v2/images"))
        .json(&json!({"name": "one"}))
        .send()
        .await
        .unwrap();
    let location = image.headers()["location"].to_str().unwrap();
    assert!(
        location.starts_with(&format!("{url}/v2/images/")),
        "{location}"
    );
}

#[tokio::test]
async fn a_believed_proxy_knows_better_which_scheme_it_was() {
    let files = TempDir::new().unwrap();
    let authority = Authority::new("Test authority");
    authority.issue("server").write(files.path(), "server");
    let config = section(&files, "") + "[oslo_middleware]\nenable_proxy_headers_parsing = true\n";
    let server = vidimus_testkit::TestServer::builder(PROGRAM)
        .config(&config)
        .start();
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_danger_accept_invalid_certs(true)
        .build()
        .unwrap();
    for (header, scheme) in [
        (None, "https"),
        (Some("http"), "http"),
        (Some("https"), "https"),
    ] {
        let mut request = client.get(server.url());
        if let Some(header) = header {
            request = request.header("x-forwarded-proto", header);
        }
        let text = request.send().await.unwrap().text().await.unwrap();
        let versions: Value = serde_json::from_str(&text).unwrap();
        let link = versions["versions"][0]["links"][0]["href"]
            .as_str()
            .unwrap();
        assert_eq!(link.split(':').next(), Some(scheme));
    }
}

#[tokio::test]
async fn an_address_can_be_left_without_tls() {
    let files = TempDir::new().unwrap();
    let authority = Authority::new("Test authority");
    authority.issue("server").write(files.path(), "server");
    let mut server = vidimus_testkit::TestServer::builder(PROGRAM)
        .config(&section(&files, ""))
        .argument("--listen=http://127.0.0.1:0")
        .argument("--listen=unix:socket")
        .start();
    let socket = server.dir().join("socket");
    // The first address is the one of the test kit; each is told on a line of its own.
    let told = timeout(PATIENCE, async {
        loop {
            let told = std::fs::read_to_string(server.dir().join("out-1")).unwrap();
            if told.lines().count() == 3 {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let told = told.await.unwrap();
    let plain = told.lines().nth(1).unwrap();
    let plain = plain.split(" listens on ").nth(1).unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let text = client.get(plain).send().await.unwrap();
    let text = text.text().await.unwrap();
    assert!(text.contains(&format!("\"{plain}/v2/\"")), "{text}");
    let mut stream = tokio::net::UnixStream::connect(socket).await.unwrap();
    stream
        .write_all(b"GET /healthcheck HTTP/1.0\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains(" 200 OK"), "{answer}");
    assert_eq!(server.stop(), Some(0));
}

#[tokio::test]
async fn without_an_accepted_certificate_nobody_gets_in_where_one_is_asked_for() {
    let house = House::new("tls_client_ca_file = $CA\n");
    let url = house.server.url();
    house.client().get(url).send().await.unwrap_err();
    let stranger = Authority::new("Somebody else").issue("stranger");
    house
        .client_with(&stranger)
        .get(url)
        .send()
        .await
        .unwrap_err();
    let friend = house.authority.issue("friend");
    let answer = house.client_with(&friend).get(url).send().await.unwrap();
    assert_eq!(answer.status(), 300);
}

#[tokio::test]
async fn plain_http_is_told_what_is_wrong() {
    let house = House::new("");
    let mut stream = TcpStream::connect(house.address()).await.unwrap();
    // Far more than is read of it, so a socket that is closed in haste would take the answer back.
    let body = vec![b'x'; 20_000];
    stream
        .write_all(b"PUT /v2/images/x/file HTTP/1.1\r\nHost: here\r\nContent-Length: 20000\r\n\r\n")
        .await
        .unwrap();
    stream.write_all(&body).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let (_, said) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(said, "This address speaks TLS: ask with https://\n");
    assert!(answer.contains(&format!("Content-Length: {}\r\n", said.len())));
}

#[tokio::test]
async fn who_never_finishes_the_handshake_is_given_up_and_holds_up_nobody() {
    let house = House::new("header_timeout = 0.5\n");
    house.client().get(house.server.url()).send().await.unwrap();
    let (files, memory) = (house.server.open_files(), house.server.resident_bytes());
    let mut silent = Vec::new();
    for number in 0..200 {
        let mut stream = TcpStream::connect(house.address()).await.unwrap();
        if number % 2 == 1 {
            // The beginning of a first message that would be long.
            stream.write_all(&[22, 3, 1, 2, 0, 1]).await.unwrap();
        }
        silent.push(stream);
    }
    house.client().get(house.server.url()).send().await.unwrap();
    for stream in &mut silent {
        let mut rest = Vec::new();
        // Whatever is said in farewell, then the end; a reset is an end as well.
        let _ = timeout(PATIENCE, stream.read_to_end(&mut rest))
            .await
            .expect("the server gives up");
    }
    let gone = async {
        // The workers may have opened the database meanwhile.
        while house.server.open_files() > files + 100 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, gone)
        .await
        .expect("their descriptors come back");
    let grown = house.server.resident_bytes().saturating_sub(memory);
    assert!(grown < 200 * 64 * 1024, "{grown} bytes for 200 handshakes");
}

#[tokio::test]
async fn new_certificates_are_taken_over_and_no_connection_is_lost() {
    let house = House::new("");
    let client = house.client();
    let mut kept = house.shake_hands(&[&TLS13], &[]).await.unwrap();
    assert_eq!(house.shown().await, der(&house.first.certificate));

    let second = house.authority.issue("second");
    second.write(house.files.path(), "server");
    house.server.signal("HUP");
    house.wait_for_log("the files of TLS were read again").await;
    assert_eq!(house.shown().await, der(&second.certificate));
    // The connection from before goes on.
    let request = b"GET /healthcheck HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n";
    kept.write_all(request).await.unwrap();
    let mut answer = String::new();
    kept.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");

    // The key of another certificate.
    let third = house.authority.issue("third");
    std::fs::write(house.files.path().join("server.key"), &third.key).unwrap();
    house.server.signal("HUP");
    house
        .wait_for_log("the files of TLS are no use, those read before stay in use")
        .await;
    assert!(
        house
            .server
            .log()
            .contains("name the files that belong together")
    );
    assert_eq!(house.shown().await, der(&second.certificate));
    let answer = client.get(house.server.url()).send().await.unwrap();
    assert_eq!(answer.status(), 300);
}

#[tokio::test]
async fn a_client_authority_that_is_taken_away_lets_nobody_in_by_an_old_ticket() {
    let house = House::new("tls_client_ca_file = $CA\n");
    let friend = house.authority.issue("friend");
    let client = house.client_with(&friend);
    let url = house.server.url();
    let close = || client.get(url).header("connection", "close");
    // Twice, so that the second comes with a ticket.
    for _ in 0..2 {
        assert_eq!(close().send().await.unwrap().status(), 300);
    }
    let other = Authority::new("New authority");
    std::fs::write(house.files.path().join("ca.pem"), other.pem()).unwrap();
    house.server.signal("HUP");
    house.wait_for_log("the files of TLS were read again").await;
    close().send().await.unwrap_err();
    let answer = house.client_with(&other.issue("new")).get(url).send().await;
    assert_eq!(answer.unwrap().status(), 300);
}

#[test]
fn files_that_are_no_use_stop_the_start_and_are_named() {
    let files = TempDir::new().unwrap();
    let start = || {
        let config = files.path().join("vidimus.conf");
        let dir = files.path().display().to_string();
        std::fs::write(&config, section(&files, "").replace("$DIR", &dir)).unwrap();
        let done = std::process::Command::new(PROGRAM)
            .args(["serve", "--listen", "127.0.0.1:0", "--config-file"])
            .arg(config)
            .output()
            .unwrap();
        assert_eq!(done.status.code(), Some(1));
        let told = String::from_utf8(done.stderr).unwrap();
        told.replace(&format!("{dir}/"), "")
    };
    assert!(start().contains(
        "`server.pem` (`tls_cert_file` of [vidimus]) cannot be read: No such file or directory"
    ));
    let authority = Authority::new("Test authority");
    let one = authority.issue("one");
    one.write(files.path(), "server");
    std::fs::write(files.path().join("server.key"), authority.issue("two").key).unwrap();
    let told = start();
    assert!(
        told.contains("the private key in `server.key` (`tls_key_file` of [vidimus]) is not that of the first certificate in `server.pem`"),
        "{told}"
    );
    // Nothing was opened for it.
    assert!(!files.path().join("glance.sqlite").exists());
}

#[tokio::test]
async fn the_commands_of_the_program_find_the_server() {
    let house = House::new("");
    let listed = house.cache_list();
    assert!(listed.status.success(), "{listed:?}");
    // Whoever else sits there with a certificate of the same authority is not it.
    let other = house.authority.issue("other");
    other.write(house.files.path(), "server");
    let refused = house.cache_list();
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(
        told.contains("TLS with the server on this machine fails"),
        "{told}"
    );
}
