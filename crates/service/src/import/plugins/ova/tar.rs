//! The table of contents of a tar archive, read from the headers of its members without a look at what is in them.
//!
//! Whoever made the archive may have written anything into it: counts and lengths are bounded, nothing is believed that
//! the file is too short for, and names are compared with each other and never with files of this machine.

use std::io::{self, Read, Seek, SeekFrom};

const BLOCK_BYTES: u64 = 512;

/// Members beyond which an archive is no virtual machine.
const MAX_MEMBERS: usize = 10_000;

/// How much may be said about one member beside its header.
const MAX_EXTENSION_BYTES: u64 = 64 * 1024;

/// How long the names and links of all members together may be.
const MAX_KEPT_BYTES: usize = 4 * 1024 * 1024;

/// Links that may lead to another.
const MAX_LINKS: usize = 8;

/// What is in the archive under one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: String,
    kind: Kind,
    /// Where its data begins.
    pub(super) at: u64,
    pub(super) size_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    File,
    /// Another name in the archive: of a symbolic link seen from its own folder.
    Link(String),
    /// A folder, a device, or a file in a form that is not read here.
    Other,
}

/// The members of an archive, in their order.
#[derive(Debug, Default)]
pub(super) struct Contents(Vec<Member>);

/// Why there are none.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    /// It is something else, or damaged.
    #[error("{0}")]
    Archive(&'static str),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What headers before a member say about it.
#[derive(Debug, Default)]
struct Extension {
    name: Option<String>,
    link: Option<String>,
    size_bytes: Option<u64>,
    is_sparse: bool,
}

impl Contents {
    /// Reads every header; `check` is asked before each whether to go on.
    pub(super) fn read(
        file: &mut (impl Read + Seek),
        check: impl Fn() -> io::Result<()>,
    ) -> Result<Self, Unreadable> {
        let end = file.seek(SeekFrom::End(0))?;
        let mut members = Vec::new();
        let mut extension = Extension::default();
        let mut kept = 0;
        let mut at = 0;
        while let Some(header) = header_at(file, at, end)? {
            check()?;
            let Some((kind, size_bytes)) = read_header(&header) else {
                // Compat: what follows the first member and is no header is no part of the archive.
                if at == 0 {
                    return Err(Unreadable::Archive("it is no tar archive"));
                }
                break;
            };
            let mut data = at + BLOCK_BYTES;
            match kind {
                b'L' | b'K' | b'x' | b'X' | b'g' => {
                    let text = extension_text(file, data, size_bytes, end)?;
                    extension.add(kind, &text);
                    at = after(data, size_bytes, end)?;
                    continue;
                }
                b'S' => data = after_maps(file, &header, data, end)?,
                _ => {}
            }
            let mut said = std::mem::take(&mut extension);
            let name = said.name.take().unwrap_or_else(|| name_of(&header));
            let size_bytes = said.size_bytes.unwrap_or(size_bytes);
            let is_folder = kind == 0 && name.ends_with('/');
            let kind = match kind {
                b'S' => Kind::Other,
                _ if said.is_sparse || is_folder => Kind::Other,
                b'1' => Kind::Link(said.link.unwrap_or_else(|| text(&header[157..257]))),
                b'2' => {
                    let link = said.link.unwrap_or_else(|| text(&header[157..257]));
                    Kind::Link(match name.rsplit_once('/') {
                        Some((folder, _)) => format!("{folder}/{link}"),
                        None => link,
                    })
                }
                b'3'..=b'6' => Kind::Other,
                _ => Kind::File,
            };
            let has_data = matches!(kind, Kind::File) || header[156] == b'S' || said.is_sparse;
            at = if has_data {
                after(data, size_bytes, end)?
            } else {
                data
            };
            kept += name.len();
            if let Kind::Link(to) = &kind {
                kept += to.len();
            }
            if members.len() == MAX_MEMBERS || kept > MAX_KEPT_BYTES {
                return Err(Unreadable::Archive("there is too much in it"));
            }
            members.push(Member {
                name,
                kind,
                at: data,
                size_bytes,
            });
        }
        if at == 0 {
            return Err(Unreadable::Archive("it is no tar archive"));
        }
        Ok(Self(members))
    }

    /// The first name that ends so.
    pub(super) fn name_ending(&self, end: &str) -> Option<&str> {
        let mut names = self.0.iter().map(|member| member.name.as_str());
        names.find(|name| name.ends_with(end))
    }

    /// The file of that name, also behind links to others in the archive.
    pub(super) fn file(&self, name: &str) -> Option<&Member> {
        // Compat: of several members of one name the last counts.
        let mut found = self.0.iter().rev().find(|member| member.name == name)?;
        for _ in 0..MAX_LINKS {
            match &found.kind {
                Kind::File => return Some(found),
                Kind::Link(to) => {
                    let to = plain(to);
                    found = self.0.iter().rev().find(|one| plain(&one.name) == to)?;
                }
                Kind::Other => return None,
            }
        }
        None
    }
}

impl Extension {
    fn add(&mut self, kind: u8, text: &[u8]) {
        match kind {
            b'L' => self.name = Some(self::text(text)),
            b'K' => self.link = Some(self::text(text)),
            // Of the whole archive: nothing there is about where a member is.
            b'g' => {}
            _ => {
                for (key, value) in records(text) {
                    match key {
                        b"path" => self.name = Some(String::from_utf8_lossy(value).into_owned()),
                        b"linkpath" => {
                            self.link = Some(String::from_utf8_lossy(value).into_owned());
                        }
                        b"size" => {
                            let number = std::str::from_utf8(value).ok();
                            self.size_bytes = number.and_then(|number| number.parse().ok());
                        }
                        _ if key.starts_with(b"GNU.sparse.") => self.is_sparse = true,
                        _ => {}
                    }
                }
            }
        }
    }
}

/// The block there, unless the archive has ended.
fn header_at(
    file: &mut (impl Read + Seek),
    at: u64,
    end: u64,
) -> Result<Option<[u8; 512]>, Unreadable> {
    if end - at < BLOCK_BYTES {
        return Ok(None);
    }
    let mut header = [0; 512];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut header)?;
    let is_end = header.iter().all(|byte| *byte == 0);
    Ok(Some(header).filter(|_| !is_end || at == 0))
}

