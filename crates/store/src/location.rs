//! Where image data is.

use std::fmt;

use serde_json::{Map, Value};
use vidimus_types::StoreId;

/// All that is needed to find data again: one row of Glance's `image_locations`.
///
/// `Debug` and [`label`](Self::label) leave out what can hold credentials; the URL itself is for the database and for
/// callers that may see locations.
#[derive(Clone, PartialEq)]
pub struct Location {
    /// The store's own URL of the data, such as `file:///var/lib/glance/images/71c6…`.
    pub url: String,
    /// What the store or an operator noted beside it.
    ///
    /// Compat: with several stores Glance keeps the store's name here under `store`.
    pub metadata: Map<String, Value>,
}

impl Location {
    /// A location that nothing is noted about.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            metadata: Map::new(),
        }
    }

    /// The store the metadata names, if it names one.
    pub fn store_id(&self) -> Option<StoreId> {
        self.metadata.get("store")?.as_str()?.parse().ok()
    }

    /// Notes which store holds the data.
    pub fn set_store_id(&mut self, id: &StoreId) {
        self.metadata
            .insert("store".to_owned(), Value::String(id.as_str().to_owned()));
    }

    /// The scheme of the URL, or nothing for a text that is no URL.
    pub fn scheme(&self) -> &str {
        self.url
            .split_once("://")
            .map_or("", |(scheme, _rest)| scheme)
    }

    /// Scheme and last part of the URL, for messages: host, user, key and folders are left out.
    pub fn label(&self) -> String {
        let path = self.url.split(['?', '#']).next().unwrap_or_default();
        let last = path.rsplit(['/', '@']).next().unwrap_or_default();
        let last: String = last.chars().take(80).collect();
        format!("{}://…/{last}", self.scheme())
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Location")
            .field("label", &self.label())
            .field("store", &self.store_id())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_never_show_credentials() {
        let location =
            Location::new("s3+https://KEY:SECRET@host.example/bucket/71c675ab?token=SECRET");
        for shown in [location.label(), format!("{location:?}")] {
            assert!(
                !shown.contains("SECRET") && !shown.contains("KEY"),
                "{shown}"
            );
            assert!(shown.contains("71c675ab"), "{shown}");
        }
        let odd = Location::new("s3://KEY:SECRET@host").label();
        assert!(!odd.contains("SECRET"), "{odd}");
    }

    #[test]
    fn the_store_is_read_from_the_metadata() {
        let mut location = Location::new("file:///images/x");
        assert_eq!(location.store_id(), None);
        location.set_store_id(&"fast".parse().unwrap());
        assert_eq!(location.store_id(), Some("fast".parse().unwrap()));
        location.metadata.insert("store".into(), Value::from(7));
        assert_eq!(location.store_id(), None, "not a name");
    }
}
