//! Image data to an HTTP response: headers, length, and the way of the pieces to the socket.
//!
//! A response carries its pieces twice over one source: as an ordinary body that reads files and copies, which works
//! everywhere, and beside it for the connection, which takes them instead if the kernel may send files to its socket.

use std::{
    fs::File,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use http_body::{Frame, SizeHint};
use rustix::io::{Errno, ReadWriteFlags};
use vidimus_service::{Download, ImageBody, Piece, Sending};
use vidimus_types::ByteRange;

use crate::{
    buffers::{BUFFER_BYTES, Buffer},
    sendfile::{Chunk, Spans},
};

/// The response to a download.
pub(crate) fn download_response(download: Download) -> Response {
    let size_bytes = download.size_bytes;
    let sent = download.range.unwrap_or(ByteRange::whole(size_bytes));
    let pieces = Pieces {
        source: Arc::new(Mutex::new(Some(download.body))),
        length: sent.len(),
        sending: download.sending.map(Arc::new),
    };
    let mut response = Response::new(pieces.clone().into_body());
    response.extensions_mut().insert(pieces);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    headers.insert(header::CONTENT_LENGTH, sent.len().into());
    if let Some(checksum) = download
        .checksum
        .and_then(|checksum| checksum.try_into().ok())
    {
        headers.insert("content-md5", checksum);
    }
    if download.range.is_some() {
        // An empty range cannot be asked for, so there is a last byte.
        let shown = format!(
            "bytes {}-{}/{size_bytes}",
            sent.start,
            sent.end.saturating_sub(1)
        );
        if let Ok(shown) = shown.try_into() {
            headers.insert(header::CONTENT_RANGE, shown);
        }
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    response
}

/// The pieces of a response, for who comes first.
#[derive(Clone)]
struct Pieces {
    source: Arc<Mutex<Option<ImageBody>>>,
    length: u64,
    /// Wants to know of every byte that is sent, and to be let go when none is left.
    sending: Option<Arc<Sending>>,
}

impl Pieces {
    fn take(&self) -> Option<ImageBody> {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        source.take()
    }

    /// The bytes, copied out of their files.
    fn into_body(self) -> Body {
        let taken = stream::once(async move {
            let gone = || io::Error::other("the body was taken for its connection");
            let pieces = self.take().ok_or_else(gone)?;
            let count = move |bytes: &Bytes| count(self.sending.as_deref(), bytes);
            Ok::<_, io::Error>(copied(pieces).inspect_ok(count))
        });
        Body::from_stream(taken.try_flatten())
    }
}

fn count(sending: Option<&Sending>, bytes: &Bytes) {
    if let Some(sending) = sending {
        sending.sent(bytes.len() as u64);
    }
}

fn copied(pieces: ImageBody) -> impl Stream<Item = io::Result<Bytes>> + Send {
    pieces
        .map_ok(|piece| match piece {
            Piece::Bytes(bytes) => stream::once(async { Ok(bytes) }).left_stream(),
            Piece::File { file, range } => read_file(file, range).right_stream(),
        })
        .try_flatten()
}

fn read_file(file: Arc<File>, range: ByteRange) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::try_unfold((range.start, file), move |(at, file)| async move {
        if at >= range.end {
            return Ok(None);
        }
        let length = (range.end - at).min(BUFFER_BYTES as u64) as usize;
        let piece = read_piece(&file, at, length).await?;
        let next = at + piece.len() as u64;
        Ok(Some((piece, (next, file))))
    })
}

/// Up to `length` bytes at `at`. A file that ends too early is an error: the connection is cut, never padded.
///
/// What is in the page cache is read on the spot; otherwise the kernel would have to wait for the disk, so that is done on
/// the blocking pool and the runtime's threads stay free.
async fn read_piece(file: &Arc<File>, at: u64, length: usize) -> io::Result<Bytes> {
    let mut piece = Buffer::take();
    let got = match rustix::io::preadv2(
        file,
        &mut [io::IoSliceMut::new(&mut piece.space()[..length])],
        at,
        ReadWriteFlags::NOWAIT,
    ) {
        Ok(got) if got > 0 => got,
        Ok(_)
        | Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INTR | Errno::INVAL) => {
            let file = Arc::clone(file);
            let read = tokio::task::spawn_blocking(move || {
                let got = rustix::io::pread(&*file, &mut piece.space()[..length], at)?;
                Ok::<_, Errno>((got, piece))
            });
            let (got, read) = read.await.map_err(io::Error::other)??;
            piece = read;
            got
        }
        Err(error) => return Err(error.into()),
    };
    if got == 0 {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the file is shorter than it was",
        ));
    }
    Ok(piece.freeze(got))
}

/// A body as hyper gets it.
pub(crate) enum WireBody {
    /// Bytes in memory.
    Copied(Body),
    /// Pieces that may lie in files.
    Sent(SentBody),
}

/// Pieces on their way to a socket that the kernel sends files to.
pub(crate) struct SentBody {
    pieces: ImageBody,
    spans: Arc<Spans>,
    left: u64,
    sending: Option<Arc<Sending>>,
}

impl WireBody {
    /// A response for a connection. `spans` are those of its socket, if files can be sent there.
    pub(crate) fn of(mut response: Response, spans: Option<&Arc<Spans>>) -> http::Response<Self> {
        let pieces = response.extensions_mut().remove::<Pieces>();
        let taken = spans.zip(pieces).and_then(|(spans, pieces)| {
            let spans = Arc::clone(spans);
            let (left, sending) = (pieces.length, pieces.sending.clone());
            pieces.take().map(|pieces| SentBody {
                pieces,
                spans,
                left,
                sending,
            })
        });
        match taken {
            Some(sent) => response.map(|_| Self::Sent(sent)),
            None => response.map(Self::Copied),
        }
    }
}

