//! The options of the commands that give an image its data in two steps, and of those that say what a server has for it.

use clap::{Args, builder::PossibleValuesParser};

use super::{ListFormat, ShowFormat, values};

/// `image stage`
#[derive(Debug, Clone, Args)]
pub(crate) struct ImageStage {
    /// File to stage; without it, standard input unless that is a terminal
    #[arg(long, value_name = "file")]
    pub(crate) file: Option<String>,
    /// Bytes of the data, where they are not known from a file
    #[arg(long, value_name = "size", value_parser = values::size, allow_negative_numbers = true)]
    pub(crate) size: Option<u64>,
    /// Show how far the upload of a file is
    #[arg(long)]
    pub(crate) progress: bool,
    /// Image the data is for (name or ID)
    #[arg(value_name = "image")]
    pub(crate) image: String,
}

/// `image import`
#[derive(Debug, Clone, Args)]
pub(crate) struct ImageImport {
    /// Image the data is for (name or ID)
    #[arg(value_name = "image")]
    pub(crate) image: String,
    /// Where the data comes from
    #[arg(long, value_name = "method", default_value = "glance-direct",
          value_parser = PossibleValuesParser::new(["glance-direct", "web-download", "glance-download", "copy-image"]))]
    pub(crate) method: String,
    /// URL of the data, for web-download
    #[arg(long, value_name = "uri")]
    pub(crate) uri: Option<String>,
    /// ID of the image in the other region, for glance-download
    #[arg(long, value_name = "REMOTE_IMAGE")]
    pub(crate) remote_image: Option<String>,
    /// Region to take the image from, for glance-download
    #[arg(long, value_name = "REMOTE_GLANCE_REGION")]
    pub(crate) remote_region: Option<String>,
    /// Interface of the other region's image service, for glance-download
    #[arg(long, value_name = "REMOTE_SERVICE_INTERFACE")]
    pub(crate) remote_service_interface: Option<String>,
    /// Stores to put the data into; may be given several times
    #[arg(long = "store", value_name = "STORE", num_args = 0.., group = "target")]
    pub(crate) stores: Vec<String>,
    /// Put the data into every store
    #[arg(long, group = "target")]
    pub(crate) all_stores: bool,
    /// Go on with the other stores when one fails, which is so without it, too
    #[arg(long, group = "failure")]
    // Not read: it is the default.
    allow_failure: bool,
    /// Undo everything when one store fails
    #[arg(long, group = "failure")]
    pub(crate) disallow_failure: bool,
    /// Wait for the end of the import and show the image as it is then
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) format: ShowFormat,
}

/// `image import info`
#[derive(Debug, Clone, Args)]
pub(crate) struct ImageImportInfo {
    #[command(flatten)]
    pub(crate) format: ShowFormat,
}

/// `image stores list`
#[derive(Debug, Clone, Args)]
pub(crate) struct ImageStoresList {
    /// Show the properties of the stores, too (admins only)
    #[arg(long)]
    pub(crate) detail: bool,
    #[command(flatten)]
    pub(crate) format: ListFormat,
}
