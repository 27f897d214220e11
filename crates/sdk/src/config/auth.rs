//! Turns merged options into a way to authenticate.

use super::merge::Merged;
use crate::{Error, Result, Secret};

/// How requests are authenticated.
#[derive(Debug, Clone)]
pub enum AuthMethod {
    /// Not at all.
    None {
        /// The image endpoint.
        endpoint: Option<String>,
    },
    /// With a token that is already there; it cannot be renewed.
    AdminToken {
        /// The image endpoint.
        endpoint: Option<String>,
        /// The token.
        token: Secret,
    },
    /// With a name and password in every request.
    HttpBasic {
        /// The image endpoint.
        endpoint: Option<String>,
        /// The name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// With tokens of the Identity service, in whose catalog the image endpoint is found.
    Identity(Box<IdentityAuth>),
}

/// What the Identity service is asked for.
#[derive(Debug, Clone)]
pub struct IdentityAuth {
    /// Where it is, with or without its version.
    pub auth_url: String,
    /// Who asks.
    pub user: UserRef,
    /// For what.
    pub scope: Scope,
}

/// Who asks the Identity service, and the proof.
#[derive(Debug, Clone)]
pub enum UserRef {
    /// A user with a password.
    Password {
        /// The user.
        user: Named,
        /// The password; `None` until it has been asked for.
        password: Option<Secret>,
    },
    /// Whoever has this token.
    Token(Secret),
    /// An application credential, named by its id, or by its name and its user.
    ApplicationCredential {
        /// Its id.
        id: Option<String>,
        /// Its name.
        name: Option<String>,
        /// The user it belongs to; needed with a name.
        user: Option<Named>,
        /// Its secret.
        secret: Secret,
    },
}

/// A user, project or domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// By id, which is unique.
    Id(String),
    /// By name, which is unique in a domain.
    Name {
        /// The name.
        name: String,
        /// The domain; domains have none.
        domain: Option<Box<Named>>,
    },
}

/// What a token is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// What the credential itself says, or the user's default project.
    Default,
    /// Nothing, explicitly.
    Unscoped,
    /// A project.
    Project(Named),
    /// A domain.
    Domain(Named),
    /// The whole deployment.
    System,
    /// What a trust delegates.
    Trust(String),
}

/// The domain for names without one. Compat: osc-lib's `--os-default-domain`.
const DEFAULT_DOMAIN: &str = "default";

/// Compat: the types keystoneauth has and this crate does not are refused by name, so that nobody is signed in in another
/// way than the one asked for.
pub(super) fn method(cloud: &Merged) -> Result<AuthMethod> {
    let endpoint = || {
        cloud
            .get("endpoint")
            .or_else(|| cloud.get("image_endpoint_override"))
    };
    let auth_type = cloud
        .get("auth_type")
        .unwrap_or_else(|| default_type(cloud).to_owned());
    match auth_type.as_str() {
        "none" | "None" => Ok(AuthMethod::None {
            endpoint: endpoint(),
        }),
        "admin_token" | "token_endpoint" => {
            let token = cloud
                .get("token")
                .ok_or_else(|| missing(cloud, [Some(TOKEN)]))?;
            Ok(AuthMethod::AdminToken {
                endpoint: endpoint(),
                token: token.into(),
            })
        }
        "http_basic" => Ok(AuthMethod::HttpBasic {
            endpoint: endpoint(),
            username: cloud.get("username").unwrap_or_default(),
            password: cloud.get("password").unwrap_or_default().into(),
        }),
        "password" | "v3password" => {
            let user = user(cloud);
            let auth_url = cloud.get("auth_url");
            match (user, auth_url) {
                (Some(user), Some(auth_url)) => Ok(identity(
                    auth_url,
                    UserRef::Password {
                        user,
                        password: cloud.get("password").map(Secret::from),
                    },
                    scope(cloud)?,
                )),
                (user, auth_url) => Err(missing(
                    cloud,
                    [
                        user.is_none().then_some(USER),
                        auth_url.is_none().then_some(AUTH_URL),
                    ],
                )),
            }
        }
        "token" | "v3token" => match (cloud.get("auth_url"), cloud.get("token")) {
            (Some(auth_url), Some(token)) => Ok(identity(
                auth_url,
                UserRef::Token(token.into()),
                scope(cloud)?,
            )),
            (auth_url, token) => Err(missing(
                cloud,
                [
                    auth_url.is_none().then_some(AUTH_URL),
                    token.is_none().then_some(TOKEN),
                ],
            )),
        },
        "v3applicationcredential" => application_credential(cloud),
        other => Err(Error::Config(format!(
            "The auth type {other} is not supported. Supported are admin_token, http_basic, none, password, token, \
             v3applicationcredential, v3password, v3token."
        ))),
    }
}

const USER: &str = "Set a username with --os-username, OS_USERNAME, or auth.username or set a user-id with --os-user-id, \
                    OS_USER_ID, or auth.user_id";
const AUTH_URL: &str =
    "Set an authentication URL, with --os-auth-url, OS_AUTH_URL or auth.auth_url";
