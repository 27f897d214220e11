//! Recognises disk formats in a byte stream and refuses unsafe ones.
//!
//! An upload passes through here once, in order, in pieces of any size. [`Inspector::feed`] keeps the few bytes that
//! tell formats apart and forgets the rest; [`Inspector::finish`] weighs what was seen against what the client declared
//! and gives the verdict Glance gives. The pieces' sizes never change the verdict. No I/O happens here, nothing is
//! decompressed or decrypted, and image data is never interpreted beyond its headers.
//!
//! What is kept, at most ([`MAX_BUFFERED_BYTES`] in all):
//!
//! | bytes | for |
//! |---|---|
//! | first 64 KiB | every magic number, boot sectors, ISO volume descriptor, text descriptors |
//! | 64 KiB | one VHDX table at a time; only if the stream starts as a VHDX |
//! | 1 MiB - 1 | embedded VMDK descriptor; only if the stream starts as a sparse VMDK |
//! | last 1.5 KiB | VMDK footer; only if its header announces one |

mod field;
mod finding;
mod format;
mod gpt;
mod iso;
mod luks;
mod qcow2;
mod qed;
mod region;
mod vdi;
mod verdict;
mod vhd;
mod vhdx;
mod vmdk;

pub use finding::Check;
pub use format::Format;
pub use verdict::{Declared, Rejection, Rules, Verdict};

use finding::Finding;

/// How much of the stream's start is kept.
///
/// Also the window in which a VMDK that is nothing but text is looked for.
/// Compat: Glance's file store reads uploads in pieces of this size and looks for the text in the first piece only.
const HEAD_BYTES: usize = 64 * 1024;

/// Upper bound of what one [`Inspector`] holds, whatever it is fed.
pub const MAX_BUFFERED_BYTES: usize =
    HEAD_BYTES + vhdx::MAX_BUFFERED_BYTES + vmdk::MAX_BUFFERED_BYTES;

/// Watches one upload go by.
///
/// Feeding costs next to nothing once the headers have passed, so it can sit in the data path of every upload.
#[derive(Debug, Default)]
pub struct Inspector {
    bytes_read: u64,
    head: Vec<u8>,
    vhdx: vhdx::Trail,
    vmdk: vmdk::Trail,
}

impl Inspector {
    /// Starts with an empty stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes note of the next bytes of the stream.
    pub fn feed(&mut self, chunk: &[u8]) {
        let position = self.bytes_read;
        let missing = HEAD_BYTES - self.head.len();
        self.head
            .extend_from_slice(&chunk[..missing.min(chunk.len())]);
        self.bytes_read += chunk.len() as u64;
        // The head goes first: it tells the two trails whether and where to look.
        self.vhdx.follow(&self.head, position, chunk);
        self.vmdk.follow(&self.head, position, chunk);
    }

    /// Whether bytes further on can still change what the stream turns out to be.
    ///
    /// Once this says no, a file of known size need not be read to its end: see [`skip`](Self::skip).
    pub fn wants_more(&self) -> bool {
        self.head.len() < HEAD_BYTES || self.vhdx.is_after(&self.head) || self.vmdk.is_after()
    }

    /// Counts bytes of the stream that are not shown.
    ///
    /// Skipping what [`wants_more`](Self::wants_more) asked for never makes a stream look safer: what could not be
    /// checked is refused.
    pub fn skip(&mut self, bytes: u64) {
        self.bytes_read += bytes;
    }

    /// How many bytes have been fed.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// How many bytes are held right now; at most [`MAX_BUFFERED_BYTES`].
    pub fn buffered_bytes(&self) -> usize {
        self.head.len() + self.vhdx.buffered_bytes() + self.vmdk.buffered_bytes()
    }

    /// Decides whether the stream, now complete, may become the data of the declared image.
    ///
    /// Only the container format `bare` is inspected. For any other the verdict is empty, and feeding was not needed.
    ///
    /// # Errors
    /// A [`Rejection`], whose `Display` is the text for the client.
    pub fn finish(self, declared: &Declared<'_>, rules: &Rules) -> Result<Verdict, Rejection> {
        if !declared.is_inspected() {
            return Ok(Verdict::default());
        }
        verdict::judge(&self.findings(), self.bytes_read, declared, rules)
    }

    /// Names the one format of a complete stream nobody has declared a format for, if it is safe.
    ///
    /// Stricter than [`finish`](Self::finish): a bootable ISO that is also a partitioned disk is refused, and a doubt is
    /// never turned into a warning. Meant for the moment before a tool such as `qemu-img` is let loose on the data.
    ///
    /// # Errors
    /// [`Rejection::Ambiguous`], [`Rejection::Incomplete`] or [`Rejection::Unsafe`].
    pub fn identify(self, rules: &Rules) -> Result<Format, Rejection> {
        verdict::identify(&self.findings(), rules)
    }

    /// Every format the stream answers to; empty means raw.
    fn findings(&self) -> Vec<Finding> {
        let head = self.head.as_slice();
        [
            qcow2::probe(head),
            vhd::probe(head),
            self.vhdx.probe(head),
            self.vmdk.probe(head),
            vdi::probe(head),
            qed::probe(head),
            iso::probe(head),
            gpt::probe(head, self.bytes_read),
            luks::probe(head, self.bytes_read),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

#[cfg(test)]
mod tests;
