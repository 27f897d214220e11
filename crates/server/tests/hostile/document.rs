//! What can be asked, as the server's own document says it: nothing about routes is written here a second time.

use serde_json::Value;

/// One method of one path.
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) method: String,
    /// With the names of parameters in braces.
    pub(crate) path: String,
    pub(crate) queries: Vec<Parameter>,
    pub(crate) headers: Vec<Parameter>,
    /// The media types a body can have, with the schema.
    pub(crate) bodies: Vec<(String, Value)>,
    /// The statuses that may come back.
    pub(crate) statuses: Vec<u16>,
}

/// Something with a name.
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) schema: Value,
}

/// Everything in the document.
pub(crate) fn operations(document: &Value) -> Vec<Operation> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if method != "parameters" {
                found.push(read(document, path, method, operation));
            }
        }
    }
    found
}

fn read(document: &Value, path: &str, method: &str, operation: &Value) -> Operation {
    let parameters = |place: &str| {
        let all = operation["parameters"].as_array();
        let here = all
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == place);
        here.map(|parameter| Parameter {
            name: parameter["name"].as_str().unwrap().to_owned(),
            schema: parameter["schema"].clone(),
        })
        .collect()
    };
    let contents = operation["requestBody"]["content"].as_object();
    let responses = operation["responses"].as_object().unwrap();
    Operation {
        id: operation["operationId"].as_str().unwrap().to_owned(),
        method: method.to_ascii_uppercase(),
        path: path.to_owned(),
        queries: parameters("query"),
        headers: parameters("header"),
        bodies: contents
            .into_iter()
            .flatten()
            .map(|(media_type, content)| {
                (media_type.clone(), resolved(document, &content["schema"]))
            })
            .collect(),
        statuses: responses
            .keys()
            .map(|status| status.parse().unwrap())
            .collect(),
    }
}

/// A schema with what its references stand for. None of them leads back to itself.
fn resolved(document: &Value, schema: &Value) -> Value {
    match schema {
        Value::Object(members) => match members.get("$ref").and_then(Value::as_str) {
            Some(reference) => resolved(document, document.pointer(&reference[1..]).unwrap()),
            None => members
                .iter()
                .map(|(name, member)| (name.clone(), resolved(document, member)))
                .collect(),
        },
        Value::Array(items) => items.iter().map(|item| resolved(document, item)).collect(),
        other => other.clone(),
    }
}
