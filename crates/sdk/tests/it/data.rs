//! Uploading, downloading and saving, whatever breaks in between.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use vidimus_sdk::{
    Client, DownloadRequest, Error, Image, Integrity, Progress, SaveOptions, Saved, Upload,
};

use crate::fake::{Fake, ID, Received, Reply, image};

/// Some data that differs everywhere.
fn data(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at * 7 + at / 251) as u8).collect()
}

/// Answers as Glance does, ranges included.
fn serve(request: &Received, data: &[u8]) -> Reply {
    let Some(range) = request.header("range") else {
        return Reply::new("200 OK", "application/octet-stream", data);
    };
    let (first, last) = range
        .strip_prefix("bytes=")
        .unwrap()
        .split_once('-')
        .unwrap();
    let first: usize = first.parse().unwrap();
    let end = last
        .parse()
        .map_or(data.len(), |last: usize| (last + 1).min(data.len()));
    if first >= data.len() {
        return Reply::new("416 Requested Range Not Satisfiable", "", "");
    }
    Reply::new(
        "206 Partial Content",
        "application/octet-stream",
        &data[first..end],
    )
    .header(
        "Content-Range",
        &format!("bytes {first}-{}/{}", end - 1, data.len()),
    )
}

fn of(value: serde_json::Value) -> Image {
    serde_json::from_value(value).unwrap()
}

/// A folder to save into.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("image.raw")
    }

    fn part(&self) -> PathBuf {
        self.folder.path().join("image.raw.part")
    }

    async fn save(&self, client: &Client, image: &Image) -> Result<Saved, Error> {
        client
            .images()
            .save_to_file(image, &self.file(), SaveOptions::default())
            .await
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

#[tokio::test]
async fn an_upload_sends_the_file_and_its_size() {
    let desk = Desk::new();
    let content = data(700_000);
    std::fs::write(desk.file(), &content).unwrap();
    let fake = Fake::start(|_| Reply::empty()).await;
    let seen: Arc<Mutex<Vec<Progress>>> = Arc::default();
    let sink = Arc::clone(&seen);
    let upload = Upload::from_file(&desk.file())
        .await
        .unwrap()
        .on_progress(Box::new(move |progress| {
            sink.lock().unwrap().push(progress)
        }));
    fake.client()
        .images()
        .upload(&ID.parse().unwrap(), upload, Some(&"fast".parse().unwrap()))
        .await
        .unwrap();
    let request = &fake.received()[0];
    assert_eq!(request.line(), format!("PUT /v2/images/{ID}/file"));
    assert_eq!(request.header("x-openstack-image-size"), Some("700000"));
    assert_eq!(request.header("x-image-meta-store"), Some("fast"));
    assert_eq!(
        request.header("content-type"),
        Some("application/octet-stream")
    );
    assert!(request.body == content, "the bytes arrive as they were");
    let last = *seen.lock().unwrap().last().unwrap();
    assert_eq!(
        (last.done_bytes, last.total_bytes),
        (700_000, Some(700_000))
    );
}

#[tokio::test]
async fn data_of_unknown_size_is_sent_without_one() {
    let fake = Fake::start(|_| Reply::empty()).await;
    let upload = Upload::from_reader(&b"from a pipe"[..]);
    fake.client()
        .images()
        .stage(&ID.parse().unwrap(), upload)
        .await
        .unwrap();
    let request = &fake.received()[0];
    assert_eq!(request.line(), format!("PUT /v2/images/{ID}/stage"));
    assert_eq!(request.header("x-openstack-image-size"), None);
    assert_eq!(request.body, b"from a pipe");
}

#[tokio::test]
async fn a_part_can_be_downloaded() {
    let content = data(1000);
    let served = content.clone();
    let fake = Fake::start(move |request| serve(request, &served)).await;
    let request = DownloadRequest {
        offset: 10,
        length: Some(5),
        store_preferences: vec!["a".to_owned(), "b".to_owned()],
    };
    let client = fake.client();
    let mut download = client
        .images()
        .download(&ID.parse().unwrap(), &request)
        .await
        .unwrap();
    assert_eq!((download.offset, download.size_bytes), (10, Some(5)));
    let mut got = Vec::new();
    while let Some(chunk) = download.chunk().await.unwrap() {
        got.extend(chunk);
    }
    assert_eq!(got, &content[10..15]);
    assert_eq!(
        fake.lines(),
        [format!("GET /v2/images/{ID}/file?prefer=a%2Cb")]
    );
}

#[tokio::test]
async fn a_saved_image_is_verified_and_alone() {
    let content = data(300_000);
    let served = content.clone();
    let fake = Fake::start(move |request| serve(request, &served)).await;
    let desk = Desk::new();
    let saved = desk
        .save(&fake.client(), &of(image("i", &content)))
        .await
        .unwrap();
    assert_eq!(
        saved,
        Saved {
            size_bytes: 300_000,
            resumed_bytes: 0,
            integrity: Integrity::Verified {
                algorithm: "sha512"
            },
        }
    );
    assert!(std::fs::read(desk.file()).unwrap() == content);
    assert_eq!(desk.names(), ["image.raw"]);
}

#[tokio::test]
async fn wrong_bytes_never_get_the_name() {
    let content = data(1000);
    let mut wrong = content.clone();
    wrong[500] ^= 1;
    let fake = Fake::start(move |request| serve(request, &wrong)).await;
    let desk = Desk::new();
    std::fs::write(desk.file(), "what was there").unwrap();
    let error = desk
        .save(&fake.client(), &of(image("i", &content)))
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("Unable to download image: checksum mismatch (sha512): "),
        "{text}"
    );
    assert_eq!(
        std::fs::read_to_string(desk.file()).unwrap(),
        "what was there"
    );
    assert_eq!(
        desk.names(),
        ["image.raw"],
        "and they are not kept for the next time"
    );
}

