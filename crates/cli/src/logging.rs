//! What the libraries below say: to standard error, to a file, and as the table of `--timing`.
//!
//! Only our own crates are listened to: they never put a token or a password into an event, others might.

use std::{
    fs::OpenOptions,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::json;
use tracing::{Event, Level, Subscriber, field::Visit};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    layer::{Context, SubscriberExt},
    util::SubscriberInitExt,
};

use crate::{
    args::Globals,
    error::{Error, Result},
    output::{self, Cell, Format, Listing},
};

/// The requests of this run, for `--timing`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timings(Arc<Mutex<Vec<(String, f64)>>>);

/// Starts to listen, if there is anyone to tell.
pub(crate) fn start(globals: &Globals) -> Result<Timings> {
    let timings = Timings::default();
    let level = match globals.verbosity {
        0 => Level::ERROR,
        1 => Level::WARN,
        2 => Level::INFO,
        _ => Level::DEBUG,
    };
    let ours = |level| {
        Targets::new()
            .with_target("vidimus_sdk", level)
            .with_target("vidimus_cli", level)
    };
    let stderr = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .without_time()
        .with_ansi(false)
        .with_filter(ours(level));
    let file = match &globals.log_file {
        None => None,
        Some(path) => {
            let file = OpenOptions::new().append(true).create(true).open(path);
            let file = file.map_err(|source| Error::File {
                path: path.clone(),
                source,
            })?;
            let layer = tracing_subscriber::fmt::layer()
                .with_writer(Arc::new(file))
                .with_ansi(false);
            Some(layer.with_filter(ours(level)))
        }
    };
    let timed = globals
        .timing
        .then(|| timings.clone().with_filter(ours(Level::DEBUG)));
    // Fails only if something listens already, as in a test that runs the program twice.
    let _ = tracing_subscriber::registry()
        .with(stderr)
        .with(file)
        .with(timed)
        .try_init();
    Ok(timings)
}

impl Timings {
    /// The table behind the result: one line per request and their sum.
    ///
    /// Compat: the table is a table behind a table and CSV behind every other format.
    pub(crate) fn render(&self, is_table: bool) -> Result<String> {
        let timings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let total: f64 = timings.iter().map(|(_, seconds)| seconds).sum();
        let rows = timings
            .iter()
            .map(|(url, seconds)| (url.clone(), *seconds))
            .chain([("Total".to_owned(), total)]);
        let listing = Listing {
            columns: vec!["URL".to_owned(), "Seconds".to_owned()],
            rows: rows
                .map(|(url, seconds)| vec![Cell::text(url), Cell::Plain(json!(seconds))])
                .collect(),
            headings_are_list: false,
        };
        let format = if is_table { Format::Table } else { Format::Csv };
        let options = output::Options {
            format,
            ..output::Options::default()
        };
        Ok(format!("\n{}", output::render_listing(listing, &options)?))
    }
}

/// The fields of the SDK's event about a request.
#[derive(Default)]
struct RequestFields {
    method: String,
    url: String,
    duration_ms: Option<u64>,
}

impl Visit for RequestFields {
    fn record_u64(&mut self, field: &tracing::field::Field, value: u64) {
        if field.name() == "duration_ms" {
            self.duration_ms = Some(value);
        }
    }

    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        match field.name() {
            "method" => self.method = format!("{value:?}"),
            "url" => self.url = format!("{value:?}"),
            _ => {}
        }
    }
}

impl<S: Subscriber> Layer<S> for Timings {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut fields = RequestFields::default();
        event.record(&mut fields);
        if let Some(duration_ms) = fields.duration_ms {
            let mut timings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            #[expect(
                clippy::cast_precision_loss,
                reason = "no request takes 2^53 milliseconds"
            )]
            let seconds = duration_ms as f64 / 1000.0;
            timings.push((format!("{} {}", fields.method, fields.url), seconds));
        }
    }
}
