//! A killed server that was taking a location: what is found when it is back.

#![expect(
    clippy::unwrap_used,
    reason = "clippy's exception for tests does not reach their helpers"
)]

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use vidimus_testkit::{Api, TestServer};
use vidimus_types::ImageId;

const PROGRAM: &str = env!("CARGO_BIN_EXE_vidimus");

/// A server with four bytes, of which `/slow` sends two and waits.
async fn web() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = vec![0; 4096];
                let read = socket.read(&mut head).await.unwrap_or(0);
                let head = String::from_utf8_lossy(&head[..read]).into_owned();
                let body = match head.split(' ').next() {
                    Some("HEAD") => "",
                    _ if head.contains(" /slow ") => "da",
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
    url
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
async fn a_kill_while_a_location_is_taken_leaves_an_image_its_owner_can_go_on_with() {
    let config = "[DEFAULT]\nnode_staging_uri = file://$DIR/staging\n\
        show_multiple_locations = true\n\
        [database]\nconnection = sqlite:///$DIR/glance.sqlite\n\
        [glance_store]\nfilesystem_store_datadir = $DIR/images\n\
        [import_filtering_opts]\nallowed_hosts = [127.0.0.1]\nallowed_ports = []\n";
    let mut server = TestServer::builder(PROGRAM).config(config).start();
    let (api, web) = (server.api(), web().await);
    let (checked, given) = (api.new_image("checked").await, api.new_image("given").await);
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
    image(&api, &checked, |image| image["status"] == "importing").await;
    image(&api, &given, |image| image["status"] == "active").await;

    server.kill();
    server.start();
    let api = server.api();
    let lost = image(&api, &checked, |_| true).await;
    assert_eq!(lost["status"], "queued", "{lost}");
    assert_eq!(lost["locations"], json!([]), "{lost}");
    assert_eq!(lost["size"], Value::Null, "{lost}");
    let kept = image(&api, &given, |_| true).await;
    assert_eq!(kept["status"], "active", "{kept}");
    assert_eq!(kept["os_hash_algo"], Value::Null, "{kept}");
    for image in [&lost, &kept] {
        assert_eq!(image.get("os_glance_import_task"), None, "{image}");
    }
    let tasks = api.get(&format!("/v2/images/{checked}/tasks")).await;
    let tasks = tasks.unwrap().expect_status(200).json();
    assert_eq!(tasks["tasks"][0]["status"], "failure", "{tasks}");

    let fine = json!({"url": format!("{web}/fine"), "validation_data": hash});
    give(&api, &checked, &fine).await;
    let taken = image(&api, &checked, |image| image["status"] == "active").await;
    assert_eq!(taken["os_hash_algo"], "sha256", "{taken}");
    let data = api.download(&checked).await.unwrap().expect_status(200);
    assert_eq!(data.body, b"data");
}
