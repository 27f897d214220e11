//! The OpenAPI document: the table of routes, put into the form others read.
//!
//! Nothing about a single operation is said here; that stands beside its handler (`operation.rs`). Here is what all of
//! them have in common, and the frame around them.

pub(crate) mod operation;
mod schemas;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::OnceLock};

use axum::http::HeaderValue;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use vidimus_digest::{Algorithm, hex_digest};
use vidimus_types::schema::SchemaOptions;

use crate::{router::route_table, routes::Route};
use operation::Operation;

/// What of the document the operator decides.
#[derive(Debug, Clone, Default)]
pub struct Site {
    /// What images may look like.
    pub schema: SchemaOptions,
    /// The ways to import data.
    pub import_methods: Vec<String>,
    /// Whether every caller is an admin, whoever it is.
    pub open_to_all: bool,
    /// Whether the legacy routes of the `cachemanage` filter are there.
    pub legacy_cache_routes: bool,
}

/// The document of a site, written out when it is first asked for.
#[derive(Debug, Default)]
pub struct Document {
    site: Site,
    written: OnceLock<Written>,
}

/// The document as it is sent.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) text: Bytes,
    pub(crate) etag: HeaderValue,
}

impl Document {
    /// The document of this site.
    pub fn new(site: Site) -> Self {
        Self {
            site,
            written: OnceLock::new(),
        }
    }

    pub(crate) fn written(&self) -> &Written {
        self.written.get_or_init(|| {
            let text = document(&self.site).to_string();
            let digest = hex_digest(Algorithm::md5(), text.as_bytes()).unwrap_or_default();
            Written {
                text: text.into(),
                etag: HeaderValue::try_from(format!("\"{digest}\""))
                    .unwrap_or(HeaderValue::from_static("\"\"")),
            }
        })
    }
}

/// The document, laid out for people.
pub(crate) fn printed(site: &Site) -> String {
    format!("{:#}\n", document(site))
}

fn document(site: &Site) -> Value {
    let table = route_table(site.legacy_cache_routes);
    let mut paths = Map::new();
    let mut tags: Vec<&str> = Vec::new();
    for route in &table {
        let item = paths
            .entry(route.path.clone())
            .or_insert_with(|| path_item(&route.path));
        item[route.method.to_ascii_lowercase()] = operation(route);
        if !tags.contains(&route.operation.tag) {
            tags.push(route.operation.tag);
        }
    }
    let mut security = vec![json!({"token": []})];
    if site.open_to_all {
        // That nothing is needed is one of the ways to satisfy it.
        security.push(json!({}));
    }
    let tags: Vec<Value> = tags.into_iter().map(|tag| json!({"name": tag})).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Vidimus",
            "summary": "The OpenStack Image API v2",
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "version": env!("CARGO_PKG_VERSION"),
        },
        "servers": [{"url": "/", "description": "The server the document comes from"}],
        "security": security,
        "tags": tags,
        "paths": paths,
        "components": components(site),
    })
}

const DESCRIPTION: &str = "\
Registers, stores, caches and serves disk images.

`/v2.N`, with a minor version that `/versions` lists, stands for `/v2`. An error comes as JSON, HTML or plain text, as \
`Accept` asks for. Other methods than those of a path are answered 405 with `Allow`, `OPTIONS` by the rules for pages of \
other origins.";

fn path_item(path: &str) -> Value {
    let mut parameters = path_parameters(path);
    if path.starts_with("/v2") {
        parameters.push(json!({"$ref": "#/components/parameters/request_id"}));
    }
    if parameters.is_empty() {
        json!({})
    } else {
        json!({ "parameters": parameters })
    }
}

fn path_parameters(path: &str) -> Vec<Value> {
    let mut parameters = Vec::new();
    let mut before = "";
    for segment in path.split('/') {
        let name = segment
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        if let Some(name) = name {
            let (description, schema) = path_parameter(name, before);
            parameters.push(json!({
                "name": name, "in": "path", "required": true, "description": description, "schema": schema,
            }));
        }
        before = segment;
    }
    parameters
}

