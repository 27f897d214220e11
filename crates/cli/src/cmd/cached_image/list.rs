//! `cached image list`

use chrono::DateTime;
use serde_json::json;
use vidimus_sdk::{CacheState, CachedImage, ImageId};

use crate::{
    args::CachedImageList,
    cmd::Context,
    error::Result,
    output::{Cell, Listing},
};

const HEADINGS: [&str; 6] = [
    "ID",
    "State",
    "Last Accessed (UTC)",
    "Last Modified (UTC)",
    "Size",
    "Hits",
];

pub(in crate::cmd) async fn list(arguments: CachedImageList, context: &Context) -> Result<()> {
    let state = context.client.cache().list().await?;
    context.list(listing(&state), &arguments.format)
}

fn listing(state: &CacheState) -> Listing {
    let cached = state.cached_images.iter().map(cached_row);
    let queued = state.queued_images.iter().map(queued_row);
    Listing {
        columns: HEADINGS.map(str::to_owned).to_vec(),
        rows: cached.chain(queued).collect(),
        headings_are_list: true,
    }
}

fn cached_row(image: &CachedImage) -> Vec<Cell> {
    vec![
        Cell::text(image.image_id.to_string()),
        Cell::text("cached"),
        Cell::text(iso_time(image.last_accessed)),
        Cell::text(iso_time(image.last_modified)),
        Cell::Plain(json!(image.size)),
        Cell::Plain(json!(image.hits)),
    ]
}

fn queued_row(id: &ImageId) -> Vec<Cell> {
    let mut row = vec![Cell::text(id.to_string()), Cell::text("queued")];
    row.resize(HEADINGS.len(), Cell::text("N/A"));
    row
}

/// Seconds since 1970 as Python's `datetime.isoformat` prints them: six decimals, or none if all are zero.
fn iso_time(seconds: f64) -> String {
    // Whole seconds and rest are rounded apart, as Python does it; the sum would round differently.
    let whole = seconds.floor();
    let micros = ((seconds - whole) * 1e6).round_ties_even();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float beyond the range saturates and is then no time"
    )]
    let total = (whole as i64)
        .saturating_mul(1_000_000)
        .saturating_add(micros as i64);
    match DateTime::from_timestamp_micros(total) {
        Some(time) if total % 1_000_000 == 0 => time.format("%Y-%m-%dT%H:%M:%S").to_string(),
        Some(time) => time.format("%Y-%m-%dT%H:%M:%S%.6f").to_string(),
        None => seconds.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_six_decimals_or_none() {
        // python3 -c 'import datetime; print(datetime.datetime.fromtimestamp(F, tz=datetime.UTC).isoformat())'
        for (seconds, text) in [
            (0.0, "1970-01-01T00:00:00"),
            (1_700_000_000.0, "2023-11-14T22:13:20"),
            (1_700_000_000.5, "2023-11-14T22:13:20.500000"),
            (1_700_000_000.123_456_7, "2023-11-14T22:13:20.123457"),
            (1_700_000_000.999_999_9, "2023-11-14T22:13:21"),
        ] {
            assert_eq!(iso_time(seconds), text);
        }
    }
}
