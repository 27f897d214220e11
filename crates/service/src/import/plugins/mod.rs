//! Plugins: what the site does with staged data before it goes to any store.
//!
//! A plugin that changes the data writes a file of its own beside what was staged; what was staged stays as it came for
//! as long as it may be needed for another try. The formats of the image change only in the step that makes it active,
//! so whatever fails before leaves them as its owner gave them.

mod convert;
mod decompress;
mod ova;

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use vidimus_auth::Context;
use vidimus_db::{ImageRecord, ImportStep};
use vidimus_inspect::Format;
use vidimus_store::StoreRead;
use vidimus_types::{ByteRange, ImageId, is_reserved};

use super::{Job, Method, run::Broken};
use crate::{Error, ImageService, QemuImg};

/// One thing to be done with every import that brings new data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plugin {
    /// Nothing.
    NoOp,
    /// Sets properties of the image (`inject_metadata_properties`).
    InjectMetadata,
    /// Unpacks an archive with one file in it.
    Decompress,
    /// Brings the disk into the format of the site (`image_conversion`).
    Convert,
}

impl Plugin {
    /// The names, as operators write them.
    pub const NAMES: [&'static str; 4] = [
        "no_op",
        "inject_image_metadata",
        "image_decompression",
        "image_conversion",
    ];

    /// The plugin of that name.
    pub fn named(name: &str) -> Option<Self> {
        let all = [
            Self::NoOp,
            Self::InjectMetadata,
            Self::Decompress,
            Self::Convert,
        ];
        all.into_iter().find(|plugin| plugin.name() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoOp => Self::NAMES[0],
            Self::InjectMetadata => Self::NAMES[1],
            Self::Decompress => Self::NAMES[2],
            Self::Convert => Self::NAMES[3],
        }
    }
}

/// What the plugins of a site are told.
#[derive(Debug, Clone)]
pub struct PluginConfig {
    /// The plugins, in order (`image_import_plugins`).
    pub plugins: Vec<Plugin>,
    /// Properties every imported image gets (`inject`).
    pub injected: Vec<(String, String)>,
    /// Callers with one of these roles import without them (`ignore_user_roles`).
    pub roles_without_injection: Vec<String>,
    /// What disks are converted to: `raw`, `qcow2` or `vmdk` (`output_format`).
    pub output_format: Format,
    /// Kinds of VMDK that are converted (`vmdk_allowed_types`).
    pub vmdk_types: Vec<String>,
    /// The tool that converts.
    pub qemu_img: QemuImg,
    /// How many times larger than the archive its content may be.
    pub max_expansion: u64,
}

impl Default for PluginConfig {
    fn default() -> Self {
        Self {
            plugins: Vec::new(),
            injected: Vec::new(),
            roles_without_injection: vec!["admin".to_owned()],
            output_format: Format::Raw,
            vmdk_types: ["streamOptimized", "monolithicSparse"]
                .map(str::to_owned)
                .to_vec(),
            qemu_img: QemuImg::default(),
            max_expansion: 200,
        }
    }
}

/// What goes to the stores, and what the image is to say about it.
#[derive(Debug)]
pub(super) struct Prepared {
    /// The image, with the formats the data has by now.
    pub(super) record: ImageRecord,
    /// Whether the formats are others than the image was found with.
    has_new_formats: bool,
    /// The size of the disk, as far as a plugin learned it.
    pub(super) virtual_size: Option<u64>,
    /// Properties that were found in the data.
    pub(super) properties: Vec<(String, String)>,
    /// The data, where it is not what was staged.
    data: Option<WorkFile>,
}

impl Prepared {
    /// Data that nothing is done with.
    pub(super) fn untouched(job: &Job) -> Self {
        Self {
            record: job.record.clone(),
            has_new_formats: job.adopts_formats,
            virtual_size: None,
            properties: Vec::new(),
            data: None,
        }
    }

    /// Disk and container format, where they are others than the image was found with.
    pub(super) fn formats(&self) -> Option<(String, String)> {
        let format = |name: &Option<String>| name.clone().unwrap_or_default();
        self.has_new_formats.then(|| {
            (
                format(&self.record.disk_format),
                format(&self.record.container_format),
            )
        })
    }

    fn path(&self) -> Option<PathBuf> {
        self.data.as_ref().map(|data| data.path.clone())
    }
}

impl ImageService {
    /// What this caller's imports add to images.
    pub(super) fn injected_for(&self, ctx: &Context, method: Method) -> Vec<(String, String)> {
        let config = &self.config().import.plugins;
        let is_exempt = ctx
            .roles()
            .iter()
            .any(|role| config.roles_without_injection.contains(role));
        let does_inject = config.plugins.contains(&Plugin::InjectMetadata);
        if method == Method::CopyImage || is_exempt || !does_inject {
            return Vec::new();
        }
        let mut properties = config.injected.clone();
        properties.retain(|(name, value)| {
            if is_reserved(name) {
                tracing::warn!(name, value, "reserved property not injected");
            }
            !is_reserved(name)
        });
        properties
    }

