//! File records: the fixups that keep torn writes from being taken for whole ones, and the attributes.

use crate::utf16::units;

/// Stride of the fixups, bytes.
const STRIDE: usize = 512;
const IN_USE: u16 = 1;
const IS_DIRECTORY: u16 = 2;
const END: u32 = u32::MAX;

/// What a place in the master file table holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Slot {
    /// Nothing, or something deleted.
    Free,
    /// A record in use.
    Record(Record),
    /// Something that is no record, or a torn one.
    Broken,
}

/// The number of a record and the number of times it was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// Which.
    pub number: u64,
    /// How often it was used; 0 when nobody knows.
    pub sequence: u16,
}

impl Reference {
    /// As it lies on the medium.
    pub const fn new(raw: u64) -> Self {
        Self { number: raw & 0xFFFF_FFFF_FFFF, sequence: (raw >> 48) as u16 }
    }

    /// Whether it means this use of a record.
    pub const fn means(self, number: u64, sequence: u16) -> bool {
        self.number == number && (self.sequence == sequence || self.sequence == 0)
    }
}

/// A file record.
#[derive(Debug, PartialEq, Eq)]
pub struct Record {
    /// How often it was used.
    pub sequence: u16,
    /// The record it continues, if it does.
    pub base: Option<Reference>,
    /// Whether it is a directory.
    pub is_directory: bool,
    /// Its attributes, in order.
    pub attributes: Vec<Attribute>,
    /// Whether they could all be read.
    pub whole: bool,
}

/// An attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its type.
    pub kind: u32,
    /// Its name; empty for none.
    pub name: Vec<u16>,
    /// Compressed, encrypted, sparse.
    pub flags: u16,
    /// Its value.
    pub value: Value,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// In the record itself.
    Resident(Vec<u8>),
    /// In clusters.
    Mapped(Mapped),
}

/// A value in clusters, or a piece of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// First cluster of this piece, counted in the attribute.
    pub begin: u64,
    /// Where its clusters are.
    pub pairs: Vec<u8>,
    /// Clusters that are compressed together, as a power of two; 0 for no compression.
    pub unit_shift: u8,
    /// Length, bytes; of the first piece only.
    pub length: u64,
    /// Bytes of it that were ever written; the rest reads as zeros.
    pub initialized: u64,
}

/// Reads what lies in a place of the table.
pub fn parse(bytes: &mut [u8]) -> Slot {
    match bytes {
        _ if bytes.iter().all(|byte| *byte == 0) => return Slot::Free,
        [b'F', b'I', b'L', b'E', ..] => {}
        _ => return Slot::Broken,
    }
    let Some(flags) = word(bytes, 22) else { return Slot::Broken };
    if flags & IN_USE == 0 {
        return Slot::Free;
    }
    if fix(bytes).is_none() {
        return Slot::Broken;
    }
    let (Some(sequence), Some(base), Some(first)) = (word(bytes, 16), quad(bytes, 32), word(bytes, 20)) else { return Slot::Broken };
    let mut record = Record {
        sequence,
        base: Some(Reference::new(base)).filter(|_| base != 0),
        is_directory: flags & IS_DIRECTORY != 0,
        attributes: Vec::new(),
        whole: true,
    };
    let mut rest = bytes.get(first.into()..).unwrap_or_default();
    loop {
        match (long(rest, 0), long(rest, 4)) {
            (Some(END), _) => break,
            (Some(kind), Some(length)) if length >= 24 && length % 8 == 0 && length as usize <= rest.len() => {
                let (raw, behind) = rest.split_at(length as usize);
                match attribute(kind, raw) {
                    Some(attribute) => record.attributes.push(attribute),
                    None => record.whole = false,
                }
                rest = behind;
            }
            // Without its length, what follows an attribute cannot be found.
            _ => {
                record.whole = false;
                break;
            }
        }
    }
    Slot::Record(record)
}

/// Puts the last bytes of each sector back, which the update sequence keeps; `None` when one was not written with the others.
fn fix(bytes: &mut [u8]) -> Option<()> {
    let (at, count) = (usize::from(word(bytes, 4)?), usize::from(word(bytes, 6)?));
    if count != bytes.len() / STRIDE + 1 || at + count * 2 > STRIDE - 2 {
        return None;
    }
    let sequence = bytes.get(at..at + count * 2)?.to_vec();
    let (number, kept) = sequence.split_at_checked(2)?;
    for (sector, kept) in bytes.chunks_exact_mut(STRIDE).zip(kept.as_chunks::<2>().0) {
        let last = sector.last_chunk_mut::<2>()?;
        if last != number {
            return None;
        }
        *last = *kept;
    }
    Some(())
}

fn attribute(kind: u32, raw: &[u8]) -> Option<Attribute> {
    let name_at = usize::from(word(raw, 10)?);
    let name = match raw.get(9)? {
        0 => Vec::new(),
        length => units(raw.get(name_at..name_at + usize::from(*length) * 2)?).collect(),
    };
    let value = match raw.get(8)? {
        0 => {
            let (at, length) = (usize::from(word(raw, 20)?), long(raw, 16)? as usize);
            Value::Resident(raw.get(at..at.checked_add(length)?)?.to_vec())
        }
        1 => {
            let (begin, pairs_at) = (quad(raw, 16)?, usize::from(word(raw, 32)?));
            // A piece that goes on with an attribute has no lengths of its own.
            let (length, initialized) = if begin == 0 { (quad(raw, 48)?, quad(raw, 56)?) } else { (0, 0) };
            Value::Mapped(Mapped { begin, pairs: raw.get(pairs_at..)?.to_vec(), unit_shift: *raw.get(34)?, length, initialized })
        }
        _ => return None,
    };
    Some(Attribute { kind, name, flags: word(raw, 12)?, value })
}

/// Two bytes, little-endian.
pub fn word(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes)
}

/// Four bytes, little-endian.
pub fn long(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

/// Eight bytes, little-endian.
pub fn quad(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes)
}
