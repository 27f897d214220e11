//! Bodies: as a schema wants them, then bent, then broken as text.

use fastrand::Rng;
use serde_json::{Map, Value, json};

/// Texts that somebody somewhere trips over.
pub(crate) const TEXTS: &[&str] = &[
    "",
    " ",
    "x",
    "0",
    "-1",
    "null",
    "true",
    "../../etc/passwd",
    "a/b",
    "%00",
    "a\u{0}b",
    "\u{1f4a9}",
    "ümläut",
    "\u{202e}x",
    "\u{ffff}",
    "\u{feff}x",
    "'; DROP TABLE images; --",
    "%",
    "_",
    "x%y_z\\",
    "<script>alert(1)</script>",
    "{}",
    "[]",
    "in:a,b",
    "in:\"a,b",
    "gt:2026-01-01",
    "lte:x",
    "neq:",
    "9223372036854775808",
    "1e400",
    "NaN",
    "0x10",
    "١",
    "os_glance_x",
    "self",
    "locations",
    "__class__",
    "file:///etc/passwd",
    "http://127.0.0.1/",
    "\r\nX-Injected: 1",
    "shared",
    "public",
    "raw",
    "bare",
    "2026-01-01T00:00:00Z",
    "00000000-0000-4000-8000-000000000000",
];

/// One of the texts, a long one, or a few random characters.
pub(crate) fn text(rng: &mut Rng) -> String {
    match rng.u8(..20) {
        0 => "x".repeat(rng.usize(..100_000)),
        1 => "ü".repeat(rng.usize(..300)),
        2..=5 => {
            let length = rng.usize(..12);
            (0..length).map(|_| rng.char('\0'..='\u{10ffff}')).collect()
        }
        6..=8 => {
            let length = rng.usize(1..10);
            (0..length).map(|_| rng.lowercase()).collect()
        }
        _ => TEXTS[rng.usize(..TEXTS.len())].to_owned(),
    }
}

/// Anything.
fn junk(rng: &mut Rng, depth: usize) -> Value {
    match rng.u8(..12) {
        0 => Value::Null,
        1 => json!(rng.bool()),
        2 => json!(rng.i64(..)),
        3 => json!([0, -1, 1, i64::MAX, i64::MIN, 2_147_483_648_i64][rng.usize(..6)]),
        4 => json!([u64::MAX as f64, 1e308, -0.0, 0.5, 5e-324][rng.usize(..5)]),
        5 | 6 if depth < 4 => (0..rng.usize(..4)).map(|_| junk(rng, depth + 1)).collect(),
        7 | 8 if depth < 4 => {
            let members = (0..rng.usize(..4)).map(|_| (text(rng), junk(rng, depth + 1)));
            Value::Object(members.collect())
        }
        9 if depth == 0 => nested(rng.usize(..120)),
        _ => json!(text(rng)),
    }
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |inner, level| {
        if level % 2 == 0 {
            json!([inner])
        } else {
            json!({"a": inner})
        }
    })
}

/// Something that fits the schema, more or less; what is optional is left out more often than not.
pub(crate) fn fitting(rng: &mut Rng, schema: &Value) -> Value {
    for of_several in ["anyOf", "oneOf"] {
        if let Some(choices) = schema[of_several].as_array() {
            let choice = rng.usize(..choices.len());
            return fitting(rng, &choices[choice]);
        }
    }
    if let Some(parts) = schema["allOf"].as_array() {
        return fitting(rng, &parts[0]);
    }
    if let Some(words) = schema["enum"].as_array().filter(|words| !words.is_empty()) {
        return words[rng.usize(..words.len())].clone();
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return junk(rng, 1),
    };
    match kinds[rng.usize(..kinds.len())] {
        "object" => object(rng, schema),
        "array" => (0..rng.usize(..4))
            .map(|_| fitting(rng, &schema["items"]))
            .collect(),
        "string" => string(rng, schema),
        "integer" => json!(rng.i32(0..5000)),
        "number" => json!(rng.f64() * 100.0),
        "boolean" => json!(rng.bool()),
        _ => Value::Null,
    }
}

