//! `image set`

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use vidimus_sdk::{Image, ImagePatch, MemberStatus};

use super::{attributes, project_id, refuse_dead_option};
use crate::{
    args::{ImageSet, Membership},
    cmd::Context,
    error::{Error, Result},
};

pub(in crate::cmd) async fn set(arguments: ImageSet, context: &Context) -> Result<()> {
    refuse_dead_option(arguments.dead_option())?;
    let images = context.client.images();
    let image = images.find(&arguments.image).await?;
    let project = project_id(&arguments.project, context).await?;
    // Compat: openstackclient does not look at the answer and exits with 0 when the server refuses.
    if arguments.deactivate {
        images.deactivate(&image.id).await?;
    }
    if arguments.activate {
        images.reactivate(&image.id).await?;
    }
    let membership = answer(&arguments.membership);
    if let Some(status) = membership {
        let project = match &project {
            Some(project) => project.clone(),
            None => own_project(context).await?,
        };
        context
            .client
            .members()
            .set_status(&image.id, &project, status)
            .await?;
    }
    // With an answer, the project says whose answer it is and not whose image.
    let owner = project.filter(|_| membership.is_none());
    let patch = patch(&arguments, owner, &image);
    if !patch.is_empty() {
        images.update(&image.id, &patch).await?;
    }
    Ok(())
}

fn answer(membership: &Membership) -> Option<MemberStatus> {
    match (membership.accept, membership.reject, membership.pending) {
        (true, ..) => Some(MemberStatus::Accepted),
        (_, true, _) => Some(MemberStatus::Rejected),
        (_, _, true) => Some(MemberStatus::Pending),
        _ => None,
    }
}

async fn own_project(context: &Context) -> Result<String> {
    context.client.project_id().await?.ok_or_else(|| {
        Error::Failed(
            "--project is needed, because the credentials do not belong to a project".to_owned(),
        )
    })
}

/// All that was asked for as one patch, sorted by path.
///
/// Compat: openstackclient sends `add` for what is there already, too, which the API takes for `replace`.
fn patch(arguments: &ImageSet, owner: Option<String>, image: &Image) -> ImagePatch {
    let mut changes: BTreeMap<String, Value> = BTreeMap::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            changes.insert(attributes::wire_name(name).to_owned(), value);
        }
    };
    let text = |text: &Option<String>| text.as_ref().map(|text| json!(text));
    put("architecture", text(&arguments.architecture));
    put("container_format", text(&arguments.container_format));
    put("disk_format", text(&arguments.disk_format));
    put("instance_id", text(&arguments.instance_id));
    put("kernel_id", text(&arguments.kernel_id));
    put("min_disk", arguments.min_disk.map(Value::from));
    put("min_ram", arguments.min_ram.map(Value::from));
    put("name", text(&arguments.name));
    put("os_distro", text(&arguments.os_distro));
    put("os_version", text(&arguments.os_version));
    put("ramdisk_id", text(&arguments.ramdisk_id));
    for (key, value) in &arguments.properties {
        put(key, Some(json!(value)));
    }
    put("protected", arguments.protected().map(Value::from));
    put("visibility", arguments.visibility().map(Value::from));
    put("owner", owner.map(Value::from));
    if !arguments.tags.is_empty() {
        let tags: BTreeSet<&String> = image.tags.iter().chain(&arguments.tags).collect();
        put("tags", Some(json!(tags)));
    }
    put("os_hidden", arguments.hidden().map(Value::from));
    let mut patch = ImagePatch::default();
    for (key, value) in changes {
        patch.add(&key, value);
    }
    patch
}
