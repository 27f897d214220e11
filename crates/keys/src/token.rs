//! A token on its way from a request to the key manager.

use std::fmt;

/// The caller's token. It can be sent and not shown.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// Takes a token out of sight.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The token itself, for the request that carries it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}
