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

/// How many images a connection keeps: a few MiB.
const MOST_IMAGES: usize = 4096;

/// Longer lists are read to the end by somebody who then has them; nobody asks for the same one again.
const LONGEST: usize = 200;

/// What one connection has read since the last commit.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    version: i64,
    found: HashMap<Asked, Found>,
    images: usize,
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
        // An empty answer takes room too.
        let room = found.len().max(1);
        if self.images + room > MOST_IMAGES {
            self.forget();
        }
        self.images += room;
        self.found.insert(asked.clone(), found.clone());
    }

    fn forget(&mut self) {
        self.found.clear();
        self.images = 0;
    }
}
