//! One option: a row of the table that parsing, the sample file and the reference page all come from.

use std::marker::PhantomData;

use super::kind::Kind;

/// What is known about an option.
#[derive(Debug)]
pub(super) struct Row {
    /// Its section. For an option of every store of a type, the type: `file`.
    pub(super) group: &'static str,
    pub(super) name: &'static str,
    /// Sections and names it had in the past.
    pub(super) old: &'static [(&'static str, &'static str)],
    pub(super) kind: Kind,
    /// As it would stand in a file; `None` for unset.
    pub(super) default: Option<&'static str>,
    /// Its value is never shown.
    pub(super) is_secret: bool,
    pub(super) help: &'static str,
}

/// A row together with the type its value has in [`Settings`](super::Settings).
#[derive(Debug)]
pub(super) struct Opt<T> {
    pub(super) row: Row,
    value: PhantomData<fn() -> T>,
}

impl<T> Opt<T> {
    pub(super) const fn new(group: &'static str, name: &'static str, kind: Kind) -> Self {
        Self {
            row: Row {
                group,
                name,
                old: &[],
                kind,
                default: None,
                is_secret: false,
                help: "",
            },
            value: PhantomData,
        }
    }

    pub(super) const fn default(mut self, text: &'static str) -> Self {
        self.row.default = Some(text);
        self
    }

    pub(super) const fn old(mut self, names: &'static [(&'static str, &'static str)]) -> Self {
        self.row.old = names;
        self
    }

    pub(super) const fn secret(mut self) -> Self {
        self.row.is_secret = true;
        self
    }

    pub(super) const fn help(mut self, text: &'static str) -> Self {
        self.row.help = text;
        self
    }
}

/// Options of Glance that are accepted and have no effect: a section, why, and the names in it.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) group: &'static str,
    pub(super) reason: &'static str,
    pub(super) names: &'static [&'static str],
}

/// Declares options as statics and lists their rows in `ROWS`.
macro_rules! options {
    ($($name:ident: $type:ty = $option:expr;)+) => {
        $(pub(in crate::config) static $name: $crate::config::option::Opt<$type> = $option;)+

        /// The rows of this file, in the order of the sample.
        pub(in crate::config) static ROWS: &[&$crate::config::option::Row] = &[$(&$name.row),+];
    };
}
pub(super) use options;
