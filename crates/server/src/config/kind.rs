//! The types an option can have, and how a text becomes a value of one.

use super::ini::is_space;

/// A value of any type.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Unset, or a number left empty.
    None,
    Str(String),
    /// Wide enough for every bound Glance has, one of which is 2^63.
    Int(i128),
    Float(f64),
    Bool(bool),
    List(Vec<Value>),
    Dict(Vec<(String, String)>),
}

/// The type of an option.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Str,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A whole number within bounds; absent bounds are the type's own.
    Int {
        min: i128,
        max: i128,
    },
    Float {
        min: f64,
    },
    Bool,
    /// `a,b`, or `[a,b]`.
    List {
        item: Item,
        has_brackets: bool,
    },
    /// `key:value,key:value`.
    Dict,
    /// May be set several times; every value counts.
    MultiStr,
}

/// The type of an item of a list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Item {
    Str,
    Choice(&'static [&'static str]),
}

impl Kind {
    pub(super) const INT: Self = Self::at_least(i128::MIN);
    pub(super) const PORT: Self = Self::Int { min: 0, max: 65535 };
    pub(super) const LIST: Self = Self::List {
        item: Item::Str,
        has_brackets: false,
    };

    pub(super) const fn at_least(min: i128) -> Self {
        Self::Int {
            min,
            max: i128::MAX,
        }
    }

    /// Reads a text; `None` when it is no such value.
    pub(super) fn parse(self, text: &str) -> Option<Value> {
        match self {
            Self::Str | Self::MultiStr => Some(Value::Str(text.to_owned())),
            Self::Choice(words) => words.contains(&text).then(|| Value::Str(text.to_owned())),
            Self::Int { min, max } => match text.trim_matches(is_space) {
                "" => Some(Value::None),
                digits => parse_int(digits)
                    .filter(|number| (min..=max).contains(number))
                    .map(Value::Int),
            },
            Self::Float { min } => match text.trim_matches(is_space) {
                "" => Some(Value::None),
                digits => parse_float(digits)
                    // A NaN passes, as in Python, where it is not less than the bound.
                    .filter(|number| number.is_nan() || *number >= min)
                    .map(Value::Float),
            },
            Self::Bool => parse_bool(text).map(Value::Bool),
            Self::List { item, has_brackets } => parse_list(text, item, has_brackets),
            Self::Dict => parse_dict(text),
        }
    }

    /// What would be accepted, in words that follow "must be".
    pub(super) fn allowed(self) -> String {
        match self {
            Self::Str => "a text".to_owned(),
            Self::MultiStr => "a text; the option may be repeated".to_owned(),
            Self::Choice(words) => format!("one of {}", quoted(words)),
            Self::Int { min, max } => match (min, max) {
                (i128::MIN, i128::MAX) => "a whole number".to_owned(),
                (min, i128::MAX) => format!("a whole number of at least {min}"),
                (i128::MIN, max) => format!("a whole number of at most {max}"),
                (min, max) => format!("a whole number from {min} to {max}"),
            },
            Self::Float { min } if min.is_finite() => format!("a number of at least {min}"),
            Self::Float { .. } => "a number".to_owned(),
            Self::Bool => "true or false (also written 1 or 0, on or off, yes or no)".to_owned(),
            Self::List { item, has_brackets } => {
                let shape = if has_brackets {
                    "a list in brackets such as `[a,b]`"
                } else {
                    "a list such as `a,b`"
                };
                match item {
                    Item::Str => shape.to_owned(),
                    Item::Choice(words) => format!("{shape} of {}", quoted(words)),
                }
            }
            Self::Dict => "pairs such as `name:value,name:value`, no name twice".to_owned(),
        }
    }
}

fn quoted(words: &[&str]) -> String {
    let named = words.iter().filter(|word| !word.is_empty());
    let mut shown: Vec<_> = named.map(|word| format!("`{word}`")).collect();
    if words.contains(&"") {
        shown.push("or nothing".to_owned());
    }
    shown.join(", ")
}

/// Compat: oslo.config's words, in any case.
fn parse_bool(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "true" | "1" | "on" | "yes" => Some(true),
        "false" | "0" | "off" | "no" => Some(false),
        _ => None,
    }
}

/// Compat: like Python's `int()`, single underscores may stand between digits.
fn parse_int(text: &str) -> Option<i128> {
    without_underscores(text)?.parse().ok()
}

fn parse_float(text: &str) -> Option<f64> {
    without_underscores(text)?.parse().ok()
}

fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let is_digit = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at))
            .is_some_and(u8::is_ascii_digit)
    };
    let is_sound = bytes.iter().enumerate().all(|(at, byte)| {
        *byte != b'_' || (is_digit(at.checked_sub(1)) && is_digit(at.checked_add(1)))
    });
    is_sound.then(|| text.replace('_', ""))
}

fn parse_list(text: &str, item: Item, has_brackets: bool) -> Option<Value> {
    let mut text = text.trim_matches(is_space).trim_end_matches(',');
    if has_brackets {
        text = text.strip_prefix('[')?;
        // Compat: a lone `[` is refused too; Python slices it into nothing, but it does not end with `]`.
        text = text.strip_suffix(']')?;
    }
    if text.is_empty() {
        return Some(Value::List(Vec::new()));
    }
    let items = text
        .split(',')
        .map(|part| item.parse(part.trim_matches(is_space)).map(Value::Str));
    items.collect::<Option<_>>().map(Value::List)
}

impl Item {
    fn parse(self, text: &str) -> Option<String> {
        match self {
            Self::Str => Some(text.to_owned()),
            Self::Choice(words) => words.contains(&text).then(|| text.to_owned()),
        }
    }
}

fn parse_dict(text: &str) -> Option<Value> {
    let text = text.trim_matches(is_space);
    if text.is_empty() {
        return Some(Value::Dict(Vec::new()));
    }
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut parts = text.split(',');
    while let Some(part) = parts.next() {
        // Compat: a part without a colon is taken together with the next ones.
        let mut candidate = part.to_owned();
        while !candidate.contains(':') {
            candidate.push(',');
            candidate.push_str(parts.next()?);
        }
        let (key, value) = candidate.split_once(':')?;
        let key = key.trim_matches(is_space);
        if key.is_empty() || pairs.iter().any(|(other, _)| other == key) {
            return None;
        }
        pairs.push((key.to_owned(), value.trim_matches(is_space).to_owned()));
    }
    Some(Value::Dict(pairs))
}

impl Value {
    /// The value inside another value (`$name`): Python's `str()` of it.
    pub(super) fn to_text(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Str(text) => text.clone(),
            other => other.to_repr(),
        }
    }

    fn to_repr(&self) -> String {
        match self {
            Self::None => "None".to_owned(),
            Self::Str(text) => repr(text),
            Self::Int(number) => number.to_string(),
            Self::Float(number) => float_repr(*number),
            Self::Bool(true) => "True".to_owned(),
            Self::Bool(false) => "False".to_owned(),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(Self::to_repr).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Dict(pairs) => {
                let pairs: Vec<_> = pairs
                    .iter()
                    .map(|(key, value)| format!("{}: {}", repr(key), repr(value)))
                    .collect();
                format!("{{{}}}", pairs.join(", "))
            }
        }
    }
}

fn repr(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut shown = String::from(quote);
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            '\\' => shown.push_str("\\\\"),
            c if c == quote => shown.extend(['\\', c]),
            c => shown.push(c),
        }
    }
    shown.push(quote);
    shown
}

fn float_repr(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    let magnitude = number.abs();
    if number.is_infinite() || magnitude == 0.0 || (1e-4..1e16).contains(&magnitude) {
        let shown = number.to_string();
        let is_whole = shown
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'-');
        return if is_whole { shown + ".0" } else { shown };
    }
    // Rust writes `1e-5` where Python writes `1e-05`.
    let shown = format!("{number:e}");
    let Some((mantissa, exponent)) = shown.split_once('e') else {
        return shown;
    };
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;

    const KINDS: &[Kind] = &[
        Kind::Str,
        Kind::Choice(&["a", "b"]),
        Kind::PORT,
        Kind::Float { min: 0.0 },
        Kind::Bool,
        Kind::LIST,
        Kind::List {
            item: Item::Choice(&["a", "b"]),
            has_brackets: true,
        },
        Kind::Dict,
        Kind::MultiStr,
    ];

    proptest! {
        #[test]
        fn no_text_makes_a_type_panic(text in any::<String>(), like in "[0-9_.e,:'\"\\[\\] a-]{0,20}") {
            for kind in KINDS {
                for text in [&text, &like] {
                    if let Some(value) = kind.parse(text) {
                        value.to_text();
                    }
                }
            }
        }
    }

    #[test]
    fn every_type_says_what_it_takes() {
        assert_eq!(Kind::PORT.allowed(), "a whole number from 0 to 65535");
        assert_eq!(Kind::at_least(1).allowed(), "a whole number of at least 1");
        assert_eq!(Kind::Choice(&["a", "b"]).allowed(), "one of `a`, `b`");
        assert!(Kind::INT.parse("1.5").is_none());
        assert_eq!(Kind::INT.parse("-3"), Some(Value::Int(-3)));
    }
}
