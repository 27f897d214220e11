//! Opening a folder: after a restart, a crash, damage, and other programs.

use std::{collections::HashMap, io::Write, time::Instant};

use vidimus_cache::{Error, ImageCache};
use vidimus_types::{ClearTarget, ImageId};

use crate::support::{Folder, Image, MIB, fill, hit, miss, read_file, unlinked};

#[tokio::test]
async fn a_restart_keeps_images_hits_and_times() {
    let folder = Folder::new(MIB);
    let cache = folder.open().await;
    let images: Vec<_> = (0..3).map(|_| Image::new(1_000)).collect();
    for (hits, image) in images.iter().enumerate() {
        fill(&cache, image).await;
        for _ in 0..hits {
            hit(&cache, image).await;
        }
    }
    let list = |cache: &ImageCache| -> HashMap<_, _> {
        let millis = |time: std::time::SystemTime| {
            time.duration_since(std::time::UNIX_EPOCH)
                .unwrap()
                .as_millis()
        };
        let entries = cache.list().into_iter();
        entries
            .map(|entry| {
                let times = (millis(entry.last_accessed), millis(entry.last_modified));
                (entry.image_id, (entry.size_bytes, entry.hits, times))
            })
            .collect()
    };
    let before = list(&cache);
    assert_eq!(before[&images[2].id].1, 2);
    cache.shutdown().await.unwrap();
    drop(cache);
    let cache = folder.open().await;
    assert_eq!(list(&cache), before);
    assert!(cache.drain_accesses().is_empty());
    hit(&cache, &images[2]).await;
    hit(&cache, &images[2]).await;
    let [access] = &cache.drain_accesses()[..] else {
        panic!("one image was accessed");
    };
    assert_eq!((access.image_id, access.hits_added), (images[2].id, 2));
    assert_eq!(list(&cache)[&images[2].id].1, 4);
    assert!(cache.drain_accesses().is_empty());
    let Ok(lookup) = tokio::spawn({
        let (cache, image) = (cache.clone(), images[1].clone());
        async move { cache.lookup_for_prefetch(&image.id, &image.expected).await }
    })
    .await
    else {
        panic!("look-ups run in tasks");
    };
    assert!(matches!(lookup, vidimus_cache::Lookup::Hit(_)));
    assert!(cache.drain_accesses().is_empty(), "nobody downloaded");
}

/// Whether the cache trusts its own file, seen by what it makes of one that was changed behind its back without a trace.
async fn is_trusted(folder: &Folder, image: &Image) -> bool {
    let cache = folder.open().await;
    let path = folder.complete(&image.id);
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[image.data[0] ^ 1], 0).unwrap();
    file.set_modified(modified).unwrap();
    let lookup = cache.lookup(&image.id, &image.expected).await;
    matches!(lookup, vidimus_cache::Lookup::Hit(_))
}

#[tokio::test]
async fn a_crash_costs_no_second_verification() {
    let folder = Folder::new(MIB);
    let (first, second) = (Image::new(1_000), Image::new(1_000));
    let cache = folder.open().await;
    fill(&cache, &first).await;
    cache.save_index().await.unwrap();
    fill(&cache, &second).await;
    // Dropped without a word, as a crash does.
    drop(cache);
    assert!(is_trusted(&folder, &first).await);
    assert!(is_trusted(&folder, &second).await);
}

#[tokio::test]
async fn without_its_index_the_cache_verifies_again() {
    let index = |folder: &Folder| folder.path().join(".vidimus-index");
    let cases: [&dyn Fn(&Folder); 5] = [
        &|folder| std::fs::remove_file(index(folder)).unwrap(),
        &|folder| std::fs::write(index(folder), [0; 300]).unwrap(),
        &|folder| std::fs::write(index(folder), [0xff; 300]).unwrap(),
        &|folder| {
            let text = std::fs::read_to_string(index(folder)).unwrap();
            std::fs::write(index(folder), text.replacen("index 1", "index 12", 1)).unwrap();
        },
        // The last line is cut in the middle of the hash.
        &|folder| {
            let text = std::fs::read(index(folder)).unwrap();
            std::fs::write(index(folder), &text[..text.len() - 30]).unwrap();
        },
    ];
    for (number, damage) in cases.into_iter().enumerate() {
        let folder = Folder::new(MIB);
        let image = Image::new(1_000);
        let cache = folder.open().await;
        fill(&cache, &image).await;
        cache.shutdown().await.unwrap();
        drop(cache);
        damage(&folder);
        let cache = folder.open().await;
        assert!(
            read_file(&hit(&cache, &image).await) == image.data,
            "case {number}"
        );
        drop(cache);
        damage(&folder);
        assert!(!is_trusted(&folder, &image).await, "case {number}");
    }
}

