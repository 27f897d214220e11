//! The program's two ends: standard output for data, standard error for talk, and what is known of the terminal.

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
};

use crate::error::{Error, Result};

/// Where output goes and how much is said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Console {
    /// 0 for errors only, 1 for warnings too, more for more.
    pub(crate) verbosity: u8,
}

impl Console {
    /// Writes data to standard output.
    pub(crate) fn print(&self, text: &str) -> Result<()> {
        let mut stdout = io::stdout().lock();
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush())
            .map_err(Error::stdout)
    }

    /// Reports an error the command goes on after.
    pub(crate) fn error(&self, text: impl Display) {
        say(text);
    }

    /// Reports what the user should know, unless silence was asked for.
    pub(crate) fn warn(&self, text: impl Display) {
        if self.verbosity > 0 {
            say(text);
        }
    }
}

/// Writes a line to standard error. If that fails there is nobody left to tell.
pub(crate) fn say(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// The columns of the terminal on standard output; `None` if it is none.
pub(crate) fn terminal_columns() -> Option<usize> {
    let stdout = io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(&stdout).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// Whether a progress bar would be seen.
pub(crate) fn shows_progress() -> bool {
    io::stderr().is_terminal()
}
