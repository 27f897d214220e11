//! Property protections: which callers may create, read, change and delete which custom properties.
//!
//! A file has a section for each kind of property, named by a regular expression, and says who may do each of the four
//! things. What a refusal becomes is the asker's business, and so is which names are custom properties at all.

use regex::Regex;
use thiserror::Error;

use crate::{Context, Policy, Target};

/// What is done to a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Give an image one it does not have.
    Create,
    /// See it.
    Read,
    /// Give it another value.
    Update,
    /// Take it away.
    Delete,
}

/// What the words of a file mean (`property_protection_rule_format`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtectionFormat {
    /// Names of roles, any of which will do.
    Roles,
    /// The name of one policy rule.
    Policies,
}

/// A file of protections that must not be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProtectionError {
    /// A line is neither a section nor an option.
    #[error("line {0} of the property protections is not understood")]
    Line(usize),
    /// The same section or option stands there twice.
    #[error("`{0}` stands twice in the property protections")]
    Repeated(String),
    /// A section is no regular expression, or one only other languages know.
    #[error("property protection `{0}` is not understood as a regular expression")]
    Expression(String),
    /// One of the four operations is missing.
    #[error("property protection `{section}` does not say who may {operation}")]
    Missing {
        /// The section.
        section: String,
        /// `create`, `read`, `update` or `delete`.
        operation: &'static str,
    },
    /// Everybody and nobody at the same time.
    #[error("property protection `{section}` lets everybody and nobody {operation}")]
    Contradiction {
        /// The section.
        section: String,
        /// `create`, `read`, `update` or `delete`.
        operation: &'static str,
    },
    /// Several policy rules where one is expected.
    #[error("property protection `{section}` names several policies for {operation}")]
    SeveralPolicies {
        /// The section.
        section: String,
        /// `create`, `read`, `update` or `delete`.
        operation: &'static str,
    },
}

/// The protections in force. What no section speaks of is forbidden to everybody.
#[derive(Debug, Clone)]
pub struct Protections {
    format: ProtectionFormat,
    sections: Vec<Section>,
}

#[derive(Debug, Clone)]
struct Section {
    names: Regex,
    /// In the order of [`OPERATIONS`].
    allowed: [Vec<String>; 4],
}

const OPERATIONS: [&str; 4] = ["create", "read", "update", "delete"];

impl Protections {
    /// Reads a file's text.
    ///
    /// # Errors
    /// The first thing in it that cannot be used; protecting in part would be worse than not starting.
    pub fn parse(text: &str, format: ProtectionFormat) -> Result<Self, ProtectionError> {
        let sections = read_sections(text)?
            .into_iter()
            // Compat: these names are the server's own, so nobody's words about them count.
            .filter(|(name, _)| !name.starts_with("os_glance"))
            .map(|(name, options)| section(&name, &options, format))
            .collect::<Result<_, _>>()?;
        Ok(Self { format, sections })
    }

    /// Whether the caller may do this to the property of this name.
    pub fn allow(&self, policy: &Policy, ctx: &Context, property: &str, access: Access) -> bool {
        // Compat: also where the words stand in the middle of the name.
        if property.contains("os_glance") {
            return true;
        }
        let Some(section) = self
            .sections
            .iter()
            .find(|section| section.names.is_match(property))
        else {
            return false;
        };
        let words = &section.allowed[access as usize];
        let has = |wanted: &str| words.iter().any(|word| word == wanted);
        if has("!") {
            return false;
        }
        if has("@") {
            return true;
        }
        match self.format {
            ProtectionFormat::Policies => words
                .first()
                .is_some_and(|rule| policy.check_rule(ctx, rule, &Target::new())),
            ProtectionFormat::Roles => words.iter().any(|word| {
                let role = word.to_lowercase();
                ctx.roles().contains(&role) || ctx.service_roles().contains(&role)
            }),
        }
    }
}

fn section(
    name: &str,
    options: &[(String, String)],
    format: ProtectionFormat,
) -> Result<Section, ProtectionError> {
    let names = Regex::new(name).map_err(|_| ProtectionError::Expression(name.to_owned()))?;
    let mut allowed: [Vec<String>; 4] = Default::default();
    for (operation, allowed) in OPERATIONS.into_iter().zip(&mut allowed) {
        let section = || name.to_owned();
        let Some((_, value)) = options.iter().find(|(option, _)| option == operation) else {
            return Err(ProtectionError::Missing {
                section: section(),
                operation,
            });
        };
        if value.is_empty() {
            tracing::warn!(
                section = name,
                operation,
                "nobody may do that to these properties"
            );
            continue;
        }
        if format == ProtectionFormat::Policies && value.contains(',') {
            return Err(ProtectionError::SeveralPolicies {
                section: section(),
                operation,
            });
        }
        allowed.extend(value.split(',').map(|word| word.trim().to_owned()));
        let has = |wanted: &str| allowed.iter().any(|word| word == wanted);
        if has("@") && has("!") {
            return Err(ProtectionError::Contradiction {
                section: section(),
                operation,
            });
        }
    }
    Ok(Section { names, allowed })
}

/// A section's name and its options.
type Read = (String, Vec<(String, String)>);

