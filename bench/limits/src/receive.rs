//! The least that an upload can be: bytes from a socket, hashed on two threads, written to a file by a third.

use std::{
    fs::File,
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc,
        mpsc::{SyncSender, sync_channel},
    },
    thread,
    time::Instant,
};

use vidimus_digest::{Algorithm, Hasher};

use crate::Failure;

const PIECE: usize = 256 * 1024;

/// Pieces that may wait for a thread.
const WAITING: usize = 8;

/// Hashes a file that is in memory, `streams` times at once.
pub(crate) fn hash_file(file: &str, streams: &str, algorithms: &[&str]) -> Result<(), Failure> {
    let begin = Instant::now();
    let streams: usize = streams.parse()?;
    let mut threads = Vec::new();
    for name in algorithms {
        let algorithm = Algorithm::find(name).ok_or("there is no such algorithm")?;
        for _ in 0..streams {
            let mut file = File::open(file)?;
            threads.push(thread::spawn(move || -> Result<u64, Failure> {
                let mut hasher = Hasher::new(algorithm)?;
                let mut piece = vec![0; PIECE];
                let mut size = 0;
                loop {
                    let read = file.read(&mut piece)?;
                    if read == 0 {
                        hasher.finish()?;
                        return Ok(size);
                    }
                    hasher.update(&piece[..read])?;
                    size += read as u64;
                }
            }));
        }
    }
    let mut bytes = 0;
    for thread in threads {
        bytes += thread.join().map_err(|_| "a thread broke off")??;
    }
    // Each algorithm reads all of it, which does not make it more.
    crate::print_rate(
        bytes / algorithms.len().max(1) as u64,
        begin.elapsed().as_secs_f64(),
    );
    Ok(())
}

#[derive(Clone, Copy, PartialEq)]
enum Steps {
    Drop,
    Hash,
    All,
}

/// Answers every request with 204 once its body was read and the steps were done with it.
pub(crate) fn serve(port: &str, file: &str, steps: &str) -> Result<(), Failure> {
    let steps = match steps {
        "drop" => Steps::Drop,
        "hash" => Steps::Hash,
        "all" => Steps::All,
        _ => return Err("the steps are drop, hash or all".into()),
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.parse()?))?;
    println!("{}", listener.local_addr()?.port());
    for (number, stream) in listener.incoming().enumerate() {
        let (stream, file) = (stream?, format!("{file}.{number}"));
        thread::spawn(move || {
            if let Err(error) = take(stream, &file, steps) {
                eprintln!("vidimus-limits: {error}");
            }
        });
    }
    Ok(())
}

fn take(mut stream: TcpStream, path: &str, steps: Steps) -> Result<(), Failure> {
    let mut lanes: Vec<Lane> = Vec::new();
    if steps != Steps::Drop {
        lanes.push(hash(Algorithm::md5()));
        lanes.push(hash(Algorithm::sha512()));
    }
    if steps == Steps::All {
        lanes.push(write(File::create(path)?));
    }
    let mut left = body_length(&mut stream)?;
    while left > 0 {
        let mut piece = vec![0; PIECE.min(left)];
        stream.read_exact(&mut piece)?;
        left -= piece.len();
        let piece: Arc<Vec<u8>> = Arc::new(piece);
        for lane in &lanes {
            lane.0
                .send(Arc::clone(&piece))
                .map_err(|_| "a thread broke off")?;
        }
    }
    for Lane(sender, thread) in lanes {
        drop(sender);
        thread.join().map_err(|_| "a thread broke off")??;
    }
    if steps == Steps::All {
        std::fs::remove_file(path)?;
    }
    stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")?;
    Ok(())
}

/// A thread that is handed every piece.
struct Lane(
    SyncSender<Arc<Vec<u8>>>,
    thread::JoinHandle<Result<(), Failure>>,
);

fn hash(algorithm: Algorithm) -> Lane {
    let (sender, pieces) = sync_channel::<Arc<Vec<u8>>>(WAITING);
    let thread = thread::spawn(move || -> Result<(), Failure> {
        let mut hasher = Hasher::new(algorithm)?;
        for piece in pieces {
            hasher.update(&piece)?;
        }
        hasher.finish()?;
        Ok(())
    });
    Lane(sender, thread)
}

fn write(mut file: File) -> Lane {
    let (sender, pieces) = sync_channel::<Arc<Vec<u8>>>(WAITING);
    let thread = thread::spawn(move || -> Result<(), Failure> {
        for piece in pieces {
            file.write_all(&piece)?;
        }
        file.sync_data()?;
        Ok(())
    });
    Lane(sender, thread)
}

/// Reads the head byte by byte, which costs nothing beside a body of megabytes.
fn body_length(stream: &mut TcpStream) -> Result<usize, Failure> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let line = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    Ok(line.ok_or("the request has no length")?.trim().parse()?)
}
