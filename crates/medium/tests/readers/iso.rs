//! Discs other programs made (genisoimage, xorriso), read whole, and against other programs that read them.

use crate::unix_trees::{Raw, assert_same, files_below, make, make_huge, noise, odd_names, read, run};
use std::collections::BTreeMap;
use std::path::PathBuf;
use wire::EntryKind;

/// A tree in a folder, and where its image will lie.
struct Master {
    _dir: tempfile::TempDir,
    tree: PathBuf,
    image: PathBuf,
}

impl Master {
    fn new(names: &[Raw]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (tree, image) = (dir.path().join("tree"), dir.path().join("disc.iso"));
        make(&tree, names);
        Self { _dir: dir, tree, image }
    }

    fn genisoimage(&self, options: &[&str]) {
        let (tree, image) = (self.tree.to_str().unwrap(), self.image.to_str().unwrap());
        run("genisoimage", &[&["-quiet", "-input-charset", "utf-8", "-o", image], options, &[tree]].concat());
    }

    fn xorriso(&self, options: &[&str]) {
        // It would add to an image that is there.
        let _ = std::fs::remove_file(&self.image);
        let (tree, image) = (self.tree.to_str().unwrap(), self.image.to_str().unwrap());
        run("xorriso", &[&["-as", "mkisofs", "-quiet", "-o", image], options, &[tree]].concat());
    }

    /// What 7-Zip takes out of the image.
    fn unpacked(&self) -> BTreeMap<Raw, (u64, String)> {
        let out = tempfile::tempdir().unwrap();
        run("7z", &["x", "-y", "-bd", &format!("-o{}", out.path().display()), self.image.to_str().unwrap()]);
        files_below(out.path())
    }
}

fn utf8_names() -> Vec<Raw> {
    odd_names().into_iter().filter(|name| str::from_utf8(name).is_ok()).collect()
}

#[test]
fn rock_ridge_discs_arrive_whole() {
    let master = Master::new(&odd_names());
    std::os::unix::fs::symlink("viele", master.tree.join("Verweis")).unwrap();
    run("mkfifo", &[master.tree.join("Röhre").to_str().unwrap()]);
    let wanted = files_below(&master.tree);
    assert!(wanted.len() > 1_000);
    let check = |options: &[&str]| {
        let sent = read(&master.image);
        assert_eq!(sent.kinds, ["iso9660"]);
        assert_same(&sent.files(), &wanted);
        assert_eq!(sent.of(EntryKind::Link), ["Verweis"], "{options:?}");
        assert_eq!(sent.of(EntryKind::Special), ["Röhre"], "{options:?}");
        assert_eq!(sent.troubles(), 0, "{options:?}");
    };
    for options in [&["-R"][..], &["-R", "-D"], &["-R", "-iso-level", "3"]] {
        master.genisoimage(options);
        check(options);
    }
    for options in [&["-R"][..], &["-R", "-J", "-joliet-long"], &["-R", "-D", "-iso-level", "4"]] {
        master.xorriso(options);
        check(options);
    }
}

#[test]
fn discs_with_rock_ridge_and_joliet_show_every_file_once() {
    let master = Master::new(&utf8_names());
    let wanted = files_below(&master.tree);
    for options in [&["-R", "-J"][..], &["-R", "-J", "-joliet-long", "-D"], &["-R", "-J", "-udf"]] {
        master.genisoimage(options);
        let sent = read(&master.image);
        assert_same(&sent.files(), &wanted);
        assert_eq!(sent.troubles(), 0, "{options:?}");
    }
}

/// 7-Zip prefers Joliet, writes `_` for what a name may not have, and so is compared by contents where names differ.
fn contents(files: &BTreeMap<Raw, (u64, String)>) -> Vec<&(u64, String)> {
    let mut contents: Vec<_> = files.values().collect();
    contents.sort_unstable();
    contents
}

#[test]
fn joliet_and_plain_discs_arrive_whole_and_as_another_reader_reads_them() {
    let master = Master::new(&[]);
    let wanted = files_below(&master.tree);
    master.genisoimage(&["-J", "-joliet-long", "-D"]);
    let sent = read(&master.image);
    assert_same(&sent.files(), &wanted);
    assert_same(&sent.files(), &master.unpacked());
    assert_eq!(sent.troubles(), 0);
    for options in [&["-iso-level", "1"][..], &["-iso-level", "3"]] {
        master.genisoimage(&[options, &["-D"]].concat());
        let sent = read(&master.image);
        assert_eq!(contents(&sent.files()), contents(&wanted), "{options:?}");
        assert_same(&sent.files(), &master.unpacked());
        assert_eq!(sent.troubles(), 0, "{options:?}");
    }
}

#[test]
fn a_file_of_more_than_four_gib_arrives_whole() {
    let dir = tempfile::tempdir().unwrap();
    let master = Master { tree: dir.path().join("tree"), image: dir.path().join("disc.iso"), _dir: dir };
    std::fs::create_dir(&master.tree).unwrap();
    make_huge(&master.tree.join("Riesig.bin"));
    std::fs::write(master.tree.join("danach.txt"), noise(1, 5_000)).unwrap();
    master.xorriso(&["-R", "-J", "-iso-level", "3"]);
    let sent = read(&master.image);
    assert_same(&sent.files(), &files_below(&master.tree));
    assert_eq!(sent.troubles(), 0);
}

#[test]
fn what_only_joliet_or_only_the_plain_tree_names_is_an_entry_too() {
    let master = Master::new(&[]);
    let wanted = files_below(&master.tree);
    for (hide, heading) in [("-hide", "(only in Joliet)"), ("-hide-joliet", "")] {
        master.genisoimage(&["-R", "-J", "-joliet-long", hide, "groß.bin"]);
        let sent = read(&master.image);
        let mut wanted = wanted.clone();
        if !heading.is_empty() {
            let hidden = wanted.remove("groß.bin".as_bytes()).unwrap();
            wanted.insert(format!("{heading}/groß.bin").into_bytes(), hidden);
        }
        assert_same(&sent.files(), &wanted);
        assert_eq!(sent.of(EntryKind::Directory).iter().any(|path| path == heading), !heading.is_empty());
    }
    master.genisoimage(&["-J", "-joliet-long", "-D", "-hide-joliet", "groß.bin"]);
    let sent = read(&master.image);
    let hidden: Vec<_> = sent.files().into_keys().filter(|path| path.starts_with(b"(only in ISO 9660)/")).collect();
    assert_eq!(hidden, [b"(only in ISO 9660)/GRO__.BIN"]);
    assert_eq!(contents(&sent.files()), contents(&wanted));
}
