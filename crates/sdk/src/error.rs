//! Every way a call of this library ends badly.

use std::{io, path::PathBuf};

use thiserror::Error;

use crate::{HttpError, HttpErrorClass};

/// The result of a call of this library.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong. The variants are conditions a caller acts on.
///
/// Compat: where openstacksdk or osc-lib has a text for the condition, `Display` gives that text, because scripts match on
/// it; the others are ours.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The service answered with status 400 or above.
    #[error(transparent)]
    Http(Box<HttpError>),

    /// No image has this name or id.
    #[error("No Image found for {0}")]
    NoSuchImage(String),

    /// Several images have this name; only an id can tell them apart.
    #[error("More than one Image exists with the name '{0}'.")]
    DuplicateImage(String),

    /// No project has this name or id.
    #[error("No project with a name or ID of '{0}' exists.")]
    NoSuchProject(String),

    /// A value needed to reach the cloud was not given; each line says one and how to set it.
    #[error("Missing parameter(s): \n{}", .0.join("\n"))]
    MissingParameters(Vec<String>),

    /// The configuration names something that does not exist or contradicts itself.
    #[error("{0}")]
    Config(String),

    /// A configuration file could not be read or makes no sense.
    #[error("configuration file `{path}` cannot be used: {reason}", path = path.display())]
    ConfigFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// The Identity service refused the credentials.
    #[error("{message} (HTTP {status}){}", request_suffix(request_id.as_deref()))]
    Unauthorized {
        /// What the Identity service says.
        message: String,
        /// Its status code.
        status: u16,
        /// Its request id.
        request_id: Option<String>,
    },

    /// The catalog has no endpoint of the kind asked for.
    #[error("{0}")]
    NoEndpoint(String),

    /// No connection could be made, or it broke before there was an answer.
    #[error("Unable to establish connection to {url}: {reason}")]
    Connection {
        /// Where to.
        url: String,
        /// The innermost causes, outermost first.
        reason: String,
    },

    /// An answer broke off before its end.
    #[error("the connection to {url} broke: {reason}")]
    Interrupted {
        /// The request's URL.
        url: String,
        /// The innermost causes, outermost first.
        reason: String,
    },

    /// The server's answer is not what the API promises.
    #[error("the answer of {url} is not valid: {reason}")]
    InvalidResponse {
        /// The request's URL.
        url: String,
        /// What is wrong with it.
        reason: String,
    },

    /// The server sends the request elsewhere and following would be unsafe or endless.
    #[error("{url} redirects to `{target}`: {reason}")]
    Redirect {
        /// The request's URL.
        url: String,
        /// Where it points.
        target: String,
        /// Why it was not followed.
        reason: &'static str,
    },

    /// The downloaded bytes do not have the image's hash.
    ///
    /// Compat: openstacksdk's text, with the expected hash first.
    #[error("Unable to download image: checksum mismatch ({algorithm}): {expected} != {actual}")]
    ChecksumMismatch {
        /// hashlib's name of the algorithm.
        algorithm: String,
        /// The image's hash.
        expected: String,
        /// The hash of what arrived.
        actual: String,
    },

    /// The image's hash cannot be computed on this machine.
    #[error("Unsupported hash algorithm '{0}'")]
    UnsupportedHash(String),

    /// The key cannot sign images.
    #[error("the key cannot be used: {0}")]
    SigningKey(&'static str),

    /// The data broke off before its announced end, again and again.
    #[error("the download of image `{image_id}` broke off after {received_bytes} bytes: {reason}")]
    Incomplete {
        /// The image.
        image_id: String,
        /// What arrived.
        received_bytes: u64,
        /// Why the last attempt ended.
        reason: String,
    },

    /// Another process is saving to the same file right now.
    #[error("`{path}` is being written by another process", path = .0.display())]
    Busy(PathBuf),

    /// A local file could not be read or written.
    #[error("`{path}`: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },

    /// What was waited for got a status from which the wanted one cannot be reached.
    ///
    /// Compat: openstacksdk's text, and behind it what the server says about the failure.
    #[error("{what} transitioned to failure state {status}{}", message.as_ref().map_or_else(String::new, |text| format!(": {text}")))]
    Failure {
        /// `Image:` or `Task:` and the id.
        what: String,
        /// The status.
        status: String,
        /// A task's message.
        message: Option<String>,
    },

    /// What was waited for did not come in time.
    #[error("Timeout waiting for {what} to transition to {wanted}")]
    Timeout {
        /// `Image:` or `Task:` and the id.
        what: String,
        /// The status that was waited for.
        wanted: String,
    },

    /// The stream to write to or read from failed.
    #[error("the local end of the data stream failed: {0}")]
    Stream(#[source] io::Error),

    /// The value cannot be sent.
    #[error("{0}")]
    InvalidRequest(String),
}

impl Error {
    /// The HTTP error behind this, if there is one.
    pub fn http(&self) -> Option<&HttpError> {
        match self {
            Self::Http(error) => Some(error),
            _ => None,
        }
    }

    /// Whether the thing asked for does not exist, or not for this caller.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NoSuchImage(_) | Self::NoSuchProject(_))
            || self.has_class(HttpErrorClass::NotFound)
    }

    /// Whether the service answered with this class of error.
    pub fn has_class(&self, class: HttpErrorClass) -> bool {
        self.http().is_some_and(|error| error.class() == class)
    }

    /// openstacksdk's name for the class of this error, or ours where it has none.
    pub fn class_name(&self) -> &'static str {
        match self {
            Self::Http(error) => error.class().name(),
            Self::NoSuchImage(_) => "NotFoundException",
            Self::DuplicateImage(_) => "DuplicateResource",
            Self::NoSuchProject(_) | Self::MissingParameters(_) => "CommandError",
            Self::Config(_) | Self::ConfigFile { .. } => "ConfigException",
            Self::Unauthorized { .. } => "Unauthorized",
            Self::NoEndpoint(_) => "EndpointNotFound",
            Self::Connection { .. } | Self::Interrupted { .. } => "ConnectFailure",
            Self::InvalidResponse { .. } => "InvalidResponse",
            Self::InvalidRequest(_) => "InvalidRequest",
            Self::Failure { .. } => "ResourceFailure",
            Self::Timeout { .. } => "ResourceTimeout",
            Self::Redirect { .. }
            | Self::ChecksumMismatch { .. }
            | Self::UnsupportedHash(_)
            | Self::SigningKey(_)
            | Self::Incomplete { .. }
            | Self::Busy(_)
            | Self::Io { .. }
            | Self::Stream(_) => "SDKException",
        }
    }

    /// The server's id of the failed request.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Http(error) => error.request_id.as_deref(),
            Self::Unauthorized { request_id, .. } => request_id.as_deref(),
            _ => None,
        }
    }

    /// Gives an HTTP error the label openstacksdk puts in front when a resource is fetched by its id.
    pub(crate) fn labelled(mut self, label: impl Into<String>) -> Self {
        if let Self::Http(error) = &mut self {
            error.label = Some(label.into());
        }
        self
    }

    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn invalid_response(url: impl ToString, reason: impl ToString) -> Self {
        Self::InvalidResponse {
            url: url.to_string(),
            reason: reason.to_string(),
        }
    }
}

impl From<HttpError> for Error {
    fn from(error: HttpError) -> Self {
        Self::Http(Box::new(error))
    }
}

fn request_suffix(request_id: Option<&str>) -> String {
    request_id.map_or_else(String::new, |id| format!(" (Request-ID: {id})"))
}
