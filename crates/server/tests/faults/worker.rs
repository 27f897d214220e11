//! One client that does whatever comes to its mind to images of its own, until the server is gone.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use reqwest::Method;
use serde_json::json;
use vidimus_testkit::{Answer, Api, NoAnswer};
use vidimus_types::ImageId;

use crate::{
    content::Content,
    ledger::{Clears, Entry, State},
};

/// Clears of the cache are everybody's, so they are counted for all workers.
#[derive(Debug, Default)]
pub(crate) struct ClearCount {
    begun: AtomicUsize,
    done: AtomicUsize,
}

impl ClearCount {
    pub(crate) fn now(&self) -> Clears {
        // In this order, so that a clear between the two reads counts as under way.
        let done = self.done.load(Ordering::SeqCst);
        let begun = self.begun.load(Ordering::SeqCst);
        Clears { begun, done }
    }

    /// After a restart nothing is under way any more.
    pub(crate) fn settle(&self) {
        self.done
            .store(self.begun.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

/// The server is gone.
#[derive(Debug)]
pub(crate) struct Gone;

/// A worker and its images, which outlive the server.
#[derive(Debug)]
pub(crate) struct Worker {
    number: usize,
    random: fastrand::Rng,
    made: usize,
    pub(crate) entries: Vec<Entry>,
    /// Operations answered with success, to show that rounds do something.
    pub(crate) acknowledged: usize,
}

impl Worker {
    pub(crate) fn new(number: usize, seed: u64) -> Self {
        Self {
            number,
            random: fastrand::Rng::with_seed(seed ^ (number as u64) << 32),
            made: 0,
            entries: Vec::new(),
            acknowledged: 0,
        }
    }

    /// Works until an answer fails to come.
    pub(crate) async fn run(&mut self, api: &Api, clears: &ClearCount) {
        while self.step(api, clears).await.is_ok() {}
    }

    async fn step(&mut self, api: &Api, clears: &ClearCount) -> Result<(), Gone> {
        let living: Vec<usize> = (0..self.entries.len())
            .filter(|&at| self.entries[at].settled.is_some())
            .collect();
        if living.len() < 3 {
            return self.create(api).await;
        }
        let at = living[self.random.usize(..living.len())];
        let queued = self.entries[at]
            .settled
            .as_ref()
            .is_some_and(|state| state.content.is_none());
        match self.random.u8(..100) {
            0..10 => self.create(api).await,
            10..45 if queued => self.upload(api, at).await,
            10..30 => self.download(api, at).await,
            30..45 => self.queue(api, clears, at).await,
            45..52 => self.uncache(api, at).await,
            52..57 => self.clear(api, clears).await,
            57..72 => self.patch(api, at).await,
            72..85 => self.tag(api, at).await,
            85..92 => self.refused(api, at).await,
            _ => self.delete(api, at).await,
        }
    }

    async fn create(&mut self, api: &Api) -> Result<(), Gone> {
        let id = ImageId::random();
        self.made += 1;
        let name = format!("{}-{}", self.number, self.made);
        let at = self.entries.len();
        self.entries.push(Entry::new(id));
        let fields =
            json!({"id": id, "name": name, "disk_format": "raw", "container_format": "bare"});
        self.begin(at, Some(State::new(&name)));
        let answer = api.create(&fields).await;
        self.settle(at, answer, 201)
    }

    async fn upload(&mut self, api: &Api, at: usize) -> Result<(), Gone> {
        // Of all orders of magnitude up to 2 MiB.
        let limit = 1 << self.random.u32(4..22);
        let size = self.random.usize(1..limit);
        let seed = self.random.u64(..);
        let content = Content { seed, size };
        let pause = Duration::from_millis(self.random.u64(..20));
        let mut after = self.state(at);
        after.content = Some(content);
        self.begin(at, Some(after));
        let answer = api
            .upload(&self.entries[at].id, content.slowly(pause))
            .await;
        self.settle(at, answer, 204)
    }

    /// An answer must be all of it; a broken one must be the beginning.
    async fn download(&mut self, api: &Api, at: usize) -> Result<(), Gone> {
        let content = self.state(at).content.expect("an active image");
        match api.download(&self.entries[at].id).await {
            Ok(answer) => {
                let answer = answer.expect_status(200);
                assert!(answer.body == content.bytes(), "other bytes came back");
                self.acknowledged += 1;
                Ok(())
            }
            Err(broken) => {
                assert!(
                    content.bytes().starts_with(&broken.body),
                    "other bytes came back before the end"
                );
                Err(Gone)
            }
        }
    }

    async fn queue(&mut self, api: &Api, clears: &ClearCount, at: usize) -> Result<(), Gone> {
        let before = clears.now();
        let answer = api.cache(Method::PUT, &self.entries[at].id).await;
        self.settle(at, answer, 202)?;
        self.entries[at].wanted = Some(before);
        Ok(())
    }

    async fn uncache(&mut self, api: &Api, at: usize) -> Result<(), Gone> {
        self.entries[at].wanted = None;
        let answer = api.cache(Method::DELETE, &self.entries[at].id).await;
        self.settle(at, answer, 204)
    }

    async fn clear(&mut self, api: &Api, clears: &ClearCount) -> Result<(), Gone> {
        let target = self.random.choice([None, Some("cache"), Some("queue")]);
        clears.begun.fetch_add(1, Ordering::SeqCst);
        let answer = api.clear_cache(target.flatten()).await.map_err(|_| Gone)?;
        answer.expect_status(204);
        clears.done.fetch_add(1, Ordering::SeqCst);
        self.acknowledged += 1;
        Ok(())
    }

    async fn patch(&mut self, api: &Api, at: usize) -> Result<(), Gone> {
        let mut after = self.state(at);
        let word = format!("w{}", self.random.u16(..));
        let operations = match (self.random.u8(..3), &after.colour) {
            (0, Some(_)) => {
                after.colour = None;
                json!([{"op": "remove", "path": "/colour"}])
            }
            (1, _) => {
                after.name.clone_from(&word);
                after.colour = Some(word.clone());
                json!([
                    {"op": "replace", "path": "/name", "value": word},
                    {"op": "add", "path": "/colour", "value": word},
                ])
            }
            _ => {
                after.name.clone_from(&word);
                json!([{"op": "replace", "path": "/name", "value": word}])
            }
        };
        self.begin(at, Some(after));
        let answer = api.patch(&self.entries[at].id, &operations).await;
        self.settle(at, answer, 200)
    }

    async fn tag(&mut self, api: &Api, at: usize) -> Result<(), Gone> {
        let mut after = self.state(at);
        let tag = format!("t{}", self.random.u8(..4));
        let method = if after.tags.remove(&tag) {
            Method::DELETE
        } else {
            after.tags.insert(tag.clone());
            Method::PUT
        };
        self.begin(at, Some(after));
        let answer = api.tag(method, &self.entries[at].id, &tag).await;
        self.settle(at, answer, 204)
    }

    /// Requests that must change nothing: a second upload, an update that fails at its end.
    async fn refused(&mut self, api: &Api, at: usize) -> Result<(), Gone> {
        let id = self.entries[at].id;
        let (answer, status) = if self.state(at).content.is_some() {
            (api.upload(&id, "again").await, 409)
        } else {
            let operations = json!([
                {"op": "replace", "path": "/name", "value": "lost"},
                {"op": "remove", "path": "/missing"},
            ]);
            (api.patch(&id, &operations).await, 409)
        };
        answer.map_err(|_| Gone)?.expect_status(status);
        Ok(())
    }

    async fn delete(&mut self, api: &Api, at: usize) -> Result<(), Gone> {
        self.entries[at].wanted = None;
        self.begin(at, None);
        let answer = api.delete(&self.entries[at].id).await;
        self.settle(at, answer, 204)
    }

    fn state(&self, at: usize) -> State {
        self.entries[at].settled.clone().expect("a living image")
    }

    fn begin(&mut self, at: usize, after: Option<State>) {
        self.entries[at].in_doubt = Some(after);
    }

    fn settle(
        &mut self,
        at: usize,
        answer: Result<Answer, NoAnswer>,
        status: u16,
    ) -> Result<(), Gone> {
        answer.map_err(|_| Gone)?.expect_status(status);
        let entry = &mut self.entries[at];
        if let Some(after) = entry.in_doubt.take() {
            entry.settled = after;
        }
        self.acknowledged += 1;
        Ok(())
    }
}
