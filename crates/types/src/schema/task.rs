//! The schemas of a task and of a list of tasks, and the check of a request to start one.

use serde_json::{Map, Value, json};

use super::{SchemaError, check_against, document::UUID_PATTERN};

/// The answer to `GET /v2/schemas/task`.
pub fn task_schema() -> Value {
    json!({ "name": "task", "properties": Value::Object(properties()) })
}

/// The answer to `GET /v2/schemas/tasks`. A list leaves out what a task was given and what came of it.
pub fn tasks_schema() -> Value {
    let mut listed = properties();
    for name in ["input", "result", "message"] {
        listed.shift_remove(name);
    }
    json!({
        "name": "tasks",
        "properties": {
            "tasks": {
                "type": "array",
                "items": { "name": "task", "properties": Value::Object(listed) },
            },
            "schema": {"type": "string"},
        },
        "links": [
            {"rel": "describedby", "href": "{schema}"},
        ],
    })
}

/// Checks a request to start a task.
///
/// # Errors
/// Names the one fault Glance would name if there are several.
pub fn validate_task_body(body: &Map<String, Value>) -> Result<(), SchemaError> {
    check_against(&task_schema(), &Value::Object(body.clone()))
}

fn properties() -> Map<String, Value> {
    let text = |description: &str| json!({"type": "string", "description": description});
    let null_or =
        |kind: &str, description: &str| json!({"type": ["null", kind], "description": description});
    let properties = [
        (
            "id",
            json!({"description": "An identifier for the task", "pattern": UUID_PATTERN, "type": "string"}),
        ),
        (
            "type",
            json!({
                "description": "What the task does",
                "enum": ["import", "api_image_import", "location_import"],
                "type": "string",
            }),
        ),
        (
            "status",
            json!({
                "description": "How far the task has come",
                "enum": ["pending", "processing", "success", "failure"],
                "type": "string",
            }),
        ),
        ("input", null_or("object", "What the task was given")),
        ("result", null_or("object", "What came of the task")),
        ("owner", text("The project that owns the task")),
        ("message", text("Progress, or the cause of a failure")),
        ("image_id", text("The image the task works on")),
        ("request_id", text("The request that started the task")),
        ("user_id", text("The user who started the task")),
        (
            "expires_at",
            null_or("string", "From when on the task may be forgotten"),
        ),
        ("created_at", text("When the task was started")),
        ("updated_at", text("When the task last changed")),
        ("self", json!({"readOnly": true, "type": "string"})),
        ("schema", json!({"readOnly": true, "type": "string"})),
    ];
    properties
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}