#[tokio::test]
async fn a_torn_line_spoils_no_later_one() {
    let folder = Folder::new(MIB);
    let (first, second) = (Image::new(1_000), Image::new(1_000));
    let cache = folder.open().await;
    fill(&cache, &first).await;
    drop(cache);
    let index = folder.path().join(".vidimus-index");
    let mut file = std::fs::File::options().append(true).open(index).unwrap();
    write!(file, "{} 1000 12", second.id).unwrap();
    let cache = folder.open().await;
    fill(&cache, &second).await;
    drop(cache);
    assert!(is_trusted(&folder, &first).await);
    assert!(is_trusted(&folder, &second).await);
}

#[tokio::test]
async fn strangers_in_the_folder_are_left_alone() {
    let folder = Folder::new(1_000);
    folder.leave("cache.db", &[0; 5_000]);
    folder.leave("README", &[0; 5_000]);
    let odd = ImageId::random();
    std::fs::create_dir(folder.complete(&odd)).unwrap();
    let linked = ImageId::random();
    std::os::unix::fs::symlink(folder.path().join("README"), folder.complete(&linked)).unwrap();
    let cache = folder.open().await;
    assert!(cache.list().is_empty());
    let image = Image::new(1_000);
    fill(&cache, &image).await;
    cache.clear(ClearTarget::Both).await.unwrap();
    cache.clean().await.unwrap();
    for name in ["cache.db", "README", odd.as_str(), linked.as_str()] {
        assert!(folder.path().join(name).exists(), "{name}");
    }
}

