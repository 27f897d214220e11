//! Image data over TLS: bytes, ranges, clients that leave, files that are cut.

use std::time::Duration;

use reqwest::Client;
use serde_json::json;
use tokio::time::timeout;

use super::house::{House, PATIENCE};

const SIZE: usize = 5_000_001;

fn noise() -> Vec<u8> {
    let mut numbers = fastrand::Rng::with_seed(1);
    std::iter::repeat_with(|| numbers.u8(..))
        .take(SIZE)
        .collect()
}

/// The address of the data of an image with these bytes.
async fn image(house: &House, client: &Client, data: &[u8]) -> String {
    let url = house.server.url();
    let fields = json!({"name": "one", "disk_format": "raw", "container_format": "bare"});
    let made = client.post(format!("{url}/v2/images")).json(&fields);
    let made = made.send().await.unwrap();
    let file = format!("{}/file", made.headers()["location"].to_str().unwrap());
    let sent = client
        .put(&file)
        .header("content-type", "application/octet-stream")
        .body(data.to_vec());
    assert_eq!(sent.send().await.unwrap().status(), 204);
    file
}

/// Waits until the image is in the cache.
async fn cached(house: &House) {
    let name = house.server.dir().join("cache");
    let there = async {
        loop {
            let files = std::fs::read_dir(&name).unwrap().flatten();
            let sizes = files.filter_map(|file| Some(file.metadata().ok()?.len()));
            if sizes.filter(|size| *size == SIZE as u64).count() == 1 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, there).await.unwrap();
}

#[tokio::test]
async fn every_byte_comes_through_cached_or_not() {
    // Also where nothing but the kernel is to send files: to these connections it cannot.
    for more in ["", "send_files = sendfile\n"] {
        let house = House::new(more);
        let (client, data) = (house.client(), noise());
        let file = image(&house, &client, &data).await;
        for _ in 0..2 {
            let answer = client.get(&file).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            assert!(answer.bytes().await.unwrap() == data, "other bytes came");
            cached(&house).await;
        }
        for (start, end) in [
            (0, 0),
            (65_535, 65_536),
            (1_000_000, 3_000_000),
            (SIZE - 1, SIZE - 1),
        ] {
            let range = format!("bytes={start}-{end}");
            let answer = client
                .get(&file)
                .header("range", range)
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), 206);
            assert!(
                answer.bytes().await.unwrap() == data[start..=end],
                "{start}-{end}"
            );
        }
    }
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_leaves_nothing_behind() {
    let house = House::new("");
    let (client, data) = (house.client(), noise());
    let file = image(&house, &client, &data).await;
    client
        .get(&file)
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    cached(&house).await;
    drop(client);
    let idle = house.server.open_files();
    let client = house.client();
    for _ in 0..20 {
        let mut answer = client.get(&file).send().await.unwrap();
        answer.chunk().await.unwrap();
        drop(answer);
    }
    drop(client);
    let gone = async {
        while house.server.open_files() > idle {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, gone).await.expect("no file stays open");
}

#[tokio::test]
async fn a_file_that_lost_its_end_is_no_complete_answer() {
    let house = House::new("");
    let (client, data) = (house.client(), noise());
    let file = image(&house, &client, &data).await;
    client
        .get(&file)
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    cached(&house).await;
    let mut answer = client.get(&file).send().await.unwrap();
    let mut got = answer.chunk().await.unwrap().unwrap().to_vec();
    // As the file is open already, nobody looks at its size again.
    for entry in std::fs::read_dir(house.server.dir().join("cache"))
        .unwrap()
        .flatten()
    {
        if entry.metadata().unwrap().len() == SIZE as u64 {
            let cut = std::fs::OpenOptions::new().write(true).open(entry.path());
            cut.unwrap().set_len(100_000).unwrap();
        }
    }
    let outcome = loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => got.extend_from_slice(&chunk),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    assert!(data.starts_with(&got), "bytes of no file");
    // What was on its way when the file was cut may have been all of it; then it is all right.
    assert!(
        outcome.is_err() || got.len() == SIZE,
        "{} bytes passed for all",
        got.len()
    );
}
