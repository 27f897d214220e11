//! Through real sockets and hyper: whatever is asked for in whatever way, the bytes are those of the file.

use std::{
    convert::Infallible,
    fs::File,
    io::{self, IoSlice, Write},
    os::unix::fs::FileExt,
    sync::Arc,
};

use bytes::Buf;
use futures_util::stream;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use proptest::{prelude::*, test_runner::TestCaseError};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream, UnixStream},
    task::JoinHandle,
};
use vidimus_service::{Download, Piece};
use vidimus_types::ByteRange;

use super::{FileSocket, PlainSocket, SendFiles, Spans, TAG, TAG_BYTES, resident};
use crate::body::{WireBody, download_response};

const MODES: [SendFiles; 3] = [SendFiles::Auto, SendFiles::Sendfile, SendFiles::Copy];

/// Bytes that are different everywhere.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..length).map(|_| random.u8(..)).collect()
}

fn file_of(data: &[u8]) -> Arc<File> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(data).unwrap();
    Arc::new(file)
}

/// Asks the kernel to forget what it has of a file, so that the next read waits for the disk.
fn make_cold(file: &File) {
    file.sync_all().unwrap();
    rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
}

fn whole(file: &Arc<File>, length: usize) -> Vec<Piece> {
    vec![Piece::File {
        file: Arc::clone(file),
        range: ByteRange::whole(length as u64),
    }]
}

/// One connection: the request for `/n` is answered with the pieces of number n.
fn serve<S>(stream: S, mode: SendFiles, answers: Vec<Vec<Piece>>) -> JoinHandle<hyper::Result<()>>
where
    S: PlainSocket + Send + 'static,
{
    let answers = Arc::new(answers);
    let socket = FileSocket::new(stream, mode);
    let spans = socket.spans();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let number: usize = request.uri().path()[1..].parse().unwrap();
        let pieces = answers[number].clone();
        let size_bytes = pieces.iter().map(length).sum();
        let response = download_response(Download {
            checksum: None,
            size_bytes,
            range: None,
            body: Box::pin(stream::iter(pieces.into_iter().map(Ok))),
            cache: "hit",
            sending: None,
        });
        let response = WireBody::of(response, spans.as_ref());
        async move { Ok::<_, Infallible>(response) }
    });
    let mut builder = http1::Builder::new();
    builder.max_buf_size(64 * 1024).half_close(true);
    tokio::spawn(builder.serve_connection(TokioIo::new(socket), service))
}

fn length(piece: &Piece) -> u64 {
    match piece {
        Piece::Bytes(bytes) => bytes.len() as u64,
        Piece::File { range, .. } => range.len(),
    }
}

/// A connection over TCP whose buffers are small, so that writes are cut at odd places.
async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(8 * 1024).unwrap();
    let client = socket.connect(listener.local_addr().unwrap());
    let (client, accepted) = tokio::join!(client, listener.accept());
    let server = accepted.unwrap().0;
    server.set_nodelay(true).unwrap();
    (client.unwrap(), server)
}

/// Sends requests for all `numbers` at once, then reads the bodies one after the other, `step` bytes at a time.
async fn ask<S>(client: &mut S, numbers: &[usize], step: usize) -> io::Result<Vec<Vec<u8>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    for number in numbers {
        let request = format!("GET /{number} HTTP/1.1\r\nHost: here\r\n\r\n");
        client.write_all(request.as_bytes()).await?;
    }
    let mut bodies = Vec::new();
    let (mut read, mut buffer) = (Vec::new(), vec![0; step]);
    for _ in numbers {
        loop {
            if let Some((head, body)) = split(&read) {
                let have = read.len() - body;
                if have >= head {
                    bodies.push(read[body..body + head].to_vec());
                    read.drain(..body + head);
                    break;
                }
            }
            match client.read(&mut buffer).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                got => read.extend_from_slice(&buffer[..got]),
            }
        }
    }
    assert!(read.is_empty(), "more than was asked for");
    Ok(bodies)
}

