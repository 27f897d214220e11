//! A key manager with a few secrets, which answers one caller alone and can be told to be away.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use vidimus_fetch::Trust;
use vidimus_keys::{KeyManager, KeyManagerConfig};

/// The token of the one caller it answers.
pub const TOKEN: &str = "token-of-the-owner";

/// The key manager; secrets by their ids, each a type and a payload.
#[derive(Debug, Clone)]
pub struct Keeper {
    address: String,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    secrets: HashMap<String, (String, Vec<u8>)>,
    /// How many were kept so far.
    kept: usize,
    is_away: bool,
}

impl Keeper {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let keeper = Self {
            address: listener.local_addr().unwrap().to_string(),
            state: Arc::default(),
        };
        let state = Arc::clone(&keeper.state);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(answer(Arc::clone(&state), socket));
            }
        });
        keeper
    }

    pub fn manager(&self) -> KeyManager {
        let config = KeyManagerConfig {
            endpoint: format!("http://{}", self.address),
            trust: Trust::Machine,
        };
        KeyManager::new(config).unwrap()
    }

    pub fn keep(&self, kind: &str, payload: &[u8]) -> String {
        let mut state = self.state.lock().unwrap();
        state.kept += 1;
        let id = format!("00000000-0000-4000-8000-{:012}", state.kept);
        state
            .secrets
            .insert(id.clone(), (kind.to_owned(), payload.to_vec()));
        id
    }

    pub fn has(&self, id: &str) -> bool {
        self.state.lock().unwrap().secrets.contains_key(id)
    }

    /// Whether every request is answered with an error from now on.
    pub fn set_away(&self, is_away: bool) {
        self.state.lock().unwrap().is_away = is_away;
    }
}

async fn answer(state: Arc<Mutex<State>>, mut socket: TcpStream) {
    let mut head = vec![0; 4096];
    let Ok(read) = socket.read(&mut head).await else {
        return;
    };
    let head = String::from_utf8_lossy(&head[..read]).into_owned();
    let (status, body) = decide(&mut state.lock().unwrap(), &head);
    let length = body.len();
    let line =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    let _ = socket.write_all(line.as_bytes()).await;
    let _ = socket.write_all(&body).await;
}

fn decide(state: &mut State, head: &str) -> (&'static str, Vec<u8>) {
    if state.is_away {
        return ("503 Away", Vec::new());
    }
    if !head
        .to_lowercase()
        .contains(&format!("x-auth-token: {TOKEN}\r\n"))
    {
        return ("401 Unauthorized", Vec::new());
    }
    let mut words = head.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let path = path.strip_prefix("/v1/secrets/").unwrap();
    let (id, is_payload) = match path.strip_suffix("/payload") {
        Some(id) => (id, true),
        None => (path, false),
    };
    match (method, state.secrets.get(id)) {
        (_, None) => ("404 Not Found", Vec::new()),
        ("DELETE", Some(_)) => {
            state.secrets.remove(id);
            ("204 No Content", Vec::new())
        }
        (_, Some((_, payload))) if is_payload => ("200 OK", payload.clone()),
        (_, Some((kind, _))) => (
            "200 OK",
            format!(r#"{{"secret_type": "{kind}"}}"#).into_bytes(),
        ),
    }
}
