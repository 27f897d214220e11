//! What stops the start, and what is only worth a warning.

use std::{fmt, io, path::PathBuf};

use thiserror::Error;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A configuration file.
    File {
        /// Its path as it was given.
        path: PathBuf,
        /// The line of the assignment, from 1.
        line: usize,
    },
    /// An environment variable of this name.
    Environment(String),
    /// Nobody set it.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// An option by section and name, as messages show it: `[DEFAULT] bind_host`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionName(String);

impl OptionName {
    pub(super) fn new(group: &str, name: &str) -> Self {
        Self(format!("[{group}] {name}"))
    }
}

impl fmt::Display for OptionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why the configuration cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A file or folder that was named cannot be read.
    #[error("`{path}` cannot be read")]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// A line is no section, assignment, continuation or comment.
    #[error("{origin}: {problem}")]
    Syntax {
        /// The line.
        origin: Origin,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A value is not of the option's type or out of its bounds.
    #[error("{origin}: `{option}` is {found}, but must be {allowed}")]
    BadValue {
        /// Where the value stands.
        origin: Origin,
        /// Whose value it is.
        option: OptionName,
        /// The value in backticks; for a secret, only that it is one.
        found: String,
        /// What would be accepted.
        allowed: String,
    },
    /// A `$name` in a value names no option, or leads back to itself.
    #[error("{origin}: `{option}` refers to `${reference}`, which {problem}")]
    BadReference {
        /// Where the value stands.
        origin: Origin,
        /// Whose value it is.
        option: OptionName,
        /// The name after the dollar.
        reference: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Each value is fine alone, together they are not.
    #[error("{origin}: `{option}`: {problem}")]
    Conflict {
        /// Where the value stands that should probably change.
        origin: Origin,
        /// The option to look at.
        option: OptionName,
        /// What does not fit.
        problem: String,
    },
}

/// Something in the configuration that will not do what its author meant. Never stops the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// A known option of Glance that has no effect here.
    NotActedOn {
        /// Where it is set first.
        origin: Origin,
        /// The option.
        option: OptionName,
        /// Why it has none.
        reason: &'static str,
    },
    /// An option nobody knows.
    UnknownOption {
        /// Where it is set first.
        origin: Origin,
        /// The option.
        option: OptionName,
        /// The known option of the same section that looks most like it.
        nearest: Option<String>,
    },
    /// A section nobody knows.
    UnknownSection {
        /// Its first option.
        origin: Origin,
        /// The section.
        group: String,
        /// The known section that looks most like it.
        nearest: Option<String>,
    },
    /// An option was set by a name it had in the past.
    OldName {
        /// Where it is set first.
        origin: Origin,
        /// The old name.
        option: OptionName,
        /// Today's name.
        current: OptionName,
    },
    /// A store is configured whose type is not built in. Its images cannot be read.
    UnsupportedStore {
        /// Where the stores are listed.
        origin: Origin,
        /// The store.
        store: String,
        /// Its type.
        kind: String,
    },
    /// Notifications are to go to a message bus, which is not built in.
    UnsupportedNotificationDriver {
        /// Where the drivers are listed.
        origin: Origin,
        /// The driver.
        driver: String,
    },
    /// Nothing here can ask this key manager.
    UnsupportedKeyManager {
        /// Where it is named.
        origin: Origin,
        /// Its name.
        backend: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hint = |nearest: &Option<String>| match nearest {
            Some(name) => format!("; did you mean `{name}`?"),
            None => String::new(),
        };
        match self {
            Self::NotActedOn {
                origin,
                option,
                reason,
            } => write!(f, "{origin}: `{option}` has no effect: {reason}"),
            Self::UnknownOption {
                origin,
                option,
                nearest,
            } => write!(f, "{origin}: `{option}` is not known{}", hint(nearest)),
            Self::UnknownSection {
                origin,
                group,
                nearest,
            } => write!(
                f,
                "{origin}: section `[{group}]` is not known{}",
                hint(nearest)
            ),
            Self::OldName {
                origin,
                option,
                current,
            } => write!(f, "{origin}: `{option}` is now called `{current}`"),
            Self::UnsupportedStore {
                origin,
                store,
                kind,
            } => write!(
                f,
                "{origin}: store `{store}` is left out: its type `{kind}` is not built in"
            ),
            Self::UnsupportedNotificationDriver { origin, driver } => write!(
                f,
                "{origin}: `{driver}` sends no notifications: no message bus is built in, `driver = log` writes them to the log"
            ),
            Self::UnsupportedKeyManager { origin, backend } => write!(
                f,
                "{origin}: `{backend}` is no key manager that is built in, only `barbican` is: signed images will be refused"
            ),
        }
    }
}
