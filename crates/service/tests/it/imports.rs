//! Imports through plugins and into several stores: what reaches the stores, and what is left when something fails.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use futures_util::stream;
use serde_json::{Value, json};
use tempfile::TempDir;
use vidimus_auth::{Context, Credentials, Identity, Policy, PolicyConfig};
use vidimus_db::{Db, DbConfig, IMPORT_LOCK, NewImage, NewTask, Scope, TaskStatus};
use vidimus_fetch::UriFilter;
use vidimus_inspect::Format;
use vidimus_service::{
    ImageRecord, ImageService, ImportConfig, ImportRequest, LegacyConfig, Plugin, PluginConfig,
    QemuImg, ServiceConfig, TaskRecord,
};
use vidimus_store::{
    ByteStream, Capabilities, FilesystemConfig, FilesystemStore, Location, Recovered, Store,
    StoreInfo, StoreRead, StoreSet, Stored,
};
use vidimus_types::{ByteRange, ImageId, ImageStatus, StoreId};

use crate::support::{noise, until};

/// What puts into a store do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Puts {
    Fine,
    Refuse,
    /// Wait until the test lets them go.
    Hang,
}

/// A store that can be told to fail, and counts who writes.
#[derive(Debug)]
struct Target {
    inner: FilesystemStore,
    puts: std::sync::Mutex<Puts>,
    go_on: tokio::sync::Semaphore,
    under_way: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

#[async_trait]
impl Store for Target {
    fn id(&self) -> &StoreId {
        self.inner.id()
    }

    fn info(&self) -> &StoreInfo {
        self.inner.info()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn recognises(&self, url: &str) -> bool {
        self.inner.recognises(url)
    }

    async fn put(
        &self,
        id: &ImageId,
        data: ByteStream,
        size_hint: Option<u64>,
    ) -> vidimus_store::Result<Stored> {
        struct Leave<'a>(&'a AtomicUsize);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        let _leave = Leave(&self.under_way);
        self.most.fetch_max(now, Ordering::SeqCst);
        let puts = *self.puts.lock().unwrap();
        match puts {
            Puts::Fine => {}
            Puts::Hang => self.go_on.acquire().await.unwrap().forget(),
            Puts::Refuse => {
                return Err(vidimus_store::Error::Full {
                    store: self.id().clone(),
                });
            }
        }
        // So that those that may do it at the same time do.
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.inner.put(id, data, size_hint).await
    }

    async fn open(
        &self,
        location: &Location,
        range: Option<ByteRange>,
    ) -> vidimus_store::Result<StoreRead> {
        self.inner.open(location, range).await
    }

    async fn size(&self, location: &Location) -> vidimus_store::Result<u64> {
        self.inner.size(location).await
    }

    async fn delete(&self, location: &Location) -> vidimus_store::Result<()> {
        self.inner.delete(location).await
    }

    fn places_of(&self, id: &ImageId) -> Vec<Location> {
        self.inner.places_of(id)
    }

    async fn recover(&self) -> vidimus_store::Result<Recovered> {
        self.inner.recover().await
    }
}

const STORES: [&str; 3] = ["fast", "slow", "cold"];

/// A service with three stores.
struct Site {
    service: ImageService,
    db: Db,
    stores: Vec<Arc<Target>>,
    most: Arc<AtomicUsize>,
    member: Context,
    dir: TempDir,
}

impl Site {
    async fn new(import: ImportConfig) -> Self {
        Self::with(ServiceConfig {
            import,
            ..ServiceConfig::default()
        })
        .await
    }

    async fn plugged(plugins: PluginConfig) -> Self {
        Self::new(ImportConfig {
            plugins,
            ..ImportConfig::default()
        })
        .await
    }

