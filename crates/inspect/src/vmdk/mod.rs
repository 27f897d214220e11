//! VMDK: a sparse header that embeds a text descriptor and, in the stream-optimised kind, is overruled by a footer at
//! the end of the file; or nothing but the text. Recognition and reassembly are here, the text is read in
//! [`descriptor`], the binary structures in [`sparse`].

mod descriptor;
mod sparse;

use crate::finding::{Check, Finding, Safety, Size};
use crate::format::Format;
use crate::region::{Region, Tail};
use descriptor::Descriptor;
use sparse::{FOOTER_BYTES, HEADER_BYTES, SparseHeader};

const SECTOR_BYTES: u64 = 512;
/// qemu reads no more of a descriptor either.
const MAX_DESCRIPTOR_BYTES: u64 = (1 << 20) - 1;
/// An image that is only text shows it in this much.
const TEXT_SAMPLE_BYTES: usize = 512;

pub(crate) const MAX_BUFFERED_BYTES: usize = MAX_DESCRIPTOR_BYTES as usize + FOOTER_BYTES;

/// What follows a sparse header.
#[derive(Debug, Default)]
pub(crate) enum Trail {
    /// Fewer bytes than a header so far, or not a sparse VMDK.
    #[default]
    Unknown,
    Sparse {
        header: SparseHeader,
        descriptor: Region,
        /// Present if the header says that a footer overrules it.
        footer: Option<Tail<FOOTER_BYTES>>,
    },
    /// A version or a place for the descriptor that must not occur.
    Malformed { announces_footer: bool },
}

impl Trail {
    pub(crate) fn follow(&mut self, head: &[u8], position: u64, chunk: &[u8]) {
        if let Trail::Unknown = self {
            // The header is decided on as soon as its last byte is there, and never again.
            if position >= HEADER_BYTES as u64 {
                return;
            }
            let Some(header) = SparseHeader::parse(head) else {
                return;
            };
            *self = Trail::behind(header);
            if let Trail::Sparse {
                footer: Some(footer),
                ..
            } = self
            {
                let before = usize::try_from(position)
                    .ok()
                    .and_then(|position| head.get(..position));
                footer.push(before.unwrap_or_default());
            }
        }
        if let Trail::Sparse {
            descriptor, footer, ..
        } = self
        {
            descriptor.capture(position, chunk);
            if let Some(footer) = footer {
                footer.push(chunk);
            }
        }
    }

    /// Whether something is still to come that counts.
    pub(crate) fn is_after(&self) -> bool {
        match self {
            Trail::Sparse {
                descriptor, footer, ..
            } => footer.is_some() || descriptor.complete().is_none(),
            Trail::Unknown | Trail::Malformed { .. } => false,
        }
    }

    fn behind(header: SparseHeader) -> Trail {
        let announces_footer = header.announces_footer();
        if !matches!(header.version, 1..=3) {
            return Trail::Malformed {
                announces_footer: false,
            };
        }
        // The descriptor follows the header's sector; elsewhere qemu does not look for it.
        if header.descriptor_sector != 1 {
            return Trail::Malformed { announces_footer };
        }
        let length = header
            .descriptor_sectors
            .saturating_mul(SECTOR_BYTES)
            .min(MAX_DESCRIPTOR_BYTES);
        Trail::Sparse {
            header,
            descriptor: Region::new(SECTOR_BYTES, usize::try_from(length).unwrap_or(usize::MAX)),
            footer: announces_footer.then(Tail::default),
        }
    }

    pub(crate) fn probe(&self, head: &[u8]) -> Option<Finding> {
        let (size, safety) = match self {
            Trail::Sparse {
                header,
                descriptor,
                footer,
            } => weigh_sparse(header, descriptor, footer.as_ref()),
            // Compat: Glance never gets to read such a descriptor and calls it missing; a footer it never gets to see.
            Trail::Malformed {
                announces_footer: true,
            } => (Size::Unknown, Safety::Incomplete),
            Trail::Malformed {
                announces_footer: false,
            } => (Size::Unknown, Safety::Failed(vec![Check::Descriptor])),
            Trail::Unknown if head.starts_with(sparse::MAGIC) => {
                (Size::Unknown, Safety::Incomplete)
            }
            Trail::Unknown => weigh_text(head)?,
        };
        Some(Finding {
            format: Format::Vmdk,
            size,
            safety,
        })
    }

    pub(crate) fn buffered_bytes(&self) -> usize {
        match self {
            Trail::Sparse {
                descriptor, footer, ..
            } => descriptor.buffered_bytes() + footer.as_ref().map_or(0, Tail::buffered_bytes),
            Trail::Unknown | Trail::Malformed { .. } => 0,
        }
    }
}

fn weigh_sparse(
    header: &SparseHeader,
    descriptor: &Region,
    footer: Option<&Tail<FOOTER_BYTES>>,
) -> (Size, Safety) {
    let descriptor = descriptor.complete().map(Descriptor::new);
    let size = match &descriptor {
        Some(descriptor) if descriptor.is_ascii() && descriptor.is_single_file() => {
            Size::product(header.disk_sectors, SECTOR_BYTES)
        }
        _ => Size::Unknown,
    };
    let Some(descriptor) = descriptor else {
        return (size, Safety::Incomplete);
    };
    let mut failures = Vec::new();
    if !descriptor.is_sound() {
        failures.push(Check::Descriptor);
    }
    if let Some(footer) = footer {
        let Some(footer) = footer.complete() else {
            return (size, Safety::Incomplete);
        };
        if !sparse::is_footer_sound(header, footer) {
            failures.push(Check::Footer);
        }
    }
    (size, Safety::of_failures(failures))
}

/// A file that is only a descriptor names its extents, and qemu would open them.
fn weigh_text(head: &[u8]) -> Option<(Size, Safety)> {
    let sample = &head[..head.len().min(TEXT_SAMPLE_BYTES)];
    if sample.len() < HEADER_BYTES || !sample.iter().all(|byte| descriptor::is_text(*byte)) {
        return None;
    }
    // Compat: Glance takes any stream whose first piece is such text with a byte beyond ASCII behind it, unseen. Here
    // it is weighed like any other: qemu does not mind the byte.
    let descriptor = Descriptor::new(head);
    if !descriptor.has_type() {
        return None;
    }
    // Compat: Glance looks for the size in the sparse header, which is not there, and gives up.
    let size = if descriptor.is_single_file() {
        Size::Unreadable
    } else {
        Size::Unknown
    };
    Some((
        size,
        Safety::of_check(Check::Descriptor, descriptor.is_sound()),
    ))
}
