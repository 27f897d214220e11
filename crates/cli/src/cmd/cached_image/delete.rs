//! `cached image delete`

use crate::{
    args::CachedImages,
    cmd::Context,
    error::{Error, Result},
};

/// Compat: an image that is not in the cache, or a server without one, is no failure.
pub(in crate::cmd) async fn delete(arguments: CachedImages, context: &Context) -> Result<()> {
    let mut failures = 0;
    for name in &arguments.images {
        if let Err(error) = delete_one(name, context).await {
            failures += 1;
            context.console.error(format_args!(
                "Failed to delete image with name or ID '{name}': {error}"
            ));
        }
    }
    match failures {
        0 => Ok(()),
        _ => Err(Error::Failed(format!(
            "Failed to delete {failures} of {} images.",
            arguments.images.len()
        ))),
    }
}

async fn delete_one(name: &str, context: &Context) -> Result<()> {
    let image = context.client.images().find(name).await?;
    match context.client.cache().delete(&image.id).await {
        Err(error) if error.is_not_found() => Ok(()),
        other => Ok(other?),
    }
}
