//! Says what is wrong with a command line, in the words of argparse.

use std::error::Error as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::error::Error;

/// A usage error of `program`.
pub(super) fn error(program: &str, usage: &str, reason: &str) -> Error {
    Error::Usage { usage: usage.to_owned(), program: program.to_owned(), reason: reason.to_owned() }
}

/// clap's error as argparse would report it; one of a kind argparse does not know keeps clap's words.
pub(super) fn translate(error: &clap::Error, command: &clap::Command, program: &str) -> Error {
    let argument = text(error, ContextKind::InvalidArg).map(|name| full_name(command, &name));
    let argument = argument.as_deref().unwrap_or_default();
    let value = text(error, ContextKind::InvalidValue).unwrap_or_default();
    let reason = match error.kind() {
        ErrorKind::UnknownArgument => format!("unrecognized arguments: {argument}"),
        ErrorKind::MissingRequiredArgument => {
            let missing = texts(error, ContextKind::InvalidArg);
            let names: Vec<&str> = missing.iter().map(|name| name.trim_end_matches("...")).collect();
            format!("the following arguments are required: {}", names.join(", "))
        }
        ErrorKind::InvalidValue if value.is_empty() => format!("argument {argument}: expected one argument"),
        ErrorKind::InvalidValue => {
            let choices: Vec<String> =
                texts(error, ContextKind::ValidValue).iter().map(|choice| format!("'{choice}'")).collect();
            format!("argument {argument}: invalid choice: '{value}' (choose from {})", choices.join(", "))
        }
        ErrorKind::ValueValidation => {
            let reason = error.source().map(ToString::to_string).unwrap_or_default();
            format!("argument {argument}: {reason}")
        }
        ErrorKind::ArgumentConflict => {
            let other = text(error, ContextKind::PriorArg).map(|name| full_name(command, &name)).unwrap_or_default();
            format!("argument {argument}: not allowed with argument {other}")
        }
        ErrorKind::TooManyValues => format!("argument {argument}: ignored explicit argument '{value}'"),
        ErrorKind::NoEquals | ErrorKind::WrongNumberOfValues | ErrorKind::TooFewValues => {
            format!("argument {argument}: expected one argument")
        }
        _ => error.to_string().trim_start_matches("error: ").lines().next().unwrap_or_default().to_owned(),
    };
    let usage = command.clone().render_usage().to_string();
    let usage = usage.replacen("Usage:", "usage:", 1).replace("[OPTIONS]", "[options]");
    self::error(program, &usage, &reason)
}

fn text(error: &clap::Error, kind: ContextKind) -> Option<String> {
    texts(error, kind).into_iter().next()
}

fn texts(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}

/// `-f/--format` for `--format <fmt>`: argparse lists all spellings of an option.
fn full_name(command: &clap::Command, shown: &str) -> String {
    let word = shown.split([' ', '=']).next().unwrap_or(shown);
    let Some(long) = word.strip_prefix("--") else { return shown.to_owned() };
    let known = command.get_arguments().find(|argument| argument.get_long() == Some(long));
    match known.and_then(clap::Arg::get_short) {
        Some(short) => format!("-{short}/--{long}"),
        None => word.to_owned(),
    }
}
