//! The commands there are, and how the words of a command line name one.

use clap::{Args, FromArgMatches};

use super::{
    CachedImageClear, CachedImageList, CachedImages, Complete, Help, ImageAddProject, ImageCreate,
    ImageDelete, ImageImport, ImageImportInfo, ImageList, ImageMemberGet, ImageMemberList,
    ImageRemoveProject, ImageSave, ImageSet, ImageShow, ImageStage, ImageStoresList, ImageTaskList,
    ImageTaskShow, ImageUnset, usage,
};
use crate::error::{Error, Result};

/// What to do, with everything that was said about it.
#[derive(Debug)]
pub(crate) enum Action {
    CachedImageClear(CachedImageClear),
    CachedImageDelete(CachedImages),
    CachedImageList(CachedImageList),
    CachedImageQueue(CachedImages),
    Complete(Complete),
    Help(Help),
    ImageAddProject(ImageAddProject),
    ImageCreate(Box<ImageCreate>),
    ImageDelete(ImageDelete),
    ImageImport(Box<ImageImport>),
    ImageImportInfo(ImageImportInfo),
    ImageList(Box<ImageList>),
    ImageMemberGet(ImageMemberGet),
    ImageMemberList(ImageMemberList),
    ImageRemoveProject(ImageRemoveProject),
    ImageSave(ImageSave),
    ImageSet(Box<ImageSet>),
    ImageShow(ImageShow),
    ImageStage(ImageStage),
    ImageStoresList(ImageStoresList),
    ImageTaskList(Box<ImageTaskList>),
    ImageTaskShow(ImageTaskShow),
    ImageUnset(ImageUnset),
}

impl Action {
    /// Whether the result is a table for people, or nothing.
    pub(crate) fn prints_table(&self) -> bool {
        match self {
            Self::CachedImageList(arguments) => arguments.format.is_table(),
            Self::ImageAddProject(arguments) => arguments.format.is_table(),
            Self::ImageCreate(arguments) => arguments.format.is_table(),
            Self::ImageImport(arguments) => arguments.format.is_table(),
            Self::ImageImportInfo(arguments) => arguments.format.is_table(),
            Self::ImageList(arguments) => arguments.format.is_table(),
            Self::ImageMemberGet(arguments) => arguments.format.is_table(),
            Self::ImageMemberList(arguments) => arguments.format.is_table(),
            Self::ImageShow(arguments) => arguments.format.is_table(),
            Self::ImageStoresList(arguments) => arguments.format.is_table(),
            Self::ImageTaskList(arguments) => arguments.format.is_table(),
            Self::ImageTaskShow(arguments) => arguments.format.is_table(),
            Self::CachedImageClear(_)
            | Self::CachedImageDelete(_)
            | Self::CachedImageQueue(_)
            | Self::Complete(_)
            | Self::Help(_)
            | Self::ImageDelete(_)
            | Self::ImageRemoveProject(_)
            | Self::ImageSave(_)
            | Self::ImageSet(_)
            | Self::ImageStage(_)
            | Self::ImageUnset(_) => true,
        }
    }
}

/// A command and how to read its arguments.
#[derive(Debug)]
pub(crate) struct Command {
    /// Its words.
    pub(crate) name: &'static str,
    /// What it does, for `help`.
    pub(crate) about: &'static str,
    build: fn(clap::Command) -> clap::Command,
    read: fn(&clap::ArgMatches) -> std::result::Result<Action, clap::Error>,
}

macro_rules! command {
    ($name:literal, $about:literal, $arguments:ty, $action:expr) => {
        Command {
            name: $name,
            about: $about,
            build: <$arguments as Args>::augment_args,
            read: |matches| <$arguments as FromArgMatches>::from_arg_matches(matches).map($action),
        }
    };
}

