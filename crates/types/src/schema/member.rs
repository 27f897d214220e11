//! The schema documents of a member and of a list of members.

use serde_json::{Value, json};

use super::document::UUID_PATTERN;
use crate::MemberStatus;

/// The answer to `GET /v2/schemas/member`.
pub fn member_schema() -> Value {
    let statuses: Vec<&str> = MemberStatus::ALL
        .iter()
        .map(|status| status.as_str())
        .collect();
    json!({
        "name": "member",
        "properties": {
            "member_id": {"type": "string", "description": "The project the image is shared with"},
            "image_id": {"type": "string", "description": "An identifier for the image", "pattern": UUID_PATTERN},
            "created_at": {"type": "string", "description": "When the project became a member"},
            "updated_at": {"type": "string", "description": "When the membership changed last"},
            "status": {"type": "string", "description": "What the project said to the image", "enum": statuses},
            "schema": {"readOnly": true, "type": "string"},
        },
    })
}

/// The answer to `GET /v2/schemas/members`.
pub fn members_schema() -> Value {
    json!({
        "name": "members",
        "properties": {
            "members": {"type": "array", "items": member_schema()},
            "schema": {"type": "string"},
        },
        "links": [{"rel": "describedby", "href": "{schema}"}],
    })
}
