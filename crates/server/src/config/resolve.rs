//! From an option to its value: look up, substitute, convert.

use std::{collections::HashMap, path::PathBuf, time::Duration};

use super::{
    error::{ConfigError, OptionName, Origin},
    kind::{Kind, Value},
    option::{Opt, Row},
    secret::Secret,
    sources::{Found, Sources},
    substitute,
};

/// Answers what the value of an option is.
#[derive(Debug)]
pub(super) struct Resolver<'a> {
    sources: &'a Sources,
    /// What `$name` can refer to, by section and name.
    rows: HashMap<(String, &'static str), &'a Row>,
}

/// A value and where it comes from.
#[derive(Debug)]
pub(super) struct Resolved<T> {
    pub(super) value: T,
    pub(super) origin: Origin,
}

impl<'a> Resolver<'a> {
    pub(super) fn new<'r: 'a>(
        sources: &'a Sources,
        rows: impl IntoIterator<Item = &'r Row>,
    ) -> Self {
        let rows = rows
            .into_iter()
            .map(|row| ((row.group.to_owned(), row.name), row))
            .collect();
        Self { sources, rows }
    }

    /// Makes the options of a store's type known under the store's own section.
    pub(super) fn add_group<'r: 'a>(
        &mut self,
        group: &str,
        rows: impl IntoIterator<Item = &'r Row>,
    ) {
        for row in rows {
            self.rows.insert((group.to_owned(), row.name), row);
        }
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = (&str, &'a Row)> {
        self.rows
            .iter()
            .map(|((group, _), row)| (group.as_str(), *row))
    }

    /// The value of an option.
    pub(super) fn get<T: FromValue>(&self, option: &Opt<T>) -> Result<T, ConfigError> {
        Ok(self.resolve(option)?.value)
    }

    /// The value of an option and where it comes from.
    pub(super) fn resolve<T: FromValue>(
        &self,
        option: &Opt<T>,
    ) -> Result<Resolved<T>, ConfigError> {
        self.resolve_in(&[option.row.group], option)
    }

    /// The value in the first of `groups` that sets it, else the default.
    pub(super) fn resolve_in<T: FromValue>(
        &self,
        groups: &[&str],
        option: &Opt<T>,
    ) -> Result<Resolved<T>, ConfigError> {
        let row = &option.row;
        let group = groups.first().copied().unwrap_or(row.group);
        for group in groups {
            if let Some(found) = self.find(group, row) {
                let value = self.convert(group, row, &found, &mut Vec::new())?;
                return typed(group, row, value, &found);
            }
        }
        let (value, found) = self.default(group, row, &mut Vec::new())?;
        typed(group, row, value, &found)
    }

    /// Whether anybody set the option.
    pub(super) fn is_set(&self, group: &str, row: &Row) -> bool {
        self.find(group, row).is_some()
    }

    fn find(&self, group: &str, row: &Row) -> Option<Found> {
        let mut names = vec![(group, row.name)];
        names.extend_from_slice(row.old);
        self.sources.find(&names, row.kind == Kind::MultiStr)
    }

    /// The value with references followed. `trail` holds the options whose values are being worked out.
    pub(super) fn value(
        &self,
        group: &str,
        row: &Row,
        trail: &mut Vec<OptionName>,
    ) -> Result<Value, ConfigError> {
        match self.find(group, row) {
            Some(found) => self.convert(group, row, &found, trail),
            None => Ok(self.default(group, row, trail)?.0),
        }
    }

    fn default(
        &self,
        group: &str,
        row: &Row,
        trail: &mut Vec<OptionName>,
    ) -> Result<(Value, Found), ConfigError> {
        let found = Found {
            texts: row.default.map(str::to_owned).into_iter().collect(),
            origin: Origin::Default,
        };
        let value = match row.default {
            Some(_) => self.convert(group, row, &found, trail)?,
            None => Value::None,
        };
        Ok((value, found))
    }

    fn convert(
        &self,
        group: &str,
        row: &Row,
        found: &Found,
        trail: &mut Vec<OptionName>,
    ) -> Result<Value, ConfigError> {
        let option = OptionName::new(group, row.name);
        trail.push(option);
        let mut values = Vec::new();
        for text in &found.texts {
            let text = substitute::substitute(text, |reference| {
                self.reference(group, row, &found.origin, reference, trail)
            })?;
            let value = row.kind.parse(&text);
            values.push(value.ok_or_else(|| bad_value(group, row, &found.origin, &text))?);
        }
        trail.pop();
        Ok(match row.kind {
            Kind::MultiStr => Value::List(values),
            _ => values.pop().unwrap_or(Value::None),
        })
    }

    /// What `$reference` in a value of `group` stands for.
    ///
    /// Compat: `$name` is looked for in the section of the value and then in `[DEFAULT]`; `$group.name` says it itself.
    fn reference(
        &self,
        group: &str,
        row: &Row,
        origin: &Origin,
        reference: &str,
        trail: &mut Vec<OptionName>,
    ) -> Result<String, ConfigError> {
        let wrong = |problem| ConfigError::BadReference {
            origin: origin.clone(),
            option: OptionName::new(group, row.name),
            reference: reference.to_owned(),
            problem,
        };
        let places = match reference.split_once('.') {
            Some(place) => vec![place],
            None => vec![(group, reference), ("DEFAULT", reference)],
        };
        let known = places.into_iter().find_map(|(group, name)| {
            let ((group, _), row) = self
                .rows
                .iter()
                .find(|((known, _), row)| known == group && row.name == name)?;
            Some((group, *row))
        });
        let (group, target) = known.ok_or_else(|| wrong("is not an option"))?;
        if trail.contains(&OptionName::new(group, target.name)) {
            return Err(wrong("leads back to this value"));
        }
        if target.is_secret && !row.is_secret {
            return Err(wrong("is secret, and this option is not"));
        }
        Ok(self.value(group, target, trail)?.to_text())
    }
}

fn bad_value(group: &str, row: &Row, origin: &Origin, text: &str) -> ConfigError {
    ConfigError::BadValue {
        origin: origin.clone(),
        option: OptionName::new(group, row.name),
        found: if row.is_secret {
            "a secret of another form".to_owned()
        } else {
            format!("`{}`", text.chars().take(200).collect::<String>())
        },
        allowed: row.kind.allowed(),
    }
}

fn typed<T: FromValue>(
    group: &str,
    row: &Row,
    value: Value,
    found: &Found,
) -> Result<Resolved<T>, ConfigError> {
    let mut value = value;
    // An empty number is as good as none.
    if value == Value::None
        && let Some(default) = row.default
    {
        value = row.kind.parse(default).unwrap_or(Value::None);
    }
    let text = found.texts.join(", ");
    let value = T::from_value(value).ok_or_else(|| bad_value(group, row, &found.origin, &text))?;
    Ok(Resolved {
        value,
        origin: found.origin.clone(),
    })
}

/// A type a field of the settings can have.
pub(super) trait FromValue: Sized {
    /// `None` when the value does not fit the type.
    fn from_value(value: Value) -> Option<Self>;
}

impl FromValue for String {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }
}

