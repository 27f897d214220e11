//! The options that hold for all commands and may stand anywhere on the command line.

use clap::Arg;

use super::{
    global_table::{Kind, ROWS, Row},
    usage,
};
use crate::error::Result;

/// What the global options said.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Globals {
    /// Names and values for the configuration, in the order given. They may hold secrets, hence no `Debug`.
    pub(crate) config: Vec<(&'static str, String)>,
    /// 0 for errors only, 1 for warnings too, 2 for what happens, 3 for everything.
    pub(crate) verbosity: u8,
    pub(crate) debug: bool,
    pub(crate) timing: bool,
    pub(crate) log_file: Option<String>,
    pub(crate) version: bool,
    pub(crate) help: bool,
    /// What was not a global option, in its order.
    pub(crate) rest: Vec<String>,
}

impl Globals {
    /// Takes the global options out of the arguments.
    ///
    /// Compat: argparse's `parse_known_args`. Names may be shortened as far as they stay unique among the global ones, and
    /// that goes before the command's own options: `--l` is `--log-file` also behind `image list`.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut globals = Self {
            config: Vec::new(),
            verbosity: 1,
            debug: false,
            timing: false,
            log_file: None,
            version: false,
            help: false,
            rest: Vec::new(),
        };
        let (mut is_verbose, mut is_quiet, mut is_verified, mut is_insecure) =
            (0_u8, false, false, false);
        let mut arguments = arguments.into_iter().peekable();
        while let Some(argument) = arguments.next() {
            if argument == "--" {
                globals.rest.push(argument);
                globals.rest.extend(arguments.by_ref());
                break;
            }
            let Some(found) = Match::of(&argument)? else {
                globals.rest.push(argument);
                continue;
            };
            let value = match (found.row.kind.takes_value(), found.value) {
                (false, None) => String::new(),
                (false, Some(value)) => {
                    return Err(error(&format!(
                        "argument {}: ignored explicit argument '{value}'",
                        name(found.row)
                    )));
                }
                (true, Some(value)) => value,
                (true, None) => arguments
                    .next_if(|next| !looks_like_option(next))
                    .ok_or_else(|| {
                        error(&format!(
                            "argument {}: expected one argument",
                            name(found.row)
                        ))
                    })?,
            };
            match found.row.kind {
                Kind::Version => globals.version = true,
                Kind::Help => globals.help = true,
                Kind::Debug => globals.debug = true,
                Kind::Timing => globals.timing = true,
                Kind::LogFile => globals.log_file = Some(value),
                Kind::Verbose => is_verbose = is_verbose.saturating_add(found.times),
                Kind::Quiet => is_quiet = true,
                Kind::Verify => is_verified = true,
                Kind::Insecure => is_insecure = true,
                Kind::IgnoredFlag | Kind::IgnoredValue => {}
                Kind::Config(key) => {
                    if key == "interface"
                        && !["admin", "public", "internal"].contains(&value.as_str())
                    {
                        return Err(error(&format!(
                            "argument --os-interface: invalid choice: '{value}' (choose from 'admin', 'public', 'internal')"
                        )));
                    }
                    globals.config.push((key, value));
                }
            }
        }
        if is_verbose > 0 && is_quiet {
            return Err(error(
                "argument -q/--quiet: not allowed with argument -v/--verbose",
            ));
        }
        if is_verified && is_insecure {
            return Err(error(
                "argument --insecure: not allowed with argument --verify",
            ));
        }
        match (is_verified, is_insecure) {
            (true, _) => globals.config.push(("verify", "true".to_owned())),
            (_, true) => globals.config.push(("insecure", "true".to_owned())),
            _ => {}
        }
        globals.verbosity = match (globals.debug, is_quiet) {
            (true, _) => 3,
            (_, true) => 0,
            _ => 1 + is_verbose.min(2),
        };
        Ok(globals)
    }
}

/// A global option found in an argument.
struct Match {
    row: &'static Row,
    value: Option<String>,
    /// How often a short option stands in the argument.
    times: u8,
}