/// Reads the sections in their order, as Python's configparser does: `#` and `;` begin comments, an indented line goes on
/// with the value before it.
fn read_sections(text: &str) -> Result<Vec<Read>, ProtectionError> {
    let mut sections: Vec<Read> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let content = line.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        let bad_line = ProtectionError::Line(number + 1);
        let is_indented = line.starts_with([' ', '\t']);
        let last_value = sections
            .last_mut()
            .and_then(|(_, options)| options.last_mut());
        if let Some((_, value)) = last_value.filter(|_| is_indented) {
            value.push('\n');
            value.push_str(content);
        } else if let Some(inside) = content.strip_prefix('[') {
            let end = inside.rfind(']').filter(|end| *end > 0).ok_or(bad_line)?;
            let name = &inside[..end];
            if sections.iter().any(|(known, _)| known == name) {
                return Err(ProtectionError::Repeated(name.to_owned()));
            }
            sections.push((name.to_owned(), Vec::new()));
        } else {
            let (option, value) = content.split_once(['=', ':']).ok_or(bad_line.clone())?;
            let option = option.trim().to_lowercase();
            let (_, options) = sections.last_mut().ok_or(bad_line)?;
            if options.iter().any(|(known, _)| *known == option) {
                return Err(ProtectionError::Repeated(option));
            }
            options.push((option, value.trim().to_owned()));
        }
    }
    Ok(sections)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Identity, PolicyConfig};

    const FILE: &str = "\
# Who may do what.
[^x_billing.*]
create = Admin
read = admin, billing
update : admin
delete =

[x_open]
create = @
read = @
update = !
delete = @

[os_glance_mine]
create = !
read = !
update = !
delete = !

[.*]
create = member
read = @
update = member,
    auditor
delete = member
";

    fn may(protections: &Protections, role: &str, property: &str, access: Access) -> bool {
        let policy = Policy::load(PolicyConfig::default()).unwrap();
        let identity = Identity {
            roles: vec![role.to_owned()],
            ..Identity::default()
        };
        let ctx = Context::from_identity(identity, "req-1");
        protections.allow(&policy, &ctx, property, access)
    }

    #[test]
    fn the_first_section_that_fits_decides() {
        let rules = Protections::parse(FILE, ProtectionFormat::Roles).unwrap();
        for (role, property, access, expected) in [
            ("admin", "x_billing_code", Access::Create, true),
            ("billing", "x_billing_code", Access::Read, true),
            ("billing", "x_billing_code", Access::Update, false),
            ("admin", "x_billing_code", Access::Delete, false),
            ("member", "x_billing_code", Access::Read, false),
            ("member", "not_x_billing", Access::Create, true),
            ("reader", "an_x_open_one", Access::Create, true),
            ("admin", "x_open", Access::Update, false),
            ("auditor", "colour", Access::Update, true),
            ("reader", "colour", Access::Update, false),
            ("reader", "os_glance_mine", Access::Delete, true),
        ] {
            assert_eq!(
                may(&rules, role, property, access),
                expected,
                "{role} {access:?} {property}"
            );
        }
    }

    #[test]
    fn what_no_section_speaks_of_is_forbidden() {
        let rules = Protections::parse("", ProtectionFormat::Roles).unwrap();
        assert!(!may(&rules, "admin", "colour", Access::Read));
        assert!(may(&rules, "reader", "os_glance_x", Access::Read));
    }

    #[test]
    fn policies_are_asked_by_name() {
        let file =
            "[a]\ncreate = context_is_admin\nread = @\nupdate = !\ndelete = context_is_admin\n";
        let rules = Protections::parse(file, ProtectionFormat::Policies).unwrap();
        assert!(may(&rules, "admin", "a", Access::Create));
        assert!(!may(&rules, "member", "a", Access::Delete));
        assert!(may(&rules, "member", "a", Access::Read));
        assert!(!may(&rules, "admin", "a", Access::Update));
    }

    #[test]
    fn odd_files_are_refused() {
        let refusal = |text: &str, format| Protections::parse(text, format).unwrap_err();
        let all = "create = a\nread = a\nupdate = a\ndelete = a\n";
        let roles = ProtectionFormat::Roles;
        assert_eq!(refusal("create = a\n", roles), ProtectionError::Line(1));
        assert_eq!(refusal("[a]\nnothing\n", roles), ProtectionError::Line(2));
        assert_eq!(
            refusal(&format!("[(]\n{all}"), roles),
            ProtectionError::Expression("(".to_owned())
        );
        assert_eq!(
            refusal(&format!("[a]\n{all}[a]\n{all}"), roles),
            ProtectionError::Repeated("a".to_owned())
        );
        assert_eq!(
            refusal("[a]\ncreate = a\n", roles),
            ProtectionError::Missing {
                section: "a".to_owned(),
                operation: "read"
            }
        );
        assert_eq!(
            refusal(
                "[a]\ncreate = @, !\nread = a\nupdate = a\ndelete = a\n",
                roles
            ),
            ProtectionError::Contradiction {
                section: "a".to_owned(),
                operation: "create"
            }
        );
        assert_eq!(
            refusal(
                "[a]\ncreate = a,b\nread = a\nupdate = a\ndelete = a\n",
                ProtectionFormat::Policies
            ),
            ProtectionError::SeveralPolicies {
                section: "a".to_owned(),
                operation: "create"
            }
        );
    }
}
