//! JSON as Python's `json.dumps` writes it: a blank after every comma and colon.
//!
//! Compat: clients do not care, but people compare answers byte for byte when they swap one server for the other.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter};

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
        if first {
            Ok(())
        } else {
            writer.write_all(b", ")
        }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if !self.ascii || fragment.is_ascii() {
            return writer.write_all(fragment.as_bytes());
        }
        for character in fragment.chars() {
            if character.is_ascii() {
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
        serde_json::ser::CompactFormatter.write_char_escape(writer, escape)
    }
}

/// Writes `value`; with `ascii` everything else is escaped, as where Glance leaves `ensure_ascii` at its default.
pub(crate) fn python_json(value: &impl Serialize, ascii: bool) -> String {
    let mut text = Vec::with_capacity(512);
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, Python { ascii });
    // Writing to memory does not fail, and all keys are strings.
    let _ = value.serialize(&mut serializer);
    String::from_utf8(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn looks_like_json_dumps() {
        let value = json!({"a": [1, 2.5, null, true], "b": {"c": "é\u{1f600}\n"}});
        assert_eq!(
            python_json(&value, true),
            r#"{"a": [1, 2.5, null, true], "b": {"c": "\u00e9\ud83d\ude00\n"}}"#
        );
        assert_eq!(
            python_json(&value, false),
            "{\"a\": [1, 2.5, null, true], \"b\": {\"c\": \"é\u{1f600}\\n\"}}"
        );
    }
}
