//! `image add project`, `image remove project`, `image member list`, `image member get`

use serde_json::{Value, json};
use vidimus_sdk::Member;

use crate::{
    args::{ImageAddProject, ImageMemberGet, ImageMemberList, ImageRemoveProject},
    cmd::Context,
    error::Result,
    output::{Cell, Listing, Record},
};

pub(in crate::cmd) async fn add_project(
    arguments: ImageAddProject,
    context: &Context,
) -> Result<()> {
    let client = &context.client;
    let project = client
        .find_project_id(&arguments.project, arguments.project_domain())
        .await?;
    let image = client.images().find(&arguments.image).await?;
    let member = client.members().add(&image.id, &project).await?;
    context.show(&record(&member), &arguments.format)
}

pub(in crate::cmd) async fn remove_project(
    arguments: ImageRemoveProject,
    context: &Context,
) -> Result<()> {
    let client = &context.client;
    let project = client
        .find_project_id(&arguments.project, arguments.project_domain())
        .await?;
    let image = client.images().find(&arguments.image).await?;
    match client.members().remove(&image.id, &project).await {
        // Compat: a project the image was not shared with is as good as removed.
        Err(error) if error.is_not_found() => Ok(()),
        done => Ok(done?),
    }
}

pub(in crate::cmd) async fn member_list(
    arguments: ImageMemberList,
    context: &Context,
) -> Result<()> {
    let image = context.client.images().find(&arguments.image).await?;
    let members = context.client.members().list(&image.id).await?;
    let row = |member: &Member| {
        vec![
            Cell::text(member.image_id.to_string()),
            Cell::text(&member.member_id),
            Cell::text(&member.status),
        ]
    };
    let listing = Listing {
        columns: ["Image ID", "Member ID", "Status"]
            .map(str::to_owned)
            .to_vec(),
        rows: members.iter().map(row).collect(),
        headings_are_list: false,
    };
    context.list(listing, &arguments.format)
}

pub(in crate::cmd) async fn member_get(arguments: ImageMemberGet, context: &Context) -> Result<()> {
    let image = context.client.images().find(&arguments.image).await?;
    let member = context
        .client
        .members()
        .get(&image.id, &arguments.project)
        .await?;
    context.show(&record(&member), &arguments.format)
}

fn record(member: &Member) -> Record {
    let fields = [
        ("created_at", json!(member.created_at)),
        ("image_id", json!(member.image_id)),
        ("member_id", json!(member.member_id)),
        ("schema", json!(member.schema)),
        ("status", json!(member.status)),
        ("updated_at", json!(member.updated_at)),
    ];
    let cell = |(name, value): (&str, Value)| (name.to_owned(), Cell::Plain(value));
    Record {
        fields: fields.map(cell).to_vec(),
    }
}
