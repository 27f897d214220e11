//! What the bytes of an image must be, and what is known of a file's bytes.

use std::{fmt, sync::Arc};

use vidimus_digest::{Algorithm, DigestError, Hasher};

/// What is known of an image's data before any of it is read. Comes from the image's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The image's `size`.
    pub size_bytes: u64,
    /// The image's `checksum`, in hexadecimal.
    pub md5: Option<String>,
    /// The image's `os_hash_algo`, by hashlib's name, and `os_hash_value`, in hexadecimal.
    pub hash: Option<(String, String)>,
}

/// The hashes of an image that this machine can compute.
#[derive(Debug, Clone)]
pub(crate) struct Checks {
    pub(crate) size_bytes: u64,
    wanted: Vec<(Algorithm, String)>,
}

impl Checks {
    /// `None` when the image has hashes but this machine can compute none of them.
    pub(crate) fn new(expected: &Expected) -> Option<Self> {
        let hash = expected.hash.as_ref();
        // The stronger one first: it alone decides where one is enough.
        let named = hash
            .map(|(name, value)| (name.as_str(), value))
            .into_iter()
            .chain(expected.md5.as_ref().map(|value| ("md5", value)));
        let wanted: Vec<_> = named
            .clone()
            .filter_map(|(name, value)| {
                let algorithm = Algorithm::find(name)?;
                Some((algorithm, value.to_ascii_lowercase()))
            })
            .collect();
        if wanted.is_empty() && named.count() > 0 {
            return None;
        }
        Some(Self {
            size_bytes: expected.size_bytes,
            wanted,
        })
    }

    /// Whether there is a hash to check a file against that was not filled by us.
    pub(crate) fn has_hash(&self) -> bool {
        !self.wanted.is_empty()
    }

    /// A running hash of the strongest wanted hash, which decides alone: the others were made of the same bytes, and each costs
    /// as much as all the rest of a fill.
    pub(crate) fn hasher(&self) -> Result<Option<Hasher>, DigestError> {
        let first = self.wanted.first();
        first
            .map(|(algorithm, _)| Hasher::new(*algorithm))
            .transpose()
    }

    /// Compares what [`Self::hasher`] found.
    pub(crate) fn compare(&self, found: Option<String>) -> Result<Proof, WrongHash> {
        match self.wanted.first().zip(found) {
            None => Ok(Proof::none()),
            Some(((algorithm, expected), found)) if *expected == found => {
                Ok(Proof(format!("{}:{found}", algorithm.name()).into()))
            }
            Some(((algorithm, expected), found)) => Err(WrongHash {
                algorithm: algorithm.name(),
                expected: expected.clone(),
                found,
            }),
        }
    }
}

/// The hash of the bytes is another than the image's.
#[derive(Debug)]
pub(crate) struct WrongHash {
    pub(crate) algorithm: &'static str,
    pub(crate) expected: String,
    pub(crate) found: String,
}

/// The hashes a file was verified against, as `sha512:12ab…,md5:34cd…`; kept as text, of which a node has many.
///
/// `-` for an image that has none: then all that is known is that we wrote the file ourselves, to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proof(Arc<str>);

impl Proof {
    /// What is known of a file whose image has no hash.
    pub(crate) fn none() -> Self {
        Self("-".into())
    }

    /// Reads what `Display` wrote. Text that is no proof makes one that proves nothing.
    pub(crate) fn parse(text: &str) -> Self {
        Self(text.into())
    }

    fn digest(&self, algorithm: Algorithm) -> Option<&str> {
        let mut digests = self.0.split(',').filter_map(|part| part.split_once(':'));
        let digest = digests.find(|(name, _)| *name == algorithm.name());
        digest.map(|(_, value)| value)
    }

    /// Whether this is what `checks` asks for, so that the file needs no reading.
    pub(crate) fn covers(&self, checks: &Checks) -> bool {
        let is_strongest_known = checks
            .wanted
            .first()
            .is_none_or(|(algorithm, _)| self.digest(*algorithm).is_some());
        let agrees = |(algorithm, value): &(Algorithm, String)| {
            self.digest(*algorithm).is_none_or(|found| found == value)
        };
        is_strongest_known && checks.wanted.iter().all(agrees)
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(md5: Option<&str>, hash: Option<(&str, &str)>) -> Expected {
        Expected {
            size_bytes: 3,
            md5: md5.map(str::to_owned),
            hash: hash.map(|(name, value)| (name.to_owned(), value.to_owned())),
        }
    }

    fn proof(text: &str) -> Proof {
        Proof::parse(text)
    }

    #[test]
    fn what_is_no_proof_proves_nothing() {
        let checks = Checks::new(&expected(Some("aa"), None)).unwrap();
        for bad in ["", "-", "md5", "md5:", "md5:a", "rot13:aa", ":aa"] {
            assert!(!proof(bad).covers(&checks), "{bad:?}");
        }
        let found = checks.compare(Some("aa".to_owned())).unwrap();
        assert!(proof(&found.to_string()).covers(&checks));
    }

    #[test]
    fn the_strongest_hash_must_be_known_and_none_may_differ() {
        let both = Checks::new(&expected(Some("AA"), Some(("sha256", "BB")))).unwrap();
        assert!(proof("sha256:bb,md5:aa").covers(&both));
        assert!(proof("sha256:bb").covers(&both));
        assert!(!proof("md5:aa").covers(&both), "only the weaker is known");
        assert!(!proof("sha256:bb,md5:cc").covers(&both));
        assert!(!proof("-").covers(&both));
        let none = Checks::new(&expected(None, None)).unwrap();
        assert!(proof("-").covers(&none) && proof("md5:aa").covers(&none));
    }

    #[test]
    fn hashes_nobody_can_compute_are_not_taken_for_none() {
        assert!(Checks::new(&expected(None, Some(("rot13", "aa")))).is_none());
        let md5 = Checks::new(&expected(Some("aa"), Some(("rot13", "aa")))).unwrap();
        assert!(proof("md5:aa").covers(&md5), "the other hash is enough");
    }
}
