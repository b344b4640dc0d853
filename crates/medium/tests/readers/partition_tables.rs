//! Partition tables that lie, break or overlap: every entry is a line, and a readable volume beside it is read.

use crate::common::{LIMITS, Sent, file_of, read_image, sample, try_image};
use medium::ReadError;
use testkit::{Partition, bits::crc32, write_fat32_image};
use wire::EntryKind;

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
    assert_eq!(sent.paths(), ["partition 1", "partition 1/a.txt", "partition 2", "partition 3", "partition 4"]);
    assert_eq!(sent.others().len(), 3);
    assert_eq!(sent.content("partition 1/a.txt").bytes, b"Inhalt");
}

#[test]
fn overlapping_partitions_are_read_as_two() {
    let mut bytes = image(Partition::Mbr);
    set_entry(&mut bytes, 4, 0x0C, 2048, 90_000);
    let sent = read_image(&bytes);
    assert_eq!(sent.paths(), ["partition 1", "partition 1/a.txt", "partition 4", "partition 4/a.txt"]);
    assert_eq!(sent.content("partition 4/a.txt").bytes, b"Inhalt");
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
    let (sent, done) = try_image(file_of(&bytes), LIMITS);
    assert!(matches!(done, Err(ReadError::NoFileSystem)), "{done:?}");
    assert_eq!(volumes(&sent), [("mbr", 1, false)]);
    assert_eq!(sent.others(), [("volume", EntryKind::Unreadable)]);
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
    assert_eq!(read_image(&with_header(|_| ())).paths(), ["a.txt"]);
    let changes: [(usize, &[u8]); 6] =
        [(80, &[255, 255, 255, 255]), (84, &[0, 0, 0, 0]), (84, &[1, 0, 0, 0]), (84, &[255, 255, 255, 255]), (72, &[255; 8]), (24, &[7])];
    for (at, with) in changes {
        let bytes = with_header(|header| header[at..at + with.len()].copy_from_slice(with));
        let (_, done) = try_image(file_of(&bytes), LIMITS);
        assert!(matches!(done, Err(ReadError::NoFileSystem)), "{at} {with:?}");
    }
}

#[test]
fn what_only_the_boot_record_of_a_hybrid_table_knows_is_read_too() {
    let mut bytes = image(Partition::Gpt);
    // Entry 2 is the GPT's own partition once more; entry 1 becomes a foreign one and entry 3 protects.
    set_entry(&mut bytes, 1, 0x0C, 34, 100);
    set_entry(&mut bytes, 2, 0x0C, 2048, 90_000);
    set_entry(&mut bytes, 3, 0xEE, 1, 33);
    let sent = read_image(&bytes);
    assert_eq!(volumes(&sent), [("gpt", 1, true), ("mbr", 1, false)]);
    assert_eq!(sent.paths(), ["partition 1", "partition 1/a.txt", "partition 1 of the boot record"]);
}

#[test]
fn tiny_and_empty_images_hold_no_file_system() {
    for length in [0, 1, 511, 512, 513, 4096] {
        let (sent, done) = try_image(file_of(&vec![0; length]), LIMITS);
        assert!(matches!(done, Err(ReadError::NoFileSystem)), "{length}");
        assert_eq!(volumes(&sent), [("none", 0, false)]);
    }
    let mut signed = vec![0; 512];
    signed[510..].copy_from_slice(&[0x55, 0xAA]);
    set_entry(&mut signed, 1, 0xEE, 1, u32::MAX);
    assert!(matches!(try_image(file_of(&signed), LIMITS).1, Err(ReadError::NoFileSystem)));
}
