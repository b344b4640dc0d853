//! tar (POSIX.1-2001 ustar and pax, GNU): entries only, never extracted by name.

use super::{Members, UnpackError};
use crate::content::Content;
use tar::{Archive, EntryType};
use wire::EntryKind;

pub(super) fn unpack(content: &mut Content, members: &mut Members<'_>) -> Result<(), UnpackError> {
    let mut archive = Archive::new(content);
    let entries = archive.entries().map_err(UnpackError::Read)?;
    let mut any = false;
    for entry in entries {
        // The reader cannot find the next header after a broken one: what follows is lost to every reader that stops here.
        let mut entry = entry.map_err(|_| UnpackError::Malformed)?;
        any = true;
        let name = entry.path_bytes().into_owned();
        let size = entry.size();
        match kind_of(entry.header().entry_type()) {
            Some(EntryKind::File) => members.file(&name, size, &mut entry)?,
            Some(kind) => members.bare(&name, kind, size, None)?,
            None => {}
        }
    }
    if any { Ok(()) } else { Err(UnpackError::Malformed) }
}

/// `None` for headers that only carry metadata of others.
fn kind_of(entry_type: EntryType) -> Option<EntryKind> {
    match entry_type {
        EntryType::Directory => Some(EntryKind::Directory),
        EntryType::Symlink | EntryType::Link => Some(EntryKind::Link),
        EntryType::XGlobalHeader | EntryType::XHeader | EntryType::GNULongName | EntryType::GNULongLink => None,
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => Some(EntryKind::File),
        _ => Some(EntryKind::Special),
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
