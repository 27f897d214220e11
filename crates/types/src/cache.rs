//! What the cache API says about a node's cache.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::ImageId;

/// What `cached image clear` empties.
///
/// On the wire this is the request header `x-image-cache-clear-target` of `DELETE /v2/cache`: `cache`, `queue`, or no
/// header for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClearTarget {
    /// The cached images and the queue.
    #[default]
    Both,
    /// Only the cached images.
    Cache,
    /// Only the queue.
    Queue,
}

/// The text names nothing that can be cleared.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the target must be `both`, `cache` or `queue`")]
pub struct InvalidClearTarget;

impl ClearTarget {
    /// The request header that carries the target.
    pub const HEADER: &'static str = "x-image-cache-clear-target";

    /// The value of [`Self::HEADER`], or `None` where the header is left out.
    pub fn header_value(self) -> Option<&'static str> {
        match self {
            Self::Both => None,
            Self::Cache => Some("cache"),
            Self::Queue => Some("queue"),
        }
    }

    /// Reads the value of [`Self::HEADER`]: `cache` and `queue` in any case; an empty one is as good as none.
    ///
    /// `both` is a word of the command line only; the API refuses it, as Glance does.
    pub fn from_header(value: &str) -> Result<Self, InvalidClearTarget> {
        match value.to_ascii_lowercase().as_str() {
            "" => Ok(Self::Both),
            "cache" => Ok(Self::Cache),
            "queue" => Ok(Self::Queue),
            _ => Err(InvalidClearTarget),
        }
    }

    /// Whether the cached images go.
    pub fn includes_cache(self) -> bool {
        self != Self::Queue
    }

    /// Whether the queue goes.
    pub fn includes_queue(self) -> bool {
        self != Self::Cache
    }
}

impl FromStr for ClearTarget {
    type Err = InvalidClearTarget;

    fn from_str(word: &str) -> Result<Self, InvalidClearTarget> {
        match word {
            "both" => Ok(Self::Both),
            "cache" => Ok(Self::Cache),
            "queue" => Ok(Self::Queue),
            _ => Err(InvalidClearTarget),
        }
    }
}

/// One cached image, as `GET /v2/cache` lists it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CachedImage {
    /// Row number in Glance's `cached_images` table; absent with the `sqlite` cache driver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// The image.
    pub image_id: ImageId,
    /// When it was last served, in seconds since 1970.
    pub last_accessed: f64,
    /// When it entered the cache, in seconds since 1970.
    pub last_modified: f64,
    /// Bytes on disk.
    pub size: u64,
    /// How often it was served.
    pub hits: u64,
}

/// The body of `GET /v2/cache`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CacheState {
    /// What is on disk.
    pub cached_images: Vec<CachedImage>,
    /// What waits to be fetched, oldest first.
    pub queued_images: Vec<ImageId>,
}

/// The body of `POST /v2/cache/prune`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PruneReport {
    /// How many cached images were removed.
    pub total_files_pruned: u64,
    /// How many bytes that freed.
    pub total_bytes_pruned: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_reads_back_what_it_writes() {
        for target in [ClearTarget::Both, ClearTarget::Cache, ClearTarget::Queue] {
            assert_eq!(
                ClearTarget::from_header(target.header_value().unwrap_or_default()),
                Ok(target)
            );
        }
        assert_eq!(ClearTarget::from_header("QUEUE"), Ok(ClearTarget::Queue));
        assert_eq!(
            ClearTarget::from_header("both"),
            Err(InvalidClearTarget),
            "as Glance"
        );
    }
}
