//! The options of the cached image commands.

use clap::{Args, ValueEnum};
use vidimus_sdk::ClearTarget;

use super::ListFormat;

/// `cached image list`
#[derive(Debug, Clone, Args)]
pub(crate) struct CachedImageList {
    #[command(flatten)]
    pub(crate) format: ListFormat,
}

/// `cached image queue`, `cached image delete`
#[derive(Debug, Clone, Args)]
pub(crate) struct CachedImages {
    /// Images (name or ID)
    #[arg(value_name = "image", required = true)]
    pub(crate) images: Vec<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum TargetName {
    Both,
    Cache,
    Queue,
}

/// `cached image clear`
#[derive(Debug, Clone, Args)]
pub(crate) struct CachedImageClear {
    /// Remove the cached images
    #[arg(long)]
    cache: bool,
    /// Remove the queued images
    #[arg(long)]
    queue: bool,
    /// What to remove, in one word
    #[arg(long, value_enum, conflicts_with_all = ["cache", "queue"])]
    target: Option<TargetName>,
}

impl CachedImageClear {
    /// What is to be cleared: all that was named, everything if nothing was.
    ///
    /// Both options together mean both. Compat: openstackclient then heeds the last one only.
    pub(crate) fn target(&self) -> ClearTarget {
        match (self.target, self.cache, self.queue) {
            (Some(TargetName::Cache), ..) | (None, true, false) => ClearTarget::Cache,
            (Some(TargetName::Queue), ..) | (None, false, true) => ClearTarget::Queue,
            (Some(TargetName::Both), ..) | (None, ..) => ClearTarget::Both,
        }
    }
}
