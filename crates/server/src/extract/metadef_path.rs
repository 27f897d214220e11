//! Requests about metadata definitions: who asks, and the names in the path.

use axum::{
    body::Body,
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use serde_json::Value;
use vidimus_service::metadefs::Metadefs;

use super::json::json_body;
use crate::{
    app::{App, Call},
    error::ApiError,
};

/// A request about what `P` names.
#[derive(Debug)]
pub(crate) struct MetadefCall<P> {
    app: App,
    pub(crate) path: P,
    pub(crate) call: Call,
}

impl<P> MetadefCall<P> {
    pub(crate) fn metadefs(&self) -> Metadefs<'_> {
        self.app.service.metadefs()
    }

    /// The body, which must be JSON.
    pub(crate) async fn json(&self, body: Body) -> Result<Value, ApiError> {
        json_body(&self.call.method, &self.call.headers, body).await
    }
}

impl<P> FromRequestParts<App> for MetadefCall<P>
where
    P: FromRequestParts<App, Rejection = ApiError> + Send,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let path = P::from_request_parts(parts, app).await?;
        let call = Call::from_request_parts(parts, app).await?;
        let app = app.clone();
        Ok(Self { app, path, call })
    }
}

/// `{namespace}`.
#[derive(Debug)]
pub(crate) struct NamespacePath {
    pub(crate) namespace: String,
}

/// `{namespace}` and the name of something in it.
#[derive(Debug)]
pub(crate) struct MemberPath {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl FromRequestParts<App> for NamespacePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Path(namespace) = Path::<String>::from_request_parts(parts, app)
            .await
            .map_err(|_| ApiError::not_found())?;
        require_one_segment(&namespace)?;
        Ok(Self { namespace })
    }
}

impl FromRequestParts<App> for MemberPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Path((namespace, name)) = Path::<(String, String)>::from_request_parts(parts, app)
            .await
            .map_err(|_| ApiError::not_found())?;
        require_one_segment(&namespace)?;
        require_one_segment(&name)?;
        Ok(Self { namespace, name })
    }
}

/// Compat: an escaped slash splits the path for Glance, and no route has that many parts.
fn require_one_segment(name: &str) -> Result<(), ApiError> {
    if name.contains('/') {
        return Err(ApiError::not_found());
    }
    Ok(())
}
