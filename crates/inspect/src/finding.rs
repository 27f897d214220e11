//! What a format's probe reports: that the stream is of this format, how large the disk inside is, and whether a
//! hypervisor may safely open it. Nothing is decided here.

use std::fmt;

use crate::format::Format;

/// One format recognised in the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) format: Format,
    pub(crate) size: Size,
    pub(crate) safety: Safety,
}

/// The size of the disk a guest would see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    Known(u64),
    /// The stream does not say, which is no fault.
    Unknown,
    /// The stream says something that is no size.
    Unreadable,
}

impl Size {
    /// `Unreadable` when the product does not fit 64 bits.
    pub(crate) fn product(count: u64, unit: u64) -> Size {
        count
            .checked_mul(unit)
            .map_or(Size::Unreadable, Size::Known)
    }
}

impl From<Option<u64>> for Size {
    fn from(size: Option<u64>) -> Size {
        size.map_or(Size::Unknown, Size::Known)
    }
}

/// Whether the checks of the format have passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Safety {
    Sound,
    /// The stream ended, or pointed elsewhere, before all that must be checked was seen.
    Incomplete,
    /// Never empty.
    Failed(Vec<Check>),
}

impl Safety {
    pub(crate) fn of_failures(failures: Vec<Check>) -> Safety {
        if failures.is_empty() {
            Safety::Sound
        } else {
            Safety::Failed(failures)
        }
    }

    /// The usual case of a single check.
    pub(crate) fn of_check(check: Check, passed: bool) -> Safety {
        Safety::of_failures(if passed { Vec::new() } else { vec![check] })
    }
}

/// A safety check that did not pass. The names are those Glance logs and its option
/// `gpt_safety_checks_nonfatal` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Check {
    /// qcow2: data would be read from another file of the host.
    BackingFile,
    /// qcow2: guest data lies in another file of the host.
    DataFile,
    /// qcow2: a version or an incompatible feature nobody here knows.
    UnknownFeatures,
    /// The format is never allowed.
    Banned,
    /// VMDK: the descriptor is missing, not understood, or names files.
    Descriptor,
    /// VMDK: the footer, which overrules the header, says something else.
    Footer,
    /// The partition table contradicts itself.
    Mbr,
    /// LUKS: not version 1.
    Version,
}

impl Check {
    /// The check's name in logs and options.
    pub fn as_str(self) -> &'static str {
        match self {
            Check::BackingFile => "backing_file",
            Check::DataFile => "data_file",
            Check::UnknownFeatures => "unknown_features",
            Check::Banned => "banned",
            Check::Descriptor => "descriptor",
            Check::Footer => "footer",
            Check::Mbr => "mbr",
            Check::Version => "version",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
