//! The format `yaml`, byte for byte as PyYAML's `safe_dump` writes it in block style.
//!
//! This module turns values into nodes and lays out mappings and sequences; how a single scalar is quoted and folded is
//! in `scalar`, what a plain word would mean in `resolve`.

mod resolve;
mod scalar;

use serde_json::{Map, Value};

use super::{Cell, Listing, python};
use scalar::Scalar;

/// One document per field, without marks between them.
///
/// Compat: cliff dumps each field by itself so that they keep their order; PyYAML would sort them.
pub(super) fn record(fields: &[(String, Cell)]) -> String {
    fields
        .iter()
        .map(|(name, cell)| {
            dump(&Value::Object(Map::from_iter([(
                name.clone(),
                cell.machine(),
            )])))
        })
        .collect()
}

/// A sequence with one mapping per row.
pub(super) fn listing(listing: &Listing) -> String {
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
    dump(&Value::Array(rows))
}

fn dump(value: &Value) -> String {
    let mut emitter = Emitter::new();
    emitter.node(value, Place::Root);
    emitter.indent();
    emitter.out
}

/// Where a node stands; a sequence directly in a mapping is not indented further.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Item,
    Member,
    SimpleKey,
}

/// The longest key, with its tag, that is written on the line of its value.
const SIMPLE_KEY_LIMIT: usize = 128;
/// The length of `!!str`, which PyYAML counts although it never writes it.
const STR_TAG_LENGTH: usize = 5;
const INDENT: usize = 2;

/// The state of the line being written. Names and rules follow the emitter of the YAML 1.1 reference.
struct Emitter {
    out: String,
    column: usize,
    /// The last character was white space, so no blank is needed before the next token.
    whitespace: bool,
    /// Only indentation and `-`, `?` or `:` stand on the line so far.
    indention: bool,
    indent: Option<usize>,
}

impl Emitter {
    fn new() -> Self {
        Self {
            out: String::new(),
            column: 0,
            whitespace: true,
            indention: true,
            indent: None,
        }
    }

    fn node(&mut self, value: &Value, place: Place) {
        match value {
            Value::Array(items) if items.is_empty() => self.empty("[", "]"),
            Value::Object(map) if map.is_empty() => self.empty("{", "}"),
            Value::Array(items) => self.sequence(items, place),
            Value::Object(map) => self.mapping(map),
            Value::String(text) => self.scalar(&Scalar::text(text), place),
            Value::Null => self.scalar(&Scalar::plain("null"), place),
            Value::Bool(value) => {
                self.scalar(&Scalar::plain(if *value { "true" } else { "false" }), place)
            }
            Value::Number(number) => self.scalar(&Scalar::plain(&number_text(number)), place),
        }
    }

    fn empty(&mut self, open: &str, close: &str) {
        self.indicator(open, true, true, false);
        self.indicator(close, false, false, false);
    }

    fn sequence(&mut self, items: &[Value], place: Place) {
        let outer = self.indent;
        let is_indentless = place == Place::Member && !self.indention;
        self.increase_indent(is_indentless);
        for item in items {
            self.indent();
            self.indicator("-", true, false, true);
            self.node(item, Place::Item);
        }
        self.indent = outer;
    }

    fn mapping(&mut self, map: &Map<String, Value>) {
        let outer = self.indent;
        self.increase_indent(false);
        let mut members: Vec<(&String, &Value)> = map.iter().collect();
        members.sort_by_key(|(key, _)| *key);
        for (key, value) in members {
            self.indent();
            let scalar = Scalar::text(key);
            let length = STR_TAG_LENGTH + key.chars().count();
            if length < SIMPLE_KEY_LIMIT && !key.is_empty() && !scalar.is_multiline() {
                self.scalar(&scalar, Place::SimpleKey);
                self.indicator(":", false, false, false);
            } else {
                self.indicator("?", true, false, true);
                self.scalar(&scalar, Place::Member);
                self.indent();
                self.indicator(":", true, false, true);
            }
            self.node(value, Place::Member);
        }
        self.indent = outer;
    }

    fn scalar(&mut self, scalar: &Scalar, place: Place) {
        let outer = self.indent;
        self.indent = Some(self.indent.map_or(INDENT, |indent| indent + INDENT));
        scalar.write(self, place == Place::SimpleKey);
        self.indent = outer;
    }

    fn increase_indent(&mut self, is_indentless: bool) {
        self.indent = match self.indent {
            None => Some(0),
            Some(indent) if is_indentless => Some(indent),
            Some(indent) => Some(indent + INDENT),
        };
    }

    fn indicator(
        &mut self,
        text: &str,
        needs_whitespace: bool,
        is_whitespace: bool,
        is_indention: bool,
    ) {
        if needs_whitespace && !self.whitespace {
            self.write(" ");
        }
        self.write(text);
        self.whitespace = is_whitespace;
        self.indention = self.indention && is_indention;
    }

    /// Goes to the current indentation, on a new line unless this one holds nothing but indentation.
    fn indent(&mut self) {
        let indent = self.indent.unwrap_or(0);
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.line_break('\n');
        }
        if self.column < indent {
            self.whitespace = true;
            self.write(&" ".repeat(indent - self.column));
        }
    }

    fn line_break(&mut self, mark: char) {
        self.out.push(mark);
        self.whitespace = true;
        self.indention = true;
        self.column = 0;
    }

    fn write(&mut self, text: &str) {
        self.column += text.chars().count();
        self.out.push_str(text);
    }
}

fn number_text(number: &serde_json::Number) -> String {
    let text = python::number_text(number);
    // An exponent without a fraction would be read as a word.
    if text.contains('e') && !text.contains('.') {
        text.replacen('e', ".0e", 1)
    } else {
        text
    }
}
