//! Volume descriptors: which trees a disc has (ECMA-119, sections 8.4 to 8.6; Joliet specification, section 1).

use super::record::{Record, SECTOR_BYTES};
use super::susp;
use super::tree::Naming;
use crate::cache::Window;

/// First byte of the descriptors.
const DESCRIPTORS_AT: u64 = 16 * SECTOR_BYTES;
/// Most descriptors.
// BOUND: a disc has one of each of the four kinds, rarely one more.
const MAX_DESCRIPTORS: u64 = 64;

/// A tree, as a descriptor tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// How names are written.
    pub naming: Naming,
    /// Its root directory; `None` when it cannot be read.
    pub root: Option<Record>,
    /// Number of this disc, where it belongs to a set of several.
    pub disc: Option<u16>,
}

/// Reads the descriptors; `None` when the first is none. The flag says whether they were read to their end.
pub fn read(window: &Window) -> Option<(Vec<Described>, bool)> {
    let mut trees: Vec<Described> = Vec::new();
    for number in 0..MAX_DESCRIPTORS {
        let mut sector = vec![0; SECTOR_BYTES as usize];
        let there = window.read_exact_at(DESCRIPTORS_AT + number * SECTOR_BYTES, &mut sector).is_ok();
        if !there || sector.get(1..6) != Some(&b"CD001"[..]) {
            return (number > 0).then_some((trees, false));
        }
        match sector.first() {
            Some(1 | 2) => {
                let tree = described(window, &sector);
                // Some writers repeat a descriptor.
                if !trees.contains(&tree) {
                    trees.push(tree);
                }
            }
            Some(255) => return Some((trees, true)),
            _ => {}
        }
    }
    Some((trees, false))
}

fn described(window: &Window, sector: &[u8]) -> Described {
    let word = |at: usize| sector.get(at..at + 2).and_then(|pair| pair.try_into().ok()).map_or(0, u16::from_le_bytes);
    let fits = u64::from(word(128)) == SECTOR_BYTES;
    let root = sector.get(156..190).and_then(Record::read).filter(|root| fits && root.is_directory());
    let escapes = sector.get(88..120).unwrap_or_default();
    let joliet = matches!(escapes, [b'%', b'/', b'@' | b'C' | b'E', ..]);
    let naming = match (sector.first(), &root) {
        (Some(2), _) if joliet => Naming::Joliet,
        (Some(2), _) => Naming::Enhanced,
        (_, Some(root)) => {
            own_record(window, root.at).and_then(|own| susp::skipped(&own.system_use)).map_or(Naming::Plain, Naming::RockRidge)
        }
        (_, None) => Naming::Plain,
    };
    Described { naming, root, disc: (word(120) > 1).then(|| word(124)) }
}

/// The first record of the directory that begins at this byte, which is its own.
pub fn own_record(window: &Window, at: u64) -> Option<Record> {
    let mut sector = vec![0; SECTOR_BYTES as usize];
    window.read_exact_at(at, &mut sector).ok()?;
    Record::read(&sector).filter(|record| record.is_dot() && record.at == at)
}
