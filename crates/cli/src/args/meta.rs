//! The options of the commands about the program itself.

use clap::{Args, ValueEnum};

/// `help`
#[derive(Debug, Clone, Args)]
pub(crate) struct Help {
    /// Name of the command
    #[arg(value_name = "cmd")]
    pub(crate) command: Vec<String>,
}

/// The shells `complete` writes for.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

/// `complete`
#[derive(Debug, Clone, Args)]
pub(crate) struct Complete {
    /// Name the program is called by
    #[arg(long, value_name = "command_name", default_value = "openstack")]
    pub(crate) name: String,
    /// Shell to complete in
    #[arg(long, value_enum, value_name = "shell", default_value = "bash")]
    pub(crate) shell: Shell,
}
