//! `image save`

use std::path::Path;

use vidimus_sdk::{Error as SdkError, Image, Integrity, SaveOptions, Saved};

use super::progress;
use crate::{
    args::ImageSave,
    cmd::Context,
    error::{Error, Result, file_error_text},
};

pub(in crate::cmd) async fn save(arguments: ImageSave, context: &Context) -> Result<()> {
    let image = context.client.images().find(&arguments.image).await?;
    let mut options = SaveOptions {
        store_preferences: arguments.store_preferences,
        on_progress: None,
    };
    let file = arguments.file.filter(|file| !file.is_empty());
    let bar = match &file {
        Some(_) => progress::bar(),
        // Data and a bar on the same terminal would be unreadable.
        None => None,
    };
    let bar = bar.map(|(on_progress, bar)| {
        options.on_progress = Some(on_progress);
        bar
    });
    let saved = match &file {
        Some(path) => to_file(&image, path, options, context).await,
        None => to_stdout(&image, options, context).await,
    };
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    if saved?.integrity == Integrity::Unverified {
        let id = image.id;
        context.console.warn(format_args!(
            "Unable to verify the integrity of image {id} - no hash available"
        ));
    }
    Ok(())
}

async fn to_file(
    image: &Image,
    path: &str,
    options: SaveOptions,
    context: &Context,
) -> Result<Saved> {
    let saved = context
        .client
        .images()
        .save_to_file(image, Path::new(path), options)
        .await;
    saved.map_err(|error| match error {
        SdkError::Io { source, .. } => Error::Failed(format!(
            "Unable to download image: {}",
            file_error_text(path, &source)
        )),
        other => Error::Sdk(other),
    })
}

async fn to_stdout(image: &Image, options: SaveOptions, context: &Context) -> Result<Saved> {
    let mut stdout = tokio::io::stdout();
    let saved = context
        .client
        .images()
        .save_to_writer(image, &mut stdout, options)
        .await;
    saved.map_err(|error| match error {
        SdkError::Stream(source) => Error::stdout(source),
        other => Error::Sdk(other),
    })
}
