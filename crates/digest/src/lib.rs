//! Hashes image data: MD5 for the `checksum` of an image, and one named algorithm for its `os_hash_value`.
//!
//! A crate of its own because three programs must agree on the names: the server hashes uploads, the cache verifies what
//! it fetched, the client verifies what it downloaded. Not its job: reading the data, or comparing in constant time
//! (checksums of images are public).

use std::{fmt, sync::LazyLock};

use openssl::hash::MessageDigest;

/// hashlib's name, OpenSSL's name. Algorithms of variable length (shake) are left out: Glance cannot use them either,
/// its `hexdigest()` call has no length to give.
const NAMES: &[(&str, &str)] = &[
    ("md5", "md5"),
    ("sha1", "sha1"),
    ("sha224", "sha224"),
    ("sha256", "sha256"),
    ("sha384", "sha384"),
    ("sha512", "sha512"),
    ("sha3_224", "sha3-224"),
    ("sha3_256", "sha3-256"),
    ("sha3_384", "sha3-384"),
    ("sha3_512", "sha3-512"),
    ("blake2b", "blake2b512"),
    ("blake2s", "blake2s256"),
];

/// The algorithms of [`NAMES`] that work here. Asked once: OpenSSL takes locks and memory for each answer, and every
/// download of a cached image wants one.
static FOUND: LazyLock<Vec<Option<Algorithm>>> = LazyLock::new(|| {
    let found = NAMES.iter().map(|(name, openssl_name)| {
        let digest = MessageDigest::from_name(openssl_name)?;
        let algorithm = Algorithm { name, digest };
        // A machine in FIPS mode knows the name and refuses the work.
        Hasher::new(algorithm).ok()?;
        Some(algorithm)
    });
    found.collect()
});

/// A hash algorithm by the name Python's hashlib gives it, which is how Glance's `hashing_algorithm` and an image's
/// `os_hash_algo` spell it.
#[derive(Clone, Copy)]
pub struct Algorithm {
    name: &'static str,
    digest: MessageDigest,
}

impl Algorithm {
    /// The algorithm called `name`, or `None` when it is unknown or this machine's OpenSSL has it switched off.
    pub fn find(name: &str) -> Option<Self> {
        let at = NAMES.iter().position(|(known, _)| *known == name)?;
        FOUND.get(at).copied().flatten()
    }

    /// MD5, the algorithm behind every image's `checksum`.
    pub fn md5() -> Self {
        Self {
            name: "md5",
            digest: MessageDigest::md5(),
        }
    }

    /// SHA-512, Glance's default for `os_hash_algo`.
    pub fn sha512() -> Self {
        Self {
            name: "sha512",
            digest: MessageDigest::sha512(),
        }
    }

    /// hashlib's name of it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// How many bytes a hash has.
    pub fn size_bytes(&self) -> usize {
        self.digest.size()
    }
}

impl fmt::Debug for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// OpenSSL refused to hash. Seen only when the machine's policy (FIPS mode) forbids the algorithm.
#[derive(Debug)]
pub struct DigestError {
    algorithm: &'static str,
    cause: openssl::error::ErrorStack,
}

impl fmt::Display for DigestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "this machine's OpenSSL cannot compute `{}`",
            self.algorithm
        )
    }
}

impl std::error::Error for DigestError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

/// A running hash of one algorithm.
pub struct Hasher {
    algorithm: Algorithm,
    hasher: openssl::hash::Hasher,
}

impl Hasher {
    /// Starts a hash over nothing.
    pub fn new(algorithm: Algorithm) -> Result<Self, DigestError> {
        let hasher = openssl::hash::Hasher::new(algorithm.digest).map_err(|cause| DigestError {
            algorithm: algorithm.name,
            cause,
        })?;
        Ok(Self { algorithm, hasher })
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, bytes: &[u8]) -> Result<(), DigestError> {
        self.hasher.update(bytes).map_err(|cause| DigestError {
            algorithm: self.algorithm.name,
            cause,
        })
    }

    /// The hash of everything taken in, in lower-case hexadecimal.
    pub fn finish(self) -> Result<String, DigestError> {
        let digest = self.finish_bytes()?;
        Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The same as the bytes it is made of.
    pub fn finish_bytes(mut self) -> Result<Vec<u8>, DigestError> {
        let digest = self.hasher.finish().map_err(|cause| DigestError {
            algorithm: self.algorithm.name,
            cause,
        })?;
        Ok(digest.to_vec())
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher")
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// The hash of `bytes` in lower-case hexadecimal.
pub fn hex_digest(algorithm: Algorithm, bytes: &[u8]) -> Result<String, DigestError> {
    let mut hasher = Hasher::new(algorithm)?;
    hasher.update(bytes)?;
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_hashlib() {
        // python3 -c 'import hashlib; print(hashlib.new(NAME, b"vidimus").hexdigest())'
        let expected = [("md5", MD5), ("sha256", SHA256), ("blake2s", BLAKE2S)];
        for (name, digest) in expected {
            let algorithm = Algorithm::find(name).unwrap();
            assert_eq!(hex_digest(algorithm, b"vidimus").unwrap(), digest, "{name}");
        }
    }

    const MD5: &str = "15489da973ce5b1f18fe2f2da47f529a";
    const SHA256: &str = "9089e750a15d8a53661befbb36829d94f714caf464fd57b17731255c251c4557";
    const BLAKE2S: &str = "4c8ee3c4c9efa2c742a372ce1b792f89ead205359d2663d57d815edf051abb6b";

    #[test]
    fn every_name_in_the_table_exists() {
        for (name, _) in NAMES {
            assert_eq!(Algorithm::find(name).map(|found| found.name()), Some(*name));
        }
        assert!(
            Algorithm::find("SHA512").is_none(),
            "names are hashlib's, in lower case"
        );
        assert!(Algorithm::find("shake_128").is_none());
    }

    #[test]
    fn pieces_hash_like_the_whole() {
        let mut hasher = Hasher::new(Algorithm::sha512()).unwrap();
        hasher.update(b"vidi").unwrap();
        hasher.update(b"mus").unwrap();
        assert_eq!(
            hasher.finish().unwrap(),
            hex_digest(Algorithm::sha512(), b"vidimus").unwrap()
        );
    }
}
