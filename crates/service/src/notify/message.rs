//! A notification as it travels: oslo.messaging's six fields around a payload, and the text of it.

use std::io::{self, Write};

use chrono::Utc;
use serde::Serialize;
use serde_json::{
    Serializer, Value, json,
    ser::{CharEscape, Formatter},
};
use uuid::Uuid;

use super::{Event, Priority};

/// The message; drivers put it into envelopes of theirs.
pub(super) fn message(
    publisher_id: &str,
    event: Event,
    priority: Priority,
    payload: Value,
) -> Value {
    json!({
        "message_id": Uuid::new_v4().to_string(),
        "publisher_id": publisher_id,
        "event_type": event.word(),
        "priority": priority.word(),
        "payload": payload,
        "timestamp": Utc::now().format("%Y-%m-%d %H:%M:%S%.6f").to_string(),
    })
}

/// One line of ASCII.
///
/// Compat: the form of Python's `json.dumps`. Whatever a client called its image, a log viewer sees no control character
/// and no second line.
pub(super) fn line(message: &Value) -> String {
    let mut text = Vec::with_capacity(1024);
    let mut serializer = Serializer::with_formatter(&mut text, Ascii);
    // Writing a value into memory does not fail.
    let _ = message.serialize(&mut serializer);
    String::from_utf8(text).unwrap_or_default()
}

struct Ascii;

impl Formatter for Ascii {
    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first {
            Ok(())
        } else {
            writer.write_all(b", ")
        }
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.begin_array_value(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for character in fragment.chars() {
            if character.is_ascii() && !character.is_ascii_control() {
                writer.write_all(&[character as u8])?;
            } else {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }

    fn write_char_escape<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        match escape {
            CharEscape::AsciiControl(byte) => write!(writer, "\\u{byte:04x}"),
            CharEscape::Quote => writer.write_all(b"\\\""),
            CharEscape::ReverseSolidus => writer.write_all(b"\\\\"),
            CharEscape::Solidus => writer.write_all(b"/"),
            CharEscape::Backspace => writer.write_all(b"\\b"),
            CharEscape::FormFeed => writer.write_all(b"\\f"),
            CharEscape::LineFeed => writer.write_all(b"\\n"),
            CharEscape::CarriageReturn => writer.write_all(b"\\r"),
            CharEscape::Tab => writer.write_all(b"\\t"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;

    proptest! {
        #[test]
        fn a_line_is_printable_and_says_the_same(text in any::<String>(), name in any::<String>()) {
            let value = json!({ name: [text, 1, null, {"a": true}] });
            let line = line(&value);
            assert!(line.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{line:?}");
            assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), value);
        }
    }

    #[test]
    fn a_line_looks_as_python_writes_it() {
        let value = json!({"a": "ü\n\u{7f}\u{1f4bf}\"", "b": [1, {}]});
        assert_eq!(
            line(&value),
            r#"{"a": "\u00fc\n\u007f\ud83d\udcbf\"", "b": [1, {}]}"#
        );
    }

    #[test]
    fn a_message_has_the_six_fields_in_their_order() {
        let message = message("me", Event::ImageSend, Priority::Error, json!({"a": 1}));
        let members: Vec<_> = message.as_object().unwrap().keys().collect();
        assert_eq!(
            members,
            [
                "message_id",
                "publisher_id",
                "event_type",
                "priority",
                "payload",
                "timestamp"
            ]
        );
        assert_eq!(message["event_type"], "image.send");
        assert_eq!(message["priority"], "ERROR");
        let time = message["timestamp"].as_str().unwrap();
        assert!(chrono::NaiveDateTime::parse_from_str(time, "%Y-%m-%d %H:%M:%S%.f").is_ok());
        assert_eq!(time.len(), "2026-11-22 18:32:32.592876".len());
    }
}
