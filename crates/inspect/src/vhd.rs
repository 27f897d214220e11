//! VHD: dynamic disks begin with a copy of their 512-byte big-endian footer. Fixed disks have it at the end only, and
//! are raw data here as they are for Glance.

use crate::field::be_u64;
use crate::finding::{Finding, Safety};
use crate::format::Format;

const HEADER_BYTES: usize = 512;
const MAGIC: &[u8] = b"conectix";

pub(crate) fn probe(head: &[u8]) -> Option<Finding> {
    if !head.starts_with(MAGIC) {
        return None;
    }
    let header = head.get(..HEADER_BYTES);
    Some(Finding {
        format: Format::Vhd,
        size: header.and_then(|header| be_u64(header, 40)).into(),
        safety: if header.is_some() {
            Safety::Sound
        } else {
            Safety::Incomplete
        },
    })
}
