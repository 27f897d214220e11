//! Where a cloud is and how to get in: `clouds.yaml`, `OS_*` variables and explicit options, merged.
//!
//! Its job ends with a [`CloudConfig`]. Not its job: contacting anything, or asking the user for a password.

mod auth;
mod files;
mod merge;
mod tls;

use std::{collections::BTreeMap, fmt, time::Duration};

pub use auth::{AuthMethod, IdentityAuth, Named, Scope, UserRef};
pub use tls::Tls;
pub(crate) use tls::TlsFiles;

use crate::{Environment, Result, Secret};

/// Options given explicitly, for example on a command line. They win over the environment and the files.
///
/// The names are those of `clouds.yaml` (`auth_type`, `username`, `region_name`, `cacert`, …); `cloud` chooses the cloud.
#[derive(Clone, Default)]
pub struct Overrides(BTreeMap<String, String>);

impl Overrides {
    /// Sets an option. An empty value is as good as none, so callers can pass on what they have.
    pub fn set(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        let value = value.into();
        if !value.is_empty() {
            self.0.insert(name.replace('-', "_"), value);
        }
        self
    }

    /// The value of an option.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Names only: values may be passwords.
impl fmt::Debug for Overrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Everything needed to use the image service of one cloud.
#[derive(Debug, Clone)]
pub struct CloudConfig {
    /// The cloud's name in `clouds.yaml`; `None` when it comes from variables and options alone.
    pub name: Option<String>,
    /// How to authenticate.
    pub auth: AuthMethod,
    /// Restricts the catalog to one region.
    pub region_name: Option<String>,
    /// The catalog's interfaces to look for, the preferred one first.
    pub interfaces: Vec<String>,
    /// The version of the Image API asked for, `2` by default.
    pub image_api_version: String,
    /// A URL to use instead of the catalog's.
    pub image_endpoint_override: Option<String>,
    /// How TLS connections are made.
    pub tls: Tls,
    /// How long to wait for the next bytes of an answer; `None` waits for ever.
    pub timeout: Option<Duration>,
    /// How often a request is repeated after 503.
    pub status_code_retries: u32,
    /// What the client calls itself.
    pub user_agent: String,
}

impl CloudConfig {
    /// Merges files, environment and explicit options.
    ///
    /// Explicit options win over the environment, which wins over the files, where `secure.yaml` wins over `clouds.yaml`
    /// and that over the profile it names. Compat: as osc-lib does it, so `OS_*` variables change a cloud chosen by
    /// `OS_CLOUD`, but only those the command has an option for.
    pub fn load(overrides: &Overrides, environment: &Environment) -> Result<Self> {
        let cloud = merge::merge(overrides, environment)?;
        Self::from_merged(cloud)
    }

    /// A cloud without authentication, at `endpoint`.
    pub fn without_auth(endpoint: impl Into<String>) -> Self {
        Self::with_auth(AuthMethod::None {
            endpoint: Some(endpoint.into()),
        })
    }

    /// A cloud entered in the given way, all else at its default.
    pub fn with_auth(auth: AuthMethod) -> Self {
        Self {
            name: None,
            auth,
            region_name: None,
            interfaces: vec!["public".to_owned()],
            image_api_version: "2".to_owned(),
            image_endpoint_override: None,
            tls: Tls::default(),
            timeout: None,
            status_code_retries: 5,
            user_agent: concat!("vidimus-sdk/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }

    /// Whether a password has to be asked for before this can be used.
    pub fn needs_password(&self) -> bool {
        match &self.auth {
            AuthMethod::Identity(identity) => {
                matches!(identity.user, UserRef::Password { password: None, .. })
            }
            AuthMethod::None { .. }
            | AuthMethod::AdminToken { .. }
            | AuthMethod::HttpBasic { .. } => false,
        }
    }

    /// Fills in the password that was missing; does nothing if none was.
    pub fn set_password(&mut self, secret: Secret) {
        if let AuthMethod::Identity(identity) = &mut self.auth
            && let UserRef::Password { password, .. } = &mut identity.user
        {
            password.get_or_insert(secret);
        }
    }

    fn from_merged(cloud: merge::Merged) -> Result<Self> {
        let mut config = Self::with_auth(auth::method(&cloud)?);
        config.region_name = cloud.get("region_name");
        config.interfaces = cloud.list("interface");
        if config.interfaces.is_empty() {
            config.interfaces.push("public".to_owned());
        }
        if let Some(version) = cloud.get("image_api_version") {
            config.image_api_version = version;
        }
        config.image_endpoint_override = cloud.get("image_endpoint_override");
        config.tls = Tls::from_merged(&cloud);
        config.timeout = cloud
            .get("api_timeout")
            .and_then(|seconds| seconds.parse().ok())
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        if let Some(retries) = cloud
            .get("image_status_code_retries")
            .and_then(|count| count.parse().ok())
        {
            config.status_code_retries = retries;
        }
        config.name = cloud.name;
        Ok(config)
    }
}
