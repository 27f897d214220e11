//! A stretch of bytes.

/// The bytes from `start` up to but not including `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// Offset of the first byte.
    pub start: u64,
    /// Offset one past the last byte; never below `start`.
    pub end: u64,
}

impl ByteRange {
    /// All of something `size_bytes` long.
    pub fn whole(size_bytes: u64) -> Self {
        Self {
            start: 0,
            end: size_bytes,
        }
    }

    /// How many bytes there are in it.
    pub fn len(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
