//! Prints JSON values as Python prints them: on one line as `repr` does, or over several as its `pprint` does, which is
//! how they appear in Glance's messages. Nothing is read back.

use serde_json::{Map, Number, Value};

use super::validate::Step;

/// Columns pretty text may take, as jsonschema asks for.
const WIDTH: usize = 72;

/// A value on one line.
pub(super) fn repr(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => repr_number(number),
        Value::String(text) => repr_text(text),
        Value::Array(items) => format!(
            "[{}]",
            items.iter().map(repr).collect::<Vec<_>>().join(", ")
        ),
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(name, member)| format!("{}: {}", repr_text(name), repr(member)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A container's name and the subscripts into it.
pub(super) fn indexed(container: &str, path: &[Step]) -> String {
    let subscripts = path.iter().map(|step| match step {
        Step::Key(key) => format!("[{}]", repr_text(key)),
        Step::Index(index) => format!("[{index}]"),
    });
    std::iter::once(container.to_owned())
        .chain(subscripts)
        .collect()
}

fn repr_number(number: &Number) -> String {
    if !number.is_f64() {
        return number.to_string();
    }
    let value = number.as_f64().unwrap_or_default();
    let magnitude = value.abs();
    if value == 0.0 || (1e-4..1e16).contains(&magnitude) {
        return format!("{value:?}");
    }
    // Rust leaves out the sign and the leading zero of the exponent.
    let scientific = format!("{value:e}");
    match scientific.split_once('e') {
        Some((digits, exponent)) => match exponent.strip_prefix('-') {
            Some(exponent) => format!("{digits}e-{exponent:0>2}"),
            None => format!("{digits}e+{exponent:0>2}"),
        },
        None => scientific,
    }
}

fn repr_text(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut result = String::with_capacity(text.len() + 2);
    result.push(quote);
    for character in text.chars() {
        match character {
            '\\' => result.push_str("\\\\"),
            '\n' => result.push_str("\\n"),
            '\r' => result.push_str("\\r"),
            '\t' => result.push_str("\\t"),
            _ if character == quote => result.extend(['\\', quote]),
            _ if is_printable(character) => result.push(character),
            _ => result.push_str(&match u32::from(character) {
                code @ ..=0xFF => format!("\\x{code:02x}"),
                code @ ..=0xFFFF => format!("\\u{code:04x}"),
                code => format!("\\U{code:08x}"),
            }),
        }
    }
    result.push(quote);
    result
}

/// Python and Rust agree on what is printable, but Rust also escapes a combining mark unless something precedes it.
fn is_printable(character: char) -> bool {
    character.is_ascii_graphic() || character == ' ' || {
        let mut text = String::from("a");
        text.push(character);
        text.escape_debug().eq(text.chars())
    }
}

/// A value over as many lines as it takes to stay within the width.
pub(super) fn pretty(value: &Value) -> String {
    let mut printer = Printer::default();
    printer.print(
        value,
        Place {
            indent: 0,
            behind: 0,
            depth: 0,
        },
    );
    printer.text
}

/// Where a value is printed.
#[derive(Clone, Copy)]
struct Place {
    /// The column in which it begins.
    indent: usize,
    /// Columns to leave free on its last line, for closing brackets and a comma.
    behind: usize,
    depth: usize,
}

impl Place {
    fn room(self) -> usize {
        WIDTH.saturating_sub(self.indent + self.behind)
    }
}

#[derive(Default)]
struct Printer {
    text: String,
}

impl Printer {
    fn print(&mut self, value: &Value, place: Place) {
        let line = repr(value);
        if columns(&line) <= place.room() {
            self.text.push_str(&line);
            return;
        }
        let inside = Place {
            depth: place.depth + 1,
            ..place
        };
        match value {
            Value::Object(members) => self.print_object(members, inside),
            Value::Array(items) => self.print_array(items, inside),
            Value::String(text) => self.print_text(text, inside),
            Value::Null | Value::Bool(_) | Value::Number(_) => self.text.push_str(&line),
        }
    }

    fn print_object(&mut self, members: &Map<String, Value>, place: Place) {
        self.text.push('{');
        for (at, (name, member)) in members.iter().enumerate() {
            let behind = self.separate(at, members.len(), place);
            let name = repr_text(name);
            self.text.push_str(&name);
            self.text.push_str(": ");
            self.print(
                member,
                Place {
                    indent: place.indent + 1 + columns(&name) + 2,
                    behind,
                    ..place
                },
            );
        }
        self.text.push('}');
    }

    fn print_array(&mut self, items: &[Value], place: Place) {
        self.text.push('[');
        for (at, item) in items.iter().enumerate() {
            let behind = self.separate(at, items.len(), place);
            self.print(
                item,
                Place {
                    indent: place.indent + 1,
                    behind,
                    ..place
                },
            );
        }
        self.text.push(']');
    }

    /// Begins the next entry's line, and says how much must stay free behind the entry.
    fn separate(&mut self, at: usize, count: usize, place: Place) -> usize {
        if at > 0 {
            self.text.push(',');
            self.new_line(place.indent + 1);
        }
        if at + 1 == count { place.behind + 1 } else { 1 }
    }

    /// Long text becomes literals below each other, broken after white space; on its own in parentheses.
    fn print_text(&mut self, text: &str, place: Place) {
        let is_alone = place.depth == 1;
        let extra = usize::from(is_alone);
        let place = Place {
            indent: place.indent + extra,
            behind: place.behind + extra,
            ..place
        };
        let literals = literals(text, place);
        let is_bracketed = is_alone && literals.len() > 1;
        if is_bracketed {
            self.text.push('(');
        }
        for (at, literal) in literals.iter().enumerate() {
            if at > 0 {
                self.new_line(place.indent);
            }
            self.text.push_str(literal);
        }
        if is_bracketed {
            self.text.push(')');
        }
    }

    fn new_line(&mut self, indent: usize) {
        self.text.push('\n');
        self.text.extend(std::iter::repeat_n(' ', indent));
    }
}

fn literals(text: &str, place: Place) -> Vec<String> {
    let full = WIDTH.saturating_sub(place.indent);
    let lines = split_after(text, ends_line);
    let mut literals = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let is_last_line = at + 1 == lines.len();
        let whole = repr_text(line);
        if columns(&whole) <= if is_last_line { place.room() } else { full } {
            literals.push(whole);
            continue;
        }
        let words = split_after(line, |character, next| {
            is_space(character) && !next.is_none_or(is_space)
        });
        let mut current = String::new();
        for (at, word) in words.iter().enumerate() {
            let is_last = is_last_line && at + 1 == words.len();
            let longer = format!("{current}{word}");
            if columns(&repr_text(&longer)) <= if is_last { place.room() } else { full } {
                current = longer;
                continue;
            }
            if !current.is_empty() {
                literals.push(repr_text(&current));
            }
            current = (*word).to_owned();
        }
        if !current.is_empty() {
            literals.push(repr_text(&current));
        }
    }
    literals
}

/// The characters Python's `splitlines` takes for the end of a line; a carriage return waits for its line feed.
fn ends_line(character: char, next: Option<char>) -> bool {
    match character {
        '\r' => next != Some('\n'),
        '\n' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}' => true,
        _ => false,
    }
}

/// White space as Python's expressions see it, with four separators Rust does not count.
fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}

/// Cuts the text behind every character for which `is_end`, given it and the next one.
fn split_after(text: &str, is_end: impl Fn(char, Option<char>) -> bool) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        if is_end(character, next) {
            let end = at + character.len_utf8();
            parts.push(&text[start..end]);
            start = end;
        }
    }
    if start < text.len() {
        parts.push(&text[start..]);
    }
    parts
}

/// Python counts characters, not what they take on a screen.
fn columns(text: &str) -> usize {
    text.chars().count()
}
