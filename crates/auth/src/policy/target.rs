//! What rules can ask about the object of a request: named values, borrowed where possible.
//!
//! This module only holds and prints the values. Which object has which attributes is decided where the object is known.

use std::{borrow::Cow, fmt};

/// A value a rule can compare with. Rules compare texts, written as Python writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// Known to have no value; the text is `None`, unlike an attribute that is missing, which fails the check.
    Null,
    /// `True` or `False`.
    Flag(bool),
    /// In decimal.
    Number(i64),
    /// As it is.
    Text(Cow<'a, str>),
}

impl<'a> Value<'a> {
    pub(super) fn into_text(self) -> Cow<'a, str> {
        match self {
            Self::Null => Cow::Borrowed("None"),
            Self::Flag(true) => Cow::Borrowed("True"),
            Self::Flag(false) => Cow::Borrowed("False"),
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Text(text) => text,
        }
    }

    fn borrowed(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Flag(flag) => Value::Flag(*flag),
            Self::Number(number) => Value::Number(*number),
            Self::Text(text) => Value::Text(Cow::Borrowed(text)),
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// The object of a request as the rules see it: `%(name)s` in a rule is the attribute `name` here.
///
/// Compat: Glance gives these attributes, and operators' rules rely on them:
///
/// - an image that exists: every base attribute by its name in the API, `image_id` beside `id`, `project_id` for the owner,
///   `member` and `member_id` for the caller's project when the image is shared with it, and custom properties; base
///   attributes win over custom properties of the same name,
/// - an image to be created: `project_id` and `owner` (the caller's project unless told otherwise) and `visibility`,
/// - a metadata definition: `project_id` for the owner, and `visibility`; where there is none yet, the caller's
///   `project_id`,
/// - members: the image's, as above,
/// - the cache and discovery: nothing, or the image's, as above,
/// - tasks: nothing.
///
/// An attribute that is missing makes the check fail; one that is [`Value::Null`] reads `None`, which equals the
/// credential of a caller who has none.
#[derive(Default)]
pub struct Target<'a> {
    attributes: Vec<(Cow<'a, str>, Value<'a>)>,
    object: Option<Box<dyn Attributes + Send + Sync + 'a>>,
}

/// An object that is asked for its attributes one by one, as rules want them: most decisions about most images need none.
pub trait Attributes: fmt::Debug {
    /// The attribute under this name.
    fn attribute(&self, name: &str) -> Option<Value<'_>>;
}

impl fmt::Debug for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("attributes", &self.attributes)
            .field("object", &self.object)
            .finish()
    }
}

impl<'a> Target<'a> {
    /// No attributes, to be filled.
    pub fn new() -> Self {
        Self::default()
    }

    /// For actions whose object has no attributes.
    pub fn none() -> Self {
        Self::default()
    }

    /// With the attributes of an object.
    pub fn of(object: impl Attributes + Send + Sync + 'a) -> Self {
        Self {
            attributes: Vec::new(),
            object: Some(Box::new(object)),
        }
    }

    /// Adds an attribute; the last one given under a name wins.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Value<'a>>) -> Self {
        self.attributes.push((name.into(), value.into()));
        self
    }

    /// The attribute under this name.
    pub fn get(&self, name: &str) -> Option<Value<'_>> {
        let mut newest_first = self.attributes.iter().rev();
        newest_first
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.borrowed())
            .or_else(|| self.object.as_ref()?.attribute(name))
    }
}

#[cfg(test)]
mod tests {
    use super::{Attributes, Target, Value};

    #[test]
    fn the_last_value_under_a_name_wins() {
        let target = Target::new().with("owner", "a").with("owner", "b");
        assert_eq!(target.get("owner"), Some(Value::from("b")));
        assert_eq!(target.get("Owner"), None);
    }

    #[test]
    fn values_read_as_python_writes_them() {
        let text = |value: Value<'_>| value.into_text().into_owned();
        assert_eq!(text(Value::from(None::<&str>)), "None");
        assert_eq!(text(Value::from(Some("p"))), "p");
        assert_eq!(text(Value::from(true)), "True");
        assert_eq!(text(Value::from(false)), "False");
        assert_eq!(text(Value::from(-7)), "-7");
    }

    #[derive(Debug)]
    struct Named(String);

    impl Attributes for Named {
        fn attribute(&self, name: &str) -> Option<Value<'_>> {
            (name == "name").then(|| Value::from(&self.0))
        }
    }

    #[test]
    fn an_object_is_asked_for_what_was_not_said() {
        let target = Target::of(Named("a".to_owned())).with("owner", "p");
        assert_eq!(target.get("name"), Some(Value::from("a")));
        assert_eq!(target.get("owner"), Some(Value::from("p")));
        assert_eq!(target.get("size"), None);
        let said = Target::of(Named("a".to_owned())).with("name", "b");
        assert_eq!(said.get("name"), Some(Value::from("b")));
    }
}
