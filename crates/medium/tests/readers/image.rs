//! Images of ordinary media: everything on them arrives, and nothing else; limits hold exactly.

use crate::common::{LIMITS, Sent, file_of, pattern, read_image, sample, sha256, try_image};
use medium::{ReadError, ReadLimits};
use std::collections::BTreeMap;
use std::fs::File;
use testkit::{Partition, Sample, fat32_image, sample_medium, tree::fat_subset, write_fat32_image};
use wire::{AreaKind, EntryKind, Failure};

fn digests(samples: &[Sample]) -> BTreeMap<String, String> {
    fat_subset(samples).into_iter().map(|(_, sample)| (sample.escaped_path(), sha256(&sample.bytes))).collect()
}

#[test]
fn the_sample_medium_arrives_whole_in_three_forms() {
    let samples = sample_medium().unwrap();
    let dir = tempfile::tempdir().unwrap();
    // Between the tables and the first partition lies what is left free for its alignment.
    let forms: [(_, _, _, &[&str]); 3] = [
        (Partition::None, "none", 0, &[]),
        (Partition::Mbr, "mbr", 1, &["unpartitioned area at byte 512"]),
        (Partition::Gpt, "gpt", 1, &["unpartitioned area at byte 17408"]),
    ];
    for (partition, scheme, number, gaps) in forms {
        let path = dir.path().join("medium.img");
        write_fat32_image(&path, &samples, partition).unwrap();
        let (sent, done) = try_image(File::open(&path).unwrap(), LIMITS);
        done.unwrap();
        assert_eq!(sent.volumes, [(scheme.to_owned(), number, "fat32".to_owned(), true)]);
        assert_eq!(sent.digests(), digests(&samples), "{partition:?}");
        let others: Vec<_> = gaps.iter().map(|gap| (*gap, EntryKind::Area(AreaKind::Unpartitioned))).collect();
        assert_eq!(sent.others(), others, "{partition:?}");
    }
}

#[test]
fn sizes_around_a_cluster_and_a_block_are_exact() {
    let sizes = [0, 1, 511, 512, 513, 1024, 65_535, 65_536, 65_537, 262_143, 262_144, 262_145, 1_000_000];
    let samples: Vec<Sample> = sizes.iter().map(|n| sample(&format!("{n}.bin"), pattern(*n))).collect();
    let sent = read_image(&fat32_image(&samples).unwrap());
    assert_eq!(sent.digests(), digests(&samples));
    assert!(sizes.iter().all(|n| sent.entries.iter().any(|entry| entry.size_bytes == *n as u64)));
}

#[test]
fn an_empty_volume_is_an_empty_inventory() {
    let sent = read_image(&fat32_image(&[]).unwrap());
    assert_eq!((sent.entries.len(), sent.contents.len()), (0, 0));
}

#[test]
fn max_entries_is_exact() {
    let image = fat32_image(&[sample("a/b.txt", *b"1"), sample("c.txt", *b"2")]).unwrap();
    let read = |max_entries| try_image(file_of(&image), ReadLimits { max_entries, ..LIMITS });
    let (sent, done) = read(3);
    done.unwrap();
    assert_eq!(sent.paths(), ["a", "c.txt", "a/b.txt"]);
    let (sent, done) = read(2);
    assert!(matches!(done, Err(ReadError::Limit { failure: Failure::LimitEntries, number: 2 })));
    assert_eq!(sent.entries.len(), 2);
}

#[test]
fn max_file_bytes_is_exact_and_a_larger_file_sends_nothing() {
    let image = fat32_image(&[sample("exact.bin", pattern(70_000)), sample("over.bin", pattern(70_001))]).unwrap();
    let (sent, done) = try_image(file_of(&image), ReadLimits { max_file_bytes: 70_000, ..LIMITS });
    done.unwrap();
    assert_eq!(sent.content("exact.bin").bytes, pattern(70_000));
    assert_eq!(sent.content("exact.bin").end, (None, 70_000));
    assert_eq!(sent.content("over.bin").bytes, b"");
    assert_eq!(sent.content("over.bin").end, (Some(Failure::Limit), 70_000));
}

#[test]
fn a_thousand_levels_are_walked_and_max_depth_is_exact() {
    let path = vec!["d"; 999].join("/") + "/x.txt";
    let image = fat32_image(&[sample(&path, *b"tief")]).unwrap();
    let read = |max_depth| -> Sent {
        let (sent, done) = try_image(file_of(&image), ReadLimits { max_depth, ..LIMITS });
        done.unwrap();
        sent
    };
    let sent = read(1_000);
    assert_eq!(sent.content(&path).bytes, b"tief");
    assert_eq!(sent.entries.len(), 1_000);
    let sent = read(999);
    assert_eq!(sent.entries.len(), 999);
    assert_eq!(sent.entries.last().unwrap().kind, EntryKind::Unreadable);
    let sent = read(1);
    assert_eq!(sent.others(), [("d", EntryKind::Unreadable)]);
}

#[test]
fn a_read_error_in_the_middle_of_a_file_ends_that_file_and_no_other() {
    let samples = [sample("a.txt", *b"vorher"), sample("b.bin", pattern(200_000)), sample("c.txt", *b"nachher")];
    let mut image = fat32_image(&samples).unwrap();
    let whole = pattern(200_000);
    let at = image.windows(64).position(|window| window == &whole[..64]).unwrap();
    // The medium ends 100,000 bytes into the file, in the middle of a cluster.
    image.truncate(at + 100_000);
    let sent = read_image(&image);
    assert_eq!(sent.content("a.txt").bytes, b"vorher");
    assert_eq!(sent.content("b.bin").bytes, whole[..100_000]);
    assert_eq!(sent.content("b.bin").end, (Some(Failure::Read), 100_000));
    assert_eq!(sent.content("c.txt").end, (Some(Failure::Read), 0));
}
