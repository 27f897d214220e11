//! VHDX: a chain of tables, each saying where the next one lies. The chain is followed as long as it leads forward, as
//! it does in every file that keeps to the format; the disk size is all that is wanted from it.
//!
//! Compat: Glance accepts a VHDX in whose tables the size cannot be found, without a size, but refuses one whose tables
//! point behind the stream's end.

use crate::field::{bytes_at, le_u16, le_u32, le_u64};
use crate::finding::{Finding, Safety, Size};
use crate::format::Format;
use crate::region::Region;

const MAGIC: &[u8] = b"vhdxfile";

const REGION_TABLE_START: u64 = 192 * 1024;
const TABLE_BYTES: usize = 64 * 1024;
const MAX_ENTRIES: usize = 2047;
const ENTRY_BYTES: usize = 32;
/// The size item is 8 bytes. Longer ones are let pass so that their end is seen, then called unreadable.
const MAX_ITEM_BYTES: u32 = 64 * 1024;

/// `8B7CA206-4790-4B9A-B8FE-575F050F886E`
const METADATA_REGION: [u8; 16] = [
    0x06, 0xA2, 0x7C, 0x8B, 0x90, 0x47, 0x9A, 0x4B, 0xB8, 0xFE, 0x57, 0x5F, 0x05, 0x0F, 0x88, 0x6E,
];
/// `2FA54224-CD1B-4876-B211-5DBED83BF4B8`
const VIRTUAL_DISK_SIZE: [u8; 16] = [
    0x24, 0x42, 0xA5, 0x2F, 0x1B, 0xCD, 0x76, 0x48, 0xB2, 0x11, 0x5D, 0xBE, 0xD8, 0x3B, 0xF4, 0xB8,
];

/// One table or item is held at a time.
pub(crate) const MAX_BUFFERED_BYTES: usize = TABLE_BYTES;

/// How far the chain has been followed.
#[derive(Debug)]
pub(crate) enum Trail {
    RegionTable(Region),
    MetadataTable {
        start: u64,
        table: Region,
    },
    SizeItem(Region),
    End(Size),
    /// The chain leads back to bytes that have passed, or beyond what 64 bits can count.
    Lost,
}

impl Default for Trail {
    fn default() -> Self {
        Trail::RegionTable(Region::new(REGION_TABLE_START, TABLE_BYTES))
    }
}

impl Trail {
    pub(crate) fn follow(&mut self, head: &[u8], position: u64, chunk: &[u8]) {
        if !head.starts_with(MAGIC) {
            return;
        }
        // One chunk may hold several links of the chain.
        while let Some(next) = self.step(position, chunk) {
            *self = next;
        }
    }

    /// Whether the chain may go on.
    pub(crate) fn is_after(&self, head: &[u8]) -> bool {
        head.starts_with(MAGIC) && !matches!(self, Trail::End(_) | Trail::Lost)
    }

    fn step(&mut self, position: u64, chunk: &[u8]) -> Option<Trail> {
        match self {
            Trail::RegionTable(table) => {
                table.capture(position, chunk);
                table.complete().map(after_region_table)
            }
            Trail::MetadataTable { start, table } => {
                table.capture(position, chunk);
                table
                    .complete()
                    .map(|bytes| after_metadata_table(*start, bytes))
            }
            Trail::SizeItem(item) => {
                item.capture(position, chunk);
                item.complete().map(after_size_item)
            }
            Trail::End(_) | Trail::Lost => None,
        }
    }

    pub(crate) fn probe(&self, head: &[u8]) -> Option<Finding> {
        if !head.starts_with(MAGIC) {
            return None;
        }
        let (size, safety) = match self {
            Trail::End(size) => (*size, Safety::Sound),
            _ => (Size::Unknown, Safety::Incomplete),
        };
        Some(Finding {
            format: Format::Vhdx,
            size,
            safety,
        })
    }

    pub(crate) fn buffered_bytes(&self) -> usize {
        match self {
            Trail::RegionTable(region)
            | Trail::MetadataTable { table: region, .. }
            | Trail::SizeItem(region) => region.buffered_bytes(),
            Trail::End(_) | Trail::Lost => 0,
        }
    }
}

fn after_region_table(table: &[u8]) -> Trail {
    let count = le_u32(table, 8).and_then(|count| usize::try_from(count).ok());
    let entry = count
        .filter(|count| table.starts_with(b"regi") && *count <= MAX_ENTRIES)
        .and_then(|count| find_entry(table, 16, count, METADATA_REGION));
    let Some(start) = entry.and_then(|entry| le_u64(entry, 16)) else {
        return Trail::End(Size::Unknown);
    };
    if start < REGION_TABLE_START + TABLE_BYTES as u64 {
        return Trail::Lost;
    }
    Trail::MetadataTable {
        start,
        table: Region::new(start, TABLE_BYTES),
    }
}

fn after_metadata_table(start: u64, table: &[u8]) -> Trail {
    let entry = le_u16(table, 10)
        .map(usize::from)
        .filter(|count| table.starts_with(b"metadata") && *count <= MAX_ENTRIES)
        .and_then(|count| find_entry(table, 32, count, VIRTUAL_DISK_SIZE));
    let Some((offset, length)) =
        entry.and_then(|entry| Some((le_u32(entry, 16)?, le_u32(entry, 20)?)))
    else {
        return Trail::End(Size::Unknown);
    };
    if length == 0 {
        return Trail::End(Size::Unreadable);
    }
    match start.checked_add(u64::from(offset)) {
        // Items come after the table; an offset into the table belongs to no valid file.
        Some(at) if offset as usize >= TABLE_BYTES => {
            Trail::SizeItem(Region::new(at, length.min(MAX_ITEM_BYTES) as usize))
        }
        _ => Trail::Lost,
    }
}

fn after_size_item(item: &[u8]) -> Trail {
    let size = <[u8; 8]>::try_from(item).map(u64::from_le_bytes);
    Trail::End(size.map_or(Size::Unreadable, Size::Known))
}

/// The first of `count` entries, beginning at `offset`, that carries `id`.
fn find_entry(table: &[u8], offset: usize, count: usize, id: [u8; 16]) -> Option<&[u8]> {
    table
        .get(offset..)?
        .chunks_exact(ENTRY_BYTES)
        .take(count)
        .find(|entry| bytes_at(entry, 0) == Some(id))
}
