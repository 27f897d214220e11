//! `$name`, `${name}` and `$$` in values, as Python's string templates in oslo.config's dialect have them.

use std::ops::ControlFlow;

/// The text with every reference replaced by what `look_up` answers.
///
/// Compat: `\$` is another way to write `$$`; a dollar that starts no reference stays as it is.
pub(super) fn substitute<E>(
    text: &str,
    mut look_up: impl FnMut(&str) -> Result<String, E>,
) -> Result<String, E> {
    let text = text.replace("\\$", "$$");
    let mut done = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once('$') {
        done.push_str(before);
        rest = match token(after) {
            ControlFlow::Break(left) => {
                done.push('$');
                left
            }
            ControlFlow::Continue((name, left)) => {
                done.push_str(&look_up(name)?);
                left
            }
        };
    }
    done.push_str(rest);
    Ok(done)
}

/// What follows a dollar: the end of a literal one, or a name and what comes after it.
fn token(after: &str) -> ControlFlow<&str, (&str, &str)> {
    if let Some(left) = after.strip_prefix('$') {
        return ControlFlow::Break(left);
    }
    if let Some(inner) = after.strip_prefix('{') {
        let (name, left) = split_name(inner);
        return match left.strip_prefix('}') {
            Some(left) if !name.is_empty() => ControlFlow::Continue((name, left)),
            _ => ControlFlow::Break(after),
        };
    }
    match split_name(after) {
        ("", _) => ControlFlow::Break(after),
        found => ControlFlow::Continue(found),
    }
}

/// A letter or underscore, then also digits and dots.
fn split_name(text: &str) -> (&str, &str) {
    let end = text
        .char_indices()
        .find(|(at, c)| {
            let fits = c.is_ascii_alphabetic()
                || *c == '_'
                || (*at > 0 && (c.is_ascii_digit() || *c == '.'));
            !fits
        })
        .map_or(text.len(), |(at, _)| at);
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;

    fn shout(text: &str) -> String {
        substitute(text, |name| Ok::<_, ()>(format!("<{name}>"))).unwrap()
    }

    #[test]
    fn finds_names_and_leaves_other_dollars() {
        for (text, expected) in [
            ("$a/b", "<a>/b"),
            ("${a}b $a.b", "<a>b <a.b>"),
            ("$$a \\$a $5 $ ${a $", "$a $a $5 $ ${a $"),
            ("${}${5}", "${}${5}"),
            ("$a$b", "<a><b>"),
            ("$A_1.x-y", "<A_1.x>-y"),
        ] {
            assert_eq!(shout(text), expected, "{text}");
        }
    }

    #[test]
    fn a_failing_look_up_fails_all() {
        assert_eq!(substitute("x $a", |_| Err::<String, _>("no")), Err("no"));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in any::<String>(), like in "[$\\\\{}a.é5]{0,20}") {
            shout(&text);
            shout(&like);
        }
    }
}
