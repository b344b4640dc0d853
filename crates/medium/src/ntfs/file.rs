//! A file, put together from its record and the records that go on with it.

use super::boot::Geometry;
use super::content::{Content, Stream};
use super::record::{Attribute, Mapped, Record, Reference, Slot, Value, long, quad, word};
use super::table::Table;
use crate::cache::Window;
use crate::utf16::units;
use std::io::Read as _;

pub const ATTRIBUTE_LIST: u32 = 0x20;
const FILE_NAME: u32 = 0x30;
pub const DATA: u32 = 0x80;
const REPARSE_POINT: u32 = 0xC0;
const LOGGED_UTILITY_STREAM: u32 = 0x100;
/// Standard information to logged utility stream: what Windows writes. Anything else might hold what nobody looks at.
const KNOWN_KINDS: std::ops::RangeInclusive<u32> = 0x10..=0x100;
/// The short name of a file that has a long one, too.
const DOS_NAME: u8 = 2;
/// Most bytes of an attribute list.
// BOUND: Windows writes no longer ones.
const MAX_LIST_BYTES: usize = 256 << 10;

/// A name of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The directory it is in.
    pub parent: Reference,
    /// The name itself.
    pub units: Vec<u16>,
    dos: bool,
}

/// A file or directory.
#[derive(Debug)]
pub struct File {
    /// Its names, without short ones that only stand beside a long one.
    pub names: Vec<Name>,
    /// Its content and named streams, in order.
    pub streams: Vec<Stream>,
    /// The kind of reparse point it is; 0, which is none, when that cannot be read.
    pub reparse: Option<u32>,
    /// Whether it is one of the encrypting file system.
    pub encrypted: bool,
    /// Attributes of kinds nobody knows.
    pub unknown: Vec<u32>,
    /// Records that say they go on with it, and that it does not know.
    pub strangers: Vec<u64>,
    /// Whether everything of it could be read.
    pub whole: bool,
}

/// What is needed to read a record.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    pub window: &'a Window,
    pub geometry: &'a Geometry,
    pub table: &'a Table,
    /// Records that go on with others: base, record; sorted.
    pub extensions: &'a [(u64, u64)],
}

impl Reader<'_> {
    pub fn slot(&self, number: u64) -> std::io::Result<Slot> {
        self.table.read(number, self.window, self.geometry)
    }

    /// Puts a file together.
    pub fn file(&self, number: u64, record: Record) -> File {
        let mut parts = Parts { whole: record.whole, ..Parts::default() };
        let sequence = record.sequence;
        let list = record.attributes.iter().find(|attribute| attribute.kind == ATTRIBUTE_LIST);
        let list = list.map(|list| Stream::new(Vec::new(), list.flags, list.value.clone(), self.geometry));
        record.attributes.into_iter().for_each(|attribute| parts.take(attribute, self.geometry));
        let strangers = self.extended(number, sequence, list.as_ref(), &mut parts);
        parts.finish(self, strangers)
    }

    /// Takes the attributes of the records that go on with this one, and returns those that are not on its list.
    ///
    /// A record goes on with one other only, so that however long the lists, each is read once.
    fn extended(&self, number: u64, sequence: u16, list: Option<&Stream>, parts: &mut Parts) -> Vec<u64> {
        let from = self.extensions.partition_point(|(base, _)| *base < number);
        let behind = self.extensions.partition_point(|(base, _)| *base <= number);
        let own = self.extensions.get(from..behind).unwrap_or_default();
        let mut known = vec![false; own.len()];
        if let Some(list) = list {
            let (entries, whole) = listed(list, self.window, self.geometry);
            parts.whole &= whole;
            for entry in entries.iter().filter(|entry| entry.record.number != number) {
                match own.binary_search(&(number, entry.record.number)).ok().and_then(|at| known.get_mut(at)) {
                    Some(known) => *known = true,
                    None => parts.whole = false,
                }
            }
        }
        let mut strangers = Vec::new();
        for ((_, extension), known) in own.iter().zip(known) {
            match self.slot(*extension) {
                Ok(Slot::Record(more)) if known && more.base.is_some_and(|base| base.means(number, sequence)) => {
                    parts.whole &= more.whole;
                    more.attributes.into_iter().for_each(|attribute| parts.take(attribute, self.geometry));
                }
                _ => strangers.push(*extension),
            }
        }
        strangers
    }
}