/// The kind and the size of a member, if this is a header.
fn read_header(header: &[u8; 512]) -> Option<(u8, u64)> {
    let stated = number(&header[148..156])?;
    let (mut sum, mut signed) = (0_u64, 0_i64);
    for (at, byte) in header.iter().enumerate() {
        let byte = if (148..156).contains(&at) {
            b' '
        } else {
            *byte
        };
        sum += u64::from(byte);
        signed += i64::from(byte.cast_signed());
    }
    // Old programs summed signed bytes.
    let is_header = stated == sum || i64::try_from(stated).is_ok_and(|stated| stated == signed);
    let size_bytes = number(&header[124..136])?;
    is_header.then_some((header[156], size_bytes))
}

/// A number as a header has it: octal digits, or binary after a mark.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] == 0x80 {
        let (high, low) = field.split_at(field.len().checked_sub(8)?);
        let is_small = high[1.min(high.len())..].iter().all(|byte| *byte == 0);
        return is_small.then(|| low.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
    }
    let text = std::str::from_utf8(field).ok()?;
    let digits = text.trim_matches(|letter| letter == ' ' || letter == '\0');
    match digits {
        "" => Some(0),
        digits => u64::from_str_radix(digits, 8).ok(),
    }
}

fn text(field: &[u8]) -> String {
    let bytes = field.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned()
}

fn name_of(header: &[u8; 512]) -> String {
    let name = text(&header[..100]);
    let is_posix = &header[257..263] == b"ustar\0";
    match text(&header[345..500]) {
        prefix if is_posix && !prefix.is_empty() => format!("{prefix}/{name}"),
        _ => name,
    }
}

/// Where the block after so much data is.
fn after(data: u64, size_bytes: u64, end: u64) -> Result<u64, Unreadable> {
    let cut = Unreadable::Archive("it ends too early");
    let last = data.checked_add(size_bytes);
    match last.filter(|last| *last <= end) {
        Some(last) => Ok(last.next_multiple_of(BLOCK_BYTES).min(end)),
        None => Err(cut),
    }
}

/// Where the data of a sparse file begins: behind all of its map.
fn after_maps(
    file: &mut (impl Read + Seek),
    header: &[u8; 512],
    mut at: u64,
    end: u64,
) -> Result<u64, Unreadable> {
    let mut goes_on = header[482] != 0;
    while goes_on {
        match header_at(file, at, end)? {
            Some(map) => goes_on = map[504] != 0,
            None => return Err(Unreadable::Archive("it ends too early")),
        }
        at += BLOCK_BYTES;
    }
    Ok(at)
}

fn extension_text(
    file: &mut (impl Read + Seek),
    at: u64,
    size_bytes: u64,
    end: u64,
) -> Result<Vec<u8>, Unreadable> {
    if size_bytes > MAX_EXTENSION_BYTES {
        return Err(Unreadable::Archive("a header in it is too long"));
    }
    after(at, size_bytes, end)?;
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    file.take(size_bytes).read_to_end(&mut text)?;
    Ok(text)
}

/// The `length key=value` lines of an extended header, as far as they are sound.
fn records(mut rest: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut found = Vec::new();
    while let Some(space) = rest.iter().position(|byte| *byte == b' ') {
        let length = std::str::from_utf8(&rest[..space]).ok();
        let length: Option<usize> = length.and_then(|digits| digits.parse().ok());
        let Some(record) = length.and_then(|length| rest.get(space + 1..length)) else {
            break;
        };
        let record = record.strip_suffix(b"\n").unwrap_or(record);
        if let Some(equals) = record.iter().position(|byte| *byte == b'=') {
            found.push((&record[..equals], &record[equals + 1..]));
        }
        rest = &rest[length.unwrap_or(rest.len())..];
    }
    found
}

