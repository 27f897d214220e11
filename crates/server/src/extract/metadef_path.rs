//! The names in the path of a metadata definition.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};

use crate::{app::App, error::ApiError};

/// `{namespace}`.
#[derive(Debug)]
pub(crate) struct NamespacePath(pub(crate) String);

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
        Ok(Self(namespace))
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
