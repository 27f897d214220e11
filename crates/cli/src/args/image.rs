//! The options of the image commands.

use clap::{Args, builder::PossibleValuesParser};

use super::{ListFormat, ShowFormat, values};

// Compat: the formats openstackclient knows; a server may know more.
const CONTAINER_FORMATS: [&str; 7] = ["ami", "ari", "aki", "bare", "docker", "ova", "ovf"];
const DISK_FORMATS: [&str; 11] = [
    "ami", "ari", "aki", "vhd", "vmdk", "raw", "qcow2", "vhdx", "vdi", "iso", "ploop",
];

/// Who can see the image.
#[derive(Debug, Clone, Args)]
struct VisibilityArgs {
    /// Everyone can see and use the image
    #[arg(long, group = "visibility")]
    public: bool,
    /// Only the owner can see the image
    #[arg(long, group = "visibility")]
    private: bool,
    /// Everyone can use the image, but lists leave it out
    #[arg(long, group = "visibility")]
    community: bool,
    /// The owner and the image's members can see it
    #[arg(long, group = "visibility")]
    shared: bool,
}

impl VisibilityArgs {
    fn word(&self) -> Option<&'static str> {
        [
            (self.public, "public"),
            (self.private, "private"),
            (self.community, "community"),
            (self.shared, "shared"),
        ]
        .into_iter()
        .find_map(|(is_set, word)| is_set.then_some(word))
    }
}

/// Whether the image can be deleted.
#[derive(Debug, Clone, Args)]
struct ProtectionArgs {
    /// Keep the image from being deleted
    #[arg(long, group = "protection")]
    protected: bool,
    /// Allow the image to be deleted
    #[arg(long, group = "protection")]
    unprotected: bool,
}

impl ProtectionArgs {
    fn choice(&self) -> Option<bool> {
        match (self.protected, self.unprotected) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        }
    }
}

/// A project, by name or id.
#[derive(Debug, Clone, Args)]
pub(crate) struct ProjectArgs {
    /// Project (name or ID)
    #[arg(long, value_name = "project")]
    pub(crate) project: Option<String>,
    /// Domain of the project (name or ID), where its name is not unique
    #[arg(long, value_name = "project-domain")]
    pub(crate) project_domain: Option<String>,
}

/// `image create`
#[derive(Debug, Clone, Args)]
pub(crate) struct ImageCreate {
    /// Name of the new image
    #[arg(value_name = "image-name")]
    pub(crate) name: String,
    /// ID of the new image; the server chooses one otherwise
    #[arg(long, value_name = "id")]
    pub(crate) id: Option<String>,
    /// What wraps the disk
    #[arg(long, value_name = "container-format", default_value = "bare",
          value_parser = PossibleValuesParser::new(CONTAINER_FORMATS))]
    pub(crate) container_format: String,
    /// Format of the disk
    #[arg(long, value_name = "disk-format", default_value = "raw",
          value_parser = PossibleValuesParser::new(DISK_FORMATS))]
    pub(crate) disk_format: String,
    /// Gigabytes of disk an instance needs at least
    #[arg(long, value_name = "disk-gb", value_parser = values::integer, allow_negative_numbers = true)]
    pub(crate) min_disk: Option<i64>,
    /// Megabytes of memory an instance needs at least
    #[arg(long, value_name = "ram-mb", value_parser = values::integer, allow_negative_numbers = true)]
    pub(crate) min_ram: Option<i64>,
    /// Bytes of the data, where they are not known from a file
    #[arg(long, value_name = "size", value_parser = values::size, allow_negative_numbers = true)]
    pub(crate) size: Option<u64>,
    /// File to upload; without it, standard input unless that is a terminal
    #[arg(long, value_name = "file", group = "source")]
    pub(crate) file: Option<String>,
    /// Not supported: needs the Block Storage service
    #[arg(long, value_name = "volume", group = "source")]
    pub(crate) volume: Option<String>,
    /// Accepted; it concerns --volume only
    #[arg(long)]
    // Not read: it means something only together with --volume, which is refused.
    force: bool,
    /// Show how far the upload of a file is
    #[arg(long)]
    pub(crate) progress: bool,
    /// Sign the data with this private key, an RSA key in PEM; needs --file and --sign-cert-id
    #[arg(long, value_name = "sign-key-path")]
    pub(crate) sign_key_path: Option<String>,
    /// The id that the key's certificate has in the key manager; needs --sign-key-path
    #[arg(long, value_name = "sign-cert-id")]
    pub(crate) sign_cert_id: Option<String>,
    #[command(flatten)]
    protection: ProtectionArgs,
    #[command(flatten)]
    visibility: VisibilityArgs,
    /// Set a property; may be given several times
    #[arg(long = "property", value_name = "key=value", value_parser = values::key_value)]
    pub(crate) properties: Vec<(String, String)>,
    /// Set a tag; may be given several times
    #[arg(long = "tag", value_name = "tag")]
    pub(crate) tags: Vec<String>,
    #[command(flatten)]
    pub(crate) project: ProjectArgs,
    /// Import the data instead of uploading it directly
    #[arg(long = "import")]
    pub(crate) use_import: bool,
    #[arg(long, hide = true)]
    location: Option<String>,
    #[arg(long, hide = true)]
    copy_from: Option<String>,
    #[arg(long, hide = true)]
    checksum: Option<String>,
    #[arg(long, hide = true)]
    store: Option<String>,
    #[command(flatten)]
    pub(crate) format: ShowFormat,
}

