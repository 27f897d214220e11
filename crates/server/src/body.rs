//! Image data to an HTTP response: headers, length, and the way from a file to the socket.
//!
//! A file is read in pieces by position. Pieces that are in the page cache are read on the spot; for the others the
//! kernel would have to wait for the disk, so they are read on the blocking pool and the runtime's threads stay free.

use std::{fs::File, io, sync::Arc};

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use rustix::io::{Errno, ReadWriteFlags};
use vidimus_service::{Download, ImageBody};
use vidimus_types::ByteRange;

/// How much is read at once. Larger pieces cost memory for every slow client and gain little.
const PIECE_BYTES: u64 = 64 * 1024;

/// The response to a download.
pub(crate) fn download_response(download: Download) -> Response {
    let size_bytes = download.size_bytes;
    let sent = download.range.unwrap_or(ByteRange::whole(size_bytes));
    let body = match download.body {
        ImageBody::Stream(data) => Body::from_stream(data),
        ImageBody::File { file, range, held } => Body::from_stream(stream::try_unfold(
            // What is held is let go when the body is.
            (range.start, file, held),
            move |(at, file, held)| async move {
                if at >= range.end {
                    return Ok::<_, io::Error>(None);
                }
                let piece =
                    read_piece(&file, at, (range.end - at).min(PIECE_BYTES) as usize).await?;
                Ok(Some((piece.clone(), (at + piece.len() as u64, file, held))))
            },
        )),
    };
    let mut response = Response::new(body);
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

/// Up to `length` bytes at `at`. A file that ends too early is an error: the connection is cut, never padded.
async fn read_piece(file: &Arc<File>, at: u64, length: usize) -> io::Result<Bytes> {
    let mut piece = BytesMut::zeroed(length);
    let got = match rustix::io::preadv2(
        file,
        &mut [io::IoSliceMut::new(&mut piece)],
        at,
        ReadWriteFlags::NOWAIT,
    ) {
        Ok(got) if got > 0 => got,
        Ok(_)
        | Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INTR | Errno::INVAL) => {
            let file = Arc::clone(file);
            let read = tokio::task::spawn_blocking(move || {
                let got = rustix::io::pread(&*file, &mut piece[..], at)?;
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
    piece.truncate(got);
    Ok(piece.freeze())
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
        let body = ImageBody::File {
            file,
            range: range.unwrap_or(ByteRange::whole(size_bytes)),
            held: None,
        };
        Download {
            checksum: Some("abc".into()),
            size_bytes,
            range,
            body,
            cache: "hit",
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
}
