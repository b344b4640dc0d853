//! Documents without what acts in them, still readable by the office suite.
//!
//! **Invariant:** nothing is copied that is not known to be harmless where a list of the harmful would do: relationships
//! to the outside always go, parts of unknown content stay only when nothing points to them from a place that runs.
//! The result is foreign all the same: it is rendered in the jail, never released.

mod odf;
mod ole;
mod ooxml;
mod package;
mod rtf;

use crate::content::Content;
use model::{ActiveContent, Format};
use std::collections::BTreeMap;
use std::io;
use wire::{Failure, Foreign, RawRemoved, WireError};

/// Why a document could not be stripped.
#[derive(Debug, thiserror::Error)]
pub enum StripError {
    /// It, or a part of it, is encrypted.
    #[error("the document is encrypted")]
    Encrypted,
    /// The structure is broken, ambiguous or declares entities.
    #[error("the document is malformed")]
    Malformed,
    /// No stripper for this format.
    #[error("{0} cannot be stripped")]
    Unsupported(Format),
    /// More bytes than allowed.
    #[error("more than {0} bytes")]
    Limit(u64),
    /// The descriptor gave a read error.
    #[error("reading the document failed: {0}")]
    Read(#[source] io::Error),
    /// The bytes could not be handed on.
    #[error("handing on the document failed: {0}")]
    Sink(#[source] WireError),
}

impl StripError {
    /// The code that crosses the wire.
    pub const fn failure(&self) -> Failure {
        match self {
            Self::Encrypted => Failure::Encrypted,
            Self::Malformed => Failure::Malformed,
            Self::Unsupported(_) => Failure::Unsupported,
            Self::Limit(_) => Failure::LimitOutput,
            Self::Read(_) | Self::Sink(_) => Failure::Read,
        }
    }

    /// The limit that was hit, or 0.
    pub const fn number(&self) -> u64 {
        match self {
            Self::Limit(limit) => *limit,
            Self::Encrypted | Self::Malformed | Self::Unsupported(_) | Self::Read(_) | Self::Sink(_) => 0,
        }
    }
}

/// What was taken out so far, summed up by kind and part.
#[derive(Debug, Default)]
pub(crate) struct Removals(BTreeMap<(ActiveContent, Option<String>), u32>);

// BOUND: lines of the list; a package of ten thousand embedded objects is told by their sum.
const MAX_LINES: usize = 500;

impl Removals {
    pub(crate) fn count(&mut self, kind: ActiveContent, name: Option<&str>) {
        let key = (kind, name.map(str::to_owned));
        let key = if self.0.len() >= MAX_LINES && !self.0.contains_key(&key) { (kind, None) } else { key };
        let sum = self.0.entry(key).or_insert(0);
        *sum = sum.saturating_add(1);
    }

    fn list(self) -> Vec<RawRemoved> {
        self.0.into_iter().map(|((kind, name), count)| RawRemoved { kind, name: name.map(Foreign::new), count }).collect()
    }
}

/// Whether [`strip`] knows the format.
pub const fn can_strip(format: Format) -> bool {
    container(format).is_some()
}

enum Container {
    Ooxml,
    Odf,
    Rtf,
    Compound,
    /// Either of two; the bytes say which.
    Visio,
}

const fn container(format: Format) -> Option<Container> {
    match format {
        Format::Docx
        | Format::Docm
        | Format::Dotx
        | Format::Dotm
        | Format::Xlsx
        | Format::Xlsm
        | Format::Xlsb
        | Format::Xltx
        | Format::Xltm
        | Format::Xlam
        | Format::Pptx
        | Format::Pptm
        | Format::Ppsx
        | Format::Potx => Some(Container::Ooxml),
        Format::Odt | Format::Ods | Format::Odp | Format::Odg => Some(Container::Odf),
        Format::Rtf => Some(Container::Rtf),
        Format::Doc | Format::Xls | Format::Ppt => Some(Container::Compound),
        Format::Visio => Some(Container::Visio),
        _ => None,
    }
}

/// Writes the document without its active content to `out` and lists what was left out.
///
/// # Errors
/// [`StripError`]; bytes handed out before it are worthless.
pub fn strip(
    content: &mut Content,
    format: Format,
    out: &mut dyn FnMut(&[u8]) -> Result<(), WireError>,
    max_output_bytes: u64,
) -> Result<Vec<RawRemoved>, StripError> {
    let mut removals = Removals::default();
    let bytes = match container(format).ok_or(StripError::Unsupported(format))? {
        Container::Ooxml => ooxml::strip(content, &mut removals, max_output_bytes),
        Container::Odf => odf::strip(content, &mut removals, max_output_bytes),
        Container::Rtf => rtf::strip(content, &mut removals, max_output_bytes),
        Container::Compound => ole::strip(content, &mut removals, max_output_bytes),
        Container::Visio if content.head(2).map_err(StripError::Read)? == b"PK" => ooxml::strip(content, &mut removals, max_output_bytes),
        Container::Visio => ole::strip(content, &mut removals, max_output_bytes),
    }?;
    out(&bytes).map_err(StripError::Sink)?;
    Ok(removals.list())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::identify::package::tests::{office, package};
    use proptest::prelude::*;
    use std::io::{Cursor, Read as _};
    use zip::ZipArchive;

    pub(crate) fn stripped(bytes: Vec<u8>, format: Format) -> Result<(Vec<u8>, Vec<RawRemoved>), StripError> {
        let mut out = Vec::new();
        let mut sink = |piece: &[u8]| {
            out.extend_from_slice(piece);
            Ok(())
        };
        let removed = strip(&mut Content::from_bytes(bytes), format, &mut sink, 1 << 24)?;
        Ok((out, removed))
    }

    pub(crate) fn names_in(bytes: &[u8]) -> Vec<String> {
        let archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
        archive.file_names().map(|name| name.unwrap().into_owned()).collect()
    }

    pub(crate) fn part_of(bytes: &[u8], name: &str) -> String {
        let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut text = String::new();
        archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    const DOCM: &str = "application/vnd.ms-word.document.macroEnabled.main+xml";

    fn relation(id: &str, kind: &str, target: &str, mode: &str) -> String {
        format!("<Relationship Id=\"{id}\" Type=\"http://x/relationships/{kind}\" Target=\"{target}\" {mode}/>")
    }

    #[test]
    fn a_macro_document_becomes_a_plain_one() {
        let relations = format!(
            "<Relationships>{}{}{}{}{}{}</Relationships>",
            relation("r1", "vbaProject", "word/odd.name", ""),
            relation("r2", "hyperlink", "http://x", "TargetMode=\"&#69;xternal\""),
            relation("r3", "attachedTemplate", "http://x/y.dotm", "TargetMode=\"External\""),
            relation("r4", "image", "media/1.png", ""),
            relation("r5", "image", "http://x/1.png", "TargetMode=\"External\""),
            relation("r6", "aFChunk", "chunk.html", ""),
        );
        let main = "<d><w:altChunk r:id=\"r6\"/><w:t>text</w:t></d>";
        let mut bytes = office(DOCM, &[]);
        bytes.clear();
        let types = format!("<Types><Override PartName=\"/main.xml\" ContentType=\"{DOCM}\"/></Types>");
        bytes.extend(package(&[
            ("[Content_Types].xml", &types),
            ("main.xml", main),
            ("_rels/main.xml.rels", &relations),
            ("word/odd.name", "macro"),
            ("media/1.png", "png"),
            ("chunk.html", "<html/>"),
            ("customXml/item1.xml", "<x/>"),
            ("word/embeddings/oleObject1.bin", "x"),
        ]));
        let (out, removed) = stripped(bytes, Format::Docm).unwrap();
        assert_eq!(names_in(&out), ["[Content_Types].xml", "main.xml", "_rels/main.xml.rels", "media/1.png"]);
        assert!(!part_of(&out, "[Content_Types].xml").contains("macroEnabled"));
        let relations = part_of(&out, "_rels/main.xml.rels");
        assert!(relations.contains("r4") && !relations.contains("http://x/1") && !relations.contains("xternal"), "{relations}");
        assert!(!part_of(&out, "main.xml").contains("altChunk"));
        for kind in [
            ActiveContent::VbaMacros,
            ActiveContent::Hyperlink,
            ActiveContent::RemoteTemplate,
            ActiveContent::RemoteImage,
            ActiveContent::AltChunk,
            ActiveContent::CustomXml,
            ActiveContent::OleObject,
        ] {
            assert_eq!(removed.iter().filter(|r| r.kind == kind).map(|r| r.count).sum::<u32>(), 1, "{kind:?}");
        }
    }

    #[test]
    fn fields_formulas_and_handlers_go() {
        let field = "<w:p><w:fldChar w:fldCharType=\"begin\"/><w:instrText>DDE</w:instrText><w:instrText>AUTO c:\\cmd</w:instrText><w:fldChar w:fldCharType=\"end\"/>\
            <w:fldSimple w:instr=\" INCLUDETEXT x \"><w:t>kept</w:t></w:fldSimple><c><f>cmd|'/c'!A0</f><v>1</v></c><a:x action=\"ppaction://macro?name=m\" k=\"v\"/></w:p>";
        let (out, removed) = stripped(office("x", &[("word/document.xml", field)]), Format::Docx).unwrap();
        let text = part_of(&out, "word/document.xml");
        assert!(!text.contains("AUTO") && !text.contains("INCLUDETEXT") && !text.contains("cmd") && !text.contains("ppaction"), "{text}");
        assert!(text.contains("kept") && text.contains("<v>1</v>") && text.contains("k=\"v\""));
        assert!(removed.iter().any(|r| r.kind == ActiveContent::Dde));
    }

    #[test]
    fn ambiguous_and_hostile_packages_are_refused() {
        let good = office("x", &[("a.xml", "<a/>")]);
        assert!(stripped(good.clone(), Format::Docx).is_ok());
        let entity = office("x", &[("a.xml", "<!DOCTYPE a [<!ENTITY e SYSTEM 'http://x'>]><a>&e;</a>")]);
        let twice = office("x", &[("a.xml", "<a/>"), ("A.XML", "<a/>")]);
        let outside = office("x", &[("../a.xml", "<a/>")]);
        let prefixed = [&b"prefix"[..], &good].concat();
        for bytes in [entity, twice, outside, prefixed, b"PK\x03\x04".to_vec()] {
            assert!(matches!(stripped(bytes, Format::Docx), Err(StripError::Malformed)));
        }
        assert!(matches!(stripped(good, Format::Pdf), Err(StripError::Unsupported(Format::Pdf))));
        let bomb = office("x", &[("a.xml", &" ".repeat(80 << 20))]);
        assert!(matches!(stripped(bomb, Format::Docx), Err(StripError::Limit(_))));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn mutated_documents_never_panic(at in 0usize..2000, value: u8, which in 0usize..4) {
            let (mut bytes, format) = match which {
                0 => (office(DOCM, &[("word/document.xml", "<a><b>c</b></a>")]), Format::Docm),
                1 => (package(&[("mimetype", "application/vnd.oasis.opendocument.text"), ("content.xml", "<a><b/></a>")]), Format::Odt),
                2 => (crate::identify::ole::tests::compound(&[("/WordDocument", b"x"), ("/Macros/VBA/M", b"y")]), Format::Doc),
                _ => (b"{\\rtf1 a{\\object{\\*\\objdata 0105}{\\result b}}{\\field{\\*\\fldinst DDE x}{\\fldrslt y}}}".to_vec(), Format::Rtf),
            };
            let length = bytes.len();
            bytes[at % length] = value;
            let _ = stripped(bytes, format);
        }
    }
}
