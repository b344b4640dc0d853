//! A FAT volume changed by hand: loops, lies and hiding places.

use crate::common::{LIMITS, file_of, pattern, read_image, sample, try_image};
use medium::ReadLimits;
use testkit::{Sample, fat32_image};
use wire::{AreaKind, EntryKind, Failure};

const END: u32 = 0x0FFF_FFFF;

/// A volume whose entries and table can be overwritten.
struct Volume(Vec<u8>);

impl Volume {
    fn of(samples: &[Sample]) -> Self {
        Self(fat32_image(samples).unwrap())
    }
    fn word(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.0[at..at + 4].try_into().unwrap())
    }
    fn table_bytes(&self) -> usize {
        self.word(36) as usize * 512
    }
    fn table_at(&self) -> usize {
        usize::from(self.0[14]) * 512
    }
    fn cluster_at(&self, cluster: u32) -> usize {
        self.table_at() + usize::from(self.0[16]) * self.table_bytes() + (cluster as usize - 2) * 512
    }
    /// Place of the entry with this short name.
    fn entry(&self, name: &[u8; 11]) -> usize {
        let begin = self.cluster_at(2);
        begin + 32 * self.0[begin..].chunks(32).position(|entry| entry.starts_with(name)).unwrap()
    }
    fn first(&self, name: &[u8; 11]) -> u32 {
        let at = self.entry(name);
        u32::from_le_bytes([self.0[at + 26], self.0[at + 27], self.0[at + 20], self.0[at + 21]])
    }
    fn set_first(&mut self, name: &[u8; 11], cluster: u32) {
        let at = self.entry(name);
        let bytes = cluster.to_le_bytes();
        self.0[at + 26..at + 28].copy_from_slice(&bytes[..2]);
        self.0[at + 20..at + 22].copy_from_slice(&bytes[2..]);
    }
    fn set_size(&mut self, name: &[u8; 11], size: u32) {
        let at = self.entry(name);
        self.0[at + 28..at + 32].copy_from_slice(&size.to_le_bytes());
    }
    fn rename(&mut self, name: &[u8; 11], new: &[u8; 11]) {
        let at = self.entry(name);
        self.0[at..at + 11].copy_from_slice(new);
    }
    fn link(&mut self, cluster: u32, next: u32) {
        let at = self.table_at() + cluster as usize * 4;
        self.0[at..at + 4].copy_from_slice(&next.to_le_bytes());
    }
}

#[test]
fn two_files_of_one_name_are_two_contents() {
    let mut volume = Volume::of(&[sample("AAAA.TXT", *b"eins"), sample("BBBB.TXT", *b"zwei")]);
    // The long name no longer belongs to this short one, so the short one counts.
    volume.rename(b"BBBB    TXT", b"AAAA    TXT");
    let sent = read_image(&volume.0);
    assert_eq!(sent.paths(), ["AAAA.TXT", "AAAA.TXT"]);
    assert_eq!(sent.contents.values().map(|c| c.bytes.as_slice()).collect::<Vec<_>>(), [b"eins", b"zwei"]);
}

#[test]
fn names_with_slashes_and_without_a_letter_are_one_component_each() {
    let mut volume = Volume::of(&[sample("AAAA.TXT", *b"eins"), sample("BBBB.TXT", *b"zwei"), sample("CCCC.TXT", *b"drei")]);
    volume.rename(b"AAAA    TXT", b"../ETC/    ");
    volume.rename(b"BBBB    TXT", b"           ");
    volume.rename(b"CCCC    TXT", b"..         ");
    let sent = read_image(&volume.0);
    assert_eq!(sent.paths(), ["../ETC/", "", ".."]);
    assert!(sent.entries.iter().all(|entry| entry.kind == EntryKind::File));
    assert_eq!(sent.contents.values().map(|c| c.bytes.as_slice()).collect::<Vec<_>>(), [b"eins", b"zwei", b"drei"]);
}

