//! The schema of a request that says where an image's data lies, and the check against it. It is served nowhere.

use serde_json::{Map, Value, json};

use super::{SchemaError, check_against};

/// The hashes a location may be given with.
const ALGORITHMS: [&str; 4] = ["sha1", "sha256", "sha512", "md5"];

fn document() -> Value {
    json!({
        "name": "location",
        "properties": {
            "add_location": {
                "type": "object",
                "description": "Where the data lies, and what it must be",
                "properties": {
                    "url": {
                        "type": "string",
                        "readOnly": true,
                        "description": "The URL of the data",
                    },
                    "validation_data": {
                        "description": "A hash the data must have",
                        "type": "object",
                        "writeOnly": true,
                        "additionalProperties": false,
                        "properties": {
                            "os_hash_algo": {
                                "type": "string",
                                "maxLength": 64,
                                "enum": ALGORITHMS,
                            },
                            "os_hash_value": {
                                "type": "string",
                                "maxLength": 128,
                            },
                        },
                        "dependentRequired": {
                            "os_hash_value": ["os_hash_algo"],
                            "os_hash_algo": ["os_hash_value"],
                        },
                    },
                },
                "required": ["url"],
            },
        },
    })
}

/// Checks the body of a request to add a location.
///
/// # Errors
/// Names the one fault Glance would name if there are several.
pub fn validate_location(body: &Value) -> Result<(), SchemaError> {
    let wrapped = Map::from_iter([("add_location".to_owned(), body.clone())]);
    check_against(&document(), &Value::Object(wrapped))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_comes_with_its_name() {
        let refusal = |body: Value| {
            let error = validate_location(&body).unwrap_err().to_string();
            error.lines().next().unwrap_or_default().to_owned()
        };
        let url = "http://mirror.example/x";
        let whole = json!({"os_hash_algo": "md5", "os_hash_value": "00"});
        for sound in [json!({}), whole] {
            let body = json!({"url": url, "validation_data": sound});
            assert_eq!(validate_location(&body), Ok(()));
        }
        assert_eq!(
            refusal(json!({"url": url, "validation_data": {"os_hash_algo": "md5"}})),
            "Provided object does not match schema 'location': 'os_hash_value' is a dependency of 'os_hash_algo'"
        );
        assert_eq!(
            refusal(json!({"validation_data": {}})),
            "Provided object does not match schema 'location': 'url' is a required property"
        );
        assert!(refusal(json!([])).ends_with("[] is not of type 'object'"));
    }
}
