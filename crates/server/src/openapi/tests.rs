//! The document says something about everything, and says it in OpenAPI.

use std::collections::HashSet;

use super::*;

/// A site with everything there is.
fn site() -> Site {
    Site {
        legacy_cache_routes: true,
        import_methods: ["glance-direct", "web-download", "copy-image"]
            .map(str::to_owned)
            .to_vec(),
        ..Site::default()
    }
}

fn operations(document: &Value) -> Vec<(String, &Value, &Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if method != "parameters" {
                found.push((format!("{method} {path}"), operation, item));
            }
        }
    }
    found
}

#[test]
fn the_copy_in_the_documentation_is_current() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/reference/openapi.json"
    );
    let current = printed(&site());
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(path, &current).unwrap();
    }
    let copy = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        copy == current,
        "docs/reference/openapi.json is old: UPDATE_EXPECTED=1 cargo test -p vidimus-server --lib openapi"
    );
}

#[test]
fn every_route_has_an_operation_of_its_own() {
    let table = route_table(true);
    let document = document(&site());
    let operations = operations(&document);
    assert_eq!(
        table.len(),
        operations.len(),
        "two routes of one method and path"
    );
    assert!(table.len() > 90);
    let ids: HashSet<&str> = operations
        .iter()
        .map(|(_, operation, _)| operation["operationId"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), operations.len(), "an id is used twice");
    assert!(route_table(false).len() < table.len());
}

#[test]
fn every_operation_says_what_it_does() {
    let document = document(&site());
    for (name, operation, item) in operations(&document) {
        for member in ["summary", "operationId"] {
            assert!(!operation[member].as_str().unwrap().is_empty(), "{name}");
        }
        let responses = operation["responses"].as_object().unwrap();
        for (status, answer) in responses {
            assert!(
                status.parse::<u16>().is_ok_and(|status| status >= 200),
                "{name}"
            );
            let is_said = answer["description"]
                .as_str()
                .is_some_and(|text| !text.is_empty());
            assert!(is_said || answer.get("$ref").is_some(), "{name} {status}");
        }
        // What begins with one of these is refused on purpose.
        let is_refused = operation["summary"]
            .as_str()
            .unwrap()
            .starts_with("Refused: ");
        let succeeds = responses.keys().any(|status| status.as_str() < "400");
        assert_eq!(succeeds, !is_refused, "{name}");
        let parameters = [&operation["parameters"], &item["parameters"]];
        let parameters = parameters.into_iter().filter_map(Value::as_array).flatten();
        for parameter in parameters.filter(|parameter| parameter.get("$ref").is_none()) {
            let description = parameter["description"].as_str().unwrap();
            assert!(!description.is_empty(), "{name}: {}", parameter["name"]);
        }
        let takes_body = operation.get("requestBody").is_some();
        let method = name.split(' ').next().unwrap();
        assert!(
            !takes_body || matches!(method, "post" | "put" | "patch"),
            "{name}"
        );
    }
}

#[test]
fn no_status_is_said_twice() {
    for route in route_table(true) {
        let mut statuses: Vec<u16> = route
            .operation
            .answers
            .iter()
            .map(|(status, _)| *status)
            .collect();
        let count = statuses.len();
        statuses.sort_unstable();
        statuses.dedup();
        assert_eq!(statuses.len(), count, "{} {}", route.method, route.path);
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_used() {
    let document = document(&site());
    let mut used = HashSet::new();
    let mut open = vec![&document];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref") {
                    let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{pointer}");
                    used.insert(pointer.to_owned());
                }
                open.extend(members.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    for kind in ["schemas", "responses", "parameters", "headers"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            let pointer = format!("/components/{kind}/{name}");
            assert!(used.contains(&pointer), "nobody uses {pointer}");
        }
    }
}

#[test]
fn what_the_operator_decides_is_in_it() {
    let site = Site {
        schema: SchemaOptions {
            disk_formats: vec!["floppy".to_owned()],
            ..SchemaOptions::default()
        },
        import_methods: vec!["web-download".to_owned()],
        open_to_all: true,
        legacy_cache_routes: false,
    };
    let document = document(&site);
    let schemas = &document["components"]["schemas"];
    let formats = &schemas["image"]["properties"]["disk_format"]["enum"];
    assert_eq!(*formats, json!([null, "floppy"]));
    let method = &schemas["import_request"]["properties"]["method"]["properties"]["name"];
    assert_eq!(method["enum"], json!(["web-download"]));
    assert!(document["paths"].get("/v2/cached_images").is_none());
    assert_eq!(document["security"], json!([{"token": []}, {}]));
}