/// The length of the body and where it begins, once the head is there.
fn split(read: &[u8]) -> Option<(usize, usize)> {
    let end = read.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8(read[..end].to_vec()).unwrap();
    let line = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    Some((line.unwrap().parse().unwrap(), end + 4))
}

/// A piece of the first or second file, or bytes in memory.
#[derive(Debug, Clone)]
enum Plan {
    File {
        which: bool,
        start: prop::sample::Index,
        length: usize,
    },
    Bytes(usize),
}

fn plan() -> impl Strategy<Value = Plan> {
    let lengths = prop_oneof![0..10_usize, 0..70_000_usize, 0..3_000_000_usize];
    prop_oneof![
        4 => (any::<bool>(), any::<prop::sample::Index>(), lengths)
            .prop_map(|(which, start, length)| Plan::File { which, start, length }),
        1 => (0..20_000_usize).prop_map(Plan::Bytes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Pipelined answers of any pieces, read in any steps, cold or warm, over both kinds of sockets.
    #[test]
    fn every_byte_arrives_in_its_place(
        sizes in (1..4_000_000_usize, 1..200_000_usize),
        plans in prop::collection::vec(prop::collection::vec(plan(), 0..6), 1..6),
        step in prop_oneof![Just(1_000_usize), 5_000..100_000_usize],
        is_cold in any::<bool>(),
        is_unix in any::<bool>(),
    ) {
        let data = [noise(sizes.0, 1), noise(sizes.1, 2)];
        let files = [file_of(&data[0]), file_of(&data[1])];
        let (mut answers, mut expected) = (Vec::new(), Vec::new());
        for plans in &plans {
            let (mut pieces, mut bytes) = (Vec::new(), Vec::new());
            for plan in plans {
                match plan {
                    Plan::Bytes(length) => {
                        let some = noise(*length, 3);
                        bytes.extend_from_slice(&some);
                        pieces.push(Piece::Bytes(some.into()));
                    }
                    Plan::File { which, start, length } => {
                        let (file, data) = (&files[usize::from(*which)], &data[usize::from(*which)]);
                        let start = start.index(data.len());
                        let end = data.len().min(start + length);
                        bytes.extend_from_slice(&data[start..end]);
                        let range = ByteRange { start: start as u64, end: end as u64 };
                        pieces.push(Piece::File { file: Arc::clone(file), range });
                    }
                }
            }
            answers.push(pieces);
            expected.push(bytes);
        }
        let numbers: Vec<usize> = (0..answers.len()).collect();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            for mode in MODES {
                if is_cold {
                    files.iter().for_each(|file| make_cold(file));
                }
                let got = if is_unix {
                    let (mut client, server) = UnixStream::pair().unwrap();
                    serve(server, mode, answers.clone());
                    ask(&mut client, &numbers, step).await
                } else {
                    let (mut client, server) = tcp_pair().await;
                    serve(server, mode, answers.clone());
                    ask(&mut client, &numbers, step).await
                };
                prop_assert!(got.unwrap() == expected, "other bytes in mode {mode:?}");
            }
            Ok::<_, TestCaseError>(())
        })?;
    }
}

#[tokio::test]
async fn a_file_cut_during_its_download_cuts_the_connection() {
    const SIZE: usize = 40_000_000;
    let data = noise(SIZE, 4);
    for mode in MODES {
        let file = file_of(&data);
        let (mut client, server) = tcp_pair().await;
        let serving = serve(server, mode, vec![whole(&file, SIZE)]);
        client
            .write_all(b"GET /0 HTTP/1.1\r\nHost: here\r\n\r\n")
            .await
            .unwrap();
        let mut read = vec![0; 100_000];
        client.read_exact(&mut read).await.unwrap();
        // Far from what can be in the socket's buffers by now.
        file.set_len(30_000_000).unwrap();
        // A connection that is cut with bytes on their way may end in a reset too.
        let _ = client.read_to_end(&mut read).await;
        let (length, body) = split(&read).unwrap();
        assert_eq!(length, SIZE, "what was promised");
        let got = &read[body..];
        assert!(got.len() <= 30_000_000, "more than the file has");
        assert!(
            got == &data[..got.len()],
            "bytes of no file in mode {mode:?}"
        );
        assert!(serving.await.unwrap().is_err());
    }
}

