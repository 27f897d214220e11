//! Saves image data: fetched to the end whatever breaks in between, verified, and only then put in place.
//!
//! Three things run side by side, so that the slowest of them sets the pace: receiving, hashing (a thread of its own) and
//! writing. Not its job: what one download request looks like.

use std::{
    fmt, fs,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncSeekExt, AsyncWrite, AsyncWriteExt},
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
};
use vidimus_digest::{Algorithm, DigestError, Hasher};

use crate::{Client, Download, DownloadRequest, Error, Image, OnProgress, Progress, Result};

/// How often in a row a transfer may break off without a byte gained.
const MAX_BREAKS: u32 = 4;

const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Pieces that may wait to be hashed; a piece is at most some hundred kilobytes.
const HASH_QUEUE: usize = 32;

/// How to save an image.
#[derive(Default)]
pub struct SaveOptions {
    /// The stores to try first, on a server with several.
    pub store_preferences: Vec<String>,
    /// Told how far the transfer is.
    pub on_progress: Option<OnProgress>,
}

impl fmt::Debug for SaveOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SaveOptions")
            .field("store_preferences", &self.store_preferences)
            .finish_non_exhaustive()
    }
}

/// What was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Bytes in all, those that were there already included.
    pub size_bytes: u64,
    /// Bytes that were there already, from an earlier attempt.
    pub resumed_bytes: u64,
    /// Whether the bytes are known to be the right ones.
    pub integrity: Integrity,
}

/// Whether saved bytes are known to be the image's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Integrity {
    /// They have the image's hash.
    Verified {
        /// hashlib's name of the algorithm.
        algorithm: &'static str,
    },
    /// The server knows no hash of this image; openstackclient warns here.
    Unverified,
}

pub(crate) async fn to_writer(
    client: &Client,
    image: &Image,
    writer: &mut (dyn AsyncWrite + Send + Unpin),
    options: SaveOptions,
) -> Result<Saved> {
    let mut transfer = Transfer::new(client, image, options);
    transfer.start_verifier(None)?;
    transfer.run(writer).await
}

pub(crate) async fn to_file(
    client: &Client,
    image: &Image,
    path: &Path,
    options: SaveOptions,
) -> Result<Saved> {
    let target = Target::find(path)?;
    if !target.is_replaceable {
        return directly(client, image, &target.path, options).await;
    }
    let part = match PartFile::open(&target) {
        Ok(part) => part,
        // A file that may be written in a folder that may not.
        Err(Error::Io { source, .. })
            if source.kind() == io::ErrorKind::PermissionDenied && target.exists =>
        {
            return directly(client, image, &target.path, options).await;
        }
        Err(error) => return Err(error),
    };
    part.fill(client, image, options)
        .await?
        .publish(&target)
        .await
}

/// Writes to something that cannot be replaced by a rename.
async fn directly(
    client: &Client,
    image: &Image,
    path: &Path,
    options: SaveOptions,
) -> Result<Saved> {
    let mut file = tokio::fs::OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(path)
        .await
        .map_err(Error::io(path))?;
    let saved = to_writer(client, image, &mut file, options).await;
    saved.map_err(|error| in_file(error, path))
}

/// Names the file in an error of writing to it.
fn in_file(error: Error, path: &Path) -> Error {
    match error {
        Error::Stream(source) => Error::Io {
            path: path.to_owned(),
            source,
        },
        other => other,
    }
}

/// Where the finished file goes.
struct Target {
    path: PathBuf,
    exists: bool,
    /// Whether it is a regular file or nothing yet.
    is_replaceable: bool,
}

