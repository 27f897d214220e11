//! Requests nobody should send, each made of one that somebody might.

use fastrand::Rng;
use serde_json::Value;

use crate::{
    document::{Operation, Parameter},
    json::{bend, break_text, fitting, text, uuid},
    names::Names,
};

/// Bytes for a connection, and what should come back.
pub(crate) struct Request {
    /// Each is sent on its own.
    pub(crate) pieces: Vec<Vec<u8>>,
    pub(crate) expected: Expected,
}

/// What should come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// One answer. `operation` is what was asked, if it is one of those documented, by its place in the list.
    Answer {
        operation: Option<usize>,
        is_head: bool,
        is_unknown_method: bool,
    },
    /// Whatever the server makes of it. The sending side is closed, so that it does not wait for more.
    Anything,
    /// Nobody waits for it.
    Nothing,
}

const METHODS: &[&str] = &[
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE",
];

/// Methods HTTP leaves to others; the only requests that 501 is right for.
const OTHER_METHODS: &[&str] = &[
    "PROPFIND",
    "BREW",
    "get",
    "G",
    "LINK",
    "X-!#$%&'*+.^_`|~9",
    "SEARCH",
];

const MEDIA_TYPES: &[&str] = &[
    "application/json",
    "application/octet-stream",
    "application/openstack-images-v2.0-json-patch",
    "application/openstack-images-v2.1-json-patch",
    "application/json; charset=utf-16",
    "text/plain",
    "multipart/form-data; boundary=x",
    "",
    ";",
    "\u{e4}/\u{e4}",
];

const ACCEPTS: &[&str] = &[
    "application/json",
    "text/html",
    "text/plain",
    "*/*",
    "",
    ",,;q=,",
    "application/json;q=nan, text/html;q=2",
    "application/vnd.openstack.images-v2.5",
    "application/vnd.openstack.images-v99999999999999999999.1",
];

const RANGES: &[&str] = &[
    "bytes=0-0",
    "bytes=0-99",
    "bytes=-1",
    "bytes=-0",
    "bytes=5-",
    "bytes=9-1",
    "bytes=0-1,3-4",
    "bytes=18446744073709551615-18446744073709551615",
    "bytes=-99999999999999999999999",
    "bytes=",
    "lines=1-2",
    "bytes 0-1/2048",
    "bytes 0-0/*",
    "bytes */*",
    "bytes 18446744073709551615-18446744073709551615/*",
    "bytes 0-2047/2048",
    "bytes 1-0/1",
];

/// Headers that mean something to somebody, with values that do not.
const HEADERS: &[(&str, &[&str])] = &[
    ("Accept", ACCEPTS),
    ("Range", RANGES),
    ("Content-Range", RANGES),
    ("If-None-Match", &["*", "\"x\"", "W/\"\",,"]),
    ("If-Modified-Since", &["yesterday"]),
    ("Origin", &["null", "https://x.example", "*"]),
    ("Access-Control-Request-Method", &["PUT", "\u{e4}"]),
    ("Access-Control-Request-Headers", &[",,", "x-auth-token"]),
    ("X-Auth-Token", &["", "x", "gAAAA"]),
    ("X-Identity-Status", &["Confirmed", "Invalid"]),
    ("X-Roles", &["admin", ",,,", "\u{e4}"]),
    ("X-Project-Id", &["x", ""]),
    ("X-Openstack-Request-Id", &["req-x", "\u{e4}"]),
    ("X-Forwarded-Proto", &["https", "\u{e4}"]),
    ("X-Forwarded-Host", &["x.example", "a b"]),
    (
        "X-Image-Meta-Store",
        &["fast", "slow", "nowhere", "fast,slow", ""],
    ),
    (
        "X-OpenStack-Image-Size",
        &["0", "-1", "x", "10", "99999999999999999999"],
    ),
    (
        "x-image-cache-clear-target",
        &["cache", "queue", "both", "x"],
    ),
    ("x-openstack-append", &["true", "x"]),
    ("Content-Encoding", &["gzip", "x"]),
    ("Expect", &["100-continue", "200-maybe"]),
    (
        "Connection",
        &["close", "keep-alive", "upgrade", "x-auth-token"],
    ),
    ("Upgrade", &["h2c", "websocket"]),
    ("Cookie", &["x"]),
    ("Host", &["", "x", "[::1", "a b", "127.0.0.1:99999"]),
];

/// Makes requests out of operations.
pub(crate) struct Maker<'a> {
    pub(crate) operations: &'a [Operation],
    pub(crate) rng: Rng,
}

