//! tar (POSIX.1-2001 ustar and pax, GNU): entries only, never extracted by name, refused where readers disagree.

use super::{Members, UnpackError};
use crate::content::Content;
use std::collections::BTreeSet;
use std::io::Read;
use tar::{Archive, Entry, EntryType, PaxExtensions};
use wire::EntryKind;

/// Largest size the twelve octal digits of a header can state; beyond it a pax header must.
const MAX_HEADER_SIZE: u64 = 0o77_777_777_777;
// BOUND: a global header holds a comment and a few defaults.
const MAX_GLOBAL_BYTES: u64 = 64 << 10;

pub(super) fn unpack(content: &mut Content, members: &mut Members<'_>) -> Result<(), UnpackError> {
    let mut archive = Archive::new(content);
    let entries = archive.entries().map_err(UnpackError::Read)?;
    let mut any = false;
    for entry in entries {
        // The reader cannot find the next header after a broken one: what follows is lost to every reader that stops here.
        let mut entry = entry.map_err(|_| UnpackError::Malformed)?;
        any = true;
        let entry_type = entry.header().entry_type();
        if entry_type == EntryType::XGlobalHeader {
            global_header(&mut entry)?;
            continue;
        }
        check_extensions(&mut entry)?;
        let name = entry.path_bytes().into_owned();
        let size = entry.size();
        match kind_of(entry_type).ok_or(UnpackError::Unsupported)? {
            EntryKind::File => members.file(&name, Some(size), &mut entry)?,
            // Some readers skip bytes behind such a header, others take them for the next one.
            _ if size > 0 => return Err(UnpackError::Malformed),
            kind => members.bare(&name, kind, size, None)?,
        }
    }
    nothing_follows(archive.into_inner())?;
    if any { Ok(()) } else { Err(UnpackError::Malformed) }
}

/// `None` for what is no member by itself: volumes that continue, incremental listings, kinds nobody defined.
fn kind_of(entry_type: EntryType) -> Option<EntryKind> {
    match entry_type {
        EntryType::Directory => Some(EntryKind::Directory),
        EntryType::Symlink | EntryType::Link => Some(EntryKind::Link),
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => Some(EntryKind::File),
        EntryType::Char | EntryType::Block | EntryType::Fifo => Some(EntryKind::Special),
        _ => None,
    }
}

/// A header for all members that follow. Not every reader applies it, so it may say nothing about names and bytes.
fn global_header(entry: &mut Entry<'_, impl Read>) -> Result<(), UnpackError> {
    let mut body = Vec::new();
    entry.take(MAX_GLOBAL_BYTES + 1).read_to_end(&mut body).map_err(|_| UnpackError::Malformed)?;
    if body.len() as u64 > MAX_GLOBAL_BYTES {
        return Err(UnpackError::Malformed);
    }
    for record in PaxExtensions::new(&body) {
        let record = record.map_err(|_| UnpackError::Malformed)?;
        if matches!(record.key_bytes(), b"path" | b"linkpath" | b"size" | b"hdrcharset") || record.key_bytes().starts_with(b"GNU.") {
            return Err(UnpackError::Malformed);
        }
    }
    Ok(())
}

/// The extended header of a member: one statement per key, a size that does not contradict the member's own header, and
/// a name that is the one the member goes by.
fn check_extensions(entry: &mut Entry<'_, impl Read>) -> Result<(), UnpackError> {
    let header_size = entry.header().entry_size().map_err(|_| UnpackError::Malformed)?;
    let name = entry.path_bytes().into_owned();
    let Some(records) = entry.pax_extensions().map_err(|_| UnpackError::Malformed)? else {
        return Ok(());
    };
    let mut keys = BTreeSet::new();
    for record in records {
        let record = record.map_err(|_| UnpackError::Malformed)?;
        let (key, value) = (record.key_bytes(), record.value_bytes());
        if key.starts_with(b"GNU.sparse.") {
            // The bytes behind such a header begin with a map of the holes; a reader that does not know takes it for content.
            return Err(UnpackError::Unsupported);
        }
        let size = || std::str::from_utf8(value).ok()?.parse::<u64>().ok();
        let lies = match key {
            b"size" => size().is_none_or(|size| size != header_size && size <= MAX_HEADER_SIZE),
            b"path" => value != name,
            _ => false,
        };
        if lies || !keys.insert(key.to_vec()) {
            return Err(UnpackError::Malformed);
        }
    }
    Ok(())
}

/// Behind the end mark only padding: some readers go on and find more members there.
fn nothing_follows(content: &mut Content) -> Result<(), UnpackError> {
    let mut chunk = [0u8; 4096];
    loop {
        match content.read(&mut chunk).map_err(UnpackError::Read)? {
            0 => return Ok(()),
            read if chunk.iter().take(read).all(|byte| *byte == 0) => {}
            _ => return Err(UnpackError::Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{ROOMY, run};
    use super::*;
    use model::Format;
    use tar::{Builder, Header};
    use wire::Failure;

    fn header(name: &[u8], entry_type: EntryType, size: u64) -> Header {
        let mut header = Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name);
        header.set_entry_type(entry_type);
        header.set_size(size);
        header.set_mode(0o644);
        header.set_cksum();
        header
    }

    #[test]
    fn files_links_and_devices() {
        let mut builder = Builder::new(Vec::new());
        builder.append(&header(b"../up.txt", EntryType::Regular, 3), &b"abc"[..]).unwrap();
        builder.append(&header(b"hard", EntryType::Link, 0), &b""[..]).unwrap();
        builder.append(&header(b"dev", EntryType::Char, 0), &b""[..]).unwrap();
        builder.append(&header(b"dir/", EntryType::Directory, 0), &b""[..]).unwrap();
        let (seen, outcome) = run(builder.into_inner().unwrap(), Format::Tar, ROOMY);
        outcome.unwrap();
        let kinds: Vec<_> = seen.iter().map(|s| s.kind.unwrap()).collect();
        assert_eq!(kinds, [EntryKind::File, EntryKind::Link, EntryKind::Special, EntryKind::Directory]);
        assert_eq!(seen[0].path, [b"..".to_vec(), b"up.txt".to_vec()]);
        assert_eq!(seen[0].bytes, b"abc");
    }

    #[test]
    fn a_cut_or_broken_archive_is_no_success() {
        let mut builder = Builder::new(Vec::new());
        builder.append(&header(b"a", EntryType::Regular, 2000), &[1u8; 2000][..]).unwrap();
        let whole = builder.into_inner().unwrap();
        let (seen, outcome) = run(whole[..1000].to_vec(), Format::Tar, ROOMY);
        assert!(outcome.is_err() || seen.iter().any(|s| s.end == Some(Some(Failure::Malformed))));
        assert!(run(vec![b'x'; 4096], Format::Tar, ROOMY).1.is_err());
    }
}
