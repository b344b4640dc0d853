//! Entries of a directory, with long names put together (Microsoft FAT specification, sections 6 and 7).

use super::chain;
use super::geometry::{Geometry, Width};
use crate::cache::Window;
use std::collections::BTreeSet;

const ENTRY_BYTES: usize = 32;
const ATTRIBUTE_VOLUME: u8 = 0x08;
const ATTRIBUTE_DIRECTORY: u8 = 0x10;
const ATTRIBUTES_LONG_NAME: u8 = 0x0F;
/// Most entries of a directory, deleted ones and pieces of long names included.
// BOUND: a directory has at most 2 MiB (section 6): 65,536 entries. A chain that is longer is broken.
const MAX_ENTRIES: usize = 65_536;

/// What code page 850 (Western European DOS, the usual one of German Windows) has above ASCII.
const CODE_PAGE_850: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{AD}±‗¾¶§÷¸°¨·¹³²■\u{A0}";

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// `.`: must lead to the directory itself.
    Own,
    /// `..`: must lead to its parent.
    Parent,
    /// A volume label that has content, which no label has.
    Odd,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// Long name, or the short one where there is none; foreign, may be anything.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// First cluster.
    pub cluster: u32,
    /// Length.
    pub size_bytes: u64,
}

/// Where a directory begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The fixed place of the root directory.
    Fixed,
    /// A cluster.
    Cluster(u32),
}

/// Reads a directory; the flag says whether it was read to its end.
pub fn read(window: &Window, geometry: &Geometry, place: Place) -> (Vec<DirectoryEntry>, bool) {
    let mut list = List { narrow: geometry.width != Width::Fat32, ..List::default() };
    let complete = match place {
        Place::Fixed => region(window, geometry.root_at, geometry.root_bytes, &mut list).is_some(),
        Place::Cluster(first) => chained(window, geometry, first, &mut list).is_some(),
    };
    (list.entries, complete && !list.late)
}

/// `None` when the chain breaks off or bites its tail.
fn chained(window: &Window, geometry: &Geometry, first: u32, list: &mut List) -> Option<()> {
    let mut seen = BTreeSet::new();
    let mut cluster = Some(first);
    while let Some(number) = cluster {
        if !seen.insert(number) {
            return None;
        }
        region(window, geometry.cluster_at(number)?, geometry.cluster_bytes, list)?;
        cluster = chain::next(window, geometry, number).ok()?;
    }
    Some(())
}

/// `None` when a read fails or there are too many entries.
fn region(window: &Window, at: u64, bytes: u64, list: &mut List) -> Option<()> {
    let mut offset = 0;
    while offset < bytes {
        let mut raw = [0; ENTRY_BYTES];
        window.read_exact_at(at + offset, &mut raw).ok()?;
        list.take(&raw)?;
        offset += ENTRY_BYTES as u64;
    }
    Some(())
}

/// Entries so far, and the long name that is being put together.
#[derive(Debug, Default)]
struct List {
    entries: Vec<DirectoryEntry>,
    long: LongName,
    met: usize,
    ended: bool,
    /// Whether there was something behind the end.
    late: bool,
    /// FAT12 and FAT16 keep something else where FAT32 has the upper half of the cluster number.
    narrow: bool,
}

impl List {
    fn take(&mut self, raw: &[u8; ENTRY_BYTES]) -> Option<()> {
        self.met += 1;
        if self.met > MAX_ENTRIES {
            return None;
        }
        match raw {
            [0, ..] => self.ended = true,
            [0xE5, ..] => self.long = LongName::default(),
            // Behind the end nothing may be; some systems show it all the same.
            _ if self.ended => self.late = true,
            _ if raw[11] & 0x3F == ATTRIBUTES_LONG_NAME => self.long.piece(raw),
            _ => {
                let long = std::mem::take(&mut self.long).finish(raw);
                self.entries.extend(entry(raw, long, self.narrow));
            }
        }
        Some(())
    }
}

