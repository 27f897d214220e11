//! Every way a run of the program ends badly, and the exit code of each.

use std::io;

use thiserror::Error;

use crate::output;

/// The result of a command.
pub type Result<T> = std::result::Result<T, Error>;

/// What ended the run. `Display` is what the user reads on standard error.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The cloud, or the way to it.
    #[error(transparent)]
    Sdk(#[from] vidimus_sdk::Error),
    /// The result cannot be shown as asked.
    #[error(transparent)]
    Output(#[from] output::Error),
    /// The command could not do what it was told. Compat: the sentence is openstackclient's where it has one.
    #[error("{0}")]
    Failed(String),
    /// A local file cannot be read. Compat: worded as Python words an `OSError`.
    #[error("{}", file_error_text(path, source))]
    File {
        /// The file as the user named it.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// The command line makes no sense.
    #[error("{usage}\n{program}: error: {reason}")]
    Usage {
        /// One line that shows how the command is used.
        usage: String,
        /// The words of the command, `openstack image show`.
        program: String,
        /// What is wrong, in argparse's words.
        reason: String,
    },
    /// There is no such command; the text belongs on standard output. Compat: cliff's.
    #[error("{0}")]
    UnknownCommand(String),
    /// Nobody reads standard output any more.
    #[error("standard output is closed")]
    BrokenPipe,
    /// Standard output cannot be written.
    #[error("standard output: {0}")]
    Stdout(#[source] io::Error),
    /// The user pressed Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// All that had to be said has been said.
    #[error("")]
    Reported,
}

impl Error {
    /// The exit code of the process.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage { .. } | Self::UnknownCommand(_) => 2,
            Self::Interrupted => 130,
            Self::BrokenPipe => 141,
            Self::Sdk(_)
            | Self::Output(_)
            | Self::Failed(_)
            | Self::File { .. }
            | Self::Stdout(_)
            | Self::Reported => 1,
        }
    }

    /// Standard output failed.
    pub(crate) fn stdout(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::BrokenPipe,
            _ => Self::Stdout(error),
        }
    }
}

/// `[Errno 13] Permission denied: 'path'`.
pub(crate) fn file_error_text(path: &str, error: &io::Error) -> String {
    let path = output::repr(&serde_json::Value::String(path.to_owned()));
    match error.raw_os_error() {
        Some(number) => {
            let text = error.to_string();
            let reason = text.split(" (os error").next().unwrap_or_default();
            format!("[Errno {number}] {reason}: {path}")
        }
        None => format!("{error}: {path}"),
    }
}
