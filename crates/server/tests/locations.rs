//! A killed server that was taking a location: what is found when it is back.

#![expect(
    clippy::unwrap_used,
    reason = "clippy's exception for tests does not reach their helpers"
)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use vidimus_testkit::{Api, TestServer};
use vidimus_types::ImageId;

const PROGRAM: &str = env!("CARGO_BIN_EXE_vidimus");

/// A server with four bytes, of which `/slow` sends two and waits until it is told not to.
async fn web() -> (String, Arc<AtomicBool>) {
    let is_quick = Arc::new(AtomicBool::new(false));
    let quick = Arc::clone(&is_quick);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let quick = Arc::clone(&quick);
            tokio::spawn(async move {
                let mut head = vec![0; 4096];
                let read = socket.read(&mut head).await.unwrap_or(0);
                let head = String::from_utf8_lossy(&head[..read]).into_owned();
                let body = match head.split(' ').next() {
                    Some("HEAD") => "",
                    _ if head.contains(" /slow ") && !quick.load(Ordering::SeqCst) => "da",
                    _ => "data",
                };
                let said = format!(
                    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\n{body}"
                );
                let _ = socket.write_all(said.as_bytes()).await;
                if body.len() == 2 {
                    let _ = socket.read(&mut [0; 1]).await;
                }
            });
        }
    });
    (url, is_quick)
}

async fn give(api: &Api, id: &ImageId, body: &Value) {
    let path = format!("/v2/images/{id}/locations");
    let request = api.request(Method::POST, &path).json(body);
    api.send(request).await.unwrap().expect_status(202);
}

/// The image, once it is as `wanted`.
async fn image(api: &Api, id: &ImageId, wanted: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..1000 {
        let image = api.show(id).await.unwrap().expect_status(200).json();
        if wanted(&image) {
            return image;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never happened");
}

#[tokio::test]
async fn what_a_kill_cut_off_is_read_again_at_the_next_start() {
    let config = "[DEFAULT]\nnode_staging_uri = file://$DIR/staging\n\
        show_multiple_locations = true\n\
        [database]\nconnection = sqlite:///$DIR/glance.sqlite\n\
        [glance_store]\nfilesystem_store_datadir = $DIR/images\n\
        [import_filtering_opts]\nallowed_hosts = [127.0.0.1]\nallowed_ports = []\n";
    let mut server = TestServer::builder(PROGRAM).config(config).start();
    let (api, (web, is_quick)) = (server.api(), web().await);
    let (checked, given) = (api.new_image("checked").await, api.new_image("given").await);
    let wrong = api.new_image("wrong").await;
    // Of `data`.
    let hash = json!({
        "os_hash_algo": "sha256",
        "os_hash_value": "3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7",
    });
    let slow = format!("{web}/slow");
    give(
        &api,
        &checked,
        &json!({"url": slow, "validation_data": hash}),
    )
    .await;
    give(&api, &given, &json!({"url": slow})).await;
    let other = json!({"os_hash_algo": "md5", "os_hash_value": "d41d8cd98f00b204e9800998ecf8427e"});
    give(
        &api,
        &wrong,
        &json!({"url": slow, "validation_data": other}),
    )
    .await;
    image(&api, &wrong, |image| image["status"] == "importing").await;
    image(&api, &checked, |image| image["status"] == "importing").await;
    image(&api, &given, |image| image["status"] == "active").await;

    server.kill();
    is_quick.store(true, Ordering::SeqCst);
    server.start();
    let api = server.api();
    let is_over = |image: &Value| image.get("os_glance_import_task").is_none();
    let taken = image(&api, &checked, is_over).await;
    assert_eq!(taken["status"], "active", "{taken}");
    assert_eq!(taken["os_hash_value"], hash["os_hash_value"], "{taken}");
    let kept = image(&api, &given, is_over).await;
    assert_eq!(kept["status"], "active", "{kept}");
    assert_eq!(
        kept["checksum"], "8d777f385d3dfec8815d20f7496026dc",
        "{kept}"
    );
    assert_eq!(kept["os_hash_algo"], "sha512", "{kept}");
    let lost = image(&api, &wrong, is_over).await;
    assert_eq!(lost["status"], "queued", "{lost}");
    assert_eq!(lost["locations"], json!([]), "{lost}");
    assert_eq!(lost["size"], Value::Null, "{lost}");
    for (id, status) in [(checked, "success"), (given, "success"), (wrong, "failure")] {
        let tasks = api.get(&format!("/v2/images/{id}/tasks")).await;
        let tasks = tasks.unwrap().expect_status(200).json();
        assert_eq!(tasks["tasks"][0]["status"], status, "{tasks}");
    }

    let fine = json!({"url": format!("{web}/fine"), "validation_data": hash});
    give(&api, &wrong, &fine).await;
    let taken = image(&api, &wrong, |image| image["status"] == "active").await;
    assert_eq!(taken["os_hash_algo"], "sha256", "{taken}");
    let data = api.download(&wrong).await.unwrap().expect_status(200);
    assert_eq!(data.body, b"data");
}
