//! Prints a policy file that changes nothing: every rule with its default, commented out.

use std::fmt::Write as _;

use super::action::{Action, Rule, SUPPORTING};

const HEAD: &str = "\
# Rules of the image service, with their defaults. A line without its `#` overrides the default.
#
# A rule is made of checks joined by `and`, `or`, `not` and parentheses:
#   role:NAME              the caller has this role
#   rule:NAME              another rule holds
#   CREDENTIAL:TEXT        something the caller has, for example `project_id`, equals a text
#   'LITERAL':TEXT         a literal equals a text
#   @  and  !              always and never; an empty rule is the same as `@`
# A text may hold %(ATTRIBUTE)s, an attribute of what the action is about, for example %(visibility)s.
#
# Every action wants a token that is scoped to a project.
";

/// A whole `policy.yaml` for operators to start from. Loading it as it is changes nothing.
pub fn sample() -> String {
    let mut text = String::from(HEAD);
    let actions = Action::ALL.iter().map(|action| action.rule());
    for rule in SUPPORTING.iter().chain(actions) {
        text.push('\n');
        // Writing to a string cannot fail.
        let _ = write_rule(&mut text, rule);
    }
    text
}

fn write_rule(text: &mut String, rule: &Rule) -> std::fmt::Result {
    writeln!(text, "# {}: {}", rule.name, rule.about)?;
    for route in rule.routes {
        writeln!(text, "#   {route}")?;
    }
    if let Some(old) = rule.deprecated.filter(|old| *old != rule.check) {
        writeln!(text, "# Unless enforce_new_defaults is on, also: {old}")?;
    }
    writeln!(text, "#\"{}\": \"{}\"", rule.name, rule.check)
}

#[cfg(test)]
mod tests {
    use super::sample;
    use crate::{Policy, PolicyConfig};

    #[test]
    fn taking_every_comment_sign_off_changes_nothing() {
        let uncommented: String = sample()
            .lines()
            .map(|line| match line.strip_prefix("#\"") {
                Some(rule) => format!("\"{rule}\n"),
                None => format!("{line}\n"),
            })
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.yaml");
        fs_err::write(&path, uncommented).unwrap();
        let config = PolicyConfig {
            policy_file: Some(path),
            ..PolicyConfig::default()
        };
        let policy = Policy::load(config).unwrap();
        assert_eq!(
            policy.rules(),
            Policy::load(PolicyConfig::default()).unwrap().rules()
        );
        assert_eq!(policy.rules().len(), 67);
        assert_eq!(policy.warnings(), Vec::<String>::new());
    }
}
