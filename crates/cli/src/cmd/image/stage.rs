//! `image stage`

use vidimus_sdk::{ImageStatus, Upload};

use super::{progress, source};
use crate::{
    args::ImageStage,
    cmd::Context,
    error::{Error, Result},
};

pub(in crate::cmd) async fn stage(arguments: ImageStage, context: &Context) -> Result<()> {
    let images = context.client.images();
    let image = images.find(&arguments.image).await?;
    let source = source::given(arguments.file.as_deref());
    source::refuse_size_of_nothing(arguments.size, source.as_ref())?;
    let data = match &source {
        Some(source) => source.open(arguments.size)?,
        // Compat: with a terminal for standard input and no file, the data has no bytes.
        None => Upload::from_reader(tokio::io::empty()),
    };
    if image.known_status() != Some(ImageStatus::Queued) {
        return Err(Error::Failed(format!(
            "Image stage is only possible for images in the queued state. Current state is {}",
            image.status.as_deref().unwrap_or("None")
        )));
    }
    let (data, bar) = match progress::bar().filter(|_| arguments.file.is_some()) {
        Some((on_progress, bar)) => (data.on_progress(on_progress), Some(bar)),
        None => (data, None),
    };
    let staged = images.stage(&image.id, data).await;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    Ok(staged?)
}
