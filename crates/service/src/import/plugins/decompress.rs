//! `image_decompression`: a zip archive with one file in it, or a gzip stream, becomes what is inside.
//!
//! What is inside may be much larger than what came, so it is counted on its way out: against the size an image may have
//! and against the size of the archive. Zeros become holes. Names in an archive are not used for anything.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
};

use flate2::read::MultiGzDecoder;
use zip::{ZipArchive, result::ZipError};

use super::{Plugin, Prepared, Unwanted, WorkFile, no_file, on_thread};
use crate::{
    ImageService,
    import::{Job, run::Broken},
};

/// However small the archive, so much may come out of it.
const ALWAYS_ALLOWED_BYTES: u64 = 64 << 20;

/// What is decompressed and written at a time; zeros of this length become a hole.
const CHUNK_BYTES: usize = 64 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Archive {
    Zip,
    Lha,
    Gzip,
}

impl Archive {
    /// Compat: known by the first bytes alone, in Glance's order.
    fn of(head: &[u8]) -> Option<Self> {
        if head.starts_with(b"PK\x03\x04") {
            Some(Self::Zip)
        } else if head.get(2..).is_some_and(|rest| rest.starts_with(b"-lh")) {
            Some(Self::Lha)
        } else if head.starts_with(b"\x1f\x8b\x08") {
            Some(Self::Gzip)
        } else {
            None
        }
    }
}

impl ImageService {
    pub(super) async fn decompress(
        &self,
        job: &Job,
        prepared: &mut Prepared,
        number: usize,
    ) -> Result<(), Broken> {
        // It is to stay as it is.
        if prepared.record.container_format.as_deref() == Some("compressed") {
            return Ok(());
        }
        let id = job.record.id;
        let path = self.path_of(&id, prepared)?;
        let config = self.config();
        let (cap, ratio) = (config.image_size_cap, config.import.plugins.max_expansion);
        let found = on_thread(move |_| {
            let mut file = File::open(&path).map_err(no_file)?;
            let size_bytes = file.metadata().map_err(no_file)?.len();
            let mut head = Vec::new();
            (&mut file)
                .take(8)
                .read_to_end(&mut head)
                .map_err(no_file)?;
            file.rewind().map_err(no_file)?;
            Ok(Archive::of(&head).map(|archive| (archive, file, size_bytes)))
        });
        let Some((archive, file, size_bytes)) = found.await? else {
            return Ok(());
        };
        if archive == Archive::Lha {
            // Compat: as Glance does where `lhafile` is not installed.
            return Err(Broken::Data(
                "LHA archives are not unpacked here.".to_owned(),
            ));
        }
        let target = self.work_file(&id, number, Plugin::Decompress.name())?;
        let limit = Limit {
            bytes: cap.min(size_bytes.saturating_mul(ratio).max(ALWAYS_ALLOWED_BYTES)),
            cap,
            ratio,
        };
        let unpacked = on_thread(move |unwanted| {
            let bytes = unpack(archive, file, &target, limit, &unwanted)?;
            Ok((target, bytes))
        });
        let (target, unpacked_bytes) = unpacked.await?;
        tracing::info!(image.id = %id, size_bytes, unpacked_bytes, "image decompressed");
        prepared.data = Some(target);
        Ok(())
    }
}

/// How much may come out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub(super) bytes: u64,
    pub(super) cap: u64,
    pub(super) ratio: u64,
}

impl Limit {
    pub(super) fn passed(self) -> Broken {
        let Self { bytes, cap, ratio } = self;
        Broken::Data(if bytes >= cap {
            format!("Unpacked, the image is larger than the {cap} bytes an image may have.")
        } else {
            format!(
                "Unpacked, the image is larger than {bytes} bytes, which is {ratio} times what was sent and all that is allowed here."
            )
        })
    }
}

