//! Reads policy files, and notices that they changed.
//!
//! YAML, of which JSON is a part. What the texts mean is the parser's business.

use std::{
    fmt, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::{Error, PolicyConfig};

/// How long a file must have been left alone to be read.
const SETTLES_AFTER: Duration = Duration::from_millis(300);

/// The rules of all files in the order they apply: a later one of the same name wins.
pub(super) type FileRules = Vec<(String, Written)>;

/// A rule as it stands in a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// Nothing after the colon.
    Null,
    Text(String),
    /// The old form; a check that stands alone is a list of one.
    List(Vec<Vec<String>>),
}

/// What the files looked like: the policy file, then those of each folder by name.
///
/// Unequal stamps mean that something changed. Any difference counts, an older date too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp(Vec<(PathBuf, Looks)>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Looks {
    inode: u64,
    size_bytes: u64,
    modified: (i64, i64),
    /// Tells of changed permissions too, so that a file that could not be read is tried again.
    changed: (i64, i64),
}

impl Stamp {
    pub(super) fn take(config: &PolicyConfig) -> Result<Self, Error> {
        let mut files = Vec::new();
        for path in paths(config)? {
            if let Some(metadata) = metadata(&path)? {
                let looks = Looks {
                    inode: metadata.ino(),
                    size_bytes: metadata.len(),
                    modified: (metadata.mtime(), metadata.mtime_nsec()),
                    changed: (metadata.ctime(), metadata.ctime_nsec()),
                };
                files.push((path, looks));
            }
        }
        Ok(Self(files))
    }

    pub(super) fn contains(&self, path: &Path) -> bool {
        self.0.iter().any(|(known, _)| known == path)
    }

    /// Whether the last change is long enough ago to be all of it.
    ///
    /// A file that is being written in place is short or empty for a moment, which is a policy too: a more open one.
    pub(super) fn is_settled(&self, now: SystemTime) -> bool {
        let newest = self.0.iter().map(|(_, looks)| looks.modified).max();
        let Some((seconds, nanoseconds)) = newest else {
            return true;
        };
        let since_epoch = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let modified = Duration::new(
            u64::try_from(seconds).unwrap_or_default(),
            u32::try_from(nanoseconds).unwrap_or_default(),
        );
        // A date in the future says nothing about when the change was; waiting for it would take for ever.
        since_epoch
            .checked_sub(modified)
            .is_none_or(|age| age >= SETTLES_AFTER)
    }

    /// Reads exactly the files that were there, so that one being replaced just now is an error and not left out.
    pub(super) fn read(&self) -> Result<FileRules, Error> {
        let mut rules = FileRules::new();
        for (path, _) in &self.0 {
            let text = fs_err::read_to_string(path).map_err(|source| Error::Unreadable {
                path: path.clone(),
                source,
            })?;
            rules.extend(parse(&text, path)?);
        }
        Ok(rules)
    }
}

fn paths(config: &PolicyConfig) -> Result<Vec<PathBuf>, Error> {
    let mut paths: Vec<PathBuf> = config.policy_file.iter().cloned().collect();
    for folder in &config.policy_dirs {
        let entries = match fs_err::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => {
                return Err(Error::Unreadable {
                    path: folder.clone(),
                    source,
                });
            }
        };
        let mut inside = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|source| Error::Unreadable {
                path: folder.clone(),
                source,
            })?;
            let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            // Follows links, as mounted configuration consists of them.
            if !is_hidden && metadata(&entry.path())?.is_some_and(|metadata| metadata.is_file()) {
                inside.push(entry.path());
            }
        }
        inside.sort();
        paths.extend(inside);
    }
    Ok(paths)
}

fn metadata(path: &Path) -> Result<Option<std::fs::Metadata>, Error> {
    match fs_err::metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Unreadable {
            path: path.to_owned(),
            source,
        }),
    }
}

fn parse(text: &str, path: &Path) -> Result<FileRules, Error> {
    // Compat: PyYAML takes the last of two equal keys.
    let options = serde_saphyr::options! { duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::LastWins };
    let malformed = |reason: String| Error::Malformed {
        path: path.to_owned(),
        reason,
    };
    let document: Option<Document> = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| malformed(error.to_string()))?;
    Ok(document.map(|Document(rules)| rules).unwrap_or_default())
}

struct Document(FileRules);

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rules;
        impl<'de> Visitor<'de> for Rules {
            type Value = Document;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping of rule names to rules")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
                let mut rules = FileRules::new();
                while let Some(rule) = map.next_entry()? {
                    rules.push(rule);
                }
                Ok(Document(rules))
            }
        }
        deserializer.deserialize_map(Rules)
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rule;
        impl<'de> Visitor<'de> for Rule {
            type Value = Written;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a rule: a text, or a list of texts and lists of texts")
            }

            fn visit_unit<E>(self) -> Result<Written, E> {
                Ok(Written::Null)
            }

            fn visit_str<E>(self, text: &str) -> Result<Written, E> {
                Ok(Written::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Written, A::Error> {
                let mut list = Vec::new();
                while let Some(Alternative(checks)) = seq.next_element()? {
                    list.push(checks);
                }
                Ok(Written::List(list))
            }
        }
        deserializer.deserialize_any(Rule)
    }
}

struct Alternative(Vec<String>);

impl<'de> Deserialize<'de> for Alternative {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Checks;
        impl<'de> Visitor<'de> for Checks {
            type Value = Alternative;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a check or a list of checks")
            }

            fn visit_str<E>(self, text: &str) -> Result<Alternative, E> {
                // Compat: an empty text among alternatives is no alternative, unlike a rule that is an empty text.
                let checks = if text.is_empty() {
                    Vec::new()
                } else {
                    vec![text.to_owned()]
                };
                Ok(Alternative(checks))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Alternative, A::Error> {
                let mut checks = Vec::new();
                while let Some(check) = seq.next_element()? {
                    checks.push(check);
                }
                Ok(Alternative(checks))
            }
        }
        deserializer.deserialize_any(Checks)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::Stamp;
    use crate::PolicyConfig;

    #[test]
    fn a_file_just_written_is_not_settled() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.yaml");
        fs_err::write(&path, "").unwrap();
        let modified = fs_err::metadata(&path).unwrap().modified().unwrap();
        let stamp = Stamp::take(&PolicyConfig {
            policy_file: Some(path),
            ..PolicyConfig::default()
        })
        .unwrap();
        assert!(!stamp.is_settled(modified));
        assert!(!stamp.is_settled(modified + Duration::from_millis(299)));
        assert!(stamp.is_settled(modified + Duration::from_millis(300)));
        assert!(stamp.is_settled(modified - Duration::from_secs(3600)));
        assert!(
            Stamp::take(&PolicyConfig::default())
                .unwrap()
                .is_settled(SystemTime::UNIX_EPOCH)
        );
    }
}
