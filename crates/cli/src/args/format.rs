//! The options about the form of the output, which all commands with a result share.

use clap::{Args, ValueEnum};

use super::values;
use crate::{
    console,
    output::{Format, Options, Quote, SortDirection, TableWidth},
};

/// Formats of lists.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum ListFormatName {
    Csv,
    Json,
    Table,
    Value,
    Yaml,
}

/// Formats of records.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum ShowFormatName {
    Json,
    Shell,
    Table,
    Value,
    Yaml,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum QuoteName {
    All,
    Minimal,
    None,
    Nonnumeric,
}

/// The options of both kinds.
#[derive(Debug, Clone, Args)]
struct Common {
    /// Show only this column; may be given several times
    #[arg(
        short = 'c',
        long = "column",
        value_name = "COLUMN",
        help_heading = "Output"
    )]
    columns: Vec<String>,
    /// Print JSON on one line
    #[arg(long, help_heading = "Output")]
    noindent: bool,
    /// Largest width of a table, 0 for none (Env: CLIFF_MAX_TERM_WIDTH)
    #[arg(long, value_name = "integer", value_parser = values::integer, allow_negative_numbers = true, help_heading = "Output")]
    max_width: Option<i64>,
    /// Fit tables to the terminal, which they are in any case
    #[arg(long, help_heading = "Output")]
    // Not read: without a terminal there is nothing to fit to, and on one tables always fit.
    fit_width: bool,
    /// Print the headings of a table without rows
    #[arg(long, help_heading = "Output")]
    print_empty: bool,
}

/// How a list is printed.
#[derive(Debug, Clone, Args)]
pub(crate) struct ListFormat {
    /// Output format
    #[arg(
        short = 'f',
        long = "format",
        value_enum,
        default_value = "table",
        help_heading = "Output"
    )]
    format: ListFormatName,
    #[command(flatten)]
    common: Common,
    /// When to quote values of csv
    #[arg(
        long,
        value_enum,
        default_value = "nonnumeric",
        help_heading = "Output"
    )]
    quote: QuoteName,
    /// Sort by this column; may be given several times, the most significant first
    #[arg(
        long = "sort-column",
        value_name = "SORT_COLUMN",
        help_heading = "Output"
    )]
    sort_columns: Vec<String>,
    /// Sort the smallest first
    #[arg(long, group = "sort_direction", help_heading = "Output")]
    sort_ascending: bool,
    /// Sort the largest first
    #[arg(long, group = "sort_direction", help_heading = "Output")]
    sort_descending: bool,
}

/// How a record is printed.
#[derive(Debug, Clone, Args)]
pub(crate) struct ShowFormat {
    /// Output format
    #[arg(
        short = 'f',
        long = "format",
        value_enum,
        default_value = "table",
        help_heading = "Output"
    )]
    format: ShowFormatName,
    #[command(flatten)]
    common: Common,
    /// Put this in front of each name of the shell format
    #[arg(
        long,
        value_name = "PREFIX",
        default_value = "",
        help_heading = "Output"
    )]
    prefix: String,
    /// Print only this name of the shell format
    #[arg(long = "variable", value_name = "VARIABLE", hide = true)]
    variables: Vec<String>,
}

impl Common {
    fn options(&self, max_width_variable: Option<&str>) -> Options {
        Options {
            columns: self.columns.clone(),
            no_indent: self.noindent,
            width: self.width(max_width_variable, console::terminal_columns()),
            print_empty: self.print_empty,
            ..Options::default()
        }
    }

    /// Compat: a table on a terminal is fitted to it in any case.
    fn width(&self, max_width_variable: Option<&str>, terminal: Option<usize>) -> TableWidth {
        let from_variable = || max_width_variable.and_then(|text| values::integer(text).ok());
        let max_width = self.max_width.or_else(from_variable).unwrap_or(0);
        match (usize::try_from(max_width), terminal) {
            (Ok(width), _) if width > 0 => TableWidth::AtMost(width),
            (_, Some(columns)) => TableWidth::AtMost(columns),
            _ => TableWidth::Free,
        }
    }
}

impl ListFormat {
    pub(crate) fn is_table(&self) -> bool {
        matches!(self.format, ListFormatName::Table)
    }

    /// The options for the formatters.
    pub(crate) fn options(&self, max_width_variable: Option<&str>) -> Options {
        Options {
            format: match self.format {
                ListFormatName::Csv => Format::Csv,
                ListFormatName::Json => Format::Json,
                ListFormatName::Table => Format::Table,
                ListFormatName::Value => Format::Value,
                ListFormatName::Yaml => Format::Yaml,
            },
            quote: match self.quote {
                QuoteName::All => Quote::All,
                QuoteName::Minimal => Quote::Minimal,
                QuoteName::None => Quote::None,
                QuoteName::Nonnumeric => Quote::NonNumeric,
            },
            sort_columns: self.sort_columns.clone(),
            sort_direction: if self.sort_descending {
                SortDirection::Descending
            } else {
                SortDirection::Ascending
            },
            ..self.common.options(max_width_variable)
        }
    }
}

impl ShowFormat {
    pub(crate) fn is_table(&self) -> bool {
        matches!(self.format, ShowFormatName::Table)
    }

    /// The options for the formatters.
    pub(crate) fn options(&self, max_width_variable: Option<&str>) -> Options {
        Options {
            format: match self.format {
                ShowFormatName::Json => Format::Json,
                ShowFormatName::Shell => Format::Shell,
                ShowFormatName::Table => Format::Table,
                ShowFormatName::Value => Format::Value,
                ShowFormatName::Yaml => Format::Yaml,
            },
            prefix: self.prefix.clone(),
            variables: self.variables.clone(),
            ..self.common.options(max_width_variable)
        }
    }
}
