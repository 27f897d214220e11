//! What a caller proved himself with, kept to ask another server in his name.
//!
//! None of it is read here to decide anything: [`Identity`](crate::Identity) and [`Context`](crate::Context) do that. It
//! holds a secret, so it can be sent but not shown.

use std::fmt;

use crate::catalog::{CatalogError, image_endpoint};

/// Who the caller is, as headers tell it: what a node behind the same authenticating proxy needs to be told.
const IDENTITY_HEADERS: &[&str] = &[
    "X-Identity-Status",
    "X-User-Id",
    "X-User-Name",
    "X-User-Domain-Id",
    "X-User-Domain-Name",
    "X-User",
    "X-Project-Id",
    "X-Project-Name",
    "X-Project-Domain-Id",
    "X-Project-Domain-Name",
    "X-Tenant-Id",
    "X-Tenant-Name",
    "X-Tenant",
    "X-Domain-Id",
    "X-Domain-Name",
    "X-Roles",
    "X-Role",
    "X-Is-Admin-Project",
    "OpenStack-System-Scope",
    "X-Service-Identity-Status",
    "X-Service-User-Id",
    "X-Service-User-Name",
    "X-Service-User-Domain-Id",
    "X-Service-User-Domain-Name",
    "X-Service-Project-Id",
    "X-Service-Project-Name",
    "X-Service-Project-Domain-Id",
    "X-Service-Project-Domain-Name",
    "X-Service-Roles",
];

/// Set on what one node asks another, so that it is not passed on a second time.
const RELAYED: &str = "X-Vidimus-Relayed";

/// What came with a request and goes along when another server is asked in the caller's name.
#[derive(Clone, Default)]
pub struct Credentials {
    token: Option<String>,
    service_token: Option<String>,
    catalog: Option<String>,
    identity: Vec<(&'static str, String)>,
    is_relayed: bool,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("has_token", &self.token.is_some())
            .field("has_catalog", &self.catalog.is_some())
            .field("is_relayed", &self.is_relayed)
            .finish_non_exhaustive()
    }
}

impl Credentials {
    /// The credentials in a request's headers; `header` looks one up by its name, whatever the case.
    pub fn from_headers<'h>(header: impl Fn(&str) -> Option<&'h str>) -> Self {
        let text = |name: &str| {
            header(name)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let identity = IDENTITY_HEADERS
            .iter()
            .filter_map(|name| Some((*name, text(name)?)));
        Self {
            token: text("X-Auth-Token"),
            service_token: text("X-Service-Token"),
            catalog: text("X-Service-Catalog"),
            identity: identity.collect(),
            is_relayed: header(RELAYED).is_some(),
        }
    }

    /// The caller's token.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Whether another node passed the request on to this one.
    pub fn is_relayed(&self) -> bool {
        self.is_relayed
    }

    /// Where the caller's service catalog says that the images of a region are; `interface` is `public`, `internal`
    /// or `admin`.
    pub fn image_endpoint(&self, region: &str, interface: &str) -> Result<String, CatalogError> {
        let catalog = self.catalog.as_deref().ok_or(CatalogError::Missing)?;
        image_endpoint(catalog, region, interface)
    }

    /// The headers that another node of this site is asked with.
    pub fn relay_headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let tokens = [
            ("X-Auth-Token", &self.token),
            ("X-Service-Token", &self.service_token),
        ];
        tokens
            .into_iter()
            .filter_map(|(name, token)| Some((name, token.as_deref()?)))
            .chain(
                self.identity
                    .iter()
                    .map(|(name, value)| (*name, value.as_str())),
            )
            .chain([(RELAYED, "true")])
    }
}

#[cfg(test)]
mod tests {
    use super::Credentials;

    fn read(headers: &[(&str, &'static str)]) -> Credentials {
        Credentials::from_headers(|wanted| {
            let found = headers
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, text)| *text)
        })
    }

    #[test]
    fn what_is_passed_on_is_who_calls_and_that_it_was_passed_on() {
        let given = read(&[
            ("x-auth-token", "secret"),
            ("x-project-id", "p1"),
            ("x-roles", "member"),
            ("x-service-catalog", "[]"),
            ("cookie", "c"),
            ("x-user-name", ""),
        ]);
        let sent: Vec<_> = given.relay_headers().collect();
        assert_eq!(
            sent,
            [
                ("X-Auth-Token", "secret"),
                ("X-Project-Id", "p1"),
                ("X-Roles", "member"),
                ("X-Vidimus-Relayed", "true"),
            ]
        );
        assert!(!given.is_relayed());
        assert!(read(&[("x-vidimus-relayed", "true")]).is_relayed());
    }

    #[test]
    fn secrets_are_not_shown() {
        let given = read(&[
            ("x-auth-token", "secret-1"),
            ("x-service-token", "secret-2"),
            ("x-user-id", "secret-3"),
            ("x-service-catalog", "secret-4"),
        ]);
        assert!(!format!("{given:?}").contains("secret"));
    }
}
