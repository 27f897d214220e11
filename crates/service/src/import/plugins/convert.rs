//! `image_conversion`: brings a disk into the format the site wants its images in.
//!
//! The data is recognised and checked here before a tool may see it, and the tool is told the format. Afterwards the
//! result is looked at once more: a disk may have been made so that its content is a disk of another format.

use std::{
    fs::File,
    io::{Read, Seek},
    path::PathBuf,
};

use vidimus_inspect::{Format, Inspector, Rejection, Rules};

use super::{Plugin, Prepared, Unwanted, no_file, on_thread};
use crate::{
    ImageService,
    import::{Job, run::Broken},
    qemu_img::{Disk, Failure},
};

const CHUNK_BYTES: usize = 256 * 1024;

impl ImageService {
    /// Brings the disk into the format `output`, or leaves it as it is if it is a medium.
    pub(in crate::import) async fn convert(
        &self,
        job: &Job,
        prepared: &mut Prepared,
        number: usize,
        output: Format,
    ) -> Result<(), Broken> {
        let id = job.record.id;
        let config = &self.config().import.plugins;
        let declared = prepared.record.disk_format.clone().unwrap_or_default();
        let path = self.path_of(&id, prepared)?;
        let found = self.identify(path.clone()).await?;
        if found == Format::Iso && declared == "iso" {
            // Compat: a medium stays a medium.
            return Ok(());
        }
        if as_disk(found).as_str() != declared {
            return Err(Broken::Data(format!(
                "The image is declared as {declared}, but its data is {found}."
            )));
        }
        let disk = config.qemu_img.info(&path, &declared).await?;
        require_sound(&disk, &declared, &config.vmdk_types)?;
        prepared.virtual_size = Some(disk.virtual_size);
        if declared == output.as_str() {
            return Ok(());
        }
        let cap = self.config().image_size_cap;
        if disk.virtual_size > cap {
            return Err(Broken::Data(format!(
                "The disk in the image has {} bytes, and an image may have {cap}.",
                disk.virtual_size
            )));
        }
        let target = self.work_file(&id, number, Plugin::Convert.name())?;
        let tool = &config.qemu_img;
        tool.convert(
            (&path, &declared),
            (&target.path, output.as_str()),
            disk.virtual_size,
        )
        .await?;
        let made = self.identify(target.path.clone()).await?;
        if as_disk(made) != output {
            return Err(Broken::Data(format!(
                "Converted to {output}, the image is taken for {made}."
            )));
        }
        tracing::info!(image.id = %id, from = declared, to = %output, "image converted");
        prepared.data = Some(target);
        prepared.has_new_formats = true;
        prepared.record.disk_format = Some(output.as_str().to_owned());
        prepared.record.container_format = Some("bare".to_owned());
        Ok(())
    }

    /// Finds out the format and the size of a disk, whatever is said of it.
    pub(in crate::import) async fn introspect(
        &self,
        job: &Job,
        prepared: &mut Prepared,
    ) -> Result<(), Broken> {
        let path = self.path_of(&job.record.id, prepared)?;
        let found = as_disk(self.identify(path.clone()).await?);
        if found == Format::Iso {
            return Ok(());
        }
        let config = &self.config().import.plugins;
        let disk = config.qemu_img.info(&path, found.as_str()).await?;
        require_sound(&disk, found.as_str(), &config.vmdk_types)?;
        prepared.virtual_size = Some(disk.virtual_size);
        prepared.has_new_formats = true;
        prepared.record.disk_format = Some(found.as_str().to_owned());
        Ok(())
    }

    /// What a file is, if it is safe.
    async fn identify(&self, path: PathBuf) -> Result<Format, Broken> {
        let rules = self.config().inspection.clone();
        on_thread(move |unwanted| {
            let inspector = inspect(File::open(path).map_err(no_file)?, &unwanted)?;
            recognise(inspector, &rules)
        })
        .await
    }
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(_) | Failure::Ended(_) | Failure::Unreadable => {
                Self::Data(failure.to_string())
            }
            Failure::Missing(_) | Failure::TooSlow(_) => Self::Store(failure.to_string()),
            Failure::Io(_) => Self::internal(failure),
        }
    }
}

