//! Asks for a password on the terminal, without showing it.

use std::io::{self, BufRead, IsTerminal, Write};

use rustix::termios::{self, LocalModes, OptionalActions};
use vidimus_sdk::Secret;

use crate::error::{Error, Result};

/// Compat: osc-lib's words for no password, from a script or from an empty line.
const NONE_GIVEN: &str = "No password entered, or found via --os-password or OS_PASSWORD";

/// The password typed at the prompt.
pub(crate) fn ask() -> Result<Secret> {
    let none_given = || Error::Failed(NONE_GIVEN.to_owned());
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Err(none_given());
    }
    // Nobody sees the prompt if it cannot be written, but the answer is as good.
    let _ = write!(io::stderr(), "Password: ").and_then(|()| io::stderr().flush());
    let line = read_hidden(&stdin).map_err(|_| none_given())?;
    let _ = writeln!(io::stderr());
    match line.trim_end_matches(['\r', '\n']) {
        "" => Err(none_given()),
        password => Ok(Secret::new(password)),
    }
}

fn read_hidden(stdin: &io::Stdin) -> io::Result<String> {
    let shown = termios::tcgetattr(stdin)?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    termios::tcsetattr(stdin, OptionalActions::Flush, &hidden)?;
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    termios::tcsetattr(stdin, OptionalActions::Flush, &shown)?;
    read.map(|_| line)
}