#[tokio::test]
async fn a_file_that_was_removed_or_replaced_is_sent_to_its_end() {
    const SIZE: usize = 8_000_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    for mode in MODES {
        let data = noise(SIZE, 5);
        std::fs::write(&path, &data).unwrap();
        let file = Arc::new(File::open(&path).unwrap());
        let (mut client, server) = tcp_pair().await;
        serve(server, mode, vec![whole(&file, SIZE)]);
        client
            .write_all(b"GET /0 HTTP/1.1\r\nHost: here\r\n\r\n")
            .await
            .unwrap();
        let mut read = vec![0; 1000];
        client.read_exact(&mut read).await.unwrap();
        let other = folder.path().join("other");
        std::fs::write(&other, noise(SIZE, 6)).unwrap();
        std::fs::rename(&other, &path).unwrap();
        let (_, body) = split(&read).unwrap();
        let mut rest = vec![0; SIZE + body - read.len()];
        client.read_exact(&mut rest).await.unwrap();
        read.append(&mut rest);
        assert!(
            read[body..] == data,
            "the other file's bytes in mode {mode:?}"
        );
    }
}

#[tokio::test]
async fn a_client_that_leaves_lets_the_file_go() {
    const SIZE: usize = 20_000_000;
    for mode in MODES {
        let file = file_of(&noise(SIZE, 7));
        let (mut client, server) = tcp_pair().await;
        let serving = serve(server, mode, vec![whole(&file, SIZE)]);
        client
            .write_all(b"GET /0 HTTP/1.1\r\nHost: here\r\n\r\n")
            .await
            .unwrap();
        client.read_exact(&mut [0; 1000]).await.unwrap();
        drop(client);
        assert!(serving.await.unwrap().is_err());
        assert_eq!(Arc::strong_count(&file), 1, "still held in mode {mode:?}");
    }
}

#[tokio::test]
async fn what_the_kernel_cannot_send_is_copied() {
    let data = noise(300_000, 8);
    let (mut client, server) = tcp_pair().await;
    let mut socket = FileSocket::new(server, SendFiles::Auto);
    let mut piece = socket
        .spans()
        .unwrap()
        .note(file_of(&data), ByteRange::whole(300_000));
    piece
        .span
        .is_copied
        .store(true, std::sync::atomic::Ordering::Relaxed);
    let sending = tokio::spawn(async move {
        while piece.has_remaining() {
            let mut slices = [IoSlice::new(&[]); 4];
            let count = piece.chunks_vectored(&mut slices);
            let sent = socket.write_vectored(&slices[..count]).await.unwrap();
            piece.advance(sent);
        }
    });
    let mut got = vec![0; 300_000];
    client.read_exact(&mut got).await.unwrap();
    assert!(got == data);
    sending.await.unwrap();
}

#[tokio::test]
async fn a_slice_without_its_piece_is_never_sent() {
    let (mut client, server) = tcp_pair().await;
    let mut socket = FileSocket::new(server, SendFiles::Auto);
    socket.write(&TAG[..10]).await.unwrap_err();
    let piece = socket
        .spans()
        .unwrap()
        .note(file_of(b"0123456789"), ByteRange { start: 0, end: 10 });
    socket.write(&TAG[..9]).await.unwrap_err();
    drop(piece);
    socket.write(&TAG[..10]).await.unwrap_err();
    // A piece that was given up does not stand in the way of the next.
    let _piece = socket
        .spans()
        .unwrap()
        .note(file_of(b"abc"), ByteRange { start: 1, end: 3 });
    assert_eq!(socket.write(&TAG[..2]).await.unwrap(), 2);
    drop(socket);
    let mut got = Vec::new();
    client.read_to_end(&mut got).await.unwrap();
    assert_eq!(got, b"bc");
}

