//! Bytes to a socket, and answers out of one. No HTTP library: it would refuse to send most of this.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

/// What the server said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    is_last: bool,
}

/// A server that says nothing for so long has forgotten us.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection that is made anew when it ends.
pub(crate) struct Connection {
    address: String,
    open: Option<Open>,
}

struct Open {
    stream: TcpStream,
    received: Vec<u8>,
    is_used: bool,
}

impl Connection {
    pub(crate) fn new(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            open: None,
        }
    }

    /// Sends all of it and reads one answer; `Err` says why there is none.
    pub(crate) fn exchange(&mut self, pieces: &[Vec<u8>], is_head: bool) -> io::Result<Answer> {
        let is_used = self.open()?.is_used;
        match self.try_exchange(pieces, is_head) {
            // The server may close what stands idle at any moment; then nothing has been asked yet.
            Err(_) if is_used => {
                self.open = None;
                self.try_exchange(pieces, is_head)
            }
            outcome => outcome,
        }
    }

    fn try_exchange(&mut self, pieces: &[Vec<u8>], is_head: bool) -> io::Result<Answer> {
        let outcome = self.open().and_then(|open| {
            open.is_used = true;
            // Who is refused early cannot send the rest, and finds the answer all the same.
            let _ = open.send(pieces);
            open.answer(is_head)
        });
        if outcome.as_ref().map_or(true, |answer| answer.is_last) {
            self.open = None;
        }
        outcome
    }

    /// Sends all of it, says that there is no more, and reads what comes: the answers that can be made out.
    pub(crate) fn provoke(&mut self, pieces: &[Vec<u8>]) -> io::Result<Vec<Answer>> {
        self.open = None;
        let open = self.open()?;
        let _ = open.send(pieces);
        let _ = open.stream.shutdown(Shutdown::Write);
        let mut answers = Vec::new();
        loop {
            match open.answer(false) {
                Ok(answer) => {
                    let is_last = answer.is_last;
                    answers.push(answer);
                    if is_last {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
                Err(_) => break,
            }
        }
        self.open = None;
        Ok(answers)
    }

    /// Sends some of it and leaves.
    pub(crate) fn abandon(&mut self, pieces: &[Vec<u8>]) -> io::Result<()> {
        self.open = None;
        let _ = self.open()?.send(pieces);
        self.open = None;
        Ok(())
    }

    /// A request that is as it should be.
    pub(crate) fn ask(
        &mut self,
        method: &str,
        path: &str,
        media_type: &str,
        body: &[u8],
    ) -> Answer {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n"
        );
        self.exchange(&[[head.as_bytes(), body].concat()], false)
            .unwrap()
    }

    fn open(&mut self) -> io::Result<&mut Open> {
        if self.open.is_none() {
            let stream = TcpStream::connect(&self.address)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            stream.set_nodelay(true)?;
            self.open = Some(Open {
                stream,
                received: Vec::new(),
                is_used: false,
            });
        }
        self.open.as_mut().ok_or(io::ErrorKind::NotConnected.into())
    }
}

impl Open {
    fn send(&mut self, pieces: &[Vec<u8>]) -> io::Result<()> {
        pieces
            .iter()
            .try_for_each(|piece| self.stream.write_all(piece))
    }

    fn receive(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        let count = self.stream.read(&mut buffer)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.received.extend_from_slice(&buffer[..count]);
        Ok(())
    }

    /// Everything up to the end of a line or of a head.
    fn until(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            let found = self
                .received
                .windows(end.len())
                .position(|window| window == end);
            if let Some(at) = found {
                let rest = self.received.split_off(at + end.len());
                return Ok(std::mem::replace(&mut self.received, rest));
            }
            self.receive()?;
        }
    }

    fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.received.len() < length {
            self.receive()?;
        }
        let rest = self.received.split_off(length);
        Ok(std::mem::replace(&mut self.received, rest))
    }

    fn answer(&mut self, is_head: bool) -> io::Result<Answer> {
        let odd = |what: &str| io::Error::other(what.to_owned());
        loop {
            let head = self.until(b"\r\n\r\n")?;
            let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
            let status: u16 = head
                .strip_prefix("http/1.")
                .and_then(|rest| rest.get(2..5)?.parse().ok())
                .ok_or_else(|| odd("no status line"))?;
            if status < 200 {
                continue;
            }
            let header = |name: &str| {
                let mut lines = head.lines().skip(1);
                lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
            };
            let mut is_last = header("connection") == Some("close") || head.starts_with("http/1.0");
            let body = if is_head || matches!(status, 204 | 304) {
                Vec::new()
            } else if header("transfer-encoding") == Some("chunked") {
                self.chunks()?
            } else if let Some(length) = header("content-length") {
                let length = length.parse().map_err(|_| odd("no length"))?;
                self.exactly(length)?
            } else {
                is_last = true;
                while self.receive().is_ok() {}
                std::mem::take(&mut self.received)
            };
            return Ok(Answer {
                status,
                body,
                is_last,
            });
        }
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.until(b"\r\n")?;
            let line = String::from_utf8_lossy(&line);
            let length = usize::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
            body.extend(self.exactly(length)?);
            self.exactly(2)?;
            if length == 0 {
                return Ok(body);
            }
        }
    }
}
