//! QED: recognised only to be refused, since nothing uses it any more and nobody can vouch for it.

use crate::finding::{Check, Finding, Safety, Size};
use crate::format::Format;

const HEADER_BYTES: usize = 512;
const MAGIC: &[u8] = b"QED\0";

pub(crate) fn probe(head: &[u8]) -> Option<Finding> {
    let header = head.get(..HEADER_BYTES)?;
    header.starts_with(MAGIC).then(|| Finding {
        format: Format::Qed,
        size: Size::Unknown,
        safety: Safety::Failed(vec![Check::Banned]),
    })
}
