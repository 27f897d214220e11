//! JSON as Python's `json.dumps` writes it: a blank after every comma and colon.
//!
//! Compat: clients do not care, but people compare answers and logs byte for byte when they swap one server for the other.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::Formatter;

struct Python {
    ascii: bool,
}

impl Formatter for Python {
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
        if !self.ascii || fragment.bytes().all(is_printable) {
            return writer.write_all(fragment.as_bytes());
        }
        for character in fragment.chars() {
            match u8::try_from(character) {
                Ok(byte) if is_printable(byte) => writer.write_all(&[byte])?,
                _ => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        write!(writer, "\\u{unit:04x}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// What Python leaves as it is with `ensure_ascii`: it escapes DEL as well.
fn is_printable(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte)
}

/// Writes `value` on one line; with `ascii` all that is not printable ASCII is escaped, as with `ensure_ascii`.
#[must_use]
pub fn python_json(value: &impl Serialize, ascii: bool) -> String {
    python_json_of_size(1024, value, ascii)
}

/// As [`python_json`], of what will take about so many bytes: a long text is copied each time it has outgrown its place.
#[must_use]
pub fn python_json_of_size(bytes: usize, value: &impl Serialize, ascii: bool) -> String {
    let mut text = Vec::with_capacity(bytes);
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, Python { ascii });
    // Writing to memory does not fail, and all keys are strings.
    let _ = value.serialize(&mut serializer);
    String::from_utf8(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn looks_like_json_dumps() {
        let value = json!({"a": [1, 2.5, null, true, {}], "b": {"c": "é\u{1f600}\n\u{7f}\""}});
        assert_eq!(
            python_json(&value, true),
            r#"{"a": [1, 2.5, null, true, {}], "b": {"c": "\u00e9\ud83d\ude00\n\u007f\""}}"#
        );
        assert_eq!(
            python_json(&value, false),
            "{\"a\": [1, 2.5, null, true, {}], \"b\": {\"c\": \"é\u{1f600}\\n\u{7f}\\\"\"}}"
        );
    }

    proptest! {
        #[test]
        fn ascii_is_printable_and_says_the_same(text in any::<String>(), name in any::<String>()) {
            let value = json!({ name: [text, 1, null, {"a": true}] });
            let line = python_json(&value, true);
            assert!(line.bytes().all(is_printable), "{line:?}");
            assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), value);
        }
    }
}