impl Maker<'_> {
    /// The next request.
    pub(crate) fn next(&mut self, names: &Names) -> Request {
        match self.rng.u8(..100) {
            0..75 => self.asked(names),
            75..84 => self.lost(names),
            84..95 => self.broken(names),
            95..98 => self.pipelined(names),
            _ => self.abandoned(names),
        }
    }

    /// An operation, well formed as HTTP, with anything else wrong.
    fn asked(&mut self, names: &Names) -> Request {
        let operations = self.operations;
        let at = self.rng.usize(..operations.len());
        let operation = &operations[at];
        let (path, is_known) = self.path(&operation.path, names);
        let query = self.query(&operation.queries, names);
        let mut headers = self.headers(&operation.headers, names);
        let body = self.body(operation, &mut headers);
        let is_version = headers.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("accept") && value.starts_with("application/vnd")
        });
        let is_kept = is_known && !is_version;
        let head = head(&operation.method, &format!("{path}{query}"), &headers);
        let pieces = self.cut([head, body].concat());
        Request {
            pieces,
            expected: Expected::Answer {
                operation: is_kept.then_some(at),
                is_head: false,
                is_unknown_method: false,
            },
        }
    }

    /// A path that leads nowhere or a method that is not taken there.
    fn lost(&mut self, names: &Names) -> Request {
        let operation = &self.operations[self.rng.usize(..self.operations.len())];
        let path = match self.rng.u8(..6) {
            0 => format!("/{}", "a/".repeat(self.rng.usize(..2_000))),
            1 => format!("/v2/{}", escaped(&text(&mut self.rng), 3_000)),
            2 => format!("/v2//images/../{}", escaped(&text(&mut self.rng), 100)),
            3 => format!(
                "{}/{}",
                self.path(&operation.path, names).0,
                self.rng.lowercase()
            ),
            4 => [
                "*",
                "http://x.example/v2/images",
                "/v2.5/images",
                "/v2.99999999999/x",
                "/versions/x?y#z",
            ][self.rng.usize(..5)]
            .to_owned(),
            _ => self.path(&operation.path, names).0,
        };
        let is_unknown_method = self.rng.u8(..4) == 0;
        let methods = if is_unknown_method {
            OTHER_METHODS
        } else {
            METHODS
        };
        let method = methods[self.rng.usize(..methods.len())];
        let mut headers = self.headers(&[], names);
        let body = if self.rng.bool() {
            self.body(operation, &mut headers)
        } else {
            Vec::new()
        };
        Request {
            pieces: self.cut([head(method, &path, &headers), body].concat()),
            expected: Expected::Answer {
                operation: None,
                is_head: method == "HEAD",
                is_unknown_method,
            },
        }
    }

    /// What is no HTTP.
    fn broken(&mut self, names: &Names) -> Request {
        let mut bytes = self.asked(names).pieces.concat();
        let rng = &mut self.rng;
        let line = |text: &str| format!("{text}\r\nHost: x\r\n\r\n").into_bytes();
        let post = |headers: &str, body: &str| {
            format!("POST /v2/images HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{headers}\r\n{body}").into_bytes()
        };
        match rng.u8(..24) {
            0 => {
                let at = rng.usize(..=bytes.len().min(400));
                bytes.insert(at, rng.u8(..));
            }
            1 => {
                for _ in 0..rng.usize(1..30) {
                    let at = rng.usize(..bytes.len());
                    bytes[at] = rng.u8(..);
                }
            }
            2 => bytes.truncate(rng.usize(..bytes.len())),
            3 => bytes = (0..rng.usize(..3_000)).map(|_| rng.u8(..)).collect(),
            4 => bytes = post("Transfer-Encoding: chunked\r\n", "zz\r\nxx\r\n0\r\n\r\n"),
            5 => {
                bytes = post(
                    "Transfer-Encoding: chunked\r\n",
                    "ffffffffffffffff\r\n{}\r\n0\r\n\r\n",
                )
            }
            6 => {
                bytes = post(
                    "Transfer-Encoding: chunked\r\n",
                    "2;x=\"\r\n{}\r\n0\r\nX: y\r\n\r\n",
                )
            }
            7 => {
                bytes = post(
                    "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
                    "2\r\n{}\r\n0\r\n\r\n",
                )
            }
            8 => {
                bytes = post(
                    "Transfer-Encoding: gzip, chunked, chunked\r\n",
                    "2\r\n{}\r\n0\r\n\r\n",
                )
            }
            9 => bytes = post("Content-Length: 2\r\nContent-Length: 3\r\n", "{}}"),
            10 => bytes = post("Content-Length: -1\r\n", "{}"),
            11 => bytes = post("Content-Length: 18446744073709551616\r\n", "{}"),
            12 => bytes = post("Content-Length: 18446744073709551615\r\n", "{}"),
            13 => bytes = post("Content-Length: +2\r\n", "{}"),
            14 => bytes = post("X: y\r\n folded: z\r\nContent-Length: 2\r\n", "{}"),
            15 => {
                bytes = line(&format!(
                    "GET /v2/images?{} HTTP/1.1",
                    "x".repeat(rng.usize(..200_000))
                ))
            }
            16 => {
                let header = format!("X-{}: {}\r\n", rng.u32(..), "y".repeat(rng.usize(..2_000)));
                let all = header.repeat(rng.usize(..200));
                bytes = format!("GET /v2/images HTTP/1.1\r\nHost: x\r\n{all}\r\n").into_bytes();
            }
            17 => bytes = line("GET /v2/images HTTP/9.9"),
            18 => bytes = line("GET /v2/images"),
            19 => bytes = line("CONNECT x.example:443 HTTP/1.1"),
            20 => bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec(),
            21 => bytes = b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".repeat(rng.usize(1..50)),
            22 => bytes = b"GET /v2/im\0ages HTTP/1.1\r\nX\0: \0\r\n\r\n".to_vec(),
            _ => bytes = b"\r\n".repeat(rng.usize(..5_000)),
        }
        Request {
            pieces: self.cut(bytes),
            expected: Expected::Anything,
        }
    }

    /// Several at once, some of which end the connection for those behind them.
    fn pipelined(&mut self, names: &Names) -> Request {
        let count = self.rng.usize(2..8);
        let bytes: Vec<u8> = (0..count)
            .flat_map(|_| self.asked(names).pieces.concat())
            .collect();
        Request {
            pieces: self.cut(bytes),
            expected: Expected::Anything,
        }
    }

    /// A client that leaves in the middle.
    fn abandoned(&mut self, names: &Names) -> Request {
        let mut bytes = self.asked(names).pieces.concat();
        bytes.truncate(self.rng.usize(1..=bytes.len()));
        Request {
            pieces: vec![bytes],
            expected: Expected::Nothing,
        }
    }

    /// In one piece, or in a few.
    fn cut(&mut self, mut bytes: Vec<u8>) -> Vec<Vec<u8>> {
        let mut pieces = Vec::new();
        if self.rng.u8(..8) == 0 {
            for _ in 0..self.rng.usize(1..4) {
                let rest = bytes.split_off(self.rng.usize(..=bytes.len()));
                pieces.push(std::mem::replace(&mut bytes, rest));
            }
        }
        pieces.push(bytes);
        pieces
    }

    /// The path with its parameters filled in, and whether the server must still take it for that path.
    fn path(&mut self, path: &str, names: &Names) -> (String, bool) {
        let mut is_known = true;
        let mut filled = String::new();
        let mut before = "";
        for segment in path.split('/').skip(1) {
            filled.push('/');
            let Some(name) = segment
                .strip_prefix('{')
                .and_then(|rest| rest.strip_suffix('}'))
            else {
                filled.push_str(segment);
                before = segment;
                continue;
            };
            match self.rng.u8(..10) {
                0..7 => {
                    let value = names.pick(&mut self.rng, name, before);
                    filled.push_str(&escaped(&value, 300));
                }
                7 => filled.push_str(&uuid(&mut self.rng)),
                8 => {
                    let value = text(&mut self.rng);
                    is_known &= !value.is_empty() && !value.contains('/') && value.len() < 1_000;
                    // What is no id can be the name of another route.
                    is_known &= !matches!(before, "cache");
                    filled.push_str(&escaped(&value, 3_000));
                }
                _ => {
                    let odd = [
                        "%", "%zz", "%ff", "%c3%28", "%00", "%2e%2e", "..", ".", "%2f", "+",
                        "%e2%82",
                    ];
                    is_known = false;
                    filled.push_str(odd[self.rng.usize(..odd.len())]);
                }
            }
            before = segment;
        }
        (filled, is_known)
    }

    fn query(&mut self, parameters: &[Parameter], names: &Names) -> String {
        let rng = &mut self.rng;
        if rng.bool() {
            return String::new();
        }
        let mut query = String::from("?");
        for _ in 0..rng.usize(..4) {
            let known =
                (!parameters.is_empty()).then(|| &parameters[rng.usize(..parameters.len())]);
            let (name, schema) = match known.filter(|_| rng.u8(..5) > 0) {
                Some(parameter) => (parameter.name.clone(), parameter.schema.clone()),
                None => (text(rng), Value::Null),
            };
            let value = match rng.u8(..6) {
                0 => text(rng),
                1 => format!(
                    "{}:{}",
                    ["in", "gt", "neq", "like", ""][rng.usize(..5)],
                    text(rng)
                ),
                2 => names.pick(rng, "id", "images"),
                _ => match fitting(rng, &schema) {
                    Value::String(text) => text,
                    other => other.to_string(),
                },
            };
            query.push_str(&escaped(&name, 300));
            if rng.u8(..20) > 0 {
                query.push('=');
            }
            query.push_str(&escaped(&value, 3_000));
            query.push_str(
                ["&", "&&", ";", "&%ff=%ff&"][if rng.u8(..10) > 0 { 0 } else { rng.usize(..4) }],
            );
        }
        query
    }

    fn headers(&mut self, parameters: &[Parameter], names: &Names) -> Vec<(String, String)> {
        let mut headers = vec![("Host".to_owned(), "127.0.0.1".to_owned())];
        let rng = &mut self.rng;
        for parameter in parameters {
            if rng.u8(..3) == 0 {
                let value = match fitting(rng, &parameter.schema) {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                headers.push((parameter.name.clone(), value));
            }
        }
        for _ in 0..rng.usize(..4) {
            let (name, values) = HEADERS[rng.usize(..HEADERS.len())];
            let value = match rng.u8(..8) {
                0 => text(rng),
                1 => names.pick(rng, "id", "images"),
                _ => values[rng.usize(..values.len())].to_owned(),
            };
            headers.push((name.to_owned(), value));
        }
        // In a header stands one line, of a length that hyper takes.
        for (_, value) in &mut headers {
            value.retain(|character| !character.is_control());
            value.truncate(value.floor_char_boundary(2_000));
        }
        headers
    }

    /// A body, with the headers that go with it.
    fn body(&mut self, operation: &Operation, headers: &mut Vec<(String, String)>) -> Vec<u8> {
        let rng = &mut self.rng;
        let is_wanted = !operation.bodies.is_empty();
        if is_wanted == (rng.u8(..25) == 0) {
            if rng.u8(..4) == 0 {
                headers.push(("Content-Length".to_owned(), "0".to_owned()));
            }
            return Vec::new();
        }
        let mut media_type = MEDIA_TYPES[rng.usize(..MEDIA_TYPES.len())].to_owned();
        let mut bytes = Vec::new();
        if is_wanted {
            let (right, schema) = &operation.bodies[rng.usize(..operation.bodies.len())];
            if rng.u8(..10) > 0 {
                media_type.clone_from(right);
            }
            if right == "application/octet-stream" {
                bytes = vec![rng.u8(..); rng.usize(..4_000)];
            } else {
                let mut value = fitting(rng, schema);
                for _ in 0..rng.usize(..4).saturating_sub(1) {
                    bend(rng, &mut value);
                }
                bytes = value.to_string().into_bytes();
                if rng.u8(..8) == 0 {
                    break_text(rng, &mut bytes);
                }
            }
        } else {
            break_text(rng, &mut bytes);
        }
        headers.push(("Content-Type".to_owned(), media_type));
        if rng.u8(..5) > 0 {
            headers.push(("Content-Length".to_owned(), bytes.len().to_string()));
            return bytes;
        }
        headers.push(("Transfer-Encoding".to_owned(), "chunked".to_owned()));
        let mut chunked = Vec::new();
        for chunk in bytes.chunks(rng.usize(1..5_000)) {
            chunked.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            chunked.extend_from_slice(chunk);
            chunked.extend_from_slice(b"\r\n");
        }
        chunked.extend_from_slice(b"0\r\n\r\n");
        chunked
    }
}

fn head(method: &str, target: &str, headers: &[(String, String)]) -> Vec<u8> {
    let mut head = format!("{method} {target} HTTP/1.1\r\n").into_bytes();
    for (name, value) in headers {
        head.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// What may stand in a request line stays, so that much of it gets as far as the handlers; at most `length` bytes.
pub(crate) fn escaped(text: &str, length: usize) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:@!$'()*,".contains(&byte) {
            escaped.push(byte as char);
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
        if escaped.len() >= length {
            break;
        }
    }
    escaped
}
