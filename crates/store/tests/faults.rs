//! A disk that is full and a process that is killed, with real limits and a real kill.
//!
//! Both need a process of their own: this test program starts itself again, with what to do in an environment variable.

#![expect(
    clippy::unwrap_used,
    reason = "a test may panic, also outside of its own function"
)]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use vidimus_store::{ByteStream, Error, FilesystemConfig, FilesystemStore, Store};
use vidimus_types::ImageId;

const ROLE: &str = "VIDIMUS_STORE_FAULT";
const FOLDER: &str = "VIDIMUS_STORE_FOLDER";

fn store(folder: &Path) -> FilesystemStore {
    FilesystemStore::new(FilesystemConfig {
        id: "disk".parse().unwrap(),
        description: None,
        weight: 0,
        datadirs: vec![(folder.to_owned(), 0)],
        file_perm: 0,
        chunk_size: 65_536,
        thin_provisioning: false,
        large_from_bytes: u64::MAX,
        patience: None,
    })
    .unwrap()
}

fn mebibytes(count: usize) -> ByteStream {
    let chunk = Bytes::from(vec![7; 1 << 20]);
    Box::pin(stream::iter((0..count).map(move |_| Ok(chunk.clone()))))
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| match path.is_dir() {
            true => files_below(&path),
            false => vec![path],
        })
        .collect()
}

/// This test alone, in a process of its own that has a role to play.
fn again(test: &str, role: &str, folder: &Path, before: &str) -> Command {
    let mut command = Command::new("sh");
    let program = std::env::current_exe().unwrap();
    command
        .arg("-c")
        .arg(format!("{before} exec \"$0\" \"$@\""))
        .arg(program)
        .args(["--exact", test, "--nocapture"])
        .env(ROLE, role)
        .env(FOLDER, folder);
    command
}

fn role() -> Option<(String, PathBuf)> {
    let role = std::env::var(ROLE).ok()?;
    Some((role, std::env::var_os(FOLDER)?.into()))
}

#[tokio::test]
async fn a_full_disk_is_told_and_leaves_nothing() {
    if let Some((role, folder)) = role() {
        let hint = (role == "announced").then_some(8 << 20);
        let put = store(&folder)
            .put(&ImageId::random(), mebibytes(8), hint)
            .await;
        assert!(matches!(put, Err(Error::Full { .. })), "{put:?}");
        assert_eq!(files_below(&folder), Vec::<PathBuf>::new());
        // What fits still goes in.
        store(&folder)
            .put(&ImageId::random(), mebibytes(1), None)
            .await
            .unwrap();
        return;
    }
    for role in ["announced", "unannounced"] {
        let folder = tempfile::tempdir().unwrap();
        // A limit on the size of files (in units of 512 or 1024 bytes) is a disk that is full for everybody, root too. The
        // signal that comes with it would kill the process.
        let limit = "trap '' XFSZ; ulimit -f 4096;";
        let test = "a_full_disk_is_told_and_leaves_nothing";
        let output = again(test, role, folder.path(), limit).output().unwrap();
        assert!(
            output.status.success(),
            "{role}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert_eq!(files_below(folder.path()).len(), 1, "the one that fits");
    }
}

#[tokio::test]
async fn what_a_killed_process_left_is_recovered() {
    if let Some((_, folder)) = role() {
        let told = stream::once(async {
            // Asked for only after the store has taken all before it.
            println!("half way");
            Ok(Bytes::new())
        });
        let source = Box::pin(mebibytes(3).chain(told).chain(stream::pending()));
        let put = store(&folder)
            .put(&ImageId::random(), source, Some(64 << 20))
            .await;
        panic!("it cannot end: {put:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let test = "what_a_killed_process_left_is_recovered";
    let mut child = again(test, "stall", folder.path(), "")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(
        lines
            .map_while(Result::ok)
            .any(|line| line.contains("half way")),
        "it never got there"
    );
    let left = files_below(folder.path());
    assert_eq!(left.len(), 1);
    let recovered = store(folder.path()).recover().await.unwrap();
    assert_eq!(recovered.files, 0, "the writer is alive");

    child.kill().unwrap();
    child.wait().unwrap();
    let recovered = store(folder.path()).recover().await.unwrap();
    assert_eq!(recovered.files, 1);
    assert_eq!(files_below(folder.path()), Vec::<PathBuf>::new());
}
