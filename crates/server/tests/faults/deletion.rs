//! Data that will not go, and data that is to go later.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use reqwest::Method;
use serde_json::{Value, json};
use vidimus_testkit::{Answer, Api, TestServer};
use vidimus_types::ImageId;

const PROGRAM: &str = env!("CARGO_BIN_EXE_vidimus");

/// Something of the system that keeps a file from being removed, until it is dropped.
struct Hold {
    undo: Command,
}

impl Hold {
    /// `None` where this machine, or this user, cannot do that.
    fn new(program: &str, take: &[&str], undo: &str, let_go: &[&str], file: &Path) -> Option<Self> {
        let done = Command::new(program).args(take).arg(file).output().ok()?;
        if !done.status.success() {
            eprintln!("skipped: {program} cannot hold a file here");
            return None;
        }
        let mut command = Command::new(undo);
        command.args(let_go).arg(file);
        Some(Self { undo: command })
    }

    fn immutable(file: &Path) -> Option<Self> {
        Self::new("chattr", &["+i"], "chattr", &["-i"], file)
    }

    fn mounted(file: &Path) -> Option<Self> {
        let own = file.display().to_string();
        Self::new("mount", &["--bind", &own], "umount", &[], file)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let _ = self.undo.output();
    }
}

async fn furnished(api: &Api) -> ImageId {
    let id = api.new_image("held").await;
    let property = json!([{"op": "add", "path": "/colour", "value": "red"}]);
    api.patch(&id, &property).await.unwrap().expect_status(200);
    let tagged = api.tag(Method::PUT, &id, "t").await;
    tagged.unwrap().expect_status(204);
    api.upload(&id, "data").await.unwrap().expect_status(204);
    id
}

async fn show(api: &Api, id: &ImageId) -> Value {
    api.show(id).await.unwrap().expect_status(200).json()
}

async fn delete_copy(api: &Api, store: &str, id: &ImageId) -> Answer {
    let request = api.request(Method::DELETE, &format!("/v2/stores/{store}/{id}"));
    api.send(request).await.unwrap()
}

#[tokio::test]
async fn what_the_system_does_not_let_go_of_stays_with_its_image() {
    let server = TestServer::builder(PROGRAM).start();
    let api = server.api();
    let id = furnished(&api).await;
    let before = show(&api, &id).await;
    let file = server.data_dir().join("images").join(id.as_str());
    for (hold, status, words) in [
        (
            Hold::immutable(&file),
            403,
            format!("You cannot delete file {id}"),
        ),
        (
            Hold::mounted(&file),
            409,
            format!("Image {id} could not be deleted because it is in use"),
        ),
    ] {
        let Some(_hold) = hold else {
            continue;
        };
        let answer = api.delete(&id).await.unwrap().expect_status(status);
        let told = String::from_utf8_lossy(&answer.body);
        assert!(told.contains(&words), "{told}");
        assert_eq!(show(&api, &id).await, before);
        let data = api.download(&id).await.unwrap().expect_status(200);
        assert_eq!(data.body, b"data");
    }
    api.delete(&id).await.unwrap().expect_status(204);
    assert!(!file.exists(), "the data of a deleted image is still there");
}

