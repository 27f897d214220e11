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
    prompt("Password: ", &stdin).ok_or_else(none_given)
}

/// The password of a private key; none where nobody can be asked, or where nothing is typed.
pub(crate) fn ask_for_key() -> Option<Secret> {
    let stdin = io::stdin();
    let can_ask = stdin.is_terminal();
    let text = "Please enter private key password, leave empty if none: ";
    can_ask.then(|| prompt(text, &stdin)).flatten()
}

/// What is typed, if it can be read and is anything.
fn prompt(text: &str, stdin: &io::Stdin) -> Option<Secret> {
    // Nobody sees the prompt if it cannot be written, but the answer is as good.
    let _ = write!(io::stderr(), "{text}").and_then(|()| io::stderr().flush());
    let line = read_hidden(stdin);
    let _ = writeln!(io::stderr());
    match line.ok()?.trim_end_matches(['\r', '\n']) {
        "" => None,
        password => Some(Secret::new(password)),
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
