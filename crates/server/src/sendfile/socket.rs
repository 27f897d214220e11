//! The socket under hyper: writes what is in memory, has the kernel send what is in files.

use std::{
    io::{self, IoSlice},
    os::{fd::AsFd, unix::fs::FileExt},
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll, ready},
};

use rustix::{
    io::Errno,
    net::{SendAncillaryBuffer, SendFlags},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::{TcpStream, UnixStream},
    task::JoinHandle,
};

use super::{SendFiles, Span, Spans, TAG_BYTES, is_tag, resident};

/// What may be sent before others get their turn although the socket would take more.
const TURN_BYTES: usize = 8 * TAG_BYTES;

/// What the kernel may take of a short piece before it has sent what it has, which more than doubles the speed of pieces of a
/// mebibyte (`docs/performance.md`, measured on loopback).
const UNSENT_BYTES: u32 = 256 * 1024;

/// From how much on of a file the kernel takes as much as it likes.
const LONG_BYTES: u64 = 64 * 1024 * 1024;

/// From how much on of a file packets are kept whole: each call of `sendfile` ends with a short one otherwise.
const CORKED_FROM_BYTES: u64 = 128 * 1024;

/// What is read at once of a file that the kernel cannot send.
const COPY_BYTES: usize = 64 * 1024;

/// A socket that is written to by the kernel's own means.
pub(crate) trait PlainSocket: AsyncRead + AsyncWrite + AsFd + Unpin {
    /// Waits until the socket may take something.
    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Tries something that answers `WouldBlock` when the socket takes nothing.
    fn try_write_with(&self, write: impl FnMut() -> io::Result<usize>) -> io::Result<usize>;

    /// Has the kernel take no more than so many bytes that it cannot send yet; 0 for as many as it likes.
    fn limit_unsent(&self, _bytes: u32) {}

    /// Has the kernel send whole packets alone, until it is told otherwise.
    fn cork(&self, _is_on: bool) {}
}

impl PlainSocket for TcpStream {
    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_ready(cx)
    }

    fn try_write_with(&self, write: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
        self.try_io(Interest::WRITABLE, write)
    }

    fn limit_unsent(&self, bytes: u32) {
        // It works without, if the kernel will not.
        let _ = socket2::SockRef::from(self).set_tcp_notsent_lowat(bytes);
    }

    fn cork(&self, is_on: bool) {
        let _ = rustix::net::sockopt::set_tcp_cork(self, is_on);
    }
}

impl PlainSocket for UnixStream {
    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_ready(cx)
    }

    fn try_write_with(&self, write: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
        self.try_io(Interest::WRITABLE, write)
    }
}

/// A plain socket that also sends pieces of files.
#[derive(Debug)]
pub(crate) struct FileSocket<S> {
    stream: S,
    spans: Arc<Spans>,
    mode: SendFiles,
    /// Brings bytes into memory; up to where.
    fetching: Option<(JoinHandle<io::Result<()>>, u64)>,
    /// Sent since this connection last waited for anything.
    turn: usize,
    is_corked: bool,
    /// As set with [`PlainSocket::limit_unsent`].
    unsent_limit: u32,
}

impl<S: PlainSocket> FileSocket<S> {
    pub(crate) fn new(stream: S, mode: SendFiles) -> Self {
        Self {
            stream,
            spans: Arc::default(),
            mode,
            fetching: None,
            turn: 0,
            is_corked: false,
            unsent_limit: 0,
        }
    }

    /// Where bodies note the pieces they hand out; `None` when everything is to be copied.
    pub(crate) fn spans(&self) -> Option<Arc<Spans>> {
        (self.mode != SendFiles::Copy).then(|| Arc::clone(&self.spans))
    }

