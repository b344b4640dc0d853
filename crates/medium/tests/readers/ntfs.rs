//! NTFS volumes made by mkntfs and filled by ntfs-3g; 7-Zip reads them for comparison.

use crate::common::{self, LIMITS};
use crate::hashed::{self, Told};
use crate::mounts::{Mount, run};
use crate::trees::{Content, Tree, digest, thousand};
use medium::ReadLimits;
use std::fs::File;
use std::path::Path;
use wire::{EntryKind, Failure};

const DRIVER: &str = "ntfs-3g";

fn formatted(image: &Path, length: u64, options: &[&str]) {
    File::create(image).unwrap().set_len(length).unwrap();
    run("mkfs.ntfs", &[&["--force", "--quick", "--quiet"], options, &[image.to_str().unwrap()]].concat());
}

fn told(image: &Path) -> Told {
    let told = hashed::read(File::open(image).unwrap(), LIMITS);
    assert_eq!(told.file_system, "ntfs");
    told
}

#[test]
fn every_file_of_a_thousand_arrives_as_it_was_written() {
    for cluster in ["512", "4096", "65536"] {
        let dir = tempfile::tempdir().unwrap();
        let image = dir.path().join("medium.img");
        formatted(&image, if cluster == "65536" { 104 << 20 } else { 32 << 20 }, &["--cluster-size", cluster, "--label", "MUSTER"]);
        let mut tree = Tree::default();
        match Mount::new(&image, DRIVER, "noatime,hide_hid_files") {
            Err(why) => return println!("skipped: {why}"),
            Ok(mount) => {
                tree.write_all(&mount.root(), &thousand());
                for name in ["hinten ein Leerzeichen ", "Punkt.", "Frage? Stern* <Pfeil> \"zitiert\": a|b\\c", "zwei\nZeilen"] {
                    tree.write(&mount.root(), &format!("Namen/{name}"), &Content::Bytes(name.into()));
                }
                for name in ["ä".repeat(127), "漢".repeat(85), "😀".repeat(63)] {
                    tree.write(&mount.root(), &format!("Namen/{name}"), &Content::Bytes(name.into()));
                }
                std::fs::write(mount.root().join("weg.txt"), b"geht gleich wieder").unwrap();
                std::fs::remove_file(mount.root().join("weg.txt")).unwrap();
                std::fs::create_dir(mount.root().join("leer")).unwrap();
                tree.directories.insert("leer".to_owned());
                tree.fragment(&mount.root(), 4096);
            }
        }
        assert!(tree.files.len() > 1_200);
        assert_eq!(told(&image).tree(), tree, "{cluster}");
        // The driver reads the same from the volume when it is mounted once more.
        let mount = Mount::new(&image, DRIVER, "ro").unwrap();
        assert_eq!(Tree::seen(&mount.root()), tree, "{cluster}");
    }
}

#[test]
fn compressed_sparse_and_huge_files_arrive_whole() {
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("medium.img");
    formatted(&image, 48 << 20, &["--cluster-size", "4096"]);
    let text: Vec<u8> = (0..10_000).flat_map(|n| format!("Zeile {n} von vielen; ").into_bytes()).collect();
    let noise = common::pattern(70_001);
    let mixed = [&text[..70_000], &noise[..66_000], &vec![0; 70_000], &text[..20_001]].concat();
    let mut tree = Tree::default();
    match Mount::new(&image, DRIVER, "compression,big_writes") {
        Err(why) => return println!("skipped: {why}"),
        Ok(mount) => {
            let packed = mount.root().join("gepackt");
            std::fs::create_dir(&packed).unwrap();
            // FILE_ATTRIBUTE_COMPRESSED: what is made in this folder from now on is compressed.
            run("setfattr", &["-h", "-v", "0x00000800", "-n", "system.ntfs_attrib_be", packed.to_str().unwrap()]);
            for (name, bytes) in [("Text", &text), ("Rauschen", &noise), ("gemischt", &mixed), ("Nullen", &vec![0; 66_000])] {
                tree.write(&mount.root(), &format!("gepackt/{name}"), &Content::Bytes(bytes.clone()));
            }
            for length in [0, 1, 600, 800, 4_095, 65_535, 65_536, 65_537] {
                tree.write(&mount.root(), &format!("gepackt/{length}"), &Content::Bytes(text[..length].to_vec()));
            }
            let holes =
                Content::Holes { length: 20_000_000, pieces: vec![(70_000, text[..5_000].to_vec()), (19_999_000, noise[..500].to_vec())] };
            tree.write(&mount.root(), "Lücken.bin", &holes);
            let huge = Content::Holes {
                length: (4 << 30) + 12_345,
                pieces: vec![(0, b"Anfang".to_vec()), (3 << 30, text[..9_000].to_vec()), ((4 << 30) + 12_000, b"fast am Ende".to_vec())],
            };
            tree.write(&mount.root(), "mehr als 4 GiB.bin", &huge);
            let stored = run("du", &["--block-size=1", packed.join("Text").to_str().unwrap()]);
            let stored: usize = stored.split_whitespace().next().unwrap().parse().unwrap();
            assert!(stored < text.len() / 2, "compressed: {stored} of {}", text.len());
        }
    }
    let told = hashed::read(File::open(&image).unwrap(), ReadLimits { max_file_bytes: 5 << 30, ..LIMITS });
    assert_eq!(told.tree(), tree);
    // The limit is answered without reading.
    let (_, _, size, content) =
        hashed::read(File::open(&image).unwrap(), LIMITS).entries.into_iter().find(|entry| entry.0.starts_with("mehr")).unwrap();
    assert_eq!((size, content.unwrap().2), ((4 << 30) + 12_345, Some(Failure::Limit)));
    // Another reader's way to the same bytes.
    for (name, bytes) in [("Text", &text), ("gemischt", &mixed)] {
        let out = dir.path().join("7z");
        run("7z", &["x", "-y", &format!("-o{}", out.display()), image.to_str().unwrap(), &format!("gepackt/{name}")]);
        assert!(std::fs::read(out.join("gepackt").join(name)).unwrap() == *bytes, "{name}");
    }
}

