//! ZIP (APPNOTE 6.3.10), read through the central directory, refused where the local headers tell another story.

use super::{Members, UnpackError};
use crate::content::Content;
use wire::{EntryKind, Failure};
use zeroize::Zeroizing;
use zip::read::ZipArchive;
use zip::result::ZipError;

// BOUND: the reader keeps every central directory record in memory; 64 MiB of them is more than a million members.
const MAX_DIRECTORY_BYTES: u64 = 64 << 20;
/// Longest possible end-of-central-directory record: 22 bytes and a comment.
pub(crate) const END_RECORD_BYTES: usize = 22 + 0xFFFF;
const END_SIGNATURE: &[u8; 4] = b"PK\x05\x06";
const WIDE_LOCATOR: &[u8; 4] = b"PK\x06\x07";
const WIDE_END: &[u8; 4] = b"PK\x06\x06";

/// Opens the archive after a look at how much directory it claims.
///
/// # Errors
/// `Malformed`, `Unsupported` (multi-volume) or `Limit`.
pub(crate) fn open(content: &mut Content) -> Result<ZipArchive<&mut Content>, Failure> {
    let tail = content.tail(END_RECORD_BYTES).map_err(|_| Failure::Read)?;
    let end = end_record(&tail).ok_or(Failure::Malformed)?;
    let number = |at: usize| tail.get(end + at..end + at + 2).map_or(0, |b| u16::from_le_bytes([b[0], b[1]]));
    // Several volumes: the disk number of this record, or of the directory, is not the first.
    if !matches!(number(4), 0 | 0xFFFF) || !matches!(number(6), 0 | 0xFFFF) {
        return Err(Failure::Unsupported);
    }
    let directory_bytes = tail.get(end + 12..end + 16).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes);
    // A ZIP64 directory hides its size here; then the whole file bounds it.
    let directory_bytes = if directory_bytes == u32::MAX { content.len().min(MAX_DIRECTORY_BYTES) } else { u64::from(directory_bytes) };
    if directory_bytes > MAX_DIRECTORY_BYTES {
        return Err(Failure::Limit);
    }
    let stated = stated_directory(content, &tail, end)?;
    let archive = ZipArchive::new(content).map_err(|error| failure(&error))?;
    // The reader looks for another end when it does not like this one; other readers do not.
    let found = (archive.len() as u64, archive.central_directory_start().saturating_sub(archive.offset()));
    if found == stated { Ok(archive) } else { Err(Failure::Malformed) }
}

