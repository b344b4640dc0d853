//! exFAT volumes put together by hand: loops, lies and hiding places.

use crate::common::{LIMITS, Sent, file_of, pattern, read_image, try_image};
use medium::ReadLimits;
use testkit::exfat::{ALLOCATED, CLUSTER, END, IN_A_ROW, Set, Volume, directory, file, straighten};
use wire::{AreaKind, EntryKind, Failure};

fn read(volume: Volume, root: &[u8]) -> Sent {
    let sent = read_image(&volume.image(root));
    assert_eq!(sent.volumes, [("none".to_owned(), 0, "exfat".to_owned(), true)]);
    sent
}

/// A directory of these entries, and its own entry.
fn folder(volume: &mut Volume, name: &str, entries: &[u8]) -> Vec<u8> {
    let first = volume.chain(entries);
    directory(name, first, entries.len())
}

#[test]
fn rows_chains_and_unwritten_ends_are_read() {
    let mut volume = Volume::new(200);
    let row = volume.row(&pattern(1_500));
    let chained = volume.chain(&pattern(1_500));
    let half = volume.row(&pattern(2_000));
    let inside = volume.row(b"innen");
    let below = folder(&mut volume, "Ordner", &file("innen.txt", inside, 5));
    let set = Set { name: "", attributes: 0x20, flags: ALLOCATED, first: chained, length: 1_500, valid: 1_500 };
    let root = [
        file("in einer Reihe", row, 1_500),
        Set { name: "in einer Kette", ..set }.entries(&[]),
        Set { name: "halb geschrieben", flags: ALLOCATED | IN_A_ROW, first: half, length: 2_000, valid: 700, ..set }.entries(&[]),
        Set { name: "leer", flags: ALLOCATED, first: 0, length: 0, valid: 0, ..set }.entries(&[]),
        below,
    ];
    let sent = read(volume, &root.concat());
    assert_eq!(sent.paths(), ["in einer Reihe", "in einer Kette", "halb geschrieben", "leer", "Ordner", "Ordner/innen.txt"]);
    assert_eq!(sent.content("in einer Reihe").bytes, pattern(1_500));
    assert_eq!(sent.content("in einer Kette").bytes, pattern(1_500));
    assert_eq!(sent.content("halb geschrieben").bytes, [&pattern(2_000)[..700], &[0; 1_300]].concat());
    assert_eq!(sent.content("leer").end, (None, 0));
    assert_eq!(sent.content("Ordner/innen.txt").bytes, b"innen");
}

#[test]
fn the_backup_boot_region_counts_when_the_main_one_is_broken() {
    let mut volume = Volume::new(40);
    let first = volume.row(b"da");
    let mut image = volume.image(&file("da.txt", first, 2));
    image[200] ^= 1;
    assert_eq!(read_image(&image).content("da.txt").bytes, b"da");
    image[12 * 512 + 200] ^= 1;
    assert_eq!(read_image(&image).others(), [("volume", EntryKind::Area(AreaKind::Unknown))]);
}

#[test]
fn absurd_boot_sectors_with_right_checksums_are_no_volume_or_end_in_lines() {
    let mut volume = Volume::new(40);
    let first = volume.row(b"da");
    let image = volume.image(&file("da.txt", first, 2));
    let forms: [(usize, &[u8]); 9] = [
        (11, &[1]),
        (80, &[0, 0, 0, 0]),
        (84, &[0xFF; 4]),
        (88, &[0, 0, 0, 0]),
        (92, &[0, 0, 0, 0]),
        (92, &[0xFF; 4]),
        (108, &[13]),
        (109, &[17]),
        (110, &[0]),
    ];
    let broken = |at: usize, bytes: &[u8]| {
        let mut broken = image.clone();
        for region in [0, 12 * 512] {
            broken[region + at..][..bytes.len()].copy_from_slice(bytes);
        }
        straighten(&mut broken);
        read_image(&broken)
    };
    for (at, bytes) in forms {
        assert_eq!(broken(at, bytes).others(), [("volume", EntryKind::Area(AreaKind::Unknown))], "{at} {bytes:?}");
    }
    for root in [0u32, 1, 42, END] {
        assert_eq!(broken(96, &root.to_le_bytes()).others(), [("(unreadable directory entry)", EntryKind::Unreadable)], "{root:#x}");
    }
}

