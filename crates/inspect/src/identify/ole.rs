//! OLE2 compound files (MS-CFB): which application's streams are inside, whether they are encrypted, whether macros are.

use super::Identity;
use crate::content::Content;
use cfb::CompoundFile;
use model::{ActiveContent, Effect, FindingCode, Format};
use std::io::Read as _;

// BOUND: streams are sniffed at their start; the globals of a workbook end long before a MiB.
const SNIFF_BYTES: u64 = 1 << 20;
// BOUND: directory entries looked at; a document has dozens.
const MAX_ENTRIES: usize = 20_000;
/// Class of Windows Installer packages, {000C1084-0000-0000-C000-000000000046}, and of patches and transforms.
const MSI_CLASSES: [&str; 3] =
    ["000c1084-0000-0000-c000-000000000046", "000c1086-0000-0000-c000-000000000046", "000c1082-0000-0000-c000-000000000046"];

type Compound<'a> = CompoundFile<&'a mut Content>;

pub(super) fn identify(content: &mut Content, identity: &mut Identity) {
    let Ok(mut compound) = CompoundFile::open(content) else {
        identity.format = Format::Ole;
        identity.find(FindingCode::Malformed, Effect::Undetermined, "compound file");
        return;
    };
    let names: Vec<String> = compound.walk().take(MAX_ENTRIES).map(|entry| entry.path().to_string_lossy().into_owned()).collect();
    let class = compound.root_entry().clsid().to_string().to_lowercase();
    identity.format = application(&compound, &names, &class, identity);
    match identity.format {
        Format::Doc if word_encrypted(&mut compound) => identity.encrypted_office("word document"),
        Format::Ppt if presentation_encrypted(&mut compound) => {
            identity.encrypted_office("presentation");
        }
        Format::Xls => workbook(&mut compound, identity),
        _ => {}
    }
    active(&names, identity);
}

fn application(compound: &Compound<'_>, names: &[String], class: &str, identity: &mut Identity) -> Format {
    let has = |name: &str| compound.exists(name);
    if has("/EncryptedPackage") && has("/EncryptionInfo") {
        identity.find(FindingCode::Encrypted, Effect::Undetermined, "office package");
        return Format::OfficeEncrypted;
    }
    if MSI_CLASSES.contains(&class) || names.iter().any(|name| name.chars().nth(1) == Some('\u{4840}')) {
        return Format::Msi;
    }
    let candidates = [
        (has("/WordDocument"), Format::Doc),
        (has("/Workbook") || has("/Book"), Format::Xls),
        (has("/PowerPoint Document"), Format::Ppt),
        (has("/VisioDocument"), Format::Visio),
        (has("/__properties_version1.0"), Format::Msg),
    ];
    let mut present = candidates.iter().filter(|(there, _)| *there).map(|(_, format)| *format);
    let first = present.next();
    if first.is_some() && present.next().is_some() {
        identity.find(FindingCode::Polyglot, Effect::Suspicious, "streams of two applications");
    }
    first.unwrap_or(Format::Ole)
}

fn start_of(compound: &mut Compound<'_>, name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A broken stream gives what it gives; the renderer will say what is wrong with it.
    if let Ok(stream) = compound.open_stream(name) {
        let _ = stream.take(SNIFF_BYTES).read_to_end(&mut bytes);
    }
    bytes
}

/// MS-DOC 2.5.2: bit `fEncrypted` of the flags at offset 10 of the FIB.
fn word_encrypted(compound: &mut Compound<'_>) -> bool {
    let fib = start_of(compound, "/WordDocument");
    fib.get(10..12).is_some_and(|flags| u16::from_le_bytes([flags[0], flags[1]]) & 0x0100 != 0)
}

/// MS-PPT 2.3.2: the header token of the `CurrentUserAtom`.
fn presentation_encrypted(compound: &mut Compound<'_>) -> bool {
    start_of(compound, "/Current User").get(12..16) == Some(&0xF3D1_C4DF_u32.to_le_bytes())
}

/// MS-XLS: `FilePass` (0x002F) and macro sheets (`BoundSheet8`, 0x0085, type 1) in the globals.
fn workbook(compound: &mut Compound<'_>, identity: &mut Identity) {
    let name = if compound.exists("/Workbook") { "/Workbook" } else { "/Book" };
    let bytes = start_of(compound, name);
    let mut at = 0usize;
    let mut macro_sheets = 0;
    // Ends at the latest with the bytes: each step moves on by at least four.
    while let Some(&[a, b, c, d]) = bytes.get(at..at + 4) {
        let (record, length) = (u16::from_le_bytes([a, b]), usize::from(u16::from_le_bytes([c, d])));
        let body = bytes.get(at + 4..at + 4 + length).unwrap_or_default();
        match record {
            0x002F => {
                identity.encrypted_office("workbook");
                return;
            }
            0x0085 if body.get(5) == Some(&1) => macro_sheets += 1,
            0x000A => break,
            _ => {}
        }
        at += 4 + length;
    }
    if macro_sheets > 0 {
        identity.count(ActiveContent::XlmMacros, macro_sheets);
        identity.find(FindingCode::ActiveContent, Effect::Strip, "xlm-macros");
    }
}