#[tokio::test]
async fn two_processes_cannot_share_a_folder() {
    let folder = Folder::new(MIB);
    let cache = folder.open().await;
    let error = ImageCache::open(folder.config()).await.unwrap_err();
    assert!(
        matches!(&error, Error::InUse { dir } if *dir == folder.path()),
        "{error:?}"
    );
    assert!(error.to_string().contains("is in use by another process"));
    drop(cache);
    folder.open().await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_an_error_that_names_it() {
    let folder = Folder::new(MIB);
    let mut config = folder.config();
    std::fs::write(&config.dir, "a file").unwrap();
    config.dir.push("cache");
    let error = ImageCache::open(config.clone()).await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(
        cause.contains(config.dir.parent().unwrap().to_str().unwrap()),
        "{error}: {cause}"
    );
}

#[tokio::test]
async fn a_file_that_vanished_is_fetched_again() {
    let folder = Folder::new(MIB);
    let cache = folder.open().await;
    let image = Image::new(1_000);
    fill(&cache, &image).await;
    std::fs::remove_file(folder.complete(&image.id)).unwrap();
    drop(miss(&cache, &image).await);
    assert_eq!(cache.used_bytes(), 0);
    fill(&cache, &image).await;
}

#[tokio::test]
async fn a_lower_limit_holds_from_the_start() {
    let mut folder = Folder::new(10_000);
    let cache = folder.open().await;
    let images: Vec<_> = (0..10).map(|_| Image::new(1_000)).collect();
    for image in &images {
        fill(&cache, image).await;
    }
    for image in &images[2..5] {
        hit(&cache, image).await;
    }
    cache.shutdown().await.unwrap();
    drop(cache);
    folder.max_size_bytes = 3_500;
    let cache = folder.open().await;
    assert_eq!((cache.used_bytes(), folder.bytes_on_disk()), (3_000, 3_000));
    for image in &images[2..5] {
        assert!(cache.contains(&image.id), "what was used stays");
    }
}

#[tokio::test]
async fn a_hundred_thousand_images_are_found() {
    const COUNT: u64 = 100_000;
    let folder = Folder::new(u64::MAX / 4);
    drop(folder.open().await);
    let image = Image::new(1_000);
    let ids: Vec<_> = (0..COUNT).map(|_| ImageId::random()).collect();
    for id in &ids {
        std::fs::write(folder.complete(id), b"x").unwrap();
    }
    let cache = folder.open().await;
    fill(&cache, &image).await;
    drop(cache);
    // The index of a node that filled them all itself.
    let path = folder.path().join(".vidimus-index");
    let text = std::fs::read_to_string(&path).unwrap();
    let line = text.lines().last().unwrap();
    let rest = line.strip_prefix(image.id.as_str()).unwrap();
    let mut text = text.clone();
    for id in &ids {
        text.push_str(&format!("{id}{rest}\n"));
    }
    std::fs::write(&path, text).unwrap();
    let begun = Instant::now();
    let cache = folder.open().await;
    println!("opened with {COUNT} images in {:?}", begun.elapsed());
    assert_eq!(cache.used_bytes(), COUNT + 1_000);
    assert!(read_file(&hit(&cache, &image).await) == image.data);
    let begun = Instant::now();
    assert_eq!(cache.list().len() as u64, COUNT + 1);
    println!("listed in {:?}", begun.elapsed());
    let begun = Instant::now();
    cache.save_index().await.unwrap();
    println!("saved in {:?}", begun.elapsed());
    let begun = Instant::now();
    let cleared = cache.clear(ClearTarget::Cache).await.unwrap();
    println!("cleared in {:?}", begun.elapsed());
    unlinked(&cache).await;
    println!("and unlinked in {:?}", begun.elapsed());
    assert_eq!((cleared.images, cleared.bytes), (COUNT + 1, COUNT + 1_000));
    assert_eq!((cache.used_bytes(), folder.bytes_on_disk()), (0, 0));
}

#[tokio::test]
async fn what_lay_there_before_an_unfinished_clear_is_removed_and_the_rest_kept() {
    let folder = Folder::new(MIB);
    let (cleared, kept) = (ImageId::random(), Image::new(1_000));
    folder.leave(cleared.as_str(), &[0; 5_000]);
    std::thread::sleep(std::time::Duration::from_millis(20));
    folder.leave(".vidimus-clearing", b"");
    std::thread::sleep(std::time::Duration::from_millis(20));
    folder.leave(kept.id.as_str(), &kept.data);
    let cache = folder.open().await;
    assert!(!cache.contains(&cleared));
    assert!(!folder.complete(&cleared).exists());
    assert!(read_file(&hit(&cache, &kept).await) == kept.data);
    assert!(!folder.path().join(".vidimus-clearing").exists());
    drop(cache);
    assert!(folder.open().await.contains(&kept.id));
}

#[tokio::test]
async fn an_image_filled_again_while_a_clear_is_unlinking_stays() {
    let folder = Folder::new(MIB);
    let cache = folder.open().await;
    let images: Vec<_> = (0..50).map(|_| Image::new(1_000)).collect();
    for round in 0..5 {
        for image in &images {
            fill(&cache, image).await;
        }
        let cleared = cache.clear(ClearTarget::Cache).await.unwrap();
        assert_eq!(cleared.images, 50, "round {round}");
        assert!(cache.list().is_empty());
        for image in &images[..10] {
            fill(&cache, image).await;
        }
        unlinked(&cache).await;
        assert_eq!(cache.list().len(), 10);
        assert_eq!(
            (cache.used_bytes(), folder.bytes_on_disk()),
            (10_000, 10_000)
        );
        for image in &images[..10] {
            assert!(read_file(&hit(&cache, image).await) == image.data);
        }
        cache.clear(ClearTarget::Cache).await.unwrap();
        unlinked(&cache).await;
        assert_eq!(folder.bytes_on_disk(), 0);
    }
}
