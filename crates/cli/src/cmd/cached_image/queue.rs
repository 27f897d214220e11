//! `cached image queue`

use crate::{
    args::CachedImages,
    cmd::Context,
    error::{Error, Result},
};

pub(in crate::cmd) async fn queue(arguments: CachedImages, context: &Context) -> Result<()> {
    let mut failures = 0;
    for name in &arguments.images {
        if let Err(error) = queue_one(name, context).await {
            failures += 1;
            context.console.error(format_args!(
                "Failed to queue image with name or ID '{name}': {error}"
            ));
        }
    }
    match failures {
        0 => Ok(()),
        _ => Err(Error::Failed(format!(
            "Failed to queue {failures} of {} images",
            arguments.images.len()
        ))),
    }
}

async fn queue_one(name: &str, context: &Context) -> Result<()> {
    let image = context.client.images().find(name).await?;
    Ok(context.client.cache().queue(&image.id).await?)
}
