//! A notification as it travels: oslo.messaging's six fields around a payload, and the text of it.

use chrono::Utc;
use serde_json::{Value, json};
use uuid::Uuid;
use vidimus_types::python_json;

use super::{Event, Priority};

/// The message; drivers put it into envelopes of theirs.
pub(super) fn message(
    publisher_id: &str,
    event: Event,
    priority: Priority,
    payload: Value,
) -> Value {
    json!({
        "message_id": Uuid::new_v4().to_string(),
        "publisher_id": publisher_id,
        "event_type": event.word(),
        "priority": priority.word(),
        "payload": payload,
        "timestamp": Utc::now().format("%Y-%m-%d %H:%M:%S%.6f").to_string(),
    })
}

/// One line of ASCII.
///
/// Compat: the form of Python's `json.dumps`. Whatever a client called its image, a log viewer sees no control character
/// and no second line.
pub(super) fn line(message: &Value) -> String {
    python_json(message, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_the_six_fields_in_their_order() {
        let message = message("me", Event::ImageSend, Priority::Error, json!({"a": 1}));
        let members: Vec<_> = message.as_object().unwrap().keys().collect();
        assert_eq!(
            members,
            [
                "message_id",
                "publisher_id",
                "event_type",
                "priority",
                "payload",
                "timestamp"
            ]
        );
        assert_eq!(message["event_type"], "image.send");
        assert_eq!(message["priority"], "ERROR");
        let time = message["timestamp"].as_str().unwrap();
        assert!(chrono::NaiveDateTime::parse_from_str(time, "%Y-%m-%d %H:%M:%S%.f").is_ok());
        assert_eq!(time.len(), "2026-11-22 18:32:32.592876".len());
    }
}
