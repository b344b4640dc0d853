//! exFAT volumes made by exfatprogs and filled by the FUSE driver.

use crate::common::{self, LIMITS};
use crate::hashed;
use crate::mounts::{Mount, run};
use crate::trees::{Content, Tree, digest, thousand};
use medium::ReadLimits;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use testkit::exfat::{IN_A_ROW, sign};

const DRIVER: &str = "mount.exfat-fuse";

fn formatted(image: &Path, length: u64, options: &[&str]) {
    File::create(image).unwrap().set_len(length).unwrap();
    run("mkfs.exfat", &[options, &[image.to_str().unwrap()]].concat());
}

#[test]
fn every_file_of_a_thousand_arrives_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("medium.img");
    formatted(&image, 32 << 20, &["-c", "4K", "-L", "MUSTER"]);
    let mut tree = Tree::default();
    match Mount::new(&image, DRIVER, "noatime") {
        Err(why) => return println!("skipped: {why}"),
        Ok(mount) => {
            tree.write_all(&mount.root(), &thousand());
            for name in ["hinten ein Leerzeichen ", "Punkt."] {
                tree.write(&mount.root(), &format!("Namen/{name}"), &Content::Bytes(name.into()));
            }
            for name in ["ä".repeat(127), "漢".repeat(85)] {
                tree.write(&mount.root(), &format!("Namen/{name}"), &Content::Bytes(name.into()));
            }
            std::fs::write(mount.root().join("weg.txt"), b"geht gleich wieder").unwrap();
            std::fs::remove_file(mount.root().join("weg.txt")).unwrap();
            std::fs::create_dir(mount.root().join("leer")).unwrap();
            tree.directories.insert("leer".to_owned());
            tree.fragment(&mount.root(), 4096);
        }
    }
    let told = hashed::read(File::open(&image).unwrap(), LIMITS);
    assert_eq!(told.file_system, "exfat");
    assert!(tree.files.len() > 1_200);
    assert_eq!(told.tree(), tree);
    // The driver reads the same from the volume when it is mounted once more.
    let mount = Mount::new(&image, DRIVER, "ro").unwrap();
    assert_eq!(Tree::seen(&mount.root()), tree);
}

/// The driver writes zeros instead of keeping how much was written, so the entry of a short file is changed by hand.
#[test]
fn a_file_above_four_gib_of_which_little_was_written_arrives_whole() {
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("medium.img");
    formatted(&image, 6 << 30, &[]);
    let beginning = common::pattern(9_000);
    match Mount::new(&image, DRIVER, "noatime") {
        Err(why) => return println!("skipped: {why}"),
        Ok(mount) => std::fs::write(mount.root().join("groß.bin"), &beginning).unwrap(),
    }
    let file = File::options().read(true).write(true).open(&image).unwrap();
    let mut start = vec![0; 32 << 20];
    file.read_exact_at(&mut start, 0).unwrap();
    let name: Vec<u8> = [0xC1, 0].into_iter().chain("groß.bin".encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let at = 32 * start.chunks(32).position(|entry| entry.starts_with(&name)).unwrap() - 64;
    let set = &mut start[at..at + 96];
    let length = (5u64 << 30) + 77;
    set[33] |= IN_A_ROW;
    set[56..64].copy_from_slice(&length.to_le_bytes());
    sign(set);
    file.write_all_at(set, at as u64).unwrap();
    let told = hashed::read(file, ReadLimits { max_file_bytes: 6 << 30, ..LIMITS });
    let mut tree = Tree::default();
    tree.keep("groß.bin", &digest(&Content::Holes { length, pieces: vec![(0, beginning)] }));
    assert_eq!(told.tree(), tree);
}
