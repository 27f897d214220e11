//! Which bytes of an image a download asks for.

use axum::http::{HeaderMap, header};
use vidimus_service::{Error, RangeRequest};
use vidimus_types::ByteRange;

/// The range headers of a request. They can only be judged once the size of the image is known.
#[derive(Debug)]
pub(crate) struct RangeHeaders {
    range: Option<String>,
    content_range: Option<String>,
}

impl RangeHeaders {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let text = |name| {
            headers
                .get(name)
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        Self {
            range: text(header::RANGE),
            content_range: text(header::CONTENT_RANGE),
        }
    }
}

impl RangeRequest for RangeHeaders {
    fn resolve(&self, size_bytes: u64) -> Result<Option<ByteRange>, Error> {
        match (&self.range, &self.content_range) {
            (Some(range), _) => resolve_range(range, size_bytes).map(Some),
            (None, Some(content_range)) => {
                resolve_content_range(content_range, size_bytes).map(Some)
            }
            (None, None) => Ok(None),
        }
    }
}

fn unsatisfiable<T>(explanation: impl Into<String>) -> Result<T, Error> {
    Err(Error::RangeNotSatisfiable(explanation.into()))
}

/// `bytes=a-b`, `bytes=a-`, `bytes=-n`. An end beyond the image is cut, a suffix longer than the image is all of it.
fn resolve_range(text: &str, size_bytes: u64) -> Result<ByteRange, Error> {
    if text.contains(',') {
        return Err(Error::Invalid(
            "Requests with multiple ranges are not supported in Glance. You may make multiple single-range requests instead."
                .to_owned(),
        ));
    }
    let Some((first, last)) = parse_range(text) else {
        return unsatisfiable("Invalid Range header.");
    };
    let range = match (first, last) {
        // Compat: `-0` is all of the image, as in Glance.
        (None, Some(0)) => ByteRange::whole(size_bytes),
        (None, Some(length)) => ByteRange {
            start: size_bytes.saturating_sub(length),
            end: size_bytes,
        },
        (Some(start), None) => ByteRange {
            start,
            end: size_bytes,
        },
        (Some(start), Some(last)) if start <= last => ByteRange {
            start,
            end: last.saturating_add(1).min(size_bytes),
        },
        _ => return unsatisfiable("Invalid Range header."),
    };
    if range.start >= size_bytes {
        return outside("start", "Range", size_bytes);
    }
    Ok(range)
}

/// The positions in `bytes=first-last`, either of which may be missing.
///
/// Compat: as lenient as WebOb, which takes any case, blanks around the signs, and whatever follows the last digit.
fn parse_range(text: &str) -> Option<(Option<u64>, Option<u64>)> {
    let unit = text
        .get(..5)
        .filter(|unit| unit.eq_ignore_ascii_case("bytes"))?;
    let spec = text[unit.len()..]
        .trim_start_matches(' ')
        .strip_prefix('=')?
        .trim_start_matches(' ');
    let (first, rest) = leading_number(spec);
    let (last, _) = leading_number(
        rest.trim_start_matches(' ')
            .strip_prefix('-')?
            .trim_start_matches(' '),
    );
    if first.is_none() && last.is_none() {
        None
    } else {
        Some((first, last))
    }
}

/// The number a text begins with, cut to the largest there is, and what follows.
fn leading_number(text: &str) -> (Option<u64>, &str) {
    let end = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if digits.is_empty() {
        (None, rest)
    } else {
        (Some(digits.parse().unwrap_or(u64::MAX)), rest)
    }
}

fn outside<T>(which: &str, name: &str, size_bytes: u64) -> Result<T, Error> {
    let last = i128::from(size_bytes) - 1;
    let position = if which == "stop" {
        "The stop position"
    } else {
        "Start position"
    };
    unsatisfiable(format!(
        "Invalid {which} position in {name} header. {position} MUST be in the inclusive range [0, {last}]."
    ))
}

/// `bytes a-b/total` or `bytes a-b/*` in a request: what old clients send for a range.
///
/// Compat, stricter: Glance sends a short body when the total is not the size of the image, and breaks the connection
/// when there are no positions; both are 416 here.
fn resolve_content_range(text: &str, size_bytes: u64) -> Result<ByteRange, Error> {
    let invalid = || unsatisfiable("Invalid Content-Range header.");
    let parsed = text.strip_prefix("bytes ").and_then(|spec| {
        let (positions, total) = spec.trim().split_once('/')?;
        let (first, last) = positions.split_once('-')?;
        let total = if total == "*" {
            None
        } else {
            Some(total.parse::<u64>().ok()?)
        };
        Some((
            first.parse::<u64>().ok()?,
            last.parse::<u64>().ok()?.checked_add(1)?,
            total,
        ))
    });
    let Some((start, end, total)) = parsed else {
        return invalid();
    };
    if start >= end || total.is_some_and(|total| end > total) {
        return invalid();
    }
    if end > size_bytes && total.is_none() {
        return outside("stop", "Content-Range", size_bytes);
    }
    if start >= size_bytes {
        return outside("start", "Content-Range", size_bytes);
    }
    if total.is_some_and(|total| total != size_bytes) {
        return invalid();
    }
    Ok(ByteRange { start, end })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str, size: u64) -> Option<(u64, u64)> {
        resolve_range(text, size)
            .ok()
            .map(|range| (range.start, range.end))
    }

    /// The table of Glance's own unit test (test_range_requests_for_image_downloads), for an image of three bytes.
    #[test]
    fn ranges_resolve_as_in_glance() {
        for (text, expected) in [
            ("bytes=1-2", Some((1, 3))),
            ("bytes=1-", Some((1, 3))),
            ("bytes=1-3", Some((1, 3))),
            ("bytes=-2", Some((1, 3))),
            ("bytes=1-100", Some((1, 3))),
            ("bytes=0-", Some((0, 3))),
            ("bytes=-3", Some((0, 3))),
            ("bytes=-100", Some((0, 3))),
            ("bytes=-0", Some((0, 3))),
            ("bytes=4-1", None),
            ("bytes=4-", None),
            ("bytes=3-", None),
            ("bytes=1", None),
            ("bytes=", None),
            ("bytes=+1-2", None),
            ("bytes=-", None),
            ("Bytes = 1 - 2", Some((1, 3))),
            ("bytes=-1-2", Some((2, 3))),
            ("bytes=0-99999999999999999999", Some((0, 3))),
            ("lines=1-2", None),
            ("bytes=18446744073709551615-", None),
            ("bytes=0-18446744073709551615", Some((0, 3))),
        ] {
            assert_eq!(range(text, 3), expected, "{text}");
        }
        assert_eq!(
            range("bytes=0-", 0),
            None,
            "nothing can be asked of an empty image"
        );
        assert!(matches!(
            resolve_range("bytes=0-1,2-3", 3),
            Err(Error::Invalid(_))
        ));
    }

    #[test]
    fn old_clients_may_send_content_range() {
        let content_range = |text| {
            resolve_content_range(text, 3)
                .ok()
                .map(|range| (range.start, range.end))
        };
        assert_eq!(content_range("bytes 1-2/3"), Some((1, 3)));
        assert_eq!(content_range("bytes 1-2/*"), Some((1, 3)));
        for bad in [
            "bytes 1-3/3",
            "bytes 4-8/10",
            "bytes */3",
            "bytes 1-2/10",
            "bytes 0-5/*",
            "1-2/3",
            "bytes 2-1/3",
        ] {
            assert_eq!(content_range(bad), None, "{bad}");
        }
    }
}
