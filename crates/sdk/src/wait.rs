//! Waiting for something the service does behind its answers: how often to look, how long, and what counts as failed.

use std::time::{Duration, Instant};

use crate::{Error, Result, Task};

/// How to wait.
#[derive(Debug, Clone)]
pub struct Wait {
    /// The pause between two looks.
    pub interval: Duration,
    /// When to give up with [`Error::Timeout`]; never where `None`.
    pub timeout: Option<Duration>,
    /// Statuses from which the wanted one cannot be reached any more.
    pub failures: Vec<String>,
}

impl Default for Wait {
    /// Compat: openstacksdk's interval. Unlike it, an image that was `killed` or `deleted` is not waited for.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(2),
            timeout: None,
            failures: ["error", "failure", "killed", "deleted"]
                .map(str::to_owned)
                .to_vec(),
        }
    }
}

impl Wait {
    /// Begins to wait for `what` to become `wanted`.
    pub(crate) fn start(&self, what: String, wanted: &str) -> Waiting {
        Waiting {
            wait: self.clone(),
            what,
            wanted: wanted.to_owned(),
            begin: Instant::now(),
        }
    }
}

/// One wait under way.
#[derive(Debug)]
pub(crate) struct Waiting {
    wait: Wait,
    what: String,
    wanted: String,
    begin: Instant,
}

impl Waiting {
    /// Fails if this status means that the wanted one will not come.
    pub(crate) fn judge(&self, status: &str) -> Result<()> {
        let is = |other: &String| other.eq_ignore_ascii_case(status);
        if self.wait.failures.iter().any(is) {
            return Err(self.failed(status, None));
        }
        Ok(())
    }

    fn failed(&self, status: &str, message: Option<String>) -> Error {
        Error::Failure {
            what: self.what.clone(),
            status: status.to_owned(),
            message,
        }
    }

    /// Pauses before the next look, or fails if there is no time left for one.
    pub(crate) async fn pause(&mut self) -> Result<()> {
        let left = self
            .wait
            .timeout
            .map(|timeout| timeout.saturating_sub(self.begin.elapsed()));
        if left == Some(Duration::ZERO) {
            return Err(Error::Timeout {
                what: self.what.clone(),
                wanted: self.wanted.clone(),
            });
        }
        let pause = left.map_or(self.wait.interval, |left| left.min(self.wait.interval));
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

/// Looks at a task until it has succeeded.
pub(crate) async fn until_success<F>(
    mut waiting: Waiting,
    mut task: Task,
    look: impl Fn() -> F,
) -> Result<Task>
where
    F: Future<Output = Result<Option<Task>>>,
{
    loop {
        if task.status.eq_ignore_ascii_case("success") {
            return Ok(task);
        }
        if waiting.judge(&task.status).is_err() {
            let message = task.message.filter(|message| !message.is_empty());
            return Err(waiting.failed(&task.status, message));
        }
        waiting.pause().await?;
        match look().await? {
            Some(next) => task = next,
            None => return Err(waiting.failed("deleted", None)),
        }
    }
}
