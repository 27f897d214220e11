//! What of an image the policy may ask about.

use vidimus_auth::{Attributes, Context, Target, Value};
use vidimus_db::{ImageRecord, NewImage};
use vidimus_types::Visibility;

/// An image that exists.
pub(crate) fn image_target<'a>(ctx: &'a Context, record: &'a ImageRecord) -> Target<'a> {
    Target::of(Shown { ctx, record })
}

/// An image, as one caller sees it.
#[derive(Debug)]
struct Shown<'a> {
    ctx: &'a Context,
    record: &'a ImageRecord,
}

/// Compat: `project_id` is another name of `owner`; `member_id` is the caller's project if the image is shared with it.
/// Custom properties can be asked about by their names; the base attributes win, also those that are unset.
impl Attributes for Shown<'_> {
    fn attribute(&self, name: &str) -> Option<Value<'_>> {
        let record = self.record;
        let text: Option<&str> = match name {
            "name" => record.name.as_deref(),
            "disk_format" => record.disk_format.as_deref(),
            "container_format" => record.container_format.as_deref(),
            "checksum" => record.checksum.as_deref(),
            "os_hash_algo" => record.os_hash_algo.as_deref(),
            "os_hash_value" => record.os_hash_value.as_deref(),
            "owner" | "project_id" => record.owner.as_deref(),
            "member" | "member_id" => self.member(),
            "id" | "image_id" => Some(record.id.as_str()),
            "status" => Some(record.status.as_str()),
            "visibility" => Some(record.visibility.as_str()),
            "protected" => return Some(record.protected.into()),
            "os_hidden" => return Some(record.os_hidden.into()),
            _ => {
                // Of a property that is there twice, the newer one counts.
                let mut newest_first = record.properties.iter().rev();
                let value = newest_first
                    .find_map(|(known, value)| value.as_deref().filter(|_| known == name));
                return value.map(Value::from);
            }
        };
        Some(text.into())
    }
}

impl<'a> Shown<'a> {
    /// A shared image that the caller sees without owning it is shared with the caller: the scope of the query says so.
    fn member(&self) -> Option<&'a str> {
        let project = self.ctx.project_id();
        let is_member =
            self.record.visibility == Visibility::Shared && self.record.owner.as_deref() != project;
        project.filter(|_| is_member && !self.ctx.is_admin())
    }
}

/// An image somebody wants to create.
pub(crate) fn proposed(image: &NewImage) -> Target<'_> {
    let owner = image.owner.as_deref();
    Target::new()
        .with("project_id", owner)
        .with("owner", owner)
        .with("visibility", image.visibility.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use vidimus_auth::Identity;
    use vidimus_types::ImageStatus;

    fn record() -> ImageRecord {
        ImageRecord {
            id: "6bbe7cc2-eae7-4c0f-b50d-a7160b0c6a86".parse().unwrap(),
            name: None,
            disk_format: Some("raw".to_owned()),
            container_format: None,
            size: None,
            virtual_size: None,
            status: ImageStatus::Queued,
            visibility: Visibility::Shared,
            checksum: None,
            os_hash_algo: None,
            os_hash_value: None,
            min_disk: 0,
            min_ram: 0,
            owner: Some("theirs".to_owned()),
            protected: true,
            os_hidden: false,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
            deleted: false,
            properties: [("name", "mine"), ("os_distro", "debian")]
                .map(|(name, value)| (name.to_owned(), Some(value.to_owned())))
                .to_vec(),
            tags: Vec::new(),
            locations: Vec::new(),
            shown: Default::default(),
        }
    }

    fn caller(project: &str) -> Context {
        let identity = Identity {
            project_id: Some(project.to_owned()),
            ..Identity::default()
        };
        Context::from_identity(identity, "req-1")
    }

    #[test]
    fn base_attributes_win_over_properties_even_unset() {
        let (ctx, record) = (caller("theirs"), record());
        let target = image_target(&ctx, &record);
        assert_eq!(target.get("name"), Some(Value::Null));
        assert_eq!(target.get("os_distro"), Some(Value::from("debian")));
        assert_eq!(target.get("project_id"), Some(Value::from("theirs")));
        assert_eq!(target.get("image_id"), target.get("id"));
        assert_eq!(target.get("protected"), Some(Value::from(true)));
        assert_eq!(target.get("other"), None);
    }

    #[test]
    fn who_sees_a_shared_image_of_others_is_its_member() {
        let record = record();
        for (project, member) in [("mine", Some("mine")), ("theirs", None)] {
            let ctx = caller(project);
            let target = image_target(&ctx, &record);
            assert_eq!(target.get("member_id"), Some(member.into()));
        }
        let ctx = caller("mine").with_is_admin(true);
        let target = image_target(&ctx, &record);
        assert_eq!(target.get("member"), Some(Value::Null));
    }
}