#[test]
fn labels_are_no_entries_and_deleted_files_are_not_read() {
    let mut volume = Volume::of(&[sample("AAAA.TXT", *b"geloescht"), sample("BBBB.TXT", *b"da")]);
    let at = volume.entry(b"AAAA    TXT");
    volume.0[at] = 0xE5;
    assert!(volume.0.windows(11).any(|name| name == b"SCHLEUSE   "));
    let sent = read_image(&volume.0);
    assert_eq!(sent.paths(), ["BBBB.TXT"]);
}

#[test]
fn a_file_behind_the_label_bit_is_a_line() {
    let mut volume = Volume::of(&[sample("AAAA.TXT", *b"versteckt")]);
    let at = volume.entry(b"AAAA    TXT");
    volume.0[at + 11] |= 0x08;
    assert_eq!(read_image(&volume.0).others(), [("AAAA.TXT", EntryKind::Unreadable)]);
}

#[test]
fn a_directory_that_contains_itself_is_walked_once() {
    let mut volume = Volume::of(&[sample("AAAA/x.txt", *b"1"), sample("BBBB/y.txt", *b"2"), sample("CCCC/z.txt", *b"3")]);
    let (own, root) = (volume.first(b"AAAA       "), 2);
    volume.set_first(b"BBBB       ", own);
    volume.set_first(b"CCCC       ", root);
    let sent = read_image(&volume.0);
    assert_eq!(sent.others(), [("BBBB", EntryKind::Unreadable), ("CCCC", EntryKind::Unreadable)]);
    assert_eq!(sent.paths(), ["AAAA", "BBBB", "CCCC", "AAAA/x.txt"]);
}

#[test]
fn a_directory_chain_in_a_circle_ends_with_a_line() {
    // Only deleted entries in the circle: nothing in it would ever count against a limit.
    let mut volume = Volume::of(&[sample("AAAA/x.txt", *b"1")]);
    let cluster = volume.first(b"AAAA       ");
    let at = volume.cluster_at(cluster);
    volume.0[at..at + 512].chunks_mut(32).for_each(|entry| entry[0] = 0xE5);
    volume.link(cluster, cluster);
    assert_eq!(read_image(&volume.0).others(), [("AAAA/(unreadable directory entry)", EntryKind::Unreadable)]);
    let mut root = Volume::of(&[sample("AAAA.TXT", *b"1")]);
    let at = root.cluster_at(2);
    root.0[at..at + 512].chunks_mut(32).filter(|entry| entry[0] == 0).for_each(|entry| entry[0] = 0xE5);
    root.link(2, 2);
    assert_eq!(read_image(&root.0).paths(), ["AAAA.TXT", "(unreadable directory entry)"]);
}

#[test]
fn a_directory_that_breaks_off_has_a_line() {
    let many: Vec<Sample> = (0..40).map(|n| sample(&format!("AAAA/F{n:02}.TXT"), *b"1")).collect();
    let whole = Volume::of(&many);
    let complete = read_image(&whole.0).paths().len();
    for broken in [0, 1, 0x0FFF_FFF7, 0x0ABC_DEF0] {
        let mut volume = Volume::of(&many);
        volume.link(volume.first(b"AAAA       "), broken);
        let sent = read_image(&volume.0);
        assert_eq!(sent.others(), [("AAAA/(unreadable directory entry)", EntryKind::Unreadable)], "{broken:#x}");
        assert!(sent.paths().len() < complete);
    }
}

#[test]
fn directories_that_lead_nowhere_are_lines() {
    for cluster in [0, 1, END, 0x0ABC_DEF0] {
        let mut volume = Volume::of(&[sample("AAAA/x.txt", *b"1"), sample("b.txt", *b"2")]);
        volume.set_first(b"AAAA       ", cluster);
        let sent = read_image(&volume.0);
        assert_eq!(sent.others().len(), 1, "{cluster:#x}");
        assert_eq!(sent.content("b.txt").bytes, b"2");
    }
}

