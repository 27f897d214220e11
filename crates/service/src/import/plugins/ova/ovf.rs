//! What the description of a virtual machine (OVF, an XML document) says: the file of its one disk, and the properties of
//! its processor that the site asks for.
//!
//! The document is small or refused, is read once, and nothing in it is expanded or fetched: entities other than those
//! of XML itself are refused, and what a document type names is left alone.

use std::collections::HashMap;

use quick_xml::{
    Reader, XmlVersion,
    escape::{resolve_predefined_entity, unescape},
    events::{BytesStart, Event},
};

/// Where the processor's properties come from.
const PROCESSOR: &str =
    "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ProcessorAllocationSettingData";

/// How such properties begin on the image.
const PREFIX: &str = "cim_pasd_";

/// Elements in one another beyond which a document is made to do harm.
const MAX_DEPTH: usize = 256;

/// What is taken from a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Description {
    /// The name of the disk's file.
    pub(super) disk: String,
    /// Properties for the image.
    pub(super) properties: Vec<(String, String)>,
}

/// An element that has begun.
#[derive(Debug)]
struct Element {
    name: String,
    /// The property it is, if it is wanted.
    property: Option<String>,
    /// The text before its first child.
    text: String,
    has_child: bool,
    /// Prefixes whose meaning ends with it.
    prefixes: Vec<String>,
    /// Of a `DiskSection`: the files of its disks.
    disks: Vec<Option<String>>,
    /// Of `References`: the ids of files and their names.
    files: Vec<(String, Option<String>)>,
}

/// The document as far as it was read.
#[derive(Debug, Default)]
struct Found {
    open: Vec<Element>,
    /// For each prefix, whether it means the processor, the innermost last.
    prefixes: HashMap<String, Vec<bool>>,
    properties: Vec<(String, String)>,
    disk: Option<String>,
    files: Option<Vec<(String, Option<String>)>>,
    has_root: bool,
}

/// Reads a document; `wanted` are the names of properties. What is wrong with it is told as a sentence.
pub(super) fn read(document: &[u8], wanted: &[String]) -> Result<Description, String> {
    let text = decode(document)?;
    let bad = |error: &dyn std::error::Error| format!("The OVF file is no sound XML: {error}.");
    let mut reader = Reader::from_str(&text);
    let mut found = Found::default();
    loop {
        match reader.read_event().map_err(|error| bad(&error))? {
            Event::Start(start) => found.begin(&start, wanted)?,
            Event::Empty(start) => {
                found.begin(&start, wanted)?;
                found.end()?;
            }
            Event::End(_) => found.end()?,
            Event::Text(text) => found.text(&text.xml_content(XmlVersion::Implicit1_0))?,
            Event::CData(text) => found.text(&text.xml_content(XmlVersion::Implicit1_0))?,
            Event::GeneralRef(entity) => {
                let letter = entity.resolve_char_ref().map_err(|error| bad(&error))?;
                match (letter, resolve_predefined_entity(&entity)) {
                    (Some(letter), _) => found.text(letter.encode_utf8(&mut [0; 4]))?,
                    (None, Some(text)) => found.text(text)?,
                    (None, None) => return Err(entities()),
                }
            }
            Event::DocType(kind) if kind.contains("<!ENTITY") => return Err(entities()),
            Event::DocType(_) | Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
    }
    found.finish()
}

fn entities() -> String {
    "The OVF file has entities in it, which are not allowed.".to_owned()
}

fn wrong(what: &str) -> String {
    format!("The OVF file {what}.")
}

impl Found {
    fn begin(&mut self, start: &BytesStart<'_>, wanted: &[String]) -> Result<(), String> {
        if self.open.len() == MAX_DEPTH {
            return Err(wrong("is nested too deeply"));
        }
        if self.open.is_empty() && self.has_root {
            return Err(wrong("has more than one root element"));
        }
        self.has_root = true;
        if let Some(parent) = self.open.last_mut() {
            parent.has_child = true;
        }
        let mut prefixes = Vec::new();
        let (mut id, mut href, mut file) = (None, None, None);
        let mut attributes = start.attributes();
        for attribute in attributes.with_checks(false) {
            let attribute =
                attribute.map_err(|error| format!("The OVF file is no sound XML: {error}."))?;
            let value = unescape(&attribute.value).map_err(|_| entities())?;
            let (prefix, local) = split(attribute.key.as_ref());
            match (prefix, local) {
                ("", "xmlns") => prefixes.push((String::new(), value == PROCESSOR)),
                ("xmlns", local) => prefixes.push((local.to_owned(), value == PROCESSOR)),
                (_, "id") => id = id.or(Some(value.into_owned())),
                (_, "href") => href = href.or(Some(value.into_owned())),
                (_, "fileRef") => file = file.or(Some(value.into_owned())),
                _ => {}
            }
        }
        for (prefix, is_processor) in &prefixes {
            let meanings = self.prefixes.entry(prefix.clone()).or_default();
            meanings.push(*is_processor);
        }
        let (prefix, local) = split(start.name().0);
        let meanings = self.prefixes.get(prefix);
        let is_processor = meanings
            .and_then(|all| all.last())
            .copied()
            .unwrap_or(false);
        let is_wanted = is_processor && wanted.iter().any(|name| name == local);
        if let Some(parent) = self.open.last_mut() {
            match (parent.name.as_str(), local) {
                ("DiskSection", "Disk") => parent.disks.push(file),
                ("References", "File") => parent.files.extend(id.map(|id| (id, href))),
                _ => {}
            }
        }
        self.open.push(Element {
            name: local.to_owned(),
            property: is_wanted.then(|| format!("{PREFIX}{local}")),
            text: String::new(),
            has_child: false,
            prefixes: prefixes.into_iter().map(|(prefix, _)| prefix).collect(),
            disks: Vec::new(),
            files: Vec::new(),
        });
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), String> {
        match self.open.last_mut() {
            Some(element) => {
                if element.property.is_some() && !element.has_child {
                    element.text.push_str(text);
                }
                Ok(())
            }
            None if text.trim().is_empty() => Ok(()),
            None => Err(wrong("is no XML")),
        }
    }

    fn end(&mut self) -> Result<(), String> {
        // The reader has compared the names.
        let Some(element) = self.open.pop() else {
            return Err(wrong("is no sound XML"));
        };
        for prefix in &element.prefixes {
            if let Some(meanings) = self.prefixes.get_mut(prefix) {
                meanings.pop();
            }
        }
        if let Some(name) = element.property {
            let value = element.text.trim().to_owned();
            match self.properties.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = value,
                None => self.properties.push((name, value)),
            }
        }
        match element.name.as_str() {
            "DiskSection" => {
                let mut disks = element.disks.into_iter();
                self.disk = match (disks.next(), disks.next()) {
                    (_, Some(_)) => {
                        return Err(wrong("describes several disks, and an image has only one"));
                    }
                    (Some(Some(file)), None) => Some(file),
                    (Some(None), None) => {
                        return Err(wrong("does not say in which file its disk is"));
                    }
                    (None, None) => return Err(wrong("describes no disk")),
                };
            }
            "References" => self.files = Some(element.files),
            _ => {}
        }
        Ok(())
    }

    fn finish(self) -> Result<Description, String> {
        if !self.has_root {
            return Err(wrong("is no XML"));
        }
        if !self.open.is_empty() {
            return Err(wrong("ends too early"));
        }
        let file = self.disk.ok_or_else(|| wrong("describes no disk"))?;
        let files = self.files.unwrap_or_default();
        // Compat: of several files with one id the last counts.
        let disk = files.into_iter().rev().find(|(id, _)| *id == file);
        let disk = disk.and_then(|(_, name)| name);
        Ok(Description {
            disk: disk.ok_or_else(|| wrong("does not name the file of its disk"))?,
            properties: self.properties,
        })
    }
}

