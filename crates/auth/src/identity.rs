//! Reads who calls from the headers that an authenticating proxy sets.
//!
//! The headers are those of keystonemiddleware's `auth_token`. They are believed blindly, so the caller of this module asks
//! [`TrustedSources`](crate::TrustedSources) first; a stranger who may set them is whoever he wants to be.

use thiserror::Error;

/// The request carries no confirmed identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the request is not authenticated")]
pub struct Unauthenticated;

/// What an authentication tells about a caller.
///
/// A field is `None` when it was not told; an empty header counts as not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user's id.
    pub user_id: Option<String>,
    /// The user's name, for logs and notifications only: names are not unique.
    pub user_name: Option<String>,
    /// The domain the user belongs to.
    pub user_domain_id: Option<String>,
    /// The project the token is scoped to.
    pub project_id: Option<String>,
    /// The project's name, for logs and notifications only.
    pub project_name: Option<String>,
    /// The domain the project belongs to.
    pub project_domain_id: Option<String>,
    /// The domain the token is scoped to, when it is scoped to no project.
    pub domain_id: Option<String>,
    /// `all` for a token scoped to the whole deployment.
    pub system_scope: Option<String>,
    /// The roles on whatever the token is scoped to.
    pub roles: Vec<String>,
    /// Whether the project is Keystone's administration project; true when not told.
    pub is_admin_project: bool,
    /// The user of the service that passes the request on.
    pub service_user_id: Option<String>,
    /// The domain of that user.
    pub service_user_domain_id: Option<String>,
    /// The project of that service.
    pub service_project_id: Option<String>,
    /// The domain of that project.
    pub service_project_domain_id: Option<String>,
    /// The roles of that service, empty unless its own token was confirmed.
    pub service_roles: Vec<String>,
}

impl Default for Identity {
    /// Nobody. `is_admin_project` is true as in oslo.context, where deployments without such a project are the rule.
    fn default() -> Self {
        Self {
            user_id: None,
            user_name: None,
            user_domain_id: None,
            project_id: None,
            project_name: None,
            project_domain_id: None,
            domain_id: None,
            system_scope: None,
            roles: Vec::new(),
            is_admin_project: true,
            service_user_id: None,
            service_user_domain_id: None,
            service_project_id: None,
            service_project_domain_id: None,
            service_roles: Vec::new(),
        }
    }
}

impl Identity {
    /// The identity in a request's headers; `header` looks one up by its name, whatever the case.
    pub fn from_headers<'h>(
        header: impl Fn(&str) -> Option<&'h str>,
    ) -> Result<Self, Unauthenticated> {
        if header("X-Identity-Status") != Some("Confirmed") {
            return Err(Unauthenticated);
        }
        let first = |names: &[&str]| {
            let text = names.iter().find_map(|name| header(name))?;
            (!text.is_empty()).then(|| text.to_owned())
        };
        let list = |names: &[&str]| {
            let text = names.iter().find_map(|name| header(name)).unwrap_or("");
            let roles = text.split(',').map(str::trim);
            roles
                .filter(|role| !role.is_empty())
                .map(String::from)
                .collect()
        };
        let mut identity = Self {
            user_id: first(&["X-User-Id", "X-User"]),
            user_name: first(&["X-User-Name"]),
            user_domain_id: first(&["X-User-Domain-Id"]),
            project_id: first(&["X-Project-Id", "X-Tenant-Id", "X-Tenant"]),
            project_name: first(&["X-Project-Name", "X-Tenant-Name"]),
            project_domain_id: first(&["X-Project-Domain-Id"]),
            domain_id: first(&["X-Domain-Id"]),
            system_scope: first(&["OpenStack-System-Scope"]),
            roles: list(&["X-Roles", "X-Role"]),
            is_admin_project: header("X-Is-Admin-Project")
                .is_none_or(|text| text.eq_ignore_ascii_case("true")),
            ..Self::default()
        };
        // The service speaks for itself with a second token. Unless that one was confirmed too, its roles are a claim.
        if header("X-Service-Identity-Status") == Some("Confirmed") {
            identity.service_user_id = first(&["X-Service-User-Id"]);
            identity.service_user_domain_id = first(&["X-Service-User-Domain-Id"]);
            identity.service_project_id = first(&["X-Service-Project-Id"]);
            identity.service_project_domain_id = first(&["X-Service-Project-Domain-Id"]);
            identity.service_roles = list(&["X-Service-Roles"]);
        }
        Ok(identity)
    }
}

