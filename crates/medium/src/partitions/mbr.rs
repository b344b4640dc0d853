//! Boot records: four entries, and chains of logical partitions inside extended ones.

use super::{Partition, SECTOR_BYTES, Table, long};
use crate::cache::Window;
use model::report::VolumeRemark;
use std::collections::BTreeSet;

/// Kind of the entry that protects a GPT.
const KIND_PROTECTIVE: u8 = 0xEE;
/// Kinds of extended partitions, which hold further tables.
const KINDS_EXTENDED: [u8; 3] = [0x05, 0x0F, 0x85];
/// Kinds of hidden FAT and NTFS partitions, and of vendors' recovery partitions.
const KINDS_HIDDEN: [u8; 10] = [0x11, 0x12, 0x14, 0x16, 0x17, 0x1B, 0x1C, 0x1E, 0x27, 0xDE];
/// Most logical partitions.
// BOUND: the chain has no length of its own; other systems stop at 60 to 256.
const MAX_LOGICAL: u32 = 256;

type Sector = [u8; SECTOR_BYTES as usize];

/// An entry as it lies there.
struct Entry {
    kind: u8,
    first: u64,
    sectors: u64,
}

/// Whether the boot record protects a GPT.
pub(super) fn is_protective(sector: &Sector) -> bool {
    entries(sector).any(|(_, entry)| entry.kind == KIND_PROTECTIVE)
}

/// Whether this is a table rather than code: every entry has a status (UEFI specification 2.10, 5.2.1), and at least
/// one in use lies on the medium.
pub(super) fn is_plausible(sector: &Sector, length: u64) -> bool {
    let table = sector.get(446..510).unwrap_or_default();
    let known = table.chunks_exact(16).all(|entry| matches!(entry.first(), Some(0 | 0x80)));
    let on_it = |entry: &Entry| entry.sectors > 0 && entry.first < length.div_ceil(SECTOR_BYTES);
    known && entries(sector).any(|(_, entry)| on_it(&entry))
}

/// Whether this entry does.
pub(super) fn protects(partition: &Partition) -> bool {
    partition.kind == shown(KIND_PROTECTIVE)
}

/// The entries in use of the boot record itself.
pub(super) fn primaries(sector: &Sector, length: u64, sector_bytes: u64) -> Vec<Partition> {
    entries(sector).map(|(number, entry)| partition(number, &entry, 0, (length, sector_bytes))).collect()
}

/// The boot record and every chain of logical partitions it leads to.
pub(super) fn read(window: &Window, sector: &Sector, length: u64, sector_bytes: u64) -> Table {
    let mut table = Table { partitions: primaries(sector, length, sector_bytes), own: vec![(0, SECTOR_BYTES)], broken: false };
    let extended: Vec<u64> = table.partitions.iter().filter(|p| p.extended).map(|p| p.offset_bytes).collect();
    let mut number = 5;
    for base in extended {
        logical(window, base, (length, sector_bytes), &mut number, &mut table);
    }
    table
}

/// Follows one chain: each table has one partition, counted from the table, and the next table, counted from the first.
fn logical(window: &Window, base: u64, sizes: (u64, u64), number: &mut u32, table: &mut Table) {
    let (mut at, mut met) = (base, BTreeSet::new());
    loop {
        let mut sector = [0u8; SECTOR_BYTES as usize];
        let is_table = window.read_exact_at(at, &mut sector).is_ok() && sector.get(510..) == Some(&[0x55, 0xAA][..]);
        if !is_table || !met.insert(at) || met.len() > MAX_LOGICAL as usize {
            table.broken = true;
            return;
        }
        table.own.push((at, at.saturating_add(SECTOR_BYTES)));
        let mut next = None;
        for (_, entry) in entries(&sector) {
            if KINDS_EXTENDED.contains(&entry.kind) {
                next = next.or(Some(base.saturating_add(entry.first.saturating_mul(sizes.1))));
            } else {
                table.partitions.push(partition(*number, &entry, at, sizes));
                *number += 1;
            }
        }
        match next {
            Some(next) => at = next,
            None => return,
        }
    }
}

fn entries(sector: &Sector) -> impl Iterator<Item = (u32, Entry)> {
    let table = sector.get(446..510).unwrap_or_default();
    table.chunks_exact(16).zip(1..).filter_map(|(entry, number)| {
        let entry = Entry { kind: *entry.get(4)?, first: long(entry, 8)?.into(), sectors: long(entry, 12)?.into() };
        // One of no kind that has a length is one all the same, for other systems too.
        (entry.kind != 0 || entry.sectors != 0).then_some((number, entry))
    })
}

fn partition(number: u32, entry: &Entry, base: u64, (length, sector_bytes): (u64, u64)) -> Partition {
    let first = base.saturating_add(entry.first.saturating_mul(sector_bytes));
    let mut partition = Partition::within("mbr", number, (first, entry.sectors.saturating_mul(sector_bytes)), shown(entry.kind), length);
    partition.extended = KINDS_EXTENDED.contains(&entry.kind);
    if KINDS_HIDDEN.contains(&entry.kind) {
        partition.remarks.push(VolumeRemark::Hidden);
    }
    partition
}

fn shown(kind: u8) -> String {
    format!("0x{kind:02x}")
}
