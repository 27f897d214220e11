//! What a request that goes wrong is answered with. The only place that names a status code for an error.
//!
//! The body comes in the form the client asked for by `Accept`, and only the end of the request knows that header, so an
//! [`ApiError`] travels as an empty response that carries an [`ErrorBody`]; [`ErrorBody::render`] writes it out.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;
use vidimus_service::{Error, Kind};
use vidimus_types::python_json;

/// A request that went wrong.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    body: ErrorBody,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The parts of an error body before its form is chosen.
#[derive(Debug, Clone)]
pub(crate) struct ErrorBody {
    template: Template,
    explanation: String,
    detail: String,
}

/// Glance's error bodies come from WebOb, which words a few of them in its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Template {
    Plain,
    /// The words alone.
    Bare,
    Method,
    MediaType,
    UnknownMethod,
}

impl ApiError {
    /// An error with this status and explanation.
    pub(crate) fn new(status: StatusCode, explanation: impl Into<String>) -> Self {
        let body = ErrorBody {
            template: Template::Plain,
            explanation: explanation.into(),
            detail: String::new(),
        };
        Self {
            status,
            body,
            headers: Vec::new(),
        }
    }

    /// An error with WebOb's general words for this status, and what is the matter here behind them.
    ///
    /// Compat: which errors Glance words like this is an accident of its code, and scripts match on the whole.
    fn detailed(status: StatusCode, detail: impl Into<String>) -> Self {
        let general = match status {
            StatusCode::FORBIDDEN => "Access was denied to this resource.",
            StatusCode::CONFLICT => "There was a conflict when trying to complete your request.",
            _ => "The Range requested is not available.",
        };
        let mut error = Self::new(status, general);
        error.body.detail = detail.into();
        error
    }

    /// 400, in these words.
    pub(crate) fn bad_request(explanation: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, explanation)
    }

    /// 404 that says nothing about what might be there.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "The resource could not be found.")
    }

    /// 403 for a change by somebody who may only read.
    ///
    /// Compat: Glance asks this where images, tags, members and namespaces change, and leaves the rest to the policy.
    pub(crate) fn read_only() -> Self {
        Self::detailed(StatusCode::FORBIDDEN, "Read-only access")
    }

    /// 405, with the methods that would do.
    pub(crate) fn method_not_allowed(allow: HeaderValue) -> Self {
        let mut error = Self::new(StatusCode::METHOD_NOT_ALLOWED, "");
        error.body.template = Template::Method;
        error.with_header(header::ALLOW, allow)
    }

    /// 405 for something that is never done, in these words and no others.
    pub(crate) fn never_allowed(allow: &'static str, words: &'static str) -> Self {
        let mut error = Self::new(StatusCode::METHOD_NOT_ALLOWED, words);
        error.body.template = Template::Bare;
        error.with_header(header::ALLOW, HeaderValue::from_static(allow))
    }

    /// 415; `detail` says what would do.
    pub(crate) fn unsupported_media(detail: impl Into<String>) -> Self {
        let mut error = Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail);
        error.body.template = Template::MediaType;
        error
    }

    /// 501, for a method HTTP does not know.
    pub(crate) fn unknown_method() -> Self {
        let mut error = Self::new(StatusCode::NOT_IMPLEMENTED, "");
        error.body.template = Template::UnknownMethod;
        error
    }

    /// What another node said, which wrote its errors like this one.
    pub(crate) fn relayed(status: StatusCode, message: &str) -> Self {
        let (explanation, detail) = message.split_once("<br /><br />").unwrap_or((message, ""));
        let mut error = Self::new(status, explanation);
        error.body.detail = detail.trim().to_owned();
        error
    }

    /// The same error with one more header.
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let explanation = error.to_string();
        match error {
            Error::ReservedProperty(_)
            | Error::NotRemovable(_)
            | Error::OwnerFixed
            | Error::LocationsEmptied
            | Error::LastLocation
            | Error::ForeignOwner(_) => return Self::detailed(StatusCode::FORBIDDEN, explanation),
            Error::PropertyMissing(_) | Error::PropertyPresent(_) => {
                return Self::detailed(StatusCode::CONFLICT, explanation);
            }
            _ => {}
        }
        match error.kind() {
            Kind::Invalid => Self::bad_request(explanation),
            Kind::Forbidden => Self::new(StatusCode::FORBIDDEN, explanation),
            Kind::NotFound => Self::new(StatusCode::NOT_FOUND, explanation),
            Kind::Conflict => Self::new(StatusCode::CONFLICT, explanation),
            Kind::Gone => Self::new(StatusCode::GONE, explanation),
            Kind::TooLarge => Self::new(StatusCode::PAYLOAD_TOO_LARGE, explanation),
            Kind::UnsupportedMedia => Self::unsupported_media(explanation),
            // Compat: 416 and 400 for ranges are told apart by the reader of the header, `extract::range`.
            Kind::Range => Self::detailed(StatusCode::RANGE_NOT_SATISFIABLE, explanation),
            Kind::Unavailable => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "store unavailable"
                );
                Self::new(StatusCode::SERVICE_UNAVAILABLE, explanation)
            }
            Kind::BadGateway => Self::new(StatusCode::BAD_GATEWAY, explanation),
            Kind::GatewayTimeout => Self::new(StatusCode::GATEWAY_TIMEOUT, explanation),
            // Nobody reads this answer; 400 keeps it out of the count of our own failures.
            Kind::ClientGone => Self::bad_request(explanation),
            Kind::Internal => {
                tracing::error!(error = &error as &dyn std::error::Error, "request failed");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, explanation)
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.headers_mut().extend(self.headers);
        response.extensions_mut().insert(self.body);
        response
    }
}