impl ImageCreate {
    pub(crate) fn visibility(&self) -> Option<&'static str> {
        self.visibility.word()
    }

    pub(crate) fn protected(&self) -> Option<bool> {
        self.protection.choice()
    }

    /// The first option of Image API v1 that was used.
    pub(crate) fn dead_option(&self) -> Option<&'static str> {
        [
            (&self.location, "location"),
            (&self.copy_from, "copy-from"),
            (&self.checksum, "checksum"),
            (&self.store, "store"),
        ]
        .into_iter()
        .find_map(|(value, name)| {
            value
                .as_ref()
                .filter(|value| !value.is_empty())
                .map(|_| name)
        })
    }
}

/// `image list`
#[derive(Debug, Clone, Args)]
pub(crate) struct ImageList {
    #[command(flatten)]
    visibility: VisibilityArgs,
    /// List the images of every visibility
    #[arg(long, group = "visibility")]
    all: bool,
    /// List only images with this property; may be given several times
    #[arg(long = "property", value_name = "key=value", value_parser = values::key_value)]
    pub(crate) properties: Vec<(String, String)>,
    /// List only images of this name
    #[arg(long, value_name = "name")]
    pub(crate) name: Option<String>,
    /// List only images in this status
    #[arg(long, value_name = "status")]
    pub(crate) status: Option<String>,
    /// List only images whose membership has this status
    #[arg(long, value_name = "member-status", ignore_case = true,
          value_parser = PossibleValuesParser::new(["accepted", "pending", "rejected", "all"]))]
    pub(crate) member_status: Option<String>,
    #[command(flatten)]
    pub(crate) project: ProjectArgs,
    /// List only images with this tag; may be given several times
    #[arg(long = "tag", value_name = "tag")]
    pub(crate) tags: Vec<String>,
    /// List hidden images
    #[arg(long)]
    pub(crate) hidden: bool,
    /// Show more columns
    #[arg(long)]
    pub(crate) long: bool,
    #[arg(long, value_name = "size", hide = true)]
    // Not read: openstackclient accepts it for old scripts and has no use for it either.
    page_size: Option<String>,
    /// Sort by these keys, each with `:asc` or `:desc` behind it
    #[arg(long, value_name = "key[:direction],...", default_value = "name:asc")]
    pub(crate) sort: String,
    /// List one page of at most this many images
    #[arg(long, value_name = "limit", value_parser = values::limit, allow_negative_numbers = true)]
    pub(crate) limit: Option<u64>,
    /// Start behind this image (name or ID)
    #[arg(long, value_name = "marker")]
    pub(crate) marker: Option<String>,
    /// List at most this many images, over as many pages as it takes
    #[arg(long, value_name = "max-items", value_parser = values::max_items, allow_negative_numbers = true)]
    pub(crate) max_items: Option<u64>,
    #[command(flatten)]
    pub(crate) format: ListFormat,
}

impl ImageList {
    pub(crate) fn visibility(&self) -> Option<&'static str> {
        if self.all {
            Some("all")
        } else {
            self.visibility.word()
        }
    }
}

/// `image show`
#[derive(Debug, Clone, Args)]
pub(crate) struct ImageShow {
    /// Show the size with a unit
    #[arg(long)]
    pub(crate) human_readable: bool,
    /// Image (name or ID)
    #[arg(value_name = "image")]
    pub(crate) image: String,
    #[command(flatten)]
    pub(crate) format: ShowFormat,
}

/// What a project answers to an image shared with it.
#[derive(Debug, Clone, Args)]
pub(crate) struct Membership {
    /// Accept the image, for --project or the own project
    #[arg(long, group = "membership")]
    pub(crate) accept: bool,
    /// Reject the image, for --project or the own project
    #[arg(long, group = "membership")]
    pub(crate) reject: bool,
    /// Make the membership pending again
    #[arg(long, group = "membership")]
    pub(crate) pending: bool,
}

