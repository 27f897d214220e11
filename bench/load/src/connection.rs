//! One connection: asks, reads to the end of the answer, is opened again where the server closes.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::SocketAddr,
    time::{Duration, Instant},
};

use mio::{Interest, Poll, Token, net::TcpStream};

use crate::{
    answer::Answer,
    arguments::{Arguments, Template},
};

/// One request that has its answer.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) bytes: usize,
    pub(crate) took: Duration,
    pub(crate) counts: bool,
}

pub(crate) struct Connection {
    address: SocketAddr,
    token: Token,
    stream: Option<TcpStream>,
    templates: Vec<Template>,
    headers: String,
    next: usize,
    first: usize,
    counts: bool,
    id: String,
    ids: u64,
    request: Vec<u8>,
    sent: usize,
    answer: Answer,
    asked: Option<Instant>,
}

impl Connection {
    pub(crate) fn open(arguments: &Arguments, token: Token) -> io::Result<Self> {
        let mut headers = format!("Host: {}\r\n", arguments.address);
        for header in &arguments.headers {
            headers.push_str(header);
            headers.push_str("\r\n");
        }
        let first = match arguments.in_order {
            true => 0,
            false => token.0 * arguments.templates.len() / arguments.connections,
        };
        Ok(Self {
            address: arguments.address,
            token,
            stream: None,
            templates: arguments.templates.clone(),
            headers,
            next: first,
            first,
            counts: true,
            id: String::new(),
            ids: 0,
            request: Vec::new(),
            sent: 0,
            answer: Answer::default(),
            asked: None,
        })
    }

    pub(crate) fn is_asking(&self) -> bool {
        self.asked.is_some()
    }

    /// Sends the next request.
    pub(crate) fn ask(&mut self, poll: &Poll) -> io::Result<()> {
        if self.next == self.first || self.ids == 0 {
            self.ids += 1;
            self.id = new_id(self.token.0 as u64, self.ids);
        }
        let Template {
            method,
            path,
            body,
            counts,
        } = &self.templates[self.next];
        self.counts = *counts;
        let path = path.replace("{uuid}", &self.id);
        let body = body.as_deref().unwrap_or("").replace("{uuid}", &self.id);
        self.next = (self.next + 1) % self.templates.len();
        self.request.clear();
        write!(self.request, "{method} {path} HTTP/1.1\r\n{}", self.headers)?;
        if !body.is_empty() {
            let length = body.len();
            write!(
                self.request,
                "Content-Type: application/json\r\nContent-Length: {length}\r\n"
            )?;
        }
        write!(self.request, "\r\n{body}")?;
        self.asked = Some(Instant::now());
        self.begin(poll)
    }

    fn begin(&mut self, poll: &Poll) -> io::Result<()> {
        self.sent = 0;
        self.answer.clear();
        if self.stream.is_none() {
            let mut stream = TcpStream::connect(self.address)?;
            stream.set_nodelay(true)?;
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry()
                .register(&mut stream, self.token, interest)?;
            self.stream = Some(stream);
        }
        self.send()
    }

    fn send(&mut self) -> io::Result<()> {
        while let Some(stream) = &mut self.stream
            && self.sent < self.request.len()
        {
            match stream.write(&self.request[self.sent..]) {
                Ok(written) => self.sent += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::NotConnected => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sends and reads as far as it goes; an answer, once it is whole.
    pub(crate) fn go_on(
        &mut self,
        poll: &Poll,
        buffer: &mut [u8],
    ) -> io::Result<Option<Answered>> {
        let Some(asked) = self.asked else {
            return Ok(None);
        };
        self.send()?;
        loop {
            let Some(stream) = &mut self.stream else {
                return Ok(None);
            };
            let at_end = match stream.read(buffer) {
                Ok(0) => true,
                Ok(read) => {
                    self.answer.add(&buffer[..read]);
                    false
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::NotConnected => return Ok(None),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => true,
                Err(error) => return Err(error),
            };
            let complete = self.answer.is_complete(at_end);
            if at_end || (complete && self.answer.closes()) {
                self.stream = None;
            }
            if at_end && !complete && self.answer.len() == 0 {
                // Closed between two requests: not an answer, ask again.
                self.begin(poll)?;
                continue;
            }
            if complete || at_end {
                self.asked = None;
                return Ok(Some(Answered {
                    status: if complete { self.answer.status() } else { 0 },
                    bytes: self.answer.len(),
                    took: asked.elapsed(),
                    counts: self.counts,
                }));
            }
        }
    }
}

/// A version 4 UUID that no other connection, round or run has.
fn new_id(connection: u64, round: u64) -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u64(connection);
    hasher.write_u64(round);
    let high = hasher.finish();
    hasher.write_u64(high);
    let low = hasher.finish();
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff,
    )
}
