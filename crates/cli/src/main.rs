//! Starts the program `openstack`. Exit codes: 0 done, 1 failed, 2 misused, 130 interrupted, 141 nobody reads the output.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Arguments that are not UTF-8 name nothing the API could know; they are sent on with replacement characters.
    let arguments = std::env::args_os()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned());
    ExitCode::from(vidimus_cli::run(arguments))
}
