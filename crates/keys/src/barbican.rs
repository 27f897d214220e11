//! Barbican's API, as far as it is needed: look at a secret, fetch a certificate, delete a key.
//!
//! Everything is asked with the caller's own token, so the key manager decides what the caller may have. The bytes of a
//! secret that is no certificate are never fetched.

use std::{collections::HashMap, time::Duration};

use reqwest::{
    Client, Method, Response,
    header::{self, HeaderValue},
};
use serde::{Deserialize, de::IgnoredAny};
use uuid::Uuid;
use vidimus_fetch::Trust;

use crate::{Certificate, Error, Refusal, Token};

/// How long a connection may take to be made, and how long a whole answer.
const CONNECT_TIME: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest answer that is read; Barbican itself keeps no longer secrets unless told to.
const ANSWER_BYTES: usize = 128 * 1024;

/// Since when secrets tell who still uses them. Older servers do not read it.
const VERSION_HEADER: &str = "OpenStack-API-Version";
const VERSION: &str = "key-manager 1.1";

/// Where the key manager is.
#[derive(Debug, Clone)]
pub struct KeyManagerConfig {
    /// Its URL, without a version.
    pub endpoint: String,
    /// Whose certificates are believed there.
    pub trust: Trust,
}

/// A key manager that speaks Barbican's API. Cloning is cheap and shares the connections.
#[derive(Debug, Clone)]
pub struct KeyManager {
    client: Client,
    secrets: String,
}

/// A secret as the key manager describes it.
#[derive(Debug, Deserialize)]
struct Secret {
    secret_type: Option<String>,
    content_types: Option<HashMap<String, String>>,
    #[serde(default)]
    consumers: Vec<IgnoredAny>,
}

impl KeyManager {
    /// Prepares to ask; nothing is connected to yet.
    pub fn new(config: KeyManagerConfig) -> Result<Self, Refusal> {
        let builder = Client::builder()
            .no_proxy()
            // A token is for the server that was configured and for no other.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIME)
            .timeout(PATIENCE);
        let builder = match config.trust {
            Trust::Machine => builder,
            Trust::Only(authorities) => builder.tls_certs_only(authorities),
            Trust::Anybody => builder.tls_danger_accept_invalid_certs(true),
        };
        let endpoint = config.endpoint.trim_end_matches('/');
        let endpoint = endpoint.strip_suffix("/v1").unwrap_or(endpoint);
        Ok(Self {
            client: builder.build().map_err(Refusal::Setup)?,
            secrets: format!("{endpoint}/v1/secrets"),
        })
    }

    /// The certificate that a secret holds.
    pub(crate) async fn certificate(
        &self,
        reference: &str,
        token: Option<&Token>,
    ) -> Result<Certificate, Error> {
        let id = id_of(reference).ok_or(Error::Reference)?;
        let found = async {
            let secret = self.describe(id, token).await?;
            if let Some(format) = secret.format_of_no_certificate() {
                return Ok(Err(format));
            }
            let accept = secret.content_type();
            let path = format!("{id}/payload");
            let answer = self.ask(Method::GET, &path, accept, token).await?;
            read(answer).await.map(Ok)
        };
        match found.await {
            Ok(Ok(pem)) => Certificate::from_pem(&pem).map_err(Error::Unreadable),
            Ok(Err(format)) => Err(Error::NoCertificate(format)),
            Err(Refusal::NotFound) => Err(Error::NotFound(reference.to_owned())),
            Err(cause) => Err(Error::Unavailable {
                reference: reference.to_owned(),
                cause,
            }),
        }
    }

    /// Deletes a secret, unless others have said that they use it too.
    pub async fn delete(&self, reference: &str, token: Option<&Token>) -> Result<(), Refusal> {
        let id = id_of(reference).ok_or(Refusal::Reference)?;
        if !self.describe(id, token).await?.consumers.is_empty() {
            return Err(Refusal::InUse);
        }
        let path = id.to_string();
        let answer = self.ask(Method::DELETE, &path, "application/json", token);
        answer.await.map(drop)
    }

    async fn describe(&self, id: Uuid, token: Option<&Token>) -> Result<Secret, Refusal> {
        let path = id.to_string();
        let answer = self.ask(Method::GET, &path, "application/json", token);
        let body = read(answer.await?).await?;
        serde_json::from_slice(&body).map_err(|error| Refusal::Answer(Box::new(error)))
    }

    /// Asks, and sorts the answers that are none.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        token: Option<&Token>,
    ) -> Result<Response, Refusal> {
        let mut request = self
            .client
            .request(method, format!("{}/{path}", self.secrets))
            .header(header::ACCEPT, accept)
            .header(VERSION_HEADER, VERSION);
        if let Some(token) = token {
            let mut value = HeaderValue::try_from(token.expose())
                .map_err(|error| Refusal::Answer(Box::new(error)))?;
            value.set_sensitive(true);
            request = request.header("X-Auth-Token", value);
        }
        let answer = request.send().await;
        let answer = answer.map_err(|error| Refusal::Unreachable(error.without_url()))?;
        match answer.status().as_u16() {
            200..=299 => Ok(answer),
            404 => Err(Refusal::NotFound),
            status @ (401 | 403) => Err(Refusal::Forbidden(status)),
            status => Err(Refusal::Status(status)),
        }
    }
}

impl Secret {
    /// What castellan calls the format of a secret of this type, if it is no certificate.
    fn format_of_no_certificate(&self) -> Option<&'static str> {
        match self.secret_type.as_deref() {
            Some("certificate") => None,
            Some("symmetric" | "passphrase") => Some("RAW"),
            Some("private") => Some("PKCS8"),
            Some("public") => Some("SubjectPublicKeyInfo"),
            Some(_) | None => Some("Opaque"),
        }
    }

    fn content_type(&self) -> &str {
        let kept = self.content_types.as_ref();
        let kept = kept.and_then(|types| types.get("default"));
        kept.map_or("application/octet-stream", String::as_str)
    }
}

/// Reads an answer, as long as one may be.
async fn read(mut answer: Response) -> Result<Vec<u8>, Refusal> {
    let mut body = Vec::new();
    let failed = |error: reqwest::Error| Refusal::Unreachable(error.without_url());
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > ANSWER_BYTES {
            return Err(Refusal::Answer("it is too long".into()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The id at the end of a reference, which may be the secret's URL or the id alone.
///
/// Compat: in every form that Python's `UUID` takes.
fn id_of(reference: &str) -> Option<Uuid> {
    let last = reference.trim_end_matches('/').rsplit('/').next()?;
    let plain = last.replace("urn:", "").replace("uuid:", "");
    let digits = plain.trim_matches(['{', '}']).replace('-', "");
    Uuid::try_parse(&digits).ok()
}

#[cfg(test)]
mod tests;