#[tokio::test]
async fn a_copy_the_system_does_not_let_go_of_stays_a_copy() {
    let config = "[DEFAULT]\nenabled_backends = fast:file,slow:file\n\
        [database]\nconnection = sqlite:///$DIR/glance.sqlite\n\
        [glance_store]\ndefault_backend = fast\n\
        [os_glance_staging_store]\nfilesystem_store_datadir = $DIR/staging\n\
        [fast]\nfilesystem_store_datadir = $DIR/fast\n\
        [slow]\nfilesystem_store_datadir = $DIR/slow\n";
    let server = TestServer::builder(PROGRAM).config(config).start();
    let api = server.api();
    let id = furnished(&api).await;
    let body = json!({"method": {"name": "copy-image"}, "stores": ["slow"]});
    let path = format!("/v2/images/{id}/import");
    let request = api.request(Method::POST, &path).json(&body);
    api.send(request).await.unwrap().expect_status(202);
    for _ in 0..1000 {
        if show(&api, &id).await["stores"] == "fast,slow" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let stores = show(&api, &id).await["stores"].clone();
    assert_eq!(stores, "fast,slow");

    let file = server.dir().join("slow").join(id.as_str());
    for (hold, status) in [(Hold::immutable(&file), 403), (Hold::mounted(&file), 409)] {
        let Some(_hold) = hold else {
            continue;
        };
        delete_copy(&api, "slow", &id).await.expect_status(status);
        assert_eq!(show(&api, &id).await["stores"], stores);
        assert!(file.exists());
    }
    if let Some(hold) = Hold::immutable(&file) {
        // The other copy goes before the one that is held is found out; the image keeps what it has.
        api.delete(&id).await.unwrap().expect_status(403);
        assert_eq!(show(&api, &id).await["stores"], "slow");
        let data = api.download(&id).await.unwrap().expect_status(200);
        assert_eq!(data.body, b"data");
        drop(hold);
    } else {
        delete_copy(&api, "fast", &id).await.expect_status(204);
    }
    api.delete(&id).await.unwrap().expect_status(204);
    assert!(!file.exists());
}

/// A site whose deleted images wait, and which leaves them to `vidimus scrub`.
struct Waiting {
    server: TestServer,
}

const SETTINGS: [(&str, &str); 2] = [
    ("OS_DEFAULT__DELAYED_DELETE", "true"),
    ("OS_VIDIMUS__SCRUB", "false"),
];

impl Waiting {
    fn start() -> Self {
        let builder = TestServer::builder(PROGRAM);
        let set = |builder: vidimus_testkit::TestServerBuilder, (name, value)| {
            builder.variable(name, value)
        };
        Self {
            server: SETTINGS.into_iter().fold(builder, set).start(),
        }
    }

    fn file(&self, id: &ImageId) -> PathBuf {
        self.server.data_dir().join("images").join(id.as_str())
    }

    fn scrub(&self, arguments: &[&str]) -> Output {
        Command::new(PROGRAM)
            .arg("scrub")
            .arg("--data-dir")
            .arg(self.server.data_dir())
            .args(arguments)
            .envs(SETTINGS)
            .output()
            .unwrap()
    }

    /// Runs the scrubber, which must succeed, and answers what it says.
    fn scrubbed(&self, arguments: &[&str]) -> String {
        let done = self.scrub(arguments);
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    }
}

#[tokio::test]
async fn an_image_put_aside_survives_kills_until_it_is_scrubbed() {
    let mut site = Waiting::start();
    let api = site.server.api();
    let (kept, gone) = (furnished(&api).await, furnished(&api).await);
    let before = show(&api, &kept).await;
    for id in [&kept, &gone] {
        api.delete(id).await.unwrap().expect_status(204);
        api.show(id).await.unwrap().expect_status(404);
        api.delete(id).await.unwrap().expect_status(404);
    }
    site.server.kill();
    site.server.start();
    let api = site.server.api();
    for id in [&kept, &gone] {
        assert!(
            site.file(id).exists(),
            "a start removed what may be restored"
        );
        api.show(id).await.unwrap().expect_status(404);
    }

    // Beside the running server, and without it.
    site.scrubbed(&["--restore", kept.as_str()]);
    let mut restored = show(&api, &kept).await;
    restored["updated_at"] = before["updated_at"].clone();
    assert_eq!(restored, before);
    let data = api.download(&kept).await.unwrap().expect_status(200);
    assert_eq!(data.body, b"data");
    site.server.kill();
    assert!(site.scrubbed(&[]).starts_with("1 images scrubbed"));
    assert!(!site.file(&gone).exists());
    assert!(site.file(&kept).exists());
    assert!(site.scrubbed(&[]).starts_with("0 images scrubbed"));

    for (id, words) in [
        (&gone, "cannot restore the image from deleted to active"),
        (&kept, "cannot restore the image from active to active"),
        (&ImageId::random(), "No image found with ID"),
    ] {
        let refused = site.scrub(&["--restore", id.as_str()]);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        let told = String::from_utf8_lossy(&refused.stderr);
        assert!(told.contains(words), "{told}");
    }
    let refused = site.scrub(&["--daemon", "--restore", kept.as_str()]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
}

#[tokio::test]
async fn what_the_scrubber_cannot_remove_it_tries_again() {
    let site = Waiting::start();
    let api = site.server.api();
    let id = furnished(&api).await;
    api.delete(&id).await.unwrap().expect_status(204);
    let Some(hold) = Hold::immutable(&site.file(&id)) else {
        return;
    };
    let failed = site.scrub(&[]);
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    assert!(site.file(&id).exists());
    drop(hold);
    assert!(site.scrubbed(&[]).starts_with("1 images scrubbed"));
    assert!(!site.file(&id).exists());
}
