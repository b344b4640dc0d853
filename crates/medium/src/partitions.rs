//! Partition tables: none, MBR (primary entries), GPT.

use crate::cache::Window;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::rc::Rc;

/// Bytes of a sector; images of media with 4096-byte sectors come later.
pub const SECTOR_BYTES: u64 = 512;

/// A part of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// `none`, `mbr`, `gpt`.
    pub scheme: &'static str,
    /// Number in the table, from 1; 0 for the whole image.
    pub number: u32,
    /// First byte.
    pub offset_bytes: u64,
    /// Length, cut to the image.
    pub size_bytes: u64,
    /// What the table says is in it.
    pub kind: String,
}

/// Lists the partitions of an image of `length` bytes; a whole-image file system is one with number 0.
///
/// # Errors
/// When the first sector cannot be read.
pub fn list(file: &Rc<File>, length: u64) -> io::Result<Vec<Partition>> {
    let mut first = [0u8; SECTOR_BYTES as usize];
    file.read_exact_at(&mut first, 0)?;
    let whole = || Partition { scheme: "none", number: 0, offset_bytes: 0, size_bytes: length, kind: String::new() };
    if first.get(510..) != Some(&[0x55, 0xAA][..]) || is_boot_sector(&first) {
        return Ok(vec![whole()]);
    }
    let entries = mbr_entries(&first, length);
    if entries.iter().any(|p| p.kind == "0xee") {
        return Ok(gpt_entries(file, length).unwrap_or(entries));
    }
    Ok(if entries.is_empty() { vec![whole()] } else { entries })
}

/// A FAT, exFAT or NTFS boot sector: a jump, then a name or a plausible parameter block (Microsoft FAT specification 3.1).
fn is_boot_sector(sector: &[u8; SECTOR_BYTES as usize]) -> bool {
    let jump = matches!(sector, [0xEB, _, 0x90, ..] | [0xE9, ..]);
    let bytes_per_sector = u16::from_le_bytes([sector[11], sector[12]]);
    let name = sector.get(3..11).unwrap_or_default();
    let known = name == b"EXFAT   " || name == b"NTFS    ";
    jump && (known || (matches!(bytes_per_sector, 512 | 1024 | 2048 | 4096) && sector[13].is_power_of_two() && sector[16] > 0))
}

fn mbr_entries(sector: &[u8; SECTOR_BYTES as usize], length: u64) -> Vec<Partition> {
    let table = sector.get(446..510).unwrap_or_default();
    let entries = table.chunks_exact(16).enumerate().filter_map(|(index, entry)| {
        let word = |at: usize| entry.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes);
        let kind = *entry.get(4)?;
        let (offset_bytes, size) = (u64::from(word(8)) * SECTOR_BYTES, u64::from(word(12)) * SECTOR_BYTES);
        let size_bytes = size.min(length.checked_sub(offset_bytes)?);
        (kind != 0 && size > 0).then(|| Partition {
            scheme: "mbr",
            number: index as u32 + 1,
            offset_bytes,
            size_bytes,
            kind: format!("0x{kind:02x}"),
        })
    });
    entries.collect()
}

fn gpt_entries(file: &Rc<File>, length: u64) -> Option<Vec<Partition>> {
    let window = Window::new(Rc::clone(file), 0, length);
    let disk = gpt::GptConfig::new().writable(false).open_from_device(window).ok()?;
    let entries = disk.partitions().iter().filter_map(|(number, entry)| {
        let offset_bytes = entry.bytes_start(*disk.logical_block_size()).ok()?;
        let size_bytes = entry.bytes_len(*disk.logical_block_size()).ok()?.min(length.checked_sub(offset_bytes)?);
        let kind = entry.part_type_guid.guid.to_string();
        Some(Partition { scheme: "gpt", number: *number, offset_bytes, size_bytes, kind })
    });
    Some(entries.collect())
}
