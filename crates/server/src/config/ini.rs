//! Parses one configuration file as oslo.config does.
//!
//! Its rules differ from most INI dialects: a line that starts with a blank continues the value above it, comments stand
//! only at the start of a line, a blank line ends a value, and a repeated key keeps all its values. Not its job: what the
//! options are called and what their values mean.

use std::path::Path;

use super::error::{ConfigError, Origin};

/// One assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The section as written.
    pub(super) section: String,
    pub(super) key: String,
    /// The value; the lines of a continued one are joined by a line feed.
    pub(super) value: String,
    /// The line of the key, from 1.
    pub(super) line: usize,
}

/// Every assignment of a file, in its order.
pub(super) fn parse(path: &Path, text: &str) -> Result<Vec<Entry>, ConfigError> {
    let mut entries = Vec::new();
    let mut section: Option<String> = None;
    let mut open: Option<Entry> = None;
    for (at, line) in lines(text).enumerate() {
        let number = at + 1;
        let wrong = |problem| ConfigError::Syntax {
            origin: Origin::File {
                path: path.to_owned(),
                line: number,
            },
            problem,
        };
        let line = line.trim_end_matches(is_space);
        if line.is_empty() {
            entries.extend(open.take());
        } else if line.starts_with([' ', '\t']) {
            let entry = open
                .as_mut()
                .ok_or_else(|| wrong("the line continues no value; remove the blanks before it"))?;
            entry.value.push('\n');
            entry.value.push_str(line.trim_start_matches(is_space));
        } else {
            entries.extend(open.take());
            if line.starts_with('[') {
                section = Some(section_name(line).map_err(wrong)?.to_owned());
            } else if !line.starts_with(['#', ';']) {
                let (key, value) = split_assignment(line).map_err(wrong)?;
                let section = section
                    .clone()
                    .ok_or_else(|| wrong("an option stands before the first section"))?;
                open = Some(Entry {
                    section,
                    key: key.to_owned(),
                    value: value.to_owned(),
                    line: number,
                });
            }
        }
    }
    entries.extend(open);
    Ok(entries)
}

/// The lines as Python's text files have them: `\n`, `\r\n` or `\r` ends one.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| {
        let line = line.strip_suffix('\r').unwrap_or(line);
        line.split('\r')
    })
}

fn section_name(line: &str) -> Result<&str, &'static str> {
    let inner = line
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .ok_or("a section must end with `]`")?;
    if inner.is_empty() {
        return Err("a section must have a name");
    }
    Ok(inner)
}

/// Splits at the first `=` or `:`, and takes off one pair of quotes that enclose the whole value.
fn split_assignment(line: &str) -> Result<(&str, &str), &'static str> {
    let (key, value) = line
        .split_once(['=', ':'])
        .ok_or("the line is neither a section nor `name = value`")?;
    let key = key.trim_matches(is_space);
    if key.is_empty() {
        return Err("the option has no name");
    }
    let value = value.trim_matches(is_space);
    let unquoted = match value.chars().next() {
        // Compat: a value that is one single quote becomes empty.
        Some(quote @ ('"' | '\'')) if value.ends_with(quote) => {
            value.get(1..value.len() - 1).unwrap_or_default()
        }
        _ => value,
    };
    Ok((key, unquoted))
}

/// What Python's `str.strip` takes off, which is a little more than Unicode's white space.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String, String)>, String> {
        parse(Path::new("x.conf"), text)
            .map(|entries| {
                entries
                    .into_iter()
                    .map(|entry| (entry.section, entry.key, entry.value))
                    .collect()
            })
            .map_err(|error| error.to_string())
    }

    #[test]
    fn an_error_names_file_and_line() {
        let told = read("[DEFAULT]\ndebug = true\nnonsense\n").unwrap_err();
        assert!(told.starts_with("x.conf:3: "), "{told}");
        assert!(
            read("debug = true\n")
                .unwrap_err()
                .starts_with("x.conf:1: ")
        );
        assert!(
            read("[DEFAULT]\n\n  x\n")
                .unwrap_err()
                .starts_with("x.conf:3: ")
        );
        assert!(read("[DEFAULT\n").unwrap_err().contains("`]`"));
        assert!(read("[]\n").unwrap_err().contains("name"));
        assert!(read("[a]\n= 1\n").unwrap_err().contains("no name"));
    }

    #[test]
    fn the_line_of_a_continued_value_is_that_of_its_key() {
        let entries = parse(Path::new("x"), "[a]\n\nb = 1,\r\n  2\n# c\n").unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!((entries[0].line, entries[0].value.as_str()), (3, "1,\n2"));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in any::<String>()) {
            drop(read(&text));
        }

        #[test]
        fn nothing_that_looks_like_a_file_makes_it_panic(
            text in "(\\[?[a-zé'\"\\$\\]=:;# \t\r\n]{0,12}){0,20}"
        ) {
            drop(read(&text));
        }

        #[test]
        fn a_plain_value_reads_back(key in "[a-z_]{1,12}", value in "[a-zA-Z0-9/.,$]{0,30}") {
            let read = read(&format!("[s]\n{key} = {value}\n")).unwrap();
            assert_eq!(read, [("s".to_owned(), key, value)]);
        }
    }
}
