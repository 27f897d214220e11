//! Says what is wrong with a command line, in the words of argparse.

use std::error::Error as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::error::Error;

/// A usage error of `program`.
pub(super) fn error(program: &str, usage: &str, reason: &str) -> Error {
    Error::Usage {
        usage: usage.to_owned(),
        program: program.to_owned(),
        reason: reason.to_owned(),
    }
}

/// clap's error about `arguments` as argparse would report it; one of a kind argparse does not know keeps clap's words.
pub(super) fn translate(
    error: &clap::Error,
    command: &clap::Command,
    arguments: &[String],
    program: &str,
) -> Error {
    // Groups exist only in a command that has been built.
    let mut command = command.clone();
    command.build();
    let command = &command;
    let argument = text(error, ContextKind::InvalidArg).map(|name| full_name(command, &name));
    let argument = argument.as_deref().unwrap_or_default();
    let value = text(error, ContextKind::InvalidValue).unwrap_or_default();
    let reason = match error.kind() {
        ErrorKind::UnknownArgument => match ambiguous(command, argument) {
            Some(names) => format!(
                "ambiguous option: {argument} could match {}",
                names.join(", ")
            ),
            None => match unrecognized(command, arguments) {
                Ok(words) => format!("unrecognized arguments: {}", words.join(" ")),
                Err(other) => return translate(&other.error, command, &other.arguments, program),
            },
        },
        ErrorKind::MissingRequiredArgument => {
            let missing = texts(error, ContextKind::InvalidArg);
            let names: Vec<&str> = missing
                .iter()
                .map(|name| name.trim_end_matches("..."))
                .collect();
            format!("the following arguments are required: {}", names.join(", "))
        }
        ErrorKind::InvalidValue if value.is_empty() => {
            format!("argument {argument}: expected one argument")
        }
        ErrorKind::InvalidValue => {
            let choices: Vec<String> = texts(error, ContextKind::ValidValue)
                .iter()
                .map(|choice| format!("'{choice}'"))
                .collect();
            format!(
                "argument {argument}: invalid choice: '{value}' (choose from {})",
                choices.join(", ")
            )
        }
        ErrorKind::ValueValidation => {
            let reason = error.source().map(ToString::to_string).unwrap_or_default();
            format!("argument {argument}: {reason}")
        }
        ErrorKind::ArgumentConflict => {
            let other = text(error, ContextKind::PriorArg)
                .map(|name| full_name(command, &name))
                .unwrap_or_default();
            let (earlier, later) =
                first_conflict(command, arguments).unwrap_or((other, argument.to_owned()));
            format!("argument {later}: not allowed with argument {earlier}")
        }
        ErrorKind::TooManyValues => {
            format!("argument {argument}: ignored explicit argument '{value}'")
        }
        ErrorKind::NoEquals | ErrorKind::WrongNumberOfValues | ErrorKind::TooFewValues => {
            format!("argument {argument}: expected one argument")
        }
        _ => error
            .to_string()
            .trim_start_matches("error: ")
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned(),
    };
    let usage = command.clone().render_usage().to_string();
    let usage = usage
        .replacen("Usage:", "usage:", 1)
        .replace("[OPTIONS]", "[options]");
    self::error(program, &usage, &reason)
}

/// What is wrong with a command line besides words nobody knows.
struct Other {
    error: clap::Error,
    arguments: Vec<String>,
}

/// All words that have no place in the command.
///
/// Compat: argparse goes on after such a word and names them all in the end; any other mistake is reported before them.
fn unrecognized(command: &clap::Command, arguments: &[String]) -> Result<Vec<String>, Box<Other>> {
    let mut arguments = arguments.to_vec();
    let mut words = Vec::new();
    while let Err(error) = command.clone().try_get_matches_from(&arguments) {
        let name = text(&error, ContextKind::InvalidArg).unwrap_or_default();
        let is_it = |word: &String| word.split('=').next() == Some(name.as_str());
        let at = arguments.iter().position(is_it);
        match at.filter(|_| error.kind() == ErrorKind::UnknownArgument) {
            Some(at) => words.push(arguments.remove(at)),
            None if words.is_empty() => return Ok(vec![name]),
            None => return Err(Box::new(Other { error, arguments })),
        }
    }
    Ok(words)
}

/// The options a shortened name could mean, if there are several; the common ones first, as cliff adds them first.
fn ambiguous(command: &clap::Command, typed: &str) -> Option<Vec<String>> {
    let typed = typed.strip_prefix("--")?;
    let matching = command.get_arguments().filter(|argument| {
        argument
            .get_long()
            .is_some_and(|long| long.starts_with(typed))
    });
    let (common, own): (Vec<&clap::Arg>, Vec<&clap::Arg>) =
        matching.partition(|argument| argument.get_help_heading().is_some());
    let names: Vec<String> = common
        .into_iter()
        .chain(own)
        .filter_map(clap::Arg::get_long)
        .map(|long| format!("--{long}"))
        .collect();
    (names.len() > 1).then_some(names)
}

/// The first option that excludes one before it, with that one in front.
fn first_conflict(command: &clap::Command, arguments: &[String]) -> Option<(String, String)> {
    let mut seen: Vec<&clap::Arg> = Vec::new();
    for typed in arguments {
        let Some(argument) = option(command, typed) else {
            continue;
        };
        let excluded = |other: &&&clap::Arg| {
            let together = |group: &&clap::ArgGroup| {
                let mut ids = group.get_args();
                ids.any(|id| id == argument.get_id())
                    && group.get_args().any(|id| id == other.get_id())
            };
            other.get_id() != argument.get_id()
                && command
                    .get_groups()
                    .filter(|group| !is_struct(group))
                    .any(|group| together(&group))
        };
        if let Some(earlier) = seen.iter().find(excluded) {
            return Some((name(earlier), name(argument)));
        }
        seen.push(argument);
    }
    None
}

/// Whether the group is one that clap made of a struct, whose options do not exclude each other.
fn is_struct(group: &clap::ArgGroup) -> bool {
    group.get_id().as_str().starts_with(char::is_uppercase)
}

/// The option that `typed` names, whole or shortened.
fn option<'a>(command: &'a clap::Command, typed: &str) -> Option<&'a clap::Arg> {
    let typed = typed.strip_prefix("--")?.split('=').next()?;
    let mut matching = command.get_arguments().filter(|argument| {
        argument
            .get_long()
            .is_some_and(|long| long.starts_with(typed))
    });
    let exact = command
        .get_arguments()
        .find(|argument| argument.get_long() == Some(typed));
    exact.or_else(|| matching.next().filter(|_| matching.next().is_none()))
}

fn name(argument: &clap::Arg) -> String {
    let long = argument.get_long().unwrap_or_default();
    match argument.get_short() {
        Some(short) => format!("-{short}/--{long}"),
        None => format!("--{long}"),
    }
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
    let Some(long) = word.strip_prefix("--") else {
        return shown.to_owned();
    };
    let known = command
        .get_arguments()
        .find(|argument| argument.get_long() == Some(long));
    known.map_or_else(|| word.to_owned(), name)
}
