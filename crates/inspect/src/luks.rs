//! LUKS version 1: a 592-byte big-endian header. What is encrypted behind it stays unknown, since no passphrase is at
//! hand.

use crate::field::{be_u16, be_u32};
use crate::finding::{Check, Finding, Safety, Size};
use crate::format::Format;

const HEADER_BYTES: usize = 592;
/// What precedes the key slots.
const FIXED_PART_BYTES: usize = 168;
const MAGIC: &[u8] = b"LUKS\xba\xbe";
const SUPPORTED_VERSION: u16 = 1;
const SECTOR_BYTES: u64 = 512;

pub(crate) fn probe(head: &[u8], bytes_read: u64) -> Option<Finding> {
    if !head.starts_with(MAGIC) {
        return None;
    }
    let size = match head.get(..FIXED_PART_BYTES) {
        Some(fixed) => payload_bytes(fixed, bytes_read).into(),
        None => Size::Unreadable,
    };
    let safety = match head.get(..HEADER_BYTES) {
        Some(header) => {
            Safety::of_check(Check::Version, be_u16(header, 6) == Some(SUPPORTED_VERSION))
        }
        None => Safety::Incomplete,
    };
    Some(Finding {
        format: Format::Luks,
        size,
        safety,
    })
}

/// What follows the header and the key material, or `None` when the stream ends before that.
// Compat: Glance stores a negative virtual size in that case.
fn payload_bytes(fixed: &[u8], bytes_read: u64) -> Option<u64> {
    let payload_sector = u64::from(be_u32(fixed, 104)?);
    bytes_read.checked_sub(payload_sector * SECTOR_BYTES)
}
