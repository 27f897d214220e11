//! Saves image data: fetched to the end whatever breaks in between, verified, and only then put in place.
//!
//! Three things run side by side, so that the slowest of them sets the pace: receiving, hashing (a thread of its own) and
//! writing. Not its job: what one download request looks like.

mod part;
mod verify;

use std::{fmt, fs, io, path::Path, time::Duration};

use tokio::io::{AsyncWrite, AsyncWriteExt};

use self::{
    part::{PartFile, Target},
    verify::{Expected, Verifier},
};
use crate::{Client, Download, DownloadRequest, Error, Image, OnProgress, Progress, Result};

/// How often in a row a transfer may break off without a byte gained.
const MAX_BREAKS: u32 = 4;

const FIRST_PAUSE: Duration = Duration::from_millis(250);

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
            None => self.unverified()?,
        };
        Ok(Saved {
            size_bytes: self.position,
            resumed_bytes: self.resumed_bytes,
            integrity,
        })
    }

    /// Without a hash the size is all there is to go by.
    fn unverified(&self) -> Result<Integrity> {
        match self.image.size {
            Some(size) if size != self.position => Err(Error::Incomplete {
                image_id: self.image.id.to_string(),
                received_bytes: self.position,
                reason: format!("the image has {size} bytes"),
            }),
            _ => Ok(Integrity::Unverified),
        }
    }

    /// Fetches from the current position to the end, in as many requests as it takes.
    async fn fetch(&mut self, output: &mut (dyn AsyncWrite + Send + Unpin)) -> Result<()> {
        let mut breaks = 0;
        let mut pause = FIRST_PAUSE;
        loop {
            let before = self.position;
            let broken = match self.fetch_once(output).await {
                Ok(()) => return Ok(()),
                Err(error @ (Error::Connection { .. } | Error::Interrupted { .. })) => error,
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
