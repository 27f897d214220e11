//! Goes through everything that was set and tells what will not do what its author meant.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{
    error::{OptionName, Origin, Warning},
    option::Accepted,
    options::accepted::{ACCEPTED, ACCEPTED_OF_STORES},
    resolve::Resolver,
    sources::{Sources, normalized},
};

/// What is known, by section in the spelling files are compared in.
struct Known {
    current: HashSet<(String, String)>,
    /// With today's name, in full and short.
    old: HashMap<(String, String), (OptionName, &'static str)>,
    accepted: HashMap<(String, String), &'static str>,
    groups: BTreeSet<String>,
}

/// Every warning about what is set, in the order of the files; each option is mentioned once.
pub(super) fn warnings(
    sources: &Sources,
    resolver: &Resolver<'_>,
    store_groups: &[String],
) -> Vec<Warning> {
    let known = Known::new(resolver, store_groups);
    let mut warnings = Vec::new();
    let mut seen = HashSet::new();
    for (entry, origin) in sources.entries() {
        let group = normalized(&entry.section);
        let is_group_known = known.groups.contains(&group);
        let key = if is_group_known {
            entry.key.as_str()
        } else {
            ""
        };
        if !seen.insert((group.clone(), key.to_owned())) {
            continue;
        }
        if is_group_known {
            warnings.extend(known.judge(&group, &entry.section, key, origin));
        } else {
            warnings.push(Warning::UnknownSection {
                origin,
                nearest: nearest(&group, known.groups.iter().map(String::as_str)),
                group: entry.section.clone(),
            });
        }
    }
    // Others use variables that start with OS_ too, so only those are judged whose section is one of ours.
    let mut variables: Vec<_> = sources.variables().collect();
    variables.sort_unstable();
    for variable in variables {
        let Some((group, key)) = variable
            .strip_prefix("OS_")
            .and_then(|rest| rest.split_once("__"))
        else {
            continue;
        };
        let same = |known: &&String| known.to_uppercase() == group;
        if let Some(group) = known.groups.iter().find(same) {
            let origin = Origin::Environment(variable.to_owned());
            warnings.extend(known.judge(group, group, &key.to_lowercase(), origin));
        }
    }
    warnings
}

impl Known {
    fn new(resolver: &Resolver<'_>, store_groups: &[String]) -> Self {
        let mut known = Self {
            current: HashSet::new(),
            old: HashMap::new(),
            accepted: HashMap::new(),
            groups: BTreeSet::new(),
        };
        for (group, row) in resolver.rows() {
            known
                .current
                .insert((normalized(group), row.name.to_owned()));
            known.groups.insert(normalized(group));
            for (old_group, old_name) in row.old {
                known.old.insert(
                    (normalized(old_group), (*old_name).to_owned()),
                    (OptionName::new(group, row.name), row.name),
                );
            }
        }
        for accepted in ACCEPTED {
            known.accept(accepted.group, accepted);
        }
        for accepted in ACCEPTED_OF_STORES {
            for group in store_groups {
                known.accept(group, accepted);
            }
        }
        known
    }

    fn accept(&mut self, group: &str, accepted: &Accepted) {
        self.groups.insert(normalized(group));
        for name in accepted.names {
            self.accepted
                .insert((normalized(group), (*name).to_owned()), accepted.reason);
        }
    }

    fn judge(&self, group: &str, shown: &str, key: &str, origin: Origin) -> Option<Warning> {
        let place = (group.to_owned(), key.to_owned());
        let option = OptionName::new(shown, key);
        if self.current.contains(&place) {
            return None;
        }
        if let Some((current, name)) = self.old.get(&place) {
            // The environment knows no old names.
            let is_read = !matches!(origin, Origin::Environment(_));
            return Some(if is_read {
                Warning::OldName {
                    origin,
                    option,
                    current: current.clone(),
                }
            } else {
                Warning::UnknownOption {
                    origin,
                    option,
                    nearest: Some((*name).to_owned()),
                }
            });
        }
        if let Some(reason) = self.accepted.get(&place) {
            return Some(Warning::NotActedOn {
                origin,
                option,
                reason,
            });
        }
        let names = self.current.iter().chain(self.accepted.keys());
        let names = names.filter(|(other, _)| other == group);
        Some(Warning::UnknownOption {
            origin,
            option,
            nearest: nearest(key, names.map(|(_, name)| name.as_str())),
        })
    }
}

/// The name closest to `text`, if it could be a slip of the hand: about one letter in three may differ.
fn nearest<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let limit = (text.chars().count() / 3).clamp(1, 5);
    names
        .map(|name| (distance(text, name), name))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, name)| name.to_owned())
}

/// How many letters have to be put in, taken out or changed (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, a) in one.chars().enumerate() {
        let mut diagonal = at;
        let mut left = at + 1;
        for (column, b) in other.iter().enumerate() {
            let above = row.get(column + 1).copied().unwrap_or(usize::MAX - 1);
            let best = (diagonal + usize::from(a != *b))
                .min(above + 1)
                .min(left + 1);
            diagonal = above;
            if let Some(cell) = row.get_mut(column) {
                *cell = left;
            }
            left = best;
        }
        if let Some(last) = row.last_mut() {
            *last = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_letters() {
        for (one, other, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("image_cache_dir", "image_cach_dir", 1),
            ("same", "same", 0),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
            assert_eq!(distance(other, one), expected, "{other} {one}");
        }
    }

    #[test]
    fn only_a_likely_slip_is_suggested() {
        let names = || ["debug", "log_dir", "log_file"].into_iter();
        assert_eq!(nearest("debgu", names()), None, "two of five letters");
        assert_eq!(nearest("debugg", names()), Some("debug".into()));
        assert_eq!(nearest("logfile", names()), Some("log_file".into()));
        assert_eq!(nearest("something_else", names()), None);
    }
}