/// Number of members and offset of the directory, as the end record at `end` states them; where a record of 64 bits stands
/// before it, that one's, which must not contradict.
fn stated_directory(content: &Content, tail: &[u8], end: usize) -> Result<(u64, u64), Failure> {
    const LOCATOR_BYTES: usize = 20;
    const WIDE_END_BYTES: usize = 56;
    let narrow = |at: usize, length: usize| tail.get(end + at..end + at + length).map(little_endian).unwrap_or_default();
    let fields = [(8, 2), (10, 2), (12, 4), (16, 4)].map(|(at, length)| (narrow(at, length), (1u64 << (8 * length)) - 1));
    let locator = end.checked_sub(LOCATOR_BYTES).and_then(|start| tail.get(start..end)).filter(|bytes| bytes.starts_with(WIDE_LOCATOR));
    let [_, (count, _), _, (offset, _)] = fields;
    let Some(locator) = locator else {
        return Ok((count, offset));
    };
    let at = locator.get(8..16).map(little_endian).unwrap_or_default();
    let record = content.window(at, WIDE_END_BYTES).map_err(|_| Failure::Read)?;
    if record.len() != WIDE_END_BYTES || !record.starts_with(WIDE_END) {
        return Err(Failure::Malformed);
    }
    let wide = [24, 32, 40, 48].map(|at| record.get(at..at + 8).map(little_endian).unwrap_or_default());
    if fields.iter().zip(wide).any(|((field, open), wide)| field != open && *field != wide) {
        return Err(Failure::Malformed);
    }
    let [_, count, _, offset] = wide;
    Ok((count, offset))
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// Offset of the end-of-central-directory record in the tail of a file, the last that is complete.
pub(crate) fn end_record(tail: &[u8]) -> Option<usize> {
    let last = tail.len().checked_sub(22)?;
    (0..=last).rev().find(|at| tail.get(*at..*at + 4) == Some(END_SIGNATURE))
}

fn failure(error: &ZipError) -> Failure {
    match error {
        ZipError::UnsupportedArchive(text) if *text == ZipError::PASSWORD_REQUIRED => Failure::Encrypted,
        ZipError::InvalidPassword => Failure::WrongPassword,
        ZipError::UnsupportedArchive(_) | ZipError::CompressionMethodNotSupported(_) => Failure::Unsupported,
        _ => Failure::Malformed,
    }
}

pub(super) fn unpack(content: &mut Content, password: Option<&str>, members: &mut Members<'_>) -> Result<(), UnpackError> {
    let mut archive = open(content).map_err(|failure| match failure {
        Failure::Unsupported => UnpackError::Unsupported,
        Failure::Encrypted => UnpackError::Encrypted,
        _ => UnpackError::Malformed,
    })?;
    // Two directories, hidden members, the same name twice, overlapping data, local headers that differ: readers would
    // disagree about what is inside, so nobody gets to read it.
    archive.validate_header_consistency().map_err(|_| UnpackError::Malformed)?;
    let passwords = password.map(spellings).unwrap_or_default();
    for index in 0..archive.len() {
        unpack_member(&mut archive, index, &passwords, members)?;
    }
    Ok(())
}

/// The bytes a password may stand for: what packs on Linux and macOS takes UTF-8, older Windows programs the code page.
fn spellings(password: &str) -> Vec<Zeroizing<Vec<u8>>> {
    let mut spellings = vec![Zeroizing::new(password.as_bytes().to_vec())];
    let (western, _, unmappable) = encoding_rs::WINDOWS_1252.encode(password);
    if !unmappable && *western != *password.as_bytes() {
        spellings.push(Zeroizing::new(western.into_owned()));
    }
    spellings
}

fn unpack_member(
    archive: &mut ZipArchive<&mut Content>,
    index: usize,
    passwords: &[Zeroizing<Vec<u8>>],
    members: &mut Members<'_>,
) -> Result<(), UnpackError> {
    let (name, size, kind, encrypted) = {
        let Ok(entry) = archive.by_index_data(index) else {
            return Err(UnpackError::Malformed);
        };
        (entry.name_raw().to_vec(), entry.size(), kind_of(&entry), entry.encrypted())
    };
    match kind {
        EntryKind::File => {}
        other => return members.bare(&name, other, size, None),
    }
    if encrypted {
        let fits = |password: &&Zeroizing<Vec<u8>>| archive.by_index_decrypt(index, password).is_ok();
        let Some(password) = passwords.iter().find(fits) else {
            let failure = if passwords.is_empty() { Failure::Encrypted } else { Failure::WrongPassword };
            return members.bare(&name, EntryKind::File, size, Some(failure));
        };
        return match archive.by_index_decrypt(index, password) {
            // The old encryption checks one byte of a password: one in 256 wrong ones shows only as content that makes no sense.
            Ok(mut file) => members.file_or(&name, Some(size), &mut file, Failure::WrongPassword),
            Err(error) => members.bare(&name, EntryKind::File, size, Some(failure(&error))),
        };
    }
    match archive.by_index(index) {
        Ok(mut file) => members.file(&name, Some(size), &mut file),
        Err(error) => members.bare(&name, EntryKind::File, size, Some(failure(&error))),
    }
}

fn kind_of(entry: &zip::read::ZipFileEntry<'_>) -> EntryKind {
    const TYPE_MASK: u32 = 0o170_000;
    match entry.unix_mode().map(|mode| mode & TYPE_MASK) {
        _ if entry.is_dir() => EntryKind::Directory,
        _ if entry.is_symlink() => EntryKind::Link,
        Some(0o010_000 | 0o020_000 | 0o060_000 | 0o140_000) => EntryKind::Special,
        _ => EntryKind::File,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{ROOMY, run};
    use super::*;
    use model::Format;
    use std::io::{Cursor, Write as _};
    use wire::UnpackLimits;
    use zip::write::{SimpleFileOptions, ZipWriter};

    fn build(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in members {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn members_come_out_whole() {
        let (seen, outcome) = run(build(&[("a/b.txt", b"hello"), ("c", b"")]), Format::Zip, ROOMY);
        outcome.unwrap();
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0].path, [b"a".to_vec(), b"b.txt".to_vec()]);
        assert_eq!(seen[0].bytes, b"hello");
        assert!(seen.iter().all(|s| s.end == Some(None)));
    }

    #[test]
    fn path_tricks_are_passed_on_as_they_are() {
        let mut bytes = build(&[("aa/aa/evil", b"x"), ("C!!win!x", b"y")]);
        for (from, to) in [(&b"aa/aa/evil"[..], &b"../../evil"[..]), (b"C!!win!x", b"C:\\win\\x")] {
            while let Some(at) = bytes.windows(from.len()).position(|w| w == from) {
                bytes[at..at + to.len()].copy_from_slice(to);
            }
        }
        let (seen, outcome) = run(bytes, Format::Zip, ROOMY);
        outcome.unwrap();
        assert_eq!(seen[0].path, [b"..".to_vec(), b"..".to_vec(), b"evil".to_vec()]);
        assert_eq!(seen[1].path, [b"C:".to_vec(), b"win".to_vec(), b"x".to_vec()]);
    }

    #[test]
    fn links_have_no_bytes() {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.add_symlink("link", "/etc/passwd", SimpleFileOptions::default()).unwrap();
        let (seen, _) = run(writer.finish().unwrap().into_inner(), Format::Zip, ROOMY);
        assert_eq!(seen[0].kind, Some(EntryKind::Link));
        assert!(seen[0].bytes.is_empty());
    }

    #[test]
    fn a_bomb_stops_at_each_limit() {
        let zeros = vec![0u8; 4 << 20];
        let bomb = build(&[("zeros", &zeros), ("next", b"n")]);
        let (_, outcome) = run(bomb.clone(), Format::Zip, UnpackLimits { max_ratio: 100, ..ROOMY });
        assert!(matches!(outcome, Err(UnpackError::Ratio(100))));
        let limits = UnpackLimits { max_expanded_bytes: 2 << 20, max_ratio: 1 << 20, ..ROOMY };
        let (seen, outcome) = run(bomb.clone(), Format::Zip, limits);
        assert!(matches!(outcome, Err(UnpackError::Expanded(_))));
        assert!(seen[0].bytes.len() <= 2 << 20);
        assert_eq!(seen[0].end, Some(Some(Failure::LimitExpanded)));
        let limits = UnpackLimits { max_member_bytes: 1 << 20, max_ratio: 1 << 20, ..ROOMY };
        let (seen, outcome) = run(bomb.clone(), Format::Zip, limits);
        outcome.unwrap();
        assert_eq!((seen[0].end, seen[1].end), (Some(Some(Failure::Limit)), Some(None)));
        let (seen, outcome) = run(bomb, Format::Zip, UnpackLimits { max_members: 1, max_ratio: 1 << 20, ..ROOMY });
        assert!(matches!(outcome, Err(UnpackError::Members(1))));
        assert_eq!(seen.len(), 1);
    }

    #[test]
    fn lying_directories_are_refused() {
        // The same name twice.
        let mut twice = build(&[("one", b"1"), ("two", b"2")]);
        while let Some(at) = twice.windows(3).position(|w| w == b"two") {
            twice[at..at + 3].copy_from_slice(b"one");
        }
        // A local header that names another file than the directory.
        let mut other = build(&[("harmless.txt", b"1")]);
        let at = other.windows(12).position(|w| w == b"harmless.txt").unwrap();
        other[at..at + 12].copy_from_slice(b"harmful!.exe");
        // One archive after the other: the first directory is hidden.
        let mut two = build(&[("first", b"1")]);
        two.extend(build(&[("second", b"2")]));
        for bytes in [twice, other, two] {
            let (seen, outcome) = run(bytes, Format::Zip, ROOMY);
            assert!(matches!(outcome, Err(UnpackError::Malformed)), "{outcome:?}");
            assert!(seen.is_empty());
        }
    }

    #[test]
    fn a_lying_size_is_counted() {
        let bytes = build(&[("a", &[7u8; 5000])]);
        // The uncompressed size in both headers becomes 10.
        let mut lying = bytes.clone();
        let size = 5000u32.to_le_bytes();
        while let Some(at) = lying.windows(4).position(|w| w == size) {
            lying[at..at + 4].copy_from_slice(&10u32.to_le_bytes());
        }
        // And in both headers of another one 5,001.
        let mut more = bytes;
        while let Some(at) = more.windows(4).position(|w| w == size) {
            more[at..at + 4].copy_from_slice(&5001u32.to_le_bytes());
        }
        for bytes in [lying, more] {
            let (seen, _) = run(bytes, Format::Zip, ROOMY);
            assert!(seen.iter().all(|s| s.end != Some(None)), "{:?}", seen.iter().map(|s| s.end).collect::<Vec<_>>());
        }
    }

    #[test]
    fn encrypted_members_say_so() {
        let mut bytes = build(&[("plain", b"p"), ("secret", b"0123456789abcdef")]);
        // Flag bit 0 in local and central header of the second member.
        for (signature, flag_at, name_at) in [(b"PK\x03\x04", 6, 30), (b"PK\x01\x02", 8, 46)] {
            let at = (0..bytes.len()).find(|at| bytes[*at..].starts_with(signature) && bytes[at + name_at..].starts_with(b"secret"));
            bytes[at.unwrap() + flag_at] |= 1;
        }
        let (seen, outcome) = run(bytes, Format::Zip, ROOMY);
        outcome.unwrap();
        assert_eq!(seen[0].end, Some(None));
        assert_eq!(seen[1].end, Some(Some(Failure::Encrypted)));
    }

    #[test]
    fn volumes_are_not_supported() {
        let mut bytes = build(&[("a", b"1")]);
        let end = end_record(&bytes).unwrap();
        bytes[end + 4] = 3;
        assert!(matches!(run(bytes, Format::Zip, ROOMY).1, Err(UnpackError::Unsupported)));
    }
}
