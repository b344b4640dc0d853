//! Word, Excel, PowerPoint and Visio 97–2003: a new compound file with the streams that carry the document only.
//!
//! Copied, not edited: what a removed stream held stays in the free sectors of an edited file.

use super::{Removals, StripError};
use crate::content::Content;
use cfb::{CompoundFile, Version};
use model::ActiveContent;
use std::io::{Cursor, Read as _, Write as _};
use std::path::Path;

// BOUND: entries of a compound file; documents have dozens, with hundreds of embedded objects a few thousand.
const MAX_ENTRIES: usize = 20_000;

pub(super) fn strip(content: &mut Content, removals: &mut Removals, max_output_bytes: u64) -> Result<Vec<u8>, StripError> {
    let mut source = CompoundFile::open(content).map_err(|_| StripError::Malformed)?;
    let mut target = CompoundFile::create_with_version(Version::V3, Cursor::new(Vec::new())).map_err(StripError::Read)?;
    let entries: Vec<_> = source.walk().take(MAX_ENTRIES + 1).collect();
    if entries.len() > MAX_ENTRIES {
        return Err(StripError::Malformed);
    }
    target.set_storage_clsid("/", *source.root_entry().clsid()).map_err(StripError::Read)?;
    let mut left = max_output_bytes;
    for entry in entries.iter().filter(|entry| !entry.is_root()) {
        let path = entry.path();
        if let Some((kind, whole)) = acting(path) {
            if whole {
                removals.count(kind, Some(&path.to_string_lossy()));
            }
            continue;
        }
        if entry.is_storage() {
            target.create_storage(path).map_err(|_| StripError::Malformed)?;
            target.set_storage_clsid(path, *entry.clsid()).map_err(|_| StripError::Malformed)?;
            continue;
        }
        let mut bytes = Vec::new();
        let stream = source.open_stream(path).map_err(|_| StripError::Malformed)?;
        stream.take(left + 1).read_to_end(&mut bytes).map_err(|_| StripError::Malformed)?;
        left = left.checked_sub(bytes.len() as u64).ok_or(StripError::Limit(max_output_bytes))?;
        if path == Path::new("/PowerPoint Document") {
            blank_objects(&mut bytes, removals);
        }
        target.create_stream(path).and_then(|mut stream| stream.write_all(&bytes)).map_err(|_| StripError::Malformed)?;
    }
    target.flush().map_err(StripError::Read)?;
    let bytes = target.into_inner().into_inner();
    if bytes.len() as u64 > max_output_bytes { Err(StripError::Limit(max_output_bytes)) } else { Ok(bytes) }
}

/// Why an entry must go, and whether it is itself the thing (and not only inside it).
fn acting(path: &Path) -> Option<(ActiveContent, bool)> {
    let mut parts = path.iter().skip(1).map(|part| part.to_string_lossy().to_lowercase()).peekable();
    while let Some(part) = parts.next() {
        let kind = match part.as_str() {
            "macros" | "_vba_project_cur" | "vba" | "vbaproject" => Some(ActiveContent::VbaMacros),
            "objectpool" | "\u{1}ole10native" | "\u{1}ole" | "package" => Some(ActiveContent::OleObject),
            "msodatastore" => Some(ActiveContent::CustomXml),
            "ctls" => Some(ActiveContent::ActiveX),
            "_xmlsignatures" | "_signatures" => Some(ActiveContent::Metadata),
            _ if part.starts_with("mbd") && part.len() == 11 => Some(ActiveContent::OleObject),
            _ if part.starts_with("lnk") && part.len() == 11 => Some(ActiveContent::ExternalLink),
            _ => None,
        };
        if let Some(kind) = kind {
            return Some((kind, parts.peek().is_none()));
        }
    }
    None
}

/// PowerPoint keeps embedded objects and its VBA project as records of its main stream (MS-PPT 2.10.34): their bytes
/// become zeros, their places stay, so that all offsets still fit.
fn blank_objects(bytes: &mut [u8], removals: &mut Removals) {
    const STORAGE_RECORD: u16 = 0x1011;
    let mut at = 0usize;
    while let Some(&[_, _, a, b, c, d, e, f]) = bytes.get(at..at + 8) {
        let (record, length) = (u16::from_le_bytes([a, b]), u32::from_le_bytes([c, d, e, f]) as usize);
        let end = (at + 8).saturating_add(length).min(bytes.len());
        if record == STORAGE_RECORD {
            let body = bytes.get_mut(at + 8..end).unwrap_or_default();
            if body.iter().any(|byte| *byte != 0) {
                body.fill(0);
                removals.count(ActiveContent::OleObject, Some("PowerPoint Document"));
            }
        }
        at = end.max(at + 8);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::stripped;
    use crate::identify::ole::tests::compound;
    use cfb::CompoundFile;
    use model::{ActiveContent, Format};
    use std::io::{Cursor, Read as _};

    #[test]
    fn macros_and_objects_are_not_copied() {
        let secret = b"Sub AutoOpen and a lot more that must not stay in free sectors";
        let bytes = compound(&[
            ("/WordDocument", b"text"),
            ("/1Table", b"table"),
            ("/Macros/VBA/ThisDocument", secret),
            ("/ObjectPool/_1/\u{1}Ole10Native", b"payload"),
        ]);
        let (out, removed) = stripped(bytes, Format::Doc).unwrap();
        let mut file = CompoundFile::open(Cursor::new(&out[..])).unwrap();
        let names: Vec<_> = file.walk().map(|entry| entry.path().to_string_lossy().into_owned()).collect();
        assert_eq!(names, ["/", "/1Table", "/WordDocument"]);
        let mut text = Vec::new();
        file.open_stream("/WordDocument").unwrap().read_to_end(&mut text).unwrap();
        assert_eq!(text, b"text");
        assert!(!out.windows(12).any(|window| window == b"Sub AutoOpen"));
        let kinds: Vec<_> = removed.iter().map(|r| (r.kind, r.count)).collect();
        assert_eq!(kinds, [(ActiveContent::VbaMacros, 1), (ActiveContent::OleObject, 1)]);
    }

    #[test]
    fn objects_in_presentations_become_zeros() {
        let stream =
            [&[0u8, 0, 0x10, 0x10, 2, 0, 0, 0, 7, 7][..], &[0, 0, 0x11, 0x10, 3, 0, 0, 0, 9, 9, 9], &[0, 0, 1, 0, 1, 0, 0, 0, 5]].concat();
        let (out, removed) = stripped(compound(&[("/PowerPoint Document", &stream)]), Format::Ppt).unwrap();
        let mut file = CompoundFile::open(Cursor::new(&out[..])).unwrap();
        let mut bytes = Vec::new();
        file.open_stream("/PowerPoint Document").unwrap().read_to_end(&mut bytes).unwrap();
        assert!(!bytes.contains(&9) && bytes.contains(&7) && bytes.contains(&5));
        assert_eq!(removed[0].kind, ActiveContent::OleObject);
    }
}
