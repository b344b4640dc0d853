//! ZIP packages: OOXML by the content type of the main part, ODF and EPUB by `mimetype`, programs by what they carry.

use super::{Identity, starts_zip, zip_ends_here};
use crate::archive::zip::{END_RECORD_BYTES, end_record, open};
use crate::content::Content;
use crate::xml::{self, each_element};
use model::{Effect, FindingCode, Format};
use quick_xml::events::BytesStart;
use std::collections::BTreeSet;
use std::io::Read as _;
use wire::Failure;
use zip::ZipArchive;

// BOUND: the parts that say what a package is are a few kB; 8 MiB holds the content types of 50,000 parts.
const MAX_PART_BYTES: u64 = 8 << 20;

/// Content type of the main part, without the vendor's beginning and `+xml`, and what it means.
const MAIN_PARTS: &[(&str, Format)] = &[
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml", Format::Docx),
    ("application/vnd.ms-word.document.macroenabled.main+xml", Format::Docm),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml", Format::Dotx),
    ("application/vnd.ms-word.template.macroenabledtemplate.main+xml", Format::Dotm),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml", Format::Xlsx),
    ("application/vnd.ms-excel.sheet.macroenabled.main+xml", Format::Xlsm),
    ("application/vnd.ms-excel.sheet.binary.macroenabled.main", Format::Xlsb),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.template.main+xml", Format::Xltx),
    ("application/vnd.ms-excel.template.macroenabled.main+xml", Format::Xltm),
    ("application/vnd.ms-excel.addin.macroenabled.main+xml", Format::Xlam),
    ("application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml", Format::Pptx),
    ("application/vnd.ms-powerpoint.presentation.macroenabled.main+xml", Format::Pptm),
    ("application/vnd.ms-powerpoint.slideshow.macroenabled.main+xml", Format::Pptm),
    ("application/vnd.ms-powerpoint.template.macroenabled.main+xml", Format::Pptm),
    ("application/vnd.openxmlformats-officedocument.presentationml.slideshow.main+xml", Format::Ppsx),
    ("application/vnd.openxmlformats-officedocument.presentationml.template.main+xml", Format::Potx),
    ("application/vnd.ms-visio.drawing.main+xml", Format::Visio),
    ("application/vnd.ms-visio.drawing.macroenabled.main+xml", Format::Visio),
    ("application/vnd.ms-visio.stencil.main+xml", Format::Visio),
    ("application/vnd.ms-visio.stencil.macroenabled.main+xml", Format::Visio),
    ("application/vnd.ms-visio.template.main+xml", Format::Visio),
    ("application/vnd.ms-visio.template.macroenabled.main+xml", Format::Visio),
    ("application/vnd.ms-package.xps-fixeddocumentsequence+xml", Format::Xps),
    ("application/oxps-fixeddocumentsequence+xml", Format::Xps),
];

const MIMETYPES: &[(&str, Format)] = &[
    ("application/vnd.oasis.opendocument.text", Format::Odt),
    ("application/vnd.oasis.opendocument.spreadsheet", Format::Ods),
    ("application/vnd.oasis.opendocument.presentation", Format::Odp),
    ("application/vnd.oasis.opendocument.graphics", Format::Odg),
    ("application/vnd.oasis.opendocument.base", Format::Database),
    ("application/vnd.oasis.opendocument.database", Format::Database),
    ("application/epub+zip", Format::Epub),
];