    /// Has every plugin at the staged data.
    pub(super) async fn prepare(&self, job: &Job) -> Result<Prepared, Broken> {
        let mut prepared = Prepared::untouched(job);
        if job.method == Method::CopyImage {
            return Ok(prepared);
        }
        let config = &self.config().import.plugins;
        let output = config.output_format;
        for (number, plugin) in config.plugins.iter().enumerate() {
            let name = plugin.name();
            let before = prepared.path();
            let done = match plugin {
                Plugin::NoOp => Ok(()),
                Plugin::InjectMetadata => self.inject(job).await,
                Plugin::Decompress => {
                    let work = self.decompress(job, &mut prepared, number);
                    self.while_wanted(job, "Decompressing", work).await?
                }
                Plugin::Convert => {
                    let work = self.convert(job, &mut prepared, number, output);
                    self.while_wanted(job, "Converting", work).await?
                }
            };
            done.map_err(|broken| broken.of_plugin(name))?;
            tracing::debug!(image.id = %job.record.id, plugin = name, "import plugin done");
            // Only data that a client has sent is needed for another try; the rest would be fetched again.
            if prepared.path() != before && job.method != Method::GlanceDirect {
                self.unstage(&job.record.id).await;
            }
        }
        Ok(prepared)
    }

    /// Sets the properties the site wants on the image.
    ///
    /// Compat: they stay when the import fails later.
    async fn inject(&self, job: &Job) -> Result<(), Broken> {
        if job.injected.is_empty() {
            return Ok(());
        }
        let mut step = ImportStep::new(job.record.id, &job.task);
        step.set_properties.clone_from(&job.injected);
        self.step(&step).await
    }

    /// Opens what is to go to the stores.
    pub(super) async fn open_prepared(
        &self,
        id: &ImageId,
        prepared: &Prepared,
    ) -> Result<StoreRead, Error> {
        match &prepared.data {
            Some(data) => data.open().map_err(Error::internal),
            None => self.open_staged(id).await,
        }
    }

    /// Where the data lies that the next plugin is to have.
    fn path_of(&self, id: &ImageId, prepared: &Prepared) -> Result<PathBuf, Broken> {
        prepared
            .path()
            .or_else(|| self.staged_path(id))
            .ok_or_else(|| Broken::internal(NoFolder))
    }

    /// A new empty file beside the staged data.
    fn work_file(&self, id: &ImageId, number: usize, by: &str) -> Result<WorkFile, Broken> {
        let staged = self.staged_path(id);
        let staged = staged.ok_or_else(|| Broken::internal(NoFolder))?;
        // The id stands before the only dot: so the clean-up of the folder knows whose it is.
        let path = staged.with_extension(format!("{number}-{by}"));
        WorkFile::create(path).map_err(no_file)
    }
}

/// What is staged does not lie in a folder of this machine.
#[derive(Debug, thiserror::Error)]
#[error("the staging folder has no place for images")]
struct NoFolder;

/// A file of our own in the staging folder. Dropped, it is gone.
#[derive(Debug)]
struct WorkFile {
    path: PathBuf,
}

impl WorkFile {
    fn create(path: PathBuf) -> io::Result<Self> {
        // A leftover of an import that was cut off: the import lock says that nobody else writes here now.
        remove(&path);
        File::create_new(&path)?;
        Ok(Self { path })
    }

    fn open(&self) -> io::Result<StoreRead> {
        let file = File::open(&self.path)?;
        let size_bytes = file.metadata()?.len();
        Ok(StoreRead::File {
            file: Arc::new(file),
            range: ByteRange::whole(size_bytes),
            size_bytes,
        })
    }
}

impl Drop for WorkFile {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

fn remove(path: &Path) {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), error = &error as &dyn std::error::Error, "a file of an import plugin could not be removed");
        }
        _ => {}
    }
}

/// Tells work on a thread of its own that nobody waits for it any more.
#[derive(Debug, Default)]
struct Wanted(Arc<AtomicBool>);

impl Wanted {
    fn flag(&self) -> Unwanted {
        Unwanted(Arc::clone(&self.0))
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The other end of [`Wanted`].
#[derive(Debug)]
struct Unwanted(Arc<AtomicBool>);

impl Unwanted {
    /// An error once the work is for nobody.
    fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::Relaxed) {
            Err(io::Error::other("nobody waits for it any more"))
        } else {
            Ok(())
        }
    }
}

/// Does file work on a thread of its own, which ends soon after this is dropped.
async fn on_thread<T: Send + 'static>(
    work: impl FnOnce(Unwanted) -> Result<T, Broken> + Send + 'static,
) -> Result<T, Broken> {
    let wanted = Wanted::default();
    let flag = wanted.flag();
    let done = tokio::task::spawn_blocking(move || work(flag)).await;
    drop(wanted);
    done.unwrap_or_else(|stopped| Err(Broken::internal(stopped)))
}

/// A file of our own could not be read or written: the data is not at fault.
fn no_file(error: io::Error) -> Broken {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Broken::Store("There is no room left in the staging folder.".to_owned())
        }
        _ => Broken::internal(error),
    }
}
