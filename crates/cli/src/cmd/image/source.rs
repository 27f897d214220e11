//! Where the data of an image comes from: a file or standard input.

use std::{
    fs::File,
    io::{self, IsTerminal, Seek},
    os::fd::AsFd,
};

use serde_json::json;
use vidimus_sdk::Upload;

use crate::{
    error::{Error, Result},
    output::repr,
};

/// Where the data comes from.
pub(super) enum Source {
    File(String),
    Stdin,
}

/// The file that was named, or else standard input.
///
/// Compat: standard input is the data unless it is a terminal, so a script with nothing on it sends no bytes. For
/// openstackclient a closed standard input is none; here it cannot be told from `/dev/null`, which Rust opens in its place.
pub(super) fn given(file: Option<&str>) -> Option<Source> {
    match file.filter(|path| !path.is_empty()) {
        Some(path) => Some(Source::File(path.to_owned())),
        None => (!io::stdin().is_terminal()).then_some(Source::Stdin),
    }
}

/// A size makes sense only with something that has one.
pub(super) fn refuse_size_of_nothing(size: Option<u64>, source: Option<&Source>) -> Result<()> {
    match (size, source) {
        (Some(_), None) => Err(Error::Failed(
            "--size requires image data via --file or stdin".to_owned(),
        )),
        _ => Ok(()),
    }
}

impl Source {
    /// Opens it. `size_bytes` is what the user says about its size, which is otherwise found out where that is possible.
    pub(super) fn open(&self, size_bytes: Option<u64>) -> Result<Upload> {
        let file = match self {
            Self::File(path) => open_file(path)?,
            Self::Stdin => stdin_file()?,
        };
        let size_bytes = size_bytes.or_else(|| remaining_bytes(&file));
        let mut data = Upload::from_reader(tokio::fs::File::from_std(file));
        if let Some(size_bytes) = size_bytes {
            data = data.with_size(size_bytes);
        }
        Ok(data)
    }
}

fn open_file(path: &str) -> Result<File> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => {
            Error::Failed(format!("{} is not a valid file", repr(&json!(path))))
        }
        _ => Error::File {
            path: path.to_owned(),
            source,
        },
    };
    let file = File::open(path).map_err(failed)?;
    let is_dir = file.metadata().map_err(failed)?.is_dir();
    if is_dir {
        return Err(failed(io::Error::from_raw_os_error(
            rustix::io::Errno::ISDIR.raw_os_error(),
        )));
    }
    Ok(file)
}

/// Standard input as a file, so that its size and position can be asked for.
fn stdin_file() -> Result<File> {
    let owned = io::stdin().as_fd().try_clone_to_owned();
    owned.map(File::from).map_err(|source| Error::File {
        path: "<stdin>".to_owned(),
        source,
    })
}

/// What is left of something that knows its end; pipes do not.
fn remaining_bytes(mut file: &File) -> Option<u64> {
    let position = file.stream_position().ok()?;
    let end = file.seek(io::SeekFrom::End(0)).ok()?;
    file.seek(io::SeekFrom::Start(position)).ok()?;
    Some(end.saturating_sub(position))
}
