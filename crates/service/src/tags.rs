//! Put a tag on an image, take it off.

use serde_json::{Map, Value};
use vidimus_auth::{Action, Context};
use vidimus_db::ImageRecord;
use vidimus_types::{
    ImageId,
    schema::{SchemaOptions, validate_image_body},
};

use crate::{Error, ImageService, Result, images::require_owner, notify::Event};

impl ImageService {
    /// Puts a tag on an image; a tag that is there already stays.
    pub async fn add_tag(&self, ctx: &Context, id: &ImageId, tag: &str) -> Result<()> {
        if tag.chars().any(|character| character > '\u{ffff}') {
            return Err(Error::Invalid(
                "Param values can't contain 4 byte unicode.".to_owned(),
            ));
        }
        let fragment = Map::from_iter([(
            "tags".to_owned(),
            Value::Array(vec![Value::String(tag.to_owned())]),
        )]);
        // Compat: without custom properties, whose `required` list would refuse a fragment.
        let schema = SchemaOptions {
            custom: None,
            ..self.config().schema.clone()
        };
        validate_image_body(&fragment, &schema)
            .map_err(|error| Error::SchemaMismatch(error.to_string()))?;
        let record = self.find_tagged(ctx, id).await?;
        require_owner(ctx, &record).map_err(|_| Error::TagsDenied {
            verb: "update",
            id: *id,
        })?;
        if record.tags.iter().any(|present| present == tag) {
            self.notify_image(Event::ImageUpdate, id).await;
            return Ok(());
        }
        match self.check_tag_quota(record.tags.len() + 1) {
            Err(Error::QuotaExceeded {
                attempted, maximum, ..
            }) => {
                return Err(Error::TagQuotaExceeded {
                    id: *id,
                    attempted,
                    maximum,
                });
            }
            outcome => outcome?,
        }
        self.parts.db.tags().add(id, tag).await?;
        self.notify_image(Event::ImageUpdate, id).await;
        Ok(())
    }

    /// Takes a tag off an image.
    pub async fn remove_tag(&self, ctx: &Context, id: &ImageId, tag: &str) -> Result<()> {
        let record = self.find_tagged(ctx, id).await?;
        if !record.tags.iter().any(|present| present == tag) {
            return Err(Error::Hidden);
        }
        require_owner(ctx, &record).map_err(|_| Error::TagsDenied {
            verb: "delete",
            id: *id,
        })?;
        if self.parts.db.tags().remove(id, tag).await? {
            self.notify_image(Event::ImageUpdate, id).await;
            Ok(())
        } else {
            Err(Error::Hidden)
        }
    }

    async fn find_tagged(&self, ctx: &Context, id: &ImageId) -> Result<ImageRecord> {
        let record = match self.find_image(ctx, id).await {
            Err(Error::ImageNotFound(id)) => return Err(Error::NamedImageNotFound(id)),
            found => found?,
        };
        self.enforce_on(ctx, Action::ModifyImage, &record)?;
        Ok(record)
    }
}
