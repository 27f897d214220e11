//! `image list`

use serde_json::Value;
use vidimus_sdk::{Image, ListQuery};

use super::{attributes, project_id};
use crate::{
    args::ImageList,
    cmd::Context,
    error::{Error, Result},
    output::{Cell, Listing, to_text},
};

/// Headings and the attributes below them.
const SHORT: [(&str, &str); 3] = [("ID", "id"), ("Name", "name"), ("Status", "status")];
const LONG: [(&str, &str); 13] = [
    ("ID", "id"),
    ("Name", "name"),
    ("Disk Format", "disk_format"),
    ("Container Format", "container_format"),
    ("Size", "size"),
    ("Checksum", "checksum"),
    ("Status", "status"),
    ("Visibility", "visibility"),
    ("Protected", "is_protected"),
    ("Project", "owner_id"),
    ("Hash Algorithm", "hash_algo"),
    ("Hash Value", "hash_value"),
    ("Tags", "tags"),
];

pub(in crate::cmd) async fn list(arguments: ImageList, context: &Context) -> Result<()> {
    let query = query(&arguments, context).await?;
    let mut images = context.client.images().list(query).collect().await?;
    // Compat: the last of several values of a property counts.
    for (name, value) in &arguments.properties {
        let is_overridden = arguments
            .properties
            .iter()
            .rev()
            .find(|(other, _)| other == name)
            .is_some_and(|last| last.1 != *value);
        if !is_overridden {
            images.retain(|image| has_property(image, name, value));
        }
    }
    sort(&mut images, &arguments.sort)?;
    let columns: &[(&str, &str)] = if arguments.long { &LONG } else { &SHORT };
    let listing = Listing {
        columns: columns
            .iter()
            .map(|(heading, _)| (*heading).to_owned())
            .collect(),
        rows: images.iter().map(|image| row(image, columns)).collect(),
        headings_are_list: false,
    };
    context.list(listing, &arguments.format)
}

async fn query(arguments: &ImageList, context: &Context) -> Result<ListQuery> {
    let mut query = ListQuery::default();
    if let Some(marker) = given(&arguments.marker) {
        query.marker = Some(context.client.images().find(marker).await?.id.to_string());
    }
    // Compat: zero is no limit. A limit asks for one page, a maximum for as many pages as it takes.
    query.page_size = arguments.limit.filter(|limit| *limit > 0);
    query.single_page = query.page_size.is_some();
    query.max_items = arguments
        .max_items
        .and_then(|count| usize::try_from(count).ok())
        .filter(|count| *count > 0);
    let project = project_id(&arguments.project, context).await?;
    let filters = [
        ("visibility", arguments.visibility().map(str::to_owned)),
        ("name", given(&arguments.name).map(str::to_owned)),
        ("status", given(&arguments.status).map(str::to_owned)),
        (
            "member_status",
            arguments
                .member_status
                .as_ref()
                .map(|status| status.to_lowercase()),
        ),
        ("owner", project),
        ("os_hidden", arguments.hidden.then(|| "True".to_owned())),
    ];
    for (name, value) in filters {
        if let Some(value) = value {
            query = query.filter(name, value);
        }
    }
    for tag in &arguments.tags {
        query = query.filter("tag", tag.as_str());
    }
    Ok(query)
}

fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

/// Compat: only text is equal to a value of the command line, so `--property min_disk=1` finds nothing.
fn has_property(image: &Image, name: &str, value: &str) -> bool {
    let found = attributes::attribute(image, name)
        .or_else(|| attributes::custom_property(image, name).cloned());
    !value.is_empty() && found == Some(Value::String(value.to_owned()))
}

fn row(image: &Image, columns: &[(&str, &str)]) -> Vec<Cell> {
    columns
        .iter()
        .map(|(_, name)| match *name {
            "tags" => attributes::tags(image),
            name => Cell::Plain(attributes::attribute(image, name).unwrap_or(Value::Null)),
        })
        .collect()
}

/// Sorts by `key[:direction],…`.
///
/// Compat: every value is compared as text, sizes too.
fn sort(images: &mut [Image], rules: &str) -> Result<()> {
    if rules.is_empty() {
        return Ok(());
    }
    for rule in rules.trim().split(',').rev() {
        let (key, is_descending) = match rule.split_once(':') {
            None => (rule, false),
            Some(("", _)) => {
                return Err(Error::Failed(
                    "'<empty string>'' is not a valid sort key".to_owned(),
                ));
            }
            Some((key, "asc")) => (key, false),
            Some((key, "desc")) => (key, true),
            Some((key, direction)) => {
                let direction = if direction.is_empty() {
                    "<empty string>"
                } else {
                    direction
                };
                return Err(Error::Failed(format!(
                    "'{direction}' is not a valid sort direction for sort key {key}, use 'asc' or 'desc' instead"
                )));
            }
        };
        let mut texts = Vec::with_capacity(images.len());
        for image in images.iter() {
            match attributes::attribute(image, key) {
                Some(value) => texts.push(to_text(&value)),
                None => return Err(Error::Failed(format!("Resource doesn't have field {key}"))),
            }
        }
        sort_by_texts(images, &texts, is_descending);
    }
    Ok(())
}

fn sort_by_texts(images: &mut [Image], texts: &[String], is_descending: bool) {
    let mut order: Vec<usize> = (0..images.len()).collect();
    if is_descending {
        order.sort_by(|&a, &b| texts[b].cmp(&texts[a]));
    } else {
        order.sort_by(|&a, &b| texts[a].cmp(&texts[b]));
    }
    let sorted: Vec<Image> = order
        .into_iter()
        .map(|index| images[index].clone())
        .collect();
    images.clone_from_slice(&sorted);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn image(number: usize, name: Value, size: Value) -> Image {
        let id = format!("71c675ab-d94f-49cd-a114-{number:012}");
        serde_json::from_value(
            json!({"id": id, "name": name, "size": size, "os_type": "linux", "x": "y"}),
        )
        .unwrap()
    }

    fn sorted(rules: &str) -> Result<String> {
        let mut images = [
            image(0, json!("b"), json!(9)),
            image(1, json!(null), json!(10)),
            image(2, json!("a"), json!(9)),
        ];
        sort(&mut images, rules)?;
        Ok(images
            .iter()
            .map(|image| &image.id.as_str()[35..])
            .collect())
    }

    #[test]
    fn images_are_sorted_as_text() {
        assert_eq!(sorted("name").unwrap(), "120");
        assert_eq!(sorted("size:desc").unwrap(), "021");
        assert_eq!(sorted("size,name:desc").unwrap(), "102");
        assert_eq!(sorted("").unwrap(), "012");
    }

    #[test]
    fn bad_rules_are_named() {
        let text = |rules| sorted(rules).unwrap_err().to_string();
        assert_eq!(text("colour"), "Resource doesn't have field colour");
        assert_eq!(
            text("name:up"),
            "'up' is not a valid sort direction for sort key name, use 'asc' or 'desc' instead"
        );
        assert_eq!(text(":asc"), "'<empty string>'' is not a valid sort key");
    }

    #[test]
    fn properties_are_compared_as_text_only() {
        let image = image(0, json!("a"), json!(9));
        assert!(has_property(&image, "os_type", "linux") && has_property(&image, "x", "y"));
        assert!(!has_property(&image, "size", "9") && !has_property(&image, "nothing", ""));
    }
}