/// A name without `.` and `..`.
fn plain(name: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::import::plugins::ova::tests::{archive, header};

    fn read(bytes: &[u8]) -> Result<Contents, String> {
        Contents::read(&mut io::Cursor::new(bytes), || Ok(())).map_err(|error| error.to_string())
    }

    fn refusal(bytes: &[u8]) -> String {
        read(bytes).unwrap_err()
    }

    #[test]
    fn members_are_found_with_their_place() {
        let bytes = archive(&[("a", b"one"), ("folder/b", &[7; 600]), ("a", b"second")]);
        let contents = read(&bytes).unwrap();
        assert_eq!(contents.0.len(), 3);
        let last = contents.file("a").unwrap();
        assert_eq!((last.at, last.size_bytes), (512 * 6, 6));
        assert_eq!(contents.file("folder/b").unwrap().at, 512 * 3);
        assert_eq!(contents.name_ending("/b"), Some("folder/b"));
        assert!(contents.file("b").is_none());
    }

    #[test]
    fn what_is_no_archive_or_cut_is_refused() {
        assert!(refusal(b"").contains("no tar"));
        assert!(refusal(&[0; 1024]).contains("no tar"));
        assert!(refusal(&[b'x'; 2048]).contains("no tar"));
        let bytes = archive(&[("a", &[1; 2000])]);
        assert!(refusal(&bytes[..1024]).contains("too early"));
        // Without the end marks it is whole all the same.
        assert!(read(&bytes[..512 + 2000]).is_ok());
    }

    #[test]
    fn sizes_and_counts_are_not_believed() {
        let huge = |kind: u8| {
            let mut bytes = header("a", kind, 0).to_vec();
            bytes[124..136].copy_from_slice(b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff");
            crate::import::plugins::ova::tests::seal(&mut bytes);
            bytes
        };
        assert!(refusal(&huge(b'0')).contains("too early"));
        assert!(refusal(&huge(b'L')).contains("too long"));
        assert!(refusal(&huge(b'x')).contains("too long"));
        let many = vec![("a", &b""[..]); MAX_MEMBERS + 1];
        assert!(refusal(&archive(&many)).contains("too much"));
        let long = "n".repeat(60_000);
        let many = vec![(long.as_str(), &b""[..]); MAX_KEPT_BYTES / 60_000 + 1];
        assert!(refusal(&archive(&many)).contains("too much"));
    }

    #[test]
    fn long_names_come_from_headers_before() {
        let long = "n".repeat(300);
        let mut gnu = archive(&[(long.as_str(), b"data")]);
        assert_eq!(read(&gnu).unwrap().0[0].name, long);
        let record = |text: &str| format!("{} {text}\n", text.len() + 5);
        let text = record(&format!("path={long}"));
        let mut pax = header("x", b'x', text.len() as u64).to_vec();
        pax.extend_from_slice(text.as_bytes());
        pax.resize(1024, 0);
        pax.append(&mut archive(&[("short", b"data")]));
        let found = read(&pax).unwrap();
        assert_eq!(found.0[0].name, long);
        assert_eq!(found.0[0].size_bytes, 4);
        // The next member has its own name again.
        gnu.truncate(512 * 4);
        gnu.append(&mut archive(&[("short", b"")]));
        assert_eq!(read(&gnu).unwrap().0[1].name, "short");
    }

    #[test]
    fn links_lead_to_members_alone() {
        let link = |name: &str, to: &str, kind: u8| {
            let mut bytes = header(name, kind, 0).to_vec();
            bytes[157..157 + to.len()].copy_from_slice(to.as_bytes());
            crate::import::plugins::ova::tests::seal(&mut bytes);
            bytes
        };
        let mut bytes = link("folder/soft", "../real", b'2');
        bytes.append(&mut link("hard", "folder/soft", b'1'));
        bytes.append(&mut link("round", "round", b'2'));
        bytes.append(&mut link("out", "/etc/passwd", b'2'));
        bytes.append(&mut link("device", "", b'3'));
        bytes.append(&mut archive(&[("real", b"data")]));
        let contents = read(&bytes).unwrap();
        for name in ["folder/soft", "hard", "real"] {
            assert_eq!(contents.file(name).unwrap().name, "real");
        }
        for name in ["round", "out", "device"] {
            assert!(contents.file(name).is_none(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_every_member_lies_in_the_file(
            changes in prop::collection::vec((0_usize..4096, any::<u8>()), 0..12),
            cut in 0_usize..4096,
        ) {
            let mut bytes = archive(&[("a.ovf", &[b'a'; 700]), (&"n".repeat(120), b"x"), ("b", b"")]);
            for (at, byte) in changes {
                let end = bytes.len();
                bytes[at % end] = byte;
            }
            bytes.truncate(cut.max(1));
            if let Ok(contents) = read(&bytes) {
                for member in contents.0.iter().filter(|member| member.kind == Kind::File) {
                    prop_assert!(member.at + member.size_bytes <= bytes.len() as u64);
                }
            }
        }
    }
}
