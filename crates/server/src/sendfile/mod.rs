//! Bytes of files to plain sockets without a copy through this process, with hyper none the wiser.
//!
//! ```text
//! response body --Chunk::File--> hyper's write queue --IoSlice into TAG--> FileSocket --sendfile(2)--> kernel
//!        \_______________________ spans: which file, which bytes _______________/
//! ```
//!
//! hyper writes what a body yields as a list of slices. A piece of a file shows it slices of [`TAG`], memory of the right
//! length that nobody reads, and is noted in the connection's [`Spans`]; the socket under hyper recognises the address,
//! looks the piece up and lets the kernel send it from the page cache. No file is mapped and nothing here is `unsafe`: a
//! file that is cut under us ends the download, it cannot raise a signal.
//!
//! What keeps wrong bytes from going out:
//! 1. Pieces are noted in the order in which hyper gets them, and hyper writes in that order, so the first piece that
//!    is not sent up is the one whose slice comes first. The lengths are compared all the same.
//! 2. A piece shows its slices to vectored writes alone. Code that wants to read it through [`Buf::chunk`] panics, which
//!    ends that connection.
//! 3. A slice of `TAG` that has no piece is an error, never data.
//!
//! Not its job: which bytes are sent to whom, and sending over anything but a plain socket; see `body`.

mod resident;
mod socket;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    fs::File,
    io::IoSlice,
    sync::{
        Arc, LazyLock, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use bytes::{Buf, Bytes};
use vidimus_service::Sending;
use vidimus_types::ByteRange;

pub(crate) use socket::{FileSocket, PlainSocket};

/// The most one call of `sendfile` may send, so that no connection keeps a thread of the runtime to itself.
const TAG_BYTES: usize = 1024 * 1024;

/// Stands for bytes of files in lists of slices. Never written and never read, so it takes addresses and no memory.
static TAG: LazyLock<Box<[u8]>> = LazyLock::new(|| vec![0; TAG_BYTES].into_boxed_slice());

fn is_tag(slice: &[u8]) -> bool {
    TAG.as_ptr_range().contains(&slice.as_ptr()) && !slice.is_empty()
}

/// How image data in files gets to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SendFiles {
    /// By the kernel where it can, otherwise copied.
    #[default]
    Auto,
    /// By the kernel; a file it cannot send is an error.
    Sendfile,
    /// Always read and written.
    Copy,
}

/// Bytes on their way to a socket, in memory or in a file.
#[derive(Debug)]
pub(crate) enum Chunk {
    /// In memory.
    Bytes(Bytes),
    /// In a file. Only a [`FileSocket`] can send it.
    File(FilePiece),
}

/// Bytes of a file that hyper believes to hold.
#[derive(Debug)]
pub(crate) struct FilePiece {
    span: Arc<Span>,
    /// Wants to know of every byte that is sent.
    sending: Option<Arc<Sending>>,
}

impl FilePiece {
    /// Has somebody told of the bytes when they are with the kernel, and not when hyper gets them.
    pub(crate) fn counted(self, sending: Option<Arc<Sending>>) -> Self {
        Self { sending, ..self }
    }
}

/// Which bytes of which file, and how far they are sent.
#[derive(Debug)]
struct Span {
    file: Arc<File>,
    /// Moved on by hyper, through [`FilePiece::advance`].
    at: AtomicU64,
    end: u64,
    /// Up to here the bytes were in memory when somebody looked.
    resident_to: AtomicU64,
    /// How far is looked ahead.
    window: AtomicU64,
    /// The kernel cannot send this file.
    is_copied: AtomicBool,
}

impl Span {
    fn at(&self) -> u64 {
        self.at.load(Relaxed)
    }

    fn left(&self) -> u64 {
        self.end - self.at()
    }

    /// What a slice that stands for it is long.
    fn shown(&self) -> usize {
        usize::try_from(self.left()).map_or(TAG_BYTES, |left| left.min(TAG_BYTES))
    }
}

/// The pieces of files that one connection has to send, in order.
#[derive(Debug, Default)]
pub(crate) struct Spans(Mutex<VecDeque<Weak<Span>>>);

impl Spans {
    /// Notes a piece that is handed to hyper now. `range` is not empty.
    pub(crate) fn note(&self, file: Arc<File>, range: ByteRange) -> FilePiece {
        let span = Arc::new(Span {
            file,
            at: AtomicU64::new(range.start),
            end: range.end,
            resident_to: AtomicU64::new(range.start),
            window: AtomicU64::new(resident::WINDOW),
            is_copied: AtomicBool::new(false),
        });
        let mut spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spans.push_back(Arc::downgrade(&span));
        FilePiece {
            span,
            sending: None,
        }
    }

    /// The first piece that is not sent up.
    fn first(&self) -> Option<Arc<Span>> {
        let mut spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            // A piece is gone when it is sent up, or when its connection gave it up.
            match spans.front()?.upgrade() {
                Some(span) if span.left() > 0 => return Some(span),
                _ => drop(spans.pop_front()),
            }
        }
    }
}

impl Buf for FilePiece {
    fn remaining(&self) -> usize {
        usize::try_from(self.span.left()).unwrap_or(usize::MAX)
    }

    fn chunk(&self) -> &[u8] {
        panic!("bytes of a file are asked for as if they were in memory");
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        match slices.first_mut() {
            Some(slice) if self.span.left() > 0 => {
                *slice = IoSlice::new(&TAG[..self.span.shown()]);
                1
            }
            _ => 0,
        }
    }

    fn advance(&mut self, count: usize) {
        assert!(count <= self.remaining(), "more sent than there is");
        self.span.at.fetch_add(count as u64, Relaxed);
        if let Some(sending) = &self.sending {
            sending.sent(count as u64);
        }
    }
}

impl Buf for Chunk {
    fn remaining(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.remaining(),
            Self::File(piece) => piece.remaining(),
        }
    }

    fn chunk(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes.chunk(),
            Self::File(piece) => piece.chunk(),
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.chunks_vectored(slices),
            Self::File(piece) => piece.chunks_vectored(slices),
        }
    }

    fn advance(&mut self, count: usize) {
        match self {
            Self::Bytes(bytes) => bytes.advance(count),
            Self::File(piece) => piece.advance(count),
        }
    }
}
