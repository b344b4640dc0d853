//! Media: a FAT32 volume of samples, alone or in a partition table (MBR or GPT) written by hand.
//!
//! **Invariant:** volume number, dates and identifiers are fixed, so that an image has one digest everywhere.

use crate::bits;
use crate::tree::{Sample, fat_subset};
use anyhow::{Context as _, Result, ensure};
use std::io::{Cursor, Seek as _, SeekFrom, Write as _};
use std::path::Path;

/// Bytes of a sector.
const SECTOR: usize = 512;
/// Sector at which the one partition begins (1 MiB).
const FIRST_SECTOR: u64 = 2048;
/// Identifier of the volume.
const VOLUME_ID: u32 = 0x2026_0115;
// BOUND: FAT32 needs 65,525 clusters (Microsoft FAT specification, section 3.5); with clusters of 512 bytes that is 32 MiB and the tables.
const MIN_VOLUME: usize = 40 << 20;

/// How the volume lies on the medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partition {
    /// The volume begins at the first sector.
    None,
    /// One partition of a master boot record.
    Mbr,
    /// One partition of a GUID partition table.
    Gpt,
}

#[derive(Debug)]
struct FixedTime;

impl fatfs::TimeProvider for FixedTime {
    fn get_current_date(&self) -> fatfs::Date {
        fatfs::Date { year: 2026, month: 1, day: 15 }
    }

    fn get_current_date_time(&self) -> fatfs::DateTime {
        fatfs::DateTime { date: self.get_current_date(), time: fatfs::Time { hour: 12, min: 0, sec: 0, millis: 0 } }
    }
}

static FIXED_TIME: FixedTime = FixedTime;

/// A FAT32 volume of the samples whose names FAT can hold (see [`fat_subset`]).
///
/// # Errors
/// When the file system library refuses.
pub fn fat32_image(samples: &[Sample]) -> Result<Vec<u8>> {
    let listed = fat_subset(samples);
    let content: usize = listed.iter().map(|(_, sample)| sample.bytes.len() + 4096).sum();
    let size = (content + content / 4 + (8 << 20)).max(MIN_VOLUME).next_multiple_of(1 << 20);
    let mut disk = Cursor::new(vec![0; size]);
    let options = fatfs::FormatVolumeOptions::new()
        .fat_type(fatfs::FatType::Fat32)
        .bytes_per_cluster(SECTOR as u32)
        .volume_id(VOLUME_ID)
        .volume_label(*b"SCHLEUSE   ");
    fatfs::format_volume(&mut disk, options).context("formatting")?;
    disk.set_position(0);
    let volume = fatfs::FileSystem::new(&mut disk, fatfs::FsOptions::new().time_provider(&FIXED_TIME)).context("opening the volume")?;
    for (path, sample) in &listed {
        let root = volume.root_dir();
        for (end, _) in path.match_indices('/') {
            let folder = path.get(..end).context("folder of a path")?;
            root.create_dir(folder).with_context(|| format!("making {folder}"))?;
        }
        let mut file = root.create_file(path).with_context(|| format!("making {path}"))?;
        file.write_all(&sample.bytes).and_then(|()| file.flush()).with_context(|| format!("writing {path}"))?;
    }
    volume.unmount().context("closing the volume")?;
    let mut bytes = disk.into_inner();
    straighten_dot_entries(&mut bytes);
    Ok(bytes)
}

