//! What only a store in folders can get wrong.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use proptest::prelude::{Strategy, any, prop_oneof, proptest};
use tempfile::TempDir;
use vidimus_types::{ByteRange, ImageId};

use super::{FilesystemConfig, FilesystemStore, Patience, Syncs, incoming};
use crate::{
    ByteStream, Error, Location, Store, StoreRead,
    conformance::{self, Subject},
};

fn config(datadirs: Vec<(PathBuf, i64)>) -> FilesystemConfig {
    FilesystemConfig {
        id: "disk".parse().unwrap(),
        description: None,
        weight: 0,
        datadirs,
        file_perm: 0,
        chunk_size: 65_536,
        thin_provisioning: false,
        large_from_bytes: 1 << 20,
        patience: None,
    }
}

#[tokio::test]
async fn what_the_file_system_does_not_answer_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(vec![(folder.path().to_owned(), 0)]);
    config.patience = Some(Patience {
        limit: Duration::from_millis(1500),
        threads: 1,
        warn_from: 100,
    });
    let store = FilesystemStore::new(config).unwrap();
    let data = || -> ByteStream { Box::pin(stream::iter([Ok(Bytes::from_static(b"abc"))])) };
    let patient = store_in(folder.path());
    let stored = patient.put(&ImageId::random(), data(), None).await;
    let stored = stored.unwrap().location;
    let (release, held) = std::sync::mpsc::channel::<()>();
    let hangs = store.on_file(&stored, "look", move |_, _| {
        let _ = held.recv();
        Ok(())
    });
    assert!(matches!(
        hangs.await,
        Err(Error::TimedOut {
            action: "look",
            seconds: 1,
            ..
        })
    ));
    // The one thread is at it still, so nothing else of this store begins.
    assert!(matches!(
        store.size(&stored).await,
        Err(Error::TimedOut { .. })
    ));
    assert!(matches!(
        store.delete(&stored).await,
        Err(Error::TimedOut { .. })
    ));
    let other = store.put(&ImageId::random(), data(), None).await;
    assert!(matches!(
        other,
        Err(Error::TimedOut {
            action: "start a file",
            ..
        })
    ));
    drop(release);
    let mut size = store.size(&stored).await;
    while matches!(size, Err(Error::TimedOut { .. })) {
        size = store.size(&stored).await;
    }
    assert_eq!(
        size.unwrap(),
        3,
        "a deletion that was given up is not done later"
    );
}

fn store_in(folder: &Path) -> FilesystemStore {
    FilesystemStore::new(config(vec![(folder.to_owned(), 0)])).unwrap()
}

/// Every file below `folder`.
fn files_below(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path.display().to_string());
        }
    }
    files
}

fn data(text: &'static str) -> ByteStream {
    Box::pin(stream::iter([Ok(Bytes::from_static(text.as_bytes()))]))
}

fn url_of(path: &Path) -> String {
    format!("file://{}", path.display())
}

async fn conforms(config: FilesystemConfig) {
    let folders: Vec<PathBuf> = config
        .datadirs
        .iter()
        .map(|(path, _)| path.clone())
        .collect();
    let contents = || {
        folders
            .iter()
            .flat_map(|folder| files_below(folder))
            .collect()
    };
    let outside = tempfile::NamedTempFile::new().unwrap();
    let subject = Subject {
        store: Arc::new(FilesystemStore::new(config).unwrap()),
        contents: &contents,
        foreign: Location::new(url_of(outside.path())),
    };
    conformance::check(&subject).await;
    assert!(outside.path().exists());
}

