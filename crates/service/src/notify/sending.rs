//! Tells when an image has been sent, how much of it, and to whom.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde_json::{Value, json};
use vidimus_auth::Context;
use vidimus_db::ImageRecord;

use super::Event;
use crate::ImageService;

/// A download somebody is to be told of when it is over, which is when this is dropped.
///
/// Less sent than was to be sent is told as an error, whoever broke the download off.
#[derive(Debug)]
pub struct Sending {
    service: ImageService,
    image: String,
    owner: Option<String>,
    project: Option<String>,
    user: Option<String>,
    address: Option<String>,
    expected: u64,
    sent: AtomicU64,
}

impl Sending {
    /// `None` where nobody listens.
    pub(crate) fn of(
        service: &ImageService,
        ctx: &Context,
        record: &ImageRecord,
        expected: u64,
    ) -> Option<Self> {
        service.notifies(Event::ImageSend).then(|| Self {
            service: service.clone(),
            image: record.id.to_string(),
            owner: record.owner.clone(),
            project: ctx.project_id().map(str::to_owned),
            user: ctx.user_id().map(str::to_owned),
            address: None,
            expected,
            sent: AtomicU64::new(0),
        })
    }

    /// Says where the bytes go, if that can be said.
    pub fn to(&mut self, address: Option<String>) {
        self.address = address;
    }

    /// Counts bytes that are on their way.
    pub fn sent(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Relaxed);
    }

    fn payload(&self) -> Value {
        json!({
            "bytes_sent": self.sent.load(Relaxed),
            "image_id": self.image,
            "owner_id": self.owner,
            "receiver_tenant_id": self.project,
            "receiver_user_id": self.user,
            "destination_ip": self.address,
        })
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if self.sent.load(Relaxed) == self.expected {
            self.service.notify(Event::ImageSend, || self.payload());
        } else {
            self.service
                .notify_error(Event::ImageSend, || self.payload());
        }
    }
}
