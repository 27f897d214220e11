//! One value of the output, and its two readings: for people and for programs.

use serde_json::{Map, Value};

use super::{human, python};

/// A value as a command hands it to the formatters.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// A value that looks the same to people and programs.
    Plain(Value),
    /// Words that people read as `a, b`.
    List(Vec<Value>),
    /// Keys and values that people read as `k='v', l='w'`.
    Dict(Map<String, Value>),
}

impl Cell {
    /// A cell of text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Plain(Value::String(text.into()))
    }

    /// The value as JSON and YAML print it.
    pub fn machine(&self) -> Value {
        match self {
            Self::Plain(value) => value.clone(),
            Self::List(items) => Value::Array(items.clone()),
            Self::Dict(map) => Value::Object(map.clone()),
        }
    }

    /// The text that `value`, `csv` and `shell` print: Python's `str` of the machine value.
    pub(super) fn machine_text(&self) -> String {
        match self {
            Self::Plain(value) => python::to_text(value),
            Self::List(_) | Self::Dict(_) => python::to_text(&self.machine()),
        }
    }

    /// The text of a table.
    pub(super) fn human(&self) -> String {
        match self {
            Self::Plain(value) => python::to_text(value),
            Self::List(items) => human::list(items),
            Self::Dict(map) => human::dict(map, None),
        }
    }

    /// Whether a table puts it against the right edge.
    ///
    /// Compat: cliff looks at the exact Python type, so numbers do and booleans, lists and missing values do not.
    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Plain(Value::Number(_)))
    }
}

impl From<Value> for Cell {
    fn from(value: Value) -> Self {
        Self::Plain(value)
    }
}