/// An entry of an attribute list.
#[derive(Debug)]
pub struct Listed {
    pub kind: u32,
    pub name: Vec<u16>,
    pub begin: u64,
    pub record: Reference,
}

/// The entries of an attribute list, and whether it could be read to its end.
pub fn listed(list: &Stream, window: &Window, geometry: &Geometry) -> (Vec<Listed>, bool) {
    let Ok(bytes) = list.beginning(MAX_LIST_BYTES, window, geometry) else { return (Vec::new(), false) };
    let mut entries = Vec::new();
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let Some((entry, behind)) = listed_entry(rest) else { return (entries, false) };
        entries.push(entry);
        rest = behind;
    }
    (entries, list.length <= MAX_LIST_BYTES as u64)
}

fn listed_entry(bytes: &[u8]) -> Option<(Listed, &[u8])> {
    let (raw, behind) = bytes.split_at_checked(word(bytes, 4)?.into()).filter(|(raw, _)| raw.len() >= 26)?;
    let (length, at) = (usize::from(*raw.get(6)?), usize::from(*raw.get(7)?));
    let name = if length == 0 { &[] } else { raw.get(at..at + length * 2)? };
    let entry = Listed { kind: long(raw, 0)?, name: units(name).collect(), begin: quad(raw, 8)?, record: Reference::new(quad(raw, 16)?) };
    Some((entry, behind))
}

/// Attributes as they come.
#[derive(Debug, Default)]
struct Parts {
    names: Vec<Name>,
    streams: Vec<Stream>,
    /// Pieces that go on with a stream.
    pieces: Vec<(Vec<u16>, Mapped)>,
    reparse: Option<Stream>,
    encrypted: bool,
    unknown: Vec<u32>,
    whole: bool,
}

impl Parts {
    fn take(&mut self, attribute: Attribute, geometry: &Geometry) {
        let Attribute { kind, name, flags, value } = attribute;
        match (kind, value) {
            (FILE_NAME, Value::Resident(value)) => match file_name(&value) {
                Some(name) => self.names.push(name),
                None => self.whole = false,
            },
            (FILE_NAME, Value::Mapped(_)) => self.whole = false,
            (DATA, Value::Mapped(piece)) if piece.begin > 0 => self.pieces.push((name, piece)),
            (DATA, value) => self.streams.push(Stream::new(name, flags, value, geometry)),
            (REPARSE_POINT, value) => self.reparse = Some(Stream::new(name, flags, value, geometry)),
            (LOGGED_UTILITY_STREAM, _) => self.encrypted |= name.iter().copied().eq("$EFS".encode_utf16()),
            (kind, _) if KNOWN_KINDS.contains(&kind) && kind % 0x10 == 0 || self.unknown.contains(&kind) => {}
            (kind, _) => self.unknown.push(kind),
        }
    }

    fn finish(mut self, reader: &Reader<'_>, strangers: Vec<u64>) -> File {
        self.pieces.sort_by_key(|(_, piece)| piece.begin);
        for (name, piece) in &self.pieces {
            match self.streams.iter_mut().find(|stream| stream.name == *name) {
                Some(stream) => stream.append(piece, reader.geometry),
                None => self.whole = false,
            }
        }
        let long_names: Vec<Reference> = self.names.iter().filter(|name| !name.dos).map(|name| name.parent).collect();
        self.names.retain(|name| !name.dos || !long_names.contains(&name.parent));
        let tag = |stream: &Stream| {
            let mut tag = [0; 4];
            let read = Content::new(stream, reader.window, reader.geometry).read_exact(&mut tag);
            read.map_or(0, |()| u32::from_le_bytes(tag))
        };
        File {
            names: self.names,
            streams: self.streams,
            reparse: self.reparse.as_ref().map(tag),
            encrypted: self.encrypted,
            unknown: self.unknown,
            strangers,
            whole: self.whole,
        }
    }
}

fn file_name(value: &[u8]) -> Option<Name> {
    let length = usize::from(*value.get(64)?);
    let name = value.get(66..66 + length * 2)?;
    Some(Name { parent: Reference::new(quad(value, 0)?), units: units(name).collect(), dos: *value.get(65)? == DOS_NAME })
}
