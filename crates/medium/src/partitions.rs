//! Partition tables: none, MBR (primary entries), GPT.
//!
//! **Invariant (I3):** an entry that leads out of the image or to nothing readable is listed all the same.

use crate::cache::Window;
use crate::gpt;
use std::fs::File;
use std::io;
use std::rc::Rc;

/// Bytes of a sector; images of media with 4096-byte sectors come later.
pub const SECTOR_BYTES: u64 = 512;
/// MBR kind of the entry that protects a GPT.
const KIND_PROTECTIVE: u8 = 0xEE;
/// MBR kinds of extended partitions, which hold further tables.
const KINDS_EXTENDED: [u8; 3] = [0x05, 0x0F, 0x85];

/// A part of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// `none`, `mbr`, `gpt`.
    pub scheme: &'static str,
    /// Number in the table, from 1; 0 for the whole image.
    pub number: u32,
    /// First byte.
    pub offset_bytes: u64,
    /// Length, cut to the image; 0 when it lies outside.
    pub size_bytes: u64,
    /// What the table says is in it.
    pub kind: String,
    /// Whether it holds no file system but further tables, which are not read.
    pub extended: bool,
}

impl Partition {
    /// A partition of an image of `length` bytes from its first sector and its number of sectors.
    pub(crate) fn within(scheme: &'static str, number: u32, (first, sectors): (u64, u64), kind: String, length: u64) -> Self {
        let offset_bytes = first.saturating_mul(SECTOR_BYTES);
        let size_bytes = sectors.saturating_mul(SECTOR_BYTES).min(length.saturating_sub(offset_bytes));
        Self { scheme, number, offset_bytes, size_bytes, kind, extended: false }
    }
}

/// Lists the partitions of an image of `length` bytes; a whole-image file system is one with number 0.
///
/// # Errors
/// When the first sector cannot be read.
pub fn list(file: &Rc<File>, length: u64) -> io::Result<Vec<Partition>> {
    let whole = || Partition::within("none", 0, (0, length.div_ceil(SECTOR_BYTES)), String::new(), length);
    // A table without entries is no reason for a medium without a line.
    let or_whole = |list: Vec<Partition>| if list.is_empty() { vec![whole()] } else { list };
    let mut first = [0u8; SECTOR_BYTES as usize];
    if length < SECTOR_BYTES {
        return Ok(vec![whole()]);
    }
    let window = Window::new(Rc::clone(file), 0, length);
    window.read_exact_at(0, &mut first)?;
    if first.get(510..) != Some(&[0x55, 0xAA][..]) || is_boot_sector(&first) {
        return Ok(vec![whole()]);
    }
    let mut entries = mbr_entries(&first, length);
    if entries.iter().any(|(kind, _)| *kind == KIND_PROTECTIVE)
        && let Some(mut partitions) = gpt::entries(&window, length)
    {
        // A hybrid table lists some partitions twice; one that only the boot record knows is not lost.
        entries.retain(|(kind, entry)| *kind != KIND_PROTECTIVE && partitions.iter().all(|p| p.offset_bytes != entry.offset_bytes));
        partitions.extend(entries.into_iter().map(|(_, entry)| entry));
        return Ok(or_whole(partitions));
    }
    Ok(or_whole(entries.into_iter().map(|(_, entry)| entry).collect()))
}

/// A FAT, exFAT or NTFS boot sector: a jump, then a name or a plausible parameter block (Microsoft FAT specification 3.1).
fn is_boot_sector(sector: &[u8; SECTOR_BYTES as usize]) -> bool {
    let jump = matches!(sector, [0xEB, _, 0x90, ..] | [0xE9, ..]);
    let bytes_per_sector = u16::from_le_bytes([sector[11], sector[12]]);
    let name = sector.get(3..11).unwrap_or_default();
    let known = name == b"EXFAT   " || name == b"NTFS    ";
    jump && (known || (matches!(bytes_per_sector, 512 | 1024 | 2048 | 4096) && sector[13].is_power_of_two() && sector[16] > 0))
}

/// The entries in use, each with its kind.
fn mbr_entries(sector: &[u8; SECTOR_BYTES as usize], length: u64) -> Vec<(u8, Partition)> {
    let table = sector.get(446..510).unwrap_or_default();
    let entries = table.chunks_exact(16).zip(1..).filter_map(|(entry, number)| {
        let word = |at: usize| entry.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes);
        let kind = *entry.get(4).filter(|kind| **kind != 0)?;
        let sectors = (u64::from(word(8)), u64::from(word(12)));
        let partition = Partition::within("mbr", number, sectors, format!("0x{kind:02x}"), length);
        Some((kind, Partition { extended: KINDS_EXTENDED.contains(&kind), ..partition }))
    });
    entries.collect()
}
