//! The format `shell`: assignments that a Unix shell can evaluate.

use super::{Cell, Options};

/// One `name="value"` per line.
///
/// Compat: only double quotes are escaped, as in cliff, so `$` and backquotes in a value stay alive in `eval`.
pub(super) fn record(fields: &[(String, Cell)], options: &Options) -> String {
    let mut out = String::new();
    for (name, cell) in fields {
        let name = name.to_lowercase().replace(' ', "_");
        if !options.variables.is_empty() && !options.variables.contains(&name) {
            continue;
        }
        let name = name.replace([':', '-'], "_");
        let value = cell.machine_text();
        // Only text is escaped: the text form of a plain list keeps its quotes.
        let value = match cell {
            Cell::Plain(value) if !value.is_string() => super::to_text(value),
            Cell::Plain(_) | Cell::List(_) | Cell::Dict(_) => value.replace('"', "\\\""),
        };
        out.push_str(&format!("{}{name}=\"{value}\"\n", options.prefix));
    }
    out
}
