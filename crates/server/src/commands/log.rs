//! Sets up the log: text on standard error or a file, one line an event.

use std::{fs::OpenOptions, sync::Mutex};

use tracing_subscriber::{EnvFilter, fmt::writer::BoxMakeWriter};

use crate::{boot::BootError, config::Log};

/// Starts logging. `VIDIMUS_LOG` overrides the level by tracing's directives.
pub(super) fn start(log: &Log) -> Result<(), BootError> {
    let level = if log.is_debug {
        "debug,sqlx=info,hyper=info"
    } else {
        "info,sqlx=warn"
    };
    let filter = EnvFilter::try_from_env("VIDIMUS_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let writer = match &log.file {
        Some(file) if !log.to_stderr => {
            let opened = OpenOptions::new().create(true).append(true).open(file);
            let opened = opened.map_err(|cause| {
                BootError::new(
                    format!("log file `{}` cannot be opened", file.display()),
                    cause,
                )
            })?;
            BoxMakeWriter::new(Mutex::new(opened))
        }
        _ => BoxMakeWriter::new(std::io::stderr),
    };
    let is_terminal = log.file.is_none() && std::io::IsTerminal::is_terminal(&std::io::stderr());
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(is_terminal)
        .with_writer(writer);
    subscriber
        .try_init()
        .map_err(|error| BootError::new("logging cannot start", error))
}
