//! GUID partition tables (UEFI specification 2.10, section 5.3): the first one and the copy at the end of the medium.

use super::{Partition, SECTOR_BYTES, Table, long, wide};
use crate::cache::Window;
use model::report::VolumeRemark;

/// Largest table that is read.
// BOUND: 128 entries of 128 bytes are usual; a header may claim 2^32 of any size.
const MAX_TABLE_BYTES: u64 = 1 << 20;
const HEADER_BYTES: usize = 92;
const ENTRY_BYTES: usize = 128;
/// Attributes that keep a partition from people: required by the platform, and (of basic partitions of Windows) hidden and
/// without a drive letter.
const ATTRIBUTES_HIDDEN: u64 = 1 | 1 << 62 | 1 << 63;

/// One copy of the table.
struct Copy {
    partitions: Vec<Partition>,
    /// Bytes of header and table.
    own: [(u64, u64); 2],
}

/// Both copies together; `None` when neither is whole.
///
/// Where they disagree, everything either of them names is listed: what only the copy at the end knows is marked.
pub(super) fn read(window: &Window, length: u64, sector_bytes: u64) -> Option<Table> {
    let last = (length / sector_bytes).checked_sub(1)?;
    let copies = (copy(window, 1, length, sector_bytes), copy(window, last, length, sector_bytes));
    let mut table = Table { own: vec![(0, sector_bytes)], ..Table::default() };
    let (mut first, second) = match copies {
        (Some(first), Some(second)) => (first, Some(second)),
        (Some(only), None) | (None, Some(only)) => (only, None),
        (None, None) => return None,
    };
    table.own.extend(first.own);
    match second {
        Some(second) => {
            table.own.extend(second.own);
            let same = |a: &Partition, b: &Partition| (a.offset_bytes, a.size_bytes) == (b.offset_bytes, b.size_bytes);
            let known = |other: &Partition| first.partitions.iter().any(|partition| same(partition, other));
            let more: Vec<Partition> = second.partitions.into_iter().filter(|other| !known(other)).collect();
            first.partitions.extend(more.into_iter().map(|partition| remarked(partition, VolumeRemark::BackupTableOnly)));
            table.partitions = first.partitions;
        }
        None => table.partitions.extend(first.partitions.into_iter().map(|p| remarked(p, VolumeRemark::OneTableCopy))),
    }
    Some(table)
}

fn remarked(mut partition: Partition, remark: VolumeRemark) -> Partition {
    partition.remarks.push(remark);
    partition
}

fn copy(window: &Window, header_sector: u64, length: u64, sector_bytes: u64) -> Option<Copy> {
    let mut sector = [0u8; SECTOR_BYTES as usize];
    window.read_exact_at(header_sector.checked_mul(sector_bytes)?, &mut sector).ok()?;
    let header_bytes = usize::try_from(long(&sector, 12)?).ok().filter(|n| *n >= HEADER_BYTES)?;
    let mut header = sector.get(..header_bytes)?.to_vec();
    let checksum = long(&header, 16)?;
    header.get_mut(16..20)?.fill(0);
    let (count, entry_bytes) = (u64::from(long(&header, 80)?), u64::from(long(&header, 84)?));
    // The product of two 32-bit numbers.
    let table_bytes = count * entry_bytes;
    let fits = entry_bytes.is_multiple_of(ENTRY_BYTES as u64) && entry_bytes > 0 && table_bytes <= MAX_TABLE_BYTES;
    if !header.starts_with(b"EFI PART") || crc32(&header) != checksum || wide(&header, 24)? != header_sector || !fits {
        return None;
    }
    let mut table = vec![0; table_bytes as usize];
    let table_at = wide(&header, 72)?.checked_mul(sector_bytes)?;
    window.read_exact_at(table_at, &mut table).ok()?;
    if crc32(&table) != long(&header, 88)? {
        return None;
    }
    let used = table.chunks_exact(entry_bytes as usize).zip(1..);
    let partitions = used.filter_map(|(entry, number)| partition(entry, number, length, sector_bytes)).collect();
    let header_at = header_sector * sector_bytes;
    let table_end = table_at.saturating_add(table_bytes.next_multiple_of(sector_bytes));
    Some(Copy { partitions, own: [(header_at, header_at.saturating_add(sector_bytes)), (table_at, table_end)] })
}

/// One entry; `None` when it is not used.
fn partition(entry: &[u8], number: u32, length: u64, sector_bytes: u64) -> Option<Partition> {
    let kind = entry.get(..16).filter(|guid| guid.iter().any(|byte| *byte != 0))?;
    let (first, last) = (wide(entry, 32)?, wide(entry, 40)?);
    let sectors = last.checked_sub(first).map_or(0, |n| n.saturating_add(1));
    let bytes = (first.saturating_mul(sector_bytes), sectors.saturating_mul(sector_bytes));
    let mut partition = Partition::within("gpt", number, bytes, guid(kind), length);
    if wide(entry, 48)? & ATTRIBUTES_HIDDEN != 0 {
        partition.remarks.push(VolumeRemark::Hidden);
    }
    Some(partition)
}

/// The customary way to write one: the first three groups are little-endian (UEFI appendix A).
fn guid(bytes: &[u8]) -> String {
    let order = [3, 2, 1, 0, 16, 5, 4, 16, 7, 6, 16, 8, 9, 16, 10, 11, 12, 13, 14, 15];
    let groups = order.iter().map(|at| bytes.get(*at).map_or_else(|| "-".to_owned(), |byte| format!("{byte:02x}")));
    groups.collect()
}

/// CRC-32 as in IEEE 802.3, bit by bit: at most a mebibyte goes through it.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let shift = |crc: u32, _| if crc & 1 == 0 { crc >> 1 } else { (crc >> 1) ^ 0xEDB8_8320 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), shift))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_and_guid_of_the_specifications() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(guid(b"\xA2\xA0\xD0\xEB\xE5\xB9\x33\x44\x87\xC0\x68\xB6\xB7\x26\x99\xC7"), "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7");
    }
}
