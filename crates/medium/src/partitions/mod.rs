//! Partition tables: none, MBR with extended partitions, GPT with its copy, and what lies between partitions.
//!
//! **Invariant (I3):** an entry that leads out of the medium or to nothing readable is listed all the same, and so is
//! every area that no entry names.

mod gpt;
mod mbr;

pub(crate) use gpt::crc32;

use crate::cache::{ByteSource, Window};
use model::report::VolumeRemark;
use std::io;
use std::rc::Rc;

/// Bytes of a sector where nothing says otherwise.
pub const SECTOR_BYTES: u64 = 512;
/// Bytes of a sector of large disks ("4K native", also behind USB bridges).
const LARGE_SECTOR_BYTES: u64 = 4_096;

/// Where the descriptors of a disc begin, byte.
const DISC_DESCRIPTORS: u64 = 0x8000;

/// A part of a medium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// `none`, `mbr`, `gpt`.
    pub scheme: &'static str,
    /// Number in the table, from 1; logical ones from 5; 0 for the whole medium.
    pub number: u32,
    /// First byte.
    pub offset_bytes: u64,
    /// Length, cut to the medium; 0 when it lies outside.
    pub size_bytes: u64,
    /// What the table says is in it.
    pub kind: String,
    /// Whether it holds no file system but further tables, which are partitions of their own here.
    pub extended: bool,
    /// What is odd about it.
    pub remarks: Vec<VolumeRemark>,
}

/// An area that belongs to no partition and no table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// First byte.
    pub offset_bytes: u64,
    /// Length.
    pub size_bytes: u64,
}

/// What the tables say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Partitions, in the order of their tables; at least one.
    pub partitions: Vec<Partition>,
    /// What lies between them, in the order of the medium.
    pub gaps: Vec<Gap>,
    /// Whether a chain of logical partitions breaks off, so that there may be more.
    pub broken: bool,
    /// Whether a file system begins before the first partition that no partition holds: what is left of an earlier format, or
    /// what somebody wants nobody to look at. It is not read.
    pub beside: bool,
}

/// A table as it was read: its partitions, and the bytes the table itself takes.
#[derive(Debug, Default)]
struct Table {
    partitions: Vec<Partition>,
    own: Vec<(u64, u64)>,
    broken: bool,
}

impl Partition {
    /// A partition of a medium of `length` bytes from its first byte and its length.
    fn within(scheme: &'static str, number: u32, (first, bytes): (u64, u64), kind: String, length: u64) -> Self {
        let size_bytes = bytes.min(length.saturating_sub(first));
        let outside = if size_bytes < bytes { vec![VolumeRemark::OutsideMedium] } else { Vec::new() };
        Self { scheme, number, offset_bytes: first, size_bytes, kind, extended: false, remarks: outside }
    }

    fn whole(length: u64) -> Self {
        Self::within("none", 0, (0, length), String::new(), length)
    }

    fn end(&self) -> u64 {
        self.offset_bytes.saturating_add(self.size_bytes)
    }
}

/// Lists the partitions of a medium of `length` bytes; a whole-medium file system is one with number 0.
///
/// # Errors
/// When the first sector cannot be read.
pub fn list(bytes: &Rc<dyn ByteSource>, length: u64) -> io::Result<Listing> {
    let whole = || Listing { partitions: vec![Partition::whole(length)], ..Listing::default() };
    let mut first = [0u8; SECTOR_BYTES as usize];
    if length < SECTOR_BYTES {
        return Ok(whole());
    }
    let window = Window::new(Rc::clone(bytes), 0, length);
    window.read_exact_at(0, &mut first)?;
    let signed = first.get(510..) == Some(&[0x55, 0xAA][..]);
    let plausible = signed && mbr::is_plausible(&first, length);
    if !signed || (!plausible && starts_a_file_system(&window, &first)) {
        return Ok(whole());
    }
    let table = if mbr::is_protective(&first) {
        gpt::read(&window, length, SECTOR_BYTES).or_else(|| gpt::read(&window, length, LARGE_SECTOR_BYTES))
    } else {
        None
    };
    let table = match table {
        Some(table) => beside_the_boot_record(table, mbr::read(&window, &first, length, SECTOR_BYTES)),
        None => mbr::read(&window, &first, length, mbr_sector_bytes(&window, &first, length)),
    };
    let mut table = table;
    let mut beside = false;
    if is_boot_sector(&first) || is_hybrid_disc(&window, &table.partitions) {
        // Both are true: the whole medium is a volume, and the table names parts of it. Neither may hide what is in the other.
        table.partitions.retain(|partition| partition.offset_bytes > 0);
        table.partitions.insert(0, Partition::whole(length));
    } else {
        beside = starts_a_file_system(&window, &first);
    }
    // A table without entries is no reason for a medium without a line.
    Ok(if table.partitions.is_empty() { whole() } else { Listing { beside, ..finish(table, length) } })
}