#[test]
fn dot_entries_must_lead_where_they_say() {
    let mut volume = Volume::of(&[sample("AAAA/x.txt", *b"1"), sample("BBBB/y.txt", *b"2")]);
    let (a, b) = (volume.first(b"AAAA       "), volume.first(b"BBBB       "));
    let dots = volume.cluster_at(a);
    // `.` and `..` of AAAA lead into BBBB.
    for at in [dots + 26, dots + 32 + 26] {
        volume.0[at..at + 2].copy_from_slice(&(b as u16).to_le_bytes());
    }
    let sent = read_image(&volume.0);
    assert_eq!(sent.others(), [("AAAA/.", EntryKind::Unreadable), ("AAAA/..", EntryKind::Unreadable)]);
}

#[test]
fn a_file_longer_than_its_chain_is_a_read_error_and_not_a_short_file() {
    for (link, complete) in [(END, 512), (0, 512), (1, 512), (0x0FFF_FFF7, 512), (0x0ABC_DEF0, 512)] {
        let mut volume = Volume::of(&[sample("AAAA.BIN", pattern(2_000)), sample("b.txt", *b"2")]);
        volume.link(volume.first(b"AAAA    BIN"), link);
        let sent = read_image(&volume.0);
        assert_eq!(sent.content("AAAA.BIN").end, (Some(Failure::Read), complete), "{link:#x}");
        assert_eq!(sent.content("AAAA.BIN").bytes, pattern(2_000)[..512]);
        assert_eq!(sent.content("b.txt").bytes, b"2");
    }
    for first in [0, 1, END, 0x0ABC_DEF0] {
        let mut volume = Volume::of(&[sample("AAAA.BIN", pattern(2_000))]);
        volume.set_first(b"AAAA    BIN", first);
        assert_eq!(read_image(&volume.0).content("AAAA.BIN").end, (Some(Failure::Read), 0), "{first:#x}");
    }
}

#[test]
fn a_file_chain_in_a_circle_ends_with_its_size_or_the_limit() {
    let mut volume = Volume::of(&[sample("AAAA.BIN", pattern(512))]);
    let cluster = volume.first(b"AAAA    BIN");
    volume.link(cluster, cluster);
    volume.set_size(b"AAAA    BIN", 1_000_000);
    let sent = read_image(&volume.0);
    assert_eq!(sent.content("AAAA.BIN").bytes.len(), 1_000_000);
    volume.set_size(b"AAAA    BIN", u32::MAX);
    let (sent, done) = try_image(file_of(&volume.0), ReadLimits { max_file_bytes: u64::from(u32::MAX) - 1, ..LIMITS });
    done.unwrap();
    assert_eq!(sent.content("AAAA.BIN").bytes, b"");
    assert_eq!(sent.content("AAAA.BIN").end.0, Some(Failure::Limit));
}

#[test]
fn absurd_numbers_in_the_boot_sector_are_no_volume_or_end_in_lines() {
    let volume = Volume::of(&[sample("AAAA.TXT", *b"1")]);
    for (at, bytes) in [
        (11, &[0u8, 0][..]),
        (11, &[0, 0x20]),
        (13, &[0]),
        (13, &[3]),
        (14, &[0, 0]),
        (16, &[0]),
        (17, &[1, 0]),
        (32, &[0, 0, 0, 0]),
        (32, &[9, 0, 0, 0]),
        (36, &[0, 0, 0, 0]),
        (36, &[255, 255, 255, 255]),
        (42, &[1, 0]),
        (510, &[0, 0]),
    ] {
        let mut broken = volume.0.clone();
        broken[at..at + bytes.len()].copy_from_slice(bytes);
        let (sent, done) = try_image(file_of(&broken), LIMITS);
        done.unwrap();
        assert_eq!(sent.others(), [("volume", EntryKind::Area(AreaKind::Unknown))], "{at} {bytes:?}");
    }
    for (at, bytes) in [(44, [0u8, 0, 0, 0]), (44, [255, 255, 255, 15]), (32, [255, 255, 255, 255])] {
        let mut broken = volume.0.clone();
        broken[at..at + 4].copy_from_slice(&bytes);
        let (_, done) = try_image(file_of(&broken), LIMITS);
        done.unwrap();
    }
}
