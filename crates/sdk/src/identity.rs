//! Gets tokens: the small part of the Identity API version 3 a client of images needs.
//!
//! A token is asked for when the first request needs it, kept in memory, and asked for again when the image service
//! refuses it. Not its job: deciding when to repeat a request.

use reqwest::{
    Method,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use url::Url;

use crate::{
    AuthMethod, CloudConfig, Error, IdentityAuth, Named, Result, Scope, Secret, UserRef,
    catalog::{self, Service},
    discovery, http_error,
    transport::{self, Request, Transport},
};

const AUTH_TOKEN: HeaderName = HeaderName::from_static("x-auth-token");
const SUBJECT_TOKEN: &str = "x-subject-token";

/// What the requests of one client are authenticated with.
#[derive(Debug)]
pub(crate) struct Session {
    auth: AuthMethod,
    interfaces: Vec<String>,
    region: Option<String>,
    token: Mutex<Option<Token>>,
}

/// A token and what Keystone said about it.
#[derive(Debug, Clone)]
struct Token {
    secret: Secret,
    project_id: Option<String>,
    catalog: Vec<Service>,
}

/// The credentials one request is sent with.
#[derive(Debug, Clone)]
pub(crate) enum Credentials {
    None,
    /// Given by the user; there is no other.
    Fixed(Secret),
    Basic {
        username: String,
        password: Secret,
    },
    /// From Keystone, which can give another.
    Issued(Secret),
}

impl Credentials {
    pub(crate) fn headers(&self) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        match self {
            Self::None => {}
            Self::Fixed(token) | Self::Issued(token) => {
                headers.insert(AUTH_TOKEN, transport::secret_value(token.expose())?);
            }
            Self::Basic { username, password } => {
                let pair = base64(format!("{username}:{}", password.expose()).as_bytes());
                headers.insert(
                    AUTHORIZATION,
                    transport::secret_value(&format!("Basic {pair}"))?,
                );
            }
        }
        Ok(headers)
    }

    pub(crate) fn can_be_renewed(&self) -> bool {
        matches!(self, Self::Issued(_))
    }
}

/// The body of `POST /v3/auth/tokens`, as far as it matters here.
#[derive(Debug, Deserialize)]
struct TokenBody {
    token: TokenFacts,
}

#[derive(Debug, Deserialize)]
struct TokenFacts {
    #[serde(default)]
    project: Option<ProjectFacts>,
    #[serde(default)]
    catalog: Vec<Service>,
}

#[derive(Debug, Deserialize)]
struct ProjectFacts {
    id: String,
}

impl Session {
    /// Fails where the configured URLs are none, before anything is sent.
    pub(crate) fn new(config: &CloudConfig) -> Result<Self> {
        match &config.auth {
            AuthMethod::Identity(identity) => {
                identity_url(&identity.auth_url)?;
            }
            AuthMethod::None { endpoint }
            | AuthMethod::AdminToken { endpoint, .. }
            | AuthMethod::HttpBasic { endpoint, .. } => {
                for endpoint in endpoint.iter().chain(&config.image_endpoint_override) {
                    discovery::parse(endpoint)?;
                }
            }
        }
        Ok(Self {
            auth: config.auth.clone(),
            interfaces: config.interfaces.clone(),
            region: config.region_name.clone(),
            token: Mutex::new(None),
        })
    }

    /// What to send the next request with, after authenticating if need be.
    pub(crate) async fn credentials(&self, transport: &Transport) -> Result<Credentials> {
        match &self.auth {
            AuthMethod::None { .. } => Ok(Credentials::None),
            AuthMethod::AdminToken { token, .. } => Ok(Credentials::Fixed(token.clone())),
            AuthMethod::HttpBasic {
                username, password, ..
            } => Ok(Credentials::Basic {
                username: username.clone(),
                password: password.clone(),
            }),
            AuthMethod::Identity(identity) => {
                let token = self.token(transport, identity).await?;
                Ok(Credentials::Issued(token.secret))
            }
        }
    }

    /// Drops the token the image service refused, unless another request has replaced it already.
    pub(crate) async fn forget(&self, refused: &Credentials) {
        let mut kept = self.token.lock().await;
        if let (Some(token), Credentials::Issued(secret)) = (&*kept, refused)
            && token.secret == *secret
        {
            *kept = None;
        }
    }

