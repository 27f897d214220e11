//! The commands about the program itself: `help` and `complete`.

use crate::{
    args::{self, COMMANDS, Command, Complete, Shell},
    console::Console,
    error::{Error, Result},
};

/// The help of the command that the words name, or of the whole program.
pub(crate) fn print_help_on(words: &[String], console: Console) -> Result<()> {
    let Some(first) = words.first() else {
        return print_help(console);
    };
    match args::find(words) {
        Ok((command, _)) => console.print(&command.clap().render_long_help().to_string()),
        Err(_) => {
            // Compat: cliff lists what begins with the first word.
            let names: Vec<&str> = COMMANDS
                .iter()
                .map(|command| command.name)
                .filter(|name| name.starts_with(first.as_str()))
                .collect();
            if names.is_empty() {
                let words: Vec<serde_json::Value> =
                    words.iter().map(|word| word.as_str().into()).collect();
                let words = crate::output::repr(&serde_json::Value::Array(words));
                return Err(Error::Failed(format!("Unknown command {words}")));
            }
            console.print(&format!(
                "Command \"{first}\" matches:\n  {}\n",
                names.join("\n  ")
            ))
        }
    }
}

/// The help of the whole program.
pub(crate) fn print_help(console: Console) -> Result<()> {
    let mut text = clap::Command::new("openstack")
        .about("Image commands of OpenStack: images and the image service's cache")
        .override_usage("openstack [options] <command> [arguments]")
        .disable_help_flag(true)
        .args(args::help_arguments())
        .render_help()
        .to_string();
    text.push_str("\nCommands:\n");
    for command in COMMANDS {
        text.push_str(&format!("  {:<20}  {}\n", command.name, command.about));
    }
    console.print(&text)
}

/// `openstack complete`
pub(super) fn complete(arguments: &Complete, console: Console) -> Result<()> {
    let mut tree = tree();
    let shell = match arguments.shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Elvish => clap_complete::Shell::Elvish,
        Shell::Fish => clap_complete::Shell::Fish,
        Shell::Powershell => clap_complete::Shell::PowerShell,
        Shell::Zsh => clap_complete::Shell::Zsh,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut tree, arguments.name.clone(), &mut script);
    console.print(&String::from_utf8_lossy(&script))
}

/// All commands as one clap command, with a subcommand per word.
fn tree() -> clap::Command {
    let mut root = clap::Command::new("openstack")
        .disable_help_subcommand(true)
        .disable_help_flag(true);
    for command in COMMANDS {
        let words: Vec<&'static str> = command.name.split(' ').collect();
        root = insert(root, &words, command);
    }
    root.args(args::help_arguments().map(|argument| argument.global(true)))
}

fn insert(parent: clap::Command, words: &[&'static str], command: &Command) -> clap::Command {
    match words {
        [] => parent,
        [_last] => parent.subcommand(command.clap().no_binary_name(false).disable_help_flag(true)),
        [word, rest @ ..] => {
            let is_there = parent
                .get_subcommands()
                .any(|known| known.get_name() == *word);
            let parent = if is_there {
                parent
            } else {
                parent.subcommand(
                    clap::Command::new(*word)
                        .disable_help_subcommand(true)
                        .disable_help_flag(true),
                )
            };
            parent.mut_subcommand(*word, |child| insert(child, rest, command))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_holds_every_command() {
        let tree = tree();
        for command in COMMANDS {
            let found = command
                .name
                .split(' ')
                .try_fold(&tree, |parent, word| parent.find_subcommand(word));
            assert!(found.is_some(), "{}", command.name);
        }
    }
}
