//! Notifications: what other services are told about images, members, tasks and definitions.
//!
//! A use case calls [`ImageService::notify`] straight behind the commit that made the change, so nothing is told that
//! did not happen. The [`Outbox`] then makes the message and hands it to every driver. Where nobody listens, which is
//! the default, a call costs one comparison and no payload is built. Not its job: deciding what happened, or carrying
//! messages over a network.

mod event;
mod imports;
mod mask;
mod message;
pub(crate) mod metadefs;
pub(crate) mod payload;
mod sending;

use std::collections::HashSet;

use serde_json::Value;
use vidimus_db::{ImageRecord, Scope, TaskRecord};
use vidimus_types::ImageId;

use crate::{Error, ImageService};

pub(crate) use event::{Event, Priority};
pub use sending::Sending;

/// Who is told, and of what.
#[derive(Debug, Clone)]
pub struct NotificationConfig {
    /// Where notifications go; with none, there are none.
    pub drivers: Vec<NotificationDriver>,
    /// Who speaks (`default_publisher_id`).
    pub publisher_id: String,
    /// Events nobody is told of, by type (`image.create`) or group (`image`, `image.member`).
    pub disabled: Vec<String>,
}

impl Default for NotificationConfig {
    fn default() -> Self {
        Self {
            drivers: Vec::new(),
            publisher_id: "image.localhost".to_owned(),
            disabled: Vec::new(),
        }
    }
}

/// Where notifications go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotificationDriver {
    /// Into the log, one line each.
    Log,
}

/// Makes messages and hands them to the drivers.
#[derive(Debug)]
pub(crate) struct Outbox {
    drivers: Vec<NotificationDriver>,
    publisher_id: String,
    /// Events somebody may want to hear of; empty where there is no driver.
    wanted: HashSet<Event>,
}

impl Outbox {
    pub(crate) fn new(config: &NotificationConfig) -> Self {
        let wanted = Event::ALL.iter().copied().filter(|event| {
            let is_named = |name: &String| event.is_called(name);
            !config.drivers.is_empty() && !config.disabled.iter().any(is_named)
        });
        Self {
            drivers: config.drivers.clone(),
            publisher_id: config.publisher_id.clone(),
            wanted: wanted.collect(),
        }
    }

    fn tell(&self, event: Event, priority: Priority, payload: Value) {
        let message = message::message(&self.publisher_id, event, priority, payload);
        for driver in &self.drivers {
            match driver {
                // Compat: secrets are hidden in the log and nowhere else.
                NotificationDriver::Log => {
                    let masked = mask::masked(message.clone());
                    event.log(priority, &message::line(&masked));
                }
            }
        }
    }
}

impl ImageService {
    /// Whether somebody is told of this event. For payloads that have to be read before they are gone.
    pub(crate) fn notifies(&self, event: Event) -> bool {
        self.parts.outbox.wanted.contains(&event)
    }

    /// Tells of something that has happened; `payload` is only asked for where somebody listens.
    pub(crate) fn notify(&self, event: Event, payload: impl FnOnce() -> Value) {
        if self.notifies(event) {
            self.parts.outbox.tell(event, Priority::Info, payload());
        }
    }

    /// Tells of something that went wrong.
    pub(crate) fn notify_error(&self, event: Event, payload: impl FnOnce() -> Value) {
        if self.notifies(event) {
            self.parts.outbox.tell(event, Priority::Error, payload());
        }
    }

    /// Tells of an image as its row is now, for changes that did not give the row back.
    pub(crate) async fn notify_image(&self, event: Event, id: &ImageId) {
        if let Some(record) = self.image_to_tell(event, id).await {
            self.notify(event, || payload::image(&record));
        }
    }

    /// The row of an image that somebody is to be told of. A notification is not worth failing for.
    pub(crate) async fn image_to_tell(&self, event: Event, id: &ImageId) -> Option<ImageRecord> {
        if !self.notifies(event) {
            return None;
        }
        match self.parts.db.images().get(&Scope::admin(), id).await {
            Ok(record) => Some(record),
            Err(error) => {
                tracing::debug!(image.id = %id, error = &error as &dyn std::error::Error, "{} not told", event.word());
                None
            }
        }
    }

    /// Tells of a task as its row is now.
    pub(crate) async fn notify_task(&self, event: Event, id: &str) {
        if let Some(record) = self.task_to_tell(event, id).await {
            self.notify(event, || payload::task(&record));
        }
    }

    /// The row of a task that somebody is to be told of.
    pub(crate) async fn task_to_tell(&self, event: Event, id: &str) -> Option<TaskRecord> {
        if !self.notifies(event) {
            return None;
        }
        match self.parts.db.tasks().get(id).await {
            Ok(found) => found,
            Err(error) => {
                tracing::debug!(
                    task.id = id,
                    error = &error as &dyn std::error::Error,
                    "{} not told",
                    event.word()
                );
                None
            }
        }
    }

    /// Tells that data could not be saved, and why.
    pub(crate) fn notify_upload_failed(&self, id: &ImageId, error: &Error) {
        self.notify_error(Event::ImageUpload, || payload::failed_upload(id, error));
    }
}