    /// The image endpoint this way of authenticating knows of, before any version discovery.
    pub(crate) async fn image_endpoint(&self, transport: &Transport) -> Result<String> {
        match &self.auth {
            AuthMethod::None { endpoint }
            | AuthMethod::AdminToken { endpoint, .. }
            | AuthMethod::HttpBasic { endpoint, .. } => endpoint.clone().ok_or_else(|| {
                Error::NoEndpoint("No endpoint for the image service was given.".to_owned())
            }),
            AuthMethod::Identity(identity) => {
                let token = self.token(transport, identity).await?;
                catalog::image_url(&token.catalog, &self.interfaces, self.region.as_deref())
            }
        }
    }

    pub(crate) async fn project_id(&self, transport: &Transport) -> Result<Option<String>> {
        match &self.auth {
            AuthMethod::Identity(identity) => Ok(self.token(transport, identity).await?.project_id),
            AuthMethod::None { .. }
            | AuthMethod::AdminToken { .. }
            | AuthMethod::HttpBasic { .. } => Ok(None),
        }
    }

    async fn token(&self, transport: &Transport, identity: &IdentityAuth) -> Result<Token> {
        // Held while authenticating, so that concurrent first requests ask Keystone once.
        let mut kept = self.token.lock().await;
        if let Some(token) = &*kept {
            return Ok(token.clone());
        }
        let token = authenticate(transport, identity).await?;
        *kept = Some(token.clone());
        Ok(token)
    }

    pub(crate) async fn find_project_id(
        &self,
        transport: &Transport,
        name_or_id: &str,
        domain: Option<&str>,
    ) -> Result<String> {
        let AuthMethod::Identity(identity) = &self.auth else {
            return Ok(name_or_id.to_owned());
        };
        let domain_id = match domain {
            Some(domain) => Some(
                self.find_id(transport, identity, "domains", domain, None)
                    .await?,
            ),
            None => None,
        };
        self.find_id(
            transport,
            identity,
            "projects",
            name_or_id,
            domain_id.as_deref(),
        )
        .await
    }

    /// Looks `name_or_id` up in a collection of the Identity API.
    async fn find_id(
        &self,
        transport: &Transport,
        identity: &IdentityAuth,
        collection: &str,
        name_or_id: &str,
        domain_id: Option<&str>,
    ) -> Result<String> {
        let credentials =
            Credentials::Issued(self.token(transport, identity).await?.secret).headers()?;
        let get = |url: Url| {
            let mut request = Request::new(Method::GET, url);
            request.credentials = credentials.clone();
            request.header(ACCEPT, "application/json")
        };
        if transport::may_be_id(name_or_id) {
            let mut by_id = identity_url(&identity.auth_url)?;
            if let Ok(mut segments) = by_id.path_segments_mut() {
                segments.pop_if_empty().push(collection).push(name_or_id);
            }
            let response = transport.send(get(by_id)?).await?;
            if response.status().is_success() {
                return Ok(name_or_id.to_owned());
            }
        }
        let mut by_name = identity_url(&identity.auth_url)?;
        if let Ok(mut segments) = by_name.path_segments_mut() {
            segments.pop_if_empty().push(collection);
        }
        by_name.query_pairs_mut().append_pair("name", name_or_id);
        if let Some(domain_id) = domain_id {
            by_name
                .query_pairs_mut()
                .append_pair("domain_id", domain_id);
        }
        let response = transport.send(get(by_name)?).await?;
        if response.status().as_u16() == 403 {
            return Ok(name_or_id.to_owned());
        }
        let response = transport::checked(&Method::GET, response).await?;
        let body = transport::json(response).await?;
        let found: Vec<&str> = body[collection]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|entry| entry["id"].as_str())
            .collect();
        match found.as_slice() {
            [id] => Ok((*id).to_owned()),
            [] => Err(Error::NoSuchProject(name_or_id.to_owned())),
            _ => Err(Error::InvalidRequest(format!(
                "more than one of the {collection} is named `{name_or_id}`"
            ))),
        }
    }
}

