//! Partition tables that lie, break or overlap: every entry is a line, and a readable volume beside it is read.

use crate::common::{Sent, read_image, sample};
use crate::mounts::run;
use model::report::VolumeRemark;
use std::io::{Cursor, Write as _};
use testkit::{Partition, bits::crc32, write_fat32_image};
use wire::{AreaKind, EntryKind};

const TABLE: usize = 446;

fn image(partition: Partition) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("medium.img");
    write_fat32_image(&path, &[sample("a.txt", *b"Inhalt")], partition).unwrap();
    std::fs::read(&path).unwrap()
}

fn set_entry(bytes: &mut [u8], number: usize, kind: u8, first: u32, sectors: u32) {
    let entry = &mut bytes[TABLE + (number - 1) * 16..][..16];
    entry[4] = kind;
    entry[8..12].copy_from_slice(&first.to_le_bytes());
    entry[12..16].copy_from_slice(&sectors.to_le_bytes());
}

fn volumes(sent: &Sent) -> Vec<(&str, u32, bool)> {
    sent.volumes.iter().map(|(scheme, number, _, readable)| (scheme.as_str(), *number, *readable)).collect()
}

#[test]
fn partitions_beyond_the_image_empty_and_extended_ones_are_lines() {
    let mut bytes = image(Partition::Mbr);
    set_entry(&mut bytes, 2, 0x0C, u32::MAX, u32::MAX);
    set_entry(&mut bytes, 3, 0x83, 2048, 0);
    // An extended partition, even where something like a file system lies at its beginning.
    set_entry(&mut bytes, 4, 0x0F, 2048, 100_000);
    let sent = read_image(&bytes);
    assert_eq!(volumes(&sent), [("mbr", 1, true), ("mbr", 2, false), ("mbr", 3, false), ("mbr", 4, false)]);
    assert_eq!(sent.inside(), ["partition 1", "partition 1/a.txt", "partition 2", "partition 3", "partition 4"]);
    assert_eq!(sent.remarks[1], [VolumeRemark::OutsideMedium]);
    assert_eq!(sent.content("partition 1/a.txt").bytes, b"Inhalt");
}

#[test]
fn overlapping_partitions_are_read_as_two() {
    let mut bytes = image(Partition::Mbr);
    set_entry(&mut bytes, 4, 0x0C, 2048, 90_000);
    let sent = read_image(&bytes);
    assert_eq!(sent.inside(), ["partition 1", "partition 1/a.txt", "partition 4", "partition 4/a.txt"]);
    assert_eq!(sent.content("partition 4/a.txt").bytes, b"Inhalt");
    assert!(sent.remarks.iter().all(|remarks| remarks.contains(&VolumeRemark::Overlaps)), "{:?}", sent.remarks);
}

#[test]
fn a_partition_longer_than_the_image_is_cut() {
    let mut bytes = image(Partition::Mbr);
    set_entry(&mut bytes, 1, 0x0C, 2048, u32::MAX);
    assert_eq!(read_image(&bytes).content("a.txt").bytes, b"Inhalt");
}

#[test]
fn a_broken_primary_table_is_replaced_by_the_backup() {
    // Signature, header checksum, a byte of the table.
    for at in [512, 512 + 16, 1024 + 60] {
        let mut bytes = image(Partition::Gpt);
        bytes[at] ^= 1;
        let sent = read_image(&bytes);
        assert_eq!(volumes(&sent), [("gpt", 1, true)], "{at}");
        assert_eq!(sent.content("a.txt").bytes, b"Inhalt");
    }
}

#[test]
fn without_a_whole_table_the_protective_entry_is_all_there_is() {
    let mut bytes = image(Partition::Gpt);
    let last = bytes.len() - 512;
    (bytes[512], bytes[last]) = (0, 0);
    let sent = read_image(&bytes);
    assert_eq!(volumes(&sent), [("mbr", 1, false)]);
    assert_eq!(sent.others(), [("partition 1", EntryKind::Area(AreaKind::Unknown))]);
}

