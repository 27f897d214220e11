//! Watches image data on its way into a store: counts it, hashes it twice, inspects its format, all in one pass.
//!
//! The hashes run beside each other and beside the store's writing, see [`crate::hashing`]. The inspector looks at the
//! first bytes and at the few places they point to, which is done in passing.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tokio::sync::oneshot;
use vidimus_digest::Algorithm;
use vidimus_inspect::Inspector;
use vidimus_store::ByteStream;

use crate::{Error, Result, Shortage, hashing::Hashing};

/// Why the data ended early; the store only sees an I/O error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Break {
    /// More than `image_size_cap`.
    Cap,
    /// More than the project has room for.
    Room { left: u64 },
    /// More than announced.
    Exceeded { expected: u64, got: u64 },
    /// The client stopped sending.
    Client,
}

/// What was learned from data that came in whole.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) size_bytes: u64,
    pub(crate) md5: String,
    pub(crate) hash: String,
    /// The hash that was signed, if it was asked for.
    pub(crate) signed_hash: Option<String>,
    pub(crate) inspector: Option<Inspector>,
}

/// What may come in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Never more than this.
    pub(crate) cap: u64,
    /// Exactly this, if it was announced.
    pub(crate) expected: Option<u64>,
    /// Never more than the project has room for.
    pub(crate) room: Option<u64>,
}

/// Counts data on its way and stops it at the first byte too many.
#[derive(Debug)]
pub(crate) struct Meter {
    count: Arc<Mutex<Count>>,
}

#[derive(Debug, Default)]
struct Count {
    size_bytes: u64,
    broken: Option<Break>,
}

impl Meter {
    /// Wraps `data`. The wrapped stream fails as soon as a limit is passed.
    pub(crate) fn over<S>(
        data: S,
        limits: Limits,
    ) -> (
        Self,
        impl Stream<Item = io::Result<Bytes>> + Send + 'static + use<S>,
    )
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        let count = Arc::new(Mutex::new(Count::default()));
        let state = (Box::pin(data), Arc::clone(&count));
        let metered = stream::try_unfold(state, move |(mut data, count)| async move {
            let Some(chunk) = data.next().await else {
                return Ok(None);
            };
            let chunk = chunk.inspect_err(|_| lock(&count).broken = Some(Break::Client))?;
            admit(&mut lock(&count), chunk.len() as u64, limits)?;
            Ok(Some((chunk, (data, count))))
        });
        (Self { count }, metered)
    }

    /// How much has come so far.
    pub(crate) fn size_bytes(&self) -> u64 {
        lock(&self.count).size_bytes
    }

    /// Why the data broke off, if it did.
    pub(crate) fn broken(&self) -> Option<Error> {
        lock(&self.count).broken.map(|broken| match broken {
            Break::Cap => Error::TooLarge,
            Break::Room { left } => Error::StorageQuota(Shortage {
                size_bytes: None,
                left: left.into(),
            }),
            Break::Exceeded { expected, got } => Error::SizeExceeded { expected, got },
            Break::Client => Error::ClientGone,
        })
    }
}

/// The watchers of one upload. [`Self::over`] gives the data to hand to the store; when the store is done,
/// [`Self::finish`] tells what it was.
#[derive(Debug)]
pub(crate) struct Watch {
    meter: Meter,
    watched: oneshot::Receiver<Watchers>,
    /// Which of the hashes is the one that was signed.
    signed: Option<usize>,
}

/// What to find out about data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// The second hash of every image.
    pub(crate) algorithm: Algorithm,
    /// The hash that was signed.
    pub(crate) signed: Option<Algorithm>,
    /// Whether its format is looked at.
    pub(crate) inspect: bool,
}

/// What looks at the data while it passes.
#[derive(Debug)]
struct Watchers {
    hashing: Hashing,
    inspector: Option<Inspector>,
}

