//! Looks at everything after a start: rows, store, cache, queue, each against the ledger and against each other.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::Value;
use vidimus_testkit::{Api, TestServer};
use vidimus_types::ImageId;

use crate::{
    ledger::{Clears, Entry, State},
    worker::Worker,
};

/// Settles what was in doubt, and fails if anything acknowledged is lost, altered, stuck or left over.
pub(crate) async fn inspect(server: &TestServer, workers: &mut [Worker], clears: Clears) {
    let api = server.api();
    let shown = all_images(&api).await;
    let known = workers
        .iter()
        .map(|worker| worker.entries.len())
        .sum::<usize>();
    let entries = || workers.iter().flat_map(|worker| &worker.entries);
    assert_eq!(entries().count(), known);
    for id in shown.keys() {
        assert!(
            entries().any(|entry| entry.id == *id),
            "an image nobody made: {id}"
        );
    }
    let in_doubt: Vec<ImageId> = entries()
        .filter(|entry| entry.in_doubt.is_some())
        .map(|entry| entry.id)
        .collect();
    for entry in workers.iter_mut().flat_map(|worker| &mut worker.entries) {
        settle(entry, shown.get(&entry.id));
    }
    // The dead stay dead, and need not be looked at again: each round lists all images.
    for worker in workers.iter_mut() {
        worker.entries.retain(|entry| entry.settled.is_some());
    }
    let contents = contents(workers);
    check_store(&server.data_dir().join("images"), &contents);
    // Tells a copy that a crash left apart from one that came too late in a running server.
    eprintln!("in doubt at the kill: {in_doubt:?}");
    check_cache(server, &api, workers, &contents, clears).await;
    for (id, bytes) in &contents {
        let answer = api
            .download(id)
            .await
            .expect("a download after the restart");
        assert!(
            answer.expect_status(200).body == *bytes,
            "other bytes of {id} after the restart"
        );
    }
}

async fn all_images(api: &Api) -> BTreeMap<ImageId, Value> {
    let mut images = BTreeMap::new();
    let mut path = "/v2/images?limit=100".to_owned();
    loop {
        let page = api
            .get(&path)
            .await
            .expect("a list")
            .expect_status(200)
            .json();
        for image in page["images"].as_array().expect("images") {
            let id = image["id"].as_str().and_then(|id| id.parse().ok());
            images.insert(id.expect("an id"), image.clone());
        }
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut path),
            None => return images,
        }
    }
}

/// One of the allowed states is the one it is in, and the truth from now on.
fn settle(entry: &mut Entry, shown: Option<&Value>) {
    let fits = |state: &Option<State>| match (state, shown) {
        (Some(state), Some(image)) => state.is_shown_by(image),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    let allowed = entry.allowed();
    let Some(state) = allowed.iter().find(|state| fits(state)) else {
        panic!(
            "image {} may be one of {allowed:#?} and is {shown:#?}",
            entry.id
        );
    };
    entry.settled.clone_from(state);
    entry.in_doubt = None;
}

/// The bytes of each active image.
fn contents(workers: &[Worker]) -> BTreeMap<ImageId, Vec<u8>> {
    let entries = workers.iter().flat_map(|worker| &worker.entries);
    let active = entries.filter_map(|entry| {
        let content = entry.settled.as_ref()?.content?;
        Some((entry.id, content.bytes()))
    });
    active.collect()
}

/// A file for each active image with exactly its bytes, and soon no other file: deletions are finished behind the start.
fn check_store(dir: &Path, contents: &BTreeMap<ImageId, Vec<u8>>) {
    for (id, bytes) in contents {
        let path = dir.join(id.as_str());
        assert!(
            fs::read(&path).unwrap() == *bytes,
            "other bytes in {}",
            path.display()
        );
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let strangers: Vec<_> = files_below(dir)
            .into_iter()
            .filter(|path| !contents.keys().any(|id| *path == dir.join(id.as_str())))
            .collect();
        if strangers.is_empty() {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "left in the store: {strangers:?}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Copies are whole, of active images, and the ones the API tells of; what was queued is queued or cached.
async fn check_cache(
    server: &TestServer,
    api: &Api,
    workers: &[Worker],
    contents: &BTreeMap<ImageId, Vec<u8>>,
    clears: Clears,
) {
    let dir = server.data_dir().join("cache");
    let listed = api
        .get("/v2/cache")
        .await
        .expect("the cache")
        .expect_status(200)
        .json();
    let cached = ids(&listed["cached_images"], |entry| entry["image_id"].as_str());
    let queued = ids(&listed["queued_images"], Value::as_str);
    for id in &cached {
        let bytes = contents
            .get(id)
            .unwrap_or_else(|| panic!("a copy of {id}, which is not active"));
        // The prefetcher works meanwhile, so a listed copy is there and an unlisted one may be.
        assert!(
            fs::read(dir.join(id.as_str())).unwrap() == *bytes,
            "other bytes in the copy of {id}"
        );
    }
    for path in files_below(&dir) {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if let (Ok(id), true) = (
            name.parse::<ImageId>(),
            path.parent() == Some(dir.as_path()),
        ) {
            assert!(contents.contains_key(&id), "a copy of {id}, which is gone");
        }
    }
    for id in &queued {
        assert!(contents.contains_key(id), "{id} is queued and not active");
    }
    for entry in workers.iter().flat_map(|worker| &worker.entries) {
        if entry.wanted.is_some_and(|then| then.none_until(clears)) {
            assert!(
                cached.contains(&entry.id) || queued.contains(&entry.id),
                "{} was queued and is forgotten",
                entry.id
            );
        }
    }
}

fn ids<'a>(list: &'a Value, id: impl Fn(&'a Value) -> Option<&'a str>) -> Vec<ImageId> {
    let entries = list.as_array().expect("a list").iter();
    entries
        .map(|entry| id(entry).and_then(|id| id.parse().ok()).expect("an id"))
        .collect()
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}