/// Shows a file to the inspector, as much of it as the inspector wants to see.
fn inspect(mut file: File, unwanted: &Unwanted) -> Result<Inspector, Broken> {
    let size_bytes = file.metadata().map_err(no_file)?.len();
    let mut inspector = Inspector::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    while inspector.wants_more() {
        unwanted.check().map_err(no_file)?;
        match file.read(&mut chunk).map_err(no_file)? {
            0 => return Ok(inspector),
            read => inspector.feed(&chunk[..read]),
        }
    }
    let seen = file.stream_position().map_err(no_file)?;
    inspector.skip(size_bytes.saturating_sub(seen));
    Ok(inspector)
}

fn recognise(inspector: Inspector, rules: &Rules) -> Result<Format, Broken> {
    inspector.identify(rules).map_err(|rejection| {
        if let Rejection::Unsafe { format, failed } = &rejection {
            tracing::warn!(%format, ?failed, "an import was refused");
        }
        Broken::Data(rejection.to_string())
    })
}

/// Compat: a disk with a partition table is a raw disk.
fn as_disk(format: Format) -> Format {
    if format == Format::Gpt {
        Format::Raw
    } else {
        format
    }
}

/// Whether the tool sees the same disk, and nothing of it lies in another file.
fn require_sound(disk: &Disk, declared: &str, vmdk_types: &[String]) -> Result<(), Broken> {
    let refused = |text: String| Err(Broken::Data(text));
    if disk.format != declared {
        return refused(format!(
            "The image is declared as {declared}, but qemu-img takes it for {}.",
            disk.format
        ));
    }
    if disk.has_backing_file {
        return refused("Images with a backing file are not allowed.".to_owned());
    }
    if disk.has_data_file {
        return refused("Images with a data file are not allowed.".to_owned());
    }
    if disk.format != "vmdk" {
        return Ok(());
    }
    match &disk.create_type {
        None => refused("The VMDK does not say its create-type.".to_owned()),
        Some(kind) if vmdk_types.contains(kind) => Ok(()),
        Some(kind) => refused(format!(
            "VMDK images of create-type {kind} are not allowed here."
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(format: &str) -> Disk {
        Disk {
            format: format.to_owned(),
            virtual_size: 1,
            has_backing_file: false,
            has_data_file: false,
            create_type: None,
        }
    }

    fn refusal(disk: &Disk, declared: &str) -> String {
        let types = ["streamOptimized".to_owned()];
        match require_sound(disk, declared, &types) {
            Err(Broken::Data(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_leads_out_of_the_file_is_refused() {
        assert!(require_sound(&disk("qcow2"), "qcow2", &[]).is_ok());
        assert!(refusal(&disk("qcow2"), "raw").contains("takes it for qcow2"));
        let mut backed = disk("qcow2");
        backed.has_backing_file = true;
        assert!(refusal(&backed, "qcow2").contains("backing file"));
        let mut split = disk("qcow2");
        split.has_data_file = true;
        assert!(refusal(&split, "qcow2").contains("data file"));
        let mut vmdk = disk("vmdk");
        assert!(refusal(&vmdk, "vmdk").contains("does not say"));
        vmdk.create_type = Some("monolithicFlat".to_owned());
        assert!(refusal(&vmdk, "vmdk").contains("monolithicFlat"));
        vmdk.create_type = Some("streamOptimized".to_owned());
        assert!(require_sound(&vmdk, "vmdk", &["streamOptimized".to_owned()]).is_ok());
        assert!(require_sound(&vmdk, "vmdk", &[]).is_err());
    }

    #[test]
    fn a_partitioned_disk_is_a_raw_disk() {
        assert_eq!(as_disk(Format::Gpt), Format::Raw);
        assert_eq!(as_disk(Format::Qcow2), Format::Qcow2);
    }
}
