//! Prints the table of options: as a sample file and as a reference page.

use std::fmt::Write;

use super::{
    option::{Accepted, Row},
    options::{
        self,
        accepted::{ACCEPTED, ACCEPTED_OF_STORES},
    },
};

/// Columns of text in the sample.
const WIDTH: usize = 100;

/// The options by section, in the order in which sections first appear in the table.
fn sections() -> Vec<(&'static str, Vec<&'static Row>)> {
    let mut sections: Vec<(&str, Vec<&Row>)> = Vec::new();
    for row in options::rows() {
        match sections.iter_mut().find(|(group, _)| *group == row.group) {
            Some((_, rows)) => rows.push(row),
            None => sections.push((row.group, vec![row])),
        }
    }
    sections
}

/// A configuration file with every option that has an effect, commented out at its default.
pub fn sample() -> String {
    let mut text = String::from(
        "# Configuration of Vidimus: every option that has an effect, at its default.\n\
         # Generated from the table of options in crates/server/src/config/options.\n",
    );
    for (group, rows) in sections() {
        section(&mut text, group, rows.into_iter());
    }
    comment(
        &mut text,
        "\nA store named in `enabled_backends` has a section of its name. For `enabled_backends = fast:file`:",
    );
    section(&mut text, "fast", options::rows_of_store("file"));
    comment(
        &mut text,
        "\nFor `enabled_backends = fast:file,mirror:http`:",
    );
    section(&mut text, "mirror", options::rows_of_store("http"));
    text
}

fn section(text: &mut String, group: &str, rows: impl Iterator<Item = &'static Row>) {
    text.push_str(&format!("\n[{group}]\n"));
    for row in rows {
        text.push('\n');
        comment(text, row.help);
        comment(text, &format!("Must be {}.", row.kind.allowed()));
        if !row.old.is_empty() {
            comment(text, &format!("Once called {}.", old_names(row)));
        }
        match row.default {
            Some("") | None => text.push_str(&format!("#{} =\n", row.name)),
            Some(default) => text.push_str(&format!("#{} = {default}\n", row.name)),
        }
    }
}

fn comment(text: &mut String, words: &str) {
    if let Some(rest) = words.strip_prefix('\n') {
        text.push('\n');
        return comment(text, rest);
    }
    let mut line = String::from("#");
    for word in words.split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}

fn old_names(row: &Row) -> String {
    let names: Vec<_> = row
        .old
        .iter()
        .map(|(group, name)| format!("`[{group}] {name}`"))
        .collect();
    names.join(", ")
}

/// The reference page, in Markdown.
pub fn reference() -> String {
    let mut text = String::from(INTRODUCTION);
    for (group, rows) in sections() {
        table(&mut text, &format!("`[{group}]`"), rows.into_iter());
    }
    text.push_str(STORES);
    table(
        &mut text,
        "A store of type `file`",
        options::rows_of_store("file"),
    );
    table(
        &mut text,
        "A store of type `http`",
        options::rows_of_store("http"),
    );
    text.push_str(WITHOUT_EFFECT);
    for accepted in ACCEPTED {
        names(&mut text, &format!("[{}]", accepted.group), accepted);
    }
    for accepted in ACCEPTED_OF_STORES {
        names(
            &mut text,
            &format!("store of type {}", accepted.group),
            accepted,
        );
    }
    text
}

fn table(text: &mut String, title: &str, rows: impl Iterator<Item = &'static Row>) {
    let mut push = |line: std::fmt::Arguments<'_>| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{line}");
    };
    push(format_args!("\n### {title}\n"));
    push(format_args!("| option | must be | default | meaning |"));
    push(format_args!("|---|---|---|---|"));
    for row in rows {
        let default = match row.default {
            Some("") | None => "unset".to_owned(),
            Some(default) => format!("`{}`", default.replace(',', ", ")),
        };
        let old = match row.old {
            [] => String::new(),
            _ => format!(" Once called {}.", old_names(row)),
        };
        push(format_args!(
            "| `{}` | {} | {default} | {}{old} |",
            row.name,
            row.kind.allowed(),
            row.help
        ));
    }
}

fn names(text: &mut String, place: &str, accepted: &Accepted) {
    let names: Vec<_> = accepted
        .names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect();
    text.push_str(&format!(
        "| `{place}` | {} | {} |\n",
        accepted.reason,
        names.join(", ")
    ));
}

const INTRODUCTION: &str = "\
# Configuration

Generated from the table of options in `crates/server/src/config/options`.

`vidimus serve` without a file needs none of this: it keeps database, images and cache below its data folder and answers
this machine only. With `--config-file` it reads files in the format of oslo.config, so an existing `glance-api.conf` works:

- Options stand in sections; a line that starts with a blank continues the value above it; `#` and `;` start a comment at
  the start of a line only.
- Of several `--config-file`, and of the `*.conf` in a `--config-dir` (by name, after the files), the last one that sets an
  option wins.
- The environment beats files: `OS_<SECTION>__<OPTION>`, such as `OS_DATABASE__CONNECTION`.
- `$name` stands for another option of the same section or of `[DEFAULT]`, `$section.name` for any; `$$` is a dollar.
- A value that is not what the option must be stops the start, with the place where it stands.
- An option that is known and has no effect here, and one that is not known, are answered by a warning.

## Options
";

const STORES: &str = "
## Stores

With `enabled_backends = fast:file,slow:file` each store is configured in the section of its name; what is not set there is
taken from `[backend_defaults]`. Without `enabled_backends` there is one store, configured in `[glance_store]`.
";

const WITHOUT_EFFECT: &str = "
## Accepted without effect

| where | why it has no effect | options |
|---|---|---|
";
