//! Gives up on a server that sends just enough to keep a connection open.
//!
//! Only the time spent waiting for the server counts, never the time in which nobody asked for more: what reads the data
//! may be slow itself.

use std::{
    future::Future,
    pin::pin,
    time::{Duration, Instant},
};

use crate::FetchError;

/// So much has to come in so much time of waiting.
// About 200 bytes a second: no image was ever fetched in earnest at that pace, and a hold on one of the few places for
// imports costs somebody who keeps it longer something.
const WINDOW: Duration = Duration::from_secs(300);
const WINDOW_BYTES: u64 = 64 * 1024;

/// How fast data has to come, and how fast it did of late.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    window: Duration,
    window_bytes: u64,
    waited: Duration,
    got: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self::of(WINDOW, WINDOW_BYTES)
    }
}

impl Pace {
    pub(crate) fn of(window: Duration, window_bytes: u64) -> Self {
        Self {
            window,
            window_bytes,
            waited: Duration::ZERO,
            got: 0,
        }
    }

    /// Waits for the next piece, whose length `length` tells; fails when too little came for too long.
    pub(crate) async fn keep<T>(
        &mut self,
        piece: impl Future<Output = Result<T, FetchError>>,
        length: impl FnOnce(&T) -> u64,
    ) -> Result<T, FetchError> {
        let mut piece = pin!(piece);
        loop {
            let began = Instant::now();
            let left = self.window.saturating_sub(self.waited);
            let arrived = tokio::time::timeout(left, &mut piece).await;
            self.waited += began.elapsed();
            if let Ok(outcome) = arrived {
                let outcome = outcome?;
                self.got += length(&outcome);
                return Ok(outcome);
            }
            if self.got < self.window_bytes {
                return Err(FetchError::TooSlow);
            }
            (self.waited, self.got) = (Duration::ZERO, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn after(millis: u64, length: u64) -> Result<u64, FetchError> {
        tokio::time::sleep(Duration::from_millis(millis)).await;
        Ok(length)
    }

    #[tokio::test]
    async fn a_trickle_ends_and_a_pause_of_the_reader_does_not_count() {
        let mut pace = Pace::of(Duration::from_millis(200), 10);
        for _ in 0..3 {
            pace.keep(after(0, 1), |length| *length).await.unwrap();
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        let mut outcome = Ok(0);
        for _ in 0..40 {
            outcome = pace.keep(after(20, 1), |length| *length).await;
            if outcome.is_err() {
                break;
            }
        }
        assert!(matches!(outcome, Err(FetchError::TooSlow)), "{outcome:?}");
    }

    #[tokio::test]
    async fn who_sends_enough_goes_on_for_ever() {
        let mut pace = Pace::of(Duration::from_millis(50), 10);
        for _ in 0..20 {
            pace.keep(after(10, 10), |length| *length).await.unwrap();
        }
    }
}
