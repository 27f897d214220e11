//! The rule language of oslo.policy: text or lists in, a tree and what was odd about it out.
//!
//! A rule that cannot be understood denies, as in oslo.policy, and the problem is handed back to be told to the operator.
//! The same stack machine as there is used, so that every text means the same, the odd ones too.

use super::{
    check::Check,
    leaf::{Asked, Template},
};

/// How many parentheses and `not` may be open at once. It bounds the depth of the tree, and with it every recursion.
const MOST_OPEN: usize = 64;

/// A rule as a tree, and what the operator should know about its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parsed {
    pub(super) check: Check,
    pub(super) problems: Vec<String>,
}

/// Parses the usual form: checks joined by `and`, `or`, `not` and parentheses.
pub(super) fn parse_text(rule: &str) -> Parsed {
    let mut problems = Vec::new();
    let check = if rule.is_empty() {
        Check::Allow
    } else {
        match reduce_all(rule, &mut problems) {
            Some(check) => check,
            None => {
                problems.push(format!("`{rule}` cannot be understood and denies"));
                Check::Deny
            }
        }
    };
    Parsed { check, problems }
}

/// Parses the old form: a list joined by `or`, of lists of checks joined by `and`.
pub(super) fn parse_list(rule: &[Vec<String>]) -> Parsed {
    let mut problems = Vec::new();
    if rule.is_empty() {
        return Parsed {
            check: Check::Allow,
            problems,
        };
    }
    let mut any: Vec<Check> = Vec::new();
    for all in rule.iter().filter(|all| !all.is_empty()) {
        let all = all.iter().map(|text| parse_check(text, &mut problems));
        any.push(unwrap_single(all.collect(), Check::All));
    }
    let check = if any.is_empty() {
        Check::Deny
    } else {
        unwrap_single(any, Check::Any)
    };
    Parsed { check, problems }
}

fn unwrap_single(mut checks: Vec<Check>, join: fn(Vec<Check>) -> Check) -> Check {
    match checks.pop() {
        Some(only) if checks.is_empty() => only,
        Some(last) => {
            checks.push(last);
            join(checks)
        }
        None => join(checks),
    }
}

#[derive(Debug)]
enum Token {
    Check(Check),
    All(Vec<Check>),
    Any(Vec<Check>),
    And,
    Or,
    Not,
    Open,
    Close,
    /// A word in quotes: no rule has a place for it.
    Quoted,
}

/// What has been read and not yet been joined.
#[derive(Debug, Default)]
struct Stack {
    tokens: Vec<Token>,
    /// How many parentheses and `not` in it still wait for what they apply to.
    open: usize,
}

fn reduce_all(rule: &str, problems: &mut Vec<String>) -> Option<Check> {
    let mut stack = Stack::default();
    for word in rule.split(is_python_space).filter(|word| !word.is_empty()) {
        let inner = word.trim_start_matches('(');
        let clean = inner.trim_end_matches(')');
        for _ in 0..word.len() - inner.len() {
            stack.shift(Token::Open)?;
        }
        if !clean.is_empty() {
            stack.shift(match clean {
                _ if clean.eq_ignore_ascii_case("and") => Token::And,
                _ if clean.eq_ignore_ascii_case("or") => Token::Or,
                _ if clean.eq_ignore_ascii_case("not") => Token::Not,
                // Compat: the quotes are looked for before a closing parenthesis is taken off, as in oslo.policy.
                _ if is_quoted(inner) => Token::Quoted,
                _ => Token::Check(parse_check(clean, problems)),
            })?;
        }
        for _ in 0..inner.len() - clean.len() {
            stack.shift(Token::Close)?;
        }
    }
    match (stack.tokens.pop(), stack.tokens.is_empty()) {
        (Some(Token::Check(check)), true) => Some(check),
        (Some(Token::All(checks)), true) => Some(Check::All(checks)),
        (Some(Token::Any(checks)), true) => Some(Check::Any(checks)),
        _ => None,
    }
}

impl Stack {
    /// Takes the next token in, or nothing more at all once too much is open.
    fn shift(&mut self, token: Token) -> Option<()> {
        if matches!(token, Token::Open | Token::Not) {
            self.open += 1;
        }
        self.tokens.push(token);
        while let Some(joined) = self.join_last() {
            self.tokens.push(joined);
        }
        (self.open <= MOST_OPEN).then_some(())
    }

