//! The format `table`: PrettyTable's boxes, shrunk to a width as cliff does it.

use super::wrap::{self, expand_tabs, width};
use super::{Cell, Listing, Options, TableWidth};

/// Columns of a list do not become narrower than this, the table rather overflows.
const LIST_MIN_WIDTH: usize = 8;
/// The same for the two columns of a record.
const RECORD_MIN_WIDTH: usize = 16;

/// Two columns, one line or more per field.
pub(super) fn record(fields: &[(String, Cell)], options: &Options) -> String {
    let rows = fields
        .iter()
        .map(|(name, cell)| vec![clean(name), clean(&cell.human())])
        .collect();
    let mut table = Table::new(
        vec!["Field".to_owned(), "Value".to_owned()],
        vec![false; 2],
        rows,
    );
    if fields.is_empty() {
        return "\n".to_owned();
    }
    table.shrink(options.width, RECORD_MIN_WIDTH);
    table.render()
}

/// A column per heading, one line or more per row.
pub(super) fn listing(listing: &Listing, options: &Options) -> String {
    if listing.rows.is_empty() && !options.print_empty {
        return "\n".to_owned();
    }
    // Compat: the first row decides for all.
    let numeric = match listing.rows.first() {
        Some(row) => row.iter().map(Cell::is_number).collect(),
        None => vec![false; listing.columns.len()],
    };
    let rows = listing
        .rows
        .iter()
        .map(|row| row.iter().map(|cell| clean(&cell.human())).collect())
        .collect();
    let mut table = Table::new(listing.columns.clone(), numeric, rows);
    table.shrink(options.width, LIST_MIN_WIDTH);
    table.render()
}

fn clean(text: &str) -> String {
    expand_tabs(&text.replace("\r\n", "\n").replace('\r', " "))
}

struct Table {
    headings: Vec<String>,
    is_right: Vec<bool>,
    rows: Vec<Vec<String>>,
    limits: Vec<Option<usize>>,
}

impl Table {
    fn new(headings: Vec<String>, is_right: Vec<bool>, rows: Vec<Vec<String>>) -> Self {
        let limits = vec![None; headings.len()];
        Self {
            headings,
            is_right,
            rows,
            limits,
        }
    }

    /// The cells of each column's content. A heading is never cut.
    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.headings.iter().map(|heading| width(heading)).collect();
        for row in &self.rows {
            for ((value, current), limit) in row.iter().zip(&mut widths).zip(&self.limits) {
                let widest = value.split('\n').map(width).max().unwrap_or(0);
                *current = (*current).max(limit.map_or(widest, |limit| widest.min(limit)));
            }
        }
        widths
    }

    /// Limits the columns that are wider than an equal share; the last of them takes what is left over.
    fn shrink(&mut self, target: TableWidth, min_width: usize) {
        let TableWidth::AtMost(total) = target else {
            return;
        };
        let widths = self.widths();
        let count = widths.len();
        let natural = 1 + widths.iter().map(|width| width + 3).sum::<usize>();
        if natural <= total || count == 0 {
            return;
        }
        let usable = total.saturating_sub(1 + 3 * count);
        let share = usable / count;
        let (small, large): (Vec<usize>, Vec<usize>) =
            (0..count).partition(|&index| widths[index] <= share);
        let mut remaining = usable.saturating_sub(small.iter().map(|&index| widths[index]).sum());
        let Some((&last, others)) = large.split_last() else {
            return;
        };
        let each = remaining / large.len();
        for &index in others {
            self.limits[index] = Some(each.max(min_width));
            remaining -= each;
        }
        self.limits[last] = Some(remaining.max(min_width));
    }

    fn render(&self) -> String {
        let widths = self.widths();
        let rule: String = widths
            .iter()
            .map(|width| format!("+{}", "-".repeat(width + 2)))
            .chain(["+\n".to_owned()])
            .collect();
        let mut out = rule.clone();
        self.write_line(&mut out, &self.headings, &widths);
        out.push_str(&rule);
        for row in &self.rows {
            self.write_row(&mut out, row, &widths);
        }
        out.push_str(&rule);
        out
    }

    fn write_row(&self, out: &mut String, row: &[String], widths: &[usize]) {
        let cells: Vec<Vec<String>> = row
            .iter()
            .zip(widths)
            .map(|(value, &width)| lines_of(value, width))
            .collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or(1);
        for line in 0..height {
            let texts: Vec<String> = cells
                .iter()
                .map(|cell| cell.get(line).cloned().unwrap_or_default())
                .collect();
            self.write_line(out, &texts, widths);
        }
    }

    fn write_line(&self, out: &mut String, texts: &[String], widths: &[usize]) {
        for ((text, &total), &is_right) in texts.iter().zip(widths).zip(&self.is_right) {
            let padding = " ".repeat(total.saturating_sub(width(text)));
            let (before, after) = if is_right {
                (padding.as_str(), "")
            } else {
                ("", padding.as_str())
            };
            out.push_str("| ");
            out.push_str(before);
            out.push_str(text);
            out.push_str(after);
            out.push(' ');
        }
        out.push_str("|\n");
    }
}

fn lines_of(value: &str, limit: usize) -> Vec<String> {
    value
        .split('\n')
        .flat_map(|line| {
            if width(line) <= limit {
                return vec![line.to_owned()];
            }
            let lines = wrap::wrap(line, limit);
            // A line of nothing but blanks still takes a line.
            if lines.is_empty() {
                vec![String::new()]
            } else {
                lines
            }
        })
        .collect()
}
