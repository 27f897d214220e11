//! From the staged data to the stores: one after the other, or several at the same time (`max_parallel_stores`).
//!
//! Copies are put first and recorded afterwards, so that nothing is recorded that is not whole. When all stores must
//! succeed, one step records all copies and makes the image active; else the first success does, and the others follow.
//!
//! Compat: Glance writes rows of places that hold nothing yet while it imports in parallel. Here there are none to be
//! hidden or left behind.

use std::{collections::HashMap, sync::Arc};

use serde_json::json;
use tokio::task::{Id, JoinSet};
use vidimus_db::{Content, ImportStep, UploadFacts};
use vidimus_types::ImageStatus;

use super::{
    Job, Method, Progress,
    plugins::Prepared,
    run::{Broken, is_unknown},
};
use crate::ImageService;

/// Puts into the stores of a job, in their order, so many at the same time. Each goes on while the end of another is
/// being recorded. Dropped, they are ended.
struct Puts {
    service: ImageService,
    job: Arc<Job>,
    prepared: Arc<Prepared>,
    at_once: usize,
    next: usize,
    running: JoinSet<Result<UploadFacts, Broken>>,
    numbers: HashMap<Id, usize>,
}

impl Puts {
    /// The number of a store and what came of its put; `None` once all have ended.
    async fn next(&mut self) -> Option<(usize, Result<UploadFacts, Broken>)> {
        while self.running.len() < self.at_once && self.next < self.job.stores.len() {
            let at = self.next;
            self.next += 1;
            let service = self.service.clone();
            let (job, prepared) = (Arc::clone(&self.job), Arc::clone(&self.prepared));
            let put = async move { service.import_to(&job, &prepared, &job.stores[at]).await };
            self.numbers.insert(self.running.spawn(put).id(), at);
        }
        let (id, put) = match self.running.join_next_with_id().await? {
            Ok((id, put)) => (id, put),
            Err(stopped) => (stopped.id(), Err(Broken::internal(stopped))),
        };
        self.numbers.remove(&id).map(|at| (at, put))
    }

    /// Ends what is under way.
    async fn stop(mut self) {
        self.running.shutdown().await;
    }
}

impl ImageService {
    /// Puts the data into every store, then records all of it at once. After a failure none of it is left.
    pub(super) async fn import_to_all(
        &self,
        job: &Arc<Job>,
        prepared: &Arc<Prepared>,
        progress: &mut Progress,
    ) -> Result<(), Broken> {
        let mut copies = Vec::with_capacity(job.stores.len());
        let mut puts = self.puts(job, prepared);
        let outcome = self
            .collect(job, prepared, progress, &mut puts, &mut copies)
            .await;
        puts.stop().await;
        if outcome.is_err() {
            for (_, copy) in &copies {
                self.undo_put(&job.record.id, copy).await;
            }
            // A put that was ended at its very end may have left its data.
            if self.stores_at_once(job) > 1 {
                self.remove_unrecorded(&job.record, &job.stores).await;
            }
        }
        outcome
    }

    async fn collect(
        &self,
        job: &Job,
        prepared: &Prepared,
        progress: &mut Progress,
        puts: &mut Puts,
        copies: &mut Vec<(usize, UploadFacts)>,
    ) -> Result<(), Broken> {
        while let Some((at, put)) = puts.next().await {
            let copy = put?;
            let first = copies.first().map(|(_, first)| first.clone());
            copies.push((at, copy.clone()));
            require_same(first.as_ref(), &copy)?;
            progress.done(&job.stores[at]);
            if copies.len() < job.stores.len() {
                self.notify_copy(&job.record.id, &copy).await;
                let mut step = ImportStep::new(job.record.id, &job.task);
                step.set_properties = progress.properties();
                self.step(&step).await?;
            }
        }
        copies.sort_by_key(|(at, _)| *at);
        let in_order = copies.iter().map(|(_, copy)| copy.clone()).collect();
        let mut last = recording(job, prepared, in_order, progress);
        last.limit = self.storage_limit(job.project.as_deref());
        last.end = Some(self.success(json!({ "image_id": job.record.id })));
        self.step(&last).await
    }

    /// Puts the data into every store that takes it; the first makes the image active.
    pub(super) async fn import_to_any(
        &self,
        job: &Arc<Job>,
        prepared: &Arc<Prepared>,
        progress: &mut Progress,
    ) -> Result<(), Broken> {
        let mut puts = self.puts(job, prepared);
        let outcome = self.record_each(job, prepared, progress, &mut puts).await;
        puts.stop().await;
        if outcome.is_err() && self.stores_at_once(job) > 1 {
            self.remove_what_is_not_recorded(job).await;
        }
        let failures = outcome?;
        if failures.len() == job.stores.len() {
            return Err(Broken::Store(failures.join(" ")));
        }
        let mut last = ImportStep::new(job.record.id, &job.task);
        let mut end = self.success(json!({ "image_id": job.record.id }));
        if !failures.is_empty() {
            end.message = Some(failures.join(" "));
        }
        last.end = Some(end);
        self.step(&last).await
    }