/// Every command, sorted by name.
pub(crate) const COMMANDS: &[Command] = &[
    command!(
        "cached image clear",
        "Remove all images from the cache, the queue or both",
        CachedImageClear,
        Action::CachedImageClear
    ),
    command!(
        "cached image delete",
        "Remove images from the cache and the queue",
        CachedImages,
        Action::CachedImageDelete
    ),
    command!(
        "cached image list",
        "List cached and queued images",
        CachedImageList,
        Action::CachedImageList
    ),
    command!(
        "cached image queue",
        "Queue images for caching",
        CachedImages,
        Action::CachedImageQueue
    ),
    command!(
        "complete",
        "Print a completion script for a shell",
        Complete,
        Action::Complete
    ),
    command!("help", "Print help on a command", Help, Action::Help),
    command!(
        "image add project",
        "Share an image with a project",
        ImageAddProject,
        Action::ImageAddProject
    ),
    command!(
        "image create",
        "Create an image and upload its data",
        ImageCreate,
        |arguments| Action::ImageCreate(Box::new(arguments))
    ),
    command!(
        "image delete",
        "Delete images",
        ImageDelete,
        Action::ImageDelete
    ),
    command!(
        "image import",
        "Start to import an image's data",
        ImageImport,
        |arguments| Action::ImageImport(Box::new(arguments))
    ),
    command!(
        "image import info",
        "Show which methods of import the server has",
        ImageImportInfo,
        Action::ImageImportInfo
    ),
    command!("image list", "List images", ImageList, |arguments| {
        Action::ImageList(Box::new(arguments))
    }),
    command!(
        "image member get",
        "Show a project that an image is shared with",
        ImageMemberGet,
        Action::ImageMemberGet
    ),
    command!(
        "image member list",
        "List the projects that an image is shared with",
        ImageMemberList,
        Action::ImageMemberList
    ),
    command!(
        "image remove project",
        "Stop sharing an image with a project",
        ImageRemoveProject,
        Action::ImageRemoveProject
    ),
    command!(
        "image save",
        "Save the data of an image",
        ImageSave,
        Action::ImageSave
    ),
    command!("image set", "Change an image", ImageSet, |arguments| {
        Action::ImageSet(Box::new(arguments))
    }),
    command!("image show", "Show an image", ImageShow, Action::ImageShow),
    command!(
        "image stage",
        "Upload the data of an image for an import",
        ImageStage,
        Action::ImageStage
    ),
    command!(
        "image stores list",
        "List the stores, on a server with several",
        ImageStoresList,
        Action::ImageStoresList
    ),
    command!(
        "image task list",
        "List tasks",
        ImageTaskList,
        |arguments| Action::ImageTaskList(Box::new(arguments))
    ),
    command!(
        "image task show",
        "Show a task",
        ImageTaskShow,
        Action::ImageTaskShow
    ),
    command!(
        "image unset",
        "Remove tags and properties of an image",
        ImageUnset,
        Action::ImageUnset
    ),
];

impl Command {
    /// `openstack image show`.
    fn program(&self) -> String {
        format!("openstack {}", self.name)
    }

    /// The clap parser, also for help and completion.
    pub(crate) fn clap(&self) -> clap::Command {
        let last_word = self.name.rsplit(' ').next().unwrap_or(self.name);
        // Compat: options may be shortened and the last of several counts, as with argparse.
        let command = clap::Command::new(last_word)
            .bin_name(self.program())
            .no_binary_name(true)
            .infer_long_args(true)
            .args_override_self(true);
        // The description last: it replaces the one that clap makes of the arguments' own documentation.
        (self.build)(command).about(self.about).long_about(None)
    }

    /// Reads the command's own arguments.
    pub(crate) fn parse(&self, arguments: &[String]) -> Result<Action> {
        let command = self.clap();
        let matches = command.clone().try_get_matches_from(arguments);
        matches
            .and_then(|matches| (self.read)(&matches))
            .map_err(|error| usage::translate(&error, &command, arguments, &self.program()))
    }
}

