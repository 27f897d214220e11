//! `image unset`

use std::collections::BTreeSet;

use vidimus_sdk::ImagePatch;

use super::attributes;
use crate::{
    args::ImageUnset,
    cmd::Context,
    error::{Error, Result},
};

pub(in crate::cmd) async fn unset(arguments: ImageUnset, context: &Context) -> Result<()> {
    let images = context.client.images();
    let image = images.find(&arguments.image).await?;
    let mut tag_failures = 0;
    for tag in &arguments.tags {
        if images.remove_tag(&image.id, tag).await.is_err() {
            context.console.error(format_args!(
                "tag unset failed, '{tag}' is a nonexistent tag "
            ));
            tag_failures += 1;
        }
    }
    let mut property_failures = 0;
    let mut removed = BTreeSet::new();
    for name in &arguments.properties {
        // Compat: a property that openstacksdk has a name for may be missing, others may not.
        if !attributes::is_known(&image, name)
            && attributes::custom_property(&image, name).is_none()
        {
            context.console.error(format_args!(
                "property unset failed, '{name}' is a nonexistent property "
            ));
            property_failures += 1;
            continue;
        }
        let wire = attributes::wire_name(name);
        if attributes::has(&image, wire) {
            removed.insert(wire);
        }
    }
    let mut patch = ImagePatch::default();
    for wire in removed {
        patch.remove(wire);
    }
    if !patch.is_empty() {
        images.update(&image.id, &patch).await?;
    }
    summary(
        (tag_failures, arguments.tags.len()),
        (property_failures, arguments.properties.len()),
    )
}

/// Compat: openstackclient's sentence, the missing blank included.
fn summary(tags: (usize, usize), properties: (usize, usize)) -> Result<()> {
    let of_tags = format!("Failed to unset {} of {} tags", tags.0, tags.1);
    let of_properties = format!(
        "Failed to unset {} of {} properties.",
        properties.0, properties.1
    );
    match (tags.0, properties.0) {
        (0, 0) => Ok(()),
        (_, 0) => Err(Error::Failed(format!("{of_tags}."))),
        (0, _) => Err(Error::Failed(of_properties)),
        _ => Err(Error::Failed(format!("{of_tags},{of_properties}"))),
    }
}
