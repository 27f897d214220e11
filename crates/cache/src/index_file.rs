//! Keeps what the files cannot tell: hits, times, and what each file was verified against.
//!
//! A text file, a line per image, later lines before earlier ones. A published image is appended at once, so that a
//! crash does not cost reading it all again; saving replaces the whole. All of it may be lost: then images are verified
//! on their next use and have no hits. A line never makes a file trusted that was changed since, because it names inode,
//! size and modification time.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufWriter, Write},
    sync::{Mutex, PoisonError, Weak},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use vidimus_types::ImageId;

use crate::{
    layout::{Layout, sync_folder},
    proof::Proof,
    record::{Record, Stamp},
};

const HEADER: &str = "vidimus-cache-index 1";

/// The index file of a cache folder. Its methods work on the disk: call them off the runtime.
#[derive(Debug)]
pub(crate) struct IndexFile {
    layout: Layout,
    /// Open for appending, once something was appended. Held while the file is written or replaced.
    file: Mutex<Option<File>>,
}

impl IndexFile {
    pub(crate) fn new(layout: Layout) -> Self {
        Self {
            layout,
            file: Mutex::new(None),
        }
    }

    /// What the file says; nothing if it is not there, is of another version, or is no text.
    pub(crate) fn read(&self) -> HashMap<ImageId, Record> {
        let text = match fs_err::read(self.layout.index()) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return HashMap::new(),
            Err(error) => {
                tracing::warn!(%error, "the cache index cannot be read; cached images will be verified again");
                return HashMap::new();
            }
        };
        let lines = text.strip_prefix(HEADER);
        let Some(lines) = lines.filter(|lines| lines.starts_with('\n')) else {
            tracing::warn!("the cache index is damaged; cached images will be verified again");
            return HashMap::new();
        };
        // A crash can leave half a line at the end; without its line break it is not one.
        let complete = &lines[..lines.rfind('\n').map_or(0, |end| end + 1)];
        complete.lines().filter_map(parse_line).collect()
    }

    /// Adds one image. Not synced: a lost line costs a verification.
    pub(crate) fn append(&self, id: &ImageId, record: &Record) -> io::Result<()> {
        let Some(line) = format_line(id, record) else {
            return Ok(());
        };
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match &mut *file {
            Some(file) => file,
            none => none.insert(self.open_to_append()?),
        };
        // In one write, so that a crash leaves at most one torn line.
        file.write_all(line.as_bytes())
    }

    /// Replaces the file, atomically and for good. `records` is asked for under the lock, so that no line is lost.
    pub(crate) fn replace(
        &self,
        records: impl FnOnce() -> Vec<(ImageId, Record)>,
    ) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let mut writer = BufWriter::new(fs_err::File::create(self.layout.new_index())?);
        writeln!(writer, "{HEADER}")?;
        for (id, record) in records() {
            if let Some(line) = format_line(&id, &record) {
                writer.write_all(line.as_bytes())?;
            }
        }
        let written = writer
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)?;
        written.sync_all()?;
        *file = None;
        fs_err::rename(self.layout.new_index(), self.layout.index())?;
        sync_folder(self.layout.dir())
    }

    fn open_to_append(&self) -> io::Result<File> {
        let path = self.layout.index();
        let mut options = fs_err::OpenOptions::new();
        let mut file = options.append(true).create(true).open(path)?.into_file();
        // After a torn line, or in a fresh file, a line must begin anew.
        let is_new = file.metadata()?.len() == 0;
        let start = if is_new { HEADER } else { "" };
        file.write_all(format!("{start}\n").as_bytes())?;
        Ok(file)
    }
}

/// Images nobody has verified have no line: their files tell as much.
fn format_line(id: &ImageId, record: &Record) -> Option<String> {
    let (stamp, proof) = record.proven.as_ref()?;
    Some(format!(
        "{id} {} {} {} {} {} {} {proof}\n",
        stamp.size_bytes,
        stamp.inode,
        stamp.modified_ns,
        record.hits,
        milliseconds(record.last_accessed),
        milliseconds(record.last_modified),
    ))
}

fn parse_line(line: &str) -> Option<(ImageId, Record)> {
    let mut words = line.split(' ');
    let id = words.next()?.parse().ok()?;
    let size_bytes = words.next()?.parse().ok()?;
    let stamp = Stamp {
        size_bytes,
        inode: words.next()?.parse().ok()?,
        modified_ns: words.next()?.parse().ok()?,
    };
    let hits = words.next()?.parse().ok()?;
    let last_accessed = time(words.next()?)?;
    let last_modified = time(words.next()?)?;
    let proof = Proof::parse(words.next()?);
    let record = Record {
        size_bytes,
        hits,
        last_accessed,
        last_modified,
        proven: Some((stamp, proof)),
        file: Weak::new(),
    };
    words.next().is_none().then_some((id, record))
}

fn milliseconds(time: SystemTime) -> u128 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis()
}

fn time(word: &str) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_millis(word.parse().ok()?))
}
