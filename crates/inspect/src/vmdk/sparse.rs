//! The binary structures of a sparse VMDK: the header at the start and the footer that can overrule it.

use crate::field::{le_u32, le_u64};

pub(crate) const MAGIC: &[u8] = b"KDMV";
/// As much of the header's sector as carries meaning.
pub(crate) const HEADER_BYTES: usize = 64;
/// A footer marker, the footer, and the marker that ends the stream; a sector each.
pub(crate) const FOOTER_BYTES: usize = 3 * 512;

const SEE_FOOTER: u64 = u64::MAX;
const FOOTER_MARKER: u32 = 3;

/// The fields of the header that say where things are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SparseHeader {
    pub(crate) version: u32,
    pub(crate) disk_sectors: u64,
    pub(crate) descriptor_sector: u64,
    pub(crate) descriptor_sectors: u64,
    grain_directory: u64,
}

impl SparseHeader {
    /// `None` if there are too few bytes or they begin differently.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let header = bytes.get(..HEADER_BYTES)?;
        if !header.starts_with(MAGIC) {
            return None;
        }
        Some(Self {
            version: le_u32(header, 4)?,
            disk_sectors: le_u64(header, 12)?,
            descriptor_sector: le_u64(header, 28)?,
            descriptor_sectors: le_u64(header, 36)?,
            grain_directory: le_u64(header, 56)?,
        })
    }

    /// Whether the real header is the one at the end of the file.
    pub(crate) fn announces_footer(&self) -> bool {
        self.grain_directory == SEE_FOOTER
    }
}

/// A footer may only add where the grain directory is. One that led to another descriptor would undo every check.
pub(crate) fn is_footer_sound(header: &SparseHeader, end: &[u8; FOOTER_BYTES]) -> bool {
    let (marker, rest) = end.split_at(512);
    let (footer, end_of_stream) = rest.split_at(512);
    let Some(footer) = SparseHeader::parse(footer) else {
        return false;
    };
    let agrees = footer.version == header.version
        && footer.descriptor_sector == header.descriptor_sector
        && footer.descriptor_sectors == header.descriptor_sectors
        && !footer.announces_footer();
    // The marker's first field, a count of sectors, is free.
    let is_marker = le_u32(marker, 8) == Some(0)
        && le_u32(marker, 12) == Some(FOOTER_MARKER)
        && marker[16..].iter().all(|byte| *byte == 0);
    agrees && is_marker && end_of_stream.iter().all(|byte| *byte == 0)
}