/// What of the request an error body depends on.
#[derive(Debug)]
pub(crate) struct Asked {
    method: Method,
    accept: Option<HeaderValue>,
    content_type: Option<HeaderValue>,
}

impl Asked {
    pub(crate) fn of(method: &Method, headers: &HeaderMap) -> Self {
        Self {
            method: method.clone(),
            accept: headers.get(header::ACCEPT).cloned(),
            content_type: headers.get(header::CONTENT_TYPE).cloned(),
        }
    }
}

impl ErrorBody {
    /// Writes the body of an error response in the form the client asked for; leaves all other responses alone.
    pub(crate) fn render(asked: &Asked, mut response: Response) -> Response {
        let Some(body) = response.extensions_mut().remove::<Self>() else {
            return response;
        };
        let status = response.status();
        if status == StatusCode::NOT_FOUND {
            // Put there by the router for paths it knows and this site has not.
            response.headers_mut().remove(header::ALLOW);
        }
        let title = reason(status);
        let form = Form::preferred(asked.accept.as_ref());
        let status_line = format!("{} {title}", status.as_u16());
        let text = match form {
            Form::Json => {
                let message = body.fill(asked, str::to_owned);
                python_json(
                    &json!({ "message": message, "code": status_line, "title": title }),
                    true,
                )
            }
            Form::Html => {
                let text = body.fill(asked, escape_html);
                format!(
                    "<html>\n <head>\n  <title>{status_line}</title>\n </head>\n <body>\n  <h1>{status_line}</h1>\n  {text}\n </body>\n</html>"
                )
            }
            Form::Text => format!(
                "{status_line}\n\n{}",
                strip_tags(&body.fill(asked, str::to_owned))
            ),
        };
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(form.content_type()),
        );
        // Of the empty body this takes the place of.
        response.headers_mut().remove(header::CONTENT_LENGTH);
        *response.body_mut() = Body::from(text);
        response
    }

    fn fill(&self, asked: &Asked, escape: fn(&str) -> String) -> String {
        let (said, detail) = (escape(&self.explanation), escape(&self.detail));
        match self.template {
            Template::Bare => said,
            Template::Plain => format!("{said}<br /><br />\n{detail}\n\n"),
            Template::Method => {
                format!(
                    "The method {} is not allowed for this resource. <br /><br />\n{said}",
                    escape(asked.method.as_str())
                )
            }
            Template::MediaType => {
                let media_type = asked
                    .content_type
                    .as_ref()
                    .map(|value| String::from_utf8_lossy(value.as_bytes()));
                format!(
                    "The request media type {} is not supported by this server.\n<br /><br />\n{said}",
                    escape(&media_type.unwrap_or_default())
                )
            }
            Template::UnknownMethod => format!(
                "\nThe request method {} is not implemented for this server. <br /><br />\n{said}",
                escape(asked.method.as_str())
            ),
        }
    }
}

/// Compat: WebOb's names, where `http`'s own differ.
fn reason(status: StatusCode) -> &'static str {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => "Request Entity Too Large",
        StatusCode::RANGE_NOT_SATISFIABLE => "Request Range Not Satisfiable",
        other => other.canonical_reason().unwrap_or("Error"),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Html,
    Json,
    Text,
}