    async fn with(config: ServiceConfig) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:///{}", dir.path().join("db.sqlite").display());
        let db = Db::connect(&DbConfig {
            url,
            max_connections: 4,
        })
        .await
        .unwrap();
        db.sync().await.unwrap();
        let file = |id: &str| {
            FilesystemStore::new(FilesystemConfig {
                id: id.parse().unwrap(),
                description: None,
                weight: 0,
                datadirs: vec![(dir.path().join(id), 0)],
                file_perm: 0,
                chunk_size: 65536,
                thin_provisioning: false,
                large_from_bytes: u64::MAX,
                patience: None,
            })
            .unwrap()
        };
        let (under_way, most) = (Arc::default(), Arc::default());
        let stores: Vec<Arc<Target>> = STORES
            .map(|id| {
                Arc::new(Target {
                    inner: file(id),
                    puts: std::sync::Mutex::new(Puts::Fine),
                    go_on: tokio::sync::Semaphore::new(0),
                    under_way: Arc::clone(&under_way),
                    most: Arc::clone(&most),
                })
            })
            .to_vec();
        let set: Vec<Arc<dyn Store>> = stores
            .iter()
            .map(|store| Arc::clone(store) as Arc<dyn Store>)
            .collect();
        let set = StoreSet::multi(set, &"fast".parse().unwrap()).unwrap();
        let staging = Arc::new(file("os_glance_staging_store"));
        let policy = Policy::load(PolicyConfig::default()).unwrap();
        let service = ImageService::new(config, db.clone(), set, staging, None, policy);
        service.recover().await.unwrap();
        let identity = Identity {
            user_id: Some("user".to_owned()),
            project_id: Some("owner".to_owned()),
            roles: vec!["member".to_owned(), "reader".to_owned()],
            ..Identity::default()
        };
        Self {
            member: service.admit(Context::from_identity(identity, "req-test")),
            service,
            db,
            stores,
            most,
            dir,
        }
    }

    fn store(&self, name: &str) -> &Target {
        let at = STORES.iter().position(|id| *id == name).unwrap();
        &self.stores[at]
    }

    fn set(&self, store: &str, puts: Puts) {
        *self.store(store).puts.lock().unwrap() = puts;
    }

    async fn staged(&self, disk_format: &str, data: Vec<u8>) -> ImageId {
        let body = json!({ "disk_format": disk_format, "container_format": "bare" });
        let Value::Object(body) = body else {
            unreachable!()
        };
        let id = self
            .service
            .create_image(&self.member, body)
            .await
            .unwrap()
            .id;
        let data = stream::iter([Ok(Bytes::from(data))]);
        self.service
            .stage(&self.member, &id, None, data)
            .await
            .unwrap();
        id
    }

    async fn start(&self, id: &ImageId, more: Value) {
        let mut body = json!({ "method": { "name": "glance-direct" } });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let request =
            ImportRequest::read(&self.service, body, None, Credentials::default()).unwrap();
        self.service
            .import_image(&self.member, id, request)
            .await
            .unwrap();
    }

    async fn show(&self, id: &ImageId) -> ImageRecord {
        let shown = self.service.show_image(&self.member, id).await;
        std::sync::Arc::unwrap_or_clone(shown.unwrap())
    }

    async fn task(&self, id: &ImageId) -> TaskRecord {
        let mut tasks = self.db.tasks().of_image(id).await.unwrap();
        tasks.pop().unwrap()
    }

    /// The image and its last task, once that has ended.
    async fn ended(&self, id: &ImageId) -> (ImageRecord, TaskRecord) {
        until("the import ends", async || {
            self.task(id).await.status.is_final()
        })
        .await;
        (self.show(id).await, self.task(id).await)
    }

    async fn import(&self, id: &ImageId, more: Value) -> (ImageRecord, TaskRecord) {
        self.start(id, more).await;
        self.ended(id).await
    }

    /// What a store has under the name of an image.
    fn copy(&self, store: &str, id: &ImageId) -> Option<Vec<u8>> {
        std::fs::read(self.dir.path().join(store).join(id.as_str())).ok()
    }

    fn copies(&self, id: &ImageId) -> Vec<&'static str> {
        let mut stores = STORES.to_vec();
        stores.retain(|store| self.copy(store, id).is_some());
        stores
    }

    /// The files in the staging folder.
    fn staging(&self) -> Vec<String> {
        let folder = self.dir.path().join("os_glance_staging_store");
        let names = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.starts_with('.'))
            .collect();
        names.sort();
        names
    }

    /// Waits until just these files are staged: a task ends before its files are removed.
    async fn stages(&self, wanted: &[String]) {
        let what = format!("{wanted:?} alone are staged");
        until(&what, async || self.staging() == wanted).await;
    }
}

fn property<'a>(record: &'a ImageRecord, name: &str) -> Option<&'a str> {
    let found = record.properties.iter().find(|(key, _)| key == name);
    found.and_then(|(_, value)| value.as_deref())
}

