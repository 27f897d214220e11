//! The global options, one row each. How they are read is in `globals`.

/// What an option does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Version,
    Verbose,
    Quiet,
    Help,
    Debug,
    Timing,
    LogFile,
    Verify,
    Insecure,
    /// Accepted, without meaning here.
    IgnoredFlag,
    /// Accepted with its value, without meaning here.
    IgnoredValue,
    /// Goes to the configuration under this name.
    Config(&'static str),
}

impl Kind {
    pub(super) fn takes_value(self) -> bool {
        matches!(self, Self::LogFile | Self::IgnoredValue | Self::Config(_))
    }
}

/// One row of the table.
pub(super) struct Row {
    pub(super) long: &'static str,
    pub(super) short: Option<char>,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
}

const fn row(long: &'static str, kind: Kind, help: &'static str) -> Row {
    Row {
        long,
        short: None,
        kind,
        help,
    }
}

const fn short(short: char, long: &'static str, kind: Kind, help: &'static str) -> Row {
    Row {
        long,
        short: Some(short),
        kind,
        help,
    }
}

const HIDDEN: &str = "";

pub(super) const ROWS: &[Row] = &[
    row("version", Kind::Version, "Print the version and exit"),
    short(
        'v',
        "verbose",
        Kind::Verbose,
        "Say more; give it twice for each request",
    ),
    short('q', "quiet", Kind::Quiet, "Say nothing but errors"),
    short('h', "help", Kind::Help, "Print help and exit"),
    row(
        "debug",
        Kind::Debug,
        "Say everything, and the causes of an error",
    ),
    row(
        "log-file",
        Kind::LogFile,
        "Append what is said to this file, too",
    ),
    row("timing", Kind::Timing, "Print how long each request took"),
    row(
        "os-cloud",
        Kind::Config("cloud"),
        "Cloud in clouds.yaml (Env: OS_CLOUD)",
    ),
    row(
        "os-region-name",
        Kind::Config("region_name"),
        "Region (Env: OS_REGION_NAME)",
    ),
    row(
        "os-interface",
        Kind::Config("interface"),
        "Interface: admin, public or internal (Env: OS_INTERFACE)",
    ),
    row(
        "os-cacert",
        Kind::Config("cacert"),
        "File of the certificates to trust (Env: OS_CACERT)",
    ),
    row(
        "os-cert",
        Kind::Config("cert"),
        "File of the client's certificate (Env: OS_CERT)",
    ),
    row(
        "os-key",
        Kind::Config("key"),
        "File of the client's key (Env: OS_KEY)",
    ),
    row(
        "verify",
        Kind::Verify,
        "Check the server's certificate (default)",
    ),
    row(
        "insecure",
        Kind::Insecure,
        "Do not check the server's certificate",
    ),
    row(
        "os-image-endpoint-override",
        Kind::Config("image_endpoint_override"),
        "Image endpoint instead of the catalog's (Env: OS_IMAGE_ENDPOINT_OVERRIDE)",
    ),
    row(
        "os-image-api-version",
        Kind::Config("image_api_version"),
        "Version of the Image API (Env: OS_IMAGE_API_VERSION)",
    ),
    row(
        "os-identity-api-version",
        Kind::Config("identity_api_version"),
        "Version of the Identity API (Env: OS_IDENTITY_API_VERSION)",
    ),
    row(
        "os-auth-type",
        Kind::Config("auth_type"),
        "How to authenticate (Env: OS_AUTH_TYPE)",
    ),
    row(
        "os-auth-url",
        Kind::Config("auth_url"),
        "URL of the Identity service (Env: OS_AUTH_URL)",
    ),
    row(
        "os-domain-id",
        Kind::Config("domain_id"),
        "Domain to act on, by id (Env: OS_DOMAIN_ID)",
    ),
    row(
        "os-domain-name",
        Kind::Config("domain_name"),
        "Domain to act on, by name (Env: OS_DOMAIN_NAME)",
    ),
    row(
        "os-project-id",
        Kind::Config("project_id"),
        "Project's id (Env: OS_PROJECT_ID)",
    ),
    row(
        "os-project-name",
        Kind::Config("project_name"),
        "Project's name (Env: OS_PROJECT_NAME)",
    ),
    row(
        "os-project-domain-id",
        Kind::Config("project_domain_id"),
        "Id of the project's domain (Env: OS_PROJECT_DOMAIN_ID)",
    ),
    row(
        "os-project-domain-name",
        Kind::Config("project_domain_name"),
        "Name of the project's domain (Env: OS_PROJECT_DOMAIN_NAME)",
    ),
    row(
        "os-system-scope",
        Kind::Config("system_scope"),
        "`all` to act on the whole deployment (Env: OS_SYSTEM_SCOPE)",
    ),
    row(
        "os-trust-id",
        Kind::Config("trust_id"),
        "Trust to act under (Env: OS_TRUST_ID)",
    ),
    row(
        "os-default-domain-id",
        Kind::Config("default_domain_id"),
        "The same, by id (Env: OS_DEFAULT_DOMAIN_ID)",
    ),
    row(
        "os-default-domain-name",
        Kind::Config("default_domain_name"),
        "The same, by name (Env: OS_DEFAULT_DOMAIN_NAME)",
    ),
    row(
        "os-user-id",
        Kind::Config("user_id"),
        "User's id (Env: OS_USER_ID)",
    ),
    row(
        "os-username",
        Kind::Config("username"),
        "User's name (Env: OS_USERNAME)",
    ),
    row(
        "os-user-domain-id",
        Kind::Config("user_domain_id"),
        "Id of the user's domain (Env: OS_USER_DOMAIN_ID)",
    ),
    row(
        "os-user-domain-name",
        Kind::Config("user_domain_name"),
        "Name of the user's domain (Env: OS_USER_DOMAIN_NAME)",
    ),
    row(
        "os-password",
        Kind::Config("password"),
        "User's password (Env: OS_PASSWORD)",
    ),
    row(
        "os-token",
        Kind::Config("token"),
        "Token to use (Env: OS_TOKEN)",
    ),
    row(
        "os-endpoint",
        Kind::Config("endpoint"),
        "Endpoint, with the types none and admin_token (Env: OS_ENDPOINT)",
    ),
    row(
        "os-application-credential-secret",
        Kind::Config("application_credential_secret"),
        "Its secret (Env: OS_APPLICATION_CREDENTIAL_SECRET)",
    ),
    row(
        "os-application-credential-id",
        Kind::Config("application_credential_id"),
        "Application credential, by id (Env: OS_APPLICATION_CREDENTIAL_ID)",
    ),
    row(
        "os-application-credential-name",
        Kind::Config("application_credential_name"),
        "Application credential, by name (Env: OS_APPLICATION_CREDENTIAL_NAME)",
    ),
    row(
        "os-default-domain",
        Kind::Config("default_domain"),
        "Domain of names without one (Env: OS_DEFAULT_DOMAIN)",
    ),
    row("os-tenant-name", Kind::Config("project_name"), HIDDEN),
    row("os-tenant-id", Kind::Config("project_id"), HIDDEN),
    // Other services and ways of signing in: accepted, so that a wrapper that always passes them keeps working. A way
    // of signing in that is chosen and not known is refused by the configuration.
    row("os-beta-command", Kind::IgnoredFlag, HIDDEN),
    row("os-profile", Kind::IgnoredValue, HIDDEN),
    row("os-endpoint-override", Kind::IgnoredValue, HIDDEN),
    row("os-accelerator-api-version", Kind::IgnoredValue, HIDDEN),
    row("os-compute-api-version", Kind::IgnoredValue, HIDDEN),
    row("os-network-api-version", Kind::IgnoredValue, HIDDEN),
    row("os-object-api-version", Kind::IgnoredValue, HIDDEN),
    row("os-volume-api-version", Kind::IgnoredValue, HIDDEN),
    row("os-share-api-version", Kind::IgnoredValue, HIDDEN),
    row("os-key-manager-api-version", Kind::IgnoredValue, HIDDEN),
    row(
        "os-service-provider",
        Kind::Config("service_provider"),
        HIDDEN,
    ),
    row(
        "os-remote-project-name",
        Kind::Config("remote_project_name"),
        HIDDEN,
    ),
    row(
        "os-remote-project-id",
        Kind::Config("remote_project_id"),
        HIDDEN,
    ),
    row(
        "os-remote-project-domain-name",
        Kind::Config("remote_project_domain_name"),
        HIDDEN,
    ),
    row(
        "os-remote-project-domain-id",
        Kind::Config("remote_project_domain_id"),
        HIDDEN,
    ),
    row("os-passcode", Kind::Config("passcode"), HIDDEN),
    row("os-auth-methods", Kind::Config("auth_methods"), HIDDEN),
    row(
        "os-identity-provider",
        Kind::Config("identity_provider"),
        HIDDEN,
    ),
    row("os-protocol", Kind::Config("protocol"), HIDDEN),
    row("os-redirect-host", Kind::Config("redirect_host"), HIDDEN),
    row("os-redirect-port", Kind::Config("redirect_port"), HIDDEN),
    row("os-login-timeout", Kind::Config("login_timeout"), HIDDEN),
    row("os-client-id", Kind::Config("client_id"), HIDDEN),
    row("os-client-secret", Kind::Config("client_secret"), HIDDEN),
    row("os-openid-scope", Kind::Config("openid_scope"), HIDDEN),
    row("os-access-token", Kind::Config("access_token"), HIDDEN),
    row(
        "os-access-token-type",
        Kind::Config("access_token_type"),
        HIDDEN,
    ),
    row(
        "os-access-token-endpoint",
        Kind::Config("access_token_endpoint"),
        HIDDEN,
    ),
    row(
        "os-discovery-endpoint",
        Kind::Config("discovery_endpoint"),
        HIDDEN,
    ),
    row(
        "os-device-authorization-endpoint",
        Kind::Config("device_authorization_endpoint"),
        HIDDEN,
    ),
    row(
        "os-code-challenge-method",
        Kind::Config("code_challenge_method"),
        HIDDEN,
    ),
    row(
        "os-oauth2-endpoint",
        Kind::Config("oauth2_endpoint"),
        HIDDEN,
    ),
    row(
        "os-oauth2-client-id",
        Kind::Config("oauth2_client_id"),
        HIDDEN,
    ),
    row(
        "os-oauth2-client-secret",
        Kind::Config("oauth2_client_secret"),
        HIDDEN,
    ),
    row("os-idp-otp-key", Kind::Config("idp_otp_key"), HIDDEN),
    row("os-redirect-uri", Kind::Config("redirect_uri"), HIDDEN),
    row("os-code", Kind::Config("code"), HIDDEN),
];
