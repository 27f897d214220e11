//! Work that nobody waits for, each kind in a task of its own that is started again if it fails.

mod prefetcher;
mod scrubber;
mod upkeep;

use std::{future::Future, time::Duration};

use tokio::task::JoinHandle;

use crate::ImageService;

/// How long a worker that panicked rests before it is started again.
const REST: Duration = Duration::from_secs(1);

/// The running workers; dropping it stops them. Each can be stopped at any await: what they do is either durable or
/// done again after the next start.
#[derive(Debug)]
pub struct Workers {
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Workers {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl ImageService {
    /// Starts the workers this configuration needs.
    pub fn start_workers(&self) -> Workers {
        let mut tasks = vec![
            self.supervise("upkeep", upkeep::run),
            self.supervise("scrubber", scrubber::run),
        ];
        if self.has_cache() {
            tasks.push(self.supervise("prefetcher", prefetcher::run));
        }
        Workers { tasks }
    }

    /// Scrubs until it is told to stop, at the configured interval, and nothing else.
    pub fn start_scrubber(&self) -> Workers {
        Workers {
            tasks: vec![self.supervise("scrubber", scrubber::run)],
        }
    }

    fn supervise<W>(&self, name: &'static str, worker: fn(ImageService) -> W) -> JoinHandle<()>
    where
        W: Future<Output = ()> + Send + 'static,
    {
        let service = self.clone();
        tokio::spawn(async move {
            loop {
                // Aborted together with this task: the handle is dropped, and the set below ends what it holds.
                let mut running = tokio::task::JoinSet::new();
                running.spawn(worker(service.clone()));
                match running.join_next().await {
                    Some(Err(error)) if error.is_panic() => {
                        tracing::error!(worker = name, "worker failed, starting it again");
                    }
                    _ => return,
                }
                tokio::time::sleep(REST).await;
            }
        })
    }
}