/// Changes the primary header and gives it a right checksum again; the backup is destroyed.
fn with_header(change: impl Fn(&mut [u8])) -> Vec<u8> {
    let mut bytes = image(Partition::Gpt);
    let last = bytes.len() - 512;
    bytes[last] = 0;
    let header = &mut bytes[512..604];
    change(header);
    header[16..20].fill(0);
    let sum = crc32(header).to_le_bytes();
    header[16..20].copy_from_slice(&sum);
    bytes
}

#[test]
fn absurd_tables_with_right_checksums_are_refused() {
    assert_eq!(read_image(&with_header(|_| ())).inside(), ["a.txt"]);
    let changes: [(usize, &[u8]); 6] =
        [(80, &[255, 255, 255, 255]), (84, &[0, 0, 0, 0]), (84, &[1, 0, 0, 0]), (84, &[255, 255, 255, 255]), (72, &[255; 8]), (24, &[7])];
    for (at, with) in changes {
        let bytes = with_header(|header| header[at..at + with.len()].copy_from_slice(with));
        assert_eq!(volumes(&read_image(&bytes)), [("mbr", 1, false)], "{at} {with:?}");
    }
}

#[test]
fn what_only_the_boot_record_of_a_hybrid_table_knows_is_read_too() {
    let mut bytes = image(Partition::Gpt);
    // Entry 2 is the GPT's own partition once more; entry 1 becomes a foreign one and entry 3 protects.
    set_entry(&mut bytes, 1, 0x0C, 34, 100);
    let last = u64::from_le_bytes(bytes[1_024 + 40..][..8].try_into().unwrap());
    set_entry(&mut bytes, 2, 0x0C, 2048, (last - 2_047) as u32);
    set_entry(&mut bytes, 3, 0xEE, 1, 33);
    let sent = read_image(&bytes);
    assert_eq!(volumes(&sent), [("gpt", 1, true), ("mbr", 1, false)]);
    assert_eq!(sent.inside(), ["partition 1", "partition 1/a.txt", "partition 1 of the boot record"]);
}

#[test]
fn tiny_and_empty_images_hold_no_file_system() {
    for length in [0, 1, 511, 512, 513, 4096] {
        let sent = read_image(&vec![0; length]);
        assert_eq!(volumes(&sent), [("none", 0, false)], "{length}");
        assert_eq!(sent.others(), [("volume", EntryKind::Area(AreaKind::Unknown))]);
    }
    let mut signed = vec![0; 512];
    signed[510..].copy_from_slice(&[0x55, 0xAA]);
    set_entry(&mut signed, 1, 0xEE, 1, u32::MAX);
    assert_eq!(volumes(&read_image(&signed)), [("mbr", 1, false)]);
}

const SECTOR: usize = 512;

/// A volume of 2,880 sectors with one file.
fn diskette(name: &str) -> Vec<u8> {
    let mut disk = Cursor::new(vec![0; 2_880 * SECTOR]);
    fatfs::format_volume(&mut disk, fatfs::FormatVolumeOptions::new().volume_id(1)).unwrap();
    let volume = fatfs::FileSystem::new(&mut disk, fatfs::FsOptions::new()).unwrap();
    volume.root_dir().create_file(name).unwrap().write_all(b"Inhalt").unwrap();
    volume.unmount().unwrap();
    disk.into_inner()
}

/// A medium of three small FAT12 volumes: partition 1, and 5 and 6 inside the extended partition 2.
fn chained() -> Vec<u8> {
    let mut bytes = vec![0; 9_000 * SECTOR];
    let mut put = |at: usize, volume: &[u8]| bytes[at * SECTOR..][..volume.len()].copy_from_slice(volume);
    put(64, &diskette("EINS.TXT"));
    put(3_000 + 64, &diskette("FUENF.TXT"));
    put(6_000 + 64, &diskette("SECHS.TXT"));
    for (at, entries) in [
        (0, [(0x01, 64, 2_880), (0x05, 3_000, 6_000)]),
        (3_000, [(0x01, 64, 2_880), (0x05, 3_000, 3_000)]),
        (6_000, [(0x11, 64, 2_880), (0, 0, 0)]),
    ] {
        let table = &mut bytes[at * SECTOR..][..SECTOR];
        for (number, (kind, first, sectors)) in (1..).zip(entries) {
            set_entry(table, number, kind, first, sectors);
        }
        table[510..].copy_from_slice(&[0x55, 0xAA]);
    }
    bytes
}

