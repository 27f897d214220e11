//! One YAML scalar: which style it may take, and how that style folds long lines.

use super::{Emitter, resolve};

/// Lines longer than this are folded at a blank.
const WIDTH: usize = 80;

/// The characters that end a line in YAML 1.1.
fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// A scalar and what its text allows.
pub(super) struct Scalar {
    text: Vec<char>,
    /// Written without quotes it is read back as what it is.
    is_plain_faithful: bool,
    allows_plain: bool,
    allows_single_quotes: bool,
    is_multiline: bool,
}

impl Scalar {
    /// Text, quoted wherever it would be read as something else.
    pub(super) fn text(text: &str) -> Self {
        let mut scalar = Self::analyse(text);
        scalar.is_plain_faithful = resolve::is_text(text);
        scalar
    }

    /// A number, a boolean or nothing, in a spelling that needs no quotes.
    pub(super) fn plain(text: &str) -> Self {
        Self::analyse(text)
    }

    pub(super) fn is_multiline(&self) -> bool {
        self.is_multiline
    }

    fn analyse(text: &str) -> Self {
        let text: Vec<char> = text.chars().collect();
        let Some((&first, &last)) = text.first().zip(text.last()) else {
            return Self {
                text,
                is_plain_faithful: true,
                allows_plain: true,
                allows_single_quotes: true,
                is_multiline: false,
            };
        };
        let is_special = text
            .iter()
            .any(|&c| !(c == '\n' || (' '..='~').contains(&c)));
        let is_multiline = text.iter().copied().any(is_break);
        let break_then_blank = text
            .windows(2)
            .any(|pair| is_break(pair[0]) && pair[1] == ' ');
        let blank_then_break = text
            .windows(2)
            .any(|pair| pair[0] == ' ' && is_break(pair[1]));
        let has_edge = [first, last].iter().any(|&c| c == ' ' || is_break(c));
        let allows_single_quotes = !break_then_blank && !blank_then_break && !is_special;
        Self {
            is_plain_faithful: true,
            allows_plain: allows_single_quotes
                && !has_edge
                && !is_multiline
                && !has_indicator(&text),
            allows_single_quotes,
            is_multiline,
            text,
        }
    }

    pub(super) fn write(&self, emitter: &mut Emitter, is_simple_key: bool) {
        let may_be_plain = !is_simple_key || !(self.text.is_empty() || self.is_multiline);
        let folds = !is_simple_key;
        if self.is_plain_faithful && self.allows_plain && may_be_plain {
            self.write_plain(emitter, folds);
        } else if self.allows_single_quotes && !(is_simple_key && self.is_multiline) {
            self.write_single_quoted(emitter, folds);
        } else {
            self.write_double_quoted(emitter, folds);
        }
    }

    fn slice(&self, start: usize, end: usize) -> String {
        self.text[start..end].iter().collect()
    }

    fn write_plain(&self, emitter: &mut Emitter, folds: bool) {
        if self.text.is_empty() {
            return;
        }
        if !emitter.whitespace {
            emitter.write(" ");
        }
        emitter.whitespace = false;
        emitter.indention = false;
        let mut start = 0;
        let mut in_blanks = false;
        // A plain scalar here never holds a line break, so there are only words and blanks.
        for end in 0..=self.text.len() {
            let c = self.text.get(end).copied();
            if in_blanks {
                if c != Some(' ') {
                    if start + 1 == end && emitter.column > WIDTH && folds {
                        emitter.indent();
                        emitter.whitespace = false;
                        emitter.indention = false;
                    } else {
                        emitter.write(&self.slice(start, end));
                    }
                    start = end;
                }
            } else if c.is_none_or(|c| c == ' ') {
                emitter.write(&self.slice(start, end));
                start = end;
            }
            in_blanks = c == Some(' ');
        }
    }

