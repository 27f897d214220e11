//! A process that is killed, and a disk that fills up, for real: in a child process.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use vidimus_cache::{CacheConfig, FillFailure, ImageCache, Lookup};
use vidimus_types::{ClearTarget, ImageId};

use crate::support::{Folder, Image, MIB, fill, hit, miss, read_file, read_fill};

const DIR: &str = "VIDIMUS_CACHE_TEST_DIR";
const LIMIT: u64 = 3 * MIB;

/// Images every process knows, of sizes that do not all fit.
fn images() -> Vec<Image> {
    let image = |number: usize| {
        let id: ImageId = format!("00000000-0000-4000-8000-{number:012}")
            .parse()
            .unwrap();
        Image::with_id(id, 200_000 + number * 70_000, number as u64 + 1)
    };
    (0..10).map(image).collect()
}

/// Runs one test of this program again, as a child that may die.
fn child(test: &str, folder: &Folder, shell: &str) -> Child {
    let program = std::env::current_exe().unwrap();
    let program = program.to_str().unwrap();
    Command::new("sh")
        .args([
            "-c",
            &format!("{shell} exec '{program}' --exact crash::{test}"),
        ])
        .env(DIR, folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The folder given to the child; `None` in an ordinary run, where these tests have nothing to do.
async fn cache_of_child() -> Option<ImageCache> {
    let config = CacheConfig {
        dir: std::env::var_os(DIR)?.into(),
        max_size_bytes: LIMIT,
        stall_time: Duration::ZERO,
        free_space_reserve_bytes: 0,
        large_from_bytes: u64::MAX,
    };
    Some(ImageCache::open(config).await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_works_until_it_is_killed() {
    let Some(cache) = cache_of_child().await else {
        return;
    };
    let images = images();
    for step in 0_usize.. {
        let image = &images[step * 7 % images.len()];
        cache.queue().push(&image.id).await.unwrap();
        if let Lookup::Miss(permit) = cache.lookup(&image.id, &image.expected).await {
            permit.fill(image.source());
        }
        if step % 5 == 0 {
            cache.remove(&images[step % images.len()].id).await;
        }
        if step % 7 == 0 {
            cache.save_index().await.unwrap();
        }
    }
}

/// How many images a clear has to unlink when its process is killed.
const CLEARED: usize = 3_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_clears_and_is_killed() {
    let Some(cache) = cache_of_child().await else {
        return;
    };
    let cleared = cache.clear(ClearTarget::Both).await.unwrap();
    assert_eq!(cleared.images, CLEARED as u64);
    let dir = std::path::PathBuf::from(std::env::var_os(DIR).unwrap());
    std::fs::write(dir.join("cleared"), b"").unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
}

#[tokio::test]
async fn killed_right_after_a_clear_nothing_of_the_cache_comes_back() {
    let folder = Folder::new(LIMIT);
    let mut left_over = 0;
    for _ in 0..3 {
        drop(folder.open().await);
        for number in 0..CLEARED {
            let id = format!("00000000-0000-4000-8000-{number:012}");
            folder.leave(id, b"x");
        }
        let mut child = child("child_clears_and_is_killed", &folder, "");
        let answered = folder.path().join("cleared");
        while !answered.exists() {
            assert!(child.try_wait().unwrap().is_none(), "the child ended");
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        left_over += folder.bytes_on_disk();
        let cache = folder.open().await;
        assert!(cache.list().is_empty());
        assert_eq!(folder.bytes_on_disk(), 0);
        std::fs::remove_file(answered).unwrap();
    }
    assert!(left_over > 0, "the child was done before it was killed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_point_the_cache_comes_back_whole() {
    let mut folder = Folder::new(LIMIT);
    folder.stall_time = Duration::ZERO;
    let images = images();
    let mut found = 0;
    for round in 0..20 {
        let mut child = child("child_works_until_it_is_killed", &folder, "");
        tokio::time::sleep(Duration::from_millis(60 + round * 17)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let cache = folder.open().await;
        assert_eq!(
            cache.used_bytes(),
            folder.bytes_on_disk(),
            "leftovers, or too much believed"
        );
        assert!(cache.used_bytes() <= LIMIT);
        for image in &images {
            match cache.lookup(&image.id, &image.expected).await {
                Lookup::Hit(file) => {
                    assert!(read_file(&file) == image.data);
                    found += 1;
                }
                Lookup::Miss(permit) => {
                    let reader = permit.fill(image.source());
                    let (data, end) = read_fill(&reader).await;
                    end.unwrap();
                    assert!(data == image.data);
                    reader.finished().await.unwrap();
                }
                other => panic!("{other:?}"),
            }
        }
        let counters = cache.counters();
        assert_eq!(
            counters.damaged, 0,
            "a file was published that was not whole"
        );
        cache.shutdown().await.unwrap();
    }
    assert!(found > 0, "the child never came to anything");
}

#[tokio::test]
async fn child_fills_a_small_disk() {
    let Some(cache) = cache_of_child().await else {
        return;
    };
    let (fits, image) = (Image::new(100_000), Image::new(2_000_000));
    fill(&cache, &fits).await;
    let reader = miss(&cache, &image).await.fill(image.source());
    let (data, end) = read_fill(&reader).await;
    let error = end.unwrap_err();
    assert!(matches!(error.failure, FillFailure::Local(_)), "{error:?}");
    assert!(error.failure.is_resumable());
    assert_eq!(error.offset, data.len() as u64);
    assert!(data == image.data[..data.len()]);
    assert!(!cache.contains(&image.id) && cache.contains(&fits.id));
    assert_eq!((cache.used_bytes(), cache.reserved_bytes()), (100_000, 0));
    assert!(read_file(&hit(&cache, &fits).await) == fits.data);
}

/// The shell's limit on file size stands for a full disk: writes beyond it fail half-way.
#[tokio::test]
async fn a_full_disk_fails_the_copy_and_not_the_download() {
    let folder = Folder::new(LIMIT);
    let mut child = child(
        "child_fills_a_small_disk",
        &folder,
        "trap '' XFSZ; ulimit -f 2000;",
    );
    assert!(child.wait().unwrap().success());
    assert_eq!(
        folder.bytes_on_disk(),
        100_000,
        "the child did its work and left nothing"
    );
}