/// A disc image that can also be started from a stick has a boot record before its ISO 9660 descriptors (ECMA-119, 6.2.1), and
/// in it a partition that these are part of. Descriptors that lie before every partition are what is left of a disc that
/// once was there.
fn is_hybrid_disc(window: &Window, partitions: &[Partition]) -> bool {
    starts_a_disc(window) && partitions.iter().any(|partition| partition.offset_bytes <= DISC_DESCRIPTORS)
}

fn starts_a_disc(window: &Window) -> bool {
    let mut magic = [0u8; 5];
    // ISO 9660, or the extended area of UDF (ECMA-167, 2/9.1).
    window.read_exact_at(DISC_DESCRIPTORS + 1, &mut magic).is_ok() && (magic == *b"CD001" || magic == *b"BEA01")
}

/// A hybrid boot record lists some partitions twice; one that only it knows is not lost.
fn beside_the_boot_record(mut table: Table, boot_record: Table) -> Table {
    table.broken |= boot_record.broken;
    table.own.extend(boot_record.own);
    for mut partition in boot_record.partitions {
        let place = |p: &Partition| (p.offset_bytes, p.size_bytes);
        let known = table.partitions.iter().any(|other| place(other) == place(&partition));
        if !known && !mbr::protects(&partition) {
            partition.remarks.push(VolumeRemark::BootRecordOnly);
            table.partitions.push(partition);
        }
    }
    table
}

/// A boot record counts in sectors and does not say of how many bytes: large ones, when only then a volume begins
/// where an entry points.
fn mbr_sector_bytes(window: &Window, first: &[u8; SECTOR_BYTES as usize], length: u64) -> u64 {
    let begins = |sector_bytes| {
        let entries = mbr::primaries(first, length, sector_bytes);
        entries.iter().any(|entry| {
            let mut sector = [0u8; SECTOR_BYTES as usize];
            let begins_there = window.read_exact_at(entry.offset_bytes, &mut sector).is_ok();
            // LUKS On-Disk Format: its magic.
            begins_there && (is_boot_sector(&sector) || sector.starts_with(b"LUKS\xBA\xBE") || starts_an_ext(window, entry.offset_bytes))
        })
    };
    if !begins(SECTOR_BYTES) && begins(LARGE_SECTOR_BYTES) { LARGE_SECTOR_BYTES } else { SECTOR_BYTES }
}

/// Overlaps and gaps.
fn finish(table: Table, length: u64) -> Listing {
    let Table { mut partitions, own, broken } = table;
    let ranges: Vec<(u64, u64)> = partitions.iter().map(|p| if p.extended { (0, 0) } else { (p.offset_bytes, p.end()) }).collect();
    for (index, partition) in partitions.iter_mut().enumerate().filter(|(_, p)| !p.extended) {
        let (from, to) = (partition.offset_bytes, partition.end());
        let others = ranges.iter().enumerate().filter(|(other, _)| *other != index);
        if others.into_iter().any(|(_, (start, end))| from.max(*start) < to.min(*end)) {
            partition.remarks.push(VolumeRemark::Overlaps);
        }
    }
    let mut taken: Vec<(u64, u64)> = ranges.into_iter().chain(own).filter(|(from, to)| from < to).collect();
    taken.sort_unstable();
    let (mut gaps, mut at) = (Vec::new(), 0);
    for (from, to) in taken.into_iter().chain([(length, length)]) {
        if from > at {
            gaps.push(Gap { offset_bytes: at, size_bytes: from - at });
        }
        at = at.max(to);
    }
    Listing { partitions, gaps, broken, beside: false }
}

/// A FAT, exFAT or NTFS boot sector: a jump, then a name or a plausible parameter block (Microsoft FAT specification 3.1).
fn is_boot_sector(sector: &[u8; SECTOR_BYTES as usize]) -> bool {
    let jump = matches!(sector, [0xEB, _, 0x90, ..] | [0xE9, ..]);
    let bytes_per_sector = u16::from_le_bytes([sector[11], sector[12]]);
    let name = sector.get(3..11).unwrap_or_default();
    let known = name == b"EXFAT   " || name == b"NTFS    " || name == b"-FVE-FS-";
    jump && (known || (matches!(bytes_per_sector, 512 | 1024 | 2048 | 4096) && sector[13].is_power_of_two() && sector[16] > 0))
}

/// Whether the medium itself is a volume: FAT, exFAT and NTFS begin with a boot sector, and boot code may stand before one that
/// begins further in, as ext (superblock at 1,024 bytes) and discs do.
fn starts_a_file_system(window: &Window, first: &[u8; SECTOR_BYTES as usize]) -> bool {
    is_boot_sector(first) || starts_an_ext(window, 0) || starts_a_disc(window)
}

/// Magic number in the superblock.
fn starts_an_ext(window: &Window, offset_bytes: u64) -> bool {
    let mut magic = [0u8; 2];
    window.read_exact_at(offset_bytes.saturating_add(1_024 + 56), &mut magic).is_ok() && magic == [0x53, 0xEF]
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

fn wide(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at.checked_add(8)?)?.try_into().ok().map(u64::from_le_bytes)
}