fn plugins(plugins: &[Plugin]) -> PluginConfig {
    PluginConfig {
        plugins: plugins.to_vec(),
        ..PluginConfig::default()
    }
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    std::io::Write::write_all(&mut encoder, data).unwrap();
    encoder.finish().unwrap()
}

/// A disk with this content, in a format of qemu-img.
fn disk(format: &str, content: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let (raw, made) = (folder.path().join("raw"), folder.path().join("made"));
    std::fs::write(&raw, content).unwrap();
    let status = std::process::Command::new("qemu-img")
        .args(["convert", "-f", "raw", "-O", format])
        .args([&raw, &made])
        .status();
    assert!(status.unwrap().success());
    std::fs::read(made).unwrap()
}

#[tokio::test]
async fn a_packed_disk_arrives_as_the_disk_of_the_site() {
    let content = noise(1 << 20);
    let site = Site::plugged(plugins(&[Plugin::Decompress, Plugin::Convert])).await;
    let id = site.staged("qcow2", gzip(&disk("qcow2", &content))).await;
    let (image, task) = site.import(&id, json!({})).await;
    assert_eq!(task.status, TaskStatus::Success, "{:?}", task.message);
    assert_eq!(image.status, ImageStatus::Active);
    assert_eq!(image.disk_format.as_deref(), Some("raw"));
    assert_eq!(image.container_format.as_deref(), Some("bare"));
    assert_eq!(
        (image.size, image.virtual_size),
        (Some(1 << 20), Some(1 << 20))
    );
    assert_eq!(site.copy("fast", &id).unwrap(), content);
    site.stages(&[]).await;
}

#[tokio::test]
async fn a_disk_that_cannot_be_converted_here_can_be_tried_again() {
    let missing = QemuImg {
        program: PathBuf::from("/no/such/qemu-img"),
        ..QemuImg::default()
    };
    let site = Site::plugged(PluginConfig {
        qemu_img: missing,
        ..plugins(&[Plugin::Decompress, Plugin::Convert])
    })
    .await;
    let packed = gzip(&disk("qcow2", &noise(1 << 20)));
    let id = site.staged("qcow2", packed.clone()).await;
    let (image, task) = site.import(&id, json!({})).await;
    assert_eq!(task.status, TaskStatus::Failure);
    assert_eq!(
        task.message.as_deref(),
        Some("Plugin image_conversion: `/no/such/qemu-img` is not installed at this site")
    );
    assert_eq!(image.status, ImageStatus::Uploading);
    assert_eq!(image.disk_format.as_deref(), Some("qcow2"));
    assert_eq!(property(&image, "os_glance_failed_import"), Some("fast"));
    // What was staged is there as it came, and nothing else.
    site.stages(&[id.to_string()]).await;
    let staged = site.dir.path().join("os_glance_staging_store");
    assert_eq!(std::fs::read(staged.join(id.as_str())).unwrap(), packed);
}

#[tokio::test]
async fn data_at_fault_goes_and_the_image_is_queued() {
    let mut backed = disk("qcow2", &[0; 65536]);
    // The header's place and length of the backing file's name.
    backed[8..16].copy_from_slice(&512_u64.to_be_bytes());
    backed[16..20].copy_from_slice(&11_u32.to_be_bytes());
    backed[512..523].copy_from_slice(b"/etc/passwd");
    let nested = disk("qcow2", &disk("qcow2", &[1; 65536]));
    let bomb = gzip(&vec![7; 100 << 20]);
    let huge = {
        let mut header = disk("qcow2", &[0; 65536]);
        header[24..32].copy_from_slice(&(1_u64 << 50).to_be_bytes());
        header
    };
    let site = Site::plugged(plugins(&[Plugin::Decompress, Plugin::Convert])).await;
    for (disk_format, data, cause) in [
        ("qcow2", backed, "safety checks"),
        ("raw", disk("qcow2", &[0; 65536]), "its data is qcow2"),
        ("qcow2", nested, "taken for qcow2"),
        ("raw", bomb, "larger than 67108864 bytes"),
        ("qcow2", huge, "qemu-img|an image may have"),
    ] {
        let id = site.staged(disk_format, data).await;
        let (image, task) = site.import(&id, json!({})).await;
        let message = task.message.unwrap();
        assert!(
            cause.split('|').any(|cause| message.contains(cause)),
            "{message}"
        );
        assert_eq!(task.status, TaskStatus::Failure);
        assert_eq!(image.status, ImageStatus::Queued);
        assert_eq!((image.size, image.virtual_size), (None, None));
        assert_eq!(image.disk_format.as_deref(), Some(disk_format));
        site.stages(&[]).await;
        assert_eq!(site.copies(&id), Vec::<&str>::new());
    }
}

