//! The rules in force: those of the files over the defaults, and what is odd about them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    action::{Action, SUPPORTING},
    check::Check,
    file::{FileRules, Written},
    parse::{Parsed, parse_list, parse_text},
};
use crate::{Error, PolicyConfig};

/// Every rule by its name, as trees. Never changes; a reload makes a new one.
#[derive(Debug)]
pub(super) struct RuleSet {
    by_name: HashMap<Box<str>, Check>,
    default_rule: Box<str>,
    warnings: Vec<String>,
}

impl RuleSet {
    pub(super) fn build(config: &PolicyConfig, files: FileRules) -> Result<Self, Error> {
        let mut by_name = HashMap::new();
        let mut warnings = Vec::new();
        for (name, written) in files {
            let is_unset = matches!(written, Written::Null);
            let Parsed { check, problems } = match written {
                Written::Null => parse_text(""),
                Written::Text(text) => parse_text(&text),
                Written::List(list) => parse_list(&list),
            };
            if is_unset {
                warnings.push(format!("rule `{name}` has no text and so allows everyone"));
            }
            warnings.extend(
                problems
                    .into_iter()
                    .map(|problem| format!("rule `{name}`: {problem}")),
            );
            by_name.insert(Box::from(name), check);
        }
        let overridden: BTreeSet<Box<str>> = by_name.keys().cloned().collect();
        for (name, text, deprecated) in defaults() {
            if by_name.contains_key(name) {
                continue;
            }
            let check = parse_text(text).check;
            // Compat: while the new defaults are not enforced, what the old default allowed stays allowed.
            let check = match deprecated {
                Some(old) if !config.enforce_new_defaults && old != text => {
                    Check::Any(vec![check, parse_text(old).check])
                }
                Some(_) | None => check,
            };
            by_name.insert(name.into(), check);
        }
        let mut set = Self {
            by_name,
            default_rule: config.default_rule.as_str().into(),
            warnings,
        };
        set.refuse_remote()?;
        set.look_for_dangling(&overridden);
        set.look_for_circles();
        Ok(set)
    }

    /// The rule of this name, or the default rule in its place.
    pub(super) fn get(&self, name: &str) -> Option<&Check> {
        self.by_name
            .get(name)
            .or_else(|| self.by_name.get(&self.default_rule))
    }

    pub(super) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub(super) fn printed(&self) -> BTreeMap<String, String> {
        let rules = self.by_name.iter();
        rules
            .map(|(name, check)| (name.to_string(), check.to_string()))
            .collect()
    }

    fn refuse_remote(&self) -> Result<(), Error> {
        for (rule, check) in &self.by_name {
            let mut remote = None;
            check.walk(&mut |check| {
                if let Check::Remote(whole) = check {
                    remote = Some(whole.to_string());
                }
            });
            if let Some(check) = remote {
                return Err(Error::RemoteCheck {
                    rule: rule.to_string(),
                    check,
                });
            }
        }
        Ok(())
    }

    fn look_for_dangling(&mut self, overridden: &BTreeSet<Box<str>>) {
        let mut referred: BTreeSet<&str> = BTreeSet::new();
        let mut found = Vec::new();
        let sorted: BTreeMap<_, _> = self.by_name.iter().collect();
        for (rule, check) in sorted {
            check.walk(&mut |check| {
                if let Check::Rule(name) = check {
                    referred.insert(name);
                    if !self.by_name.contains_key(name) {
                        let default = &self.default_rule;
                        found.push(format!(
                            "rule `{rule}`: there is no rule `{name}`, so that `{default}` is asked instead"
                        ));
                    }
                }
            });
        }
        let known: BTreeSet<&str> = defaults().map(|(name, ..)| name).collect();
        for name in overridden {
            if !known.contains(&**name) && !referred.contains(&**name) && *name != self.default_rule
            {
                found.push(format!(
                    "rule `{name}` is no action and no other rule refers to it; only property protections could ask it"
                ));
            }
        }
        self.warnings.extend(found);
    }

    fn look_for_circles(&mut self) {
        let mut circular: Vec<String> = Vec::new();
        for name in self.by_name.keys() {
            if self.comes_back(name) {
                circular.push(format!("rule `{name}` refers to itself in a circle and refuses when the circle is reached"));
            }
        }
        circular.sort();
        self.warnings.extend(circular);
    }

    fn comes_back(&self, start: &str) -> bool {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut open: Vec<&str> = vec![start];
        let mut found = false;
        while let Some(name) = open.pop() {
            let Some(check) = self.by_name.get(name) else {
                continue;
            };
            check.walk(&mut |check| {
                if let Check::Rule(next) = check {
                    found |= &**next == start;
                    if seen.insert(next) {
                        open.push(next);
                    }
                }
            });
        }
        found
    }
}

/// Name, check and deprecated check of every registered rule.
fn defaults() -> impl Iterator<Item = (&'static str, &'static str, Option<&'static str>)> {
    let actions = Action::ALL.iter().map(|action| {
        (
            action.rule_name(),
            action.default_check(),
            action.deprecated_check(),
        )
    });
    let supporting = SUPPORTING
        .iter()
        .map(|rule| (rule.name, rule.check, rule.deprecated));
    supporting.chain(actions)
}