fn unpack(
    archive: Archive,
    file: File,
    target: &WorkFile,
    limit: Limit,
    unwanted: &Unwanted,
) -> Result<u64, Broken> {
    let file = io::BufReader::with_capacity(CHUNK_BYTES, file);
    match archive {
        Archive::Gzip => write_out(MultiGzDecoder::new(file), target, limit, unwanted),
        Archive::Zip => {
            let mut archive = ZipArchive::new(file).map_err(bad_zip)?;
            if archive.len() != 1 {
                return Err(Broken::Data(format!(
                    "The archive has {} files in it and must have one.",
                    archive.len()
                )));
            }
            let member = archive.by_index(0).map_err(bad_zip)?;
            if !member.is_file() {
                return Err(Broken::Data(
                    "What is in the archive is no file.".to_owned(),
                ));
            }
            // What it says about itself is not believed, but saves the work when it is too much already.
            if member.size() > limit.bytes {
                return Err(limit.passed());
            }
            write_out(member, target, limit, unwanted)
        }
        Archive::Lha => Ok(0),
    }
}

fn bad_zip(error: ZipError) -> Broken {
    match error {
        ZipError::Io(cause) => bad_archive(&cause),
        ZipError::UnsupportedArchive(what) => {
            Broken::Data(format!("The zip archive cannot be unpacked here: {what}."))
        }
        other => Broken::Data(format!("The zip archive is damaged: {other}.")),
    }
}

fn bad_archive(error: &io::Error) -> Broken {
    Broken::Data(format!("The archive is damaged: {error}."))
}

/// Writes everything that comes, up to the limit.
pub(super) fn write_out(
    mut source: impl Read,
    target: &WorkFile,
    limit: Limit,
    unwanted: &Unwanted,
) -> Result<u64, Broken> {
    let mut file = File::options()
        .write(true)
        .open(&target.path)
        .map_err(no_file)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut written = 0_u64;
    loop {
        unwanted.check().map_err(no_file)?;
        let filled = fill(&mut source, &mut chunk).map_err(|error| bad_archive(&error))?;
        let bytes = &chunk[..filled];
        written += filled as u64;
        if written > limit.bytes {
            return Err(limit.passed());
        }
        if bytes.iter().all(|byte| *byte == 0) {
            file.seek(SeekFrom::Current(filled as i64))
                .map_err(no_file)?;
        } else {
            file.write_all(bytes).map_err(no_file)?;
        }
        if filled < chunk.len() {
            // A hole at the end has no length of its own.
            file.set_len(written).map_err(no_file)?;
            return Ok(written);
        }
    }
}

