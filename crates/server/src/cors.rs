//! What web pages of other origins may do: oslo.middleware's CORS filter, `[cors]`.
//!
//! A browser asks before it sends a request that changes things, and reads an answer only if a header of it says so. Who
//! calls is not looked at here: an answer that refuses the caller is one that a page may read, too.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::config;

/// Headers of requests that a page may always set.
const SIMPLE_HEADERS: &[&str] = &[
    "accept",
    "accept-language",
    "content-type",
    "cache-control",
    "content-language",
    "expires",
    "last-modified",
    "pragma",
];

/// The rules, ready to be put into headers.
#[derive(Debug, Clone, Default)]
pub struct Cors {
    origins: Vec<String>,
    credentials: bool,
    expose: Option<HeaderValue>,
    max_age: Option<HeaderValue>,
    methods: Vec<String>,
    headers: Vec<String>,
}

impl Cors {
    /// The rules as configured. What cannot stand in a header is left out.
    pub fn new(settings: &config::Cors) -> Self {
        let expose = settings.expose_headers.join(",");
        let seconds = settings.max_age.as_secs();
        Self {
            origins: settings.allowed_origins.clone(),
            credentials: settings.allow_credentials,
            expose: HeaderValue::try_from(expose)
                .ok()
                .filter(|value| !value.is_empty()),
            max_age: (seconds > 0).then(|| seconds.into()),
            methods: settings.allow_methods.clone(),
            headers: settings.allow_headers.clone(),
        }
    }

    /// Adds to the answer to OPTIONS what the page may send; nothing if it may not send what it asks for.
    pub(crate) fn allow(&self, request: &HeaderMap, response: &mut HeaderMap) {
        let asked = request.get(header::ORIGIN);
        let Some(origin) = asked.and_then(|origin| self.admitted(origin)) else {
            return;
        };
        let Some(method) = request
            .get(header::ACCESS_CONTROL_REQUEST_METHOD)
            .filter(|method| {
                self.methods
                    .iter()
                    .any(|allowed| allowed.as_str() == *method)
            })
        else {
            return;
        };
        let Some(headers) = self.requested_headers(request) else {
            return;
        };
        self.open_to(origin, response);
        response.insert(header::ACCESS_CONTROL_ALLOW_METHODS, method.clone());
        let more = [
            (header::ACCESS_CONTROL_MAX_AGE, self.max_age.clone()),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, headers),
        ];
        insert_all(response, more);
    }

    /// Adds to an answer that a page may read it.
    pub(crate) fn disclose(&self, origin: Option<&HeaderValue>, response: &mut HeaderMap) {
        let Some(origin) = origin.and_then(|origin| self.admitted(origin)) else {
            return;
        };
        self.open_to(origin, response);
        insert_all(
            response,
            [(header::ACCESS_CONTROL_EXPOSE_HEADERS, self.expose.clone())],
        );
    }

    /// What stands for the origin of the request in the answer, if it is one of those allowed.
    fn admitted(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        let is_allowed = |word: &str| self.origins.iter().any(|allowed| allowed == word);
        if origin.to_str().is_ok_and(is_allowed) {
            Some(origin.clone())
        } else {
            is_allowed("*").then(|| HeaderValue::from_static("*"))
        }
    }

    /// The headers the page wants to set, in its own words; `None` if one of them is not allowed.
    fn requested_headers(&self, request: &HeaderMap) -> Option<Option<HeaderValue>> {
        let Some(asked) = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS) else {
            return Some(None);
        };
        let names: Vec<&str> = asked
            .to_str()
            .ok()?
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .collect();
        let is_allowed = |name: &str| {
            let configured = self.headers.iter().map(String::as_str);
            configured
                .chain(SIMPLE_HEADERS.iter().copied())
                .any(|allowed| allowed.eq_ignore_ascii_case(name))
        };
        if !names.iter().all(|name| is_allowed(name)) {
            return None;
        }
        let names = names.join(",");
        Some(
            HeaderValue::try_from(names)
                .ok()
                .filter(|value| !value.is_empty()),
        )
    }

    fn open_to(&self, origin: HeaderValue, response: &mut HeaderMap) {
        response.append(header::VARY, HeaderValue::from_static("Origin"));
        response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if self.credentials {
            let allowed = HeaderValue::from_static("true");
            response.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, allowed);
        }
    }
}

fn insert_all<const N: usize>(
    headers: &mut HeaderMap,
    more: [(HeaderName, Option<HeaderValue>); N],
) {
    for (name, value) in more {
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Cors {
        Cors {
            origins: vec!["https://horizon.example".to_owned()],
            credentials: true,
            expose: Some(HeaderValue::from_static("X-Auth-Token")),
            max_age: Some(HeaderValue::from_static("60")),
            methods: vec!["GET".to_owned(), "PUT".to_owned()],
            headers: vec!["X-Auth-Token".to_owned()],
        }
    }

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    fn preflight(method: &'static str, headers: &'static str) -> HeaderMap {
        let mut response = HeaderMap::new();
        let request = map(&[
            ("origin", "https://horizon.example"),
            ("access-control-request-method", method),
            ("access-control-request-headers", headers),
        ]);
        rules().allow(&request, &mut response);
        response
    }

    #[test]
    fn a_preflight_is_answered_whole_or_not_at_all() {
        let allowed = preflight("PUT", "x-auth-token, Content-Type");
        assert_eq!(
            allowed,
            map(&[
                ("vary", "Origin"),
                ("access-control-allow-origin", "https://horizon.example"),
                ("access-control-allow-credentials", "true"),
                ("access-control-allow-methods", "PUT"),
                ("access-control-max-age", "60"),
                ("access-control-allow-headers", "x-auth-token,Content-Type"),
            ])
        );
        assert!(preflight("DELETE", "").is_empty());
        assert!(
            preflight("put", "").is_empty(),
            "methods are case-sensitive"
        );
        assert!(preflight("PUT", "x-auth-token, x-other").is_empty());
    }

    #[test]
    fn only_known_origins_read_answers() {
        let read = |rules: Cors, origin: &'static str| {
            let mut response = HeaderMap::new();
            rules.disclose(Some(&HeaderValue::from_static(origin)), &mut response);
            response
                .remove(header::ACCESS_CONTROL_ALLOW_ORIGIN)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        let horizon = "https://horizon.example";
        assert_eq!(read(rules(), horizon).as_deref(), Some(horizon));
        assert_eq!(read(rules(), "https://horizon.example.evil"), None);
        assert_eq!(read(Cors::default(), horizon), None);
        let open = Cors {
            origins: vec!["*".to_owned()],
            ..rules()
        };
        assert_eq!(read(open, "https://elsewhere").as_deref(), Some("*"));
    }
}
