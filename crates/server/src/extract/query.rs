//! Query strings: decoded for the list, and written again for its links.

use crate::error::ApiError;

/// The parameters of a query string, decoded, in order.
pub(crate) fn parameters(query: Option<&str>) -> Result<Vec<(String, String)>, ApiError> {
    let undecodable = || {
        ApiError::bad_request(
            "Error decoding your request. Either the URL or the request body contained characters that could not be decoded by Glance",
        )
    };
    let decode = |text: &str| decode_component(text).ok_or_else(undecodable);
    query
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(key)?, decode(value)?))
        })
        .collect()
}

/// Decodes `+` and `%XX`. A percent sign that begins no escape stands for itself; `None` if the result is no UTF-8.
fn decode_component(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes
            .get(at + 1..at + 3)
            .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (bytes[at], escape) {
            (b'+', _) => decoded.push(b' '),
            (b'%', Some(byte)) => {
                decoded.push(byte);
                at += 2;
            }
            (byte, _) => decoded.push(byte),
        }
        at += 1;
    }
    String::from_utf8(decoded).ok()
}

/// Writes the links of a list.
///
/// Compat: Glance rebuilds the query from a dictionary, so of a parameter given several times the last value survives,
/// in the place of the first, and the marker moves to the end (peer: lists/links).
pub(crate) fn list_link(
    path: &str,
    parameters: &[(String, String)],
    marker: Option<&str>,
) -> String {
    let mut kept: Vec<(&str, &str)> = Vec::new();
    for (key, value) in parameters.iter().filter(|(key, _)| key != "marker") {
        match kept.iter_mut().find(|(known, _)| known == key) {
            Some((_, current)) => *current = value,
            None => kept.push((key, value)),
        }
    }
    kept.extend(marker.map(|marker| ("marker", marker)));
    if kept.is_empty() {
        return path.to_owned();
    }
    let query: Vec<String> = kept
        .iter()
        .map(|(key, value)| format!("{}={}", quote_plus(key), quote_plus(value)))
        .collect();
    format!("{path}?{}", query.join("&"))
}

/// Writes a name as one segment of a path. What a segment may hold as it is, colons among it, stays.
pub(crate) fn quote_segment(name: &str) -> String {
    let mut quoted = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'_' | b'.' | b'-' | b'~' | b':' | b'@' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')'
            | b'*' | b'+' | b',' | b';' | b'=' => quoted.push(byte as char),
            _ if byte.is_ascii_alphanumeric() => quoted.push(byte as char),
            _ => quoted.push_str(&format!("%{byte:02X}")),
        }
    }
    quoted
}

/// As Python's `quote_plus`: letters, digits and `_.-~` stay, a blank becomes `+`.
fn quote_plus(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => quoted.push('+'),
            b'_' | b'.' | b'-' | b'~' => quoted.push(byte as char),
            _ if byte.is_ascii_alphanumeric() => quoted.push(byte as char),
            _ => quoted.push_str(&format!("%{byte:02X}")),
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_what_browsers_send() {
        let read = parameters(Some("a=1&b=x+y%2Cz&c&=d&e=%zz")).unwrap();
        let expected = [
            ("a", "1"),
            ("b", "x y,z"),
            ("c", ""),
            ("", "d"),
            ("e", "%zz"),
        ];
        assert_eq!(read, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
        assert!(parameters(Some("a=%ff")).is_err());
        assert!(parameters(None).unwrap().is_empty());
    }

    #[test]
    fn links_lose_repeated_parameters_like_the_peers() {
        let read = parameters(Some("tag=a&limit=2&tag=b c&marker=old")).unwrap();
        assert_eq!(
            list_link("/v2/images", &read, Some("new")),
            "/v2/images?tag=b+c&limit=2&marker=new"
        );
        assert_eq!(list_link("/v2/images", &[], None), "/v2/images");
    }

    #[test]
    fn a_segment_keeps_its_colons_and_loses_its_slashes() {
        assert_eq!(quote_segment("OS::A-b_c.d"), "OS::A-b_c.d");
        assert_eq!(quote_segment("a/b ü%?"), "a%2Fb%20%C3%BC%25%3F");
    }

    proptest::proptest! {
        #[test]
        fn what_is_quoted_decodes_to_itself(text in ".{0,30}") {
            proptest::prop_assert_eq!(decode_component(&quote_plus(&text)), Some(text));
        }
    }
}
