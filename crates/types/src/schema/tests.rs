//! Agreement with Glance on the documents and on the answers to bodies that do not match, as recorded by
//! `tests/peer/schema.py`.

use serde_json::json;

use super::*;

fn recording() -> Value {
    serde_json::from_str(include_str!("../../tests/peer/schema.json")).unwrap()
}

fn options(recorded: &Value) -> SchemaOptions {
    let words = |key: &str| {
        recorded
            .get(key)
            .map(|words| serde_json::from_value(words.clone()).unwrap())
    };
    let defaults = SchemaOptions::default();
    SchemaOptions {
        container_formats: words("container_formats").unwrap_or(defaults.container_formats),
        disk_formats: words("disk_formats").unwrap_or(defaults.disk_formats),
        custom: recorded.get("custom").and_then(Value::as_object).cloned(),
    }
}

/// Puts the recording's words in place of each description.
fn reword(schema: &mut Value, name: &str) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(|item| reword(item, name)),
        Value::Object(members) => {
            for (key, member) in members {
                match member {
                    Value::String(text) if key == "description" => {
                        *text = [format!("words about '{name}'").as_str()]
                            .repeat(5)
                            .join(" ");
                    }
                    member => reword(member, key),
                }
            }
        }
        _ => {}
    }
}

#[test]
fn documents_are_those_of_glance() {
    let recording = recording();
    for (name, recorded) in recording["documents"].as_object().unwrap() {
        let options = options(&recorded["options"]);
        assert_eq!(options.check(), Ok(()), "{name}");
        for (kind, mut ours) in [
            ("image", image_schema(&options)),
            ("images", images_schema(&options)),
        ] {
            let Some(theirs) = recorded.get(kind) else {
                continue;
            };
            reword(&mut ours, "");
            // As text, so that the order counts.
            assert_eq!(
                serde_json::to_string_pretty(&ours).unwrap(),
                serde_json::to_string_pretty(theirs).unwrap(),
                "{kind}, {name}"
            );
        }
    }
}

#[test]
fn answers_are_those_of_glance() {
    let recording = recording();
    let answers = recording["answers"].as_array().unwrap();
    assert!(answers.len() > 400);
    let mut failures = Vec::new();
    for answer in answers {
        let name = answer["options"].as_str().unwrap();
        let mut schema = image_schema(&options(&recording["documents"][name]["options"]));
        reword(&mut schema, "");
        let ours = check_against(&schema, &answer["body"])
            .err()
            .map(|error| error.message);
        if ours.as_deref() != answer["message"].as_str() {
            failures.push(format!(
                "{name}, {}\ntheirs: {}\nours: {}",
                answer["body"],
                answer["message"].as_str().unwrap_or("fine"),
                ours.as_deref().unwrap_or("fine")
            ));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} differ:\n{}",
        failures.len(),
        answers.len(),
        failures.join("\n\n")
    );
}

#[test]
fn a_body_is_checked_with_the_operators_words() {
    let options = SchemaOptions {
        disk_formats: vec!["raw".into()],
        ..SchemaOptions::default()
    };
    let check = |body: Value| {
        validate_image_body(body.as_object().unwrap(), &options).map_err(|error| error.to_string())
    };
    assert_eq!(
        check(json!({"disk_format": "raw", "name": null, "any": "text"})),
        Ok(())
    );
    let message = check(json!({"disk_format": "iso"})).unwrap_err();
    assert!(message.starts_with(
        "Provided object does not match schema 'image': 'iso' is not one of [None, 'raw']\n\n"
    ));
}

#[test]
fn unusable_custom_properties_are_named() {
    let check = |custom: Value| {
        SchemaOptions {
            custom: custom.as_object().cloned(),
            ..SchemaOptions::default()
        }
        .check()
    };
    assert_eq!(check(json!({"a": {"type": "string"}})), Ok(()));
    assert_eq!(
        check(json!({"owner": {"type": "string"}})),
        Err(CustomSchemaError::Conflict("owner".into()))
    );
    assert_eq!(
        check(json!({"a": 5})),
        Err(CustomSchemaError::NoSchema("a".into()))
    );
    assert_eq!(
        check(json!({"properties": 5})),
        Err(CustomSchemaError::NoSchema("properties".into()))
    );
    assert_eq!(
        check(json!({"a": {"items": {"pattern": "(?=x)"}}})),
        Err(CustomSchemaError::Pattern {
            property: "a".into(),
            pattern: "(?=x)".into()
        })
    );
}