#[test]
#[should_panic(expected = "as if they were in memory")]
fn a_piece_cannot_be_read_as_memory() {
    let piece = Spans::default().note(file_of(b"abc"), ByteRange { start: 0, end: 3 });
    let _ = super::Chunk::File(piece).copy_to_bytes(3);
}

#[test]
fn a_piece_never_shows_more_than_a_turn() {
    let mut piece = Spans::default().note(
        file_of(b""),
        ByteRange {
            start: 5,
            end: u64::MAX,
        },
    );
    let mut slices = [IoSlice::new(&[]); 2];
    assert_eq!(piece.chunks_vectored(&mut slices), 1);
    assert_eq!(slices[0].len(), TAG_BYTES);
    piece.advance(TAG_BYTES);
    assert_eq!(piece.remaining() as u64, u64::MAX - 5 - TAG_BYTES as u64);
    assert_eq!(piece.chunks_vectored(&mut []), 0);
}

#[test]
fn a_cold_file_is_brought_into_memory() {
    let data = noise(3_000_001, 9);
    let file = file_of(&data);
    make_cold(&file);
    resident::make_resident(&file, 100_000, 3_000_001).unwrap();
    assert!(resident::is_resident(&file, 100_000, 3_000_001));
    // Beyond the end nothing is waited for.
    file.set_len(1000).unwrap();
    resident::make_resident(&file, 0, 3_000_001).unwrap();
    let mut byte = [0];
    assert_eq!(file.read_at(&mut byte, 999).unwrap(), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn a_fast_client_does_not_keep_the_thread() {
    const SIZE: usize = 200_000_000;
    let file = tempfile::tempfile().unwrap();
    file.set_len(SIZE as u64).unwrap();
    let (server, client) = std::os::unix::net::UnixStream::pair().unwrap();
    server.set_nonblocking(true).unwrap();
    // A client of another thread, that is never waited for long.
    let reading = std::thread::spawn(move || io::copy(&mut &client, &mut io::sink()).unwrap());
    let mut socket = FileSocket::new(UnixStream::from_std(server).unwrap(), SendFiles::Sendfile);
    let mut piece = socket
        .spans()
        .unwrap()
        .note(Arc::new(file), ByteRange::whole(SIZE as u64));
    let mut longest = 0;
    let mut turn = 0;
    while piece.has_remaining() {
        let sent = std::future::poll_fn(|cx| {
            let mut slices = [IoSlice::new(&[]); 1];
            piece.chunks_vectored(&mut slices);
            let outcome = std::pin::Pin::new(&mut socket).poll_write_vectored(cx, &slices);
            if outcome.is_pending() {
                turn = 0;
            }
            outcome
        });
        let sent = sent.await.unwrap();
        piece.advance(sent);
        turn += sent;
        longest = longest.max(turn);
    }
    drop(socket);
    assert_eq!(reading.join().unwrap(), SIZE as u64);
    assert!(longest <= 9 * TAG_BYTES, "{longest} bytes without a pause");
}

#[tokio::test]
async fn a_stalled_client_costs_no_memory_for_its_file() {
    // The copying way would hold pieces of it; here even a file that could not be held is no trouble.
    const SIZE: u64 = 1 << 42;
    let file = tempfile::tempfile().unwrap();
    if file.set_len(SIZE).is_err() {
        // The file system has no such sizes.
        file.set_len(1 << 33).unwrap();
    }
    let size = file.metadata().unwrap().len();
    let range = ByteRange::whole(size);
    let pieces = vec![Piece::File {
        file: Arc::new(file),
        range,
    }];
    let (mut client, server) = tcp_pair().await;
    serve(server, SendFiles::Sendfile, vec![pieces]);
    client
        .write_all(b"GET /0 HTTP/1.1\r\nHost: here\r\n\r\n")
        .await
        .unwrap();
    let mut read = vec![1; 400_000];
    client.read_exact(&mut read).await.unwrap();
    let (length, body) = split(&read).unwrap();
    assert_eq!(length as u64, size);
    assert!(read[body..].iter().all(|byte| *byte == 0));
}
