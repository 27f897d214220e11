//! What one method of one path does, as the document says it. Each is written beside the handler it describes.
//!
//! What all operations have in common, such as the answer to callers without a token and the parameters of the path, is
//! added where the document is put together.

use serde_json::{Map, Value, json};

/// A status and what it means here.
pub(crate) type Refusal = (u16, &'static str);

/// The policy forbids it.
pub(crate) const DENIED: Refusal = (403, "The policy does not let the caller do this");
/// The request cannot be right.
pub(crate) const BAD: Refusal = (
    400,
    "Something in the request cannot be right; the answer names it",
);
/// A body where none belongs, or a path that is no UTF-8.
pub(crate) const UNEXPECTED: Refusal =
    (400, "The request has a body, or its path cannot be decoded");
/// Another node has what is asked for and gives no answer.
pub(crate) const OTHER_NODE_BROKEN: Refusal = (
    502,
    "The node that has the staged data gives no proper answer",
);
/// Another node has what is asked for and cannot be reached.
pub(crate) const OTHER_NODE_GONE: Refusal =
    (504, "The node that has the staged data cannot be reached");
/// The image.
pub(crate) const NO_IMAGE: Refusal = (404, "No such image, or none the caller may see");
/// The cache.
pub(crate) const NO_CACHE: Refusal = (
    404,
    "No such image, or none the caller may see, or this site has no cache",
);

/// The description of an operation.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(super) id: &'static str,
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    pub(super) description: Option<&'static str>,
    pub(super) parameters: Vec<Value>,
    pub(super) body: Option<Value>,
    pub(super) answers: Vec<(u16, Value)>,
    pub(super) is_open: bool,
}

impl Operation {
    /// An operation on things of the kind `tag`. The id is the name of the handler where no other has it.
    pub(crate) fn new(tag: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self {
            id,
            tag,
            summary,
            description: None,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            is_open: false,
        }
    }

    /// More than fits into the summary.
    pub(crate) fn note(mut self, text: &'static str) -> Self {
        self.description = Some(text);
        self
    }

    /// Nobody is asked for a token.
    pub(crate) fn open(mut self) -> Self {
        self.is_open = true;
        self
    }

    /// A parameter of the query string.
    pub(crate) fn query(self, name: &str, description: &str, schema: Value) -> Self {
        self.parameter("query", name, description, schema)
    }

    /// Parameters of the query string whose names are the client's.
    pub(crate) fn other_queries(mut self, name: &str, description: &str) -> Self {
        self.parameters.push(json!({
            "name": name,
            "in": "query",
            "description": description,
            "style": "form",
            "explode": true,
            "schema": {"type": "object", "additionalProperties": {"type": "string"}},
        }));
        self
    }

    /// A header of the request.
    pub(crate) fn header(self, name: &str, description: &str, schema: Value) -> Self {
        self.parameter("header", name, description, schema)
    }

    /// A page of a list: how long, where it begins, and in which order.
    pub(crate) fn page(self, marker: &str, sort_keys: &[&str]) -> Self {
        self.query(
            "limit",
            "How many entries the page may have; the site has a limit of its own",
            json!({"type": "integer", "minimum": 0}),
        )
        .query("marker", marker, json!({"type": "string"}))
        .query(
            "sort_key",
            "What to sort by",
            json!({"type": "string", "enum": sort_keys}),
        )
        .query("sort_dir", "In which direction to sort", directions())
    }

    fn parameter(mut self, place: &str, name: &str, description: &str, schema: Value) -> Self {
        self.parameters.push(json!({
            "name": name, "in": place, "description": description, "schema": schema,
        }));
        self
    }

    /// A JSON body, which must be there.
    pub(crate) fn json_body(self, schema: Value) -> Self {
        self.body_of(&[("application/json", schema)])
            .refuses(&[(413, "The body, or what it asks for, is larger than allowed")])
    }

    /// A body of one of these media types, which must be there.
    pub(crate) fn body_of(mut self, contents: &[(&str, Value)]) -> Self {
        let content: Map<String, Value> = contents
            .iter()
            .map(|(media_type, schema)| ((*media_type).to_owned(), json!({"schema": schema})))
            .collect();
        self.body = Some(json!({"required": true, "content": content}));
        self
    }

    /// Answers JSON.
    pub(crate) fn json(self, status: u16, description: &str, schema: Value) -> Self {
        self.content(status, description, &[("application/json", schema)])
    }

    /// Answers in one of these media types.
    pub(crate) fn content(
        mut self,
        status: u16,
        description: &str,
        contents: &[(&str, Value)],
    ) -> Self {
        let content: Map<String, Value> = contents
            .iter()
            .map(|(media_type, schema)| ((*media_type).to_owned(), json!({"schema": schema})))
            .collect();
        self.answers.push((
            status,
            json!({"description": description, "content": content}),
        ));
        self
    }

    /// Answers nothing but the status.
    pub(crate) fn empty(mut self, status: u16, description: &str) -> Self {
        self.answers
            .push((status, json!({"description": description})));
        self
    }

    /// A header of the last answer.
    pub(crate) fn with_header(mut self, name: &str, description: &str, schema: Value) -> Self {
        if let Some((_, answer)) = self.answers.last_mut() {
            answer["headers"][name] = json!({"description": description, "schema": schema});
        }
        self
    }

    /// Answers with an error.
    pub(crate) fn refuses(mut self, refusals: &[Refusal]) -> Self {
        for (status, description) in refusals {
            let answer =
                json!({"$ref": "#/components/responses/error", "description": description});
            self.answers.push((*status, answer));
        }
        self
    }
}

/// The words for the two directions of a sort.
pub(crate) fn directions() -> Value {
    json!({"type": "string", "enum": ["asc", "desc"]})
}

/// A schema among the components of the document.
pub(crate) fn named(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}
