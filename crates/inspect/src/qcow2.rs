//! qcow2: a 512-byte big-endian header. Says whether an image reaches out of itself for data; clusters and tables are
//! not looked at.

use crate::field::{be_u32, be_u64};
use crate::finding::{Check, Finding, Safety, Size};
use crate::format::Format;

const HEADER_BYTES: usize = 512;
const MAGIC: &[u8] = b"QFI\xfb";

/// Dirty, corrupt, external data file, compression type. The third is refused by a check of its own.
const KNOWN_INCOMPATIBLE_FEATURES: u64 = 0b1111;
const EXTERNAL_DATA_FILE: u64 = 1 << 2;

pub(crate) fn probe(head: &[u8]) -> Option<Finding> {
    let header = head.get(..HEADER_BYTES)?;
    if !header.starts_with(MAGIC) {
        return None;
    }
    let version = be_u32(header, 4)?;
    let backing_file_offset = be_u64(header, 8)?;
    let disk_size = be_u64(header, 24)?;
    let incompatible_features = be_u64(header, 72)?;

    let mut failures = Vec::new();
    if backing_file_offset != 0 {
        failures.push(Check::BackingFile);
    }
    // Compat: looked at in version 2 as well, where these bytes belong to the first header extension.
    if incompatible_features & EXTERNAL_DATA_FILE != 0 {
        failures.push(Check::DataFile);
    }
    let is_known = match version {
        2 => true,
        3 => incompatible_features & !KNOWN_INCOMPATIBLE_FEATURES == 0,
        _ => false,
    };
    if !is_known {
        failures.push(Check::UnknownFeatures);
    }
    Some(Finding {
        format: Format::Qcow2,
        size: Size::Known(disk_size),
        safety: Safety::of_failures(failures),
    })
}
