//! Imports, tasks, locations, and waiting for what the service does behind its answers.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use vidimus_sdk::{
    Error, ImageId, ImageStatus, ImportMethod, ImportRequest, ListQuery, NewLocation, Wait,
};

use crate::fake::{Fake, ID, Reply};

fn id() -> ImageId {
    ID.parse().unwrap()
}

/// Looks again at once.
fn at_once() -> Wait {
    Wait {
        interval: Duration::ZERO,
        ..Wait::default()
    }
}

fn task(id: &str, status: &str) -> Value {
    json!({"id": id, "type": "api_image_import", "status": status, "message": "no room", "owner": "p"})
}

/// A service whose answers to `GET target` are these, one after the other, the last for ever.
async fn service(target: &'static str, answers: Vec<Value>) -> Fake {
    let asked = AtomicUsize::new(0);
    Fake::start(move |request| match request.line() {
        line if line == format!("GET {target}") => {
            let number = asked
                .fetch_add(1, Ordering::SeqCst)
                .min(answers.len().saturating_sub(1));
            match answers.get(number) {
                Some(Value::Null) | None => Reply::new("404 Not Found", "", ""),
                Some(body) => Reply::json(body),
            }
        }
        line if line == format!("GET /v2/images/{ID}") => {
            Reply::json(&json!({"id": ID, "status": "active"}))
        }
        line if line.starts_with("POST") => Reply::new("202 Accepted", "", ""),
        _ => Reply::new("404 Not Found", "", ""),
    })
    .await
}

async fn sent_for(request: ImportRequest) -> Value {
    let fake = service("/", Vec::new()).await;
    fake.client()
        .images()
        .import(&id(), &request)
        .await
        .unwrap();
    let requests = fake.received();
    let sent = requests.last().unwrap();
    assert_eq!(sent.line(), format!("POST /v2/images/{ID}/import"));
    sent.json()
}

#[tokio::test]
async fn import_sends_what_each_method_needs() {
    assert_eq!(
        sent_for(ImportRequest::new(ImportMethod::GlanceDirect)).await,
        json!({"method": {"name": "glance-direct"}})
    );
    let uri = "http://h/x".to_owned();
    assert_eq!(
        sent_for(ImportRequest::new(ImportMethod::WebDownload { uri })).await,
        json!({"method": {"name": "web-download", "uri": "http://h/x"}})
    );
    let download = |interface: Option<&str>| ImportMethod::GlanceDownload {
        region: "R2".to_owned(),
        image_id: ID.to_owned(),
        interface: interface.map(str::to_owned),
    };
    assert_eq!(
        sent_for(ImportRequest::new(download(None))).await,
        json!({"method": {"name": "glance-download", "glance_region": "R2", "glance_image_id": ID}})
    );
    assert_eq!(
        sent_for(ImportRequest::new(download(Some("internal")))).await["method"]["glance_service_interface"],
        "internal"
    );
    let to_stores = ImportRequest {
        stores: vec!["fast".parse().unwrap()],
        all_stores_must_succeed: Some(false),
        ..ImportRequest::new(ImportMethod::CopyImage)
    };
    assert_eq!(
        sent_for(to_stores).await,
        json!({"method": {"name": "copy-image"}, "stores": ["fast"], "all_stores_must_succeed": false})
    );
}

#[tokio::test]
async fn an_import_is_over_when_its_own_task_is() {
    let target: &'static str = format!("/v2/images/{ID}/tasks").leak();
    let tasks = |list: &[Value]| json!({"tasks": list});
    let old = task("old", "failure");
    let answers = vec![
        tasks(std::slice::from_ref(&old)),
        tasks(&[old.clone(), task("new", "pending")]),
        tasks(&[task("new", "processing"), old.clone()]),
        tasks(&[old.clone(), task("new", "success")]),
    ];
    let fake = service(target, answers.clone()).await;
    let request = ImportRequest::new(ImportMethod::GlanceDirect);
    let client = fake.client();
    let images = client.images();
    let image = images.import_and_wait(&id(), &request, &at_once()).await;
    assert_eq!(image.unwrap().known_status(), Some(ImageStatus::Active));

    let mut failing = answers;
    failing[3] = tasks(&[old, task("new", "failure")]);
    let fake = service(target, failing).await;
    let client = fake.client();
    let error = client
        .images()
        .import_and_wait(&id(), &request, &at_once())
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "Task:new transitioned to failure state failure: no room"
    );
    assert_eq!(error.class_name(), "ResourceFailure");
}

