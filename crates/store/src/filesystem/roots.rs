//! Turns a location's URL into a place inside the configured folders, or refuses it.
//!
//! Locations come from the database and, through the locations API, from users. Nothing but a regular file below one of
//! the folders may be reached: not by `..`, not through a symbolic link (OSSA-2014-041, OSSA-2015-002).

use std::{
    ffi::OsString,
    fs::File,
    io,
    os::fd::OwnedFd,
    path::{Component, Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, fstat, openat, statat, unlinkat},
    io::Errno,
};

use super::{incoming, patience::Wanted};

/// Why a location leads nowhere.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Nothing is there.
    Missing,
    /// It may not be followed.
    Bad(&'static str),
    /// The file system failed.
    Io(io::Error),
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT => Self::Missing,
            Errno::LOOP | Errno::MLINK => Self::Bad("it leads through a symbolic link"),
            Errno::NOTDIR | Errno::ISDIR => Self::Bad("it is not a file"),
            Errno::NAMETOOLONG | Errno::INVAL => Self::Bad("its path is not usable"),
            other => Self::Io(other.into()),
        }
    }
}

/// The folders of a store, each as configured and as it really is.
#[derive(Debug)]
pub(super) struct Roots(Vec<Root>);

#[derive(Debug)]
struct Root {
    /// As configured: locations are written with it, and it is opened anew each time, so that a folder mounted later is
    /// the one that is used.
    path: PathBuf,
    /// Without symbolic links: Glance may have been configured with this spelling of the same folder.
    canonical: PathBuf,
}

/// A file, present or not, below a root.
#[derive(Debug)]
pub(super) struct Place {
    root: PathBuf,
    folders: Vec<OsString>,
    name: OsString,
}

impl Roots {
    pub(super) fn new(paths: &[PathBuf]) -> io::Result<Self> {
        let root = |path: &PathBuf| {
            Ok(Root {
                path: path.clone(),
                canonical: path.canonicalize()?,
            })
        };
        paths.iter().map(root).collect::<io::Result<_>>().map(Self)
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(|root| root.path.as_path())
    }

    /// Where a URL points, judged by its text.
    pub(super) fn place(&self, url: &str) -> Result<Place, Refusal> {
        let path = path_of(url)?;
        for root in &self.0 {
            for prefix in [&root.path, &root.canonical] {
                if let Ok(rest) = path.strip_prefix(prefix) {
                    return Place::below(&root.path, rest);
                }
            }
        }
        Err(Refusal::Bad("it is outside of the store's folders"))
    }
}

/// The path in a `file://` URL.
///
/// Compat: like glance_store it is taken as it stands, without percent-decoding, and `filesystem://` is the same scheme.
fn path_of(url: &str) -> Result<&Path, Refusal> {
    let path = url
        .strip_prefix("file://")
        .or_else(|| url.strip_prefix("filesystem://"))
        .ok_or(Refusal::Bad("its scheme is not `file`"))?;
    if !path.starts_with('/') || path.contains('\0') {
        return Err(Refusal::Bad("its path is not usable"));
    }
    // `Path` skips `.` by itself, but a location that needs it was not written by either program.
    if path.split('/').any(|part| part == ".." || part == ".") {
        return Err(Refusal::Bad("its path is not plain"));
    }
    Ok(Path::new(path))
}

impl Place {
    fn below(root: &Path, rest: &Path) -> Result<Self, Refusal> {
        let mut folders = Vec::new();
        for part in rest.components() {
            match part {
                Component::Normal(name) => folders.push(name.to_owned()),
                _ => return Err(Refusal::Bad("its path is not plain")),
            }
        }
        if folders.first().is_some_and(|first| first == incoming::NAME) {
            return Err(Refusal::Bad("it is not finished data"));
        }
        let name = folders
            .pop()
            .ok_or(Refusal::Bad("it is a folder of the store"))?;
        Ok(Self {
            root: root.to_owned(),
            folders,
            name,
        })
    }

    /// Opens the folder of the file. Links may lead to the root, which the operator chose, and nowhere below it.
    fn open_folder(&self) -> Result<OwnedFd, Refusal> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut folder = openat(CWD, &self.root, flags, Mode::empty())?;
        for name in &self.folders {
            folder = openat(&folder, name, flags | OFlags::NOFOLLOW, Mode::empty())?;
        }
        Ok(folder)
    }

    /// Opens the file for reading and tells its size.
    pub(super) fn open(&self) -> Result<(File, u64), Refusal> {
        // Without NONBLOCK a named pipe would hold the thread until someone writes to it.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(self.open_folder()?, &self.name, flags, Mode::empty())?;
        let size_bytes = regular_size(&fstat(&file)?)?;
        Ok((file.into(), size_bytes))
    }

    /// The size of the file.
    pub(super) fn size(&self) -> Result<u64, Refusal> {
        let folder = self.open_folder()?;
        regular_size(&statat(folder, &self.name, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Removes the file, for good once this returns. Only a regular one: whatever else stands there was not put there by a
    /// store.
    ///
    /// A file that is gone is only reported missing after a sync, since the removal that took it away may have failed at its
    /// own.
    pub(super) fn remove(
        &self,
        wanted: &Wanted,
        sync: fn(&File) -> io::Result<()>,
    ) -> Result<(), Refusal> {
        let folder = File::from(self.open_folder()?);
        let removed = statat(&folder, &self.name, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(Refusal::from)
            .and_then(|stat| regular_size(&stat))
            .and_then(|_| match wanted.is_given_up() {
                // Whoever gave it up may have put other data there since.
                true => Err(Refusal::Io(io::ErrorKind::TimedOut.into())),
                false => Ok(()),
            })
            .and_then(|()| Ok(unlinkat(&folder, &self.name, AtFlags::empty())?));
        if matches!(removed, Ok(()) | Err(Refusal::Missing)) {
            sync(&folder).map_err(Refusal::Io)?;
        }
        removed
    }
}

fn regular_size(stat: &Stat) -> Result<u64, Refusal> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(u64::try_from(stat.st_size).unwrap_or_default()),
        FileType::Symlink => Err(Refusal::Bad("it leads through a symbolic link")),
        _ => Err(Refusal::Bad("it is not a file")),
    }
}