#[test]
fn logical_partitions_are_read_and_every_sector_belongs_to_something() {
    let bytes = chained();
    let sent = read_image(&bytes);
    assert_eq!(volumes(&sent), [("mbr", 1, true), ("mbr", 2, false), ("mbr", 5, true), ("mbr", 6, true)]);
    let inside = ["partition 1", "partition 1/EINS.TXT", "partition 2", "partition 5", "partition 5/FUENF.TXT", "partition 6"];
    assert_eq!(sent.inside(), [&inside[..], &["partition 6/SECHS.TXT"]].concat());
    assert_eq!(sent.remarks, [vec![], vec![], vec![], vec![VolumeRemark::Hidden]]);
    let kind = |kind| sent.entries.iter().filter(move |entry| entry.kind == EntryKind::Area(kind));
    assert_eq!(kind(AreaKind::Extended).count(), 1);
    let gaps: u64 = kind(AreaKind::Unpartitioned).map(|entry| entry.size_bytes).sum();
    assert_eq!(gaps, (9_000 - 3 * 2_880 - 3) * SECTOR as u64);
}

#[test]
fn a_chain_of_tables_that_breaks_off_or_bites_its_tail_is_a_line() {
    let table_6 = 6_000 * SECTOR;
    for (at, with) in [
        // No table at all; back to the first one; to itself; out of the medium.
        (table_6 + 510, &[0u8, 0][..]),
        (table_6 + TABLE + 16, &[0, 0, 0, 0, 0x05, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0]),
        (table_6 + TABLE + 16, &[0, 0, 0, 0, 0x05, 0, 0, 0, 0xB8, 0x0B, 0, 0, 9, 0, 0, 0]),
        (table_6 + TABLE + 16, &[0, 0, 0, 0, 0x05, 0, 0, 0, 255, 255, 255, 255, 9, 0, 0, 0]),
    ] {
        let mut bytes = chained();
        bytes[at..at + with.len()].copy_from_slice(with);
        let sent = read_image(&bytes);
        assert_eq!(sent.kind("(unreadable partition table)"), EntryKind::Unreadable, "{at} {with:?}");
        assert_eq!(sent.content("partition 5/FUENF.TXT").bytes, b"Inhalt");
    }
    assert!(!read_image(&chained()).inside().contains(&"(unreadable partition table)"));
}

#[test]
fn where_the_two_tables_disagree_both_are_read() {
    let mut bytes = image(Partition::Gpt);
    // The copy at the end knows a second partition.
    let header_at = bytes.len() - SECTOR;
    let table_at = u64::from_le_bytes(bytes[header_at + 72..][..8].try_into().unwrap()) as usize * SECTOR;
    let first = bytes[table_at..][..128].to_vec();
    bytes[table_at + 128..][..128].copy_from_slice(&first);
    for (at, value) in [(32, 40u64), (40, 2_000), (48, 1 << 62)] {
        bytes[table_at + 128 + at..][..8].copy_from_slice(&value.to_le_bytes());
    }
    let sum = crc32(&bytes[table_at..][..128 * 128]).to_le_bytes();
    let header = &mut bytes[header_at..][..92];
    header[88..92].copy_from_slice(&sum);
    header[16..20].fill(0);
    let sum = crc32(header).to_le_bytes();
    header[16..20].copy_from_slice(&sum);
    let sent = read_image(&bytes);
    assert_eq!(volumes(&sent), [("gpt", 1, true), ("gpt", 2, false)]);
    assert_eq!(sent.remarks, [vec![], vec![VolumeRemark::Hidden, VolumeRemark::BackupTableOnly]]);
    // With the first table gone, the copy is all there is.
    bytes[512] ^= 1;
    let sent = read_image(&bytes);
    assert_eq!(sent.remarks, [vec![VolumeRemark::OneTableCopy], vec![VolumeRemark::Hidden, VolumeRemark::OneTableCopy]]);
}