fn active(names: &[String], identity: &mut Identity) {
    let ends = |suffix: &str| names.iter().filter(|name| name.to_lowercase().ends_with(suffix)).count() as u32;
    let projects = ends("/_vba_project");
    if projects > 0 {
        identity.count(ActiveContent::VbaMacros, projects);
        identity.find(FindingCode::ActiveContent, Effect::Strip, "vba-macros");
    }
    let objects = ends("\u{1}ole10native").max(names.iter().filter(|name| name.to_lowercase().starts_with("/mbd")).count() as u32 / 2);
    if objects > 0 {
        identity.count(ActiveContent::OleObject, objects);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::identify::identify as identify_content;
    use std::io::{Cursor, Write as _};

    pub(crate) fn compound(streams: &[(&str, &[u8])]) -> Vec<u8> {
        let mut compound = CompoundFile::create(Cursor::new(Vec::new())).unwrap();
        for (name, bytes) in streams {
            if let Some(parent) = std::path::Path::new(name).parent() {
                compound.create_storage_all(parent).unwrap();
            }
            compound.create_stream(name).unwrap().write_all(bytes).unwrap();
        }
        compound.flush().unwrap();
        compound.into_inner().into_inner()
    }

    fn of(streams: &[(&str, &[u8])]) -> Identity {
        identify_content(&mut Content::from_bytes(compound(streams)), "").unwrap()
    }

    #[test]
    fn applications_by_their_streams() {
        for (stream, format) in [
            ("/WordDocument", Format::Doc),
            ("/Book", Format::Xls),
            ("/PowerPoint Document", Format::Ppt),
            ("/VisioDocument", Format::Visio),
            ("/__properties_version1.0", Format::Msg),
            ("/Contents", Format::Ole),
        ] {
            assert_eq!(of(&[(stream, b"x")]).format, format, "{stream}");
        }
        let two = of(&[("/WordDocument", b"x"), ("/Workbook", b"y")]);
        assert!(two.findings.iter().any(|f| f.code == FindingCode::Polyglot));
    }

    #[test]
    fn encryption_flags() {
        let mut fib = [0u8; 32];
        fib[11] = 1;
        let mut user = vec![0u8; 32];
        user[12..16].copy_from_slice(&0xF3D1_C4DF_u32.to_le_bytes());
        let pass = [0x09, 0x08, 2, 0, 0, 6, 0x2F, 0, 2, 0, 1, 0];
        for streams in [
            vec![("/WordDocument", &fib[..])],
            vec![("/PowerPoint Document", &b"x"[..]), ("/Current User", &user)],
            vec![("/Workbook", &pass[..])],
            vec![("/EncryptedPackage", &b"x"[..]), ("/EncryptionInfo", b"y")],
        ] {
            let identity = of(&streams);
            assert_eq!(identity.format, Format::OfficeEncrypted);
            assert!(identity.findings.iter().any(|f| f.code == FindingCode::Encrypted && f.effect == Effect::Undetermined));
        }
    }

    #[test]
    fn macros_are_seen() {
        let sheet = [0x09, 0x08, 0, 0, 0x85, 0, 6, 0, 0, 0, 0, 0, 0, 1];
        let xlm = of(&[("/Workbook", &sheet)]);
        assert!(xlm.active.iter().any(|(kind, count)| *kind == ActiveContent::XlmMacros && *count == 1));
        let vba = of(&[("/WordDocument", b"x"), ("/Macros/VBA/_VBA_PROJECT", b"y")]);
        assert!(vba.active.iter().any(|(kind, _)| *kind == ActiveContent::VbaMacros));
    }

    #[test]
    fn a_broken_compound_file_is_undetermined() {
        let mut bytes = compound(&[("/WordDocument", b"x")]);
        bytes.truncate(600);
        let identity = identify_content(&mut Content::from_bytes(bytes), "doc").unwrap();
        assert_eq!(identity.format, Format::Ole);
        assert!(identity.findings.iter().any(|f| f.effect == Effect::Undetermined));
    }
}
