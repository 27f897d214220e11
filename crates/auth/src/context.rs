//! Who asks: one value per request, built once at the edge and only borrowed afterwards.
//!
//! Nothing here decides anything. Whether a context is an administrator is the policy's word
//! ([`Policy::is_admin`](crate::Policy::is_admin)), stored here so that queries need not ask again.

use uuid::Uuid;

use crate::identity::Identity;

/// What a caller's authority spans, as Keystone scoped the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One project, or nothing at all.
    Project,
    /// A domain and not a project in it.
    Domain,
    /// The whole deployment.
    System,
}

/// Who asks, on whose behalf, with which roles, under which request id.
#[derive(Debug, Clone)]
pub struct Context {
    identity: Identity,
    worker: Option<String>,
    is_admin: bool,
    read_only: bool,
    request_id: String,
    global_request_id: Option<String>,
}

/// A fresh request id in the form every OpenStack service uses: `req-` and a UUID.
pub fn new_request_id() -> String {
    format!("req-{}", Uuid::new_v4())
}

impl Context {
    /// The caller of a server that runs without authentication: an administrator without user and project.
    // Compat: Glance sets `is_admin` and no role at all, so that since 33 its default rules refuse nearly everything to such
    // a caller. Here the administrator has the roles Keystone gives one (`member` and `reader` are implied by `admin`).
    pub fn unauthenticated_admin(request_id: impl Into<String>) -> Self {
        Self {
            identity: admin_identity(),
            worker: None,
            is_admin: true,
            read_only: false,
            request_id: request_id.into(),
            global_request_id: None,
        }
    }

    /// A caller without credentials where anonymous access is allowed: no roles, and nothing may change.
    pub fn anonymous(request_id: impl Into<String>) -> Self {
        Self {
            identity: Identity::default(),
            worker: None,
            is_admin: false,
            read_only: true,
            request_id: request_id.into(),
            global_request_id: None,
        }
    }

    /// The service itself, working in the background under a request id of its own; `name` tells log lines apart.
    pub fn worker(name: impl Into<String>) -> Self {
        Self {
            worker: Some(name.into()),
            ..Self::unauthenticated_admin(new_request_id())
        }
    }

    /// A caller whom someone trustworthy has authenticated.
    ///
    /// It is no administrator yet: ask [`Policy::is_admin`](crate::Policy::is_admin) and set
    /// [`with_is_admin`](Self::with_is_admin), or do both with [`Policy::admit`](crate::Policy::admit).
    pub fn from_identity(mut identity: Identity, request_id: impl Into<String>) -> Self {
        // Compat: Glance compares roles in lower case, and so does `role:` in oslo.policy. Service roles keep their case.
        for role in &mut identity.roles {
            *role = role.to_lowercase();
        }
        Self {
            identity,
            worker: None,
            is_admin: false,
            read_only: false,
            request_id: request_id.into(),
            global_request_id: None,
        }
    }

    /// The same caller with the policy's verdict on being an administrator.
    #[must_use]
    pub fn with_is_admin(self, is_admin: bool) -> Self {
        Self { is_admin, ..self }
    }

    /// The same caller with the id that another service gave the request this one belongs to.
    #[must_use]
    pub fn with_global_request_id(self, id: Option<String>) -> Self {
        Self {
            global_request_id: id,
            ..self
        }
    }

    /// `None` without authentication and for workers.
    pub fn user_id(&self) -> Option<&str> {
        self.identity.user_id.as_deref()
    }

    /// The project on whose behalf the caller acts, which owns what the caller creates.
    pub fn project_id(&self) -> Option<&str> {
        self.identity.project_id.as_deref()
    }

    /// In lower case.
    pub fn roles(&self) -> &[String] {
        &self.identity.roles
    }

    /// Roles of the service that passes a user's request on, in the case they came in.
    pub fn service_roles(&self) -> &[String] {
        &self.identity.service_roles
    }

    /// Names, domains and the rest of what the authentication told.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Sees and changes the images of every project.
    pub fn is_admin(&self) -> bool {
        self.is_admin
    }

    /// Set for anonymous callers only.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Stands in the answer's header and in every log line of the request.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Connects the log lines of several services that worked on one request.
    pub fn global_request_id(&self) -> Option<&str> {
        self.global_request_id.as_deref()
    }

    /// The background worker that acts, if it is one.
    pub fn worker_name(&self) -> Option<&str> {
        self.worker.as_deref()
    }

    /// A system scope wins over a domain, a domain over a project, as in oslo.policy.
    pub fn scope(&self) -> Scope {
        let is_set = |field: &Option<String>| field.as_deref().is_some_and(|text| !text.is_empty());
        if is_set(&self.identity.system_scope) {
            Scope::System
        } else if is_set(&self.identity.domain_id) {
            Scope::Domain
        } else {
            Scope::Project
        }
    }
}

fn admin_identity() -> Identity {
    Identity {
        roles: ["admin", "member", "reader"].map(String::from).to_vec(),
        ..Identity::default()
    }
}

#[cfg(test)]
mod tests {
    use super::{Context, Scope, new_request_id};
    use crate::Identity;

    #[test]
    fn roles_are_lower_case_and_service_roles_are_kept() {
        let identity = Identity {
            roles: vec!["Admin".into(), "MEMBER".into()],
            service_roles: vec!["Service".into()],
            ..Identity::default()
        };
        let ctx = Context::from_identity(identity, "req-1");
        assert_eq!(ctx.roles(), ["admin", "member"]);
        assert_eq!(ctx.service_roles(), ["Service"]);
        assert!(!ctx.is_admin());
    }

    #[test]
    fn the_widest_scope_wins() {
        let scope_of = |system: Option<&str>, domain: Option<&str>| {
            let identity = Identity {
                project_id: Some("p".into()),
                system_scope: system.map(String::from),
                domain_id: domain.map(String::from),
                ..Identity::default()
            };
            Context::from_identity(identity, "req-1").scope()
        };
        assert_eq!(scope_of(Some("all"), Some("d")), Scope::System);
        assert_eq!(scope_of(None, Some("d")), Scope::Domain);
        assert_eq!(scope_of(Some(""), Some("")), Scope::Project);
    }

    #[test]
    fn workers_are_told_apart_and_have_their_own_request() {
        let (first, second) = (Context::worker("pruner"), Context::worker("pruner"));
        assert_eq!(first.worker_name(), Some("pruner"));
        assert!(first.is_admin());
        assert_ne!(first.request_id(), second.request_id());
        assert_eq!(new_request_id().len(), 40);
    }
}
