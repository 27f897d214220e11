//! The options of the commands about projects an image is shared with.

use clap::Args;

use super::{ListFormat, ShowFormat};

/// Where the name of a project is not unique.
#[derive(Debug, Clone, Args)]
struct DomainArgs {
    /// Domain of the project (name or ID), where its name is not unique
    #[arg(long, value_name = "project-domain")]
    project_domain: Option<String>,
}

/// `image add project`
#[derive(Debug, Clone, Args)]
pub(crate) struct ImageAddProject {
    /// Image to share (name or ID)
    #[arg(value_name = "image")]
    pub(crate) image: String,
    /// Project to share it with (name or ID)
    #[arg(value_name = "project")]
    pub(crate) project: String,
    #[command(flatten)]
    domain: DomainArgs,
    #[command(flatten)]
    pub(crate) format: ShowFormat,
}

/// `image remove project`
#[derive(Debug, Clone, Args)]
pub(crate) struct ImageRemoveProject {
    /// Image to stop sharing (name or ID)
    #[arg(value_name = "image")]
    pub(crate) image: String,
    /// Project to stop sharing it with (name or ID)
    #[arg(value_name = "project")]
    pub(crate) project: String,
    #[command(flatten)]
    domain: DomainArgs,
}

/// `image member list`
#[derive(Debug, Clone, Args)]
pub(crate) struct ImageMemberList {
    /// Image (name or ID)
    #[arg(value_name = "image")]
    pub(crate) image: String,
    // Not read: openstackclient takes it here and has no project to look for.
    #[command(flatten)]
    domain: DomainArgs,
    #[command(flatten)]
    pub(crate) format: ListFormat,
}

/// `image member get`
#[derive(Debug, Clone, Args)]
pub(crate) struct ImageMemberGet {
    /// Image (name or ID)
    #[arg(value_name = "image")]
    pub(crate) image: String,
    /// Project (ID)
    #[arg(value_name = "project")]
    pub(crate) project: String,
    // Not read: openstackclient takes it here and does not look the project up.
    #[command(flatten)]
    domain: DomainArgs,
    #[command(flatten)]
    pub(crate) format: ShowFormat,
}

impl ImageAddProject {
    pub(crate) fn project_domain(&self) -> Option<&str> {
        self.domain.project_domain.as_deref()
    }
}

impl ImageRemoveProject {
    pub(crate) fn project_domain(&self) -> Option<&str> {
        self.domain.project_domain.as_deref()
    }
}
