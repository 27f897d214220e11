//! Hides what looks like a secret in a message that goes to the log: owners put all sorts of things into properties.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::Value;

const HIDDEN: &str = "***";

/// Names of secrets, and beginnings of such names. Compat: the list of oslo.utils.
const NAMES: &str = "adminpass|admin_pass|password|auth_token|new_pass|secret|sys_pswd|token|configdrive|encrypted_key|\
    private_key|fernetkey|sslkey|passphrase|cephclusterfsid|octaviaheartbeatkey|rabbitcookie|cephmanilaclientkey|\
    pacemakerremoteauthkey|designaterndckey|cephadminkey|heatauthencryptionkey|cephclientkey|keystonecredential|\
    barbicansimplecryptokek|cephrgwkey|swifthashsuffix|migrationsshkey|cephmdskey|cephmonkey";

static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(&format!("(?i){NAMES}")).ok());

/// `name = "value"` and `"name": "value"`; `--name value`; `<name>value`; `name=value`.
static PAIR: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(&format!(
        r#"(?ix)
        (?<quoted> (?:{NAMES})\d* ["']? \s* [=:] \s* u? ["'] ) [^"']*
        | (?<option> --(?:{NAMES})\d* \s+ ) \S+
        | (?<element> <(?:{NAMES})\d*> ) [^<]*
        | (?<plain> (?:{NAMES})\d* \s* = \s* ) [^\s"']+"#
    ))
    .ok()
});

/// The value with every secret in it replaced.
pub(super) fn masked(value: Value) -> Value {
    let (Some(name), Some(pair)) = (NAME.as_ref(), PAIR.as_ref()) else {
        // Rather nothing than a secret. The patterns are constants, a test makes sure that they are sound.
        return Value::Null;
    };
    mask(value, name, pair)
}

fn mask(value: Value, name: &Regex, pair: &Regex) -> Value {
    match value {
        Value::String(text) if name.is_match(&text) => Value::String(mask_text(&text, pair)),
        Value::Array(items) => items
            .into_iter()
            .map(|item| mask(item, name, pair))
            .collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(key, value)| match value {
                Value::Object(_) => (key, mask(value, name, pair)),
                _ if name.is_match(&key) => (key, HIDDEN.into()),
                value => (key, mask(value, name, pair)),
            })
            .collect(),
        other => other,
    }
}

fn mask_text(text: &str, pair: &Regex) -> String {
    let hide = |found: &Captures<'_>| {
        let before = ["quoted", "option", "element", "plain"]
            .iter()
            .find_map(|form| found.name(form));
        format!("{}{HIDDEN}", before.map_or("", |it| it.as_str()))
    };
    pair.replace_all(text, hide).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_hidden_by_the_name_of_their_field() {
        let told = masked(json!({
            "name": "token", "admin_Password": "x", "myTOKEN2": ["x"], "inner": {"a": [{"secret_uuid": 1}]},
            "tokens": {"kept": "y", "private_key_id": "x"}, "size": 7,
        }));
        assert_eq!(
            told,
            json!({
                "name": "token", "admin_Password": "***", "myTOKEN2": "***", "inner": {"a": [{"secret_uuid": "***"}]},
                "tokens": {"kept": "y", "private_key_id": "***"}, "size": 7,
            })
        );
    }

    #[test]
    fn secrets_are_hidden_inside_texts() {
        for (text, told) in [
            ("password=x y", "password=*** y"),
            ("Password = x", "Password = ***"),
            ("password='x y' z", "password='***' z"),
            (
                r#"{"auth_token": "x", "a": "b"}"#,
                r#"{"auth_token": "***", "a": "b"}"#,
            ),
            ("'auth_token' : u'x'", "'auth_token' : u'***'"),
            ("run --password1 x --more", "run --password1 *** --more"),
            ("<token>x</token>", "<token>***</token>"),
            ("a=b&secret=x", "a=b&secret=***"),
            ("no secret in here", "no secret in here"),
        ] {
            assert_eq!(masked(json!(text)), json!(told), "{text}");
        }
    }
}
