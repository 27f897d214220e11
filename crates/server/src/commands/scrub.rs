//! `vidimus scrub`: removes the data of images that `delayed_delete` has put aside, or brings one of them back.
//!
//! A server does this by itself; the command is for sites that turn that off, and for `--restore`. It works beside a running
//! server and beside Glance's own scrubber: an image is claimed in the database before its data is touched.

use clap::Args;
use vidimus_types::ImageId;

use super::{ConfigArgs, log, say};
use crate::{
    boot::{self, BootError},
    serve::stop_signal,
};

#[derive(Debug, Args)]
pub(super) struct ScrubArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Go on, with a round every `wakeup_time` seconds, until told to stop
    #[arg(short = 'D', long, conflicts_with = "restore")]
    daemon: bool,
    /// Bring a deleted image back that has not been scrubbed, and do nothing else
    #[arg(long, value_name = "IMAGE_ID")]
    restore: Option<ImageId>,
}

/// Some data could not be removed.
const LEFT_OVER: u8 = 1;

pub(super) async fn run(args: ScrubArgs) -> Result<u8, BootError> {
    let loaded = args.config.load()?;
    let settings = loaded.settings;
    log::start(&settings.log)?;
    if args.config.is_embedded() {
        boot::create_dir(&args.config.data_dir)?;
    }
    let service = boot::scrubber(&settings).await?;
    let failed = |error| BootError::new("the scrubber did not do it", error);
    let code = if let Some(id) = &args.restore {
        service.restore_image(id).await.map_err(failed)?;
        say(&format!("image {id} is active again"));
        0
    } else if args.daemon || settings.deletion.is_daemon {
        let scrubber = service.start_scrubber();
        stop_signal().await;
        drop(scrubber);
        0
    } else {
        let scrubbed = service.scrub().await.map_err(failed)?;
        say(&format!(
            "{} images scrubbed, {} leftovers removed, {} locations not removed",
            scrubbed.images, scrubbed.locations, scrubbed.failed
        ));
        if scrubbed.failed == 0 { 0 } else { LEFT_OVER }
    };
    service.shut_down().await;
    Ok(code)
}
