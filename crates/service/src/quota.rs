//! How much the images of one project may take up together (`user_storage_quota`).
//!
//! Compat: whose quota it is, the caller's project decides and not the image's. An image counts as often as it has locations,
//! also those on servers of others.

use std::fmt;

use vidimus_db::StorageLimit;
use vidimus_types::ImageId;

use crate::{ImageService, Result};

/// There is not as much room as is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortage {
    /// Bytes that were to be stored; `None` if nobody can say.
    pub size_bytes: Option<u64>,
    /// Bytes there is room for; negative where the quota was lowered.
    pub left: i128,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { size_bytes, left } = self;
        // Compat: as Python prints what nobody knows.
        let size = size_bytes.map_or("None".to_owned(), |size| size.to_string());
        write!(
            f,
            "The size of the data {size} will exceed the limit. {left} bytes remaining."
        )
    }
}

impl Shortage {
    /// What it comes to when `size_bytes` too many were about to be recorded.
    pub(crate) fn found_late(size_bytes: u64, used: u64, limit: u64) -> Self {
        Self {
            size_bytes: Some(size_bytes),
            left: i128::from(limit) - i128::from(used) + i128::from(size_bytes),
        }
    }
}

impl ImageService {
    /// What the images of a project must stay within, if there is a limit.
    pub(crate) fn storage_limit(&self, project: Option<&str>) -> Option<StorageLimit> {
        let bytes = self.config().storage_quota;
        (bytes > 0).then(|| StorageLimit {
            project: project.map(str::to_owned),
            bytes,
        })
    }

    /// How many more bytes the project may store, `None` for any number; or that `size_bytes` are too many.
    ///
    /// What `except` takes up does not count: it is the image that is about to be written.
    pub(crate) async fn storage_room(
        &self,
        project: Option<&str>,
        size_bytes: Option<u64>,
        except: Option<&ImageId>,
    ) -> Result<Result<Option<u64>, Shortage>> {
        let Some(limit) = self.storage_limit(project) else {
            return Ok(Ok(None));
        };
        let used = self.parts.db.images().usage(project, except).await?;
        let left = i128::from(limit.bytes) - i128::from(used);
        let is_short = match size_bytes {
            Some(size) => i128::from(size) > left,
            // Compat: what may turn out to be anything is only refused where nothing fits.
            None => left <= 0,
        };
        if is_short {
            return Ok(Err(Shortage { size_bytes, left }));
        }
        Ok(Ok(Some(u64::try_from(left).unwrap_or(0))))
    }
}
