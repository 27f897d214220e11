//! Identifiers, checked where they enter the program and trusted from there on.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// The text is not an identifier of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` is not {expected}")]
pub struct InvalidId {
    text: String,
    expected: &'static str,
}

impl InvalidId {
    fn new(text: &str, expected: &'static str) -> Self {
        // Ids end up in messages; a megabyte of path must not.
        Self {
            text: text.chars().take(80).collect(),
            expected,
        }
    }
}

/// The id of an image: 36 characters in the shape of a UUID.
///
/// It cannot hold a separator, a dot or a name of the cache's own folders, so cache and stores use it as a file name.
/// Letter case is kept as given: Glance stores what the client chose (`[0-9a-fA-F]{8}-…`, its image schema), and paths
/// and database rows must match byte for byte.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageId([u8; 36]);

impl ImageId {
    /// A fresh random id (UUID version 4, lower case), as the server gives to images created without one.
    pub fn random() -> Self {
        let mut text = [0; 36];
        uuid::Uuid::new_v4().hyphenated().encode_lower(&mut text);
        Self(text)
    }

    /// The id as it was given.
    pub fn as_str(&self) -> &str {
        // Only ASCII gets past `from_str` and `random`.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for ImageId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = || InvalidId::new(text, "an image id (a UUID)");
        let bytes: [u8; 36] = text.as_bytes().try_into().map_err(|_| invalid())?;
        let is_uuid = bytes.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
        if is_uuid {
            Ok(Self(bytes))
        } else {
            Err(invalid())
        }
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl AsRef<str> for ImageId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Serialize for ImageId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ImageId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The name an operator gave to a store, such as `fast` in `enabled_backends = fast:file`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StoreId(String);

impl StoreId {
    /// The name as configured.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for StoreId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        let is_plain = !text.is_empty()
            && text.len() <= 255
            && text
                .chars()
                .all(|c| !c.is_control() && c != '/' && c != ',');
        if is_plain {
            Ok(Self(text))
        } else {
            Err(InvalidId::new(&text, "a store name"))
        }
    }
}

impl FromStr for StoreId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        text.to_owned().try_into()
    }
}

impl From<StoreId> for String {
    fn from(id: StoreId) -> Self {
        id.0
    }
}

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_only_the_shape_of_a_uuid() {
        let good = "71c675ab-d94f-49cd-a114-e12490b328d9";
        assert_eq!(good.parse::<ImageId>().unwrap().as_str(), good);
        let upper = "71C675AB-D94F-49CD-A114-E12490B328D9";
        assert_eq!(
            upper.parse::<ImageId>().unwrap().to_string(),
            upper,
            "case is kept"
        );
        for bad in [
            "",
            "queue",
            "..",
            "71c675abd94f49cda114e12490b328d9",
            "71c675ab-d94f-49cd-a114-e12490b328d",
            "71c675ab-d94f-49cd-a114-e12490b328d9/",
            "71c675ab/d94f-49cd-a114-e12490b328d9",
            "../675ab-d94f-49cd-a114-e12490b328d9",
            "71c675ab-d94f-49cd-a114-e12490b328dé",
        ] {
            assert!(
                bad.parse::<ImageId>().is_err(),
                "{bad:?} was taken for an image id"
            );
        }
    }

    #[test]
    fn random_ids_parse_and_differ() {
        let (one, two) = (ImageId::random(), ImageId::random());
        assert_ne!(one, two);
        assert_eq!(one.as_str().parse::<ImageId>().unwrap(), one);
    }

    #[test]
    fn a_long_text_is_cut_in_the_error() {
        let error = "x".repeat(1 << 20).parse::<ImageId>().unwrap_err();
        assert!(error.to_string().len() < 200);
    }

    #[test]
    fn store_names_hold_no_separator() {
        assert!("ceph-a".parse::<StoreId>().is_ok());
        for bad in ["", "a/b", "a,b", "a\nb"] {
            assert!(bad.parse::<StoreId>().is_err(), "{bad:?}");
        }
    }
}
