//! Text for people: lists, dictionaries and sizes, as osc-lib words them.

use serde_json::{Map, Value};

use super::python;

/// The items, sorted, with commas between them.
pub(super) fn list(items: &[Value]) -> String {
    let mut words: Vec<String> = items.iter().map(python::to_text).collect();
    words.sort();
    words.join(", ")
}

/// `key='value'` pairs sorted by key; a nested dictionary's keys follow their parent's with a dot between.
pub(super) fn dict(map: &Map<String, Value>, prefix: Option<&str>) -> String {
    let mut keys: Vec<&String> = map.keys().collect();
    keys.sort();
    let mut text = String::new();
    for key in keys {
        let name = prefix.map_or_else(|| key.clone(), |prefix| format!("{prefix}.{key}"));
        match &map[key] {
            Value::Object(inner) => text.push_str(&dict(inner, Some(&name))),
            Value::Null => {
                text.push_str(&name);
                text.push('=');
            }
            value => {
                text.push_str(&name);
                text.push_str("='");
                text.push_str(&python::to_text(value));
                text.push('\'');
            }
        }
        text.push_str(", ");
    }
    let kept = text.len().saturating_sub(2);
    text.truncate(kept);
    text
}

/// A size with one decimal and a decimal unit: `1.5M`, `2K`, `512`.
pub fn format_size(bytes: f64) -> String {
    const UNITS: [&str; 8] = ["", "K", "M", "G", "T", "P", "E", "Z"];
    let mut size = bytes;
    let mut unit = 0;
    while size >= 1000.0 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    let padded = format!("{size:.1}");
    let stripped = padded.trim_end_matches('0').trim_end_matches('.');
    format!("{stripped}{}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_lose_the_empty_decimal() {
        assert_eq!(format_size(0.0), "0");
        assert_eq!(format_size(512.0), "512");
        assert_eq!(format_size(1000.0), "1K");
        assert_eq!(format_size(1_550_000.0), "1.6M");
        assert_eq!(format_size(999_999.0), "1000K");
    }
}