pub(super) fn identify(content: &mut Content, identity: &mut Identity) {
    identity.format = Format::Zip;
    let starts = content.head(4).is_ok_and(|head| starts_zip(&head));
    let tail = content.tail(END_RECORD_BYTES).unwrap_or_default();
    if end_record(&tail).is_some_and(|end| !zip_ends_here(&tail, end)) {
        identity.find(FindingCode::TrailingBytes, Effect::Suspicious, "behind the zip");
    }
    let mut archive = match open(content) {
        Ok(archive) => archive,
        Err(failure) => {
            let code = if failure == Failure::Limit { FindingCode::LimitHit } else { FindingCode::Malformed };
            identity.find(code, Effect::Undetermined, "zip directory");
            return;
        }
    };
    // The offsets may count from the start of what stands before, and be right.
    if archive.offset() > 0 || !starts {
        identity.find(FindingCode::Polyglot, Effect::Suspicious, "bytes before the zip");
    }
    let mut names = BTreeSet::new();
    let mut encrypted = false;
    for index in 0..archive.len() {
        if let Ok(entry) = archive.by_index_data(index) {
            encrypted |= entry.encrypted();
            names.insert(String::from_utf8_lossy(entry.name_raw()).to_lowercase());
        }
    }
    if encrypted {
        identity.find(FindingCode::Encrypted, Effect::Undetermined, "zip members");
    }
    let has = |name: &str| names.contains(name);
    identity.format = if let Some(format) = by_mimetype(&mut archive, &names) {
        if part(&mut archive, "META-INF/manifest.xml").is_some_and(|xml| contains(&xml, b"encryption-data")) {
            identity.find(FindingCode::Encrypted, Effect::Undetermined, "package");
        }
        format
    } else if has("[content_types].xml") {
        if has("appxmanifest.xml") || has("appxmetadata/appxbundlemanifest.xml") {
            Format::Package
        } else {
            ooxml(&mut archive, &names, identity)
        }
    } else if has("androidmanifest.xml") {
        Format::Apk
    } else if has("meta-inf/manifest.mf") || names.iter().any(|name| name.rsplit('.').next() == Some("class")) {
        Format::Java
    } else if names.iter().any(|name| name.starts_with("payload/") && name.contains(".app/")) || has("meta-inf/mozilla.rsa") {
        Format::Package
    } else if names.iter().any(|name| name.rsplit('.').next() == Some("iwa")) {
        Format::PackageUnknown
    } else {
        Format::Zip
    };
}

fn by_mimetype(archive: &mut ZipArchive<&mut Content>, names: &BTreeSet<String>) -> Option<Format> {
    if !names.contains("mimetype") {
        return None;
    }
    let text = String::from_utf8_lossy(&part(archive, "mimetype")?).trim().to_lowercase();
    let plain = text.trim_end_matches("-template").trim_end_matches("-master").trim_end_matches("-web");
    MIMETYPES.iter().find(|(name, _)| *name == plain).map(|(_, format)| *format).or(Some(Format::PackageUnknown))
}

fn ooxml(archive: &mut ZipArchive<&mut Content>, names: &BTreeSet<String>, identity: &mut Identity) -> Format {
    let Some(types) = part(archive, "[Content_Types].xml") else {
        return Format::PackageUnknown;
    };
    let types = ContentTypes::read(&types);
    let relations = part(archive, "_rels/.rels").unwrap_or_default();
    let main = main_part(&relations).and_then(|name| types.of(&name)).and_then(|kind| main_format(&kind));
    let declared: BTreeSet<Format> = types.overrides.iter().filter_map(|(_, kind)| main_format(kind)).collect();
    if declared.len() > 1 {
        identity.find(FindingCode::Polyglot, Effect::Suspicious, "two main parts");
    }
    let Some(format) = main.or_else(|| declared.first().copied()) else {
        return Format::PackageUnknown;
    };
    let project = names.iter().any(|name| name.ends_with("vbaproject.bin"))
        || types.overrides.iter().chain(&types.defaults).any(|(_, kind)| kind == "application/vnd.ms-office.vbaproject");
    if !project {
        return format;
    }
    identity.find(FindingCode::ActiveContent, Effect::Strip, "vba-macros");
    let macro_kind = match format {
        Format::Docx => Format::Docm,
        Format::Dotx => Format::Dotm,
        Format::Xlsx => Format::Xlsm,
        Format::Xltx => Format::Xltm,
        Format::Pptx | Format::Ppsx | Format::Potx => Format::Pptm,
        other => return other,
    };
    identity.find(FindingCode::ActiveContent, Effect::Suspicious, "macro project in a document type without macros");
    macro_kind
}