/// Puts `.` and `..` into the first two places of every directory. The library writes each behind a long-name entry, and
/// for `..` of a top directory the root's cluster instead of 0 (Microsoft FAT specification, section 6.5).
fn straighten_dot_entries(volume: &mut [u8]) {
    const ENTRY: usize = 32;
    const ROOT_CLUSTER: u16 = 2;
    for sector in volume.chunks_exact_mut(SECTOR) {
        let entry = |number: usize| sector.get(number * ENTRY..(number + 1) * ENTRY).and_then(|e| <[u8; ENTRY]>::try_from(e).ok());
        let (Some(long), Some(dot), Some(mut dot_dot)) = (entry(0), entry(1), entry(3)) else {
            continue;
        };
        if long[11] != 0x0F || !dot.starts_with(b".          \x10") || !dot_dot.starts_with(b"..         \x10") {
            continue;
        }
        if dot_dot[20..22] == [0, 0] && dot_dot[26..28] == ROOT_CLUSTER.to_le_bytes() {
            dot_dot[26..28].fill(0);
        }
        let mut deleted = [0; ENTRY];
        deleted[0] = 0xE5;
        for (place, entry) in sector.chunks_exact_mut(ENTRY).zip([dot, dot_dot, deleted, deleted]) {
            place.copy_from_slice(&entry);
        }
    }
}

/// Writes a medium with the samples to `path` as a sparse file.
///
/// # Errors
/// When the file system library refuses or the file cannot be written.
pub fn write_fat32_image(path: &Path, samples: &[Sample], partition: Partition) -> Result<()> {
    let mut volume = fat32_image(samples)?;
    let sectors = (volume.len() / SECTOR) as u64;
    let pieces = match partition {
        Partition::None => vec![(0, volume)],
        Partition::Mbr => {
            set_hidden_sectors(&mut volume)?;
            vec![(0, master_boot_record(0x0C, FIRST_SECTOR, sectors)?), (FIRST_SECTOR, volume)]
        }
        Partition::Gpt => {
            set_hidden_sectors(&mut volume)?;
            let mut pieces = guid_partition_table(sectors)?;
            pieces.push((FIRST_SECTOR, volume));
            pieces
        }
    };
    let total = pieces.iter().map(|(at, bytes)| at * SECTOR as u64 + bytes.len() as u64).max().unwrap_or(0);
    let mut file = std::fs::File::create(path).with_context(|| format!("making {}", path.display()))?;
    file.set_len(total).with_context(|| format!("sizing {}", path.display()))?;
    for (at, bytes) in &pieces {
        for (index, block) in bytes.chunks(4096).enumerate().filter(|(_, block)| block.iter().any(|b| *b != 0)) {
            file.seek(SeekFrom::Start(at * SECTOR as u64 + index as u64 * 4096))?;
            file.write_all(block).with_context(|| format!("writing {}", path.display()))?;
        }
    }
    file.sync_all().with_context(|| format!("flushing {}", path.display()))
}

/// Sectors before the volume, in the boot sector and its copy (sectors 0 and 6, offset 28).
fn set_hidden_sectors(volume: &mut [u8]) -> Result<()> {
    for sector in [0, 6] {
        let at = sector * SECTOR + 28;
        volume.get_mut(at..at + 4).context("boot sector")?.copy_from_slice(&(FIRST_SECTOR as u32).to_le_bytes());
    }
    Ok(())
}

/// A master boot record with one partition, addressed by sector number only.
fn master_boot_record(kind: u8, first: u64, sectors: u64) -> Result<Vec<u8>> {
    let mut out = vec![0; 440];
    out.extend(VOLUME_ID.to_le_bytes());
    out.extend([0, 0]);
    out.extend([0, 0xFE, 0xFF, 0xFF, kind, 0xFE, 0xFF, 0xFF]);
    out.extend(u32::try_from(first)?.to_le_bytes());
    out.extend(u32::try_from(sectors)?.to_le_bytes());
    out.resize(510, 0);
    out.extend([0x55, 0xAA]);
    ensure!(out.len() == SECTOR, "boot record of {} bytes", out.len());
    Ok(out)
}

