//! The two halves of a check: what is asked of the caller, and the text it must equal.
//!
//! Both are worked out once, when the rule is loaded. Python expressions are understood as far as rules use them: names,
//! dotted names, strings, numbers, `True`, `False`, `None`. Anything else is kept as invalid and decided at evaluation.

use std::borrow::Cow;

use super::{check::Undecidable, target::Target};

/// A credential that rules can name.
// Compat: these are oslo.context's policy values. `is_admin`, `tenant` and `user` are not among them, so a rule that still
// names those never matches in Glance either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Credential {
    UserId,
    UserDomainId,
    SystemScope,
    System,
    DomainId,
    ProjectId,
    ProjectDomainId,
    Roles,
    IsAdminProject,
    ServiceUserId,
    ServiceUserDomainId,
    ServiceProjectId,
    ServiceProjectDomainId,
    ServiceRoles,
}

impl Credential {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "user_id" => Self::UserId,
            "user_domain_id" => Self::UserDomainId,
            "system_scope" => Self::SystemScope,
            "system" => Self::System,
            "domain_id" => Self::DomainId,
            "project_id" => Self::ProjectId,
            "project_domain_id" => Self::ProjectDomainId,
            "roles" => Self::Roles,
            "is_admin_project" => Self::IsAdminProject,
            "service_user_id" => Self::ServiceUserId,
            "service_user_domain_id" => Self::ServiceUserDomainId,
            "service_project_id" => Self::ServiceProjectId,
            "service_project_domain_id" => Self::ServiceProjectDomainId,
            "service_roles" => Self::ServiceRoles,
            _ => return None,
        })
    }
}

/// The part of a check before the colon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// A Python literal, as Python prints it.
    Literal(Box<str>),
    /// A credential, or something below it if the name `goes_on` after a dot.
    Credential { name: Credential, goes_on: bool },
    /// A name that no caller has a value for.
    Nothing,
    /// Neither name nor literal.
    Invalid,
}

impl Asked {
    pub(super) fn parse(kind: &str) -> Self {
        if matches!(kind, "True" | "False" | "None") {
            return Self::Literal(kind.into());
        }
        if let Some(text) = quoted(kind) {
            return Self::Literal(text.into());
        }
        if let Some(number) = integer(kind) {
            return Self::Literal(number);
        }
        if !is_name(kind) {
            return Self::Invalid;
        }
        let (first, goes_on) = match kind.split_once('.') {
            Some((first, _)) => (first, true),
            None => (kind, false),
        };
        Credential::named(first).map_or(Self::Nothing, |name| Self::Credential { name, goes_on })
    }
}

/// The content of a Python string without escapes.
fn quoted(kind: &str) -> Option<&str> {
    let quote = kind
        .chars()
        .next()
        .filter(|first| matches!(first, '"' | '\''))?;
    let text = kind.strip_prefix(quote)?.strip_suffix(quote)?;
    (!text.contains([quote, '\\'])).then_some(text)
}

/// A Python integer as Python prints it.
fn integer(kind: &str) -> Option<Box<str>> {
    let (is_negative, digits) = match kind.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, kind.strip_prefix('+').unwrap_or(kind)),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if digits.bytes().all(|byte| byte == b'0') {
        return Some("0".into());
    }
    if digits.starts_with('0') {
        return None;
    }
    Some(if is_negative {
        kind.into()
    } else {
        digits.into()
    })
}

/// Names joined by dots, or by operators, which Python evaluates to no literal and so takes for a name.
fn is_name(kind: &str) -> bool {
    const OPERATORS: [char; 10] = ['-', '+', '*', '/', '%', '|', '&', '^', '<', '>'];
    kind.split('.').all(|segment| {
        let words = segment.split(OPERATORS).enumerate();
        words.into_iter().all(|(at, word)| {
            let is_number = at > 0 && integer(word).is_some();
            is_number || is_identifier(word)
        })
    })
}

fn is_identifier(word: &str) -> bool {
    let mut characters = word.chars();
    let starts = characters
        .next()
        .is_some_and(|first| first.is_alphabetic() || first == '_');
    starts
        && characters.all(|character| character.is_alphanumeric() || character == '_')
        && !PYTHON_WORDS.contains(&word)
}

const PYTHON_WORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
    "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
    "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while",
    "with", "yield",
];

/// The part of a check after the colon: text with attributes of the target in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    /// `%(name)s`
    Attribute(Box<str>),
    /// `%s`, for which Python writes out the whole target.
    Whole,
    /// Anything else after a `%`. What stands before it still counts: a missing attribute there decides first.
    Invalid,
}