#[tokio::test]
async fn one_folder_conforms() {
    let folder = TempDir::new().unwrap();
    conforms(config(vec![(folder.path().join("new/images"), 0)])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_folders_with_holes_conform() {
    let (one, two) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let folders = vec![(one.path().to_owned(), 1), (two.path().to_owned(), 1)];
    conforms(FilesystemConfig {
        thin_provisioning: true,
        large_from_bytes: 1 << 20,
        patience: None,
        file_perm: 0o640,
        ..config(folders)
    })
    .await;
}

#[tokio::test]
async fn files_stand_where_glance_looks_for_them() {
    let folder = TempDir::new().unwrap();
    let mut config = config(vec![(folder.path().to_owned(), 0)]);
    config.file_perm = 0o640;
    let store = FilesystemStore::new(config).unwrap();
    let id = ImageId::random();
    let stored = store.put(&id, data("image"), None).await.unwrap();
    let path = folder.path().join(id.as_str());
    assert_eq!(stored.location, Location::new(url_of(&path)));
    assert_eq!(fs::read(&path).unwrap(), b"image");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
        0o640
    );
    let incoming = fs::metadata(incoming::folder(folder.path())).unwrap();
    assert_eq!(incoming.permissions().mode() & 0o777, 0o700);
    // The other spelling of the scheme, and data that Glance wrote.
    fs::write(folder.path().join("old"), "by glance").unwrap();
    let other = Location::new(format!("filesystem://{}/old", folder.path().display()));
    assert_eq!(store.size(&other).await.unwrap(), 9);
}

#[tokio::test]
async fn a_partial_file_under_the_final_name_does_not_block_an_upload() {
    let folder = TempDir::new().unwrap();
    let store = store_in(folder.path());
    let id = ImageId::random();
    // What Glance leaves when it is killed during an upload.
    fs::write(folder.path().join(id.as_str()), "part").unwrap();
    store.put(&id, data("the whole"), None).await.unwrap();
    assert_eq!(
        fs::read(folder.path().join(id.as_str())).unwrap(),
        b"the whole"
    );
}

#[tokio::test]
async fn zeros_take_no_space_with_thin_provisioning() {
    let folder = TempDir::new().unwrap();
    let mut config = config(vec![(folder.path().to_owned(), 0)]);
    config.thin_provisioning = true;
    let store = FilesystemStore::new(config).unwrap();
    let zeros = Bytes::from(vec![0; 1 << 20]);
    let source: ByteStream = Box::pin(stream::iter((0..8).map(move |_| Ok(zeros.clone()))));
    let id = ImageId::random();
    let stored = store.put(&id, source, Some(8 << 20)).await.unwrap();
    assert_eq!(stored.size_bytes, 8 << 20);
    let file = fs::metadata(folder.path().join(id.as_str())).unwrap();
    assert_eq!(file.len(), 8 << 20);
    assert!(file.blocks() * 512 < 1 << 20, "{} blocks", file.blocks());
}

#[tokio::test]
async fn announced_space_that_is_not_used_is_given_back() {
    let folder = TempDir::new().unwrap();
    let store = store_in(folder.path());
    let id = ImageId::random();
    store.put(&id, data("small"), Some(64 << 20)).await.unwrap();
    let file = fs::metadata(folder.path().join(id.as_str())).unwrap();
    assert_eq!(file.len(), 5);
    assert!(file.blocks() * 512 < 1 << 20, "{} blocks", file.blocks());
}

#[tokio::test]
async fn announced_data_that_cannot_fit_is_refused_before_it_is_sent() {
    let folder = TempDir::new().unwrap();
    let store = store_in(folder.path());
    let source: ByteStream = Box::pin(stream::poll_fn(|_| panic!("the source was asked")));
    let refused = store.put(&ImageId::random(), source, Some(1 << 62)).await;
    assert!(matches!(refused, Err(Error::Full { .. })), "{refused:?}");
    assert_eq!(files_below(folder.path()), Vec::<String>::new());
}

#[tokio::test]
async fn locations_lead_nowhere_else() {
    let base = TempDir::new().unwrap();
    let (inside, outside) = (base.path().join("images"), base.path().join("images-other"));
    fs::create_dir_all(&outside).unwrap();
    fs::write(outside.join("secret"), "secret").unwrap();
    let store = store_in(&inside);
    fs::create_dir(inside.join("folder")).unwrap();
    fs::write(inside.join("folder/file"), "deeper").unwrap();
    fs::write(incoming::folder(&inside).join("unfinished"), "x").unwrap();
    symlink(outside.join("secret"), inside.join("link")).unwrap();
    symlink(&outside, inside.join("link-folder")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        inside.join("pipe"),
        rustix::fs::FileType::Fifo,
        0o600.into(),
        0,
    )
    .unwrap();

    let root = inside.display();
    for url in [
        format!("file://{}/secret", outside.display()),
        format!("file://{root}-other/secret"),
        format!("file://{root}/../images-other/secret"),
        format!("file://{root}/./folder/file"),
        format!("file://{root}/folder/../../images-other/secret"),
        format!("file://{root}/link"),
        format!("file://{root}/link-folder/secret"),
        format!("file://{root}/.vidimus-incoming/unfinished"),
        format!("file://{root}/folder"),
        format!("file://{root}/folder/file/x"),
        format!("file://{root}/pipe"),
        format!("file://{root}"),
        format!("file://{root}/"),
        format!("file://{root}/a\0b"),
        format!("file://{root}/{}", "n".repeat(300)),
        format!("file:{root}/folder/file"),
        format!("FILE://{root}/folder/file"),
        format!("http://{root}/folder/file"),
        "file:///etc/passwd".to_owned(),
        "file://etc/passwd".to_owned(),
        "file://".to_owned(),
    ] {
        let location = Location::new(&url);
        let opened = store.open(&location, None).await;
        assert!(
            matches!(opened, Err(Error::BadLocation { .. })),
            "{url}: {opened:?}"
        );
        let size = store.size(&location).await;
        assert!(
            matches!(size, Err(Error::BadLocation { .. })),
            "{url}: {size:?}"
        );
        let deleted = store.delete(&location).await;
        assert!(
            matches!(deleted, Err(Error::BadLocation { .. })),
            "{url}: {deleted:?}"
        );
    }
    assert_eq!(fs::read(outside.join("secret")).unwrap(), b"secret");
    assert!(
        inside.join("link").is_symlink(),
        "links are not ours to delete"
    );
    let deeper = Location::new(format!("file://{root}/folder/file"));
    assert_eq!(store.size(&deeper).await.unwrap(), 6);
}

#[tokio::test]
async fn a_folder_reached_through_a_link_is_known_by_both_names() {
    let base = TempDir::new().unwrap();
    let real = base.path().join("real");
    fs::create_dir(&real).unwrap();
    symlink(&real, base.path().join("images")).unwrap();
    let store = store_in(&base.path().join("images"));
    let id = ImageId::random();
    let stored = store.put(&id, data("image"), None).await.unwrap();
    assert!(stored.location.url.contains("/images/"), "as configured");
    let by_real_name = Location::new(url_of(&real.join(id.as_str())));
    assert_eq!(store.size(&by_real_name).await.unwrap(), 5);
}

#[tokio::test]
async fn a_sync_that_fails_fails_the_upload() {
    fn refuse(_: &fs::File) -> io::Result<()> {
        Err(io::Error::from_raw_os_error(
            rustix::io::Errno::IO.raw_os_error(),
        ))
    }
    fn no_room(_: &fs::File) -> io::Result<()> {
        Err(io::Error::from_raw_os_error(
            rustix::io::Errno::DQUOT.raw_os_error(),
        ))
    }
    let folder = TempDir::new().unwrap();
    let mut store = store_in(folder.path());
    let id = ImageId::random();
    for (file, on_folder, is_full) in [
        (refuse as fn(&fs::File) -> _, Syncs::REAL.folder, false),
        (Syncs::REAL.file, refuse as fn(&fs::File) -> _, false),
        (no_room as fn(&fs::File) -> _, Syncs::REAL.folder, true),
    ] {
        store.syncs = Syncs {
            data: Syncs::REAL.data,
            file,
            folder: on_folder,
        };
        let failed = store.put(&id, data("image"), None).await;
        match failed {
            Err(Error::Full { .. }) => assert!(is_full),
            Err(Error::Io { .. }) => assert!(!is_full),
            other => panic!("{other:?}"),
        }
        assert_eq!(files_below(folder.path()), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_sync_that_fails_on_the_way_fails_the_upload_although_the_last_succeeds() {
    fn refuse(_: &fs::File) -> io::Result<()> {
        Err(io::Error::from_raw_os_error(
            rustix::io::Errno::IO.raw_os_error(),
        ))
    }
    let folder = TempDir::new().unwrap();
    let mut store = store_in(folder.path());
    store.syncs.data = refuse;
    let part = Bytes::from(vec![1; 1024 * 1024]);
    // Enough for the disk to be asked before the end.
    let source: ByteStream = Box::pin(stream::iter(vec![part; 40].into_iter().map(Ok)));
    let failed = store.put(&ImageId::random(), source, None).await;
    assert!(matches!(failed, Err(Error::Io { .. })), "{failed:?}");
    assert_eq!(files_below(folder.path()), Vec::<String>::new());
}

#[tokio::test]
async fn data_counts_as_deleted_only_once_its_folder_is_synced() {
    fn refuse(_: &fs::File) -> io::Result<()> {
        Err(io::Error::from_raw_os_error(
            rustix::io::Errno::IO.raw_os_error(),
        ))
    }
    let folder = TempDir::new().unwrap();
    let mut store = store_in(folder.path());
    let id = ImageId::random();
    let stored = store.put(&id, data("image"), None).await.unwrap();
    store.syncs.folder = refuse;
    // The second time the file is gone, and yet may come back.
    for _ in 0..2 {
        let deleted = store.delete(&stored.location).await;
        assert!(matches!(deleted, Err(Error::Io { .. })), "{deleted:?}");
        assert_eq!(files_below(folder.path()), Vec::<String>::new());
    }
    store.syncs = Syncs::REAL;
    store.delete(&stored.location).await.unwrap();
}

#[tokio::test]
async fn a_file_cut_short_under_a_reader_is_an_error_and_no_padding() {
    let folder = TempDir::new().unwrap();
    let store = store_in(folder.path());
    let id = ImageId::random();
    let stored = store.put(&id, data("0123456789"), None).await.unwrap();
    let read = store.open(&stored.location, None).await.unwrap();
    assert!(matches!(read, StoreRead::File { .. }));
    fs::OpenOptions::new()
        .write(true)
        .open(folder.path().join(id.as_str()))
        .unwrap()
        .set_len(4)
        .unwrap();
    let outcome: io::Result<Vec<Bytes>> = read.into_stream().try_collect().await;
    assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    let beyond = ByteRange { start: 4, end: 5 };
    let beyond = store.open(&stored.location, Some(beyond)).await;
    assert!(matches!(
        beyond,
        Err(Error::OutOfRange { size_bytes: 4, .. })
    ));
}

#[tokio::test]
async fn recovery_removes_what_nobody_writes() {
    let folder = TempDir::new().unwrap();
    let store = store_in(folder.path());
    let incoming = incoming::folder(folder.path());
    fs::write(incoming.join("left"), "12345").unwrap();
    let held = fs::File::create(incoming.join("held")).unwrap();
    held.lock().unwrap();
    let recovered = store.recover().await.unwrap();
    assert_eq!((recovered.files, recovered.size_bytes), (1, 5));
    assert!(incoming.join("held").exists());
    drop(held);
    assert_eq!(store.recover().await.unwrap().files, 1);

    // A store whose folder somebody tidied away still recovers and writes.
    fs::remove_dir(&incoming).unwrap();
    assert_eq!(store.recover().await.unwrap().files, 0);
    let id = ImageId::random();
    store.put(&id, data("image"), None).await.unwrap();
}

#[test]
fn a_store_needs_a_folder_it_can_make() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for folders in [vec![], vec![(file.path().join("images"), 0)]] {
        let refused = FilesystemStore::new(config(folders));
        assert!(matches!(refused, Err(Error::Io { .. })), "{refused:?}");
    }
}

fn hostile_path() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "\\.{0,3}",
        "[a-z]{1,3}",
        "/",
        "%2e%2e",
        "link",
        "outside",
        any::<String>()
    ];
    proptest::collection::vec(part, 0..8).prop_map(|parts| parts.join("/"))
}

proptest! {
    /// Whatever the text, only what lies below the root is ever opened.
    #[test]
    fn no_text_leads_outside(path in hostile_path()) {
        let base = TempDir::new().unwrap();
        let (inside, outside) = (base.path().join("inside"), base.path().join("outside"));
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("a"), "secret").unwrap();
        let store = store_in(&inside);
        symlink(&outside, inside.join("link")).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for url in [format!("file://{}/{path}", inside.display()), format!("file://{path}")] {
            let opened = runtime.block_on(store.open(&Location::new(url), None));
            assert!(opened.is_err(), "{opened:?}");
        }
    }
}