#[test]
fn streams_links_and_special_files_are_entries() {
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("medium.img");
    formatted(&image, 16 << 20, &["--cluster-size", "4096"]);
    let long = common::pattern(150_000);
    match Mount::new(&image, DRIVER, "streams_interface=windows") {
        Err(why) => return println!("skipped: {why}"),
        Ok(mount) => {
            let at = |name: &str| mount.root().join(name);
            std::fs::write(at("Brief.txt"), b"sichtbar").unwrap();
            std::fs::write(at("Brief.txt:Zone.Identifier"), b"[ZoneTransfer]\r\nZoneId=3\r\n").unwrap();
            std::fs::write(at("Brief.txt:lang"), &long).unwrap();
            std::fs::create_dir(at("Ordner")).unwrap();
            std::fs::write(at("Ordner:versteckt"), b"am Ordner").unwrap();
            std::fs::write(at("Ordner/Original"), b"drei Namen").unwrap();
            std::fs::hard_link(at("Ordner/Original"), at("zweiter Name")).unwrap();
            std::fs::hard_link(at("Ordner/Original"), at("Ordner/dritter Name")).unwrap();
            // So many names and streams that they need several records and an attribute list.
            std::fs::write(at("viele"), b"").unwrap();
            for number in 0..60 {
                std::fs::write(at(&format!("viele:Strom {number:02}")), format!("Inhalt {number}")).unwrap();
                std::fs::hard_link(at("viele"), at(&format!("Ordner/auch viele {number:02}"))).unwrap();
            }
        }
    }
    let told = told(&image);
    let find = |path: &str| {
        let mut found = told.entries.iter().filter(|entry| entry.0 == path);
        let entry = found.next().unwrap_or_else(|| panic!("{path}"));
        assert!(found.next().is_none(), "{path} twice");
        (entry.1, entry.3.as_ref().map(|content| content.0.clone()))
    };
    let hash = |bytes: &[u8]| Some(digest(&Content::Bytes(bytes.to_vec())));
    assert_eq!(find("Brief.txt"), (EntryKind::File, hash(b"sichtbar")));
    assert_eq!(find("Brief.txt:Zone.Identifier"), (EntryKind::Stream, hash(b"[ZoneTransfer]\r\nZoneId=3\r\n")));
    assert_eq!(find("Brief.txt:lang"), (EntryKind::Stream, hash(&long)));
    assert_eq!(find("Ordner:versteckt"), (EntryKind::Stream, hash(b"am Ordner")));
    // The medium keeps the names of a file in an order of its own; whichever is first is the file.
    let names = ["Ordner/Original", "zweiter Name", "Ordner/dritter Name"].map(find);
    assert_eq!(names.iter().filter(|found| **found == (EntryKind::Link, None)).count(), 2);
    assert!(names.contains(&(EntryKind::File, hash(b"drei Namen"))));
    for number in 0..60 {
        assert_eq!(find(&format!("viele:Strom {number:02}")), (EntryKind::Stream, hash(format!("Inhalt {number}").as_bytes())));
    }
    let links = told.entries.iter().filter(|entry| entry.1 == EntryKind::Link).count();
    assert_eq!((told.entries.len(), links), (1 + 2 + 2 + 3 + 1 + 60 + 60, 62));
    // 7-Zip lists the same streams.
    let listing = run("7z", &["l", "-slt", "-sns", image.to_str().unwrap()]);
    let streams = |entry: &&(String, EntryKind, u64, Option<hashed::Hashed>)| entry.1 == EntryKind::Stream;
    for (path, ..) in told.entries.iter().filter(streams) {
        assert!(listing.contains(&format!("Path = {path}\n")), "{path}");
    }
}

#[test]
fn seven_zip_reads_the_same_tree() {
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("medium.img");
    formatted(&image, 32 << 20, &[]);
    let mut tree = Tree::default();
    match Mount::new(&image, DRIVER, "noatime") {
        Err(why) => return println!("skipped: {why}"),
        Ok(mount) => tree.write_all(&mount.root(), &thousand()),
    }
    let out = dir.path().join("out");
    run("7z", &["x", "-y", &format!("-o{}", out.display()), image.to_str().unwrap(), "-x![SYSTEM]"]);
    assert_eq!(told(&image).tree(), tree);
    assert_eq!(Tree::seen(&out), tree);
}