fn main_format(content_type: &str) -> Option<Format> {
    MAIN_PARTS.iter().find(|(name, _)| *name == content_type).map(|(_, format)| *format)
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// A part by its name, as case-insensitive as the package conventions are; `None` when missing, encrypted, broken or large.
fn part(archive: &mut ZipArchive<&mut Content>, name: &str) -> Option<Vec<u8>> {
    let index = (0..archive.len())
        .find(|index| archive.by_index_data(*index).is_ok_and(|entry| entry.name_raw().eq_ignore_ascii_case(name.as_bytes())))?;
    let file = archive.by_index(index).ok()?;
    let mut bytes = Vec::new();
    file.take(MAX_PART_BYTES + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= MAX_PART_BYTES).then_some(bytes)
}

/// `[Content_Types].xml` (ECMA-376 part 2, 10.1.2), all lower case.
#[derive(Debug, Default)]
struct ContentTypes {
    overrides: Vec<(String, String)>,
    defaults: Vec<(String, String)>,
}

impl ContentTypes {
    fn read(xml: &[u8]) -> Self {
        let mut types = Self::default();
        each_element(xml, |name, element| {
            let kind = attribute(element, "ContentType");
            match name {
                "Override" => types.overrides.extend(attribute(element, "PartName").zip(kind)),
                "Default" => types.defaults.extend(attribute(element, "Extension").zip(kind)),
                _ => {}
            }
        });
        types
    }

    fn of(&self, part_name: &str) -> Option<String> {
        let extension = part_name.rsplit('.').next().unwrap_or_default();
        let named = self.overrides.iter().find(|(name, _)| name.trim_start_matches('/') == part_name);
        named.or_else(|| self.defaults.iter().find(|(name, _)| name == extension)).map(|(_, kind)| kind.clone())
    }
}

/// Target of the package relationship to the main part, lower case, without the leading slash.
fn main_part(relations: &[u8]) -> Option<String> {
    let mut target = None;
    each_element(relations, |name, element| {
        let kind = attribute(element, "Type").unwrap_or_default();
        if name == "Relationship"
            && (kind.ends_with("/officedocument")
                || kind.ends_with("/fixedrepresentation")
                || kind.ends_with("/visio/2010/relationships/document"))
        {
            target = attribute(element, "Target").map(|text| text.trim_start_matches('/').to_owned());
        }
    });
    target
}

/// An attribute in lower case: content types and part names are compared without case.
fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    xml::attribute(element, name).map(|value| value.to_lowercase())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::identify::identify as identify_content;
    use std::io::{Cursor, Write as _};
    use zip::write::{SimpleFileOptions, ZipWriter};

    pub(crate) fn package(parts: &[(&str, &str)]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in parts {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    pub(crate) fn office(main_type: &str, more: &[(&str, &str)]) -> Vec<u8> {
        let types = format!(
            "<Types><Default Extension=\"rels\" ContentType=\"r\"/><Override PartName=\"/main.xml\" ContentType=\"{main_type}\"/></Types>"
        );
        let relations = "<Relationships><Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"main.xml\"/></Relationships>";
        let mut parts = vec![("[Content_Types].xml", types.as_str()), ("_rels/.rels", relations), ("main.xml", "<x/>")];
        parts.extend_from_slice(more);
        package(&parts)
    }

    fn of(bytes: Vec<u8>) -> Identity {
        identify_content(&mut Content::from_bytes(bytes), "").unwrap()
    }

    #[test]
    fn every_main_part_is_known() {
        for (name, format) in MAIN_PARTS {
            assert_eq!(of(office(name, &[])).format, *format, "{name}");
        }
        assert_eq!(of(office("application/xml", &[])).format, Format::PackageUnknown);
    }

    #[test]
    fn a_macro_project_makes_the_macro_kind() {
        let identity = of(office(MAIN_PARTS[0].0, &[("word/vbaProject.bin", "x")]));
        assert_eq!(identity.format, Format::Docm);
        assert!(identity.findings.iter().any(|f| f.effect == Effect::Suspicious));
        let honest = of(office(MAIN_PARTS[1].0, &[("word/vbaProject.bin", "x")]));
        assert!(honest.findings.iter().all(|f| f.effect == Effect::Strip));
    }

    #[test]
    fn other_packages() {
        for (parts, format) in [
            (vec![("mimetype", "application/vnd.oasis.opendocument.text-template"), ("content.xml", "")], Format::Odt),
            (vec![("mimetype", "application/vnd.oasis.opendocument.spreadsheet")], Format::Ods),
            (vec![("mimetype", "application/epub+zip")], Format::Epub),
            (vec![("mimetype", "application/x-other")], Format::PackageUnknown),
            (vec![("META-INF/MANIFEST.MF", ""), ("a/B.class", "")], Format::Java),
            (vec![("AndroidManifest.xml", ""), ("classes.dex", "")], Format::Apk),
            (vec![("AppxManifest.xml", ""), ("[Content_Types].xml", "<Types/>")], Format::Package),
            (vec![("a.txt", "hello")], Format::Zip),
        ] {
            assert_eq!(of(package(&parts)).format, format, "{parts:?}");
        }
    }

    #[test]
    fn prefix_and_encryption_are_found() {
        let plain = package(&[("a.txt", "hello")]);
        let mut encrypted = plain.clone();
        encrypted[6] |= 1;
        let central = encrypted.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
        encrypted[central + 8] |= 1;
        assert!(of(encrypted).findings.iter().any(|f| f.code == FindingCode::Encrypted));
        let prefixed = [&b"\x01\x02\x03\x00 something else entirely"[..], &plain].concat();
        let identity = of(prefixed);
        assert_eq!(identity.format, Format::Zip);
        assert!(identity.findings.iter().any(|f| f.code == FindingCode::Polyglot));
    }
}