const TOKEN: &str = "Set a token with --os-token, OS_TOKEN or auth.token";
const CREDENTIAL: &str = "Set an application credential with --os-application-credential-id, \
                          OS_APPLICATION_CREDENTIAL_ID or auth.application_credential_id";
const CREDENTIAL_SECRET: &str = "Set its secret with --os-application-credential-secret, \
                                 OS_APPLICATION_CREDENTIAL_SECRET or auth.application_credential_secret";

/// Compat: openstackclient's choice where no type is given.
fn default_type(cloud: &Merged) -> &'static str {
    if cloud.get("endpoint").is_some() && cloud.get("token").is_some() {
        "admin_token"
    } else {
        "password"
    }
}

fn missing(cloud: &Merged, hints: impl IntoIterator<Item = Option<&'static str>>) -> Error {
    let hints = if cloud.has_auth() {
        hints.into_iter().flatten().map(str::to_owned).collect()
    } else {
        vec!["Set a cloud-name with --os-cloud or OS_CLOUD".to_owned()]
    };
    Error::MissingParameters(hints)
}

fn identity(auth_url: String, user: UserRef, scope: Scope) -> AuthMethod {
    AuthMethod::Identity(Box::new(IdentityAuth {
        auth_url,
        user,
        scope,
    }))
}

fn application_credential(cloud: &Merged) -> Result<AuthMethod> {
    let auth_url = cloud.get("auth_url");
    let id = cloud.get("application_credential_id");
    let name = cloud.get("application_credential_name");
    let secret = cloud.get("application_credential_secret");
    match (auth_url, secret) {
        (Some(auth_url), Some(secret)) if id.is_some() || name.is_some() => Ok(identity(
            auth_url,
            UserRef::ApplicationCredential {
                id,
                name,
                user: user(cloud),
                secret: secret.into(),
            },
            // Keystone refuses a scope here: the credential has its own.
            Scope::Default,
        )),
        (auth_url, secret) => Err(missing(
            cloud,
            [
                auth_url.is_none().then_some(AUTH_URL),
                (id.is_none() && name.is_none()).then_some(CREDENTIAL),
                secret.is_none().then_some(CREDENTIAL_SECRET),
            ],
        )),
    }
}

fn user(cloud: &Merged) -> Option<Named> {
    named(cloud, "user_id", "username", "user_domain")
}

fn named(cloud: &Merged, id_key: &str, name_key: &str, domain_key: &str) -> Option<Named> {
    if let Some(id) = cloud.get(id_key) {
        return Some(Named::Id(id));
    }
    let name = cloud.get(name_key)?;
    Some(Named::Name {
        name,
        domain: Some(Box::new(domain_of(cloud, domain_key))),
    })
}

/// The domain a name is in.
///
/// Compat: with a project scope `domain_id` stands for both domains (openstacksdk). Unlike osc-lib, the default domain
/// applies without `identity_api_version: 3`: there is no other version left, and a name without a domain is only refused.
fn domain_of(cloud: &Merged, key: &str) -> Named {
    let for_all = |suffix: &str| {
        is_project_scoped(cloud)
            .then(|| cloud.get(&format!("domain_{suffix}")))
            .flatten()
    };
    let id = cloud.get(&format!("{key}_id"));
    let name = cloud.get(&format!("{key}_name"));
    match (id, name) {
        (Some(id), _) => Named::Id(id),
        (None, Some(name)) => Named::Name { name, domain: None },
        (None, None) => {
            let id = for_all("id").or_else(|| cloud.get("default_domain_id"));
            let name = for_all("name").or_else(|| cloud.get("default_domain_name"));
            match (id, name) {
                (Some(id), _) => Named::Id(id),
                (None, Some(name)) => Named::Name { name, domain: None },
                (None, None) => Named::Id(
                    cloud
                        .get("default_domain")
                        .unwrap_or_else(|| DEFAULT_DOMAIN.to_owned()),
                ),
            }
        }
    }
}

fn is_project_scoped(cloud: &Merged) -> bool {
    cloud.get("project_id").is_some() || cloud.get("project_name").is_some()
}

fn scope(cloud: &Merged) -> Result<Scope> {
    let project = named(cloud, "project_id", "project_name", "project_domain").map(Scope::Project);
    let domain = match (cloud.get("domain_id"), cloud.get("domain_name")) {
        _ if project.is_some() => None,
        (Some(id), _) => Some(Scope::Domain(Named::Id(id))),
        (None, Some(name)) => Some(Scope::Domain(Named::Name { name, domain: None })),
        (None, None) => None,
    };
    let system = match cloud.get("system_scope").as_deref() {
        None => None,
        Some("all") => Some(Scope::System),
        Some(other) => {
            return Err(Error::Config(format!(
                "the system scope must be `all`, not `{other}`"
            )));
        }
    };
    let trust = cloud.get("trust_id").map(Scope::Trust);
    let mut scopes = [project, domain, system, trust].into_iter().flatten();
    match (scopes.next(), scopes.next()) {
        (scope, None) => Ok(scope.unwrap_or(Scope::Default)),
        (_, Some(_)) => Err(Error::Config(
            "Authentication cannot be scoped to multiple targets. Pick one of: project, domain, trust, system or \
             unscoped"
                .to_owned(),
        )),
    }
}
