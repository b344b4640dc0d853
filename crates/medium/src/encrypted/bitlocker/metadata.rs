//! The metadata of BitLocker: three copies of a block, each with a checksum behind it, made of nested entries.

use super::super::array;
use crate::cache::Window;
use crate::partitions::crc32;
use wire::Locked;

const SIGNATURE: &[u8; 8] = b"-FVE-FS-";
const BLOCK_HEADER_BYTES: usize = 64;
const METADATA_HEADER_BYTES: usize = 48;
const ENTRY_HEADER_BYTES: usize = 8;
/// Longest block.
// BOUND: that is the room Windows leaves for each copy; the field could say 1 MiB.
const MAX_BLOCK_BYTES: usize = 64 << 10;
/// The block format since Windows 7.
const VERSION: u16 = 2;
/// Fully encrypted, and to stay so.
const STATE_NORMAL: u16 = 4;
/// Most protectors of a volume.
// BOUND: far more than Windows makes; each costs a derivation for every key.
const MAX_PROTECTORS: usize = 16;

/// What an entry is for.
mod entry {
    pub const VMK: u16 = 2;
    pub const FVEK: u16 = 3;
}

/// What an entry holds.
mod value {
    pub const KEY: u16 = 1;
    pub const STRETCH: u16 = 3;
    pub const WRAPPED: u16 = 5;
    pub const VMK: u16 = 8;
}

/// How a volume master key is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protection {
    /// By a key that lies beside it: protection is suspended.
    Clear,
    RecoveryPassword,
    Password,
}

/// A key wrapped by another one with AES-CCM.
#[derive(Debug, Clone)]
pub(super) struct Wrapped {
    pub(super) nonce: [u8; 12],
    pub(super) tag: [u8; 16],
    pub(super) bytes: Vec<u8>,
}

/// A copy of the volume master key.
#[derive(Debug, Clone)]
pub(super) struct Protector {
    pub(super) protection: Protection,
    /// Salt of the password.
    pub(super) salt: [u8; 16],
    /// The key that lies beside it.
    pub(super) clear_key: Option<Vec<u8>>,
    pub(super) wrapped: Wrapped,
}

/// What a block of metadata says.
#[derive(Debug)]
pub(super) struct Metadata {
    pub(super) method: u16,
    pub(super) encrypted_bytes: u64,
    pub(super) moved_sectors: u32,
    pub(super) moved_to: u64,
    /// Where the three copies lie.
    pub(super) places: [u64; 3],
    pub(super) protectors: Vec<Protector>,
    /// The key of the sectors, wrapped by the volume master key.
    pub(super) sector_key: Wrapped,
}

/// Reads the first copy whose checksum is right.
pub(super) fn read(volume: &Window, places: [u64; 3]) -> Result<Metadata, Locked> {
    let block = places.iter().find_map(|at| whole_block(volume, *at)).ok_or(Locked::Damaged)?;
    let short = |at| array(&block, at).map(u16::from_le_bytes).ok_or(Locked::Damaged);
    let long = |at| array(&block, at).map(u64::from_le_bytes).ok_or(Locked::Damaged);
    let int = |at| array(&block, at).map(u32::from_le_bytes).ok_or(Locked::Damaged);
    if short(10)? != VERSION || short(12)? != STATE_NORMAL || short(14)? != STATE_NORMAL {
        return Err(Locked::Unsupported);
    }
    let end = BLOCK_HEADER_BYTES.saturating_add(int(BLOCK_HEADER_BYTES)? as usize);
    let entries = block.get(BLOCK_HEADER_BYTES + METADATA_HEADER_BYTES..end).ok_or(Locked::Damaged)?;
    let sector_key = Entries(entries).find(|e| e.kind == entry::FVEK && e.value == value::WRAPPED).and_then(|e| wrapped(e.content));
    let keys = Entries(entries).filter(|e| e.kind == entry::VMK && e.value == value::VMK);
    Ok(Metadata {
        method: short(BLOCK_HEADER_BYTES + 36)?,
        encrypted_bytes: long(16)?,
        moved_sectors: int(28)?,
        moved_to: long(56)?,
        places: [long(32)?, long(40)?, long(48)?],
        protectors: keys.filter_map(|e| protector(e.content)).take(MAX_PROTECTORS).collect(),
        sector_key: sector_key.ok_or(Locked::Damaged)?,
    })
}

/// A block and nothing behind it, if it is one and its checksum (CRC-32, behind it) is right.
fn whole_block(volume: &Window, at: u64) -> Option<Vec<u8>> {
    let mut head = [0u8; BLOCK_HEADER_BYTES];
    volume.read_exact_at(at, &mut head).ok()?;
    let length = usize::from(array(&head, 8).map(u16::from_le_bytes)?) << 4;
    let lengths = BLOCK_HEADER_BYTES + METADATA_HEADER_BYTES..=MAX_BLOCK_BYTES;
    if !head.starts_with(SIGNATURE) || !lengths.contains(&length) {
        return None;
    }
    let mut block = vec![0; length + 8];
    volume.read_exact_at(at, &mut block).ok()?;
    let checksum = array(&block, length + 4).map(u32::from_le_bytes)?;
    block.truncate(length);
    (crc32(&block) == checksum).then_some(block)
}

/// An entry of the metadata.
struct Entry<'a> {
    kind: u16,
    value: u16,
    content: &'a [u8],
}

/// Entries one after the other; one whose length cannot be is the end.
struct Entries<'a>(&'a [u8]);

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let short = |at| array(self.0, at).map(u16::from_le_bytes);
        let (length, kind, value) = (short(0)?.into(), short(2)?, short(4)?);
        let content = self.0.get(ENTRY_HEADER_BYTES..length)?;
        self.0 = self.0.get(length..)?;
        Some(Entry { kind, value, content })
    }
}

fn wrapped(content: &[u8]) -> Option<Wrapped> {
    Some(Wrapped { nonce: array(content, 0)?, tag: array(content, 12)?, bytes: content.get(28..)?.to_vec() })
}

/// `None` for protections that nothing here opens, and for what is no protector.
fn protector(content: &[u8]) -> Option<Protector> {
    let protection = match array(content, 26).map(u16::from_le_bytes)? {
        0x0000 => Protection::Clear,
        0x0800 => Protection::RecoveryPassword,
        0x2000 => Protection::Password,
        _ => return None,
    };
    let inner = content.get(28..)?;
    let of = |value| Entries(inner).find(|entry| entry.value == value);
    let salt = of(value::STRETCH).and_then(|entry| array(entry.content, 4));
    let clear_key = of(value::KEY).and_then(|entry| entry.content.get(4..)).map(<[u8]>::to_vec);
    if protection != Protection::Clear && salt.is_none() {
        return None;
    }
    let wrapped = wrapped(of(value::WRAPPED)?.content)?;
    Some(Protector { protection, salt: salt.unwrap_or_default(), clear_key, wrapped })
}

/// The key in an unwrapped entry.
pub(super) fn key_of(entry: &[u8]) -> Option<&[u8]> {
    let entry = Entries(entry).next().filter(|entry| entry.value == value::KEY)?;
    entry.content.get(4..)
}
