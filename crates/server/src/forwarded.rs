//! What a proxy in front says about the request as the client made it.
//!
//! Read only where the operator says that there is a proxy (`enable_proxy_headers_parsing`): anybody can send these headers.

use axum::http::HeaderMap;

/// The parts of the address the client used, as far as a proxy tells them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Forwarded<'h> {
    pub(crate) proto: Option<&'h str>,
    pub(crate) host: Option<&'h str>,
    pub(crate) prefix: Option<&'h str>,
}

impl<'h> Forwarded<'h> {
    /// Reads `Forwarded` (RFC 7239), or the older headers where there is none; the prefix has only an older one.
    pub(crate) fn read(headers: &'h HeaderMap) -> Self {
        let text = |name: &str| {
            let text = headers.get(name)?.to_str().ok()?;
            (!text.is_empty()).then_some(text)
        };
        let prefix = text("x-forwarded-prefix");
        match text("forwarded") {
            Some(forwarded) => Self {
                prefix,
                ..Self::of_first_proxy(forwarded)
            },
            None => Self {
                proto: text("x-forwarded-proto"),
                host: text("x-forwarded-host"),
                prefix,
            },
        }
    }

    /// The first proxy is the one the client spoke to.
    // Compat, more lenient: a value in quotes, as a host with a port has to be written, is taken without them.
    fn of_first_proxy(forwarded: &'h str) -> Self {
        let mut found = Self::default();
        let first = forwarded.split(',').next().unwrap_or_default();
        for pair in first.split(';') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = value.trim().trim_matches('"');
            let value = (!value.is_empty()).then_some(value);
            match key.trim().to_ascii_lowercase().as_str() {
                "proto" => found.proto = value,
                "host" => found.host = value,
                _ => {}
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName};

    use super::Forwarded;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), value.parse().unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    fn read(pairs: &[(&'static str, &'static str)]) -> (Option<String>, Option<String>) {
        let headers = headers(pairs);
        let found = Forwarded::read(&headers);
        (
            found.proto.map(str::to_owned),
            found.host.map(str::to_owned),
        )
    }

    fn told(proto: &str, host: &str) -> (Option<String>, Option<String>) {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        (text(proto), text(host))
    }

    #[test]
    fn the_first_proxy_counts() {
        for (header, expected) in [
            (
                "for=192.0.2.60;proto=https;host=images.example.org",
                told("https", "images.example.org"),
            ),
            (
                "Proto=https ; Host = \"a.example.org:8443\", proto=http;host=b",
                told("https", "a.example.org:8443"),
            ),
            ("for=10.0.0.1, proto=https;host=b", told("", "")),
            ("proto=;host", told("", "")),
            ("nonsense", told("", "")),
        ] {
            assert_eq!(read(&[("forwarded", header)]), expected, "{header}");
        }
    }

    #[test]
    fn the_older_headers_count_where_there_is_no_other() {
        let older = [
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "old.example.org"),
        ];
        assert_eq!(read(&older), told("https", "old.example.org"));
        let both = [older[0], older[1], ("forwarded", "for=10.0.0.1")];
        assert_eq!(read(&both), told("", ""));
        let prefix = headers(&[
            ("forwarded", "proto=https"),
            ("x-forwarded-prefix", "/image"),
        ]);
        assert_eq!(Forwarded::read(&prefix).prefix, Some("/image"));
    }
}
