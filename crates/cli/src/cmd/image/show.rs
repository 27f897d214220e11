//! `image show`

use super::attributes;
use crate::{args::ImageShow, cmd::Context, error::Result};

pub(in crate::cmd) async fn show(arguments: ImageShow, context: &Context) -> Result<()> {
    let image = context.client.images().find(&arguments.image).await?;
    // Compat: openstackclient fails with `'size'` where an image without data is to be shown with a readable size.
    let record = attributes::record(&image, arguments.human_readable);
    context.show(&record, &arguments.format)
}