#[tokio::test]
async fn a_broken_connection_is_taken_up_where_it_broke() {
    let content = data(100_000);
    let served = content.clone();
    let fake = Fake::start(move |request| {
        let reply = serve(request, &served);
        match request.header("range") {
            None => reply.cut_after(30_000),
            Some("bytes=30000-") => reply.cut_after(20_000),
            Some(_) => reply,
        }
    })
    .await;
    let desk = Desk::new();
    let saved = desk
        .save(&fake.client(), &of(image("i", &content)))
        .await
        .unwrap();
    assert_eq!(saved.size_bytes, 100_000);
    assert!(std::fs::read(desk.file()).unwrap() == content);
    let ranges: Vec<Option<String>> = fake
        .received()
        .iter()
        .map(|request| request.header("range").map(str::to_owned))
        .collect();
    assert_eq!(
        ranges,
        [
            None,
            Some("bytes=30000-".to_owned()),
            Some("bytes=50000-".to_owned())
        ]
    );
}

#[tokio::test]
async fn a_broken_connection_to_a_server_without_ranges_costs_only_time() {
    for without_ranges in [
        Reply::new("400 Bad Request", "", ""),
        Reply::new("200 OK", "", data(50_000)),
    ] {
        let content = data(50_000);
        let served = content.clone();
        let count = Arc::new(Mutex::new(0));
        let fake = Fake::start(move |request| {
            let mut count = count.lock().unwrap();
            *count += 1;
            match (request.header("range"), *count) {
                (Some(_), _) => without_ranges.clone(),
                (None, 1) => serve(request, &served).cut_after(20_000),
                (None, _) => serve(request, &served),
            }
        })
        .await;
        let mut written = Vec::new();
        let client = fake.client();
        let saved = client
            .images()
            .save_to_writer(
                &of(image("i", &content)),
                &mut written,
                SaveOptions::default(),
            )
            .await
            .unwrap();
        assert_eq!(
            saved.integrity,
            Integrity::Verified {
                algorithm: "sha512"
            }
        );
        assert!(written == content);
    }
}

