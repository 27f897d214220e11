//! Replays what the real oslo.config made of the same files and variables.
//!
//! `oslo_cases.json` is written by `oslo_cases.py` (see there for how).

use std::path::Path;

use serde_json::{Value as Json, json};

use crate::config::{
    ConfigError,
    kind::{Item, Kind, Value},
    option::Row,
    resolve::Resolver,
    sources::Sources,
};

fn text(json: &Json) -> &'static str {
    String::leak(json.as_str().unwrap().to_owned())
}

fn words(json: &Json) -> &'static [&'static str] {
    Vec::leak(json.as_array().unwrap().iter().map(text).collect())
}

fn kind(json: &Json) -> Kind {
    let item = || match &json["choices"] {
        Json::Array(_) => Item::Choice(words(&json["choices"])),
        _ => Item::Str,
    };
    match text(&json["type"]) {
        "str" if json["choices"].is_array() => Kind::Choice(words(&json["choices"])),
        "str" => Kind::Str,
        "int" => Kind::Int {
            min: json["min"].as_i64().map_or(i128::MIN, Into::into),
            max: json["max"].as_i64().map_or(i128::MAX, Into::into),
        },
        "float" => Kind::Float {
            min: json["min"].as_f64().unwrap_or(f64::NEG_INFINITY),
        },
        "bool" => Kind::Bool,
        "list" => Kind::List {
            item: item(),
            has_brackets: json["bounds"] == true,
        },
        "dict" => Kind::Dict,
        "multi" => Kind::MultiStr,
        other => panic!("{other}"),
    }
}

fn row(json: &Json) -> Row {
    let old = json["old"].as_array().unwrap().iter();
    Row {
        group: text(&json["group"]),
        name: text(&json["name"]),
        old: Vec::leak(old.map(|name| (text(&name[0]), text(&name[1]))).collect()),
        kind: kind(json),
        default: None,
        is_secret: false,
        help: "",
    }
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::None => Json::Null,
        Value::Str(text) => json!(text),
        Value::Int(number) => json!(number.to_string()),
        // Compared as text, because JSON has no infinity.
        Value::Float(_) => json!(value.to_text()),
        Value::Bool(is_on) => json!(is_on),
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Dict(pairs) => pairs
            .iter()
            .map(|(key, value)| json!([key, value]))
            .collect(),
    }
}

/// The value of every option that has one, as the Python side writes it.
fn replay(rows: &[Row], case: &Json) -> Result<Json, ConfigError> {
    let mut sources = Sources::default();
    for (at, file) in case["files"].as_array().unwrap().iter().enumerate() {
        sources.add_text(Path::new(&format!("{at}.conf")), text(file))?;
    }
    let environment = case["environment"].as_object().unwrap().iter();
    sources.set_environment(environment.map(|(name, value)| (name.clone(), text(value).into())));
    let resolver = Resolver::new(&sources, rows);
    let values = rows.iter().filter_map(|row| {
        let answer = match resolver.value(row.group, row, &mut Vec::new()) {
            Ok(Value::None) => return None,
            Ok(value) => json!({"value": to_json(&value)}),
            Err(_) => json!({"error": true}),
        };
        Some((format!("{}.{}", row.group, row.name), answer))
    });
    Ok(Json::Object(values.collect()))
}

#[test]
fn agrees_with_oslo_config() {
    let cases: Json = serde_json::from_str(include_str!("oslo_cases.json")).unwrap();
    let rows: Vec<Row> = cases["options"]
        .as_array()
        .unwrap()
        .iter()
        .map(row)
        .collect();
    let cases = cases["cases"].as_array().unwrap();
    assert!(cases.len() >= 500, "{} cases", cases.len());
    for case in cases {
        let ours = match replay(&rows, case) {
            Ok(values) => values,
            Err(ConfigError::Syntax { origin, problem })
                if problem.contains("before the first") =>
            {
                let place = origin.to_string();
                json!({"no_section": place.split(':').next()})
            }
            Err(ConfigError::Syntax { origin, .. }) => json!({"syntax_error": origin.to_string()}),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(ours, case["expected"], "{case:#}");
    }
}