impl Template {
    pub(super) fn parse(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            plain.push_str(before);
            if let Some(after) = after.strip_prefix('%') {
                plain.push('%');
                rest = after;
                continue;
            }
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain).into()));
            }
            if let Some(after) = after.strip_prefix('s') {
                pieces.push(Piece::Whole);
                rest = after;
                continue;
            }
            let Some((name, after)) = attribute(after) else {
                pieces.push(Piece::Invalid);
                return Self(pieces);
            };
            pieces.push(Piece::Attribute(name.into()));
            rest = after;
        }
        plain.push_str(rest);
        if !plain.is_empty() || pieces.is_empty() {
            pieces.push(Piece::Text(plain.into()));
        }
        Self(pieces)
    }

    pub(super) fn can_match(&self) -> bool {
        !self.0.contains(&Piece::Invalid) && !self.0.contains(&Piece::Whole)
    }

    /// The text with the target's attributes in it, or `None` when one is missing.
    pub(super) fn fill<'t>(
        &'t self,
        target: &'t Target<'_>,
    ) -> Result<Option<Cow<'t, str>>, Undecidable> {
        let mut filled: Option<Cow<'t, str>> = None;
        for piece in &self.0 {
            let text = match piece {
                Piece::Text(text) => Cow::Borrowed(&**text),
                Piece::Attribute(name) => match target.get(name) {
                    Some(value) => value.into_text(),
                    None => return Ok(None),
                },
                // What Python writes equals nothing that is asked, nor does this: no header and no YAML can hold it.
                Piece::Whole => Cow::Borrowed("\0"),
                Piece::Invalid => return Err(Undecidable::Template),
            };
            filled = Some(match filled {
                None => text,
                Some(before) => before + text,
            });
        }
        Ok(filled)
    }
}

/// Splits `(name)s…` into the name and what follows; names may hold parentheses in pairs, as in Python.
fn attribute(after: &str) -> Option<(&str, &str)> {
    let inside = after.strip_prefix('(')?;
    let mut open = 1;
    for (at, character) in inside.char_indices() {
        match character {
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        if open == 0 {
            let rest = inside.get(at + 1..)?.strip_prefix('s')?;
            return Some((inside.get(..at)?, rest));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Asked, Credential, Template, Undecidable};
    use crate::Target;

    #[test]
    fn tells_literals_from_names() {
        let literal = |text: &str| Asked::Literal(text.into());
        assert_eq!(Asked::parse("'public'"), literal("public"));
        assert_eq!(Asked::parse("\"don't\""), literal("don't"));
        assert_eq!(Asked::parse("''"), literal(""));
        assert_eq!(Asked::parse("None"), literal("None"));
        for (written, printed) in [("7", "7"), ("+7", "7"), ("-7", "-7"), ("-00", "0")] {
            assert_eq!(Asked::parse(written), literal(printed));
        }
        let name = Credential::ProjectId;
        assert_eq!(
            Asked::parse("project_id"),
            Asked::Credential {
                name,
                goes_on: false
            }
        );
        assert_eq!(
            Asked::parse("project_id.x"),
            Asked::Credential {
                name,
                goes_on: true
            }
        );
        for unknown in [
            "is_admin",
            "tenant",
            "token.project.id",
            "os-role",
            "a-1",
            "a%s",
        ] {
            assert_eq!(Asked::parse(unknown), Asked::Nothing, "{unknown}");
        }
        for invalid in [
            "", "1a", "007", "class", "'a", "a..b", "a-", "a b", "(1", "%(x)s", "'''a'''",
        ] {
            assert_eq!(Asked::parse(invalid), Asked::Invalid, "{invalid}");
        }
    }

    #[test]
    fn fills_templates_as_python_formats() {
        let target = Target::new()
            .with("a", "1")
            .with("b(c)", "2")
            .with("none", None::<&str>);
        let fill = |text: &str| {
            Template::parse(text)
                .fill(&target)
                .map(|text| text.map(String::from))
        };
        let some = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(fill(""), some(""));
        assert_eq!(fill("plain"), some("plain"));
        assert_eq!(fill("%(a)s"), some("1"));
        assert_eq!(fill("x%(a)sy%(b(c))s%%"), some("x1y2%"));
        assert_eq!(fill("%(none)s"), some("None"));
        assert_eq!(fill("%(missing)s"), Ok(None));
        assert_eq!(fill("%(missing)s%"), Ok(None));
        assert_eq!(fill("%(a)s%s"), some("1\0"));
        for invalid in ["%", "%s%", "%(a)d", "%(a", "%(a)", "%%%", "100%!"] {
            assert_eq!(fill(invalid), Err(Undecidable::Template), "{invalid}");
        }
    }
}