impl Watch {
    /// Wraps `data`. The wrapped stream fails as soon as a limit is passed.
    pub(crate) fn over<S>(data: S, limits: Limits, wanted: Wanted) -> Result<(Self, ByteStream)>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        let mut algorithms = vec![Algorithm::md5(), wanted.algorithm];
        // Most often it is one of those that are computed anyway.
        let signed = wanted.signed.map(|signed| {
            let known = algorithms
                .iter()
                .position(|known| known.name() == signed.name());
            known.unwrap_or_else(|| {
                algorithms.push(signed);
                algorithms.len() - 1
            })
        });
        let watchers = Watchers {
            hashing: Hashing::new(&algorithms)?,
            inspector: wanted.inspect.then(Inspector::new),
        };
        let (meter, metered) = Meter::over(data, limits);
        let (done, watched) = oneshot::channel();
        let state = (Box::pin(metered), Some((watchers, done)));
        let data = stream::try_unfold(state, async |(mut data, mut state)| {
            let Some(chunk) = data.next().await.transpose()? else {
                if let Some((watchers, done)) = state.take() {
                    // Nobody waits for what was seen of an upload that failed elsewhere.
                    let _ = done.send(watchers);
                }
                return Ok(None);
            };
            if let Some((watchers, _)) = &mut state {
                if let Some(inspector) = &mut watchers.inspector {
                    inspector.feed(&chunk);
                }
                let hashed = watchers.hashing.update(&chunk).await;
                hashed.map_err(io::Error::other)?;
            }
            Ok(Some((chunk, (data, state))))
        });
        let watch = Self {
            meter,
            watched,
            signed,
        };
        Ok((watch, Box::pin(data)))
    }

    /// Why the data broke off, if it did.
    pub(crate) fn broken(&self) -> Option<Error> {
        self.meter.broken()
    }

    /// The facts, once the stream was read to its end and dropped.
    pub(crate) async fn finish(self, limits: Limits) -> Result<Facts> {
        let size_bytes = self.meter.size_bytes();
        if let Some(expected) = limits.expected
            && expected != size_bytes
        {
            return Err(Error::SizeMismatch {
                expected,
                got: size_bytes,
            });
        }
        let watchers = self.watched.await.map_err(Error::internal)?;
        let digests = watchers.hashing.finish().await?;
        let signed_hash = self.signed.and_then(|at| digests.get(at).cloned());
        let mut digests = digests.into_iter();
        let (Some(md5), Some(hash)) = (digests.next(), digests.next()) else {
            return Err(Error::internal("a hash is missing"));
        };
        Ok(Facts {
            size_bytes,
            md5,
            hash,
            signed_hash,
            inspector: watchers.inspector,
        })
    }
}

/// One hash of data on its way, for those who know which it has to be.
#[derive(Debug)]
pub(crate) struct HashWatch {
    hashed: oneshot::Receiver<Hashing>,
}

impl HashWatch {
    /// Wraps `data`, which passes unchanged.
    pub(crate) fn over(data: ByteStream, algorithm: Algorithm) -> Result<(Self, ByteStream)> {
        let hashing = Hashing::new(&[algorithm])?;
        let (done, hashed) = oneshot::channel();
        let state = (data, Some((hashing, done)));
        let watched = stream::try_unfold(state, async |(mut data, mut state)| {
            let Some(chunk) = data.next().await.transpose()? else {
                if let Some((hashing, done)) = state.take() {
                    // Nobody waits for the hash of data that could not be kept.
                    let _ = done.send(hashing);
                }
                return Ok(None);
            };
            if let Some((hashing, _)) = &mut state {
                let updated = hashing.update(&chunk).await;
                updated.map_err(io::Error::other)?;
            }
            Ok(Some((chunk, (data, state))))
        });
        Ok((Self { hashed }, Box::pin(watched)))
    }

    /// The hash, once the stream was read to its end and dropped.
    pub(crate) async fn finish(self) -> Result<String> {
        let hashing = self.hashed.await.map_err(Error::internal)?;
        let hash = hashing.finish().await?.into_iter().next();
        hash.ok_or_else(|| Error::internal("a hash is missing"))
    }
}

fn lock(count: &Mutex<Count>) -> std::sync::MutexGuard<'_, Count> {
    count.lock().unwrap_or_else(PoisonError::into_inner)
}

