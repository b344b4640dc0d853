//! Entry sets: a file with its allocation and its name (Microsoft exFAT specification, sections 7.4, 7.6 to 7.9).

use super::boot::Geometry;
use super::chain::Allocation;
use super::directory::{ENTRY_BYTES, MAX_DIRECTORY_BYTES};
use crate::utf16::{name_bytes, units};

const ATTRIBUTE_DIRECTORY: u8 = 0x10;
/// In the upper byte; Windows keeps files of the encrypting file system on FAT and exFAT, too.
const ATTRIBUTE_ENCRYPTED: u8 = 0x40;
const STREAM_EXTENSION: u8 = 0xC0;
const FILE_NAME: u8 = 0xC1;
const UNITS_PER_ENTRY: usize = 15;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A regular file whose content is encrypted.
    Encrypted,
    /// Content beside that of a file (a vendor's allocation, section 7.9).
    Stream,
    /// An entry that contradicts itself.
    Unreadable,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// Its name; foreign, may be anything.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Where its bytes are.
    pub allocation: Allocation,
}

impl DirectoryEntry {
    /// A line for what cannot be read.
    pub const fn unreadable(name: Vec<u8>) -> Self {
        let allocation = Allocation { first: 0, in_a_row: false, length_bytes: Some(0), valid_bytes: 0 };
        Self { name, kind: Kind::Unreadable, allocation }
    }
}

type Raw = [u8; ENTRY_BYTES];

/// The entries of a file's set: the file, or what is left of it, then what vendors attached to it.
pub fn entries(primary: &Raw, secondaries: &[Raw], geometry: &Geometry) -> Vec<DirectoryEntry> {
    let name = name(secondaries);
    let shown = if name.is_empty() { b"(unreadable directory entry)".to_vec() } else { name };
    let Some((allocation, behind)) = consistent(primary, secondaries, geometry) else {
        return vec![DirectoryEntry::unreadable(shown)];
    };
    let kind = match (primary[4] & ATTRIBUTE_DIRECTORY != 0, primary[5] & ATTRIBUTE_ENCRYPTED != 0) {
        (true, _) => Kind::Directory,
        (false, true) => Kind::Encrypted,
        (false, false) => Kind::File,
    };
    let length = allocation.length_bytes.unwrap_or(0);
    if kind == Kind::Directory && (length > MAX_DIRECTORY_BYTES || length != allocation.valid_bytes) {
        return vec![DirectoryEntry::unreadable(shown)];
    }
    let mut all = vec![DirectoryEntry { name: shown.clone(), kind, allocation }];
    for (number, raw) in (1..).zip(behind) {
        let name = [&shown[..], format!(":(attached {number})").as_bytes()].concat();
        match attached(raw, geometry) {
            Some(allocation) if allocation.length_bytes == Some(0) => {}
            Some(allocation) => all.push(DirectoryEntry { name, kind: Kind::Stream, allocation }),
            None => all.push(DirectoryEntry::unreadable(name)),
        }
    }
    all
}

/// The allocation of the file and the entries behind its name; `None` when the set contradicts itself.
fn consistent<'a>(primary: &Raw, secondaries: &'a [Raw], geometry: &Geometry) -> Option<(Allocation, &'a [Raw])> {
    let [stream, rest @ ..] = secondaries else { return None };
    let length: usize = stream[3].into();
    let (names, behind) = rest.split_at_checked(length.div_ceil(UNITS_PER_ENTRY))?;
    let all_there = secondaries.len() == usize::from(primary[1]) && length > 0;
    let in_order = stream[0] == STREAM_EXTENSION && names.iter().all(|raw| raw[0] == FILE_NAME);
    // Behind the name only benign entries may follow, which a reader that does not know them leaves aside (section 8.2).
    let benign = behind.iter().all(|raw| raw[0] >= 0xE0);
    if !all_there || !in_order || !benign || checksum(primary, secondaries) != u16::from_le_bytes([primary[2], primary[3]]) {
        return None;
    }
    let allocation = allocation(stream, quad(stream, 24)?, quad(stream, 8)?, geometry)?;
    Some((allocation, behind))
}

/// The allocation of a benign secondary entry, empty where it has none; `None` when it contradicts itself.
fn attached(raw: &Raw, geometry: &Geometry) -> Option<Allocation> {
    let length = if raw[1] & 1 == 0 { 0 } else { quad(raw, 24)? };
    allocation(raw, length, length, geometry)
}

/// The generic part of a secondary entry (section 6.4).
fn allocation(raw: &Raw, length: u64, valid_bytes: u64, geometry: &Geometry) -> Option<Allocation> {
    let first = raw.get(20..24)?.try_into().ok().map(u32::from_le_bytes)?;
    let possible = raw[1] & 1 != 0;
    let there = length == 0 || (possible && geometry.cluster_at(first).is_some() && length <= geometry.heap_bytes());
    let allocation = Allocation { first, in_a_row: raw[1] & 2 != 0, length_bytes: Some(length), valid_bytes };
    (there && valid_bytes <= length).then_some(allocation)
}

fn quad(raw: &Raw, at: usize) -> Option<u64> {
    raw.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes)
}

/// As much of the name as there is.
fn name(secondaries: &[Raw]) -> Vec<u8> {
    let length = secondaries.first().filter(|raw| raw[0] == STREAM_EXTENSION).map_or(255, |raw| raw[3]);
    let names = secondaries.iter().filter(|raw| raw[0] == FILE_NAME);
    name_bytes(names.flat_map(|raw| units(raw.get(2..).unwrap_or_default())).take(length.into()))
}

/// Section 6.3.3.
fn checksum(primary: &Raw, secondaries: &[Raw]) -> u16 {
    let own = primary.iter().enumerate().filter(|(place, _)| !matches!(place, 2 | 3)).map(|(_, byte)| byte);
    own.chain(secondaries.iter().flatten()).fold(0u16, |sum, byte| sum.rotate_right(1).wrapping_add((*byte).into()))
}
