//! Parsers of option values, with argparse's and openstackclient's complaints.

use serde_json::Value;

use crate::output::repr;

fn quoted(text: &str) -> String {
    repr(&Value::String(text.to_owned()))
}

/// `key=value`, where the value may hold further equal signs.
pub(super) fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some(("", _)) => Err(format!("Property key must be specified: {text}")),
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err(format!("Expected 'key=value' type, but got: {text}")),
    }
}

/// A whole number.
pub(super) fn integer(text: &str) -> Result<i64, String> {
    parse_integer(text).ok_or_else(|| format!("invalid int value: {}", quoted(text)))
}

/// The number of images to list at most.
pub(super) fn limit(text: &str) -> Result<u64, String> {
    non_negative(text, "--limit")
}

/// The same, over all pages.
pub(super) fn max_items(text: &str) -> Result<u64, String> {
    non_negative(text, "--max-items")
}

fn non_negative(text: &str, option: &str) -> Result<u64, String> {
    let number = integer(text)?;
    u64::try_from(number).map_err(|_| format!("{option} expected a non-negative integer"))
}

/// The size of image data.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let number = parse_integer(text).ok_or_else(|| {
        format!(
            "{} is not a valid size (use a positive integer)",
            quoted_raw(text)
        )
    })?;
    match u64::try_from(number) {
        Ok(size) if size > 0 => Ok(size),
        _ => Err("Size must be a positive integer".to_owned()),
    }
}

fn quoted_raw(text: &str) -> String {
    format!("'{text}'")
}

/// Compat: Python's `int` takes blanks around the number, a sign, and underscores between digits.
fn parse_integer(text: &str) -> Option<i64> {
    let trimmed = text.trim();
    let digits = trimmed.trim_start_matches(['+', '-']);
    let has_stray_underscore =
        digits.starts_with('_') || digits.ends_with('_') || digits.contains("__");
    if has_stray_underscore {
        return None;
    }
    trimmed.replace('_', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_need_a_key() {
        assert_eq!(key_value("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(key_value("a="), Ok(("a".to_owned(), String::new())));
        assert!(key_value("=b").is_err());
        assert!(key_value("ab").is_err());
    }

    #[test]
    fn numbers_are_those_of_python() {
        assert_eq!(integer(" +1_000 "), Ok(1000));
        assert_eq!(integer("1_"), Err("invalid int value: '1_'".to_owned()));
        assert!(size("0").is_err());
        assert_eq!(
            limit("-1"),
            Err("--limit expected a non-negative integer".to_owned())
        );
    }
}