    /// Sends some of `span`.
    fn poll_send(&mut self, cx: &mut Context<'_>, span: &Span) -> Poll<io::Result<usize>> {
        if self.turn >= TURN_BYTES {
            self.turn = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let window = ready!(self.poll_resident(cx, span))?;
        self.prepare(span.left());
        let sent = loop {
            if let Err(error) = ready!(self.stream.poll_writable(cx)) {
                return Poll::Ready(Err(error));
            }
            let outcome = self
                .stream
                .try_write_with(|| send(&self.stream, span, window));
            match outcome {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if self.mode == SendFiles::Auto && cannot_send(&error) => {
                    span.is_copied.store(true, Relaxed);
                }
                outcome => break outcome?,
            }
        };
        if sent == 0 {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file is shorter than it was",
            )));
        }
        // What is left of the last packet must not wait for more, which may be long in coming.
        if self.is_corked && sent as u64 >= span.left() {
            self.stream.cork(false);
            self.is_corked = false;
        }
        self.turn += sent;
        Poll::Ready(Ok(sent))
    }

    /// Sets the socket to what suits so many bytes of a file.
    fn prepare(&mut self, bytes: u64) {
        if !self.is_corked && bytes >= CORKED_FROM_BYTES {
            self.stream.cork(true);
            self.is_corked = true;
        }
        let unsent_limit = match bytes {
            LONG_BYTES.. => 0,
            _ => UNSENT_BYTES,
        };
        if self.unsent_limit != unsent_limit {
            self.stream.limit_unsent(unsent_limit);
            self.unsent_limit = unsent_limit;
        }
    }

    /// How many bytes of `span` can be sent without waiting for the disk: at least one.
    fn poll_resident(&mut self, cx: &mut Context<'_>, span: &Span) -> Poll<io::Result<usize>> {
        if let Some((fetching, to)) = &mut self.fetching {
            let fetched = ready!(Pin::new(fetching).poll(cx));
            span.resident_to.fetch_max(*to, Relaxed);
            self.fetching = None;
            fetched.unwrap_or_else(|stopped| Err(io::Error::other(stopped)))?;
        }
        let at = span.at();
        if at >= span.resident_to.load(Relaxed) {
            let window = span.window.load(Relaxed);
            let to = span.end.min(at + window);
            if !resident::is_resident(&span.file, at, to) {
                span.window.store(resident::WINDOW, Relaxed);
                let to = span.end.min(at + resident::WINDOW);
                let file = Arc::clone(&span.file);
                let fetch = move || resident::make_resident(&file, at, to);
                self.fetching = Some((tokio::task::spawn_blocking(fetch), to));
                self.turn = 0;
                return self.poll_resident(cx, span);
            }
            span.window
                .store((window * 2).min(resident::WIDEST), Relaxed);
            span.resident_to.store(to, Relaxed);
        }
        let ready = span.resident_to.load(Relaxed) - at;
        Poll::Ready(Ok(
            usize::try_from(ready).map_or(TAG_BYTES, |ready| ready.min(TAG_BYTES))
        ))
    }

    /// Sends what comes before a piece of a file, and has the kernel wait for that piece with the packet's end.
    fn poll_send_before(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_writable(cx))?;
            let outcome = self.stream.try_write_with(|| {
                let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
                let mut nothing = SendAncillaryBuffer::default();
                let sent = rustix::net::sendmsg(&self.stream, slices, &mut nothing, flags)?;
                Ok(sent)
            });
            match outcome {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => return Poll::Ready(outcome),
            }
        }
    }
}

/// Some of `span`, no more than `window`; 0 at the end of the file.
fn send(socket: impl AsFd, span: &Span, window: usize) -> io::Result<usize> {
    let mut at = span.at();
    if span.is_copied.load(Relaxed) {
        let mut buffer = vec![0; window.min(COPY_BYTES)];
        let read = span.file.read_at(&mut buffer, at)?;
        if read == 0 {
            return Ok(0);
        }
        return Ok(rustix::net::send(
            socket,
            &buffer[..read],
            SendFlags::NOSIGNAL,
        )?);
    }
    Ok(rustix::fs::sendfile(
        socket,
        &span.file,
        Some(&mut at),
        window,
    )?)
}

/// Whether the kernel has no way from this file to this socket.
fn cannot_send(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP))
}

impl<S: PlainSocket> AsyncWrite for FileSocket<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let Some(first) = slices.iter().position(|slice| is_tag(slice)) else {
            return Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        };
        let before = &slices[..first];
        if before.iter().any(|slice| !slice.is_empty()) {
            return this.poll_send_before(cx, before);
        }
        match this.spans.first() {
            Some(span) if span.shown() == slices[first].len() => {
                let outcome = this.poll_send(cx, &span);
                if outcome.is_pending() {
                    this.turn = 0;
                }
                outcome
            }
            _ => Poll::Ready(Err(io::Error::other("a piece of a file lost its place"))),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl<S: PlainSocket> AsyncRead for FileSocket<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}