#[test]
fn a_set_that_contradicts_itself_keeps_its_name_and_is_unreadable() {
    let mut volume = Volume::new(100);
    let first = volume.row(&pattern(600));
    let whole = file("Rechnung.txt", first, 600);
    let changed = |at: usize, value: u8| {
        let mut set = whole.clone();
        set[at] = value;
        set
    };
    let set = Set { name: "Rechnung.txt", attributes: 0x20, flags: ALLOCATED | IN_A_ROW, first, length: 600, valid: 600 };
    let lies = [
        // A checksum that is wrong, and with a right one: written behind the end, too long, no cluster, no allocation.
        changed(2, whole[2] ^ 1),
        Set { valid: 601, ..set }.entries(&[]),
        Set { length: u64::MAX, ..set }.entries(&[]),
        Set { length: 101 * CLUSTER as u64, ..set }.entries(&[]),
        Set { first: 1, ..set }.entries(&[]),
        Set { first: END, ..set }.entries(&[]),
        Set { flags: 0, ..set }.entries(&[]),
        // A critical entry nobody knows.
        set.entries(&[[0xC5; 32]]),
        // Another directory's size.
        Set { attributes: 0x10, valid: 512, ..set }.entries(&[]),
    ];
    for lie in lies {
        let behind = volume.clone();
        let sent = read(behind, &[lie.clone(), file("danach.txt", first, 5)].concat());
        assert_eq!(sent.others(), [("Rechnung.txt", EntryKind::Unreadable)], "{lie:?}");
        assert_eq!(sent.content("danach.txt").bytes, pattern(600)[..5]);
    }
}

#[test]
fn what_is_no_file_is_a_line_and_deleted_entries_are_none() {
    let mut volume = Volume::new(100);
    let first = volume.row(&pattern(600));
    let mut deleted = file("gelöscht", first, 5);
    deleted.iter_mut().step_by(32).for_each(|kind| *kind &= 0x7F);
    let mut attached = [0; 32];
    (attached[0], attached[1]) = (0xE1, ALLOCATED | IN_A_ROW);
    attached[20..24].copy_from_slice(&first.to_le_bytes());
    attached[24] = 9;
    let mut other = [0; 32];
    other[0] = 0xE0;
    let stray = file("verwaist", first, 5);
    let mut unknown = [0; 32];
    unknown[0] = 0x99;
    let set = Set { name: "mit Anhang", attributes: 0x20, flags: ALLOCATED | IN_A_ROW, first, length: 600, valid: 600 };
    let half = &file("halb.txt", first, 5)[..64];
    let root =
        [&deleted[..], &set.entries(&[other, attached]), &stray[32..], &unknown, half, &file("ganz.txt", first, 5), &[0; 32], &stray];
    let sent = read(volume, &root.concat());
    assert_eq!(
        sent.paths(),
        [
            "mit Anhang",
            "mit Anhang:(attached 2)",
            "(stray directory entry)",
            "(unknown directory entry 0x99)",
            "(unreadable directory entry)",
            "ganz.txt"
        ]
    );
    assert_eq!(sent.kind("mit Anhang:(attached 2)"), EntryKind::Stream);
    assert_eq!(sent.content("mit Anhang:(attached 2)").bytes, pattern(9));
}

#[test]
fn encrypted_files_are_told_apart() {
    let mut volume = Volume::new(20);
    let first = volume.row(b"geheim");
    let set = Set { name: "geheim.txt", attributes: 0x4020, flags: ALLOCATED | IN_A_ROW, first, length: 6, valid: 6 };
    assert_eq!(read(volume, &set.entries(&[])).kind("geheim.txt"), EntryKind::Encrypted);
}