#[tokio::test]
async fn properties_are_injected_unless_a_role_says_otherwise() {
    let site = Site::plugged(PluginConfig {
        injected: [("colour", "red"), ("os_glance_x", "y")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        output_format: Format::Raw,
        ..plugins(&[Plugin::NoOp, Plugin::InjectMetadata])
    })
    .await;
    let id = site.staged("raw", noise(100)).await;
    let (image, _) = site.import(&id, json!({})).await;
    assert_eq!(property(&image, "colour"), Some("red"));
    assert_eq!(property(&image, "os_glance_x"), None);

    let site = Site::plugged(PluginConfig {
        injected: vec![("colour".to_owned(), "red".to_owned())],
        roles_without_injection: vec!["reader".to_owned()],
        ..plugins(&[Plugin::InjectMetadata])
    })
    .await;
    let id = site.staged("raw", noise(100)).await;
    let (image, _) = site.import(&id, json!({})).await;
    assert_eq!(property(&image, "colour"), None);
}

fn parallel(stores: usize) -> ImportConfig {
    ImportConfig {
        max_parallel_stores: stores,
        ..ImportConfig::default()
    }
}

#[tokio::test]
async fn no_more_stores_are_written_at_once_than_allowed() {
    for at_once in 1..=3 {
        let site = Site::new(parallel(at_once)).await;
        let data = noise(300_000);
        let id = site.staged("raw", data.clone()).await;
        let (image, task) = site
            .import(&id, json!({ "stores": ["cold", "fast", "slow"] }))
            .await;
        assert_eq!(task.status, TaskStatus::Success);
        assert_eq!(site.most.load(Ordering::SeqCst), at_once);
        // In the order in which they were asked for, whichever was ready first.
        assert_eq!(site.service.stores_of(&image), ["cold", "fast", "slow"]);
        for store in STORES {
            assert_eq!(site.copy(store, &id).unwrap(), data, "{store}");
        }
        site.stages(&[]).await;
    }
}

#[tokio::test]
async fn one_store_that_fails_ends_the_others_and_nothing_is_left() {
    let site = Site::new(parallel(2)).await;
    site.set("slow", Puts::Refuse);
    site.set("cold", Puts::Hang);
    let id = site.staged("raw", noise(300_000)).await;
    let (image, task) = site
        .import(&id, json!({ "stores": ["cold", "fast", "slow"] }))
        .await;
    assert_eq!(task.status, TaskStatus::Failure);
    assert!(task.message.unwrap().contains("`slow`"));
    assert_eq!(image.status, ImageStatus::Uploading);
    assert_eq!(site.copies(&id), Vec::<&str>::new());
    assert_eq!(
        property(&image, "os_glance_failed_import"),
        Some("cold,fast,slow")
    );
    // What is staged is good: another try brings the image everywhere.
    for store in STORES {
        site.set(store, Puts::Fine);
    }
    let (image, _) = site.import(&id, json!({ "all_stores": true })).await;
    assert_eq!(image.status, ImageStatus::Active);
    assert_eq!(site.copies(&id), STORES);
}

#[tokio::test]
async fn the_first_store_makes_the_image_active_where_one_is_enough() {
    let site = Site::new(parallel(3)).await;
    site.set("slow", Puts::Refuse);
    site.set("cold", Puts::Hang);
    let id = site.staged("raw", noise(300_000)).await;
    let more = json!({ "all_stores": true, "all_stores_must_succeed": false });
    site.start(&id, more).await;
    until("one store has it", async || {
        site.show(&id).await.status == ImageStatus::Active
    })
    .await;
    let early = site.show(&id).await;
    assert_eq!(site.service.stores_of(&early), ["fast"]);
    site.store("cold").go_on.add_permits(1);
    let (image, task) = site.ended(&id).await;
    assert_eq!(task.status, TaskStatus::Success);
    assert_eq!(site.service.stores_of(&image), ["fast", "cold"]);
    assert_eq!(property(&image, "os_glance_failed_import"), Some("slow"));
    assert_eq!(property(&image, "os_glance_importing_to_stores"), Some(""));
    site.stages(&[]).await;
}

/// A server that answers every request with this.
async fn serving(data: Vec<u8>) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/disk", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut asked = vec![0; 4096];
            let _ = client.read(&mut asked).await;
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                data.len()
            );
            let _ = client.write_all(head.as_bytes()).await;
            let _ = client.write_all(&data).await;
        }
    });
    url
}

