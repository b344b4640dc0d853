//! exFAT volumes made by exfatprogs and filled by the FUSE driver.

use crate::common::LIMITS;
use crate::hashed;
use crate::mounts::{Mount, run};
use crate::trees::{Content, Tree, thousand};
use std::fs::File;
use std::path::Path;

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
            thousand().iter().for_each(|(path, content)| tree.write(&mount.root(), path, content));
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
