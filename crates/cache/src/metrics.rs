//! What the cache has done since it was opened, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

/// How often what happened since the cache was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheCounters {
    /// Look-ups served from a cached image.
    pub hits: u64,
    /// Look-ups that were given the right to fill.
    pub misses: u64,
    /// Look-ups that follow somebody's fill.
    pub followed: u64,
    /// Look-ups sent past the cache.
    pub bypassed: u64,
    /// Fills that ended with the image's own bytes on the disk.
    pub filled: u64,
    /// Fills, well ended or not, that moved no bytes because the file system shares blocks between files.
    pub cloned: u64,
    /// Fills that did not end well.
    pub fills_failed: u64,
    /// Cached images given up for others.
    pub evicted: u64,
    /// Cached images dropped because their bytes were not the image's.
    pub damaged: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    followed: AtomicU64,
    bypassed: AtomicU64,
    filled: AtomicU64,
    cloned: AtomicU64,
    fills_failed: AtomicU64,
    evicted: AtomicU64,
    damaged: AtomicU64,
}

impl Counters {
    pub(crate) fn hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn missed(&self) {
        self.misses.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn followed(&self) {
        self.followed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn bypassed(&self) {
        self.bypassed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn filled(&self) {
        self.filled.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn cloned(&self) {
        self.cloned.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn fill_failed(&self) {
        self.fills_failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn evicted(&self, images: u64) {
        self.evicted.fetch_add(images, Ordering::Relaxed);
    }

    pub(crate) fn damaged(&self) {
        self.damaged.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> CacheCounters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CacheCounters {
            hits: read(&self.hits),
            misses: read(&self.misses),
            followed: read(&self.followed),
            bypassed: read(&self.bypassed),
            filled: read(&self.filled),
            cloned: read(&self.cloned),
            fills_failed: read(&self.fills_failed),
            evicted: read(&self.evicted),
            damaged: read(&self.damaged),
        }
    }
}
