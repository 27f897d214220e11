use serde_json::json;

use super::*;

fn members(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn refusal(kind: MetadefBody, body: Value) -> String {
    let message = validate_metadef(kind, &members(body)).unwrap_err().message;
    message.lines().next().unwrap().to_owned()
}

#[test]
fn references_and_combinations_are_followed() {
    let with = |length: Value| json!({"namespace": "n", "properties": {"p": {"type": "string", "title": "t", "minLength": length}}});
    assert_eq!(
        validate_metadef(MetadefBody::Namespace, &members(with(json!(0)))),
        Ok(())
    );
    assert_eq!(
        refusal(MetadefBody::Namespace, with(json!(-1))),
        "Provided object does not match schema 'namespace': -1 is less than the minimum of 0"
    );
    assert_eq!(
        refusal(
            MetadefBody::Namespace,
            json!({"namespace": "n", "properties": {"p": {"type": "string"}}})
        ),
        "Provided object does not match schema 'namespace': 'title' is a required property"
    );
}

#[test]
fn a_property_in_an_object_needs_no_name() {
    let body = json!({"type": "string", "title": "t"});
    assert_eq!(
        validate_metadef(MetadefBody::MemberProperty, &members(body.clone())),
        Ok(())
    );
    assert_eq!(
        refusal(MetadefBody::Property, body),
        "Provided object does not match schema 'property': 'name' is a required property"
    );
}

#[test]
fn members_get_their_types_and_their_order() {
    let kept = property_definition(&members(json!({
        "maximum": -2.5,
        "default": true,
        "title": "t",
        "type": "number",
        "minLength": 4.0,
        "items": {"enum": ["a", null], "type": "string"},
        "name": "n",
    })));
    assert_eq!(
        serde_json::to_string(&kept.unwrap()).unwrap(),
        r#"{"name":"n","type":"number","title":"t","default":"True","maximum":-2,"minLength":4,"items":{"type":"string","enum":["a",null]}}"#
    );
}

#[test]
fn what_cannot_be_kept_is_named() {
    let fault = |name: &str, value: Value| {
        property_definition(&Map::from_iter([(name.to_owned(), value)])).unwrap_err()
    };
    assert_eq!(
        fault("colour", json!("red")),
        PropertyFault::Unknown("colour".to_owned())
    );
    assert_eq!(
        fault("enum", json!([1])),
        PropertyFault::Invalid("enum".to_owned())
    );
    assert_eq!(
        fault("items", json!({"enum": []})),
        PropertyFault::Missing("items.type")
    );
    assert_eq!(
        fault("items", json!({"type": "string", "pattern": "a"})),
        PropertyFault::Unknown("items.pattern".to_owned())
    );
    assert_eq!(fault("default", json!("ü")), PropertyFault::Undecodable);
    assert_eq!(
        fault("confidential", json!("perhaps")),
        PropertyFault::Invalid("confidential".to_owned())
    );
}

#[test]
fn odd_rows_are_shown_as_far_as_they_go() {
    let shown =
        stored_property(&json!({"title": "t", "colour": "red", "enum": [1], "default": "ü"}));
    assert_eq!(
        Value::Object(shown),
        json!({"title": "t", "default": "ü", "enum": [1]})
    );
    assert_eq!(stored_property(&Value::Null), Map::new());
}
