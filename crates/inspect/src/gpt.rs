//! Partitioned disks: the MBR, and whether it is a protective one in front of a GPT. The GPT itself is not read.

use crate::field::{le_u16, le_u32};
use crate::finding::{Check, Finding, Safety};
use crate::format::Format;

const SECTOR_BYTES: usize = 512;
const SIGNATURE: u16 = 0xAA55;
const TABLE: std::ops::Range<usize> = 446..510;
const ENTRY_BYTES: usize = 16;

const UNUSED: u8 = 0x00;
const PROTECTIVE: u8 = 0xEE;

/// The size of a partitioned disk is that of the stream.
pub(crate) fn probe(head: &[u8], bytes_read: u64) -> Option<Finding> {
    let sector = head.get(..SECTOR_BYTES)?;
    if le_u16(sector, SECTOR_BYTES - 2)? != SIGNATURE || is_fat(sector) {
        return None;
    }
    Some(Finding {
        format: Format::Gpt,
        size: Some(bytes_read).into(),
        safety: Safety::of_check(Check::Mbr, is_table_sound(sector.get(TABLE)?)),
    })
}

/// The boot sector of a FAT file system carries the same signature. Two FATs on a fixed disk give it away.
fn is_fat(sector: &[u8]) -> bool {
    sector.get(0x10) == Some(&2) && sector.get(0x15) == Some(&0xF8)
}

/// Boot flags are on or off, something is defined, and a protective entry begins where it must and stands alone.
fn is_table_sound(table: &[u8]) -> bool {
    let mut used = Vec::new();
    let mut is_protective = false;
    for (index, entry) in table.chunks_exact(ENTRY_BYTES).enumerate() {
        let &[boot, start_head, start_sector, start_cylinder, kind, ..] = entry else {
            return false;
        };
        if !matches!(boot, 0x00 | 0x80) {
            return false;
        }
        if kind != UNUSED {
            used.push(index);
        }
        if kind == PROTECTIVE {
            is_protective = true;
            let starts_right = [start_head, start_sector, start_cylinder] == [0, 2, 0]
                && le_u32(entry, 8) == Some(1);
            if !starts_right {
                return false;
            }
        }
    }
    !used.is_empty() && (!is_protective || used == [0])
}