impl Form {
    fn content_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=UTF-8",
            Self::Json => "application/json",
            Self::Text => "text/plain; charset=UTF-8",
        }
    }

    /// HTML or JSON, whichever the client likes better, HTML if it likes both the same, else plain text.
    fn preferred(accept: Option<&HeaderValue>) -> Self {
        let Some(accept) = accept
            .and_then(|value| value.to_str().ok())
            .filter(|value| !value.trim().is_empty())
        else {
            return Self::Text;
        };
        // Compat: a header that is no Accept header at all is as good as `*/*`.
        if accept.split(',').all(|range| !range.contains('/')) {
            return Self::Html;
        }
        let html = quality(accept, "text", "html");
        let json = quality(accept, "application", "json");
        if html <= 0.0 && json <= 0.0 {
            Self::Text
        } else if json > html {
            Self::Json
        } else {
            Self::Html
        }
    }
}

/// How much a client likes a media type, by the most specific range of its Accept header that covers it.
fn quality(accept: &str, kind: &str, subtype: &str) -> f32 {
    let mut best = (0, 0.0);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let Some((range_kind, range_subtype)) = parts.next().and_then(|name| name.split_once('/'))
        else {
            continue;
        };
        let specificity = match (range_kind, range_subtype) {
            ("*", "*") => 1,
            (k, "*") if k.eq_ignore_ascii_case(kind) => 2,
            (k, s) if k.eq_ignore_ascii_case(kind) && s.eq_ignore_ascii_case(subtype) => 3,
            _ => continue,
        };
        let q = parts
            .find_map(|part| part.strip_prefix("q=")?.parse().ok())
            .unwrap_or(1.0);
        if specificity > best.0 {
            best = (specificity, q);
        }
    }
    best.1
}

fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#x27;"),
            other if other.is_ascii() => escaped.push(other),
            other => escaped.push_str(&format!("&#{};", u32::from(other))),
        }
    }
    escaped
}

/// Makes a plain text of a body template: line ends become blanks, `<br>` a line end, other tags go.
fn strip_tags(text: &str) -> String {
    let text = text.replace('\n', " ").replace('\r', "");
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(open) = rest.find('<') {
        let Some(close) = rest[open..].find('>') else {
            break;
        };
        plain.push_str(&rest[..open]);
        if rest[open + 1..].to_ascii_lowercase().starts_with("br") {
            plain.push('\n');
        }
        rest = &rest[open + close + 1..];
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(accept: &str) -> Form {
        Form::preferred(Some(&HeaderValue::from_str(accept).unwrap()))
    }

    #[test]
    fn the_form_follows_accept() {
        assert_eq!(Form::preferred(None), Form::Text);
        assert_eq!(form(""), Form::Text);
        assert_eq!(form("text/plain"), Form::Text);
        assert_eq!(form("*/*"), Form::Html);
        assert_eq!(form("application/json"), Form::Json);
        assert_eq!(form("application/json, text/html;q=0.5"), Form::Json);
        assert_eq!(form("application/json;q=0, */*"), Form::Html);
        assert_eq!(form("application/*;q=0.3, text/*;q=0.2"), Form::Json);
    }

    #[tokio::test]
    async fn bodies_look_like_the_peers() {
        let asked = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            Asked::of(&Method::GET, &headers)
        };
        let body = |accept: &'static str| async move {
            let response = ApiError::new(StatusCode::NOT_FOUND, "no <b> & c").into_response();
            let response = ErrorBody::render(&asked(accept), response);
            let bytes = axum::body::to_bytes(response.into_body(), 1 << 20)
                .await
                .unwrap();
            String::from_utf8(bytes.to_vec()).unwrap()
        };
        assert_eq!(body("text/plain").await, "404 Not Found\n\nno  & c\n\n   ");
        assert_eq!(
            body("application/json").await,
            r#"{"message": "no <b> & c<br /><br />\n\n\n", "code": "404 Not Found", "title": "Not Found"}"#
        );
        assert!(
            body("text/html")
                .await
                .contains("<h1>404 Not Found</h1>\n  no &lt;b&gt; &amp; c<br /><br />")
        );
    }

    #[test]
    fn every_kind_has_a_status() {
        let status = |error: Error| ApiError::from(error).status.as_u16();
        assert_eq!(status(Error::ImageNotFound("x".into())), 404);
        assert_eq!(status(Error::Deactivated), 403);
        assert_eq!(status(Error::NotActive), 400);
        assert_eq!(status(Error::NotCentralized), 409);
        assert_eq!(status(Error::TooLarge), 413);
        assert_eq!(status(Error::StoreDenied), 503);
        assert_eq!(status(Error::StoreTimedOut { seconds: 5 }), 503);
        assert_eq!(status(Error::UnsupportedContent("x".into())), 415);
    }
}