#[test]
fn tables_that_count_in_large_sectors_are_understood() {
    let volume = diskette("A.TXT");
    let mut bytes = vec![0; 8 << 20];
    bytes[256 * 4_096..][..volume.len()].copy_from_slice(&volume);
    set_entry(&mut bytes, 1, 0x0C, 256, 360);
    bytes[510..512].copy_from_slice(&[0x55, 0xAA]);
    assert_eq!(read_image(&bytes).inside(), ["A.TXT"]);
}

#[test]
fn what_is_left_of_an_earlier_format_hides_no_partition() {
    // A stick that was an ext volume, or a disc image, and got a partition table since.
    for (at, magic) in [(1_024 + 56, &b"\x53\xEF"[..]), (0x8001, b"CD001")] {
        let mut bytes = image(Partition::Mbr);
        bytes[at..at + magic.len()].copy_from_slice(magic);
        let sent = read_image(&bytes);
        assert_eq!(volumes(&sent), [("mbr", 1, true)], "{at}");
        assert_eq!(sent.content("a.txt").bytes, b"Inhalt");
        // It is not read, and not hidden either.
        assert_eq!(sent.kind("(file system before the partitions)"), EntryKind::Area(AreaKind::Unknown));
        // Another entry that leads nowhere changes nothing about that.
        set_entry(&mut bytes, 4, 0x83, u32::MAX, 1);
        let sent = read_image(&bytes);
        assert_eq!(sent.content("partition 1/a.txt").bytes, b"Inhalt");
        assert_eq!(sent.kind("(file system before the partitions)"), EntryKind::Area(AreaKind::Unknown));
    }
}

#[test]
fn a_boot_sector_that_is_a_partition_table_too_is_read_as_both() {
    let mut bytes = image(Partition::Mbr);
    // The boot sector of another volume, in front of the table.
    let boot = diskette("B.TXT");
    bytes[..446].copy_from_slice(&boot[..446]);
    for at in (SECTOR..64 * SECTOR).step_by(SECTOR) {
        bytes[at..at + SECTOR].copy_from_slice(&boot[at..at + SECTOR]);
    }
    let sent = read_image(&bytes);
    assert_eq!(volumes(&sent), [("none", 0, true), ("mbr", 1, true)]);
    assert_eq!(sent.content("volume/B.TXT").bytes, b"Inhalt");
    assert_eq!(sent.content("partition 1/a.txt").bytes, b"Inhalt");
}

#[test]
fn two_file_systems_laid_over_one_another_are_remarked() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("medium.img");
    std::fs::File::create(&path).unwrap().set_len(8 << 20).unwrap();
    run("mke2fs", &["-q", "-t", "ext2", path.to_str().unwrap()]);
    let mut bytes = std::fs::read(&path).unwrap();
    assert_eq!(read_image(&bytes).remarks, [vec![]]);
    // FAT needs no more than the first sector to begin with.
    let mut boot = diskette("B.TXT")[..SECTOR].to_vec();
    boot[14..16].copy_from_slice(&64u16.to_le_bytes());
    bytes[..SECTOR].copy_from_slice(&boot);
    let sent = read_image(&bytes);
    assert_eq!((volumes(&sent), &sent.remarks[..]), (vec![("none", 0, true)], &[vec![VolumeRemark::Ambiguous]][..]));
    assert_eq!(sent.kind("volume as ext2"), EntryKind::Area(AreaKind::Unknown));
}

#[test]
fn an_entry_of_no_kind_and_a_hybrid_one_of_another_length_are_partitions() {
    let mut bytes = image(Partition::Mbr);
    let table = &mut bytes[..SECTOR];
    table[TABLE + 4] = 0;
    assert_eq!(read_image(&bytes).content("a.txt").bytes, b"Inhalt");
    let mut bytes = image(Partition::Gpt);
    // The same beginning, but longer than the GPT says.
    set_entry(&mut bytes, 2, 0x0C, 2_048, 90_000);
    let sent = read_image(&bytes);
    assert_eq!(volumes(&sent), [("gpt", 1, true), ("mbr", 2, true)]);
    assert!(sent.remarks[1].contains(&VolumeRemark::BootRecordOnly), "{:?}", sent.remarks);
}
