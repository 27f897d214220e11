//! The progress bar of a transfer, on standard error and only where someone can see it.

use indicatif::{ProgressBar, ProgressStyle};
use vidimus_sdk::{OnProgress, Progress};

use crate::console;

const KNOWN_SIZE: &str = "[{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";
const UNKNOWN_SIZE: &str = "{spinner} {bytes} {bytes_per_sec}";

/// Draws a transfer; `None` where standard error is no terminal.
pub(super) fn bar() -> Option<(OnProgress, ProgressBar)> {
    if !console::shows_progress() {
        return None;
    }
    let bar = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template(UNKNOWN_SIZE) {
        bar.set_style(style);
    }
    let drawn = bar.clone();
    let on_progress: OnProgress = Box::new(move |progress: Progress| {
        if let (None, Some(total)) = (drawn.length(), progress.total_bytes) {
            drawn.set_length(total);
            if let Ok(style) = ProgressStyle::with_template(KNOWN_SIZE) {
                drawn.set_style(style.progress_chars("=> "));
            }
        }
        drawn.set_position(progress.done_bytes);
    });
    Some((on_progress, bar))
}