    fn write_single_quoted(&self, emitter: &mut Emitter, folds: bool) {
        emitter.indicator("'", true, false, false);
        let (mut in_blanks, mut in_breaks) = (false, false);
        let mut start = 0;
        for end in 0..=self.text.len() {
            let c = self.text.get(end).copied();
            if in_blanks {
                if c != Some(' ') {
                    let is_inside = start != 0 && end != self.text.len();
                    if start + 1 == end && emitter.column > WIDTH && folds && is_inside {
                        emitter.indent();
                    } else {
                        emitter.write(&self.slice(start, end));
                    }
                    start = end;
                }
            } else if in_breaks {
                if !c.is_some_and(is_break) {
                    if self.text[start] == '\n' {
                        emitter.line_break('\n');
                    }
                    for &mark in &self.text[start..end] {
                        emitter.line_break(mark);
                    }
                    emitter.indent();
                    start = end;
                }
            } else if c.is_none_or(|c| c == ' ' || c == '\'' || is_break(c)) && start < end {
                emitter.write(&self.slice(start, end));
                start = end;
            }
            if c == Some('\'') {
                emitter.write("''");
                start = end + 1;
            }
            in_blanks = c == Some(' ');
            in_breaks = c.is_some_and(is_break);
        }
        emitter.indicator("'", false, false, false);
    }

    fn write_double_quoted(&self, emitter: &mut Emitter, folds: bool) {
        emitter.indicator("\"", true, false, false);
        let length = self.text.len();
        let mut start = 0;
        for end in 0..=length {
            let c = self.text.get(end).copied();
            if c.is_none_or(needs_escape) {
                if start < end {
                    emitter.write(&self.slice(start, end));
                    start = end;
                }
                if let Some(c) = c {
                    emitter.write(&escape(c));
                    start = end + 1;
                }
            }
            let is_inside = 0 < end && end + 1 < length;
            // The column may not count the text that is still to be written.
            let pending = end.saturating_sub(start);
            let column = if start > end {
                emitter.column - 1
            } else {
                emitter.column + pending
            };
            if is_inside && (c == Some(' ') || start >= end) && column > WIDTH && folds {
                let text = if start < end {
                    self.slice(start, end)
                } else {
                    String::new()
                };
                if start < end {
                    start = end;
                }
                emitter.write(&(text + "\\"));
                emitter.indent();
                emitter.whitespace = false;
                emitter.indention = false;
                if self.text[start] == ' ' {
                    emitter.write("\\");
                }
            }
        }
        emitter.indicator("\"", false, false, false);
    }
}

/// Whether a character of the text has a meaning of its own in a plain block scalar.
fn has_indicator(text: &[char]) -> bool {
    let is_space = |c: char| matches!(c, '\0' | ' ' | '\t' | '\r') || is_break(c);
    let followed_by_space = |index: usize| text.get(index + 1).copied().is_none_or(is_space);
    let starts_with = |mark: &str| text.len() >= 3 && mark.chars().eq(text[..3].iter().copied());
    if starts_with("---") || starts_with("...") {
        return true;
    }
    text.iter().enumerate().any(|(index, &c)| match (index, c) {
        (
            0,
            '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%'
            | '@' | '`',
        ) => true,
        (0, '?' | ':' | '-') => followed_by_space(0),
        (_, ':') => followed_by_space(index),
        (_, '#') => is_space(text[index - 1]),
        _ => false,
    })
}

fn needs_escape(c: char) -> bool {
    matches!(c, '"' | '\\') || !(' '..='~').contains(&c)
}

fn escape(c: char) -> String {
    let short = match c {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '"' => '"',
        '\\' => '\\',
        '\u{85}' => 'N',
        '\u{a0}' => '_',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        _ => {
            return match u32::from(c) {
                code @ 0..=0xff => format!("\\x{code:02X}"),
                code @ 0x100..=0xffff => format!("\\u{code:04X}"),
                code => format!("\\U{code:08X}"),
            };
        }
    };
    format!("\\{short}")
}