#[tokio::test]
async fn a_transfer_that_makes_no_headway_is_given_up_and_kept() {
    let content = data(1000);
    let served = content.clone();
    let fake = Fake::start(move |request| {
        let reply = serve(request, &served);
        if request.header("range").is_none() {
            reply.cut_after(400)
        } else {
            reply.cut_after(0)
        }
    })
    .await;
    let desk = Desk::new();
    let error = desk
        .save(&fake.client(), &of(image("i", &content)))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::Incomplete {
                received_bytes: 400,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(desk.names(), ["image.raw.part"]);
    assert!(std::fs::read(desk.part()).unwrap() == content[..400]);
}

#[tokio::test]
async fn an_earlier_attempt_is_continued() {
    let content = data(1000);
    let served = content.clone();
    let fake = Fake::start(move |request| serve(request, &served)).await;
    let desk = Desk::new();
    std::fs::write(desk.part(), &content[..600]).unwrap();
    let saved = desk
        .save(&fake.client(), &of(image("i", &content)))
        .await
        .unwrap();
    assert_eq!((saved.size_bytes, saved.resumed_bytes), (1000, 600));
    assert!(std::fs::read(desk.file()).unwrap() == content);
    assert_eq!(fake.received()[0].header("range"), Some("bytes=600-"));

    std::fs::write(desk.part(), &content).unwrap();
    desk.save(&fake.client(), &of(image("i", &content)))
        .await
        .unwrap();
    assert_eq!(
        fake.lines().len(),
        1,
        "what is there in full is not asked for again"
    );
    assert_eq!(desk.names(), ["image.raw"]);
}

#[tokio::test]
async fn the_beginning_of_something_else_is_replaced() {
    let content = data(1000);
    for beginning in [vec![0xff; 600], vec![0xff; 1000], vec![0xff; 2000]] {
        let served = content.clone();
        let fake = Fake::start(move |request| serve(request, &served)).await;
        let desk = Desk::new();
        std::fs::write(desk.part(), beginning).unwrap();
        let saved = desk
            .save(&fake.client(), &of(image("i", &content)))
            .await
            .unwrap();
        assert_eq!((saved.size_bytes, saved.resumed_bytes), (1000, 0));
        assert!(std::fs::read(desk.file()).unwrap() == content);
    }
}

#[tokio::test]
async fn md5_serves_where_there_is_nothing_better() {
    let content = data(1000);
    let md5 = vidimus_digest::hex_digest(vidimus_digest::Algorithm::md5(), &content).unwrap();
    let from_metadata = serde_json::json!({"id": ID, "checksum": md5, "os_hash_algo": "unheard-of", "os_hash_value": "00"});
    let from_header = serde_json::json!({"id": ID});
    for metadata in [from_metadata, from_header] {
        for (served, fits) in [(content.clone(), true), (data(999), false)] {
            let md5 = md5.clone();
            let fake =
                Fake::start(move |request| serve(request, &served).header("Content-MD5", &md5))
                    .await;
            let saved = Desk::new()
                .save(&fake.client(), &of(metadata.clone()))
                .await;
            match saved {
                Ok(saved) => {
                    assert_eq!(saved.integrity, Integrity::Verified { algorithm: "md5" });
                    assert!(fits);
                }
                Err(error) => assert!(
                    !fits && matches!(error, Error::ChecksumMismatch { .. }),
                    "{error:?}"
                ),
            }
        }
    }
}

#[tokio::test]
async fn an_image_without_data_is_an_empty_file_nobody_verified() {
    let fake = Fake::start(|_| Reply::empty()).await;
    let desk = Desk::new();
    let queued = of(serde_json::json!({"id": ID, "status": "queued"}));
    let saved = desk.save(&fake.client(), &queued).await.unwrap();
    assert_eq!(
        (saved.size_bytes, saved.integrity),
        (0, Integrity::Unverified)
    );
    assert_eq!(std::fs::read(desk.file()).unwrap(), b"");
}

#[tokio::test]
async fn the_wrong_part_is_not_glued_on() {
    let content = data(1000);
    let served = content.clone();
    let fake = Fake::start(move |request| {
        if request.header("range").is_some() {
            Reply::new("206 Partial Content", "", &served[700..])
                .header("Content-Range", "bytes 700-999/1000")
        } else {
            serve(request, &served).cut_after(500)
        }
    })
    .await;
    // No hash: nothing else would notice.
    let unverifiable = of(serde_json::json!({"id": ID, "size": 1000}));
    let error = Desk::new()
        .save(&fake.client(), &unverifiable)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::InvalidResponse { .. }), "{error:?}");
}

