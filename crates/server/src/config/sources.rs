//! The texts that were set: files in order, then the environment over them.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use super::{
    error::{ConfigError, Origin},
    ini::{self, Entry},
};

/// Every file read and every variable that may set an option.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// The last one wins.
    files: Vec<File>,
    environment: HashMap<String, String>,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    entries: Vec<Entry>,
}

/// The text of an option and where it stands. Only a repeatable option has several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) texts: Vec<String>,
    pub(super) origin: Origin,
}

impl Sources {
    /// Reads `files`, then the `*.conf` of each of `dirs` by name.
    pub(super) fn read(
        files: &[PathBuf],
        dirs: &[PathBuf],
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut sources = Self::default();
        for file in files {
            sources.read_file(file)?;
        }
        for dir in dirs {
            for file in files_of(dir)? {
                sources.read_file(&file)?;
            }
        }
        sources.set_environment(environment);
        Ok(sources)
    }

    /// Takes the variables that could set an option.
    pub(super) fn set_environment(&mut self, variables: impl Iterator<Item = (String, String)>) {
        self.environment = variables
            .filter(|(name, _)| name.starts_with("OS_"))
            .collect();
    }

    fn read_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = fs::read_to_string(path).map_err(|cause| unreadable(path, cause))?;
        self.add_text(path, &text)
    }

    /// Adds a file by its text.
    pub(super) fn add_text(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        self.files.push(File {
            entries: ini::parse(path, text)?,
            path: path.to_owned(),
        });
        Ok(())
    }

    /// Adds values as if a file before all others had set them.
    pub(super) fn add_base(&mut self, name: &str, values: Vec<(&str, &str, String)>) {
        let entries = values
            .into_iter()
            .enumerate()
            .map(|(at, (section, key, value))| Entry {
                section: section.to_owned(),
                key: key.to_owned(),
                // Already final: what looks like a reference in a path is none.
                value: value.replace('$', "$$"),
                line: at + 1,
            });
        let base = File {
            path: name.into(),
            entries: entries.collect(),
        };
        self.files.insert(0, base);
    }

    /// The text of an option; `names` are its own name, then its old ones, each with a section.
    ///
    /// Compat: the environment beats files and knows no old names; of several files the last one that has any of the names
    /// wins, and only within one file the current name beats the old ones.
    pub(super) fn find(&self, names: &[(&str, &str)], is_multi: bool) -> Option<Found> {
        let (group, name) = *names.first()?;
        let variable = variable_name(group, name);
        if let Some(text) = self.environment.get(&variable) {
            // oslo.config takes a repeatable option from the environment apart into its letters; here it is one value.
            return Some(Found {
                texts: vec![text.clone()],
                origin: Origin::Environment(variable),
            });
        }
        let mut all: Option<Found> = None;
        for file in self.files.iter().rev() {
            for (group, name) in names {
                let section = normalized(group);
                let mut set = file
                    .entries
                    .iter()
                    .filter(|entry| entry.key == *name && normalized(&entry.section) == section)
                    .peekable();
                let Some(first_line) = set.peek().map(|entry| entry.line) else {
                    continue;
                };
                if !is_multi {
                    return set.last().map(|entry| Found {
                        texts: vec![entry.value.clone()],
                        origin: file.origin(entry.line),
                    });
                }
                let mut texts: Vec<String> = set.map(|entry| entry.value.clone()).collect();
                match &mut all {
                    Some(found) => {
                        texts.append(&mut found.texts);
                        found.texts = texts;
                    }
                    None => {
                        all = Some(Found {
                            texts,
                            origin: file.origin(first_line),
                        });
                    }
                }
            }
        }
        all
    }

    /// Every assignment of every file.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&Entry, Origin)> {
        self.files.iter().flat_map(|file| {
            file.entries
                .iter()
                .map(|entry| (entry, file.origin(entry.line)))
        })
    }

    /// The variables that may set an option, by name.
    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        self.environment.keys().map(String::as_str)
    }
}

impl File {
    fn origin(&self, line: usize) -> Origin {
        Origin::File {
            path: self.path.clone(),
            line,
        }
    }
}

/// Compat: sections are the same in any case, except `DEFAULT`.
pub(super) fn normalized(section: &str) -> String {
    match section {
        "DEFAULT" => section.to_owned(),
        other => other.to_lowercase(),
    }
}

/// The variable that sets an option.
pub(super) fn variable_name(group: &str, name: &str) -> String {
    format!("OS_{}__{}", group.to_uppercase(), name.to_uppercase())
}

fn files_of(dir: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let wrong = |cause| unreadable(dir, cause);
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Compat: as the shell's `*.conf`, which leaves out hidden files.
        if name.ends_with(".conf") && !name.starts_with('.') {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn unreadable(path: &Path, cause: std::io::Error) -> ConfigError {
    ConfigError::Unreadable {
        path: path.to_owned(),
        cause,
    }
}
