//! A file that is there for good: what a clear of the cache cannot do without, if no power cut is to undo it.

use std::{fs::File, path::Path, time::Instant};

use crate::Failure;

/// Makes an empty file in `folder`, syncs it and the folder, and prints the milliseconds that took.
pub(crate) fn note(folder: &str) -> Result<(), Failure> {
    let folder = Path::new(folder);
    let begin = Instant::now();
    File::create(folder.join("note"))?.sync_all()?;
    File::open(folder)?.sync_all()?;
    println!("{{\"ms\": {:.3}}}", begin.elapsed().as_secs_f64() * 1000.0);
    Ok(())
}
