//! A small disc changed by hand and at random: loops, lies and hiding places.

use crate::hostile::try_variants;
use crate::unix_trees::{Hashed, noise, run, try_read};
use std::os::unix::fs::FileExt as _;
use wire::{EntryKind, Failure};

const SECTOR: usize = 2_048;

/// A disc with Rock Ridge and Joliet, as bytes.
struct Disc(Vec<u8>);

impl Disc {
    fn new(options: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("tree");
        std::fs::create_dir_all(tree.join("ordner/unter/a/b/c/d/e/f/g")).unwrap();
        for (number, name) in
            ["eins.txt", "zwei.txt", "ordner/drei.txt", "ordner/unter/vier.bin", "ordner/unter/a/b/c/d/e/f/g/tief.txt"].iter().enumerate()
        {
            std::fs::write(tree.join(name), noise(number, 700 + number * 1_500)).unwrap();
        }
        std::fs::write(tree.join("n".repeat(240)), noise(9, 40)).unwrap();
        std::os::unix::fs::symlink("eins.txt", tree.join("verweis")).unwrap();
        let image = dir.path().join("disc.iso");
        run("genisoimage", &[&["-quiet", "-no-pad", "-o", image.to_str().unwrap()], options, &[tree.to_str().unwrap()]].concat());
        Self(std::fs::read(image).unwrap())
    }

    fn read(&self) -> Hashed {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&self.0, 0).unwrap();
        let (sent, done) = try_read(file, crate::unix_trees::LIMITS);
        done.unwrap();
        sent
    }

    /// First byte of the record that has this identifier, of which there is one.
    fn record(&self, identifier: &[u8]) -> usize {
        let needle = [&[identifier.len() as u8][..], identifier].concat();
        let mut found = (0..self.0.len()).filter(|at| self.0[*at..].starts_with(&needle));
        let at = found.next().unwrap();
        assert!(found.next().is_none());
        at - 32
    }

    fn set(&mut self, at: usize, value: u32) {
        self.0[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    fn get(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.0[at..at + 4].try_into().unwrap())
    }
}

#[test]
fn changed_and_cut_discs_end_and_lose_no_line() {
    for options in [&["-R", "-J", "-joliet-long"][..], &["-J", "-D"]] {
        let disc = Disc::new(options);
        let first_file = disc.get(disc.record(b"EINS.TXT;1") + 2) as usize * SECTOR;
        let outcomes = try_variants(&disc.0, 16 * SECTOR..first_file, 1_200, |_, _| {});
        assert!(outcomes.with_troubles > 100 && outcomes.otherwise > 100, "{outcomes:?}");
    }
}

#[test]
fn a_directory_that_contains_itself_or_another_twice_is_walked_once() {
    let mut disc = Disc::new(&["-D"]);
    let (folder, inner) = (disc.record(b"ORDNER"), disc.record(b"UNTER"));
    let (at, bytes) = (disc.get(folder + 2), disc.get(folder + 10));
    disc.set(inner + 2, at);
    disc.set(inner + 10, bytes);
    let sent = disc.read();
    assert_eq!(sent.of(EntryKind::Unreadable), ["ORDNER/UNTER"]);
    assert!(sent.files().contains_key(&b"ORDNER/DREI.TXT"[..]));
}

#[test]
fn extents_behind_the_end_are_read_errors_and_directories_there_are_lines() {
    let mut disc = Disc::new(&["-D"]);
    let (file, folder) = (disc.record(b"EINS.TXT;1"), disc.record(b"ORDNER"));
    disc.set(file + 2, u32::MAX);
    disc.set(folder + 2, 0x00FF_FFFF);
    let sent = disc.read();
    assert_eq!(sent.of(EntryKind::Unreadable), ["ORDNER/(unreadable directory entry)"]);
    let ends: Vec<_> = sent.contents.values().filter(|content| content.2.is_some()).collect();
    assert_eq!(ends.iter().map(|end| (end.0, end.2)).collect::<Vec<_>>(), [(0, Some(Failure::Read))]);
}

#[test]
fn a_directory_that_claims_more_than_the_disc_ends_with_a_line() {
    let mut disc = Disc::new(&["-D"]);
    let folder = disc.record(b"ORDNER");
    disc.set(folder + 10, u32::MAX);
    let sent = disc.read();
    assert!(sent.of(EntryKind::Unreadable).contains(&"ORDNER/(unreadable directory entry)".to_owned()));
    assert!(sent.entries.iter().any(|entry| entry.0 == b"ORDNER/DREI.TXT"));
}

