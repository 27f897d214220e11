//! Reads numbers at fixed offsets of a header. Bounds are checked; what a number means is the format's business.

/// `N` bytes at `offset`, or `None` when the header is shorter.
pub(crate) fn bytes_at<const N: usize>(header: &[u8], offset: usize) -> Option<[u8; N]> {
    header.get(offset..)?.first_chunk::<N>().copied()
}

pub(crate) fn le_u16(header: &[u8], offset: usize) -> Option<u16> {
    bytes_at(header, offset).map(u16::from_le_bytes)
}

pub(crate) fn le_u32(header: &[u8], offset: usize) -> Option<u32> {
    bytes_at(header, offset).map(u32::from_le_bytes)
}

pub(crate) fn le_u64(header: &[u8], offset: usize) -> Option<u64> {
    bytes_at(header, offset).map(u64::from_le_bytes)
}

pub(crate) fn be_u16(header: &[u8], offset: usize) -> Option<u16> {
    bytes_at(header, offset).map(u16::from_be_bytes)
}

pub(crate) fn be_u32(header: &[u8], offset: usize) -> Option<u32> {
    bytes_at(header, offset).map(u32::from_be_bytes)
}

pub(crate) fn be_u64(header: &[u8], offset: usize) -> Option<u64> {
    bytes_at(header, offset).map(u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_past_the_end_is_absent() {
        let header = [1, 2, 3, 4];
        assert_eq!(be_u32(&header, 0), Some(0x0102_0304));
        assert_eq!(le_u16(&header, 2), Some(0x0403));
        assert_eq!(be_u32(&header, 1), None);
        assert_eq!(le_u64(&header, usize::MAX), None);
    }
}