/// A site that fetches from this machine and converts what legacy tasks bring.
async fn legacy_site() -> Site {
    Site::new(ImportConfig {
        filter: UriFilter {
            allowed_hosts: vec!["127.0.0.1".to_owned()],
            allowed_ports: Vec::new(),
            ..UriFilter::default()
        },
        legacy: LegacyConfig {
            has_stages: true,
            conversion_format: Some(Format::Raw),
            ovf_properties: vec!["InstructionSet".to_owned()],
        },
        ..ImportConfig::default()
    })
    .await
}

async fn run_legacy(site: &Site, uri: &str, properties: Value, more: Value) -> TaskRecord {
    let mut input = json!({
        "import_from": uri,
        "import_from_format": "",
        "image_properties": properties,
    });
    for (name, value) in more.as_object().unwrap() {
        input[name] = value.clone();
    }
    let input = input.as_object().cloned();
    let admin = Context::unauthenticated_admin("req-test");
    let task = site
        .service
        .create_task(&admin, "import", input, &Credentials::default())
        .await
        .unwrap();
    assert_eq!(task.status, TaskStatus::Pending);
    let id = task.id;
    let read = async || site.db.tasks().get(&id).await.unwrap().unwrap();
    until("the task ends", async || read().await.status.is_final()).await;
    read().await
}

