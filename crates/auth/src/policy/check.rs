//! The tree a rule is parsed into, and its evaluation.
//!
//! Evaluation compares texts as oslo.policy does in Python, down to where Python raises: such a check is neither true nor
//! false but [`Undecidable`], which no `not` and no `or` after it can turn into a permission.

use std::fmt;

use super::{
    leaf::{Asked, Credential, Template},
    rules::RuleSet,
    target::Target,
};
use crate::Context;

/// How deep rules may refer to rules and nest.
///
/// A rule that comes back to itself does so for ever, since nothing changes in between; it ends here. Python's own limit
/// stops at about the same depth.
const DEEPEST: u32 = 400;

/// Why a check has no answer. The action is refused and the operator told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Undecidable {
    /// Rules refer to each other in a circle, or are nested absurdly deep.
    Endless,
    /// The part before the colon is no Python expression.
    Name,
    /// The part after the colon has a `%` that is no `%(name)s`.
    Template,
    /// A dotted name goes on below a credential that is a plain text.
    Path,
    /// The check asks a remote server.
    Remote,
}

impl fmt::Display for Undecidable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Endless => "rules refer to each other in a circle or are nested too deep",
            Self::Name => "the part before the colon is neither a name nor a literal",
            Self::Template => "the part after the colon has a `%` that is no `%(name)s`",
            Self::Path => "a dotted name goes on below a credential that is a text",
            Self::Remote => "the check asks a remote server",
        })
    }
}

/// One rule as a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Check {
    Allow,
    Deny,
    Not(Box<Check>),
    All(Vec<Check>),
    Any(Vec<Check>),
    /// `rule:name`
    Rule(Box<str>),
    /// `role:name`
    Role {
        text: Box<str>,
        wanted: Template,
    },
    /// `kind:text`: a credential or literal equals a text, which may quote the target.
    Match {
        kind: Box<str>,
        asked: Asked,
        text: Box<str>,
        wanted: Template,
    },
    /// `http:…` and `https:…`, whole. Never in a rule set: loading refuses it.
    Remote(Box<str>),
}

/// What a check is evaluated against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'q> {
    pub(super) ctx: &'q Context,
    pub(super) target: &'q Target<'q>,
    pub(super) rules: &'q RuleSet,
}

impl Check {
    pub(super) fn holds(&self, question: Question<'_>) -> Result<bool, Undecidable> {
        self.holds_at(question, 0)
    }

