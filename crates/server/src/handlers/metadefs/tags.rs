//! `/v2/metadefs/namespaces/{namespace}/tags` and the tags below it.

use axum::{body::Body, http::StatusCode};
use serde_json::{Value, json};

use super::{Answer, NO_MEMBER, NO_NAMESPACE, PROTECTED, TAG, empty, unicode_json};
use crate::{
    extract::metadef_path::{MemberPath, MetadefCall, NamespacePath},
    openapi::operation::{BAD, DENIED, Operation, UNEXPECTED, named},
    views::metadefs::tag_view,
};

/// Asks for new tags to be put beside the old ones.
const APPEND: &str = "x-openstack-append";

pub(super) fn list_tags_doc() -> Operation {
    Operation::new(TAG, "list_tags", "List the tags of a namespace")
        .page(
            "The name of the last tag of the page before",
            &["name", "created_at", "updated_at", "id", "namespace_id"],
        )
        .query(
            "visibility",
            "Read and not obeyed",
            json!({"type": "string", "enum": ["public", "private", "shared"]}),
        )
        .json(200, "The tags", named("metadef_tags"))
        .refuses(&[
            BAD,
            DENIED,
            (
                404,
                "No such namespace, or none the caller may see, or the marker is no tag of it",
            ),
        ])
}

pub(super) async fn list_tags(at: MetadefCall<NamespacePath>) -> Answer {
    let tags = at
        .metadefs()
        .list_tags(&at.call.ctx, &at.path.namespace, &at.call.parameters()?)
        .await?;
    let body = names(tags.iter().map(|tag| tag.name.as_str()));
    Ok(unicode_json(StatusCode::OK, &body))
}

pub(super) fn create_tags_doc() -> Operation {
    Operation::new(
        TAG,
        "create_tags",
        "Put tags in the place of those a namespace has, or beside them",
    )
    .header(
        APPEND,
        "Whether the tags that are there stay",
        json!({"type": "string", "examples": ["true"]}),
    )
    .json_body(named("metadef_tag_names"))
    .json(201, "The new tags", named("metadef_tags"))
    .refuses(&[
        BAD,
        DENIED,
        NO_NAMESPACE,
        (409, "A tag is there already, or is given twice"),
    ])
}

pub(super) async fn create_tags(at: MetadefCall<NamespacePath>, body: Body) -> Answer {
    let appends = at.call.header(APPEND).is_some_and(is_true);
    let body = at.json(body).await?;
    let created = at
        .metadefs()
        .create_tags(&at.call.ctx, &at.path.namespace, body, appends)
        .await?;
    let body = names(created.iter().map(String::as_str));
    Ok(unicode_json(StatusCode::CREATED, &body))
}

pub(super) fn delete_tags_doc() -> Operation {
    Operation::new(TAG, "delete_tags", "Delete all tags of a namespace")
        .empty(204, "The tags are gone")
        .refuses(&[UNEXPECTED, PROTECTED, NO_NAMESPACE])
}

pub(super) async fn delete_tags(at: MetadefCall<NamespacePath>) -> Answer {
    // Compat, stricter: a body makes the peer answer 500.
    at.call.reject_body()?;
    at.metadefs()
        .delete_tags(&at.call.ctx, &at.path.namespace)
        .await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

pub(super) fn show_tag_doc() -> Operation {
    Operation::new(TAG, "show_tag", "Show a tag of a namespace")
        .json(200, "The tag", named("metadef_tag"))
        .refuses(&[UNEXPECTED, DENIED, NO_MEMBER])
}

pub(super) async fn show_tag(at: MetadefCall<MemberPath>) -> Answer {
    at.call.reject_body()?;
    let tag = at
        .metadefs()
        .show_tag(&at.call.ctx, &at.path.namespace, &at.path.name)
        .await?;
    Ok(unicode_json(StatusCode::OK, &tag_view(&tag)))
}

pub(super) fn create_tag_doc() -> Operation {
    Operation::new(TAG, "create_tag", "Add a tag to a namespace")
        .json(201, "The tag", named("metadef_tag"))
        .refuses(&[
            BAD,
            DENIED,
            NO_NAMESPACE,
            (409, "The namespace has the tag"),
        ])
}

pub(super) async fn create_tag(at: MetadefCall<MemberPath>) -> Answer {
    at.call.reject_body()?;
    let tag = at
        .metadefs()
        .create_tag(&at.call.ctx, &at.path.namespace, &at.path.name)
        .await?;
    Ok(unicode_json(StatusCode::CREATED, &tag_view(&tag)))
}

pub(super) fn update_tag_doc() -> Operation {
    Operation::new(TAG, "update_tag", "Put another tag in the place of one")
        .json_body(named("metadef_tag"))
        .json(200, "The tag as it is now", named("metadef_tag"))
        .refuses(&[
            BAD,
            DENIED,
            NO_MEMBER,
            (409, "The namespace has another tag of the new name"),
        ])
}

pub(super) async fn update_tag(at: MetadefCall<MemberPath>, body: Body) -> Answer {
    let body = at.json(body).await?;
    let tag = at
        .metadefs()
        .update_tag(&at.call.ctx, &at.path.namespace, &at.path.name, body)
        .await?;
    Ok(unicode_json(StatusCode::OK, &tag_view(&tag)))
}

pub(super) fn delete_tag_doc() -> Operation {
    Operation::new(TAG, "delete_tag", "Delete a tag of a namespace")
        .empty(204, "The tag is gone")
        .refuses(&[UNEXPECTED, PROTECTED, NO_MEMBER])
}

pub(super) async fn delete_tag(at: MetadefCall<MemberPath>) -> Answer {
    at.call.reject_body()?;
    at.metadefs()
        .delete_tag(&at.call.ctx, &at.path.namespace, &at.path.name)
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
