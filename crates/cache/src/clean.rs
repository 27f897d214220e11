//! Removing what crashed and foreign programs leave behind in `incomplete/` and `invalid/`.

use std::{fs::Metadata, io, path::Path, time::SystemTime};

use vidimus_types::ImageId;

use crate::{
    Inner,
    error::{Error, Result},
    layout,
};

/// What [`ImageCache::clean`](crate::ImageCache::clean) took away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cleaned {
    /// Files in `invalid/`.
    pub invalid: u64,
    /// Files in `incomplete/` that nobody writes any more.
    pub incomplete: u64,
    /// Bytes of both.
    pub bytes: u64,
}

impl Inner {
    pub(crate) fn clean_now(&self) -> Result<Cleaned> {
        let failed = |source| Error::Io {
            action: "clean the cache folder",
            source,
        };
        let mut cleaned = Cleaned::default();
        for_each_file(&self.layout.invalid_dir(), |path, metadata| {
            layout::remove_file(path)?;
            cleaned.invalid += 1;
            cleaned.bytes += metadata.len();
            Ok(())
        })
        .map_err(failed)?;
        for_each_file(&self.layout.incomplete_dir(), |path, metadata| {
            // A fill of ours may be as old as it likes: it holds the grant. Holding it ourselves, none can start.
            let name = path.file_name().and_then(|name| name.to_str());
            let id = name.and_then(|name| name.parse::<ImageId>().ok());
            let grant = id.map(|id| self.flights.try_acquire(&id));
            if matches!(grant, Some(None)) || !self.is_stalled(&metadata) {
                return Ok(());
            }
            layout::remove_file(path)?;
            cleaned.incomplete += 1;
            cleaned.bytes += metadata.len();
            Ok(())
        })
        .map_err(failed)?;
        Ok(cleaned)
    }

    fn is_stalled(&self, metadata: &Metadata) -> bool {
        let modified = metadata.modified().ok();
        let age = modified.and_then(|time| SystemTime::now().duration_since(time).ok());
        age.is_some_and(|age| age >= self.config.stall_time)
    }
}

/// Calls `work` for every plain file in `folder`. Goes on after a failure and returns the first.
pub(crate) fn for_each_file(
    folder: &Path,
    mut work: impl FnMut(&Path, Metadata) -> io::Result<()>,
) -> io::Result<()> {
    let mut result = Ok(());
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            // Gone between the two looks.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if metadata.is_file() {
            result = result.and(work(&entry.path(), metadata));
        } else {
            tracing::warn!(path = %entry.path().display(), "not a file; left alone");
        }
    }
    result
}
