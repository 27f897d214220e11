//! Captures byte ranges of a stream that cannot be sought. Where the ranges lie is up to the caller.

/// A range at a known offset.
///
/// The stream must be offered piece by piece without gaps, beginning at or before the range's start. A range that
/// starts before the first piece offered is never filled.
#[derive(Debug)]
pub(crate) struct Region {
    start: u64,
    length: usize,
    bytes: Vec<u8>,
}

impl Region {
    pub(crate) fn new(start: u64, length: usize) -> Self {
        // No allocation up front: `length` may come from the stream and the bytes may never arrive.
        Self {
            start,
            length,
            bytes: Vec::new(),
        }
    }

    /// Copies what `chunk`, which lies at `position` of the stream, has of this range.
    pub(crate) fn capture(&mut self, position: u64, chunk: &[u8]) {
        let wanted = self.start.saturating_add(self.bytes.len() as u64);
        let Some(skip) = wanted
            .checked_sub(position)
            .and_then(|skip| usize::try_from(skip).ok())
        else {
            return;
        };
        if let Some(rest) = chunk.get(skip..) {
            let missing = self.length - self.bytes.len();
            self.bytes
                .extend_from_slice(&rest[..missing.min(rest.len())]);
        }
    }

    /// All bytes of the range, once they have passed.
    pub(crate) fn complete(&self) -> Option<&[u8]> {
        (self.bytes.len() == self.length).then_some(self.bytes.as_slice())
    }

    pub(crate) fn buffered_bytes(&self) -> usize {
        self.bytes.len()
    }
}

/// The last `N` bytes of the stream so far.
#[derive(Debug, Default)]
pub(crate) struct Tail<const N: usize> {
    bytes: Vec<u8>,
}

impl<const N: usize> Tail<N> {
    pub(crate) fn push(&mut self, chunk: &[u8]) {
        let kept = chunk.len().min(N);
        let surplus = (self.bytes.len() + kept).saturating_sub(N);
        self.bytes.drain(..surplus);
        self.bytes.extend_from_slice(&chunk[chunk.len() - kept..]);
    }

    /// `None` while the stream is shorter than `N`.
    pub(crate) fn complete(&self) -> Option<&[u8; N]> {
        self.bytes.as_slice().try_into().ok()
    }

    pub(crate) fn buffered_bytes(&self) -> usize {
        self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pieces(stream: &[u8], cuts: &[usize]) -> Vec<(u64, Vec<u8>)> {
        let mut result = Vec::new();
        let mut position = 0;
        let mut cuts = cuts.iter().copied().cycle();
        while position < stream.len() {
            let end = (position + cuts.next().unwrap_or(1)).min(stream.len());
            result.push((position as u64, stream[position..end].to_vec()));
            position = end;
        }
        result
    }

    proptest! {
        #[test]
        fn a_region_is_that_part_of_the_stream(
            stream in prop::collection::vec(any::<u8>(), 0..200),
            cuts in prop::collection::vec(1usize..50, 1..8),
            start in 0usize..200,
            length in 0usize..100,
        ) {
            let mut region = Region::new(start as u64, length);
            for (position, piece) in pieces(&stream, &cuts) {
                region.capture(position, &piece);
            }
            let expected = if length == 0 { Some(&[][..]) } else { stream.get(start..start + length) };
            prop_assert_eq!(region.complete(), expected);
        }

        #[test]
        fn a_tail_is_the_end_of_the_stream(
            stream in prop::collection::vec(any::<u8>(), 0..200),
            cuts in prop::collection::vec(1usize..50, 1..8),
        ) {
            let mut tail = Tail::<16>::default();
            for (_, piece) in pieces(&stream, &cuts) {
                tail.push(&piece);
                prop_assert!(tail.buffered_bytes() <= 16);
            }
            prop_assert_eq!(tail.complete().map(<[u8; 16]>::as_slice), stream.len().checked_sub(16).map(|at| &stream[at..]));
        }
    }

    #[test]
    fn a_region_behind_the_stream_stays_empty() {
        let mut region = Region::new(10, 4);
        region.capture(12, b"abcdef");
        assert_eq!(region.complete(), None);
        assert_eq!(region.buffered_bytes(), 0);
        let mut far = Region::new(u64::MAX - 1, 8);
        far.capture(0, b"abc");
        assert_eq!(far.complete(), None);
    }
}