#[tokio::test]
async fn a_legacy_task_makes_an_image_and_converts_it() {
    let site = legacy_site().await;
    let content = noise(1 << 20);
    let url = serving(disk("qcow2", &content)).await;
    let properties = json!({ "disk_format": "qcow2", "container_format": "bare", "number": 5 });
    let task = run_legacy(&site, &url, properties, json!({ "backend": "slow" })).await;
    assert_eq!(task.status, TaskStatus::Success, "{:?}", task.message);
    assert_eq!(task.message.as_deref(), Some(""));
    let id = task.result.unwrap()["image_id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let admin = Context::unauthenticated_admin("req-test");
    let image = site.service.show_image(&admin, &id).await.unwrap();
    assert_eq!(image.status, ImageStatus::Active);
    assert_eq!(image.disk_format.as_deref(), Some("raw"));
    assert_eq!(image.virtual_size, Some(1 << 20));
    let properties = [("number".to_owned(), Some("5".to_owned()))];
    assert_eq!(
        image.properties, properties,
        "nothing of the import is shown"
    );
    assert_eq!(site.copy("slow", &id).unwrap(), content);
    assert_eq!(site.copies(&id), ["slow"]);
    site.stages(&[]).await;
}

#[tokio::test]
async fn a_legacy_task_that_fails_leaves_nothing() {
    let site = legacy_site().await;
    let url = serving(disk("qcow2", &[0; 65536])).await;
    let admin = Context::unauthenticated_admin("req-test");
    let bare = |format: &str| json!({ "disk_format": format, "container_format": "bare" });
    for (properties, more, cause) in [
        (bare("vmdk"), json!({}), "its data is qcow2"),
        (bare("qcow2"), json!({ "backend": "nowhere" }), "nowhere"),
        (
            bare("qcow2"),
            json!({ "backend": ["slow"] }),
            "must name one store",
        ),
        (bare("unheard of"), json!({}), "unheard of"),
        (
            json!({ "os_glance_import_task": "x" }),
            json!({}),
            "os_glance_import_task",
        ),
        (json!({ "colours": ["red"] }), json!({}), "'colours'"),
    ] {
        let task = run_legacy(&site, &url, properties, more).await;
        let message = task.message.unwrap();
        assert_eq!(task.status, TaskStatus::Failure);
        assert!(message.contains(cause), "{message}");
        let page = site.service.list_images(&admin, Vec::new()).await.unwrap();
        assert_eq!(page.images.len(), 0);
        site.stages(&[]).await;
    }
}

#[tokio::test]
async fn a_legacy_task_that_a_crash_cut_off_takes_its_image_with_it() {
    let site = legacy_site().await;
    let image = NewImage {
        properties: vec![(IMPORT_LOCK.to_owned(), Some("cut-off".to_owned()))],
        ..NewImage::new(ImageId::random(), None)
    };
    site.db.images().create(&image).await.unwrap();
    let task = NewTask {
        id: "cut-off".to_owned(),
        kind: "import",
        owner: "admin".to_owned(),
        image_id: None,
        request_id: None,
        user_id: None,
        input: json!({}),
    };
    site.db.tasks().create(&task).await.unwrap();
    let data = site.dir.path().join("slow").join(image.id.as_str());
    std::fs::write(&data, "never recorded").unwrap();
    site.service.recover().await.unwrap();
    assert!(!data.exists());
    let task = site.db.tasks().get("cut-off").await.unwrap().unwrap();
    assert_eq!(task.status, TaskStatus::Failure);
    let found = site.db.images().get(&Scope::admin(), &image.id).await;
    assert!(found.is_err(), "{found:?}");
}

#[tokio::test]
async fn when_no_store_takes_it_the_staged_data_stays() {
    let site = Site::new(parallel(2)).await;
    for store in STORES {
        site.set(store, Puts::Refuse);
    }
    let id = site.staged("raw", noise(1000)).await;
    let more = json!({ "all_stores": true, "all_stores_must_succeed": false });
    let (image, task) = site.import(&id, more).await;
    assert_eq!(task.status, TaskStatus::Failure);
    assert_eq!(image.status, ImageStatus::Uploading);
    site.stages(&[id.to_string()]).await;
}

/// A virtual machine with that disk, as it is exported.
fn machine(disk: &[u8]) -> Vec<u8> {
    let processor =
        "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ProcessorAllocationSettingData";
    let description = format!(
        "<E xmlns:p='{processor}'><References><File id='f' href='disk.qcow2'/></References>\
         <DiskSection><Disk fileRef='f'/></DiskSection><p:InstructionSet>DMTF:x86:64</p:InstructionSet></E>"
    );
    let mut made = Vec::new();
    for (name, data) in [("m.ovf", description.as_bytes()), ("disk.qcow2", disk)] {
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", data.len()).as_bytes());
        header[148..157].copy_from_slice(b"        0");
        let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
        header[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
        made.extend_from_slice(&header);
        made.extend_from_slice(data);
        made.resize(made.len().next_multiple_of(512), 0);
    }
    made
}

#[tokio::test]
async fn of_a_virtual_machine_the_disk_becomes_the_image() {
    let site = legacy_site().await;
    let content = noise(1 << 20);
    let url = serving(machine(&disk("qcow2", &content))).await;
    let properties = json!({ "disk_format": "qcow2", "container_format": "ova", "cim_pasd_InstructionSet": "old" });
    let task = run_legacy(&site, &url, properties, json!({})).await;
    assert_eq!(task.status, TaskStatus::Success, "{:?}", task.message);
    let id = task.result.unwrap()["image_id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let admin = Context::unauthenticated_admin("req-test");
    let image = site.service.show_image(&admin, &id).await.unwrap();
    assert_eq!(image.container_format.as_deref(), Some("bare"));
    assert_eq!(image.disk_format.as_deref(), Some("raw"));
    let properties = [(
        "cim_pasd_InstructionSet".to_owned(),
        Some("DMTF:x86:64".to_owned()),
    )];
    assert_eq!(image.properties, properties);
    assert_eq!(site.copy("fast", &id).unwrap(), content);
    site.stages(&[]).await;
}

#[tokio::test]
async fn a_virtual_machine_that_cannot_be_unpacked_leaves_nothing() {
    let site = legacy_site().await;
    let whole = machine(&disk("qcow2", &[0; 65536]));
    let cut = whole[..whole.len() / 2].to_vec();
    for (data, cause) in [(cut, "ends too early"), (noise(5000), "no tar archive")] {
        let url = serving(data).await;
        let properties = json!({ "disk_format": "qcow2", "container_format": "ova" });
        let task = run_legacy(&site, &url, properties, json!({})).await;
        let message = task.message.unwrap();
        assert!(message.contains(cause), "{message}");
        let admin = Context::unauthenticated_admin("req-test");
        let page = site.service.list_images(&admin, Vec::new()).await.unwrap();
        assert_eq!(page.images.len(), 0);
        site.stages(&[]).await;
    }
}