    fn holds_at(&self, question: Question<'_>, depth: u32) -> Result<bool, Undecidable> {
        if depth > DEEPEST {
            return Err(Undecidable::Endless);
        }
        let deeper = depth + 1;
        match self {
            Self::Allow => Ok(true),
            Self::Deny => Ok(false),
            Self::Not(check) => Ok(!check.holds_at(question, deeper)?),
            Self::All(checks) => {
                for check in checks {
                    if !check.holds_at(question, deeper)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Any(checks) => {
                for check in checks {
                    if check.holds_at(question, deeper)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Rule(name) => match question.rules.get(name) {
                Some(check) => check.holds_at(question, deeper),
                None => Ok(false),
            },
            Self::Role { wanted, .. } => {
                let Some(role) = wanted.fill(question.target)? else {
                    return Ok(false);
                };
                let is_lower = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
                // The context's roles are in lower case; so is nearly every rule, and then nothing is allocated.
                let role = if role.bytes().all(is_lower) {
                    role
                } else {
                    role.to_lowercase().into()
                };
                Ok(question.ctx.roles().iter().any(|held| **held == *role))
            }
            Self::Match { asked, wanted, .. } => {
                let Some(text) = wanted.fill(question.target)? else {
                    return Ok(false);
                };
                asked.is(&text, question.ctx)
            }
            Self::Remote(_) => Err(Undecidable::Remote),
        }
    }

    /// Calls `visit` for this check and every one below it, not following `rule:`.
    pub(super) fn walk<'c>(&'c self, visit: &mut impl FnMut(&'c Check)) {
        visit(self);
        match self {
            Self::Not(check) => check.walk(visit),
            Self::All(checks) | Self::Any(checks) => {
                for check in checks {
                    check.walk(visit);
                }
            }
            Self::Allow
            | Self::Deny
            | Self::Rule(_)
            | Self::Role { .. }
            | Self::Match { .. }
            | Self::Remote(_) => {}
        }
    }
}

/// Prints what parses to the same tree again.
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => f.write_str("@"),
            Self::Deny => f.write_str("!"),
            Self::Not(check) => write!(f, "not {check}"),
            Self::All(checks) => write_joined(f, checks, " and "),
            Self::Any(checks) => write_joined(f, checks, " or "),
            Self::Rule(name) => write!(f, "rule:{name}"),
            Self::Role { text, .. } => write!(f, "role:{text}"),
            // Quotes at both ends would make it a quoted word, which is no check; a parenthesis keeps them apart.
            Self::Match { kind, text, .. } if is_quoted(kind, text) => write!(f, "({kind}:{text})"),
            Self::Match { kind, text, .. } => write!(f, "{kind}:{text}"),
            Self::Remote(whole) => f.write_str(whole),
        }
    }
}

fn is_quoted(kind: &str, text: &str) -> bool {
    ['"', '\'']
        .iter()
        .any(|quote| kind.starts_with(*quote) && text.ends_with(*quote))
}

fn write_joined(f: &mut fmt::Formatter<'_>, checks: &[Check], word: &str) -> fmt::Result {
    f.write_str("(")?;
    for (at, check) in checks.iter().enumerate() {
        if at > 0 {
            f.write_str(word)?;
        }
        write!(f, "{check}")?;
    }
    f.write_str(")")
}

impl Asked {
    fn is(&self, text: &str, ctx: &Context) -> Result<bool, Undecidable> {
        match self {
            Self::Literal(literal) => Ok(**literal == *text),
            Self::Nothing => Ok(false),
            Self::Invalid => Err(Undecidable::Name),
            Self::Credential { name, goes_on } => match (name.of(ctx), goes_on) {
                (Held::Missing, _) => Ok(false),
                (Held::One(held), false) => Ok(held == text),
                (Held::Many(held), false) => Ok(held.iter().any(|item| item == text)),
                // Nothing is looked up in an empty list, so nothing fails.
                (Held::Many([]), true) => Ok(false),
                (Held::One(_) | Held::Many(_), true) => Err(Undecidable::Path),
            },
        }
    }
}

enum Held<'c> {
    Missing,
    One(&'c str),
    Many(&'c [String]),
}

impl Credential {
    fn of(self, ctx: &Context) -> Held<'_> {
        // Python's `None` is a value like any other: it equals another `None`.
        fn one(field: &Option<String>) -> Held<'_> {
            Held::One(field.as_deref().unwrap_or("None"))
        }
        let identity = ctx.identity();
        match self {
            Self::UserId => one(&identity.user_id),
            Self::UserDomainId => one(&identity.user_domain_id),
            Self::SystemScope => one(&identity.system_scope),
            // Compat: oslo.policy adds `system` only for a caller who has a system scope.
            Self::System => match identity.system_scope.as_deref() {
                None | Some("") => Held::Missing,
                Some(scope) => Held::One(scope),
            },
            Self::DomainId => one(&identity.domain_id),
            Self::ProjectId => one(&identity.project_id),
            Self::ProjectDomainId => one(&identity.project_domain_id),
            Self::Roles => Held::Many(ctx.roles()),
            Self::IsAdminProject => Held::One(if identity.is_admin_project {
                "True"
            } else {
                "False"
            }),
            Self::ServiceUserId => one(&identity.service_user_id),
            Self::ServiceUserDomainId => one(&identity.service_user_domain_id),
            Self::ServiceProjectId => one(&identity.service_project_id),
            Self::ServiceProjectDomainId => one(&identity.service_project_domain_id),
            Self::ServiceRoles => Held::Many(ctx.service_roles()),
        }
    }
}
