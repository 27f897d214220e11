//! The format `value`: the bare values and nothing else.

use super::{Cell, Listing};

/// One value per line.
pub(super) fn record(fields: &[(String, Cell)]) -> String {
    fields
        .iter()
        .map(|(_, cell)| cell.machine_text() + "\n")
        .collect()
}

/// One row per line, with single spaces between the values.
pub(super) fn listing(listing: &Listing) -> String {
    let mut out = String::new();
    for row in &listing.rows {
        let values: Vec<String> = row.iter().map(Cell::machine_text).collect();
        out.push_str(&values.join(" "));
        out.push('\n');
    }
    out
}
