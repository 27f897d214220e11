//! Chooses the folder for new data.

use std::{
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use rustix::{fs::statvfs, io::Errno};

/// The folders by priority.
#[derive(Debug, Clone)]
pub(super) struct Placement {
    /// Highest priority first; within one priority as configured.
    folders: Vec<(PathBuf, i64)>,
}

impl Placement {
    pub(super) fn new(mut folders: Vec<(PathBuf, i64)>) -> Self {
        folders.sort_by_key(|(_, priority)| std::cmp::Reverse(*priority));
        Self { folders }
    }

    /// The folder for `size_bytes` more.
    ///
    /// Compat: the first priority with a folder that has room wins, and there the folder with the most free space; a
    /// single folder is taken unasked.
    pub(super) fn choose(&self, size_bytes: u64) -> io::Result<PathBuf> {
        if let [(only, _)] = self.folders.as_slice() {
            return Ok(only.clone());
        }
        let mut best: Option<(&PathBuf, i64, u64)> = None;
        for (path, priority) in &self.folders {
            if best.is_some_and(|(_, found, _)| found != *priority) {
                break;
            }
            let free = free_bytes(path)?;
            if free >= size_bytes && free > best.map_or(0, |(_, _, most)| most) {
                best = Some((path, *priority, free));
            }
        }
        best.map(|(path, _, _)| path.clone())
            .ok_or_else(|| Errno::NOSPC.into())
    }
}

fn free_bytes(folder: &Path) -> io::Result<u64> {
    let space = statvfs(folder)?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

/// Lets those enter the folder who may read the files in it.
///
/// Compat: as glance_store, with `filesystem_store_file_perm` set; a failure is only worth a warning.
pub(super) fn let_readers_enter(folder: &Path, file_perm: u32) {
    let mut wanted = 0;
    for class in [0o070, 0o007] {
        if file_perm & class != 0 {
            wanted |= class & 0o011;
        }
    }
    let change = || -> io::Result<()> {
        let mode = std::fs::metadata(folder)?.permissions().mode();
        if mode & wanted != wanted {
            let permissions = std::fs::Permissions::from_mode(mode | wanted);
            std::fs::set_permissions(folder, permissions)?;
        }
        Ok(())
    };
    if let Err(error) = change() {
        tracing::warn!(
            folder = %folder.display(),
            error = &error as &dyn std::error::Error,
            "group or others cannot be let into the folder"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_priority_with_room_wins() {
        let (low, high) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let placement = Placement::new(vec![
            (low.path().to_owned(), 1),
            (high.path().to_owned(), 200),
        ]);
        assert_eq!(placement.choose(1).unwrap(), high.path());
        let full = placement.choose(u64::MAX).unwrap_err();
        assert_eq!(Errno::from_io_error(&full), Some(Errno::NOSPC));
    }

    #[test]
    fn a_folder_that_is_gone_is_an_error() {
        let here = tempfile::tempdir().unwrap();
        let gone = here.path().join("gone");
        let placement = Placement::new(vec![(here.path().to_owned(), 0), (gone, 0)]);
        assert!(placement.choose(1).is_err());
    }

    #[test]
    fn readers_of_the_files_may_enter_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let mode = || {
            std::fs::metadata(folder.path())
                .unwrap()
                .permissions()
                .mode()
                & 0o777
        };
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let_readers_enter(folder.path(), 0);
        assert_eq!(mode(), 0o700);
        let_readers_enter(folder.path(), 0o640);
        assert_eq!(mode(), 0o710);
        let_readers_enter(folder.path(), 0o644);
        assert_eq!(mode(), 0o711);
    }
}
