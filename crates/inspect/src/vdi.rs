//! VDI: a 512-byte little-endian header whose magic follows 64 bytes of free text. Has no known way to reach other files.

use crate::field::{le_u32, le_u64};
use crate::finding::{Finding, Safety, Size};
use crate::format::Format;

const HEADER_BYTES: usize = 512;
const MAGIC: u32 = 0xBEDA_107F;

pub(crate) fn probe(head: &[u8]) -> Option<Finding> {
    let header = head.get(..HEADER_BYTES)?;
    if le_u32(header, 0x40)? != MAGIC {
        return None;
    }
    Some(Finding {
        format: Format::Vdi,
        size: Size::Known(le_u64(header, 0x170)?),
        safety: Safety::Sound,
    })
}