#[cfg(test)]
mod tests {
    use super::{Identity, Unauthenticated};

    fn read(headers: &[(&str, &'static str)]) -> Result<Identity, Unauthenticated> {
        Identity::from_headers(|wanted| {
            let found = headers
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, text)| *text)
        })
    }

    #[test]
    fn only_a_confirmed_identity_counts() {
        let claim = ("X-User-Id", "mallory");
        assert_eq!(read(&[claim]), Err(Unauthenticated));
        for status in ["Invalid", "", "confirmed", "Confirmed, Invalid"] {
            assert_eq!(
                read(&[("X-Identity-Status", status), claim]),
                Err(Unauthenticated)
            );
        }
    }

    #[test]
    fn reads_the_whole_identity() {
        let identity = read(&[
            ("x-identity-status", "Confirmed"),
            ("X-User-Id", "u1"),
            ("X-User-Name", "alice"),
            ("X-User-Domain-Id", "ud"),
            ("X-Project-Id", "p1"),
            ("X-Project-Name", "shop"),
            ("X-Project-Domain-Id", "pd"),
            ("X-Roles", "Member, reader,,"),
            ("X-Is-Admin-Project", "False"),
            ("X-Service-Identity-Status", "Confirmed"),
            ("X-Service-User-Id", "nova"),
            ("X-Service-Roles", "service"),
            ("X-Auth-Token", "secret"),
        ])
        .unwrap();
        let expected = Identity {
            user_id: Some("u1".into()),
            user_name: Some("alice".into()),
            user_domain_id: Some("ud".into()),
            project_id: Some("p1".into()),
            project_name: Some("shop".into()),
            project_domain_id: Some("pd".into()),
            roles: vec!["Member".into(), "reader".into()],
            is_admin_project: false,
            service_user_id: Some("nova".into()),
            service_roles: vec!["service".into()],
            ..Identity::default()
        };
        assert_eq!(identity, expected);
    }

    #[test]
    fn an_unconfirmed_service_has_no_roles() {
        for status in [None, Some(("X-Service-Identity-Status", "Invalid"))] {
            let mut headers = vec![
                ("X-Identity-Status", "Confirmed"),
                ("X-Service-Roles", "service"),
            ];
            headers.extend(status);
            assert!(read(&headers).unwrap().service_roles.is_empty());
        }
    }

    #[test]
    fn old_header_names_still_work_and_new_ones_win() {
        let old = [
            ("X-Identity-Status", "Confirmed"),
            ("X-Tenant-Id", "old"),
            ("X-Tenant-Name", "shop"),
            ("X-Role", "reader"),
        ];
        let identity = read(&old).unwrap();
        assert_eq!(identity.project_id.as_deref(), Some("old"));
        assert_eq!(identity.project_name.as_deref(), Some("shop"));
        assert_eq!(identity.roles, ["reader"]);
        assert!(identity.is_admin_project);
        let mut both = old.to_vec();
        both.push(("X-Project-Id", "new"));
        assert_eq!(read(&both).unwrap().project_id.as_deref(), Some("new"));
    }

    #[test]
    fn empty_headers_tell_nothing() {
        let identity = read(&[("X-Identity-Status", "Confirmed"), ("X-Project-Id", "")]).unwrap();
        assert_eq!(identity, Identity::default());
    }
}
