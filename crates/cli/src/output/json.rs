//! The format `json`: one document, two spaces of indentation, ASCII only, as Python's `json.dump` writes it.

use std::fmt::Write;

use serde_json::{Map, Value};

use super::{Cell, Listing, Options, python};

/// An object with one member per field.
pub(super) fn record(fields: &[(String, Cell)], options: &Options) -> String {
    let map: Map<String, Value> = fields
        .iter()
        .map(|(name, cell)| (name.clone(), cell.machine()))
        .collect();
    document(&Value::Object(map), options)
}

/// An array with one object per row.
pub(super) fn listing(listing: &Listing, options: &Options) -> String {
    let rows = listing
        .rows
        .iter()
        .map(|row| {
            let members = listing
                .columns
                .iter()
                .zip(row)
                .map(|(name, cell)| (name.clone(), cell.machine()));
            Value::Object(members.collect())
        })
        .collect();
    document(&Value::Array(rows), options)
}

fn document(value: &Value, options: &Options) -> String {
    let mut out = String::new();
    write_value(
        &mut out,
        value,
        if options.no_indent { None } else { Some(0) },
    );
    out.push('\n');
    out
}

fn write_value(out: &mut String, value: &Value, depth: Option<usize>) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&python::number_text(number)),
        Value::String(text) => write_string(out, text),
        Value::Array(items) if items.is_empty() => out.push_str("[]"),
        Value::Object(map) if map.is_empty() => out.push_str("{}"),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                separate(out, index, depth);
                write_value(out, item, depth.map(|depth| depth + 1));
            }
            line_break(out, depth);
            out.push(']');
        }
        Value::Object(map) => {
            out.push('{');
            for (index, (key, item)) in map.iter().enumerate() {
                separate(out, index, depth);
                write_string(out, key);
                out.push_str(": ");
                write_value(out, item, depth.map(|depth| depth + 1));
            }
            line_break(out, depth);
            out.push('}');
        }
    }
}

fn separate(out: &mut String, index: usize, depth: Option<usize>) {
    if index > 0 {
        out.push_str(if depth.is_some() { "," } else { ", " });
    }
    line_break(out, depth.map(|depth| depth + 1));
}

fn line_break(out: &mut String, depth: Option<usize>) {
    if let Some(depth) = depth {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    }
}

fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a string does not fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}
