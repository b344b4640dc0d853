//! A small volume changed by hand (debugfs) and at random: loops, lies and hiding places.

use crate::hostile::try_variants;
use crate::unix_trees::{Hashed, noise, output, read, run};
use std::ffi::OsStr;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use wire::{EntryKind, Failure};

struct Volume {
    _dir: tempfile::TempDir,
    image: PathBuf,
}

impl Volume {
    fn new(kibibytes: u32, options: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("tree");
        std::fs::create_dir_all(tree.join("ordner/unter")).unwrap();
        for (number, name) in ["eins.txt", "zwei.txt", "ordner/drei.txt", "ordner/unter/vier.bin"].iter().enumerate() {
            std::fs::write(tree.join(name), noise(number, 40 + number * 100)).unwrap();
        }
        std::os::unix::fs::symlink("eins.txt", tree.join("verweis")).unwrap();
        // Holes between single bytes: many pieces, few bytes that decide nothing.
        let holes = std::fs::File::create(tree.join("loecher.bin")).unwrap();
        for place in [0, 5_000, 15_000, 40_000, 200_000, 300_000, 400_000, 900_000] {
            holes.write_all_at(b"x", place).unwrap();
        }
        let image = dir.path().join("volume.img");
        let (tree, name) = (tree.to_str().unwrap(), image.to_str().unwrap());
        run("mke2fs", &[&["-q", "-F", "-b", "1024", "-N", "64", "-d", tree], options, &[name, &format!("{kibibytes}k")]].concat());
        Self { _dir: dir, image }
    }

    /// Has debugfs change something.
    fn change(&self, commands: &str) -> String {
        let script = self.image.with_extension("commands");
        std::fs::write(&script, commands).unwrap();
        let done = output("debugfs", &["-w".as_ref(), "-f".as_ref(), script.as_os_str(), OsStr::new(&self.image)]);
        assert!(done.status.success());
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    fn read(&self) -> Hashed {
        read(&self.image)
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.image).unwrap()
    }
}

fn ends(sent: &Hashed, path: &str) -> (u64, Option<Failure>) {
    let index = sent.entries.iter().position(|entry| entry.0 == path.as_bytes()).unwrap() as u32;
    let (bytes, _, failure) = &sent.contents[&index];
    (*bytes, *failure)
}

#[test]
fn changed_and_cut_volumes_end_and_lose_no_line() {
    let forms: [&[&str]; 3] = [
        &["-t", "ext2", "-O", "^resize_inode"],
        &["-t", "ext4", "-O", "^has_journal,^resize_inode"],
        &["-t", "ext4", "-O", "^has_journal,^resize_inode,inline_data", "-I", "256"],
    ];
    for options in forms {
        let bytes = Volume::new(512, options).bytes();
        let outcomes = try_variants(&bytes, 1_024..bytes.len(), 800, |_, _| {});
        assert!(outcomes.with_troubles > 50 && outcomes.otherwise > 50, "{outcomes:?}");
    }
}

/// A volume that needs its journal, in which two blocks have another state and one is revoked.
fn with_journal() -> Volume {
    let volume = Volume::new(4_096, &["-t", "ext4", "-O", "^resize_inode", "-J", "size=1"]);
    let place = volume.change("bmap /eins.txt 0\nbmap /zwei.txt 0\n");
    let blocks: Vec<&str> = place.lines().filter(|line| line.bytes().all(|byte| byte.is_ascii_digit())).collect();
    let [first, second] = blocks[..] else { panic!("{place}") };
    // The second state begins as a block of the journal does, and is escaped there.
    let (new, other) = (volume.image.with_extension("new"), volume.image.with_extension("other"));
    let magic = [&[0xC0, 0x3B, 0x39, 0x98][..], &[b'n'; 1_020]].concat();
    std::fs::write(&new, magic).unwrap();
    std::fs::write(&other, [b'o'; 1_024]).unwrap();
    let [new, other] = [new, other].map(|path| path.to_str().unwrap().to_owned());
    volume.change(&format!("jo\njw -b {first} {other}\njw -b {second} {other}\njw -b {first} {new}\njw -r {second}\njc\n"));
    volume
}

#[test]
fn the_last_committed_state_counts_and_revoked_blocks_keep_theirs() {
    let volume = with_journal();
    let before = volume.read();
    // What the tool of the file system makes of it.
    output("e2fsck", &["-fy".as_ref(), volume.image.as_os_str()]);
    assert_eq!(before.files(), volume.read().files());
    let old = Volume::new(4_096, &["-t", "ext4", "-O", "^resize_inode", "-J", "size=1"]).read();
    assert_ne!(before.files()[&b"eins.txt"[..]], old.files()[&b"eins.txt"[..]]);
    assert_eq!(before.files()[&b"zwei.txt"[..]], old.files()[&b"zwei.txt"[..]]);
}