    /// Takes off the tokens at the end that make one together, and returns that one.
    fn join_last(&mut self) -> Option<Token> {
        let third = self.tokens.pop();
        let second = self.tokens.pop();
        let first = self.tokens.pop();
        match (first, second, third) {
            (
                Some(Token::Open),
                Some(inner @ (Token::Check(_) | Token::All(_) | Token::Any(_))),
                Some(Token::Close),
            ) => {
                self.open = self.open.saturating_sub(1);
                Some(match inner {
                    Token::All(checks) => Token::Check(Check::All(checks)),
                    Token::Any(checks) => Token::Check(Check::Any(checks)),
                    check => check,
                })
            }
            (Some(Token::Check(one)), Some(Token::And), Some(Token::Check(other))) => {
                Some(Token::All(vec![one, other]))
            }
            (Some(Token::All(mut checks)), Some(Token::And), Some(Token::Check(check))) => {
                checks.push(check);
                Some(Token::All(checks))
            }
            // `and` binds closer: it takes the last one back from the `or`.
            (Some(Token::Any(mut checks)), Some(Token::And), Some(Token::Check(check))) => {
                let last = match checks.pop() {
                    Some(Check::All(mut last)) => {
                        last.push(check);
                        last
                    }
                    last => last.into_iter().chain([check]).collect(),
                };
                checks.push(Check::All(last));
                Some(Token::Any(checks))
            }
            (Some(Token::Check(one)), Some(Token::Or), Some(Token::Check(other))) => {
                Some(Token::Any(vec![one, other]))
            }
            (Some(Token::All(checks)), Some(Token::Or), Some(Token::Check(other))) => {
                Some(Token::Any(vec![Check::All(checks), other]))
            }
            (Some(Token::Any(mut checks)), Some(Token::Or), Some(Token::Check(check))) => {
                checks.push(check);
                Some(Token::Any(checks))
            }
            (first, Some(Token::Not), Some(Token::Check(check))) => {
                self.open = self.open.saturating_sub(1);
                self.tokens.extend(first);
                Some(Token::Check(Check::Not(Box::new(check))))
            }
            (first, second, third) => {
                self.tokens
                    .extend([first, second, third].into_iter().flatten());
                None
            }
        }
    }
}

fn is_quoted(word: &str) -> bool {
    let ends_with =
        |quote: char| word.len() >= 2 && word.starts_with(quote) && word.ends_with(quote);
    ends_with('"') || ends_with('\'')
}

/// What separates words for Python: Unicode's white space and four control characters more.
fn is_python_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

fn parse_check(text: &str, problems: &mut Vec<String>) -> Check {
    match text {
        "!" => return Check::Deny,
        "@" => return Check::Allow,
        _ => {}
    }
    let Some((kind, wanted)) = text.split_once(':') else {
        problems.push(format!("`{text}` is no check and denies: it has no colon"));
        return Check::Deny;
    };
    match kind {
        "http" | "https" => return Check::Remote(text.into()),
        "rule" => return Check::Rule(wanted.into()),
        _ => {}
    }
    let template = Template::parse(wanted);
    if !template.can_match() {
        problems.push(format!(
            "`{text}` can never match: it has a `%` that is no `%(name)s`"
        ));
    }
    if kind == "role" {
        return Check::Role {
            text: wanted.into(),
            wanted: template,
        };
    }
    let asked = Asked::parse(kind);
    match asked {
        Asked::Invalid => problems.push(format!(
            "`{text}` refuses the action when it is reached: `{kind}` is neither a name nor a literal"
        )),
        Asked::Nothing => problems.push(unknown_credential(text, kind)),
        Asked::Literal(_) | Asked::Credential { .. } => {}
    }
    Check::Match {
        kind: kind.into(),
        asked,
        text: wanted.into(),
        wanted: template,
    }
}

fn unknown_credential(text: &str, kind: &str) -> String {
    let instead = match kind {
        "is_admin" => "; use `rule:context_is_admin`",
        "tenant" | "tenant_id" | "project" => "; use `project_id`",
        "user" => "; use `user_id`",
        "domain" => "; use `domain_id`",
        _ => "",
    };
    format!("`{text}` never matches: no caller has a `{kind}`{instead}")
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