/// The entry with this long name; `None` for a volume label.
fn entry(raw: &[u8; ENTRY_BYTES], long: Option<String>, narrow: bool) -> Option<DirectoryEntry> {
    let upper = if narrow { [0, 0] } else { [raw[20], raw[21] & 0x0F] };
    let cluster = u32::from_le_bytes([raw[26], raw[27], upper[0], upper[1]]);
    let size = u32::from_le_bytes([raw[28], raw[29], raw[30], raw[31]]);
    let is_directory = raw[11] & ATTRIBUTE_DIRECTORY != 0;
    let kind = match (raw[11] & ATTRIBUTE_VOLUME != 0, is_directory) {
        (true, false) if cluster == 0 && size == 0 => return None,
        (true, _) => Kind::Odd,
        (false, true) if raw.starts_with(b".          ") => Kind::Own,
        (false, true) if raw.starts_with(b"..         ") => Kind::Parent,
        (false, true) => Kind::Directory,
        (false, false) => Kind::File,
    };
    Some(DirectoryEntry { name: long.unwrap_or_else(|| short_name(raw)), kind, cluster, size_bytes: size.into() })
}

fn short_name(raw: &[u8; ENTRY_BYTES]) -> String {
    let part = |range: std::ops::Range<usize>, lower: bool| {
        let padded = raw.get(range).unwrap_or_default();
        let length = padded.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
        padded.iter().take(length).map(|byte| character(*byte, lower)).collect::<String>()
    };
    // Windows NT keeps in byte 12 that all letters before or after the dot are small ones.
    let (mut name, extension) = (part(0..8, raw[12] & 0x08 != 0), part(8..11, raw[12] & 0x10 != 0));
    if raw[0] == 0x05 {
        // 0xE5 itself marks deleted entries.
        name = name.replacen('\u{5}', "Õ", 1);
    }
    if extension.is_empty() { name } else { format!("{name}.{extension}") }
}

fn character(byte: u8, lower: bool) -> char {
    let plain = match byte.checked_sub(0x80) {
        None => char::from(byte),
        Some(place) => CODE_PAGE_850.chars().nth(place.into()).unwrap_or(char::REPLACEMENT_CHARACTER),
    };
    if lower { plain.to_lowercase().next().unwrap_or(plain) } else { plain }
}

/// Pieces of a long name, which come last piece first.
#[derive(Debug, Default)]
struct LongName {
    units: Vec<[u16; 13]>,
    checksum: u8,
    awaited: u8,
}

impl LongName {
    const LAST: u8 = 0x40;
    // BOUND: 255 characters in pieces of 13.
    const MAX_PIECES: u8 = 20;

    fn piece(&mut self, raw: &[u8; ENTRY_BYTES]) {
        let (order, checksum) = (raw[0] & !Self::LAST, raw[13]);
        if raw[0] & Self::LAST != 0 {
            *self = Self { units: Vec::new(), checksum, awaited: order };
        }
        if order == 0 || order > Self::MAX_PIECES || order != self.awaited || checksum != self.checksum {
            *self = Self::default();
            return;
        }
        self.awaited -= 1;
        let mut units = [0; 13];
        let places = (1..11).step_by(2).chain((14..26).step_by(2)).chain((28..32).step_by(2));
        for (unit, at) in units.iter_mut().zip(places) {
            *unit = raw.get(at..at + 2).and_then(|pair| pair.try_into().ok()).map_or(0, u16::from_le_bytes);
        }
        self.units.push(units);
    }

    /// The name, when it is complete and belongs to this short entry.
    fn finish(self, raw: &[u8; ENTRY_BYTES]) -> Option<String> {
        let sum = raw.iter().take(11).fold(0u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte));
        if self.awaited != 0 || self.units.is_empty() || sum != self.checksum {
            return None;
        }
        let units: Vec<u16> = self.units.iter().rev().flatten().copied().take_while(|unit| *unit != 0).collect();
        (!units.is_empty()).then(|| String::from_utf16_lossy(&units))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(name: &[u8; 11], attributes: u8) -> [u8; ENTRY_BYTES] {
        let mut raw = [0; ENTRY_BYTES];
        raw[..11].copy_from_slice(name);
        raw[11] = attributes;
        raw
    }

    fn long(order: u8, text: &str, checksum: u8) -> [u8; ENTRY_BYTES] {
        let mut raw = [0xFF; ENTRY_BYTES];
        (raw[0], raw[11], raw[12], raw[13], raw[26], raw[27]) = (order, 0x0F, 0, checksum, 0, 0);
        let places = (1..11).step_by(2).chain((14..26).step_by(2)).chain((28..32).step_by(2));
        for (unit, at) in text.encode_utf16().chain([0]).zip(places) {
            raw[at..at + 2].copy_from_slice(&unit.to_le_bytes());
        }
        raw
    }

