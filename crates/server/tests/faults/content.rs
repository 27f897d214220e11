//! Image data that is told apart at a glance and sent slowly, so that a kill finds uploads half-way.

use std::time::Duration;

use reqwest::Body;
use tokio_stream::{StreamExt, iter};

/// What an image was uploaded with: `size` bytes that follow from `seed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) seed: u64,
    pub(crate) size: usize,
}

const PIECE: usize = 64 * 1024;

impl Content {
    pub(crate) fn bytes(self) -> Vec<u8> {
        let mut random = fastrand::Rng::with_seed(self.seed);
        let mut bytes = vec![0; self.size];
        random.fill(&mut bytes);
        // Once in 65536 images these two would be those of a boot sector, whose partitions the inspector then judges.
        if let Some(signature) = bytes.get_mut(510..512) {
            signature.fill(0);
        }
        bytes
    }

    /// The same bytes with a pause before each piece.
    pub(crate) fn slowly(self, pause: Duration) -> Body {
        let bytes = self.bytes();
        let pieces: Vec<_> = bytes.chunks(PIECE).map(<[u8]>::to_vec).collect();
        let stream = iter(pieces).then(move |piece| async move {
            tokio::time::sleep(pause).await;
            Ok::<_, std::io::Error>(piece)
        });
        Body::wrap_stream(stream)
    }
}
