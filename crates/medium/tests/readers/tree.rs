//! Directory trees: every kind of entry, and no way out of the root.

use crate::common::{LIMITS, Sent, sample, sha256};
use medium::{ReadError, ReadLimits};
use rustix::fs::{CWD, FileType, Mode, OFlags};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use testkit::{sample_medium, write_tree};
use wire::{EntryKind, Failure, FrameWriter};

fn try_tree(root: &Path, limits: ReadLimits) -> (Sent, Result<(), ReadError>) {
    let mut frames = Vec::new();
    let directory = File::open(root).unwrap();
    let done = medium::tree::read_tree(directory.as_fd(), limits, &mut FrameWriter::new(&mut frames));
    (Sent::of(&frames), done)
}

fn read_tree(root: &Path) -> Sent {
    let (sent, done) = try_tree(root, LIMITS);
    done.unwrap();
    sent
}

fn make_node(path: &Path, kind: FileType) -> rustix::io::Result<()> {
    rustix::fs::mknodat(CWD, path, kind, Mode::from_raw_mode(0o600), rustix::fs::makedev(1, 3))
}

#[test]
fn the_sample_medium_arrives_whole_and_twice_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let samples = sample_medium().unwrap();
    write_tree(dir.path(), &samples).unwrap();
    let sent = read_tree(dir.path());
    let wanted: BTreeMap<String, String> = samples.iter().map(|s| (s.escaped_path(), sha256(&s.bytes))).collect();
    assert_eq!(sent.digests(), wanted);
    assert_eq!(sent.others(), []);
    assert_eq!(sent, read_tree(dir.path()));
}

#[test]
fn names_come_in_byte_order_and_raw() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};
    let dir = tempfile::tempdir().unwrap();
    for name in [&b"b"[..], b"a\nb", b"\xFF\xFE", b".versteckt", b"B", b" ", b"a"] {
        std::fs::write(dir.path().join(OsStr::from_bytes(name)), name).unwrap();
    }
    std::fs::create_dir(dir.path().join("leer")).unwrap();
    let sent = read_tree(dir.path());
    assert_eq!(sent.paths(), [" ", ".versteckt", "B", "a", "a\\u{A}b", "b", "leer", "\\xFF\\xFE"]);
    assert_eq!(sent.content("\\xFF\\xFE").bytes, b"\xFF\xFE");
    assert_eq!(sent.kind("leer"), EntryKind::Directory);
}

#[test]
fn links_fifos_sockets_and_devices_are_entries_without_content() {
    let dir = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("geheim.txt"), b"GEHEIM").unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("datei"), b"Inhalt").unwrap();
    symlink("/", at("wurzel")).unwrap();
    symlink(outside.path().join("geheim.txt"), at("absolut")).unwrap();
    symlink("../../../../../../etc/passwd", at("hinauf")).unwrap();
    symlink("datei", at("innen")).unwrap();
    symlink(".", at("kreis")).unwrap();
    symlink("nirgends", at("tot")).unwrap();
    make_node(&at("fifo"), FileType::Fifo).unwrap();
    let _listener = UnixListener::bind(at("sockel")).unwrap();
    std::fs::hard_link(at("datei"), at("zweiter name")).unwrap();
    let sent = read_tree(dir.path());
    let links = ["absolut", "hinauf", "innen", "kreis", "tot", "wurzel"];
    assert!(links.iter().all(|name| sent.kind(name) == EntryKind::Link));
    assert_eq!((sent.kind("fifo"), sent.kind("sockel")), (EntryKind::Special, EntryKind::Special));
    assert_eq!(sent.entries.len(), links.len() + 4);
    // A hard link is a file like any other.
    assert_eq!(sent.contents.len(), 2);
    assert_eq!(sent.content("zweiter name").bytes, b"Inhalt");
    // A device can be made only with privileges; where it can, it is one more entry without content.
    if make_node(&at("null"), FileType::CharacterDevice).is_ok() {
        let sent = read_tree(dir.path());
        assert_eq!((sent.kind("null"), sent.contents.len()), (EntryKind::Special, 2));
    }
}

