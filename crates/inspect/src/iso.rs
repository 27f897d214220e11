//! ISO 9660 and UDF: the first volume descriptor, after 32 KiB that are anyone's. That space may hold a partition
//! table, so a bootable disc is often a disk as well; what to make of that is the verdict's business.

use crate::field::{le_u16, le_u32};
use crate::finding::{Finding, Safety, Size};
use crate::format::Format;

const DESCRIPTOR_START: usize = 32 * 1024;
const DESCRIPTOR_BYTES: usize = 2 * 1024;
const PRIMARY_VOLUME: u8 = 1;

pub(crate) fn probe(head: &[u8]) -> Option<Finding> {
    let descriptor = head.get(DESCRIPTOR_START..DESCRIPTOR_START + DESCRIPTOR_BYTES)?;
    let (kind, rest) = descriptor.split_first()?;
    if ![b"CD001", b"NSR02", b"NSR03"]
        .iter()
        .any(|magic| rest.starts_with(*magic))
    {
        return None;
    }
    let size = if *kind == PRIMARY_VOLUME {
        Size::product(
            u64::from(le_u32(descriptor, 80)?),
            u64::from(le_u16(descriptor, 128)?),
        )
    } else {
        Size::Unknown
    };
    Some(Finding {
        format: Format::Iso,
        size,
        safety: Safety::Sound,
    })
}
