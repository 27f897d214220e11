//! Buffers that image data is read into on its way out, used again and again.
//!
//! A download over TLS would otherwise ask for memory, and have it wiped, once for every piece that it reads.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

/// What is read at once. Larger pieces cost memory for every slow client and gain little.
pub(crate) const BUFFER_BYTES: usize = 64 * 1024;

/// How many are kept that nobody uses.
const KEPT: usize = 64;

static FREE: Mutex<Vec<Box<[u8]>>> = Mutex::new(Vec::new());

/// A buffer with something in its beginning. It is kept for others when the last who sees its bytes lets go.
#[derive(Debug)]
pub(crate) struct Buffer {
    space: Box<[u8]>,
    filled: usize,
}

impl Buffer {
    /// A buffer with room for `BUFFER_BYTES`. What was in it before is still there.
    pub(crate) fn take() -> Self {
        let free = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Self {
            space: free.unwrap_or_else(|| vec![0; BUFFER_BYTES].into_boxed_slice()),
            filled: 0,
        }
    }

    /// All its room.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        &mut self.space
    }

    /// The first `filled` bytes, for all who want to read them.
    pub(crate) fn freeze(mut self, filled: usize) -> Bytes {
        self.filled = filled;
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.space[..self.filled]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT {
            free.push(std::mem::take(&mut self.space));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Buffer;

    #[test]
    fn a_buffer_is_nobody_elses_until_its_bytes_are_let_go() {
        let mut first = Buffer::take();
        first.space()[..3].copy_from_slice(b"one");
        let one = first.freeze(3);
        let part = one.slice(1..);
        drop(one);
        // More than are kept, so that one that came back too early would be among them.
        let others: Vec<_> = std::iter::repeat_with(|| {
            let mut other = Buffer::take();
            other.space().fill(b'x');
            other.freeze(9)
        })
        .take(100)
        .collect();
        assert_eq!(part, "ne");
        assert!(others.iter().all(|other| other == "xxxxxxxxx"));
    }
}
