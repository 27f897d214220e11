//! What a command says on standard output: one record or a list of rows, in the formats of cliff.
//!
//! Here stands which formats there are and which options they take. How each looks is the business of the module that
//! bears its name; what the columns mean is the business of the commands. Nothing here writes: a rendering is a string,
//! so that a failure half-way leaves standard output untouched.

mod cell;
mod csv;
mod human;
mod json;
mod python;
mod select;
mod shell;
mod table;
mod value;
mod wrap;
mod yaml;

use thiserror::Error;

pub use cell::Cell;
pub use csv::Quote;
pub use human::format_size;
pub use python::{repr, to_text};
pub use select::SortDirection;

/// One object, shown as fields and their values.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// The fields in the order they are shown.
    pub fields: Vec<(String, Cell)>,
}

/// Several objects, one per row.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// The headings.
    pub columns: Vec<String>,
    /// One cell per heading in each.
    pub rows: Vec<Vec<Cell>>,
    /// Whether the headings are a list or a tuple in the words of the error about an unknown column.
    ///
    /// Compat: cliff prints the Python value its command handed it; `cached image list` hands a list, the others a
    /// tuple.
    pub headings_are_list: bool,
}

/// The formats of `-f`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Lines and columns for people.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// YAML as PyYAML writes it.
    Yaml,
    /// Comma separated values; lists only.
    Csv,
    /// Bare values; one row per line, or one field per line.
    Value,
    /// `name="value"` lines for a Unix shell; records only.
    Shell,
}

/// What was asked about the form of the output.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The format.
    pub format: Format,
    /// The columns to show; all when empty.
    pub columns: Vec<String>,
    /// The columns to sort by, the most significant first.
    pub sort_columns: Vec<String>,
    /// Which way.
    pub sort_direction: SortDirection,
    /// When a value of `csv` is quoted.
    pub quote: Quote,
    /// Whether JSON stays on one line.
    pub no_indent: bool,
    /// Where tables wrap.
    pub width: TableWidth,
    /// Whether a table without rows is drawn with its headings.
    pub print_empty: bool,
    /// What stands before each name of `shell`.
    pub prefix: String,
    /// The only names that `shell` prints; all when empty.
    pub variables: Vec<String>,
}

/// How wide a table may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TableWidth {
    /// As wide as its content.
    #[default]
    Free,
    /// At most so many cells, unless columns would fall below their smallest width.
    AtMost(usize),
}

/// Why there is nothing to show.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Error {
    /// None of the columns asked for exists. Both fields are Python lists in text form.
    #[error("No recognized column names in {asked}. Recognized columns are {known}.")]
    NoColumn {
        /// What `-c` said.
        asked: String,
        /// What there is.
        known: String,
    },
    /// `--quote none` met a row that consists of one empty value.
    #[error("single empty field record must be quoted")]
    EmptyRow,
}

/// Renders one record, with the final line break.
pub fn render_record(record: &Record, options: &Options) -> Result<String, Error> {
    let fields = select::fields(record, options)?;
    Ok(match options.format {
        Format::Json => json::record(&fields, options),
        Format::Yaml => yaml::record(&fields),
        Format::Value | Format::Csv => value::record(&fields),
        Format::Shell => shell::record(&fields, options),
        Format::Table => table::record(&fields, options),
    })
}

/// Renders a list, with the final line break.
pub fn render_listing(listing: Listing, options: &Options) -> Result<String, Error> {
    let listing = select::columns(select::sort(listing, options), options)?;
    Ok(match options.format {
        Format::Json => json::listing(&listing, options),
        Format::Yaml => yaml::listing(&listing),
        Format::Value | Format::Shell => value::listing(&listing),
        Format::Csv => csv::listing(&listing, options)?,
        Format::Table => table::listing(&listing, options),
    })
}