/// Protective boot record, both headers and both tables (UEFI 2.10, section 5.3), by sector.
fn guid_partition_table(volume_sectors: u64) -> Result<Vec<(u64, Vec<u8>)>> {
    const TABLE_SECTORS: u64 = 32;
    // EBD0A0A2-B9E5-4433-87C0-68B6B72699C7, basic data.
    const BASIC_DATA: [u8; 16] = *b"\xA2\xA0\xD0\xEB\xE5\xB9\x33\x44\x87\xC0\x68\xB6\xB7\x26\x99\xC7";
    let last = FIRST_SECTOR + volume_sectors - 1;
    let backup = last + TABLE_SECTORS + 1;
    let mut table = BASIC_DATA.to_vec();
    table.extend(b"Datenschleuse-P1");
    table.extend(FIRST_SECTOR.to_le_bytes());
    table.extend(last.to_le_bytes());
    table.extend([0; 8]);
    table.extend(bits::utf16le("Muster"));
    table.resize(TABLE_SECTORS as usize * SECTOR, 0);
    let header = |own: u64, other: u64, table_at: u64| {
        let mut out = b"EFI PART\0\0\x01\0\x5C\0\0\0\0\0\0\0\0\0\0\0".to_vec();
        for field in [own, other, 2 + TABLE_SECTORS, last] {
            out.extend(field.to_le_bytes());
        }
        out.extend(b"Datenschleuse-D1");
        out.extend(table_at.to_le_bytes());
        for field in [128u32, 128, bits::crc32(&table)] {
            out.extend(field.to_le_bytes());
        }
        let crc = bits::crc32(&out);
        if let Some(field) = out.get_mut(16..20) {
            field.copy_from_slice(&crc.to_le_bytes());
        }
        out.resize(SECTOR, 0);
        out
    };
    Ok(vec![
        (0, master_boot_record(0xEE, 1, backup)?),
        (1, header(1, backup, 2)),
        (2, table.clone()),
        (last + 1, table.clone()),
        (backup, header(backup, 1, last + 1)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Expected;
    use model::Format;
    use std::io::Read as _;

    fn samples() -> Vec<Sample> {
        let sample = |path: &str| Sample::new(path, "", *b"Inhalt", Expected::rebuilt(Format::Txt));
        vec![sample("Übersicht.txt"), sample("Ordner mit Leerzeichen/Straße/a.txt"), sample("nicht.fat.")]
    }

    #[test]
    fn the_volume_reads_back_and_is_the_same_twice() {
        let bytes = fat32_image(&samples()).unwrap();
        assert_eq!(bytes, fat32_image(&samples()).unwrap());
        let volume = fatfs::FileSystem::new(Cursor::new(bytes), fatfs::FsOptions::new()).unwrap();
        assert_eq!(volume.fat_type(), fatfs::FatType::Fat32);
        let mut text = String::new();
        volume.root_dir().open_file("Ordner mit Leerzeichen/Straße/a.txt").unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "Inhalt");
        let names = |dir: fatfs::Dir<'_, _>| dir.iter().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
        assert_eq!(names(volume.root_dir()), ["Übersicht.txt", "Ordner mit Leerzeichen"]);
        assert_eq!(names(volume.root_dir().open_dir("Ordner mit Leerzeichen").unwrap()), [".", "..", "Straße"]);
    }

    #[test]
    fn partition_tables_point_at_the_volume() {
        let dir = tempfile::tempdir().unwrap();
        for (partition, volume_at) in [(Partition::None, 0), (Partition::Mbr, 1 << 20), (Partition::Gpt, 1 << 20)] {
            let path = dir.path().join("medium.img");
            write_fat32_image(&path, &samples(), partition).unwrap();
            let bytes = std::fs::read(&path).unwrap();
            assert_eq!(bytes.get(volume_at + 82..volume_at + 87), Some(&b"FAT32"[..]), "{partition:?}");
            assert_eq!(bytes.get(510..512), Some(&[0x55, 0xAA][..]), "{partition:?}");
            if partition == Partition::Gpt {
                let tail = bytes.len() - SECTOR;
                assert_eq!(bytes.get(512..520), Some(&b"EFI PART"[..]));
                assert_eq!(bytes.get(tail..tail + 8), Some(&b"EFI PART"[..]));
            }
        }
    }
}
