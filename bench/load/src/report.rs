//! Adds up what came back.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use crate::connection::Answered;

#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) elapsed: Duration,
    pub(crate) unanswered: u64,
    statuses: BTreeMap<u16, u64>,
    bytes: u64,
    took_us: Vec<u64>,
}

impl Report {
    pub(crate) fn count(&mut self, answered: &Answered) {
        *self.statuses.entry(answered.status).or_default() += 1;
        if !answered.counts {
            return;
        }
        self.bytes += answered.bytes as u64;
        self.took_us.push(answered.took.as_micros() as u64);
    }

    pub(crate) fn to_json(mut self) -> String {
        self.took_us.sort_unstable();
        let at = |part: f64| {
            let last = self.took_us.len().saturating_sub(1);
            let index = (last as f64 * part) as usize;
            self.took_us.get(index).copied().unwrap_or(0)
        };
        let requests = self.took_us.len();
        let seconds = self.elapsed.as_secs_f64();
        let mut statuses = String::new();
        for (status, count) in &self.statuses {
            let comma = if statuses.is_empty() { "" } else { ", " };
            let _ = write!(statuses, "{comma}\"{status}\": {count}");
        }
        format!(
            "{{\"requests\": {requests}, \"seconds\": {seconds:.6}, \"per_second\": {:.3}, \"bytes\": {}, \"p50_us\": {}, \
             \"p99_us\": {}, \"max_us\": {}, \"unanswered\": {}, \"statuses\": {{{statuses}}}}}",
            requests as f64 / seconds,
            self.bytes,
            at(0.5),
            at(0.99),
            at(1.0),
            self.unanswered,
        )
    }
}
