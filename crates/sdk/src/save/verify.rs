//! Hashes image data beside its transfer and compares the result with what the image's metadata says.

use std::{
    fs,
    io::{self, Read},
};

use bytes::Bytes;
use tokio::{
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
};
use vidimus_digest::{Algorithm, DigestError, Hasher};

use super::Integrity;
use crate::{Error, Image, Result};

/// Pieces that may wait to be hashed; a piece is at most some hundred kilobytes.
const HASH_QUEUE: usize = 32;

/// A hash and how to compute it.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    algorithm: Algorithm,
    hash: String,
}

impl Expected {
    /// What the image's metadata says. Compat: `os_hash_*` first, md5 where that is missing or unknown here, as
    /// openstacksdk.
    pub(super) fn of(image: &Image) -> Option<Self> {
        let by_name = image.os_hash().and_then(|(name, hash)| {
            Some(Self {
                algorithm: Algorithm::find(name)?,
                hash: hash.to_owned(),
            })
        });
        by_name.or_else(|| image.checksum.clone().map(Self::md5))
    }

    pub(super) fn md5(hash: String) -> Self {
        Self {
            algorithm: Algorithm::md5(),
            hash,
        }
    }
}

/// Hashes in a thread of its own what is sent to it.
pub(super) struct Verifier {
    expected: Expected,
    pieces: mpsc::Sender<Bytes>,
    digest: JoinHandle<io::Result<String>>,
}

impl Verifier {
    /// Starts with the first `beginning.1` bytes of a file, if there are any.
    pub(super) fn start(expected: Expected, beginning: Option<(fs::File, u64)>) -> Result<Self> {
        let mut hasher = Hasher::new(expected.algorithm)
            .map_err(|_| Error::UnsupportedHash(expected.algorithm.name().to_owned()))?;
        let (pieces, mut waiting) = mpsc::channel::<Bytes>(HASH_QUEUE);
        let digest = spawn_blocking(move || {
            if let Some((file, length)) = beginning {
                hash_file(&mut hasher, file.take(length))?;
            }
            while let Some(piece) = waiting.blocking_recv() {
                hasher.update(&piece).map_err(failed)?;
            }
            hasher.finish().map_err(failed)
        });
        Ok(Self {
            expected,
            pieces,
            digest,
        })
    }

    pub(super) async fn update(&self, piece: &Bytes) {
        // A hashing thread that is gone is noticed by `finish`.
        let _ = self.pieces.send(piece.clone()).await;
    }

    pub(super) async fn finish(self) -> Result<Integrity> {
        drop(self.pieces);
        let actual = self
            .digest
            .await
            .map_err(io::Error::other)
            .and_then(|digest| digest)
            .map_err(Error::Stream)?;
        let algorithm = self.expected.algorithm.name();
        if actual == self.expected.hash {
            Ok(Integrity::Verified { algorithm })
        } else {
            Err(Error::ChecksumMismatch {
                algorithm: algorithm.to_owned(),
                expected: self.expected.hash,
                actual,
            })
        }
    }
}

fn hash_file(hasher: &mut Hasher, mut file: impl Read) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        hasher.update(&buffer[..count]).map_err(failed)?;
    }
}

fn failed(error: DigestError) -> io::Error {
    io::Error::other(error.to_string())
}
