//! What the server has acknowledged, and what it may have done without saying so.
//!
//! An operation is written down before it is sent. Its answer settles it; without an answer both outcomes are allowed until
//! the next start shows which one it was.

use std::collections::BTreeSet;

use serde_json::Value;
use vidimus_types::ImageId;

use crate::content::Content;

/// An image as far as the tests change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) name: String,
    pub(crate) colour: Option<String>,
    pub(crate) tags: BTreeSet<String>,
    /// `None` while queued.
    pub(crate) content: Option<Content>,
}

impl State {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            colour: None,
            tags: BTreeSet::new(),
            content: None,
        }
    }

    /// Whether the image, as the API shows it, is in this state. Bytes are compared elsewhere.
    pub(crate) fn is_shown_by(&self, image: &Value) -> bool {
        let tags = image["tags"].as_array().into_iter().flatten();
        let tags: BTreeSet<_> = tags.filter_map(Value::as_str).map(str::to_owned).collect();
        let status = if self.content.is_some() {
            "active"
        } else {
            "queued"
        };
        image["status"] == status
            && image["name"] == *self.name
            && image["colour"].as_str() == self.colour.as_deref()
            && image["size"].as_u64() == self.content.map(|content| content.size as u64)
            && image["checksum"].is_null() == self.content.is_none()
            && image["os_hash_value"].is_null() == self.content.is_none()
            && tags == self.tags
    }
}

/// One image: the state that was acknowledged (`None` when deleted or not yet made), and the one under way.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) id: ImageId,
    pub(crate) settled: Option<State>,
    pub(crate) in_doubt: Option<Option<State>>,
    /// Set while the image must be cached or queued: nothing that could change it has happened since it was queued.
    pub(crate) wanted: Option<Clears>,
}

impl Entry {
    pub(crate) fn new(id: ImageId) -> Self {
        Self {
            id,
            settled: None,
            in_doubt: None,
            wanted: None,
        }
    }

    /// The states it may be in.
    pub(crate) fn allowed(&self) -> Vec<Option<State>> {
        let mut states = vec![self.settled.clone()];
        states.extend(self.in_doubt.clone());
        states
    }
}

/// How many times the whole cache was cleared, by anyone, up to a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clears {
    pub(crate) begun: usize,
    pub(crate) done: usize,
}

impl Clears {
    /// Whether no clear was under way then, and none has begun until `now`.
    pub(crate) fn none_until(self, now: Self) -> bool {
        self.begun == self.done && self.begun == now.begun
    }
}