#[tokio::test]
async fn a_status_is_waited_for() {
    let target: &'static str = format!("/v2/images/{ID}").leak();
    let image = |status: &str| json!({"id": ID, "status": status});
    let fake = service(
        target,
        vec![image("queued"), image("saving"), image("active")],
    )
    .await;
    let client = fake.client();
    let images = client.images();
    let found = images
        .wait_for_status(&id(), ImageStatus::Active, &at_once())
        .await
        .unwrap();
    assert_eq!(found.known_status(), Some(ImageStatus::Active));
    assert_eq!(fake.lines().len(), 3);

    let fake = service(target, vec![image("queued"), image("killed")]).await;
    let client = fake.client();
    let error = client
        .images()
        .wait_for_status(&id(), ImageStatus::Active, &at_once())
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("Image:{ID} transitioned to failure state killed")
    );

    let fake = service(target, vec![image("queued")]).await;
    let client = fake.client();
    let no_time = Wait {
        timeout: Some(Duration::ZERO),
        ..at_once()
    };
    let error = client
        .images()
        .wait_for_status(&id(), ImageStatus::Active, &no_time)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("Timeout waiting for Image:{ID} to transition to active")
    );
    assert!(matches!(error, Error::Timeout { .. }));
}

#[tokio::test]
async fn an_image_is_gone_when_nobody_finds_it() {
    let target: &'static str = format!("/v2/images/{ID}").leak();
    let there = json!({"id": ID, "status": "active"});
    let fake = service(target, vec![there.clone(), there, Value::Null]).await;
    let client = fake.client();
    client
        .images()
        .wait_for_delete(&id(), &at_once())
        .await
        .unwrap();
    assert_eq!(fake.lines().len(), 3);
}

#[tokio::test]
async fn tasks_are_listed_page_by_page_and_waited_for() {
    let fake = Fake::start(|request| match request.line().as_str() {
        "GET /v2/tasks?limit=1&status=success" => Reply::json(
            &json!({"tasks": [task("a", "success")], "next": "/v2/tasks?limit=1&marker=a&status=success"}),
        ),
        "GET /v2/tasks?limit=1&marker=a&status=success" => Reply::json(&json!({"tasks": [task("b", "success")]})),
        "GET /v2/tasks/b" => Reply::json(&task("b", "success")),
        line if line.starts_with("GET /v2/tasks?") => Reply::json(&json!({"tasks": []})),
        _ => Reply::new("404 Not Found", "", ""),
    })
    .await;
    let client = fake.client();
    let query = ListQuery {
        page_size: Some(1),
        ..ListQuery::default()
    };
    let pages = client.tasks().list(query.filter("status", "success"));
    let found: Vec<String> = pages
        .collect()
        .await
        .unwrap()
        .into_iter()
        .map(|task| task.id)
        .collect();
    assert_eq!(found, ["a", "b"]);
    assert_eq!(client.tasks().wait("b", &at_once()).await.unwrap().id, "b");
    let error = client.tasks().get("c").await.unwrap_err();
    assert!(
        error.to_string().starts_with("No Task found for c: "),
        "{error}"
    );
    for path in ["..", "a/b", ""] {
        let error = client.tasks().get(path).await.unwrap_err();
        assert!(matches!(error, Error::InvalidRequest(_)), "{error:?}");
    }
}

#[tokio::test]
async fn locations_are_added_and_shown() {
    let target: &'static str = format!("/v2/images/{ID}/locations").leak();
    let fake = service(
        target,
        vec![json!([{"url": "file:///x", "metadata": {"store": "fast"}}])],
    )
    .await;
    let client = fake.client();
    let location = NewLocation {
        url: "http://h/x".to_owned(),
        os_hash: Some(("sha256".to_owned(), "ab".to_owned())),
    };
    client
        .images()
        .add_location(&id(), &location)
        .await
        .unwrap();
    assert_eq!(
        fake.received().last().unwrap().json(),
        json!({"url": "http://h/x", "validation_data": {"os_hash_algo": "sha256", "os_hash_value": "ab"}})
    );
    let found = client.images().locations(&id()).await.unwrap();
    assert_eq!((found.len(), found[0].url.as_str()), (1, "file:///x"));
    assert_eq!(found[0].metadata["store"], "fast");
}