impl Target {
    fn find(path: &Path) -> Result<Self> {
        match fs::metadata(path) {
            Ok(facts) if facts.is_file() => Ok(Self {
                // The file behind a link is replaced, not the link.
                path: fs::canonicalize(path).map_err(Error::io(path))?,
                exists: true,
                is_replaceable: true,
            }),
            Ok(_) => Ok(Self {
                path: path.to_owned(),
                exists: true,
                is_replaceable: false,
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self {
                path: path.to_owned(),
                exists: false,
                is_replaceable: true,
            }),
            Err(error) => Err(Error::io(path)(error)),
        }
    }

    fn part_path(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".part");
        name.into()
    }
}

/// The file that grows until it is whole, locked so that two processes do not mix their bytes.
struct PartFile {
    path: PathBuf,
    file: fs::File,
}

/// A part file whose content is the image's.
struct WholeFile {
    part: PartFile,
    saved: Saved,
}

impl PartFile {
    fn open(target: &Target) -> Result<Self> {
        let path = target.part_path();
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(Error::io(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path, file }),
            Err(fs::TryLockError::WouldBlock) => Err(Error::Busy(target.path.clone())),
            Err(fs::TryLockError::Error(error)) => Err(Error::io(&path)(error)),
        }
    }

    async fn fill(self, client: &Client, image: &Image, options: SaveOptions) -> Result<WholeFile> {
        let mut transfer = Transfer::new(client, image, options);
        let length = self.file.metadata().map_err(Error::io(&self.path))?.len();
        // A beginning that cannot be verified, or is longer than the image, is none.
        let can_resume =
            transfer.expected.is_some() && image.size.is_none_or(|size| length <= size);
        let resumed_bytes = if can_resume { length } else { 0 };
        match self.attempt(&mut transfer, resumed_bytes).await {
            Ok(saved) => Ok(WholeFile { part: self, saved }),
            Err(Error::ChecksumMismatch { .. }) if resumed_bytes > 0 => {
                tracing::info!(path = %self.path.display(), "what was there is not the beginning of this image, starting over");
                let saved = self.attempt(&mut transfer, 0).await;
                self.kept_unless_wrong(saved)
            }
            Err(error) => self.kept_unless_wrong(Err(error)),
        }
    }

    /// Leaves a beginning for the next time, but not the wrong bytes.
    fn kept_unless_wrong(self, saved: Result<Saved>) -> Result<WholeFile> {
        let error = match saved {
            Ok(saved) => return Ok(WholeFile { part: self, saved }),
            Err(error) => error,
        };
        let is_empty = self.file.metadata().is_ok_and(|facts| facts.len() == 0);
        if is_empty || matches!(error, Error::ChecksumMismatch { .. }) {
            // The error to report is the one that led here.
            let _ = fs::remove_file(&self.path);
        }
        Err(error)
    }

    async fn attempt(&self, transfer: &mut Transfer<'_>, resumed_bytes: u64) -> Result<Saved> {
        let here = || Error::io(&self.path);
        self.file.set_len(resumed_bytes).map_err(here())?;
        let beginning = fs::File::open(&self.path).map_err(here())?;
        transfer.restart(resumed_bytes);
        transfer.start_verifier(Some(beginning))?;
        let mut file = tokio::fs::File::from_std(self.file.try_clone().map_err(here())?);
        file.seek(io::SeekFrom::Start(resumed_bytes))
            .await
            .map_err(here())?;
        transfer
            .run(&mut file)
            .await
            .map_err(|error| in_file(error, &self.path))
    }
}

impl WholeFile {
    /// Gives the file its name, in a way that survives a power cut.
    async fn publish(self, target: &Target) -> Result<Saved> {
        let Self { part, saved } = self;
        let target_path = target.path.clone();
        let exists = target.exists;
        spawn_blocking(move || {
            if exists {
                let permissions = fs::metadata(&target_path)
                    .map_err(Error::io(&target_path))?
                    .permissions();
                part.file
                    .set_permissions(permissions)
                    .map_err(Error::io(&part.path))?;
            }
            part.file.sync_all().map_err(Error::io(&part.path))?;
            fs::rename(&part.path, &target_path).map_err(Error::io(&target_path))?;
            let folder = target_path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty())
                .unwrap_or(Path::new("."));
            fs::File::open(folder)
                .and_then(|folder| folder.sync_all())
                .map_err(Error::io(folder))?;
            Ok(saved)
        })
        .await
        .map_err(|error| Error::Stream(io::Error::other(error)))?
    }
}

