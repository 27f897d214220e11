//! What of an image the policy may ask about.

use vidimus_auth::{Context, Target};
use vidimus_db::{ImageRecord, NewImage};
use vidimus_types::Visibility;

/// An image that exists.
///
/// Compat: `project_id` is another name of `owner`; `member_id` is the caller's project if the image is shared with it.
/// Custom properties can be asked about by their names, the base attributes win.
pub(crate) fn image_target<'a>(ctx: &'a Context, record: &'a ImageRecord) -> Target<'a> {
    // A shared image that the caller sees without owning it is shared with the caller: the scope of the query says so.
    let is_member =
        record.visibility == Visibility::Shared && record.owner.as_deref() != ctx.project_id();
    let member = ctx.project_id().filter(|_| is_member && !ctx.is_admin());
    let mut target = Target::new();
    for (name, value) in &record.properties {
        if let Some(value) = value {
            target = target.with(name.as_str(), value.as_str());
        }
    }
    let attributes = [
        ("name", record.name.as_deref()),
        ("disk_format", record.disk_format.as_deref()),
        ("container_format", record.container_format.as_deref()),
        ("checksum", record.checksum.as_deref()),
        ("os_hash_algo", record.os_hash_algo.as_deref()),
        ("os_hash_value", record.os_hash_value.as_deref()),
        ("owner", record.owner.as_deref()),
        ("project_id", record.owner.as_deref()),
        ("member", member),
        ("member_id", member),
        ("id", Some(record.id.as_str())),
        ("image_id", Some(record.id.as_str())),
        ("status", Some(record.status.as_str())),
        ("visibility", Some(record.visibility.as_str())),
        ("protected", Some(python_bool(record.protected))),
        ("os_hidden", Some(python_bool(record.os_hidden))),
    ];
    for (name, value) in attributes {
        // Also what is unset, so that no custom property can take its place.
        target = target.with(name, value);
    }
    target
}

/// An image somebody wants to create.
pub(crate) fn proposed(image: &NewImage) -> Target<'_> {
    let owner = image.owner.as_deref();
    Target::new()
        .with("project_id", owner)
        .with("owner", owner)
        .with("visibility", image.visibility.as_str())
}

/// Rules compare texts, and Python writes its booleans like this.
fn python_bool(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}