    fn names(raws: &[[u8; ENTRY_BYTES]]) -> Vec<String> {
        let mut list = List::default();
        for raw in raws {
            list.take(raw).unwrap();
        }
        list.entries.into_iter().map(|entry| entry.name).collect()
    }

    fn sum(name: &[u8; 11]) -> u8 {
        name.iter().fold(0u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte))
    }

    #[test]
    fn short_names() {
        let mut lower = short(b"README  TXT", 0);
        lower[12] = 0x18;
        let raws = [
            short(b"README  TXT", 0x20),
            lower,
            short(b"GR\x99\xE1E   \x84  ", 0),
            short(b"\x05BC        ", 0),
            short(b"           ", 0),
            short(b"A/B     C  ", 0),
        ];
        assert_eq!(names(&raws), ["README.TXT", "readme.txt", "GRÖßE.ä", "ÕBC", "", "A/B.C"]);
        assert_eq!(CODE_PAGE_850.chars().count(), 128);
    }

    #[test]
    fn long_names_count_only_whole_and_with_their_own_short_name() {
        let own = b"LANGER~1TXT";
        let sum = sum(own);
        let whole = [long(0x42, " ist.txt", sum), long(1, "Ein Name, der", sum), short(own, 0)];
        assert_eq!(names(&whole), ["Ein Name, der ist.txt"]);
        for broken in [
            vec![long(0x42, "b", sum), short(own, 0)],
            vec![long(1, "a", sum), short(own, 0)],
            vec![long(0x41, "a", sum ^ 1), short(own, 0)],
            vec![long(0x42, "b", sum), long(1, "Ein Name, der", sum ^ 1), short(own, 0)],
            vec![long(0x41, "a", sum), short(b"\xE5DELETED   ", 0), short(own, 0)],
            vec![long(0x40, "a", sum), short(own, 0)],
            vec![long(0x7F, "a", sum), short(own, 0)],
            vec![long(0x41, "", sum), short(own, 0)],
        ] {
            assert_eq!(names(&broken), ["LANGER~1.TXT"], "{broken:?}");
        }
    }

    #[test]
    fn labels_and_dots() {
        let kinds = |raw: [u8; ENTRY_BYTES]| entry(&raw, None, false).map(|entry| entry.kind);
        assert_eq!(kinds(short(b"SCHLEUSE   ", 0x08)), None);
        let mut odd = short(b"SCHLEUSE   ", 0x08);
        odd[28] = 1;
        assert_eq!(kinds(odd), Some(Kind::Odd));
        assert_eq!(kinds(short(b"SCHLEUSE   ", 0x18)), Some(Kind::Odd));
        assert_eq!(kinds(short(b".          ", 0x10)), Some(Kind::Own));
        assert_eq!(kinds(short(b"..         ", 0x10)), Some(Kind::Parent));
        // A file cannot hide behind the name.
        assert_eq!(kinds(short(b"..         ", 0x20)), Some(Kind::File));
    }

    #[test]
    fn what_lies_behind_the_end_or_is_deleted_is_no_entry() {
        let raws = [short(b"A          ", 0), short(b"\xE5B         ", 0), short(b"C          ", 0)];
        assert_eq!(names(&raws), ["A", "C"]);
        // Other systems go on behind the end: what lies there is no entry here, but the directory is not whole.
        let mut list = List::default();
        for raw in [short(b"A          ", 0), [0; ENTRY_BYTES], short(b"\xE5B         ", 0), [0; ENTRY_BYTES]] {
            list.take(&raw).unwrap();
        }
        assert!(list.ended && !list.late);
        list.take(&short(b"VERSTECKTXT", 0)).unwrap();
        assert_eq!((list.entries.len(), list.late), (1, true));
        let mut list = List::default();
        list.take(&[0; ENTRY_BYTES]).unwrap();
        assert!(list.ended);
    }

    #[test]
    fn the_65537th_entry_is_one_too_many() {
        let mut list = List::default();
        let deleted = short(b"\xE5          ", 0);
        assert!((0..MAX_ENTRIES).all(|_| list.take(&deleted).is_some()));
        assert!(list.take(&deleted).is_none());
    }
}
