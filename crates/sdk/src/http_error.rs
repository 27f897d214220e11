//! What an HTTP error response says, in the words of openstacksdk.
//!
//! Scripts match on these texts, so they are reproduced to the byte: which class, and what of the body becomes the
//! details. Not its job: deciding which responses are errors.

use std::fmt;

use reqwest::Method;
use serde_json::Value;

/// The exception class openstacksdk raises for a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpErrorClass {
    /// 400.
    BadRequest,
    /// 403.
    Forbidden,
    /// 404.
    NotFound,
    /// 409.
    Conflict,
    /// 412.
    PreconditionFailed,
    /// Every other status from 400 on.
    Other,
}

impl HttpErrorClass {
    fn of(status: u16) -> Self {
        match status {
            400 => Self::BadRequest,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            409 => Self::Conflict,
            412 => Self::PreconditionFailed,
            _ => Self::Other,
        }
    }

    /// The name openstacksdk gives it, with which the message begins.
    pub fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "BadRequestException",
            Self::Forbidden => "ForbiddenException",
            Self::NotFound => "NotFoundException",
            Self::Conflict => "ConflictException",
            Self::PreconditionFailed => "PreconditionFailedException",
            Self::Other => "HttpException",
        }
    }
}

/// A response with status 400 or above.
///
/// Compat: its `Display` is `str()` of openstacksdk's exception, for example
/// `ForbiddenException: 403: Client Error for url: http://…/v2/images/…, You are not authorized …`.
#[derive(Debug, Clone)]
pub struct HttpError {
    /// The status code.
    pub status: u16,
    /// The request's method.
    pub method: Method,
    /// Where the response came from.
    pub url: String,
    /// What the body says went wrong, or the reason phrase when it says nothing.
    pub details: String,
    /// What stands in front of the details instead of class and status, where openstacksdk says something else:
    /// `No Image found for …`.
    pub label: Option<String>,
    /// `x-openstack-request-id`, by which the server's operator finds the request in the log.
    pub request_id: Option<String>,
}

impl HttpError {
    /// Which of openstacksdk's exceptions this is.
    pub fn class(&self) -> HttpErrorClass {
        HttpErrorClass::of(self.status)
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = if self.status < 500 {
            "Client"
        } else {
            "Server"
        };
        match &self.label {
            Some(label) => f.write_str(label)?,
            None => write!(f, "{}: {}", self.class().name(), self.status)?,
        }
        write!(f, ": {source} Error for url: {}", self.url)?;
        if self.details.is_empty() {
            Ok(())
        } else {
            write!(f, ", {}", self.details)
        }
    }
}

impl std::error::Error for HttpError {}

/// What to tell the user of an error response.
pub(crate) fn details(content_type: &str, body: &[u8], reason: &str) -> String {
    let text = || String::from_utf8_lossy(body).into_owned();
    let found = if body.is_empty() {
        String::new()
    } else if content_type.contains("application/json") {
        json_details(body).unwrap_or_else(text)
    } else if content_type.contains("text/html") {
        html_details(&text())
    } else {
        String::new()
    };
    match (found.is_empty(), reason.is_empty()) {
        (false, _) => found,
        (true, false) => reason.to_owned(),
        (true, true) => text(),
    }
}

/// The messages of a JSON error body, one a line; `None` where the body is not a JSON object.
fn json_details(body: &[u8]) -> Option<String> {
    let content = match serde_json::from_slice(body) {
        Ok(Value::Object(content)) => content,
        Ok(_) | Err(_) => return None,
    };
    let mut messages: Vec<String> = content.values().filter_map(message_of).collect();
    if messages.is_empty() {
        messages.extend(message_of(&Value::Object(content)));
    }
    Some(messages.join("\n"))
}

/// The message an object carries; a string may hold a JSON document once more (Ironic does that).
fn message_of(value: &Value) -> Option<String> {
    match value {
        Value::Object(object) => ["message", "faultstring"]
            .iter()
            .filter_map(|key| object.get(*key))
            .find_map(truthy_text),
        Value::String(text) => {
            let inner: Value = serde_json::from_str(text).ok()?;
            message_of(&inner)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    }
}

fn truthy_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Null | Value::String(_) | Value::Bool(false) => None,
        other => Some(other.to_string()),
    }
}

/// The distinct lines of an HTML page without their tags, joined by `: `.
fn html_details(page: &str) -> String {
    let mut messages: Vec<String> = Vec::new();
    for line in page.split(is_line_break) {
        let message = without_tags(line.trim());
        if !message.is_empty() && !messages.contains(&message) {
            messages.push(message);
        }
    }
    messages.join(": ")
}

/// Compat: what Python's `str.splitlines` breaks at.
fn is_line_break(c: char) -> bool {
    matches!(
        c,
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// Compat: the regular expression `<.+?>`, so `<>` alone is not a tag.
fn without_tags(line: &str) -> String {
    let mut rest = line;
    let mut out = String::with_capacity(line.len());
    while let Some(open) = rest.find('<') {
        let after_open = &rest[open + 1..];
        let first = after_open.chars().next().map_or(0, char::len_utf8);
        let close = after_open[first..].find('>');
        let Some(close) = close.filter(|_| first > 0) else {
            // No `>` behind this `<`, so there is none behind a later one either.
            break;
        };
        out.push_str(&rest[..open]);
        rest = &after_open[first + close + 1..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn tags_are_what_pythons_expression_matches(line in "[<>aé ]*") {
            let expression = regex::Regex::new("<.+?>").unwrap();
            prop_assert_eq!(without_tags(&line), expression.replace_all(&line, ""));
        }

        #[test]
        fn no_body_is_too_strange(body: Vec<u8>) {
            for content_type in ["application/json", "text/html", "text/plain", ""] {
                prop_assert_eq!(details(content_type, &[], "Reason"), "Reason");
                details(content_type, &body, "");
            }
        }
    }

    #[test]
    fn tags_go_and_what_is_no_tag_stays() {
        assert_eq!(without_tags("<h1>404 Not Found</h1>"), "404 Not Found");
        assert_eq!(without_tags("a < b"), "a < b");
        assert_eq!(without_tags("<>x>y"), "y", "as Python's re");
        assert_eq!(without_tags("<"), "<");
    }
}
