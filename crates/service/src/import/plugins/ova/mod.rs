//! An OVA, a virtual machine in a tar archive, becomes the one disk in it; what its description says of the processor
//! becomes properties of the image.
//!
//! The archive may come from anybody. Its headers are read without its data, the description is bounded, and the disk is
//! copied once into a file of our own: no name in the archive ever names a file.

mod ovf;
mod tar;

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

use vidimus_auth::{Access, Context};
use vidimus_db::ImageRecord;

use super::{
    Prepared, Unwanted, WorkFile,
    decompress::{Limit, write_out},
    no_file, on_thread,
};
use crate::{
    ImageService,
    images::{check_quota, refuse_four_bytes},
    import::{Job, run::Broken},
};
use tar::{Contents, Unreadable};

/// A description that is longer is none.
const MAX_DESCRIPTION_BYTES: u64 = 4 << 20;

/// The longest property that is taken from it: what a text column of MySQL holds, which Glance's is.
const MAX_VALUE_BYTES: usize = 65_535;

/// The container format of such archives.
const FORMAT: &str = "ova";

impl ImageService {
    /// Takes the disk out of the archive, if the image is one.
    pub(in crate::import) async fn unpack_ova(
        &self,
        job: &Job,
        prepared: &mut Prepared,
        ctx: &Context,
    ) -> Result<(), Broken> {
        if prepared.record.container_format.as_deref() != Some(FORMAT) {
            return Ok(());
        }
        if !ctx.is_admin() {
            return Err(Broken::Data(
                "OVA archives are unpacked for administrators only.".to_owned(),
            ));
        }
        let id = job.record.id;
        let config = self.config();
        let wanted = config.import.legacy.ovf_properties.clone();
        if wanted.is_empty() {
            tracing::warn!(image.id = %id, "`ovf-metadata.json` names no properties, so none are taken from the OVF file");
        }
        let path = self.path_of(&id, prepared)?;
        let target = self.work_file(&id, 0, FORMAT)?;
        let cap = config.image_size_cap;
        let unpacked = on_thread(move |unwanted| {
            let properties = unpack(&path, &target, &wanted, cap, &unwanted)?;
            Ok((target, properties))
        });
        let (target, properties) = unpacked.await?;
        self.may_describe(ctx, &prepared.record, &properties)?;
        let own = &prepared.record.properties;
        let is_new = |name: &str| prepared.record.property(name).is_none();
        let new = properties.iter().filter(|(name, _)| is_new(name)).count();
        // The lock of the import is a property too, and none that counts.
        check_quota(
            "properties",
            (own.len() + new).saturating_sub(1),
            config.property_quota,
        )
        .map_err(|error| Broken::Data(error.to_string()))?;
        tracing::info!(image.id = %id, properties = properties.len(), "OVA unpacked");
        prepared.properties = properties;
        prepared.data = Some(target);
        prepared.has_new_formats = true;
        prepared.record.container_format = Some("bare".to_owned());
        // What came would only be fetched again.
        self.unstage(&id).await;
        Ok(())
    }

    /// What is asked of properties that come from anywhere else, too.
    fn may_describe(
        &self,
        ctx: &Context,
        record: &ImageRecord,
        properties: &[(String, String)],
    ) -> Result<(), Broken> {
        let both = properties.iter();
        let both = both.map(|(name, value)| (name.as_str(), value.as_str()));
        refuse_four_bytes(both).map_err(|error| Broken::Data(error.to_string()))?;
        for (name, value) in properties {
            let access = match record.property(name) {
                Some(_) => Access::Update,
                None => Access::Create,
            };
            if value.len() > MAX_VALUE_BYTES || !self.may_touch(ctx, name, access) {
                return Err(Broken::Data(format!(
                    "The OVF property {name} is too long or may not be set here."
                )));
            }
        }
        Ok(())
    }
}

