//! Keeps what was read last, for as long as nobody commits anything.
//!
//! Clients ask for the same few images and pages over and over. SQLite tells a connection, at the price of a look at shared
//! memory, whether another connection, of whatever process, has committed since it last asked. If not, the database
//! still says what it said, and reading it again would change nothing.

use std::{collections::HashMap, sync::Arc};

use vidimus_types::ImageId;

use crate::{query::ImageQuery, record::ImageRecord, scope::Scope};

/// Images as they were found, shared with whoever asks next.
pub(crate) type Found = Vec<Arc<ImageRecord>>;

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Asked {
    /// One image, by its id.
    Image(Scope, ImageId),
    /// One page of a list.
    Page(Scope, ImageQuery),
}

impl Asked {
    /// What it takes up in memory, about.
    fn bytes(&self) -> usize {
        let texts = match self {
            Self::Image(..) => 0,
            Self::Page(_, query) => {
                let words = query.words.iter().flat_map(|word| &word.any_of);
                let properties = query
                    .properties
                    .iter()
                    .flat_map(|(name, value)| [name, value]);
                let texts = words.chain(&query.tags).chain(properties);
                texts.map(|text| text.len() + TEXT).sum()
            }
        };
        size_of::<Self>() + TEXT + texts
    }
}

/// What a text takes up beside its characters.
const TEXT: usize = 32;

impl ImageRecord {
    /// What it takes up in memory, about.
    fn bytes(&self) -> usize {
        let optional = |text: &Option<String>| text.as_ref().map_or(0, |text| text.len() + TEXT);
        let properties = self.properties.iter();
        let locations = self.locations.iter();
        let here = size_of::<Self>()
            + optional(&self.name)
            + optional(&self.owner)
            + optional(&self.checksum)
            + optional(&self.os_hash_value)
            + properties
                .map(|(name, value)| name.len() + 2 * TEXT + optional(value))
                .sum::<usize>()
            + self.tags.iter().map(|tag| tag.len() + TEXT).sum::<usize>()
            + locations
                .map(|location| {
                    let metadata = serde_json::to_string(&location.metadata);
                    // A tree takes some times the room of its text.
                    size_of_val(location)
                        + location.url.len()
                        + metadata.map_or(0, |text| text.len() * 8)
                })
                .sum::<usize>();
        // What is shown of it holds the same texts again, and the names of its fields.
        2 * here + 1024
    }
}

/// How many bytes of images a connection keeps, about.
const MOST_BYTES: usize = 4 << 20;

/// Longer lists are read to the end by somebody who then has them; nobody asks for the same one again.
const LONGEST: usize = 200;

/// What one connection has read since the last commit.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    version: i64,
    found: HashMap<Asked, Found>,
    bytes: usize,
}

impl Kept {
    /// What was found at this version of the database.
    pub(crate) fn get(&mut self, version: i64, asked: &Asked) -> Option<Found> {
        if self.version != version {
            self.forget();
            self.version = version;
        }
        self.found.get(asked).cloned()
    }

    /// `version` was read before the images were: they may be newer, and are then forgotten at the next look.
    pub(crate) fn put(&mut self, version: i64, asked: &Asked, found: &Found) {
        if self.version != version || found.len() > LONGEST {
            return;
        }
        let bytes = asked.bytes() + found.iter().map(|image| image.bytes()).sum::<usize>();
        // One page of huge images would drive out all others.
        if bytes > MOST_BYTES / 8 {
            return;
        }
        if self.bytes + bytes > MOST_BYTES {
            self.forget();
        }
        self.bytes += bytes;
        self.found.insert(asked.clone(), found.clone());
    }

    fn forget(&mut self) {
        self.found.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(name: &str) -> Asked {
        let query = ImageQuery {
            tags: vec![name.to_owned()],
            ..ImageQuery::default()
        };
        Asked::Page(Scope::admin(), query)
    }

    #[test]
    fn what_is_kept_stays_below_a_number_of_bytes_whatever_is_asked() {
        let mut kept = Kept::default();
        kept.get(1, &page(""));
        for number in 0..10_000 {
            let long = format!("{number:>1000}");
            kept.put(1, &page(&long), &Vec::new());
        }
        assert!(kept.found.len() > 100);
        let bytes: usize = kept.found.keys().map(Asked::bytes).sum();
        assert_eq!(bytes, kept.bytes);
        assert!(bytes <= MOST_BYTES);
        let huge = page(&"x".repeat(MOST_BYTES));
        kept.put(1, &huge, &Vec::new());
        assert!(kept.get(1, &huge).is_none());
    }
}