#[test]
fn changed_journals_end_and_lose_no_line() {
    let bytes = with_journal().bytes();
    let journal = bytes.windows(4).position(|window| window == [0xC0, 0x3B, 0x39, 0x98]).unwrap();
    let outcomes = try_variants(&bytes, journal..journal + 16_384, 600, |_, _| {});
    assert!(outcomes.otherwise + outcomes.with_troubles > 50, "{outcomes:?}");
}

#[test]
fn directories_with_two_names_or_in_a_circle_are_walked_once() {
    let volume = Volume::new(512, &["-t", "ext4", "-O", "^has_journal,^resize_inode"]);
    volume.change("link /ordner /ordner/unter/kreis\nlink /ordner /zweimal\nlink / /ordner/wurzel\n");
    let sent = volume.read();
    let mut unreadable = sent.of(EntryKind::Unreadable);
    unreadable.retain(|path| path != "zweimal");
    assert_eq!(unreadable, ["ordner/unter/kreis", "ordner/wurzel"]);
    assert_eq!(sent.files().len(), 5);
}

#[test]
fn a_second_name_is_a_link_and_names_of_nothing_are_lines() {
    let volume = Volume::new(512, &["-t", "ext2", "-O", "^resize_inode"]);
    volume.change("link /eins.txt /ordner/auch\nlink <60> /leer\nlink <0x7FFFFFFF> /weit\n");
    let sent = volume.read();
    assert_eq!(sent.of(EntryKind::Link).len(), 2);
    assert!(sent.of(EntryKind::Unreadable).contains(&"leer".to_owned()));
    assert_eq!(sent.files().len(), 5);
}

#[test]
fn parents_that_lead_elsewhere_are_followed_when_nothing_else_does() {
    let volume = Volume::new(512, &["-t", "ext4", "-O", "^has_journal,^resize_inode"]);
    // `versteckt` is known only as the parent of `unter`.
    volume.change(
        "mkdir /versteckt\nln /eins.txt /versteckt/geheim\nunlink /ordner/unter/..\nln /versteckt /ordner/unter/..\nunlink /versteckt\n",
    );
    let sent = volume.read();
    assert!(sent.entries.iter().any(|entry| entry.0 == b"ordner/unter/../geheim"), "{sent:?}");
}

#[test]
fn absurd_lengths_and_maps_in_a_circle_are_read_errors() {
    let volume = Volume::new(512, &["-t", "ext4", "-O", "^has_journal,^resize_inode"]);
    let told = volume.change(
        "stat /loecher.bin\nsif /eins.txt size 0x7FFFFFFFFFFFFFFF\nsif /zwei.txt block[2] 0x7FFFFFFF\nsif /zwei.txt block[5] 0x7FFFFFFF\n",
    );
    let node = told.split("(ETB0):").nth(1).unwrap().split(|c: char| !c.is_ascii_digit()).next().unwrap();
    let at = node.parse::<u64>().unwrap() * 1_024;
    let file = std::fs::OpenOptions::new().write(true).open(&volume.image).unwrap();
    // The node says that it has nodes, and the first is itself.
    file.write_all_at(&[1, 0], at + 6).unwrap();
    file.write_all_at(&(node.parse::<u32>().unwrap()).to_le_bytes(), at + 16).unwrap();
    let sent = volume.read();
    assert_eq!(ends(&sent, "loecher.bin"), (0, Some(Failure::Read)));
    assert_eq!(ends(&sent, "eins.txt"), (0, Some(Failure::Limit)));
    assert_eq!(ends(&sent, "zwei.txt"), (0, Some(Failure::Read)));
    assert_eq!(ends(&sent, "ordner/drei.txt").1, None);
}

#[test]
fn a_directory_without_an_end_and_one_of_holes_end_with_a_line() {
    let volume = Volume::new(512, &["-t", "ext2", "-O", "^resize_inode"]);
    volume.change("sif /ordner size 0x7FFFFFFF\nsif /ordner/unter block[0] 0\n");
    let sent = volume.read();
    let line = |path: &str| format!("{path}/(unreadable directory entry)");
    assert_eq!(sent.of(EntryKind::Unreadable), [line("ordner"), line("ordner/unter")]);
    assert!(sent.files().contains_key(&b"ordner/drei.txt"[..]));
}

#[test]
fn encrypted_files_come_as_they_lie_and_compressed_ones_are_lines() {
    let volume = Volume::new(512, &["-t", "ext4", "-O", "^has_journal,^resize_inode,encrypt"]);
    let plain = volume.read().files();
    volume.change("sif /eins.txt flags 0x80800\nsif /zwei.txt flags 0x80004\n");
    let sent = volume.read();
    assert_eq!(sent.of(EntryKind::Encrypted), ["eins.txt"]);
    assert_eq!(sent.files()[&b"eins.txt"[..]], plain[&b"eins.txt"[..]]);
    assert_eq!(sent.of(EntryKind::Unreadable), ["zwei.txt"]);
}
