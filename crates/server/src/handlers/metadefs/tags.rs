//! `/v2/metadefs/namespaces/{namespace}/tags` and the tags below it.

use axum::{body::Body, extract::State, http::StatusCode};
use serde_json::{Value, json};

use super::{Answer, empty, unicode_json};
use crate::{
    app::{App, Call},
    extract::{
        json::json_body,
        metadef_path::{MemberPath, NamespacePath},
    },
    views::metadefs::tag_view,
};

/// Asks for new tags to be put beside the old ones.
const APPEND: &str = "x-openstack-append";

pub(super) async fn list_tags(
    State(app): State<App>,
    NamespacePath(namespace): NamespacePath,
    call: Call,
) -> Answer {
    let tags = app
        .service
        .metadefs()
        .list_tags(&call.ctx, &namespace, &call.parameters()?)
        .await?;
    let body = names(tags.iter().map(|tag| tag.name.as_str()));
    Ok(unicode_json(StatusCode::OK, &body))
}

pub(super) async fn create_tags(
    State(app): State<App>,
    NamespacePath(namespace): NamespacePath,
    call: Call,
    body: Body,
) -> Answer {
    let appends = call.header(APPEND).is_some_and(is_true);
    let body = json_body(&call.method, &call.headers, body).await?;
    let created = app
        .service
        .metadefs()
        .create_tags(&call.ctx, &namespace, body, appends)
        .await?;
    let body = names(created.iter().map(String::as_str));
    Ok(unicode_json(StatusCode::CREATED, &body))
}

pub(super) async fn delete_tags(
    State(app): State<App>,
    NamespacePath(namespace): NamespacePath,
    call: Call,
) -> Answer {
    // Compat, stricter: a body makes the peer answer 500.
    call.reject_body()?;
    app.service
        .metadefs()
        .delete_tags(&call.ctx, &namespace)
        .await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

pub(super) async fn show_tag(
    State(app): State<App>,
    MemberPath { namespace, name }: MemberPath,
    call: Call,
) -> Answer {
    call.reject_body()?;
    let tag = app
        .service
        .metadefs()
        .show_tag(&call.ctx, &namespace, &name)
        .await?;
    Ok(unicode_json(StatusCode::OK, &tag_view(&tag)))
}

pub(super) async fn create_tag(
    State(app): State<App>,
    MemberPath { namespace, name }: MemberPath,
    call: Call,
) -> Answer {
    call.reject_body()?;
    let tag = app
        .service
        .metadefs()
        .create_tag(&call.ctx, &namespace, &name)
        .await?;
    Ok(unicode_json(StatusCode::CREATED, &tag_view(&tag)))
}

pub(super) async fn update_tag(
    State(app): State<App>,
    MemberPath { namespace, name }: MemberPath,
    call: Call,
    body: Body,
) -> Answer {
    let body = json_body(&call.method, &call.headers, body).await?;
    let tag = app
        .service
        .metadefs()
        .update_tag(&call.ctx, &namespace, &name, body)
        .await?;
    Ok(unicode_json(StatusCode::OK, &tag_view(&tag)))
}

pub(super) async fn delete_tag(
    State(app): State<App>,
    MemberPath { namespace, name }: MemberPath,
    call: Call,
) -> Answer {
    call.reject_body()?;
    app.service
        .metadefs()
        .delete_tag(&call.ctx, &namespace, &name)
        .await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

fn names<'a>(tags: impl Iterator<Item = &'a str>) -> Value {
    let tags: Vec<Value> = tags.map(|name| json!({ "name": name })).collect();
    json!({ "tags": tags })
}

/// The words for yes; every other word is a no.
fn is_true(word: &str) -> bool {
    let word = word.trim().to_ascii_lowercase();
    matches!(word.as_str(), "1" | "t" | "true" | "on" | "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::is_true;

    #[test]
    fn reads_the_words_of_oslo() {
        for word in ["True", " yes ", "ON", "1", "t", "y"] {
            assert!(is_true(word), "{word}");
        }
        for word in ["", "false", "da", "2"] {
            assert!(!is_true(word), "{word}");
        }
    }
}