/// Reads until the buffer is full or the source has ended.
fn fill(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::plugins::Wanted;
    use flate2::{Compression, write::GzEncoder};
    use std::os::unix::fs::MetadataExt;
    use zip::{ZipWriter, write::SimpleFileOptions};

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(io::Cursor::new(Vec::new()));
        for (name, data) in members {
            if name.ends_with('/') {
                writer
                    .add_directory(*name, SimpleFileOptions::default())
                    .unwrap();
            } else {
                writer
                    .start_file(*name, SimpleFileOptions::default())
                    .unwrap();
                writer.write_all(data).unwrap();
            }
        }
        writer.finish().unwrap().into_inner()
    }

    struct Bench {
        folder: tempfile::TempDir,
        wanted: Wanted,
    }

    impl Bench {
        fn new() -> Self {
            Self {
                folder: tempfile::tempdir().unwrap(),
                wanted: Wanted::default(),
            }
        }

        fn unpack(&self, sent: &[u8], limit: u64) -> Result<(Vec<u8>, u64), Broken> {
            let source = self.folder.path().join("sent");
            std::fs::write(&source, sent).unwrap();
            let target = WorkFile::create(self.folder.path().join("unpacked")).unwrap();
            let archive = Archive::of(sent).expect("an archive");
            let limit = Limit {
                bytes: limit,
                cap: 1 << 40,
                ratio: 10,
            };
            let file = File::open(&source).unwrap();
            let bytes = unpack(archive, file, &target, limit, &self.wanted.flag())?;
            let content = std::fs::read(&target.path).unwrap();
            assert_eq!(content.len() as u64, bytes);
            Ok((content, std::fs::metadata(&target.path).unwrap().blocks()))
        }

        fn refused(&self, sent: &[u8], limit: u64) -> String {
            match self.unpack(sent, limit) {
                Err(Broken::Data(text)) => text,
                other => panic!("not refused: {other:?}"),
            }
        }
    }

    #[test]
    fn what_is_inside_comes_out() {
        let bench = Bench::new();
        let mut data = vec![9; 200_000];
        data.extend([0; 300_000]);
        data.extend([5; 10]);
        let two = [gzip(&data), gzip(b"more")].concat();
        assert_eq!(bench.unpack(&gzip(&data), 1 << 20).unwrap().0, data);
        assert_eq!(bench.unpack(&gzip(b""), 1 << 20).unwrap().0, b"");
        assert_eq!(
            bench.unpack(&two, 1 << 20).unwrap().0,
            [&data[..], b"more"].concat()
        );
        let zipped = zip(&[("../../etc/disk.raw", &data)]);
        assert_eq!(bench.unpack(&zipped, 1 << 20).unwrap().0, data);
        let files: Vec<_> = std::fs::read_dir(bench.folder.path()).unwrap().collect();
        assert_eq!(files.len(), 1, "only what was sent is left");
    }

    #[test]
    fn a_bomb_is_stopped_at_the_limit_and_zeros_take_no_room() {
        let bench = Bench::new();
        let bomb = gzip(&vec![0; 50 << 20]);
        assert!(bomb.len() < 100_000);
        assert!(
            bench
                .refused(&bomb, 10 << 20)
                .contains("larger than 10485760 bytes")
        );
        let (content, blocks) = bench.unpack(&bomb, 50 << 20).unwrap();
        assert_eq!((content.len(), blocks), (50 << 20, 0));
        let mut zipped = zip(&[("bomb", &vec![1; 1 << 20])]);
        assert!(bench.refused(&zipped, 1 << 19).contains("larger than"));
        // A member that understates its size is cut there, or called damaged, and never passes the limit.
        let size = (1_u32 << 20).to_le_bytes();
        for at in 0..zipped.len() - 4 {
            if zipped[at..at + 4] == size {
                zipped[at..at + 4].copy_from_slice(&10_u32.to_le_bytes());
            }
        }
        match bench.unpack(&zipped, 1 << 19) {
            Ok((content, _)) => assert!(content.len() <= 10),
            Err(Broken::Data(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn archives_that_are_no_single_file_are_refused() {
        let bench = Bench::new();
        let two = zip(&[("a", b"a"), ("b", b"b")]);
        assert!(bench.refused(&two, 1 << 20).contains("has 2 files"));
        let folder = zip(&[("a/", b"")]);
        assert!(bench.refused(&folder, 1 << 20).contains("no file"));
        let sound = gzip(&[3; 5000]);
        assert!(
            bench
                .refused(&sound[..sound.len() - 5], 1 << 20)
                .contains("damaged")
        );
        assert!(
            bench
                .refused(&[&sound[..], b"x"].concat(), 1 << 20)
                .contains("damaged")
        );
        let mut damaged = zip(&[("a", &[3; 5000])]);
        damaged.truncate(60);
        assert!(bench.refused(&damaged, 1 << 20).contains("damaged"));
    }

    #[test]
    fn work_for_nobody_ends() {
        let mut bench = Bench::new();
        let flag = bench.wanted.flag();
        bench.wanted = Wanted::default();
        assert!(flag.check().is_err());
    }

    #[test]
    fn archives_are_known_by_their_first_bytes() {
        assert_eq!(Archive::of(b"PK\x03\x04"), Some(Archive::Zip));
        assert_eq!(Archive::of(b"xx-lh5-"), Some(Archive::Lha));
        assert_eq!(Archive::of(b"\x1f\x8b\x08"), Some(Archive::Gzip));
        assert_eq!(Archive::of(b"PK\x05\x06"), None);
        assert_eq!(Archive::of(b"x"), None);
    }
}