async fn authenticate(transport: &Transport, identity: &IdentityAuth) -> Result<Token> {
    let mut url = identity_url(&identity.auth_url)?;
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(["auth", "tokens"]);
    }
    let request = Request::new(Method::POST, url.clone())
        .header(ACCEPT, "application/json")?
        .json(&auth_body(identity));
    let response = transport.send(request).await?;
    let status = response.status();
    if !status.is_success() {
        let request_id = transport::request_id(&response);
        let content_type =
            transport::header_text(&response, CONTENT_TYPE.as_str()).unwrap_or_default();
        let body = response.bytes().await.unwrap_or_default();
        let message = http_error::details(
            &content_type,
            &body,
            status.canonical_reason().unwrap_or_default(),
        );
        return Err(Error::Unauthorized {
            message,
            status: status.as_u16(),
            request_id,
        });
    }
    let secret = transport::header_text(&response, SUBJECT_TOKEN)
        .ok_or_else(|| Error::invalid_response(&url, "there is no X-Subject-Token header"))?;
    let body: TokenBody = serde_json::from_value(transport::json(response).await?)
        .map_err(|error| Error::invalid_response(&url, error))?;
    Ok(Token {
        secret: Secret::new(secret),
        project_id: body.token.project.map(|project| project.id),
        catalog: body.token.catalog,
    })
}

/// The root of version 3 of the Identity API.
///
/// Compat: keystoneauth asks `auth_url` for its versions; every Keystone of the last decade has version 3 under `/v3`, so
/// that is one request less. An `auth_url` that names version 2 is taken for the version 3 beside it.
fn identity_url(auth_url: &str) -> Result<Url> {
    let mut url: Url = auth_url
        .parse()
        .ok()
        .filter(|url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| {
            Error::Config(format!(
                "the authentication URL `{auth_url}` is not an HTTP URL"
            ))
        })?;
    let path = url.path().trim_end_matches('/').to_owned();
    let root = path
        .strip_suffix("/v3")
        .or_else(|| path.strip_suffix("/v2.0"))
        .unwrap_or(&path);
    url.set_path(&format!("{root}/v3/"));
    url.set_query(None);
    Ok(url)
}

/// The body of `POST /v3/auth/tokens`.
fn auth_body(auth: &IdentityAuth) -> Value {
    let identity = match &auth.user {
        UserRef::Password { user, password } => {
            let mut user = reference(user);
            user["password"] = json!(password.as_ref().map(Secret::expose).unwrap_or_default());
            json!({"methods": ["password"], "password": {"user": user}})
        }
        UserRef::Token(token) => json!({"methods": ["token"], "token": {"id": token.expose()}}),
        UserRef::ApplicationCredential {
            id,
            name,
            user,
            secret,
        } => {
            let mut credential = json!({"secret": secret.expose()});
            if let Some(id) = id {
                credential["id"] = json!(id);
            } else {
                credential["name"] = json!(name);
                if let Some(user) = user {
                    credential["user"] = reference(user);
                }
            }
            json!({"methods": ["application_credential"], "application_credential": credential})
        }
    };
    let mut body = json!({"auth": {"identity": identity}});
    let scope = match &auth.scope {
        Scope::Default => None,
        Scope::Unscoped => Some(json!("unscoped")),
        Scope::Project(project) => Some(json!({"project": reference(project)})),
        Scope::Domain(domain) => Some(json!({"domain": reference(domain)})),
        Scope::System => Some(json!({"system": {"all": true}})),
        Scope::Trust(id) => Some(json!({"OS-TRUST:trust": {"id": id}})),
    };
    if let Some(scope) = scope {
        body["auth"]["scope"] = scope;
    }
    body
}

/// How the Identity API names a user, project or domain.
fn reference(named: &Named) -> Value {
    match named {
        Named::Id(id) => json!({"id": id}),
        Named::Name { name, domain } => match domain {
            Some(domain) => json!({"name": name, "domain": reference(domain)}),
            None => json!({"name": name}),
        },
    }
}

/// Base64 with padding, for one header.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .fold(0_u32, |group, byte| group << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for position in 0..4 {
            if position <= chunk.len() {
                let digit = (group >> (18 - 6 * position)) & 63;
                out.push(char::from(DIGITS[digit as usize]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_pads() {
        // RFC 4648, section 10.
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }

    #[test]
    fn version_3_is_found_beside_whatever_was_given() {
        for given in [
            "http://k:5000",
            "http://k:5000/",
            "http://k:5000/v3",
            "http://k:5000/v3/",
            "http://k:5000/v2.0",
        ] {
            assert_eq!(
                identity_url(given).unwrap().as_str(),
                "http://k:5000/v3/",
                "{given}"
            );
        }
        assert_eq!(
            identity_url("https://c/identity").unwrap().as_str(),
            "https://c/identity/v3/"
        );
        assert!(identity_url("keystone").is_err());
    }
}