fn unpack(
    archive: &Path,
    target: &WorkFile,
    wanted: &[String],
    cap: u64,
    unwanted: &Unwanted,
) -> Result<Vec<(String, String)>, Broken> {
    let bad = |what: &str| Broken::Data(format!("The OVA archive cannot be unpacked: {what}."));
    let mut file = File::open(archive).map_err(no_file)?;
    let contents = Contents::read(&mut file, || unwanted.check()).map_err(|error| match error {
        Unreadable::Archive(what) => bad(what),
        Unreadable::Io(error) => no_file(error),
    })?;
    let name = contents.name_ending(".ovf");
    let name = name.ok_or_else(|| bad("there is no OVF file in it"))?;
    let description = contents.file(name);
    let description = description.ok_or_else(|| bad("its OVF file is no plain file"))?;
    if description.size_bytes > MAX_DESCRIPTION_BYTES {
        return Err(bad("its OVF file is too long"));
    }
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(description.at))
        .map_err(no_file)?;
    (&mut file)
        .take(description.size_bytes)
        .read_to_end(&mut text)
        .map_err(no_file)?;
    let described = ovf::read(&text, wanted).map_err(Broken::Data)?;
    let disk = contents.file(&described.disk);
    let disk = disk.ok_or_else(|| bad("the disk its OVF file names is not in it"))?;
    let limit = Limit {
        bytes: cap,
        cap,
        ratio: 1,
    };
    if disk.size_bytes > cap {
        return Err(limit.passed());
    }
    file.seek(SeekFrom::Start(disk.at)).map_err(no_file)?;
    let data = file.take(disk.size_bytes);
    write_out(data, target, limit, unwanted)?;
    Ok(described.properties)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::import::plugins::Wanted;

    /// A header with its sum in it.
    pub(super) fn header(name: &str, kind: u8, size_bytes: u64) -> [u8; 512] {
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{size_bytes:011o}").as_bytes());
        header[156] = kind;
        header[257..263].copy_from_slice(b"ustar\0");
        seal(&mut header);
        header
    }

    pub(super) fn seal(header: &mut [u8]) {
        header[148..156].copy_from_slice(b"        ");
        let sum: u64 = header[..512].iter().map(|byte| u64::from(*byte)).sum();
        header[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
    }

    /// An archive with these files, long names as GNU tar writes them.
    pub(super) fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut made = Vec::new();
        let mut add = |head: [u8; 512], data: &[u8]| {
            made.extend_from_slice(&head);
            made.extend_from_slice(data);
            made.resize(made.len().next_multiple_of(512), 0);
        };
        for (name, data) in members {
            let length = data.len() as u64;
            if name.len() > 100 {
                add(header("x", b'L', name.len() as u64), name.as_bytes());
                add(header("x", b'0', length), data);
            } else {
                add(header(name, b'0', length), data);
            }
        }
        made.resize(made.len() + 1024, 0);
        made
    }

    fn described(disk: &str) -> String {
        format!(
            "<E><References><File id='f' href='{disk}'/></References>\
             <DiskSection><Disk fileRef='f'/></DiskSection></E>"
        )
    }

    fn unpacked(bytes: &[u8], cap: u64) -> Result<Vec<u8>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.ova");
        std::fs::write(&path, bytes).unwrap();
        let target = WorkFile::create(folder.path().join("disk")).unwrap();
        match unpack(&path, &target, &[], cap, &Wanted::default().flag()) {
            Ok(_) => Ok(std::fs::read(&target.path).unwrap()),
            Err(broken) => Err(broken.message().to_owned()),
        }
    }

    #[test]
    fn the_disk_comes_out_wherever_it_lies() {
        let ovf = described("disk");
        let disk = [&[1_u8; 700][..], &[0; 200_000], &[2; 5]].concat();
        for members in [
            [("m.ovf", ovf.as_bytes()), ("disk", &disk[..])],
            [("disk", &disk[..]), ("m.ovf", ovf.as_bytes())],
        ] {
            assert_eq!(unpacked(&archive(&members), 1 << 30).unwrap(), disk);
        }
    }

    #[test]
    fn what_is_missing_or_too_large_is_said() {
        let ovf = described("disk");
        let both = archive(&[("m.ovf", ovf.as_bytes()), ("disk", b"12345")]);
        assert!(
            unpacked(&both, 4)
                .unwrap_err()
                .contains("larger than the 4")
        );
        let without = archive(&[("disk", b"x")]);
        assert!(unpacked(&without, 9).unwrap_err().contains("no OVF file"));
        let lost = archive(&[("m.ovf", ovf.as_bytes())]);
        assert!(unpacked(&lost, 9).unwrap_err().contains("is not in it"));
        let long = vec![b' '; usize::try_from(MAX_DESCRIPTION_BYTES).unwrap() + 1];
        let long = archive(&[("m.ovf", &long)]);
        assert!(unpacked(&long, 9).unwrap_err().contains("too long"));
        let outside = described("/etc/passwd");
        let outside = archive(&[("m.ovf", outside.as_bytes())]);
        assert!(unpacked(&outside, 9).unwrap_err().contains("is not in it"));
    }

    #[test]
    fn work_nobody_waits_for_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.ova");
        std::fs::write(
            &path,
            archive(&[("m.ovf", described("d").as_bytes()), ("d", b"x")]),
        )
        .unwrap();
        let target = WorkFile::create(folder.path().join("disk")).unwrap();
        let wanted = Wanted::default();
        let flag = wanted.flag();
        drop(wanted);
        assert!(unpack(&path, &target, &[], 9, &flag).is_err());
    }
}
