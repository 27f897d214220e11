//! Hashes data that passes by, each hash beside the others and beside whoever reads and stores the data.
//!
//! Data is gathered into batches; a batch goes to each hash on the blocking pool and waits for the one before it, so the
//! slowest hash sets the pace and two batches are in memory. Small data is hashed on the spot: a trip to another thread
//! costs more than hashing a few KiB.

use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinHandle;
use vidimus_digest::{Algorithm, DigestError, Hasher};

use crate::{Error, Result};

/// How much is gathered before it is hashed.
const BATCH_BYTES: usize = 512 * 1024;

/// How much may be left at the end to be hashed on the spot.
const SMALL_BYTES: usize = 32 * 1024;

/// Several hashes over the same data.
#[derive(Debug)]
pub(crate) struct Hashing {
    lanes: Vec<Lane>,
    batch: Vec<Bytes>,
    gathered: usize,
}

/// One hash; either here or away on another thread.
#[derive(Debug)]
enum Lane {
    Idle(Hasher),
    Running(JoinHandle<Result<Hasher, DigestError>>),
    /// Between two states, and for good after a failure.
    Gone,
}

impl Hashing {
    pub(crate) fn new(algorithms: &[Algorithm]) -> Result<Self> {
        let lanes = algorithms.iter().map(|algorithm| {
            let hasher = Hasher::new(*algorithm).map_err(Error::internal)?;
            Ok(Lane::Idle(hasher))
        });
        Ok(Self {
            lanes: lanes.collect::<Result<_>>()?,
            batch: Vec::new(),
            gathered: 0,
        })
    }

    /// Takes in the next bytes; waits when the hashes are behind.
    pub(crate) async fn update(&mut self, bytes: &Bytes) -> Result<()> {
        self.gathered += bytes.len();
        self.batch.push(bytes.clone());
        if self.gathered < BATCH_BYTES {
            return Ok(());
        }
        self.start_batch().await
    }

    async fn start_batch(&mut self) -> Result<()> {
        self.gathered = 0;
        let batch: Arc<[Bytes]> = std::mem::take(&mut self.batch).into();
        for lane in &mut self.lanes {
            let mut hasher = lane.take().await?;
            let batch = Arc::clone(&batch);
            *lane = Lane::Running(tokio::task::spawn_blocking(move || {
                hash(&mut hasher, &batch)?;
                Ok(hasher)
            }));
        }
        Ok(())
    }

    /// The hashes of everything, in hexadecimal, in the order of the algorithms.
    pub(crate) async fn finish(mut self) -> Result<Vec<String>> {
        let is_small = self.gathered <= SMALL_BYTES;
        let rest = std::mem::take(&mut self.batch);
        if !is_small {
            self.batch = rest.clone();
            self.start_batch().await?;
        }
        let mut digests = Vec::new();
        for lane in &mut self.lanes {
            let mut hasher = lane.take().await?;
            if is_small {
                hash(&mut hasher, &rest).map_err(Error::internal)?;
            }
            digests.push(hasher.finish().map_err(Error::internal)?);
        }
        Ok(digests)
    }
}

impl Lane {
    /// The hash, once it is back.
    async fn take(&mut self) -> Result<Hasher> {
        match std::mem::replace(self, Self::Gone) {
            Self::Idle(hasher) => Ok(hasher),
            Self::Running(task) => task
                .await
                .map_err(Error::internal)?
                .map_err(Error::internal),
            Self::Gone => Err(Error::internal("a hash broke off")),
        }
    }
}

fn hash(hasher: &mut Hasher, batch: &[Bytes]) -> Result<(), DigestError> {
    batch.iter().try_for_each(|bytes| hasher.update(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use vidimus_digest::hex_digest;

    #[tokio::test]
    async fn hashes_data_of_any_length_in_any_pieces() {
        let data: Vec<u8> = (0..2_000_000_u32).map(|at| (at % 251) as u8).collect();
        let algorithms = [Algorithm::md5(), Algorithm::sha512()];
        let edges = [
            0,
            1,
            SMALL_BYTES,
            SMALL_BYTES + 1,
            BATCH_BYTES,
            BATCH_BYTES + 1,
            2_000_000,
        ];
        for (length, piece) in edges
            .iter()
            .flat_map(|edge| [(*edge, 7_001), (*edge, 600_000)])
        {
            let mut hashing = Hashing::new(&algorithms).unwrap();
            for chunk in data[..length].chunks(piece) {
                hashing
                    .update(&Bytes::copy_from_slice(chunk))
                    .await
                    .unwrap();
            }
            let expected =
                algorithms.map(|algorithm| hex_digest(algorithm, &data[..length]).unwrap());
            assert_eq!(
                hashing.finish().await.unwrap(),
                expected,
                "{length} by {piece}"
            );
        }
    }
}
