//! A fake image service: answers by a function of the request, remembers what it was asked.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value, json};

/// A request as the service got it.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// What the service answers.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(body: Value) -> Self {
        Self {
            status: 200,
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.to_string().into(),
        }
    }

    pub(crate) fn bytes(body: &[u8]) -> Self {
        Self {
            status: 200,
            headers: vec![("content-type", "application/octet-stream".to_owned())],
            body: body.to_vec(),
        }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// An error as Glance words it in HTML.
    pub(crate) fn error(status: u16, reason: &str, text: &str) -> Self {
        let body = format!(
            "<html>\n <head>\n  <title>{status} {reason}</title>\n </head>\n <body>\n  <h1>{status} {reason}</h1>\n  {text}<br /><br />\n\n\n\n </body>\n</html>"
        );
        Self {
            status,
            headers: vec![("content-type", "text/html; charset=UTF-8".to_owned())],
            body: body.into(),
        }
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

type Handler = dyn Fn(&Request) -> Option<Answer> + Send + Sync;

/// A running service.
pub(crate) struct Fake {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Fake {
    /// Starts a service that answers by `handler`; 404 where it has no answer.
    pub(crate) fn start(
        handler: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let handler: Arc<Handler> = Arc::new(handler);
        let (seen, base) = (Arc::clone(&requests), url.clone());
        // Ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (handler, seen, base) = (Arc::clone(&handler), Arc::clone(&seen), base.clone());
                thread::spawn(move || serve(&stream, &*handler, &seen, &base));
            }
        });
        Self { url, requests }
    }

    /// What was asked, without the discovery at the root: method, target, body.
    pub(crate) fn requests(&self) -> Vec<Request> {
        let all = self.requests.lock().unwrap();
        all.iter()
            .filter(|request| request.target != "/")
            .cloned()
            .collect()
    }
}

fn serve(stream: &TcpStream, handler: &Handler, seen: &Mutex<Vec<Request>>, base: &str) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader) {
        let answer = match request.target.as_str() {
            "/" => versions(base),
            _ => handler(&request).unwrap_or_else(|| {
                Answer::error(404, "Not Found", "The resource could not be found.")
            }),
        };
        seen.lock().unwrap().push(request);
        if write_answer(stream, &answer).is_err() {
            return;
        }
    }
}

fn versions(base: &str) -> Answer {
    let link = json!([{"rel": "self", "href": format!("{base}/v2/")}]);
    let mut answer = Answer::json(json!({"versions": [
        {"id": "v2.17", "status": "CURRENT", "links": link},
        {"id": "v2.0", "status": "SUPPORTED", "links": link},
    ]}));
    answer.status = 300;
    answer
}

fn read_request(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader
        .read_line(&mut line)
        .ok()
        .filter(|count| *count > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.insert(name.to_lowercase(), value.trim().to_owned()),
            None => break,
        };
    }
    let body = read_body(reader, &headers)?;
    Some(Request {
        method,
        target,
        headers,
        body,
    })
}

fn read_body(reader: &mut impl BufRead, headers: &BTreeMap<String, String>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    if headers
        .get("transfer-encoding")
        .is_some_and(|coding| coding == "chunked")
    {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let length = u64::from_str_radix(line.trim(), 16).ok()?;
            reader.take(length).read_to_end(&mut body).ok()?;
            reader.read_line(&mut String::new()).ok()?;
            if length == 0 {
                return Some(body);
            }
        }
    }
    let length = headers
        .get("content-length")
        .map_or(Some(0), |length| length.parse().ok())?;
    reader.take(length).read_to_end(&mut body).ok()?;
    Some(body)
}

fn write_answer(mut stream: &TcpStream, answer: &Answer) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} -\r\n", answer.status);
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if answer.status != 204 {
        head.push_str(&format!("content-length: {}\r\n", answer.body.len()));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    stream.write_all(&answer.body)
}