/// A hash and how to compute it.
#[derive(Debug, Clone)]
struct Expected {
    algorithm: Algorithm,
    hash: String,
}

impl Expected {
    /// What the image's metadata says. Compat: `os_hash_*` first, md5 where that is missing or unknown here, as
    /// openstacksdk.
    fn of(image: &Image) -> Option<Self> {
        let by_name = image.os_hash().and_then(|(name, hash)| {
            Some(Self {
                algorithm: Algorithm::find(name)?,
                hash: hash.to_owned(),
            })
        });
        by_name.or_else(|| image.checksum.clone().map(Self::md5))
    }

    fn md5(hash: String) -> Self {
        Self {
            algorithm: Algorithm::md5(),
            hash,
        }
    }
}

/// Hashes in a thread of its own what is sent to it.
struct Verifier {
    expected: Expected,
    pieces: mpsc::Sender<Bytes>,
    digest: JoinHandle<io::Result<String>>,
}

impl Verifier {
    /// Starts with the first `beginning.1` bytes of a file, if there are any.
    fn start(expected: Expected, beginning: Option<(fs::File, u64)>) -> Result<Self> {
        let mut hasher = Hasher::new(expected.algorithm)
            .map_err(|_| Error::UnsupportedHash(expected.algorithm.name().to_owned()))?;
        let (pieces, mut waiting) = mpsc::channel::<Bytes>(HASH_QUEUE);
        let digest = spawn_blocking(move || {
            if let Some((file, length)) = beginning {
                hash_file(&mut hasher, file.take(length))?;
            }
            while let Some(piece) = waiting.blocking_recv() {
                hasher.update(&piece).map_err(failed)?;
            }
            hasher.finish().map_err(failed)
        });
        Ok(Self {
            expected,
            pieces,
            digest,
        })
    }

    async fn update(&self, piece: &Bytes) {
        // A hashing thread that is gone is noticed by `finish`.
        let _ = self.pieces.send(piece.clone()).await;
    }

    async fn finish(self) -> Result<Integrity> {
        drop(self.pieces);
        let actual = self
            .digest
            .await
            .map_err(io::Error::other)
            .and_then(|digest| digest)
            .map_err(Error::Stream)?;
        let algorithm = self.expected.algorithm.name();
        if actual == self.expected.hash {
            Ok(Integrity::Verified { algorithm })
        } else {
            Err(Error::ChecksumMismatch {
                algorithm: algorithm.to_owned(),
                expected: self.expected.hash,
                actual,
            })
        }
    }
}

fn hash_file(hasher: &mut Hasher, mut file: impl Read) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        hasher.update(&buffer[..count]).map_err(failed)?;
    }
}

fn failed(error: DigestError) -> io::Error {
    io::Error::other(error.to_string())
}

/// One image on its way to one output.
struct Transfer<'a> {
    client: &'a Client,
    image: &'a Image,
    options: SaveOptions,
    expected: Option<Expected>,
    verifier: Option<Verifier>,
    resumed_bytes: u64,
    position: u64,
}

impl<'a> Transfer<'a> {
    fn new(client: &'a Client, image: &'a Image, options: SaveOptions) -> Self {
        Self {
            client,
            image,
            options,
            expected: Expected::of(image),
            verifier: None,
            resumed_bytes: 0,
            position: 0,
        }
    }

    fn restart(&mut self, resumed_bytes: u64) {
        self.resumed_bytes = resumed_bytes;
        self.position = resumed_bytes;
        self.verifier = None;
    }