#[test]
fn limits_are_exact() {
    let dir = tempfile::tempdir().unwrap();
    write_tree(dir.path(), &[sample("a/b/c.txt", vec![b'x'; 300_000]), sample("d.txt", vec![b'y'; 300_001])]).unwrap();
    let (sent, done) = try_tree(dir.path(), ReadLimits { max_entries: 4, max_depth: 3, max_file_bytes: 300_000 });
    done.unwrap();
    assert_eq!(sent.paths(), ["a", "d.txt", "a/b", "a/b/c.txt"]);
    assert_eq!(sent.content("a/b/c.txt").end, (None, 300_000));
    assert_eq!(sent.content("d.txt").end, (Some(Failure::Limit), 300_000));
    assert_eq!(sent.content("d.txt").bytes, b"");
    let (_, done) = try_tree(dir.path(), ReadLimits { max_entries: 3, ..LIMITS });
    assert!(matches!(done, Err(ReadError::Limit { failure: Failure::LimitEntries, number: 3 })));
    let (sent, done) = try_tree(dir.path(), ReadLimits { max_depth: 2, ..LIMITS });
    done.unwrap();
    assert_eq!(sent.others(), [("a/b", EntryKind::Unreadable)]);
}

#[test]
fn a_path_too_long_to_open_is_an_unreadable_directory() {
    let dir = tempfile::tempdir().unwrap();
    // Each name is 200 bytes, so that the path of the 21st directory is longer than the 4,096 bytes the system opens.
    let name = "n".repeat(200);
    let mut here = OwnedFd::from(File::open(dir.path()).unwrap());
    for _ in 0..22 {
        rustix::fs::mkdirat(&here, &name, Mode::RWXU).unwrap();
        here = rustix::fs::openat(&here, &name, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
    let sent = read_tree(dir.path());
    assert_eq!(sent.entries.len(), 22);
    let (path, kind) = sent.others()[0];
    assert!(path.ends_with("/(unreadable directory)"), "{path}");
    assert_eq!(kind, EntryKind::Unreadable);
}

#[test]
fn a_root_that_is_no_directory_is_an_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (sent, done) = try_tree(file.path(), LIMITS);
    assert!(matches!(done, Err(ReadError::Source { offset: 0 })));
    assert_eq!(sent, Sent::default());
}

/// Does something to the tree once the inventory (this many frames) has been sent.
struct After<F: FnMut()> {
    frames: Vec<u8>,
    left: usize,
    action: F,
}

impl<F: FnMut()> Write for After<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.frames.extend_from_slice(bytes);
        self.left = self.left.wrapping_sub(1);
        if self.left == 0 {
            (self.action)();
        }
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_tree_that_changes_after_the_inventory_loses_no_line_and_leads_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("x"), b"GEHEIM").unwrap();
    let at = |name: &str| dir.path().join(name);
    for name in ["bleibt", "fifo", "link", "ordner/x", "weg"] {
        write_tree(dir.path(), &[sample(name, name.as_bytes())]).unwrap();
    }
    // Six entries and the end of the inventory.
    let action = || {
        for name in ["fifo", "link", "weg"] {
            std::fs::remove_file(at(name)).unwrap();
        }
        std::fs::remove_dir_all(at("ordner")).unwrap();
        make_node(&at("fifo"), FileType::Fifo).unwrap();
        symlink(outside.path().join("x"), at("link")).unwrap();
        symlink(outside.path(), at("ordner")).unwrap();
    };
    let mut after = After { frames: Vec::new(), left: 7, action };
    let root = File::open(dir.path()).unwrap();
    medium::tree::read_tree(root.as_fd(), LIMITS, &mut FrameWriter::new(&mut after)).unwrap();
    let sent = Sent::of(&after.frames);
    assert_eq!(sent.content("bleibt").bytes, b"bleibt");
    for name in ["fifo", "link", "ordner/x", "weg"] {
        assert_eq!(sent.content(name).end, (Some(Failure::Read), 0), "{name}");
        assert_eq!(sent.content(name).bytes, b"");
    }
}

#[test]
fn a_directory_that_vanishes_during_the_walk_is_a_line() {
    let dir = tempfile::tempdir().unwrap();
    write_tree(dir.path(), &[sample("a/x", *b"1"), sample("b/y", *b"2")]).unwrap();
    let action = || std::fs::remove_dir_all(dir.path().join("b")).unwrap();
    let mut after = After { frames: Vec::new(), left: 2, action };
    let root = File::open(dir.path()).unwrap();
    medium::tree::read_tree(root.as_fd(), LIMITS, &mut FrameWriter::new(&mut after)).unwrap();
    let sent = Sent::of(&after.frames);
    assert_eq!(sent.paths(), ["a", "b", "a/x", "b/(unreadable directory)"]);
}
