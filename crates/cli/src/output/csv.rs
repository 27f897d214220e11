//! The format `csv`, as Python's `csv` module writes it with `\` as its escape character.

use serde_json::Value;

use super::{Cell, Error, Listing, Options};

/// When a value stands in quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Quote {
    /// Always.
    All,
    /// Where it could not be read back otherwise.
    Minimal,
    /// Unless it is a number.
    #[default]
    NonNumeric,
    /// Never; what would need quotes is escaped.
    None,
}

/// A line of headings and one line per row.
pub(super) fn listing(listing: &Listing, options: &Options) -> Result<String, Error> {
    let mut out = String::new();
    let headings: Vec<Field> = listing
        .columns
        .iter()
        .map(|name| Field::Text(name.clone()))
        .collect();
    write_row(&mut out, &headings, options.quote)?;
    for row in &listing.rows {
        let fields: Vec<Field> = row.iter().map(Field::from).collect();
        write_row(&mut out, &fields, options.quote)?;
    }
    Ok(out)
}

enum Field {
    Number(String),
    Text(String),
}

impl From<&Cell> for Field {
    fn from(cell: &Cell) -> Self {
        match cell {
            // Compat: a missing value is an empty one, and Python counts booleans among the numbers.
            Cell::Plain(Value::Null) => Self::Text(String::new()),
            Cell::Plain(Value::Bool(_) | Value::Number(_)) => Self::Number(cell.machine_text()),
            Cell::Plain(_) | Cell::List(_) | Cell::Dict(_) => Self::Text(cell.machine_text()),
        }
    }
}

fn write_row(out: &mut String, fields: &[Field], quote: Quote) -> Result<(), Error> {
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        let (text, is_number) = match field {
            Field::Number(text) => (text, true),
            Field::Text(text) => (text, false),
        };
        let is_alone_and_empty = text.is_empty() && fields.len() == 1;
        if quote == Quote::None && is_alone_and_empty {
            return Err(Error::EmptyRow);
        }
        let is_quoted = match quote {
            Quote::All => true,
            Quote::None => false,
            Quote::NonNumeric => !is_number || needs_quotes(text),
            Quote::Minimal => is_alone_and_empty || needs_quotes(text),
        };
        write_field(out, text, is_quoted, quote);
    }
    out.push('\n');
    Ok(())
}

fn needs_quotes(text: &str) -> bool {
    text.contains([',', '"', '\n'])
}

fn write_field(out: &mut String, text: &str, is_quoted: bool, quote: Quote) {
    if is_quoted {
        out.push('"');
    }
    for c in text.chars() {
        match c {
            '\\' => out.push('\\'),
            '"' if quote != Quote::None => out.push('"'),
            '"' | ',' | '\n' if quote == Quote::None => out.push('\\'),
            _ => {}
        }
        out.push(c);
    }
    if is_quoted {
        out.push('"');
    }
}
