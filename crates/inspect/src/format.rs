//! The formats that can be told apart, and their names in the API. `ami`, `aki`, `ari` and `ploop` are names an image
//! may declare, but nothing in their data shows them, so they are not formats here.

use std::fmt;

/// What a stream turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// None of the others.
    Raw,
    Qcow2,
    /// Called VPC by qemu.
    Vhd,
    Vhdx,
    Vmdk,
    Vdi,
    Qed,
    /// ISO 9660 and UDF.
    Iso,
    /// A disk with a partition table, MBR as well as GPT.
    Gpt,
    Luks,
}

impl Format {
    const ALL: [Format; 10] = [
        Format::Raw,
        Format::Qcow2,
        Format::Vhd,
        Format::Vhdx,
        Format::Vmdk,
        Format::Vdi,
        Format::Qed,
        Format::Iso,
        Format::Gpt,
        Format::Luks,
    ];

    /// The word used for `disk_format`.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Raw => "raw",
            Format::Qcow2 => "qcow2",
            Format::Vhd => "vhd",
            Format::Vhdx => "vhdx",
            Format::Vmdk => "vmdk",
            Format::Vdi => "vdi",
            Format::Qed => "qed",
            Format::Iso => "iso",
            Format::Gpt => "gpt",
            Format::Luks => "luks",
        }
    }

    /// The format of that name; `None` for a `disk_format` whose data cannot be recognised.
    pub fn from_name(name: &str) -> Option<Format> {
        Format::ALL
            .into_iter()
            .find(|format| format.as_str() == name)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
