//! How the API writes points in time.

use chrono::{DateTime, SecondsFormat, Utc};

/// `2026-11-22T15:04:05Z`: whole seconds, always UTC, as every image, member and task shows its times.
pub fn iso_seconds(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Seconds since 1970 with a fraction, as the cache API shows its times.
pub fn epoch_seconds(time: DateTime<Utc>) -> f64 {
    time.timestamp_micros() as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_cut_not_rounded() {
        let time = DateTime::from_timestamp_micros(1_790_000_000_999_999).unwrap();
        assert_eq!(iso_seconds(time), "2026-09-21T14:13:20Z");
        assert_eq!(epoch_seconds(time), 1_790_000_000.999_999);
    }
}
