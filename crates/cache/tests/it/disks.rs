//! What depends on the file system, on real ones: files mounted as disks. Needs root and the tools of the file system;
//! elsewhere these tests say that they were skipped.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use rustix::fs::statvfs;
use vidimus_cache::{CacheConfig, FillFailure, ImageCache, Source};
use vidimus_types::ClearTarget;

use crate::support::{Image, MIB, hit, miss, read_file, read_fill};

/// A file system of its own, unmounted when dropped.
struct Disk {
    dir: tempfile::TempDir,
    kind: &'static str,
}

impl Disk {
    /// `None` where disks cannot be mounted, which is said.
    #[expect(clippy::print_stdout, reason = "a test that did nothing must say so")]
    fn new(kind: &'static str, needs: &[&str]) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let disk = Self { dir, kind };
        std::fs::create_dir(disk.path()).unwrap();
        std::fs::File::create(disk.image())
            .unwrap()
            .set_len(512 * MIB)
            .unwrap();
        let mkfs = format!("mkfs.{kind}");
        let image = disk.image();
        let made = needs.iter().try_for_each(|tool| run(tool, ["-V".as_ref()]));
        let made = made
            .and_then(|()| run(&mkfs, ["-q".as_ref(), image.as_path()]))
            .and_then(|()| disk.mount());
        match made {
            Ok(()) => Some(disk),
            Err(reason) => {
                println!("skipped: no {kind} disk can be mounted here: {reason}");
                None
            }
        }
    }

    fn image(&self) -> PathBuf {
        self.dir.path().join("image")
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("disk")
    }

    fn mount(&self) -> Result<(), String> {
        let (image, path) = (self.image(), self.path());
        let arguments = ["-o", "loop", "-t", self.kind].map(Path::new);
        run(
            "mount",
            arguments.into_iter().chain([image.as_path(), &path]),
        )
    }

    /// Cuts the power under a cache: nothing that the disk has not got by now will it ever get. Then the machine starts
    /// again.
    async fn cut_power(&self, cache: ImageCache) {
        let path = self.path();
        let off = ["-x", "-c", "shutdown"].map(Path::new);
        run("xfs_io", off.into_iter().chain([&*path])).unwrap();
        // What it still does fails now, but its files must be closed.
        let _ = cache.shutdown().await;
        drop(cache);
        run("umount", [&*path]).unwrap();
        self.mount().unwrap();
    }

    async fn cache(&self) -> ImageCache {
        let config = CacheConfig {
            dir: self.path().join("cache"),
            max_size_bytes: 256 * MIB,
            stall_time: Duration::from_secs(60),
            free_space_reserve_bytes: 0,
            large_from_bytes: u64::MAX,
        };
        ImageCache::open(config).await.unwrap()
    }

    fn free_bytes(&self) -> u64 {
        let disk = statvfs(self.path()).unwrap();
        disk.f_bfree * disk.f_frsize
    }

    /// A file beside the cache, as a store on the same disk has it.
    fn stored(&self, data: &[u8]) -> Source {
        let path = self.path().join("stored");
        std::fs::write(&path, data).unwrap();
        let file = std::fs::File::open(path).unwrap();
        file.sync_all().unwrap();
        Source::File(Arc::new(file))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let path = self.path();
        let _ = run("umount", [Path::new("-l"), &*path]);
    }
}

fn run<'a>(program: &str, arguments: impl IntoIterator<Item = &'a Path>) -> Result<(), String> {
    let mut command = Command::new(program);
    // The tools of root are not on everybody's path.
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command.args(arguments).stdin(Stdio::null());
    let done = command
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr).trim().to_owned();
    Err(format!("{program}: {said}"))
}

async fn fill_from(cache: &ImageCache, image: &Image, source: Source) -> Vec<u8> {
    let reader = miss(cache, image).await.fill_from(async { Ok(source) });
    let (data, end) = read_fill(&reader).await;
    end.unwrap();
    reader.finished().await.unwrap();
    data
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_right_after_a_clear_brings_nothing_back() {
    for kind in ["ext4", "xfs"] {
        let Some(disk) = Disk::new(kind, &["xfs_io"]) else {
            continue;
        };
        let cache = disk.cache().await;
        let kept = Image::new(100_000);
        for number in 0..2_000 {
            let id = format!("00000000-0000-4000-8000-{number:012}");
            std::fs::write(disk.path().join("cache").join(id), b"x").unwrap();
        }
        drop(cache);
        run("sync", []).unwrap();
        let cache = disk.cache().await;
        assert_eq!(cache.list().len(), 2_000);
        cache.clear(ClearTarget::Cache).await.unwrap();
        disk.cut_power(cache).await;
        let cache = disk.cache().await;
        assert!(
            cache.list().is_empty(),
            "{kind}: {} came back",
            cache.list().len()
        );
        // And what is cached after a clear stays.
        fill_from(&cache, &kept, disk.stored(&kept.data)).await;
        disk.cut_power(cache).await;
        let cache = disk.cache().await;
        assert!(read_file(&hit(&cache, &kept).await) == kept.data);
        assert_eq!(cache.counters().damaged, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_on_the_same_disk_is_cloned_where_the_file_system_can() {
    for kind in ["xfs", "btrfs"] {
        let Some(disk) = Disk::new(kind, &[]) else {
            continue;
        };
        let cache = disk.cache().await;
        let image = Image::new(24 * MIB as usize + 4_321);
        let source = disk.stored(&image.data);
        run("sync", []).unwrap();
        let before = disk.free_bytes();
        assert!(fill_from(&cache, &image, source).await == image.data);
        run("sync", []).unwrap();
        let taken = before.saturating_sub(disk.free_bytes());
        assert_eq!(cache.counters().cloned, 1, "{kind}");
        assert!(taken < 4 * MIB, "{kind}: {taken} bytes were taken for it");
        // The store's file is another one: what becomes of it is nothing to the copy.
        std::fs::write(disk.path().join("stored"), b"overwritten").unwrap();
        assert!(read_file(&hit(&cache, &image).await) == image.data);
        assert_eq!(cache.used_bytes(), image.expected.size_bytes);

        let mut wrong = image.data.to_vec();
        wrong[12 * MIB as usize] ^= 1;
        assert!(cache.remove(&image.id).await);
        let source = disk.stored(&wrong);
        let reader = miss(&cache, &image).await.fill_from(async { Ok(source) });
        let error = reader.finished().await.unwrap_err();
        assert!(
            matches!(error.failure, FillFailure::WrongHash { .. }),
            "{kind}: {error:?}"
        );
        assert!(!cache.contains(&image.id));
        let left = disk.path().join("cache/incomplete").read_dir().unwrap();
        assert_eq!((left.count(), cache.occupied_bytes()), (0, 0), "{kind}");
    }
}