impl FromValue for Secret {
    fn from_value(value: Value) -> Option<Self> {
        String::from_value(value).map(Self::new)
    }
}

impl FromValue for PathBuf {
    fn from_value(value: Value) -> Option<Self> {
        String::from_value(value).map(Self::from)
    }
}

impl FromValue for bool {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Bool(is_on) => Some(is_on),
            _ => None,
        }
    }
}

impl FromValue for Duration {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Float(seconds) => Self::try_from_secs_f64(seconds).ok(),
            other => u64::from_value(other).map(Self::from_secs),
        }
    }
}

macro_rules! from_int {
    ($($type:ty),+) => {$(
        impl FromValue for $type {
            fn from_value(value: Value) -> Option<Self> {
                match value {
                    Value::Int(number) => number.try_into().ok(),
                    _ => None,
                }
            }
        }
    )+};
}
from_int!(i64, u64, u32, u16);

impl FromValue for Vec<String> {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::List(items) => items.into_iter().map(String::from_value).collect(),
            Value::None => Some(Self::new()),
            _ => None,
        }
    }
}

impl FromValue for Vec<(String, String)> {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Dict(pairs) => Some(pairs),
            Value::None => Some(Self::new()),
            _ => None,
        }
    }
}

/// Unset, or for a text also empty: templates often leave `option =` behind.
impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::None => Some(None),
            Value::Str(text) if text.is_empty() => Some(None),
            other => T::from_value(other).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_secret_of_another_form_is_not_shown() {
        static PIN: Opt<Option<u64>> = Opt::new("door", "pin", Kind::INT).secret();
        let mut sources = Sources::default();
        sources
            .add_text(Path::new("x.conf"), "[door]\npin = SESAME\n")
            .unwrap();
        let resolver = Resolver::new(&sources, [&PIN.row]);
        let refused = resolver.get(&PIN).unwrap_err();
        assert!(!format!("{refused} {refused:?}").contains("SESAME"));
        assert!(refused.to_string().contains("x.conf:2"), "{refused}");
    }
}