#[tokio::test]
async fn without_a_hash_the_size_must_fit() {
    let fake = Fake::start(|request| serve(request, b"short")).await;
    let unverifiable = of(serde_json::json!({"id": ID, "size": 1000}));
    let desk = Desk::new();
    let error = desk.save(&fake.client(), &unverifiable).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Incomplete {
                received_bytes: 5,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(!desk.file().exists());
}

#[tokio::test]
async fn a_refused_download_leaves_nothing() {
    let fake =
        Fake::start(|_| Reply::new("403 Forbidden", "text/html", "<h1>403 Forbidden</h1>")).await;
    let desk = Desk::new();
    let error = desk
        .save(&fake.client(), &of(image("i", b"x")))
        .await
        .unwrap_err();
    assert_eq!(error.http().unwrap().status, 403);
    assert!(desk.names().is_empty());
}

#[tokio::test]
async fn two_processes_do_not_write_one_file() {
    let fake = Fake::start(|_| Reply::empty()).await;
    let desk = Desk::new();
    let other = std::fs::File::create(desk.part()).unwrap();
    other.lock().unwrap();
    let error = desk
        .save(&fake.client(), &of(image("i", b"x")))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Busy(_)), "{error:?}");
    assert!(fake.received().is_empty());
}

#[cfg(unix)]
#[tokio::test]
async fn links_and_permissions_of_the_target_stay() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let content = data(1000);
    let served = content.clone();
    let fake = Fake::start(move |request| serve(request, &served)).await;
    let desk = Desk::new();
    let real = desk.folder.path().join("real.raw");
    std::fs::write(&real, "old").unwrap();
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o600)).unwrap();
    symlink(&real, desk.file()).unwrap();
    desk.save(&fake.client(), &of(image("i", &content)))
        .await
        .unwrap();
    assert!(std::fs::symlink_metadata(desk.file()).unwrap().is_symlink());
    assert!(std::fs::read(&real).unwrap() == content);
    assert_eq!(
        std::fs::metadata(&real).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_device_is_written_to_directly() {
    let content = data(1000);
    let served = content.clone();
    let fake = Fake::start(move |request| serve(request, &served)).await;
    let path = std::path::Path::new("/dev/null");
    let client = fake.client();
    let saved = client
        .images()
        .save_to_file(&of(image("i", &content)), path, SaveOptions::default())
        .await
        .unwrap();
    assert_eq!(
        saved.integrity,
        Integrity::Verified {
            algorithm: "sha512"
        }
    );
    assert!(!std::fs::metadata(path).unwrap().is_file());
}

#[tokio::test]
async fn progress_counts_from_where_it_was_resumed() {
    let content = data(1000);
    let served = content.clone();
    let fake = Fake::start(move |request| serve(request, &served)).await;
    let desk = Desk::new();
    std::fs::write(desk.part(), &content[..600]).unwrap();
    let seen: Arc<Mutex<Vec<Progress>>> = Arc::default();
    let sink = Arc::clone(&seen);
    let options = SaveOptions {
        on_progress: Some(Box::new(move |progress| {
            sink.lock().unwrap().push(progress)
        })),
        ..SaveOptions::default()
    };
    let client = fake.client();
    client
        .images()
        .save_to_file(&of(image("i", &content)), &desk.file(), options)
        .await
        .unwrap();
    let seen = seen.lock().unwrap();
    assert!(
        seen.iter()
            .all(|progress| progress.done_bytes > 600 && progress.total_bytes == Some(1000))
    );
    assert_eq!(seen.last().unwrap().done_bytes, 1000);
}
