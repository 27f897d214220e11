//! `image delete`

use vidimus_sdk::{Error as SdkError, StoreId};

use crate::{
    args::ImageDelete,
    cmd::Context,
    error::{Error, Result},
};

pub(in crate::cmd) async fn delete(arguments: ImageDelete, context: &Context) -> Result<()> {
    let store = arguments.store.as_deref().filter(|store| !store.is_empty());
    let mut failures = 0;
    for name in &arguments.images {
        match delete_one(name, store, context).await {
            Ok(()) => {}
            // Compat: openstackclient takes every 404 for a server without stores, a misspelt name included, and leaves
            // the images behind it alone.
            Err(Error::Sdk(error)) if error.is_not_found() => {
                return Err(Error::Failed(
                    "Multi Backend support not enabled.".to_owned(),
                ));
            }
            Err(error) => {
                failures += 1;
                context.console.error(format_args!(
                    "Failed to delete image with name or ID '{name}': {error}"
                ));
            }
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

async fn delete_one(name: &str, store: Option<&str>, context: &Context) -> Result<()> {
    let image = context.client.images().find(name).await?;
    match store {
        None => context.client.images().delete(&image.id).await?,
        Some(store) => {
            let store: StoreId = store
                .parse()
                .map_err(|error| SdkError::InvalidRequest(format!("{error}")))?;
            context
                .client
                .stores()
                .delete_image(&store, &image.id)
                .await?;
        }
    }
    Ok(())
}
