//! What other services are told of a use case, and that it is told when the change has been committed.

use std::{
    fmt::{self, Write},
    io,
    sync::{Mutex, OnceLock},
};

use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use vidimus_service::{NotificationConfig, NotificationDriver, ServiceConfig, UploadRequest};
use vidimus_types::ImageId;

use crate::support::{Site, noise, read};

/// The log of this program, as far as it holds notifications. Tests know theirs by the ids in them.
struct Log;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata
            .target()
            .starts_with("oslo.messaging.notification.")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        LINES.lock().unwrap().push(message.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, _: &Field, value: &dyn fmt::Debug) {
        write!(self.0, "{value:?}").unwrap();
    }
}

/// A site whose log is read by these tests.
async fn site(disabled: &[&str]) -> Site {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| tracing::subscriber::set_global_default(Log).unwrap());
    Site::with(ServiceConfig {
        notifications: NotificationConfig {
            drivers: vec![NotificationDriver::Log],
            disabled: disabled.iter().map(|name| (*name).to_owned()).collect(),
            ..NotificationConfig::default()
        },
        ..ServiceConfig::default()
    })
    .await
}

/// What was told of an image, oldest first.
fn told(id: &ImageId) -> Vec<Value> {
    let lines = LINES.lock().unwrap();
    let about = lines.iter().filter(|line| line.contains(id.as_str()));
    about
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn types(told: &[Value]) -> Vec<&str> {
    told.iter()
        .map(|one| one["event_type"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn an_upload_is_told_step_by_step() {
    let site = site(&[]).await;
    let id = site.active(b"abc").await;
    let told = told(&id);
    assert_eq!(
        types(&told),
        [
            "image.create",
            "image.update",
            "image.prepare",
            "image.upload",
            "image.activate",
            "image.update"
        ]
    );
    let statuses: Vec<_> = told.iter().map(|one| &one["payload"]["status"]).collect();
    assert_eq!(
        statuses,
        ["queued", "saving", "saving", "active", "active", "active"]
    );
    assert!(told.iter().all(|one| one["priority"] == "INFO"));
    assert_eq!(told[3]["payload"]["size"], 3);
    let text = json!(told).to_string();
    let url = site.file_of(&id).display().to_string();
    assert!(!text.contains(&url), "a location is told: {text}");
}

#[tokio::test]
async fn a_failed_upload_is_told_as_an_error() {
    let site = site(&[]).await;
    let id = site.queued().await;
    let data = stream::iter([
        Ok(Bytes::from_static(b"half")),
        Err(io::ErrorKind::ConnectionReset.into()),
    ]);
    let request = UploadRequest::default();
    let refused = site.service.upload(&site.ctx, &id, request, data).await;
    assert!(refused.is_err());
    let told = told(&id);
    assert_eq!(
        types(&told),
        [
            "image.create",
            "image.update",
            "image.prepare",
            "image.upload",
            "image.update"
        ]
    );
    assert_eq!(told[3]["priority"], "ERROR");
    assert_eq!(
        told[3]["payload"],
        format!(
            "Failed to upload image data for image {id} due to internal error: The client closed the connection before all \
             data was sent."
        )
    );
    assert_eq!(told[4]["payload"]["status"], "queued");
}

#[tokio::test]
async fn an_image_that_is_deleted_is_told_as_it_was() {
    let site = site(&[]).await;
    let id = site.active(b"abc").await;
    site.service.add_tag(&site.ctx, &id, "kept").await.unwrap();
    site.service.delete_image(&site.ctx, &id).await.unwrap();
    let told = told(&id);
    let last = &told.last().unwrap();
    assert_eq!(last["event_type"], "image.delete");
    let payload = &last["payload"];
    assert_eq!(payload["status"], "deleted");
    assert_eq!(payload["tags"], json!(["kept"]));
    assert_eq!(payload["deleted"], true);
    assert!(payload["deleted_at"].is_string());
}

#[tokio::test]
async fn a_refused_change_is_not_told() {
    let site = site(&[]).await;
    let id = site.queued().await;
    let before = told(&id).len();
    let unknown = site.service.remove_tag(&site.ctx, &id, "none").await;
    let inactive = site.service.deactivate_image(&site.ctx, &id).await;
    assert!(unknown.is_err() && inactive.is_err());
    assert_eq!(told(&id).len(), before);
}

#[tokio::test]
async fn what_was_sent_is_told_when_the_download_is_dropped() {
    let site = site(&[]).await;
    let data = noise(100_000);
    let id = site.active(&data).await;
    let sends = || -> Vec<(Value, Value)> {
        let all = told(&id).into_iter();
        let sends = all.filter(|one| one["event_type"] == "image.send");
        sends
            .map(|one| {
                (
                    one["priority"].clone(),
                    one["payload"]["bytes_sent"].clone(),
                )
            })
            .collect()
    };
    let mut download = site.download(&id).await;
    let mut sending = download.sending.take().unwrap();
    sending.to(Some("192.0.2.1".to_owned()));
    let read = read(download.body).await.unwrap();
    sending.sent(read.len() as u64);
    assert_eq!(sends(), []);
    drop(sending);
    assert_eq!(sends(), [(json!("INFO"), json!(100_000))]);
    let heard = told(&id);
    let last = heard.last().unwrap();
    assert_eq!(last["payload"]["destination_ip"], "192.0.2.1");

    let mut download = site.download(&id).await;
    let sending = download.sending.take().unwrap();
    sending.sent(99_999);
    drop(sending);
    assert_eq!(sends()[1], (json!("ERROR"), json!(99_999)));
}

#[tokio::test]
async fn events_that_are_disabled_are_not_told() {
    let site = site(&["image.update", "image.send", "task"]).await;
    let id = site.active(b"abc").await;
    assert_eq!(
        types(&told(&id)),
        [
            "image.create",
            "image.prepare",
            "image.upload",
            "image.activate"
        ]
    );
    assert!(site.download(&id).await.sending.is_none());
}

#[tokio::test]
async fn without_a_driver_nothing_is_told_or_counted() {
    let site = Site::new().await;
    let id = site.active(b"abc").await;
    assert!(site.download(&id).await.sending.is_none());
    assert!(told(&id).is_empty());
}