fn object(rng: &mut Rng, schema: &Value) -> Value {
    let mut members = Map::new();
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let is_wanted = required.contains(&name.as_str())
            || member["readOnly"] != true && rng.u8(..10) < 3
            || rng.u8(..100) == 0;
        if is_wanted {
            members.insert(name.clone(), fitting(rng, member));
        }
    }
    if schema["additionalProperties"] != false && rng.u8(..4) == 0 {
        let value = match &schema["additionalProperties"] {
            more @ Value::Object(_) => fitting(rng, more),
            _ => junk(rng, 1),
        };
        members.insert(text(rng), value);
    }
    Value::Object(members)
}

fn string(rng: &mut Rng, schema: &Value) -> Value {
    let is_uuid = schema["format"] == "uuid"
        || schema["pattern"]
            .as_str()
            .is_some_and(|pattern| pattern.starts_with("^([0-9a-fA-F])"));
    if is_uuid {
        return json!(uuid(rng));
    }
    if schema["pattern"] == "^/" {
        let names = [
            "name",
            "min_ram",
            "tags",
            "visibility",
            "disk_format",
            "x",
            "locations/-",
            "protected",
        ];
        return json!(format!("/{}", names[rng.usize(..names.len())]));
    }
    if rng.bool() {
        let length = rng.usize(1..20);
        return json!((0..length).map(|_| rng.alphanumeric()).collect::<String>());
    }
    json!(text(rng))
}

/// An id that nothing has yet.
pub(crate) fn uuid(rng: &mut Rng) -> String {
    let bits = format!("{:032x}", rng.u128(..));
    format!(
        "{}-{}-4{}-8{}-{}",
        &bits[..8],
        &bits[8..12],
        &bits[13..16],
        &bits[17..20],
        &bits[20..]
    )
}

/// Puts something else in the place of one part of the value.
pub(crate) fn bend(rng: &mut Rng, value: &mut Value) {
    match value {
        Value::Array(items) if !items.is_empty() && rng.u8(..4) > 0 => {
            let at = rng.usize(..items.len());
            match rng.u8(..6) {
                0 => drop(items.remove(at)),
                1 => items.push(items[at].clone()),
                _ => bend(rng, &mut items[at]),
            }
        }
        Value::Object(members) if !members.is_empty() && rng.u8(..4) > 0 => {
            let at = rng.usize(..members.len());
            let Some((name, member)) = members.iter_mut().nth(at) else {
                return;
            };
            let name = name.clone();
            match rng.u8(..6) {
                0 => drop(members.shift_remove(&name)),
                1 => {
                    let member = member.clone();
                    members.insert(text(rng), member);
                }
                _ => bend(rng, member),
            }
        }
        other => *other = junk(rng, 0),
    }
}

/// Breaks what was written: it may be no JSON any more.
pub(crate) fn break_text(rng: &mut Rng, text: &mut Vec<u8>) {
    let at = rng.usize(..=text.len());
    match rng.u8(..12) {
        0 => text.truncate(at),
        1 => text.insert(at, rng.u8(..)),
        2 => text.splice(at..at, *b"\xff\xfe").for_each(drop),
        3 => text.splice(at..at, *br"\ud800").for_each(drop),
        4 => text.splice(at..at, *br"\u0000").for_each(drop),
        5 => text.splice(0..0, *b"\xef\xbb\xbf").for_each(drop),
        6 => text.extend_from_slice(b"]}"),
        7 => {
            let depth = rng.usize(..20_000);
            *text = [b"[".repeat(depth), b"]".repeat(rng.usize(..=depth))].concat();
        }
        8 => {
            let depth = rng.usize(..5_000);
            *text = [br#"{"a":"#.repeat(depth), b"1".to_vec(), b"}".repeat(depth)].concat();
        }
        9 => *text = [b"[", &b"9".repeat(rng.usize(..5_000))[..], b"e99999]"].concat(),
        10 => *text = br#"{"name": NaN, "name": Infinity, "name": 'x',}"#.to_vec(),
        _ => text
            .iter_mut()
            .skip(at)
            .take(3)
            .for_each(|byte| *byte = rng.u8(..)),
    }
}
