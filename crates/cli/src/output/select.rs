//! Which columns are shown and in which order the rows stand.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::{Cell, Error, Listing, Options, Record, python};

/// Which way `--sort-column` sorts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortDirection {
    /// The smallest first.
    #[default]
    Ascending,
    /// The largest first.
    Descending,
}

/// The fields that were asked for, in their own order.
pub(super) fn fields(record: &Record, options: &Options) -> Result<Vec<(String, Cell)>, Error> {
    let names: Vec<String> = record.fields.iter().map(|(name, _)| name.clone()).collect();
    let wanted = wanted(&names, options, false)?;
    Ok(record
        .fields
        .iter()
        .zip(wanted)
        .filter(|(_, wanted)| *wanted)
        .map(|(field, _)| field.clone())
        .collect())
}

/// The listing reduced to the columns that were asked for.
pub(super) fn columns(listing: Listing, options: &Options) -> Result<Listing, Error> {
    let wanted = wanted(&listing.columns, options, listing.headings_are_list)?;
    let rows = listing
        .rows
        .into_iter()
        .map(|row| keep(row, &wanted))
        .collect();
    Ok(Listing {
        columns: keep(listing.columns, &wanted),
        rows,
        headings_are_list: listing.headings_are_list,
    })
}

fn keep<T>(items: Vec<T>, wanted: &[bool]) -> Vec<T> {
    items
        .into_iter()
        .zip(wanted)
        .filter(|(_, wanted)| **wanted)
        .map(|(item, _)| item)
        .collect()
}

fn wanted(names: &[String], options: &Options, names_are_list: bool) -> Result<Vec<bool>, Error> {
    if options.columns.is_empty() {
        return Ok(vec![true; names.len()]);
    }
    let asked: Vec<String> = options.columns.iter().map(|name| normalise(name)).collect();
    let wanted: Vec<bool> = names
        .iter()
        .map(|name| asked.contains(&normalise(name)))
        .collect();
    if wanted.contains(&true) {
        return Ok(wanted);
    }
    Err(Error::NoColumn {
        asked: python::words(&options.columns, true),
        known: python::words(names, names_are_list),
    })
}

fn normalise(name: &str) -> String {
    name.to_lowercase().trim().replace(' ', "_")
}

/// The listing sorted by `--sort-column`; columns that do not exist are passed over.
///
/// A column of values that cannot be compared leaves the rows as they are. Compat: cliff then prints no row at all,
/// because it has used up the rows in the attempt; `cached image list --sort-column Size` with a queued image is such
/// a case.
pub(super) fn sort(mut listing: Listing, options: &Options) -> Listing {
    let normalised: Vec<String> = listing.columns.iter().map(|name| normalise(name)).collect();
    let indexes: Vec<usize> = options
        .sort_columns
        .iter()
        .filter_map(|asked| {
            listing
                .columns
                .iter()
                .position(|name| name == asked)
                .or_else(|| {
                    let asked = normalise(asked);
                    normalised.iter().position(|name| *name == asked)
                })
        })
        .collect();
    for index in indexes.into_iter().rev() {
        let column: Vec<Value> = listing
            .rows
            .iter()
            .map(|row| row[index].machine())
            .collect();
        if !is_sortable(&column) {
            continue;
        }
        let compare = |a: &Vec<Cell>, b: &Vec<Cell>| {
            let (a, b) = (a[index].machine(), b[index].machine());
            a.is_null()
                .cmp(&b.is_null())
                .then_with(|| compare(&a, &b).unwrap_or(Ordering::Equal))
        };
        match options.sort_direction {
            SortDirection::Ascending => listing.rows.sort_by(compare),
            SortDirection::Descending => listing.rows.sort_by(|a, b| compare(b, a)),
        }
    }
    listing
}

fn is_sortable(column: &[Value]) -> bool {
    let mut values = column.iter().filter(|value| !value.is_null());
    let Some(first) = values.next() else {
        return true;
    };
    values.all(|value| compare(first, value).is_some())
}

/// Python's order of two values, where it has one.
fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Array(a), Value::Array(b)) => {
            for (a, b) in a.iter().zip(b) {
                match compare(a, b)? {
                    Ordering::Equal => {}
                    unequal => return Some(unequal),
                }
            }
            Some(a.len().cmp(&b.len()))
        }
        (Value::Number(_) | Value::Bool(_), Value::Number(_) | Value::Bool(_)) => {
            compare_numbers(a, b)
        }
        _ => None,
    }
}

fn compare_numbers(a: &Value, b: &Value) -> Option<Ordering> {
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => float(a)?.partial_cmp(&float(b)?),
    }
}

fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Bool(value) => Some(i128::from(*value)),
        Value::Number(number) => number
            .as_i64()
            .map(i128::from)
            .or_else(|| number.as_u64().map(i128::from)),
        Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Bool(value) => Some(f64::from(u8::from(*value))),
        Value::Number(number) => Number::as_f64(number),
        Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
