//! `qemu-img`: looks at disks and converts them, each call in a sandbox and told the format instead of guessing it.
//!
//! Whoever calls has inspected the data before. What is done with the answers is not decided here.

mod sandbox;

use std::{
    ffi::OsStr,
    io,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;
use thiserror::Error;

use sandbox::{Limits, Output};

/// Compat: what Glance allows `qemu-img info`. Converting needs no more of it either.
const MEMORY_BYTES: u64 = 1 << 30;

/// Compat: what Glance allows `qemu-img info`.
const INFO_CPU_SECONDS: u64 = 2;

/// For the files of a format around the disk in them.
const OVERHEAD_BYTES: u64 = 64 << 20;

/// How the program is called, and how long it may take.
#[derive(Debug, Clone)]
pub struct QemuImg {
    /// The program; without a folder it is looked for in the usual ones.
    pub program: PathBuf,
    /// How long a conversion may take.
    pub timeout: Duration,
}

impl Default for QemuImg {
    fn default() -> Self {
        Self {
            program: PathBuf::from("qemu-img"),
            timeout: Duration::from_secs(7200),
        }
    }
}

/// Why the program did not do what it was to do.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error("`{}` is not installed at this site", .0.display())]
    Missing(PathBuf),
    /// The data is at fault.
    #[error("qemu-img refuses the image: {0}")]
    Refused(String),
    /// The data may be, or there was not enough time.
    #[error("qemu-img took longer than {} seconds", .0.as_secs())]
    TooSlow(Duration),
    /// It was stopped by a limit, or it crashed.
    #[error(
        "qemu-img was ended by signal {0}, as for an image that needs too much memory, time or space"
    )]
    Ended(i32),
    #[error("qemu-img cannot be run")]
    Io(#[source] io::Error),
    #[error("the answer of qemu-img is not understood")]
    Unreadable,
}

/// What the program says about a disk.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Disk {
    pub(crate) format: String,
    pub(crate) virtual_size: u64,
    pub(crate) has_backing_file: bool,
    pub(crate) has_data_file: bool,
    /// The kind of a VMDK.
    pub(crate) create_type: Option<String>,
}

impl QemuImg {
    /// Looks at a disk, which is opened as of this format and no other.
    pub(crate) async fn info(&self, path: &Path, format: &str) -> Result<Disk, Failure> {
        let limits = Limits {
            memory_bytes: MEMORY_BYTES,
            cpu_seconds: INFO_CPU_SECONDS,
            file_bytes: 0,
            time: self.timeout.min(Duration::from_secs(60)),
            reads: vec![path.to_owned()],
            writes: Vec::new(),
        };
        let words = ["info", "-f", driver(format), "--output=json"];
        let mut arguments = words.map(OsStr::new).to_vec();
        arguments.push(path.as_os_str());
        let output = self.run(&arguments, &limits).await?;
        let told = serde_json::from_slice(&output.stdout).map_err(|_| Failure::Unreadable)?;
        disk(&told).ok_or(Failure::Unreadable)
    }

    /// Writes a disk of `virtual_size` in another format into a file that is there already.
    pub(crate) async fn convert(
        &self,
        from: (&Path, &str),
        to: (&Path, &str),
        virtual_size: u64,
    ) -> Result<(), Failure> {
        let limits = Limits {
            memory_bytes: MEMORY_BYTES,
            // On several processors it cannot use more than each of them for the whole time.
            cpu_seconds: self.timeout.as_secs().saturating_mul(2).max(1),
            file_bytes: virtual_size
                .saturating_add(virtual_size / 64)
                .saturating_add(OVERHEAD_BYTES),
            time: self.timeout,
            reads: vec![from.0.to_owned()],
            writes: vec![to.0.to_owned()],
        };
        let words = ["convert", "-f", driver(from.1), "-O", driver(to.1)];
        let mut arguments = words.map(OsStr::new).to_vec();
        arguments.extend([from.0.as_os_str(), to.0.as_os_str()]);
        self.run(&arguments, &limits).await.map(drop)
    }

    async fn run(&self, arguments: &[&OsStr], limits: &Limits) -> Result<Output, Failure> {
        let ended = sandbox::run(&self.program, arguments, limits)
            .await
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => Failure::Missing(self.program.clone()),
                _ => Failure::Io(error),
            })?;
        let output = ended.ok_or(Failure::TooSlow(limits.time))?;
        if output.status.success() {
            return Ok(output);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        tracing::warn!(status = %output.status, said = %said.trim(), "qemu-img failed");
        match output.status.signal() {
            Some(signal) => Err(Failure::Ended(signal)),
            None => Err(Failure::Refused(first_line(&said, limits))),
        }
    }
}

