//! Opening a cache folder: whatever state a crash, Glance or an operator left it in.

use std::{
    collections::HashMap,
    fs::{File, Metadata, TryLockError},
    io,
    os::unix::fs::MetadataExt,
    sync::{Arc, Weak},
    time::{Duration, SystemTime},
};

use vidimus_types::ImageId;

use crate::{
    clean::for_each_file,
    error::{Error, Result},
    index::Index,
    layout::{self, Layout},
    record::{Record, Stamp},
};

/// Makes the folders and keeps every other process of ours out, until the file is dropped.
pub(crate) fn take_folder(layout: &Layout) -> Result<File> {
    let failed = |source| Error::Io {
        action: "set up the cache folder",
        source,
    };
    for folder in [
        layout.dir().to_owned(),
        layout.incomplete_dir(),
        layout.invalid_dir(),
        layout.queue_dir(),
    ] {
        fs_err::create_dir_all(folder).map_err(failed)?;
    }
    let mut options = fs_err::OpenOptions::new();
    let lock = options.write(true).create(true).truncate(false);
    let lock = lock.open(layout.lock()).map_err(failed)?.into_file();
    // The kernel drops it with the process, however that ends.
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Error::InUse {
            dir: layout.dir().to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Fills the empty `index` from the folder and from what the index file said.
pub(crate) fn recover(
    layout: &Layout,
    index: &Arc<Index>,
    mut known: HashMap<ImageId, Record>,
) -> Result<()> {
    let failed = |source| Error::Io {
        action: "read the cache folder",
        source,
    };
    let mut left_over = 0_u64;
    for_each_file(&layout.incomplete_dir(), |path, _| {
        // Nobody writes it: we hold the lock, and fills do not survive their process.
        left_over += 1;
        layout::remove_file(path)
    })
    .map_err(failed)?;
    let cleared_at = cleared_at(layout).map_err(failed)?;
    let (mut cleared, mut is_cleared) = (0_u64, true);
    let mut strangers = Vec::new();
    let mut stranger_count = 0_u64;
    let mut found = Vec::new();
    for entry in fs_err::read_dir(layout.dir()).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let Ok(id) = name.parse::<ImageId>() else {
            if !Layout::is_known_name(&name) {
                stranger_count += 1;
                if strangers.len() < 5 {
                    strangers.push(name.into_owned());
                }
            }
            continue;
        };
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => return Err(failed(source)),
        };
        if metadata.is_file() && Some(changed_ns(&metadata)) <= cleared_at {
            match layout::remove_file(entry.path().as_path()) {
                Ok(()) => cleared += 1,
                // No cached image any more; its bytes are not counted until it can be removed.
                Err(error) => {
                    tracing::error!(image.id = %id, %error, "a cleared image cannot be removed");
                    is_cleared = false;
                }
            }
        } else if metadata.is_file() {
            found.push((id, record(&metadata, known.remove(&id))));
        } else {
            tracing::warn!(image.id = %id, "named like a cached image but not a file; left alone");
        }
    }
    if cleared_at.is_some() && is_cleared {
        layout::sync_folder(layout.dir()).map_err(failed)?;
        layout::remove_file(&layout.clearing()).map_err(failed)?;
    }
    if stranger_count > 0 {
        tracing::warn!(
            count = stranger_count,
            names = ?strangers,
            "files in the cache folder that are no cached images; left alone and not counted"
        );
    }
    found.sort_unstable_by_key(|(id, record)| (record.last_accessed, *id));
    tracing::info!(
        dir = %layout.dir().display(),
        images = found.len(),
        left_over,
        cleared,
        "the cache folder is open"
    );
    index.restore(found);
    Ok(())
}

/// When a clear took place whose files were not all unlinked.
fn cleared_at(layout: &Layout) -> io::Result<Option<i128>> {
    match fs_err::metadata(layout.clearing()) {
        Ok(note) => Ok(Some(changed_ns(&note))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// When the file got its name, at the latest.
fn changed_ns(metadata: &Metadata) -> i128 {
    i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec())
}

/// A file and what is known of an image of that name. Known is worth something only if it is the same file still.
fn record(metadata: &Metadata, known: Option<Record>) -> Record {
    let stamp = Stamp::of(metadata);
    if let Some(known) = known
        && known.is_proven_as(stamp)
    {
        return known;
    }
    // Compat: what Glance's drivers know of an image is in its database; the file has only the time it was written.
    let modified = SystemTime::UNIX_EPOCH
        + Duration::from_secs(u64::try_from(metadata.mtime()).unwrap_or_default());
    Record {
        size_bytes: stamp.size_bytes,
        hits: 0,
        last_accessed: modified,
        last_modified: modified,
        proven: None,
        file: Weak::new(),
    }
}