#[test]
fn interleaved_files_and_broken_records_are_lines() {
    let mut disc = Disc::new(&["-D"]);
    let file = disc.record(b"EINS.TXT;1");
    disc.0[file + 26] = 1;
    let folder = disc.record(b"DREI.TXT;1");
    disc.0[folder] = 20;
    let sent = disc.read();
    assert_eq!(sent.of(EntryKind::Unreadable), ["EINS.TXT", "ORDNER/(unreadable directory entry)"]);
}

#[test]
fn a_file_whose_next_extent_is_missing_is_unreadable() {
    let mut disc = Disc::new(&["-D"]);
    let file = disc.record(b"EINS.TXT;1");
    disc.0[file + 25] |= 0x80;
    let sent = disc.read();
    assert_eq!(sent.of(EntryKind::Unreadable), ["EINS.TXT"]);
    assert!(sent.files().contains_key(&b"ZWEI.TXT"[..]));
}

#[test]
fn a_second_content_of_a_file_and_hidden_files_are_entries() {
    let mut disc = Disc::new(&["-D"]);
    let (first, second) = (disc.record(b"EINS.TXT;1"), disc.record(b"ZWEI.TXT;1"));
    disc.0[first + 25] |= 0x01;
    disc.0[second + 25] |= 0x04;
    let sent = disc.read();
    assert_eq!(sent.of(EntryKind::Stream), ["ZWEI.TXT:associated"]);
    assert!(sent.files().contains_key(&b"EINS.TXT"[..]));
    assert_eq!(sent.troubles(), 0);
}

#[test]
fn continuations_in_a_circle_end_with_a_line() {
    let mut disc = Disc::new(&["-R"]);
    let continued = (0..disc.0.len()).rfind(|at| disc.0[*at..].starts_with(b"CE\x1c\x01")).unwrap();
    // The area that continues the record begins with an entry that leads back to itself.
    let area = disc.get(continued + 4) as usize * SECTOR + disc.get(continued + 12) as usize;
    let entry = disc.0[continued..continued + 28].to_vec();
    disc.0[area..area + 28].copy_from_slice(&entry);
    let sent = disc.read();
    assert_eq!(sent.of(EntryKind::Unreadable).len(), 1, "{:?}", sent.of(EntryKind::Unreadable));
    assert_eq!(sent.contents.len(), 5);
}

#[test]
fn a_file_that_claims_to_be_a_link_is_read() {
    let mut disc = Disc::new(&["-R"]);
    let record = disc.record(b"EINS.TXT;1");
    let mode = record + (0..200).find(|at| disc.0[record + at..].starts_with(b"PX")).unwrap() + 4;
    disc.set(mode, 0o120_777);
    let sent = disc.read();
    assert_eq!(sent.of(EntryKind::Link), ["verweis"]);
    assert!(sent.files().contains_key(&b"eins.txt"[..]));
}

#[test]
fn a_relocated_directory_nobody_refers_to_is_walked_where_it_lies() {
    let mut disc = Disc::new(&["-R"]);
    assert!(disc.read().files().contains_key(&b"ordner/unter/a/b/c/d/e/f/g/tief.txt"[..]));
    let child = (0..disc.0.len()).find(|at| disc.0[*at..].starts_with(b"CL\x0c\x01")).unwrap();
    disc.0[child..child + 2].copy_from_slice(b"XX");
    let sent = disc.read();
    assert!(sent.files().keys().any(|path| path.starts_with(b"rr_moved/") && path.ends_with(b"tief.txt")), "{sent:?}");
}

#[test]
fn other_blocks_than_2048_bytes_and_missing_descriptors_are_lines() {
    let mut disc = Disc::new(&["-R"]);
    disc.0[16 * SECTOR + 129] = 2;
    assert_eq!(disc.read().entries, [(b"(unreadable directory entry)".to_vec(), EntryKind::Unreadable, 0)]);
    let mut disc = Disc::new(&["-R"]);
    disc.0[17 * SECTOR] = 7;
    disc.0[18 * SECTOR + 1] = 0;
    assert_eq!(disc.read().of(EntryKind::Unreadable), ["(unreadable directory entry)"]);
}
