//! What an operator decides about the cache of a node.

use std::{path::PathBuf, time::Duration};

/// Where the cache lives and how much it may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheConfig {
    /// The folder; created when it is not there. Nobody else may use it at the same time.
    pub dir: PathBuf,
    /// The bytes that cached images and running fills may take together, at every moment.
    pub max_size_bytes: u64,
    /// After this long without a byte, a fill is given up, and a file in `incomplete/` that is not ours counts as left
    /// behind. Zero: fills may wait for ever, and whatever is not ours is left behind at once.
    pub stall_time: Duration,
    /// No fill starts that would leave less than this on the disk.
    pub free_space_reserve_bytes: u64,
    /// An image of this size or more does not stay in memory behind whoever reads, writes or verifies it for the cache.
    pub large_from_bytes: u64,
}