/// The command that the first words name, and the arguments behind it.
///
/// Compat: cliff takes the longest run of words that is a command's name or the beginnings of one command's words.
pub(crate) fn find(words: &[String]) -> Result<(&'static Command, &[String])> {
    let end = words
        .iter()
        .position(|word| word.starts_with('-'))
        .unwrap_or(words.len());
    for count in (1..=end).rev() {
        let (name, arguments) = words.split_at(count);
        if let Some(command) = named(name) {
            return Ok((command, arguments));
        }
    }
    Err(Error::UnknownCommand(unknown(words)))
}

fn named(words: &[String]) -> Option<&'static Command> {
    let joined = words.join(" ");
    if let Some(command) = COMMANDS.iter().find(|command| command.name == joined) {
        return Some(command);
    }
    let mut candidates = COMMANDS.iter().filter(|command| {
        let names: Vec<&str> = command.name.split(' ').collect();
        names.len() == words.len()
            && names
                .iter()
                .zip(words)
                .all(|(name, word)| name.starts_with(word.as_str()))
    });
    candidates.next().filter(|_| candidates.next().is_none())
}

fn unknown(words: &[String]) -> String {
    let first = words.first().map_or("", String::as_str);
    let mut text = format!(
        "openstack: '{}' is not an openstack command. See 'openstack --help'.\n",
        words.join(" ")
    );
    text.push_str("Did you mean one of these?\n");
    for name in similar(first) {
        text.push_str(&format!("  {name}\n"));
    }
    text
}

/// The commands that begin with `word`, and those whose first word is the least distant from it.
fn similar(word: &str) -> Vec<&'static str> {
    let mut distances: Vec<(usize, &'static str)> = COMMANDS
        .iter()
        .map(|command| {
            let first = command.name.split(' ').next().unwrap_or(command.name);
            let distance = if command.name.starts_with(word) {
                0
            } else {
                distance(word, first) + 1
            };
            (distance, command.name)
        })
        .collect();
    distances.sort_unstable();
    let nearest = distances
        .iter()
        .map(|(distance, _)| *distance)
        .find(|distance| *distance > 0);
    let limit = nearest.unwrap_or(0);
    distances
        .into_iter()
        .filter(|(distance, _)| *distance <= limit)
        .map(|(_, name)| name)
        .collect()
}

/// How far two words are apart. Compat: cliff's weights, a swap 0, an insertion 1, a substitution 2, a deletion 3.
fn distance(from: &str, to: &str) -> usize {
    const INSERTION: usize = 1;
    const SUBSTITUTION: usize = 2;
    const DELETION: usize = 3;
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let first: Vec<usize> = (0..=to.len()).map(|count| count * INSERTION).collect();
    let (mut before, mut above) = (first.clone(), first);
    for i in 0..from.len() {
        let mut row = vec![(i + 1) * DELETION];
        for j in 0..to.len() {
            let substituted = above[j] + if from[i] == to[j] { 0 } else { SUBSTITUTION };
            let mut least = substituted
                .min(row[j] + INSERTION)
                .min(above[j + 1] + DELETION);
            if i > 0 && j > 0 && from[i - 1] == to[j] && from[i] == to[j - 1] {
                least = least.min(before[j - 1]);
            }
            row.push(least);
        }
        before = above;
        above = row;
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn commands_are_sorted_and_their_parsers_sound() {
        assert!(COMMANDS.is_sorted_by_key(|command| command.name));
        for command in COMMANDS {
            command.clap().debug_assert();
        }
    }

    #[test]
    fn words_may_be_shortened_while_one_command_remains() {
        let line = words("im sh a b");
        let (command, rest) = find(&line).unwrap();
        assert_eq!((command.name, rest), ("image show", &line[2..]));
        assert!(find(&words("image s")).is_err());
        assert_eq!(
            find(&words("c i q x")).unwrap().0.name,
            "cached image queue"
        );
    }

    #[test]
    fn distances_are_those_of_cliff() {
        // python3 -c 'from cliff.utils import *; print(damerau_levenshtein("imgae", "image", COST))'
        for (from, to, expected) in [
            ("imgae", "image", 0),
            ("iamge", "image", 0),
            ("server", "image", 11),
            ("", "image", 5),
        ] {
            assert_eq!(distance(from, to), expected, "{from}");
        }
    }
}