impl Match {
    fn of(argument: &str) -> Result<Option<Self>> {
        let Some(long) = argument.strip_prefix("--") else {
            return Ok(Self::of_short(argument));
        };
        let (typed, value) = match long.split_once('=') {
            Some((typed, value)) => (typed, Some(value.to_owned())),
            None => (long, None),
        };
        let found = |row| {
            Ok(Some(Self {
                row,
                value: value.clone(),
                times: 1,
            }))
        };
        if let Some(row) = ROWS.iter().find(|row| row.long == typed) {
            return found(row);
        }
        let candidates: Vec<&Row> = ROWS
            .iter()
            .filter(|row| row.long.starts_with(typed))
            .collect();
        match candidates.as_slice() {
            [] => Ok(None),
            [row] => found(row),
            several => {
                let names: Vec<String> = several
                    .iter()
                    .map(|row| format!("--{}", row.long))
                    .collect();
                Err(error(&format!(
                    "ambiguous option: {argument} could match {}",
                    names.join(", ")
                )))
            }
        }
    }

    /// `-v`, `-vv`, `-q`, `-h`.
    fn of_short(argument: &str) -> Option<Self> {
        let letters = argument.strip_prefix('-')?;
        let first = letters.chars().next()?;
        let row = ROWS.iter().find(|row| row.short == Some(first))?;
        let is_repeated = letters.chars().all(|letter| letter == first);
        let times = u8::try_from(letters.len()).unwrap_or(u8::MAX);
        is_repeated.then_some(Self {
            row,
            value: None,
            times,
        })
    }
}

/// Compat: argparse takes an argument with a blank in it for a value whatever it starts with.
fn looks_like_option(argument: &str) -> bool {
    argument.len() > 1
        && argument.starts_with('-')
        && !argument.contains(' ')
        && argument.parse::<f64>().is_err()
}

fn name(row: &Row) -> String {
    match row.short {
        Some(short) => format!("-{short}/--{}", row.long),
        None => format!("--{}", row.long),
    }
}

fn error(reason: &str) -> crate::error::Error {
    usage::error(
        "openstack",
        "usage: openstack [options] <command> [arguments]",
        reason,
    )
}

/// The global options for `--help` and for shell completion.
pub(crate) fn help_arguments() -> impl Iterator<Item = Arg> {
    ROWS.iter().map(|row| {
        let mut arg = Arg::new(row.long)
            .long(row.long)
            .help(row.help)
            .hide(row.help.is_empty());
        if let Some(short) = row.short {
            arg = arg.short(short);
        }
        arg.action(if row.kind.takes_value() {
            clap::ArgAction::Set
        } else {
            clap::ArgAction::SetTrue
        })
        .value_name("value")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Globals> {
        Globals::parse(line.split(' ').map(str::to_owned))
    }

    #[test]
    fn options_are_found_before_and_behind_the_command() {
        let globals = parse("--os-cloud a image list --long --os-token=t -vv -f json").unwrap();
        assert_eq!(
            globals.config,
            [("cloud", "a".to_owned()), ("token", "t".to_owned())]
        );
        assert_eq!(globals.verbosity, 3);
        assert_eq!(globals.rest, ["image", "list", "--long", "-f", "json"]);
    }

    #[test]
    fn names_may_be_shortened_while_they_are_unique() {
        assert_eq!(
            parse("--os-clo a").unwrap().config,
            [("cloud", "a".to_owned())]
        );
    }

    #[test]
    fn nothing_behind_two_hyphens_is_an_option() {
        let globals = parse("image show -- --debug").unwrap();
        assert!(!globals.debug);
        assert_eq!(globals.rest, ["image", "show", "--", "--debug"]);
    }

    #[test]
    fn a_missing_value_is_an_error() {
        for line in [
            "--os-cloud",
            "--os-cloud --debug",
            "--os-interface private",
            "-v -q",
            "--debug=1",
            "--os-p x",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
