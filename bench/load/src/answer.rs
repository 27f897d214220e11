//! Finds the end of an answer.

/// What is known of an answer that is arriving.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    bytes: Vec<u8>,
    head: Option<Head>,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    length: usize,
    status: u16,
    body: Body,
    closes: bool,
}

#[derive(Debug, Clone, Copy)]
enum Body {
    Sized(usize),
    Chunked,
    UntilClose,
}

impl Answer {
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.head = None;
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        if self.head.is_none() {
            self.head = read_head(&self.bytes);
        }
    }

    pub(crate) fn is_complete(&self, at_end: bool) -> bool {
        let Some(head) = self.head else { return false };
        match head.body {
            Body::Sized(length) => self.bytes.len() >= head.length + length,
            Body::Chunked => self.bytes[head.length..].ends_with(b"0\r\n\r\n"),
            Body::UntilClose => at_end,
        }
    }

    /// Whether the connection is not to be used again.
    pub(crate) fn closes(&self) -> bool {
        self.head
            .is_none_or(|head| head.closes || matches!(head.body, Body::UntilClose))
    }

    /// 0 for no answer.
    pub(crate) fn status(&self) -> u16 {
        self.head.map_or(0, |head| head.status)
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
}

fn read_head(bytes: &[u8]) -> Option<Head> {
    let length = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..length]).to_lowercase();
    let mut lines = text.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut head = Head {
        length,
        status,
        body: match status {
            100..200 | 204 | 304 => Body::Sized(0),
            _ => Body::UntilClose,
        },
        closes: false,
    };
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        match (name, value.trim()) {
            ("content-length", value) => head.body = Body::Sized(value.parse().ok()?),
            ("transfer-encoding", "chunked") => head.body = Body::Chunked,
            ("connection", "close") => head.closes = true,
            _ => {}
        }
    }
    Some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrives(text: &str, at_end: bool) -> (bool, u16, bool) {
        let mut answer = Answer::default();
        for byte in text.as_bytes() {
            assert!(answer.len() + 1 == text.len() || !answer.is_complete(false) || at_end);
            answer.add(&[*byte]);
        }
        (answer.is_complete(at_end), answer.status(), answer.closes())
    }

    #[test]
    fn ends_where_the_head_says() {
        for (text, at_end, expected) in [
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
                false,
                (true, 200, false),
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no",
                false,
                (false, 200, false),
            ),
            (
                "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
                false,
                (true, 204, true),
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
                false,
                (true, 200, false),
            ),
            ("HTTP/1.0 200 OK\r\n\r\nok", false, (false, 200, true)),
            ("HTTP/1.0 200 OK\r\n\r\nok", true, (true, 200, true)),
        ] {
            assert_eq!(arrives(text, at_end), expected, "{text:?}");
        }
    }
}
