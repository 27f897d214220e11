//! The text of a VMDK. It may name other files of the host, so it is believed only when every line is understood.

const TYPE_KEY: &[u8] = b"createtype=\"";
/// A type longer than this is none.
const MAX_TYPE_BYTES: usize = 64;
/// The kinds that are complete in one file.
const SINGLE_FILE_TYPES: [&[u8]; 2] = [b"monolithicsparse", b"streamoptimized"];
const EXTENT_ACCESS: [&[u8]; 3] = [b"rw", b"rdonly", b"noaccess"];

/// A descriptor, in lower case and without its padding.
pub(crate) struct Descriptor {
    text: Vec<u8>,
}

impl Descriptor {
    /// The text ends at the first zero byte.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let end = bytes
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(bytes.len());
        Self {
            text: bytes[..end].to_ascii_lowercase(),
        }
    }

    pub(crate) fn is_ascii(&self) -> bool {
        self.text.is_ascii()
    }

    /// Whether the text says what kind of VMDK it describes, and so is a descriptor at all.
    pub(crate) fn has_type(&self) -> bool {
        self.create_type().is_some()
    }

    /// Whether the kind is one that needs no other file.
    pub(crate) fn is_single_file(&self) -> bool {
        self.create_type()
            .is_some_and(|kind| SINGLE_FILE_TYPES.contains(&kind))
    }

    /// Whether nothing in the text leads out of the file.
    pub(crate) fn is_sound(&self) -> bool {
        if !self.is_ascii() || !self.is_single_file() {
            return false;
        }
        let mut extents = 0;
        for line in self.text.split(|byte| *byte == b'\n').map(trim) {
            match classify(line) {
                Line::Ignored => {}
                Line::Extent if !line.contains(&b'/') => extents += 1,
                Line::Extent | Line::Unknown => return false,
            }
        }
        extents > 0
    }

    /// The value of the first `createType`, even one in a comment, since qemu searches the text alike.
    fn create_type(&self) -> Option<&[u8]> {
        let at = self
            .text
            .windows(TYPE_KEY.len())
            .position(|window| window == TYPE_KEY)?;
        let value = &self.text[at + TYPE_KEY.len()..];
        match value.iter().position(|byte| *byte == b'"') {
            Some(end) => (end < MAX_TYPE_BYTES).then_some(&value[..end]),
            // Never closed: a descriptor of a kind nobody knows. Empty is such a kind.
            None => Some(&[]),
        }
    }
}

enum Line {
    /// Blank, a comment, a header field or an entry of the disk database.
    Ignored,
    Extent,
    Unknown,
}

fn classify(line: &[u8]) -> Line {
    let mut key_and_value = line.splitn(2, |byte| *byte == b'=');
    let key = key_and_value.next().unwrap_or_default();
    let is_field = key_and_value.next().is_some() && !key.contains(&b' ');
    let first_word = line.split(|byte| *byte == b' ').next().unwrap_or_default();
    if line.is_empty() || line.starts_with(b"#") || line.starts_with(b"ddb") || is_field {
        Line::Ignored
    } else if EXTENT_ACCESS.contains(&first_word) {
        Line::Extent
    } else {
        Line::Unknown
    }
}

/// Printable or white space, as Python sees ASCII: the separators 0x1c to 0x1f count as white space.
pub(crate) fn is_text(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') || is_space(byte)
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | 0x1c..=0x1f | b' ')
}

fn trim(line: &[u8]) -> &[u8] {
    let start = line
        .iter()
        .position(|byte| !is_space(*byte))
        .unwrap_or(line.len());
    let end = line
        .iter()
        .rposition(|byte| !is_space(*byte))
        .map_or(start, |last| last + 1);
    &line[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "# Disk DescriptorFile\nversion=1\nCID=2f60ff85\nparentCID=ffffffff\n\
        createType=\"monolithicSparse\"\n\n# Extent description\nRW 2048 SPARSE \"disk.vmdk\"\n\n\
        # The Disk Data Base\n#DDB\n\nddb.adapterType = \"ide\"\n";

    fn sound(text: &str) -> bool {
        Descriptor::new(text.as_bytes()).is_sound()
    }

    #[test]
    fn what_qemu_writes_is_sound() {
        assert!(sound(SOUND));
        assert!(sound(&SOUND.to_uppercase()));
        assert!(sound(&SOUND.replace("monolithicSparse", "streamOptimized")));
    }

    #[test]
    fn a_line_that_leads_elsewhere_is_refused() {
        assert!(!sound(&SOUND.replace("disk.vmdk", "/etc/passwd")));
        assert!(!sound(&SOUND.replace("monolithicSparse", "monolithicFlat")));
        assert!(!sound(
            &SOUND.replace("# Extent description", "include other")
        ));
        assert!(!sound(&SOUND.replace("RW 2048", "#RW 2048")));
        assert!(!sound(&SOUND.replace("# Extent", "# \u{e9}xtent")));
        assert!(!sound(&SOUND.replace("createType", "kind")));
    }

    #[test]
    fn an_endless_or_open_type_is_no_known_type() {
        let open = Descriptor::new(b"createType=\"monolithicSparse");
        assert!(open.has_type() && !open.is_single_file());
        let long = format!("createType=\"{}\"", "x".repeat(MAX_TYPE_BYTES));
        assert!(!Descriptor::new(long.as_bytes()).has_type());
    }

    #[test]
    fn text_ends_at_the_padding() {
        let padded = format!("{SOUND}\0\nanything goes here /etc");
        assert!(sound(&padded));
    }
}