fn admit(count: &mut Count, length: u64, limits: Limits) -> io::Result<()> {
    let got = count.size_bytes + length;
    let broken = match limits.expected {
        Some(expected) if got > expected => Some(Break::Exceeded { expected, got }),
        _ if got > limits.cap => Some(Break::Cap),
        _ => match limits.room {
            Some(left) if got > left => Some(Break::Room { left }),
            _ => None,
        },
    };
    if broken.is_some() {
        count.broken = broken;
        return Err(io::Error::other("more data than allowed"));
    }
    count.size_bytes = got;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use vidimus_digest::hex_digest;

    fn chunks(
        parts: &[&'static [u8]],
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static + use<> {
        stream::iter(
            parts
                .iter()
                .map(|part| Ok(Bytes::from_static(part)))
                .collect::<Vec<_>>(),
        )
    }

    fn wanted(signed: Option<Algorithm>) -> Wanted {
        Wanted {
            algorithm: Algorithm::sha512(),
            signed,
            inspect: true,
        }
    }

    async fn run(parts: &[&'static [u8]], limits: Limits) -> Result<Facts> {
        let (watch, mut data) = Watch::over(chunks(parts), limits, wanted(None))?;
        while let Some(chunk) = data.next().await {
            if chunk.is_err() {
                return Err(watch.broken().expect("the watch knows why"));
            }
        }
        drop(data);
        watch.finish(limits).await
    }

    #[tokio::test]
    async fn tells_what_went_through() {
        let limits = Limits {
            cap: 100,
            expected: Some(7),
            room: None,
        };
        let facts = run(&[b"vidi", b"mus"], limits).await.unwrap();
        assert_eq!(facts.size_bytes, 7);
        assert_eq!(facts.md5, hex_digest(Algorithm::md5(), b"vidimus").unwrap());
        assert_eq!(
            facts.hash,
            hex_digest(Algorithm::sha512(), b"vidimus").unwrap()
        );
    }

    #[tokio::test]
    async fn the_hash_that_was_signed_is_found_whether_it_is_one_of_the_usual_or_not() {
        let limits = Limits {
            cap: 100,
            expected: None,
            room: None,
        };
        for signed in ["sha224", "sha512"] {
            let signed = Algorithm::find(signed).unwrap();
            let (watch, data) =
                Watch::over(chunks(&[b"vidi", b"mus"]), limits, wanted(Some(signed))).unwrap();
            data.for_each(|_| async {}).await;
            let facts = watch.finish(limits).await.unwrap();
            assert_eq!(
                facts.signed_hash,
                Some(hex_digest(signed, b"vidimus").unwrap())
            );
            let usual = hex_digest(Algorithm::sha512(), b"vidimus").unwrap();
            assert_eq!(facts.hash, usual);
        }
    }

    #[tokio::test]
    async fn stops_at_the_first_byte_too_many() {
        let over_cap = run(
            &[b"abcd", b"e"],
            Limits {
                cap: 4,
                expected: None,
                room: None,
            },
        )
        .await;
        assert!(matches!(over_cap, Err(Error::TooLarge)), "{over_cap:?}");
        let no_room = Limits {
            cap: 100,
            expected: None,
            room: Some(4),
        };
        let no_room = run(&[b"abcd", b"e"], no_room).await;
        assert!(
            matches!(no_room, Err(Error::StorageQuota(Shortage { left: 4, .. }))),
            "{no_room:?}"
        );
        let exceeded = run(
            &[b"abcd", b"e"],
            Limits {
                cap: 100,
                expected: Some(4),
                room: None,
            },
        )
        .await;
        assert!(
            matches!(
                exceeded,
                Err(Error::SizeExceeded {
                    expected: 4,
                    got: 5
                })
            ),
            "{exceeded:?}"
        );
        let short = run(
            &[b"abc"],
            Limits {
                cap: 100,
                expected: Some(4),
                room: None,
            },
        )
        .await;
        assert!(
            matches!(
                short,
                Err(Error::SizeMismatch {
                    expected: 4,
                    got: 3
                })
            ),
            "{short:?}"
        );
    }

    #[tokio::test]
    async fn a_client_that_leaves_is_told_from_a_store_that_fails() {
        let data = stream::iter([
            Ok(Bytes::from_static(b"ab")),
            Err(io::ErrorKind::ConnectionReset.into()),
        ]);
        let limits = Limits {
            cap: 100,
            expected: None,
            room: None,
        };
        let (watch, data) = Watch::over(data, limits, wanted(None)).unwrap();
        let outcome: Vec<_> = data.collect().await;
        assert!(outcome[1].is_err());
        assert!(matches!(watch.broken(), Some(Error::ClientGone)));
    }
}