impl http_body::Body for WireBody {
    type Data = Chunk;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Chunk>, axum::Error>>> {
        match self.get_mut() {
            Self::Copied(body) => {
                let frame = ready!(Pin::new(body).poll_frame(cx));
                Poll::Ready(frame.map(|frame| Ok(frame?.map_data(Chunk::Bytes))))
            }
            Self::Sent(body) => {
                let frame = ready!(body.poll_next(cx));
                Poll::Ready(frame.map(|chunk| chunk.map(Frame::data).map_err(axum::Error::new)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Copied(body) => body.is_end_stream(),
            Self::Sent(body) => body.left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Copied(body) => body.size_hint(),
            Self::Sent(body) => SizeHint::with_exact(body.left),
        }
    }
}

impl SentBody {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Chunk>>> {
        let wrong = |kind, what| Poll::Ready(Some(Err(io::Error::new(kind, what))));
        let length = |piece: &Piece| match piece {
            Piece::Bytes(bytes) => bytes.len() as u64,
            Piece::File { range, .. } => range.len(),
        };
        loop {
            match ready!(self.pieces.as_mut().poll_next(cx)).transpose() {
                Err(error) => return Poll::Ready(Some(Err(error))),
                Ok(None) if self.left == 0 => return Poll::Ready(None),
                Ok(None) => {
                    return wrong(io::ErrorKind::UnexpectedEof, "the image ended too early");
                }
                // hyper drops empty chunks, and a piece it dropped would stand in the way of the next.
                Ok(Some(piece)) if length(&piece) == 0 => {}
                Ok(Some(piece)) if length(&piece) > self.left => {
                    return wrong(
                        io::ErrorKind::InvalidData,
                        "the image is longer than announced",
                    );
                }
                Ok(Some(piece)) => {
                    self.left -= length(&piece);
                    return Poll::Ready(Some(Ok(match piece {
                        Piece::Bytes(bytes) => {
                            count(self.sending.as_deref(), &bytes);
                            Chunk::Bytes(bytes)
                        }
                        Piece::File { file, range } => {
                            let piece = self.spans.note(file, range);
                            Chunk::File(piece.counted(self.sending.clone()))
                        }
                    })));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file_of(bytes: &[u8]) -> Arc<File> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        Arc::new(file)
    }

    fn download(file: Arc<File>, range: Option<ByteRange>, size_bytes: u64) -> Download {
        let piece = Piece::File {
            file,
            range: range.unwrap_or(ByteRange::whole(size_bytes)),
        };
        Download {
            checksum: Some("abc".into()),
            size_bytes,
            range,
            body: Box::pin(stream::iter([Ok(piece)])),
            cache: "hit",
            sending: None,
        }
    }

    #[tokio::test]
    async fn sends_the_whole_file() {
        let data: Vec<u8> = (0..200_000_u32).map(|at| at as u8).collect();
        let response = download_response(download(file_of(&data), None, 200_000));
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-length"], "200000");
        assert_eq!(response.headers()["content-md5"], "abc");
        let body = axum::body::to_bytes(response.into_body(), 1 << 20)
            .await
            .unwrap();
        assert!(body == data, "other bytes came out");
    }

    #[tokio::test]
    async fn sends_a_part() {
        let range = ByteRange { start: 2, end: 5 };
        let response = download_response(download(file_of(b"0123456789"), Some(range), 10));
        assert_eq!(response.status(), 206);
        assert_eq!(response.headers()["content-range"], "bytes 2-4/10");
        assert_eq!(response.headers()["content-length"], "3");
        let body = axum::body::to_bytes(response.into_body(), 100)
            .await
            .unwrap();
        assert_eq!(body, "234");
    }

    #[tokio::test]
    async fn a_file_that_lost_its_end_breaks_the_download() {
        let response = download_response(download(file_of(b"0123"), None, 10));
        assert!(
            axum::body::to_bytes(response.into_body(), 100)
                .await
                .is_err()
        );
    }

    async fn frames_of(pieces: Vec<Piece>, length: u64) -> Result<u64, axum::Error> {
        use http_body_util::BodyExt;
        let mut sent = WireBody::Sent(SentBody {
            pieces: Box::pin(stream::iter(pieces).map(Ok)),
            spans: Arc::default(),
            left: length,
            sending: None,
        });
        let mut all = 0;
        while let Some(frame) = sent.frame().await {
            all += frame?
                .into_data()
                .map_or(0, |chunk| bytes::Buf::remaining(&chunk) as u64);
        }
        Ok(all)
    }

    #[tokio::test]
    async fn pieces_must_come_to_the_length_that_was_announced() {
        let text = || Piece::Bytes(Bytes::from_static(b"0123"));
        let empty = || Piece::Bytes(Bytes::new());
        let part = || Piece::File {
            file: file_of(b"012345"),
            range: ByteRange { start: 1, end: 6 },
        };
        assert_eq!(
            frames_of(vec![text(), empty(), part()], 9).await.unwrap(),
            9
        );
        assert!(frames_of(vec![text(), part()], 10).await.is_err(), "short");
        assert!(frames_of(vec![text(), part()], 8).await.is_err(), "long");
    }
}