    /// Records the copies as they come; answers with the causes of those that failed.
    async fn record_each(
        &self,
        job: &Job,
        prepared: &Prepared,
        progress: &mut Progress,
        puts: &mut Puts,
    ) -> Result<Vec<String>, Broken> {
        let mut first: Option<UploadFacts> = None;
        let mut failures = Vec::new();
        while let Some((at, put)) = puts.next().await {
            let recorded = match put {
                Ok(copy) => {
                    self.record(job, prepared, progress, &mut first, at, copy)
                        .await
                }
                Err(broken) => Err(broken),
            };
            match recorded {
                Ok(()) => {}
                Err(Broken::Store(cause)) => {
                    progress.fail(&job.stores[at]);
                    let mut step = ImportStep::new(job.record.id, &job.task);
                    step.set_properties = progress.properties();
                    self.step(&step).await?;
                    failures.push(cause);
                }
                Err(broken) => return Err(broken),
            }
        }
        Ok(failures)
    }

    /// Records one copy; the first makes the image active. A copy that is not recorded is removed.
    async fn record(
        &self,
        job: &Job,
        prepared: &Prepared,
        progress: &mut Progress,
        first: &mut Option<UploadFacts>,
        at: usize,
        copy: UploadFacts,
    ) -> Result<(), Broken> {
        let mut after = progress.clone();
        after.done(&job.stores[at]);
        let mut step = recording(job, prepared, vec![copy.clone()], &after);
        step.limit = self.storage_limit(job.project.as_deref());
        if first.is_some() {
            step.status = None;
            step.content = Content::Unchanged;
        }
        let recorded = match require_same(first.as_ref(), &copy) {
            Ok(()) => self.step(&step).await,
            differs => differs,
        };
        match recorded {
            Ok(()) => {
                *progress = after;
                first.get_or_insert(copy);
            }
            Err(_) => self.undo_put(&job.record.id, &copy).await,
        }
        recorded
    }

    fn puts(&self, job: &Arc<Job>, prepared: &Arc<Prepared>) -> Puts {
        Puts {
            service: self.clone(),
            job: Arc::clone(job),
            prepared: Arc::clone(prepared),
            at_once: self.stores_at_once(job),
            next: 0,
            running: JoinSet::new(),
            numbers: HashMap::new(),
        }
    }

    /// Into how many stores this job's data goes at the same time.
    ///
    /// Compat: copies of what is stored already are made one after the other.
    pub(super) fn stores_at_once(&self, job: &Job) -> usize {
        match job.method {
            Method::CopyImage => 1,
            _ => self.config().import.max_parallel_stores.max(1),
        }
    }

    /// Removes data from the job's stores that the image, as it is by now, does not have on record.
    async fn remove_what_is_not_recorded(&self, job: &Job) {
        let scope = vidimus_db::Scope::admin();
        match self.parts.db.images().get(&scope, &job.record.id).await {
            Ok(now) => self.remove_unrecorded(&now, &job.stores).await,
            // Deleted: its removal takes what is recorded, and only this knows of the rest.
            Err(vidimus_db::Error::NotFound(_)) => {
                self.remove_unrecorded(&job.record, &job.stores).await;
            }
            Err(error) => {
                tracing::warn!(image.id = %job.record.id, error = &error as &dyn std::error::Error, "data of a failed import may be left");
            }
        }
    }
}

/// The step that records copies and makes the image active.
fn recording(
    job: &Job,
    prepared: &Prepared,
    copies: Vec<UploadFacts>,
    progress: &Progress,
) -> ImportStep {
    let mut step = ImportStep::new(job.record.id, &job.task);
    step.set_properties = progress.properties();
    if job.method != Method::CopyImage {
        step.status = Some((ImageStatus::Importing, ImageStatus::Active));
        step.set_properties
            .extend_from_slice(&job.adopted_properties);
        step.set_properties.extend_from_slice(&prepared.properties);
        step.formats = prepared.formats();
    }
    // What lies elsewhere may have been given without a word about it.
    if (job.method != Method::CopyImage || is_unknown(&job.record))
        && let Some(first) = copies.first()
    {
        step.content = Content::Known(first.clone());
    }
    step.copies = copies;
    step
}

/// Every store must have got the same data.
fn require_same(first: Option<&UploadFacts>, copy: &UploadFacts) -> Result<(), Broken> {
    let is_same = first.is_none_or(|first| {
        first.size == copy.size
            && first.checksum == copy.checksum
            && first.os_hash_value == copy.os_hash_value
    });
    if is_same {
        Ok(())
    } else {
        Err(Broken::Store(
            "The stores were not given the same data.".to_owned(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(size: u64, hash: &str) -> UploadFacts {
        UploadFacts {
            size,
            checksum: "same".to_owned(),
            os_hash_algo: "sha512".to_owned(),
            os_hash_value: hash.to_owned(),
            virtual_size: None,
            url: "file:///x".to_owned(),
            metadata: serde_json::Map::new(),
        }
    }

    #[test]
    fn copies_that_differ_are_not_recorded_together() {
        let first = facts(5, "a");
        assert!(require_same(None, &first).is_ok());
        assert!(require_same(Some(&first), &facts(5, "a")).is_ok());
        assert!(require_same(Some(&first), &facts(6, "a")).is_err());
        assert!(require_same(Some(&first), &facts(5, "b")).is_err());
    }
}