#[test]
fn a_directory_is_walked_once_and_a_circle_ends_with_a_line() {
    // Contains itself.
    let mut volume = Volume::new(100);
    let first = volume.chain(&[0; 512]);
    let own = directory("darin", first, 512);
    volume.write(first, &own);
    let sent = read(volume, &directory("Kreis", first, 512));
    assert_eq!(sent.paths(), ["Kreis", "Kreis/darin", "Kreis/darin/(unreadable directory entry)"]);
    // Its chain bites its tail, or breaks off.
    for link in [2, 0, 1, 0xFFFF_FFF7, 90, END] {
        let mut volume = Volume::new(60);
        let deleted: Vec<u8> = [[1; 32]; 40].concat();
        let first = volume.chain(&deleted);
        volume.link(first + 2, link);
        let sent = read(volume, &directory("Kette", first, deleted.len()));
        assert_eq!(sent.paths(), ["Kette", "Kette/(unreadable directory entry)"], "{link:#x}");
    }
    // Two directories that share a cluster: the second one says that it was cut.
    let mut volume = Volume::new(60);
    let file = file("nur einmal.txt", 2, 0);
    let first = volume.chain(&[&[1; 512][..], &file].concat());
    let sent = read(volume, &[directory("eins", first, 1_024), directory("zwei", first + 2, 512)].concat());
    assert_eq!(sent.others(), [("zwei/(unreadable directory entry)", EntryKind::Unreadable)]);
    assert_eq!(sent.content("eins/nur einmal.txt").end, (None, 0));
}

#[test]
fn a_file_longer_than_its_chain_or_in_a_circle_is_a_read_error() {
    let bytes = pattern(3_000);
    for (link, complete) in [(END, 1_024), (0, 1_024), (0xFFFF_FFF7, 1_024), (0xABC, 1_024)] {
        let mut volume = Volume::new(60);
        let first = volume.chain(&bytes);
        volume.link(first + 2, link);
        let set = Set { name: "lang.bin", attributes: 0x20, flags: ALLOCATED, first, length: 3_000, valid: 3_000 };
        // Where nothing was written, the chain must be there all the same.
        for valid in [3_000, 0] {
            let sent = read(volume.clone(), &Set { valid, ..set }.entries(&[]));
            assert_eq!(sent.content("lang.bin").end, (Some(Failure::Read), complete), "{link:#x}");
        }
    }
    let mut volume = Volume::new(60);
    let first = volume.chain(&bytes);
    volume.link(first + 4, first);
    let set = Set { name: "Kreis.bin", attributes: 0x20, flags: ALLOCATED, first, length: 30_000, valid: 30_000 };
    let sent = read(volume, &set.entries(&[]));
    assert_eq!(sent.content("Kreis.bin").end.0, Some(Failure::Read));
    assert!(sent.content("Kreis.bin").bytes.len() < 10 * 512);
}

#[test]
fn limits_hold_exactly() {
    let mut volume = Volume::new(300);
    let first = volume.row(&pattern(1_001));
    let mut entries = file("tief.txt", first, 1);
    for level in 0..20 {
        entries = folder(&mut volume, &format!("Ebene {level}"), &entries);
    }
    let root = [entries, file("genau.bin", first, 1_000), file("zuviel.bin", first, 1_001)].concat();
    let image = volume.image(&root);
    let read = |limits| {
        let (sent, done) = try_image(file_of(&image), limits);
        (sent, done.is_ok())
    };
    let (sent, whole) = read(ReadLimits { max_depth: 21, max_file_bytes: 1_000, ..LIMITS });
    assert!(whole);
    assert_eq!((sent.entries.len(), sent.others().len()), (23, 0));
    assert_eq!(sent.content("genau.bin").end, (None, 1_000));
    assert_eq!(sent.content("zuviel.bin").end, (Some(Failure::Limit), 1_000));
    let (sent, _) = read(ReadLimits { max_depth: 20, ..LIMITS });
    assert_eq!(sent.others().len(), 1);
    let (sent, whole) = read(ReadLimits { max_entries: 22, ..LIMITS });
    assert_eq!((sent.entries.len(), whole), (22, false));
}

#[test]
fn lone_surrogates_in_names_stay_apart() {
    let mut volume = Volume::new(20);
    let first = volume.row(b"12");
    let names = [0xD800u16, 0xD801].map(|unit| {
        let mut set = file("a?b", first, 1);
        set[66 + 2..66 + 4].copy_from_slice(&unit.to_le_bytes());
        set
    });
    let mut image = volume.image(&names.concat());
    straighten(&mut image);
    assert_eq!(read_image(&image).paths(), ["a\\xED\\xA0\\x80b", "a\\xED\\xA0\\x81b"]);
}
