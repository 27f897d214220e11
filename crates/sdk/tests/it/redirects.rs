//! Redirects must not carry credentials or changes elsewhere.

use serde_json::json;
use vidimus_sdk::{Error, Upload};

use crate::fake::{Fake, ID, Reply, image};

#[tokio::test]
async fn a_token_does_not_leave_its_origin() {
    let elsewhere = Fake::start(|_| Reply::json(&image("i", b""))).await;
    let target = elsewhere.url.clone();
    let fake = Fake::start(move |_| Reply::redirect(&format!("{target}/v2/images/{ID}"))).await;
    let found = fake
        .client_with_token()
        .images()
        .get(&ID.parse().unwrap())
        .await
        .unwrap();
    assert_eq!(found.id.as_str(), ID);
    assert_eq!(fake.received()[0].header("x-auth-token"), Some("the-token"));
    assert_eq!(elsewhere.received().len(), 1);
    assert_eq!(elsewhere.received()[0].header("x-auth-token"), None);
}

#[tokio::test]
async fn a_token_does_not_come_back_after_a_detour() {
    let elsewhere = Fake::start(|request| {
        let home = request.target.split("home=").nth(1).unwrap();
        Reply::redirect(&format!("http://{home}/v2/images/again"))
    })
    .await;
    let target = elsewhere.url.clone();
    let fake = Fake::start(move |request| {
        if request.target.ends_with("again") {
            Reply::json(&image("i", b""))
        } else {
            let home = request.header("host").unwrap();
            Reply::redirect(&format!("{target}/?home={home}"))
        }
    })
    .await;
    fake.client_with_token()
        .images()
        .get(&ID.parse().unwrap())
        .await
        .unwrap();
    assert_eq!(fake.received()[1].header("x-auth-token"), None);
}

#[tokio::test]
async fn the_same_origin_keeps_token_and_method() {
    let fake = Fake::start(|request| {
        if request.target.starts_with("/v2") {
            Reply::redirect("/moved")
        } else {
            Reply::json(&json!({"total_files_pruned": 1, "total_bytes_pruned": 2}))
        }
    })
    .await;
    let report = fake.client_with_token().cache().prune().await.unwrap();
    assert_eq!(report.total_bytes_pruned, 2);
    let moved = &fake.received()[1];
    assert_eq!(moved.line(), "POST /moved");
    assert_eq!(moved.header("x-auth-token"), Some("the-token"));
}

#[tokio::test]
async fn a_change_is_not_repeated_elsewhere() {
    let elsewhere = Fake::start(|_| Reply::empty()).await;
    let target = elsewhere.url.clone();
    let fake = Fake::start(move |_| Reply::redirect(&target)).await;
    let error = fake
        .client_with_token()
        .images()
        .delete(&ID.parse().unwrap())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Redirect { .. }), "{error:?}");
    assert!(elsewhere.received().is_empty());
}

#[tokio::test]
async fn uploaded_data_is_not_sent_twice() {
    let fake = Fake::start(|_| Reply::redirect("/elsewhere")).await;
    let data = Upload::from_reader(&b"data"[..]);
    let id = ID.parse().unwrap();
    let error = fake
        .client()
        .images()
        .upload(&id, data, None)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Redirect { .. }), "{error:?}");
    assert_eq!(fake.received().len(), 1);
}

#[tokio::test]
async fn a_circle_ends() {
    let fake = Fake::start(|request| Reply::redirect(&request.target)).await;
    let error = fake
        .client()
        .images()
        .get(&ID.parse().unwrap())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("too many redirects"), "{error}");
}

#[tokio::test]
async fn other_schemes_are_refused() {
    let fake = Fake::start(|_| Reply::redirect("file:///etc/passwd")).await;
    let error = fake
        .client()
        .images()
        .get(&ID.parse().unwrap())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Redirect { .. }), "{error:?}");
}
