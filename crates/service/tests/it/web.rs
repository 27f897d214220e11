//! A server on the web that has image data, and can be told to be slow, busy or another.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

/// What the server does with a `GET`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serves {
    Fine,
    /// Stops in the middle and goes on only when told to.
    Slowly,
    /// Says that it cannot, so many times.
    Busy(usize),
}

/// The server; every path but those that begin with `/no` is the same data.
#[derive(Debug, Clone)]
pub struct Web {
    url: String,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    data: Mutex<Vec<u8>>,
    serves: Mutex<Serves>,
    /// Connections on which data is being sent.
    sending: AtomicUsize,
    go_on: Notify,
}

impl Web {
    pub async fn with(data: &[u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let web = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            state: Arc::new(State {
                data: Mutex::new(data.to_vec()),
                serves: Mutex::new(Serves::Fine),
                sending: AtomicUsize::new(0),
                go_on: Notify::new(),
            }),
        };
        let state = Arc::clone(&web.state);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(answer(Arc::clone(&state), socket));
            }
        });
        web
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    pub fn set(&self, serves: Serves) {
        *self.state.serves.lock().unwrap() = serves;
    }

    pub fn replace(&self, data: &[u8]) {
        *self.state.data.lock().unwrap() = data.to_vec();
    }

    /// On how many connections data is being sent.
    pub fn sending(&self) -> usize {
        self.state.sending.load(Ordering::SeqCst)
    }

    pub fn go_on(&self) {
        self.set(Serves::Fine);
        self.state.go_on.notify_waiters();
    }
}

async fn answer(state: Arc<State>, mut socket: TcpStream) {
    let mut head = vec![0; 4096];
    let Ok(read) = socket.read(&mut head).await else {
        return;
    };
    let head = String::from_utf8_lossy(&head[..read]).into_owned();
    let data = state.data.lock().unwrap().clone();
    let is_head = head.starts_with("HEAD");
    let line = match head.split(' ').nth(1) {
        Some(path) if path.starts_with("/no") => "404 Not Found\r\nContent-Length: 0".to_owned(),
        _ if !is_head && is_busy(&state) => "503 Busy\r\nContent-Length: 0".to_owned(),
        _ => format!("200 OK\r\nETag: \"x\"\r\nContent-Length: {}", data.len()),
    };
    let is_data = line.starts_with("200") && !is_head;
    let sent = format!("HTTP/1.1 {line}\r\nConnection: close\r\n\r\n");
    let _ = socket.write_all(sent.as_bytes()).await;
    if !is_data {
        return;
    }
    state.sending.fetch_add(1, Ordering::SeqCst);
    let (first, second) = data.split_at(data.len() / 2);
    let _ = socket.write_all(first).await;
    let is_slow = *state.serves.lock().unwrap() == Serves::Slowly;
    let mut rest = [0; 16];
    let goes_on = !is_slow
        || tokio::select! {
            () = state.go_on.notified() => true,
            // Nothing is ever said here: this is the end of the connection.
            _ = socket.read(&mut rest) => false,
        };
    if goes_on {
        let _ = socket.write_all(second).await;
    }
    state.sending.fetch_sub(1, Ordering::SeqCst);
}

fn is_busy(state: &State) -> bool {
    let mut serves = state.serves.lock().unwrap();
    match *serves {
        Serves::Busy(0) => {
            *serves = Serves::Fine;
            false
        }
        Serves::Busy(left) => {
            *serves = Serves::Busy(left - 1);
            true
        }
        Serves::Fine | Serves::Slowly => false,
    }
}