/// What a parameter means follows from its name and from what stands before it.
fn path_parameter(name: &str, before: &str) -> (&'static str, Value) {
    let uuid = || json!({"type": "string", "format": "uuid"});
    let name_of = |length: u32| json!({"type": "string", "minLength": 1, "maxLength": length});
    match (name, before) {
        ("id", "tasks") => ("The id of the task", uuid()),
        ("id", _) | ("image", _) => ("The id of the image", uuid()),
        ("store", _) => ("The id of the store", name_of(64)),
        ("tag", _) => ("The tag", name_of(255)),
        ("member", _) => ("The id of the project", name_of(255)),
        ("namespace", _) => ("The name of the namespace", name_of(80)),
        ("name", "resource_types") => ("The name of the resource type", name_of(80)),
        ("name", "properties") => ("The name of the property", name_of(80)),
        ("name", "objects") => ("The name of the object", name_of(80)),
        ("name", "tags") => ("The tag", name_of(80)),
        _ => ("", json!({"type": "string"})),
    }
}

fn operation(route: &Route) -> Value {
    let Operation {
        id,
        tag,
        summary,
        description,
        parameters,
        body,
        answers,
        is_open,
    } = &route.operation;
    let mut view = Map::new();
    let mut set = |name: &str, value: Value| view.insert(name.to_owned(), value);
    set("operationId", json!(id));
    set("summary", json!(summary));
    if let Some(description) = description {
        set("description", json!(description));
    }
    set("tags", json!([tag]));
    if !parameters.is_empty() {
        set("parameters", json!(parameters));
    }
    if let Some(body) = body {
        set("requestBody", body.clone());
    }
    let mut responses: BTreeMap<u16, Value> = answers.iter().cloned().collect();
    for answer in responses.values_mut() {
        *answer = response(answer.take(), *is_open);
    }
    if *is_open {
        set("security", json!([]));
    } else {
        responses.insert(401, json!({"$ref": "#/components/responses/unauthorized"}));
        responses.insert(
            431,
            json!({"$ref": "#/components/responses/request_id_too_long"}),
        );
    }
    let responses: Map<String, Value> = responses
        .into_iter()
        .map(|(status, answer)| (status.to_string(), answer))
        .collect();
    set("responses", Value::Object(responses));
    Value::Object(view)
}

/// An answer with the header all answers have. A reference has it already, unless something else is put beside it.
fn response(mut answer: Value, is_open: bool) -> Value {
    let is_reference = answer.get("$ref").is_some();
    if is_reference && answer.get("headers").is_none() {
        return answer;
    }
    if is_reference {
        let description = answer["description"].take();
        let headers = answer["headers"].take();
        answer =
            json!({"description": description, "headers": headers, "content": error_content()});
    }
    if !is_open {
        answer["headers"]["X-Openstack-Request-Id"] =
            json!({"$ref": "#/components/headers/request_id"});
    }
    answer
}

/// An error in each of its forms.
fn error_content() -> Value {
    json!({
        "application/json": {"schema": operation::named("error")},
        "text/html": {"schema": {"type": "string"}},
        "text/plain": {"schema": {"type": "string"}},
    })
}

fn components(site: &Site) -> Value {
    let with_id = json!({"X-Openstack-Request-Id": {"$ref": "#/components/headers/request_id"}});
    json!({
        "schemas": schemas::schemas(site),
        "responses": {
            "error": {
                "description": "The request went wrong",
                "headers": with_id,
                "content": error_content(),
            },
            "unauthorized": {
                "description": "Nobody vouches for the caller",
                "headers": {
                    "WWW-Authenticate": {
                        "description": "Where to get a token, where the site has an identity service",
                        "schema": {"type": "string"},
                    },
                },
                "content": error_content(),
            },
            "request_id_too_long": {
                "description": "The request id of the client is longer than allowed, or the headers are too many",
                "content": error_content(),
            },
        },
        "parameters": {
            "request_id": {
                "name": "X-Openstack-Request-Id",
                "in": "header",
                "description": "An id of the client's that ties the requests of one errand together in the logs",
                "schema": {"type": "string"},
            },
        },
        "headers": {
            "request_id": {
                "description": "The id of the request in the log of the server",
                "required": true,
                "schema": {"type": "string", "pattern": "^req-"},
            },
        },
        "securitySchemes": {
            "token": {
                "type": "apiKey",
                "in": "header",
                "name": "X-Auth-Token",
                "description": "A token of the identity service. A server without one takes every caller for an admin.",
            },
        },
    })
}