fn split(name: &str) -> (&str, &str) {
    name.split_once(':').unwrap_or(("", name))
}

/// The text of a document, in one of the encodings such documents come in.
fn decode(document: &[u8]) -> Result<String, String> {
    let garbled = || wrong("is not in the encoding it says it is");
    let utf_16 = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = rest.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        let text: Result<String, _> = char::decode_utf16(units).collect();
        text.map_err(|_| garbled())
    };
    match document {
        [0xff, 0xfe, rest @ ..] => return utf_16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => return utf_16(rest, u16::from_be_bytes),
        _ => {}
    }
    let document = document.strip_prefix(b"\xef\xbb\xbf").unwrap_or(document);
    match encoding(document).as_deref() {
        None | Some("utf-8" | "us-ascii") => {
            let text = std::str::from_utf8(document).map_err(|_| garbled())?;
            Ok(text.to_owned())
        }
        Some("iso-8859-1") => Ok(document.iter().map(|byte| char::from(*byte)).collect()),
        Some(other) => Err(format!(
            "The OVF file is encoded as {other}, which is not read here."
        )),
    }
}

/// What the declaration at the beginning says.
fn encoding(document: &[u8]) -> Option<String> {
    let head = &document[..document.len().min(256)];
    let head = String::from_utf8_lossy(head);
    let (declaration, _) = head.strip_prefix("<?xml")?.split_once("?>")?;
    let (_, rest) = declaration.split_once("encoding")?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|quote| "'\"".contains(*quote))?;
    let name = rest[1..].split(quote).next()?;
    Some(name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Vec<String> {
        ["Speed", "InstructionSet"].map(str::to_owned).to_vec()
    }

    fn document(disks: &str, rest: &str) -> String {
        format!(
            "<Envelope xmlns='urn:x' xmlns:o='urn:o' xmlns:p='{PROCESSOR}'>\
             <References><File o:id='f1' o:href='disk.vmdk'/><File o:id='f2' href='a&amp;b'/></References>\
             <DiskSection>{disks}</DiskSection>{rest}</Envelope>"
        )
    }

    fn properties(rest: &str) -> Vec<(String, String)> {
        let document = document("<Disk o:fileRef='f1'/>", rest);
        read(document.as_bytes(), &wanted()).unwrap().properties
    }

    fn refusal(document: &str) -> String {
        read(document.as_bytes(), &wanted()).unwrap_err()
    }

    #[test]
    fn the_disk_is_the_file_it_refers_to() {
        for (reference, name) in [("f1", "disk.vmdk"), ("f2", "a&b")] {
            let document = document(&format!("<Disk o:fileRef='{reference}'/>"), "");
            assert_eq!(read(document.as_bytes(), &[]).unwrap().disk, name);
        }
        assert!(refusal(&document("", "")).contains("no disk"));
        assert!(refusal(&document("<Disk/>", "")).contains("in which file"));
        assert!(refusal(&document("<Disk fileRef='x'/>", "")).contains("does not name"));
        assert!(refusal(&document("<Disk fileRef='f1'/><Disk/>", "")).contains("several"));
        assert!(refusal("<Envelope/>").contains("no disk"));
    }

    #[test]
    fn properties_are_those_of_the_processor_that_are_wanted() {
        let pair = |name: &str, value: &str| (format!("cim_pasd_{name}"), value.to_owned());
        assert_eq!(properties("<p:Speed> 7 </p:Speed>"), [pair("Speed", "7")]);
        assert_eq!(properties("<p:Speed/>"), [pair("Speed", "")]);
        assert_eq!(
            properties("<o:Speed>7</o:Speed><p:Colour>red</p:Colour>"),
            []
        );
        // The last counts, and a prefix means what the nearest element around says.
        let twice = "<p:Speed>1</p:Speed><p:Speed>2</p:Speed>";
        assert_eq!(properties(twice), [pair("Speed", "2")]);
        let inner = format!("<x xmlns='{PROCESSOR}'><Speed>3</Speed></x><Speed>4</Speed>");
        assert_eq!(properties(&inner), [pair("Speed", "3")]);
        let other = "<x xmlns:p='urn:y'><p:Speed>5</p:Speed></x>";
        assert_eq!(properties(other), []);
        // What is around a child belongs to the child's parent only before it.
        let nested = "<p:Speed>a<p:InstructionSet>b</p:InstructionSet>c</p:Speed>";
        assert_eq!(
            properties(nested),
            [pair("InstructionSet", "b"), pair("Speed", "a")]
        );
        let escaped = "<p:Speed>a &amp;&#x41;<!-- no --> <![CDATA[<b>]]></p:Speed>";
        assert_eq!(properties(escaped), [pair("Speed", "a &A <b>")]);
    }

    #[test]
    fn nothing_is_expanded() {
        let bomb = "<!DOCTYPE a [<!ENTITY a 'x'><!ENTITY b '&a;&a;'>]><a>&b;</a>";
        assert!(refusal(bomb).contains("entities"));
        assert!(refusal("<a>&unknown;</a>").contains("entities"));
        assert!(refusal("<a b='&unknown;'/>").contains("entities"));
        let deep = "<a>".repeat(MAX_DEPTH + 1);
        assert!(refusal(&deep).contains("too deeply"));
        // Named and never fetched.
        let document = document("<Disk fileRef='f1'/>", "");
        let external = format!("<!DOCTYPE a SYSTEM 'file:///etc/passwd'>{document}");
        assert!(read(external.as_bytes(), &[]).is_ok());
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for text in [
            "",
            "nothing of the kind",
            "<a",
            "<a></b>",
            "<a/>more",
            "<a/><b/>",
        ] {
            assert!(refusal(text).contains("OVF file"), "{text}");
        }
        assert!(refusal("<a><b></b>").contains("too early"));
        assert!(read(b"<a>\xff</a>", &[]).is_err());
        assert!(refusal("<?xml version='1.0' encoding='EBCDIC'?><a/>").contains("ebcdic"));
    }

    #[test]
    fn other_encodings_are_read() {
        let text = document("<Disk fileRef='f1'/>", "<p:Speed>é</p:Speed>");
        let utf_16 = |unit: fn(u16) -> [u8; 2]| -> Vec<u8> {
            let units = std::iter::once('\u{feff}').chain(text.chars());
            let mut made = Vec::new();
            for letter in units {
                let mut buffer = [0; 2];
                made.extend(
                    letter
                        .encode_utf16(&mut buffer)
                        .iter()
                        .flat_map(|one| unit(*one)),
                );
            }
            made
        };
        let mut latin = b"<?xml version='1.0' encoding = \"ISO-8859-1\"?>".to_vec();
        latin.extend(
            text.chars()
                .map(|letter| u8::try_from(u32::from(letter)).unwrap()),
        );
        let mut marked = b"\xef\xbb\xbf".to_vec();
        marked.extend_from_slice(text.as_bytes());
        for document in [
            utf_16(u16::to_le_bytes),
            utf_16(u16::to_be_bytes),
            latin,
            marked,
        ] {
            let found = read(&document, &wanted()).unwrap();
            assert_eq!(found.properties[0].1, "é");
        }
    }
}