/// What qemu calls a format.
///
/// Compat: Glance passes the name on as it is, so the conversion of a `vhd` always fails there.
fn driver(format: &str) -> &str {
    if format == "vhd" { "vpc" } else { format }
}

/// The first thing the program said, without the paths of this machine.
fn first_line(said: &str, limits: &Limits) -> String {
    let mut line = said.lines().next().unwrap_or_default().trim().to_owned();
    for path in limits.reads.iter().chain(&limits.writes) {
        line = line.replace(&path.display().to_string(), "image");
    }
    line.truncate(line.floor_char_boundary(500));
    let line = line.strip_prefix("qemu-img: ").unwrap_or(&line);
    if line.is_empty() {
        "it does not say why".to_owned()
    } else {
        line.to_owned()
    }
}

fn disk(told: &Value) -> Option<Disk> {
    let details = told.pointer("/format-specific/data");
    let detail = |name: &str| details.and_then(|details| details.get(name));
    let format = told.get("format")?.as_str()?;
    Some(Disk {
        format: if format == "vpc" { "vhd" } else { format }.to_owned(),
        virtual_size: told.get("virtual-size")?.as_u64()?,
        has_backing_file: ["backing-filename", "full-backing-filename"]
            .iter()
            .any(|name| told.get(name).is_some()),
        has_data_file: detail("data-file").is_some(),
        create_type: detail("create-type")
            .and_then(Value::as_str)
            .map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn everything_that_leads_to_another_file_is_noticed() {
        let plain = json!({ "format": "qcow2", "virtual-size": 5 });
        let plain = disk(&plain).unwrap();
        assert!(!plain.has_backing_file && !plain.has_data_file);
        let backed =
            json!({ "format": "qcow2", "virtual-size": 5, "backing-filename": "/etc/passwd" });
        assert!(disk(&backed).unwrap().has_backing_file);
        let split = json!({
            "format": "qcow2",
            "virtual-size": 5,
            "format-specific": { "type": "qcow2", "data": { "data-file": "/etc/passwd" } },
        });
        assert!(disk(&split).unwrap().has_data_file);
        let vmdk = json!({
            "format": "vmdk",
            "virtual-size": 5,
            "format-specific": { "type": "vmdk", "data": { "create-type": "monolithicFlat" } },
        });
        let vmdk = disk(&vmdk).unwrap();
        assert_eq!(vmdk.create_type.as_deref(), Some("monolithicFlat"));
        assert_eq!(disk(&json!({ "format": "raw", "virtual-size": -1 })), None);
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named() {
        let tool = QemuImg {
            program: PathBuf::from("no-such-qemu-img"),
            ..QemuImg::default()
        };
        let failure = tool.info(Path::new("/dev/null"), "raw").await.unwrap_err();
        assert_eq!(
            failure.to_string(),
            "`no-such-qemu-img` is not installed at this site"
        );
    }

    #[tokio::test]
    async fn a_refusal_names_no_path_of_this_machine() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk");
        std::fs::write(&path, "no disk").unwrap();
        let failure = QemuImg::default().info(&path, "qcow2").await.unwrap_err();
        let text = failure.to_string();
        assert!(matches!(failure, Failure::Refused(_)), "{text}");
        assert!(!text.contains(&*folder.path().to_string_lossy()), "{text}");
    }

    #[tokio::test]
    async fn a_disk_is_converted_and_found_to_be_what_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let raw = folder.path().join("raw");
        std::fs::write(&raw, vec![7; 1 << 20]).unwrap();
        let tool = QemuImg::default();
        let mut last = raw.clone();
        let mut format = "raw";
        for next in ["qcow2", "vmdk", "vhdx", "vdi", "raw"] {
            let target = folder.path().join(format!("target.{next}"));
            std::fs::write(&target, "").unwrap();
            tool.convert((&last, format), (&target, next), 1 << 20)
                .await
                .unwrap();
            assert_eq!(tool.info(&target, next).await.unwrap().format, next);
            (last, format) = (target, next);
        }
        assert_eq!(std::fs::read(&last).unwrap(), vec![7; 1 << 20]);
    }
}
