//! `cached image clear`

use crate::{
    args::CachedImageClear,
    cmd::Context,
    error::{Error, Result},
};

/// Silent if it works.
pub(in crate::cmd) async fn clear(arguments: CachedImageClear, context: &Context) -> Result<()> {
    let cleared = context.client.cache().clear(arguments.target()).await;
    cleared.map_err(|error| {
        // Compat: openstackclient says this line twice and keeps the cause to itself.
        context.console.error("Failed to clear image cache");
        Error::Sdk(error)
    })
}