/// `image set`
#[derive(Debug, Clone, Args)]
pub(crate) struct ImageSet {
    /// Image to change (name or ID)
    #[arg(value_name = "image")]
    pub(crate) image: String,
    /// New name
    #[arg(long, value_name = "name")]
    pub(crate) name: Option<String>,
    /// Gigabytes of disk an instance needs at least
    #[arg(long, value_name = "disk-gb", value_parser = values::integer, allow_negative_numbers = true)]
    pub(crate) min_disk: Option<i64>,
    /// Megabytes of memory an instance needs at least
    #[arg(long, value_name = "ram-mb", value_parser = values::integer, allow_negative_numbers = true)]
    pub(crate) min_ram: Option<i64>,
    /// What wraps the disk
    #[arg(long, value_name = "container-format", value_parser = PossibleValuesParser::new(CONTAINER_FORMATS))]
    pub(crate) container_format: Option<String>,
    /// Format of the disk
    #[arg(long, value_name = "disk-format", value_parser = PossibleValuesParser::new(DISK_FORMATS))]
    pub(crate) disk_format: Option<String>,
    #[command(flatten)]
    protection: ProtectionArgs,
    #[command(flatten)]
    visibility: VisibilityArgs,
    /// Set a property; may be given several times
    #[arg(long = "property", value_name = "key=value", value_parser = values::key_value)]
    pub(crate) properties: Vec<(String, String)>,
    /// Add a tag; may be given several times
    #[arg(long = "tag", value_name = "tag")]
    pub(crate) tags: Vec<String>,
    /// Architecture of the operating system
    #[arg(long, value_name = "architecture")]
    pub(crate) architecture: Option<String>,
    /// ID of the server the image was made from
    #[arg(long, alias = "instance-uuid", value_name = "instance-id")]
    pub(crate) instance_id: Option<String>,
    /// ID of the kernel image
    #[arg(long, value_name = "kernel-id")]
    pub(crate) kernel_id: Option<String>,
    /// Name of the operating system's distribution
    #[arg(long, value_name = "os-distro")]
    pub(crate) os_distro: Option<String>,
    /// Version of the operating system's distribution
    #[arg(long, value_name = "os-version")]
    pub(crate) os_version: Option<String>,
    /// ID of the ramdisk image
    #[arg(long, value_name = "ramdisk-id")]
    pub(crate) ramdisk_id: Option<String>,
    /// Keep users from downloading the data
    #[arg(long, group = "activation")]
    pub(crate) deactivate: bool,
    /// Allow users to download the data again
    #[arg(long, group = "activation")]
    pub(crate) activate: bool,
    #[command(flatten)]
    pub(crate) project: ProjectArgs,
    #[arg(long = "visibility", hide = true)]
    dead_visibility: Option<String>,
    #[command(flatten)]
    pub(crate) membership: Membership,
    /// Leave the image out of lists
    #[arg(long, group = "hiding")]
    hidden: bool,
    /// Show the image in lists again
    #[arg(long, group = "hiding")]
    unhidden: bool,
}

impl ImageSet {
    pub(crate) fn visibility(&self) -> Option<&'static str> {
        self.visibility.word()
    }

    pub(crate) fn protected(&self) -> Option<bool> {
        self.protection.choice()
    }

    pub(crate) fn hidden(&self) -> Option<bool> {
        match (self.hidden, self.unhidden) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        }
    }

    /// The first option of Image API v1 that was used.
    pub(crate) fn dead_option(&self) -> Option<&'static str> {
        self.dead_visibility
            .as_ref()
            .filter(|value| !value.is_empty())
            .map(|_| "visibility")
    }
}

/// `image unset`
#[derive(Debug, Clone, Args)]
pub(crate) struct ImageUnset {
    /// Image to change (name or ID)
    #[arg(value_name = "image")]
    pub(crate) image: String,
    /// Remove this tag; may be given several times
    #[arg(long = "tag", value_name = "tag")]
    pub(crate) tags: Vec<String>,
    /// Remove this property; may be given several times
    #[arg(long = "property", value_name = "property-key")]
    pub(crate) properties: Vec<String>,
}

/// `image delete`
#[derive(Debug, Clone, Args)]
pub(crate) struct ImageDelete {
    /// Images to delete (name or ID)
    #[arg(value_name = "image", required = true)]
    pub(crate) images: Vec<String>,
    /// Delete the data in this store only
    #[arg(long, value_name = "STORE")]
    pub(crate) store: Option<String>,
}

/// `image save`
#[derive(Debug, Clone, Args)]
pub(crate) struct ImageSave {
    /// Accepted; the size of the pieces is chosen by the program
    #[arg(long, value_name = "chunk-size", value_parser = values::integer, allow_negative_numbers = true)]
    // Not read: pieces are as large as the network delivers them, which no caller can better.
    chunk_size: Option<i64>,
    /// File to save to; standard output otherwise
    #[arg(long, value_name = "filename")]
    pub(crate) file: Option<String>,
    /// Store to try first; may be given several times
    #[arg(long = "store-preference", value_name = "store")]
    pub(crate) store_preferences: Vec<String>,
    /// Image to save (name or ID)
    #[arg(value_name = "image")]
    pub(crate) image: String,
}