    fn start_verifier(&mut self, beginning: Option<fs::File>) -> Result<()> {
        if let Some(expected) = self.expected.clone() {
            let beginning = beginning.map(|file| (file, self.resumed_bytes));
            self.verifier = Some(Verifier::start(expected, beginning)?);
        }
        Ok(())
    }

    /// Fetches what is missing, writes it, and verifies the whole.
    async fn run(&mut self, output: &mut (dyn AsyncWrite + Send + Unpin)) -> Result<Saved> {
        // A size of 0 may also mean that the server does not know.
        let is_there = self.position > 0 && self.image.size == Some(self.position);
        if !is_there {
            self.fetch(output).await?;
        }
        output.flush().await.map_err(Error::Stream)?;
        let integrity = match self.verifier.take() {
            Some(verifier) => verifier.finish().await?,
            None => Integrity::Unverified,
        };
        Ok(Saved {
            size_bytes: self.position,
            resumed_bytes: self.resumed_bytes,
            integrity,
        })
    }

    /// Fetches from the current position to the end, in as many requests as it takes.
    async fn fetch(&mut self, output: &mut (dyn AsyncWrite + Send + Unpin)) -> Result<()> {
        let mut breaks = 0;
        let mut pause = FIRST_PAUSE;
        loop {
            let before = self.position;
            let broken = match self.fetch_once(output).await {
                Ok(()) => return Ok(()),
                Err(error @ Error::Connection { .. }) => error,
                Err(error) => return Err(error),
            };
            if self.position > before {
                breaks = 0;
                pause = FIRST_PAUSE;
            } else if self.position == self.resumed_bytes {
                // Nothing has arrived yet, so this is not a transfer that broke but a server that is not there.
                return Err(broken);
            }
            breaks += 1;
            if breaks > MAX_BREAKS {
                return Err(Error::Incomplete {
                    image_id: self.image.id.to_string(),
                    received_bytes: self.position,
                    reason: broken.to_string(),
                });
            }
            tracing::info!(image.id = %self.image.id, position = self.position, error = %broken, "the transfer broke off, going on");
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    async fn fetch_once(&mut self, output: &mut (dyn AsyncWrite + Send + Unpin)) -> Result<()> {
        let mut download = self.open().await?;
        if let (None, 0, Some(md5)) = (&self.verifier, self.position, &download.content_md5) {
            self.verifier = Some(Verifier::start(Expected::md5(md5.clone()), None)?);
        }
        let total_bytes = self
            .image
            .size
            .or_else(|| download.size_bytes.map(|size| download.offset + size));
        // What is already here of an answer that begins earlier.
        let mut skip = self.position.saturating_sub(download.offset);
        while let Some(mut piece) = download.chunk().await? {
            let skipped = skip.min(piece.len() as u64);
            skip -= skipped;
            let piece = piece.split_off(usize::try_from(skipped).unwrap_or(usize::MAX));
            if piece.is_empty() {
                continue;
            }
            if let Some(verifier) = &self.verifier {
                verifier.update(&piece).await;
            }
            output.write_all(&piece).await.map_err(Error::Stream)?;
            self.position += piece.len() as u64;
            let progress = Progress {
                done_bytes: self.position,
                total_bytes,
            };
            if let Some(on_progress) = &mut self.options.on_progress {
                on_progress(progress);
            }
        }
        Ok(())
    }

    /// Asks for the data from the current position on, or for all of it from a server that cannot do the former.
    async fn open(&self) -> Result<Download> {
        let mut request = DownloadRequest {
            offset: self.position,
            length: None,
            store_preferences: self.options.store_preferences.clone(),
        };
        match self
            .client
            .images()
            .download(&self.image.id, &request)
            .await
        {
            // Compat: Glance answers 400 when the store cannot read from the middle.
            Err(Error::Http(error)) if self.position > 0 && matches!(error.status, 400 | 416) => {
                request.offset = 0;
                self.client
                    .images()
                    .download(&self.image.id, &request)
                    .await
            }
            other => other,
        }
    }
}
