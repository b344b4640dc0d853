//! Volumes other programs made (mke2fs, the kernel), read whole, and against another program that reads them.

use crate::unix_trees::{Hashed, Raw, assert_same, files_below, make, make_huge, noise, odd_names, output, read, run};
use std::ffi::OsStr;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use wire::EntryKind;

fn image(dir: &Path, length: u64) -> PathBuf {
    let image = dir.join("volume.img");
    std::fs::File::create(&image).unwrap().set_len(length).unwrap();
    image
}

/// Everything a tree has but files, as paths.
fn without_content(sent: &Hashed) -> [Vec<String>; 2] {
    [sent.of(EntryKind::Link), sent.of(EntryKind::Special)]
}

#[test]
fn volumes_of_every_kind_arrive_whole() {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("tree");
    make(&tree, &odd_names());
    std::os::unix::fs::symlink("viele", tree.join("Verweis")).unwrap();
    std::os::unix::fs::symlink("x".repeat(200), tree.join("langer Verweis")).unwrap();
    run("mkfifo", &[tree.join("Röhre").to_str().unwrap()]);
    let wanted = files_below(&tree);
    assert!(wanted.len() > 1_000);
    let forms: [(&str, &[&str]); 11] = [
        ("ext2", &["-t", "ext2"]),
        ("ext2", &["-t", "ext2", "-b", "1024", "-r", "0"]),
        ("ext2", &["-t", "ext2", "-b", "4096", "-O", "^filetype,^dir_index"]),
        ("ext3", &["-t", "ext3", "-b", "2048"]),
        ("ext4", &["-t", "ext4"]),
        ("ext4", &["-t", "ext4", "-b", "1024", "-O", "^64bit,^metadata_csum"]),
        ("ext4", &["-t", "ext4", "-I", "256", "-O", "inline_data,64bit,metadata_csum,metadata_csum_seed"]),
        ("ext4", &["-t", "ext4", "-I", "1024", "-O", "inline_data,large_dir,ea_inode"]),
        ("ext4", &["-t", "ext4", "-b", "1024", "-g", "1024", "-O", "meta_bg,^resize_inode,sparse_super2"]),
        ("ext4", &["-t", "ext4", "-b", "1024", "-O", "meta_bg,^resize_inode,^flex_bg"]),
        ("ext4", &["-t", "ext4", "-O", "bigalloc,casefold,encrypt,verity,huge_file,quota,project", "-C", "16384", "-E", "encoding=utf8"]),
    ];
    for (kind, options) in forms {
        let image = image(dir.path(), 64 << 20);
        run("mke2fs", &[&["-q", "-F", "-d", tree.to_str().unwrap()], options, &[image.to_str().unwrap()]].concat());
        let sent = read(&image);
        assert_eq!(
            (sent.kinds.as_slice(), sent.troubles()),
            (&[kind.to_owned()][..], 0),
            "{options:?}: {:?}",
            sent.of(EntryKind::Unreadable)
        );
        assert_same(&sent.files(), &wanted);
        assert_eq!(without_content(&sent), [vec!["Verweis".to_owned(), "langer Verweis".into()], vec!["Röhre".to_owned()]], "{options:?}");
        assert_eq!(sent.troubles(), 0, "{options:?}");
        assert!(sent.of(EntryKind::Directory).contains(&"lost+found".into()));
        // debugfs takes 60 bytes out of a shorter file that lies in its inode.
        if options.iter().any(|option| option.contains("inline_data")) {
            continue;
        }
        let copy = tempfile::tempdir().unwrap();
        output("debugfs", &["-R".as_ref(), OsStr::new(&format!("rdump / {}", copy.path().display())), image.as_os_str()]);
        // debugfs cannot follow some of the odd names; what it took out must be the same.
        let theirs = files_below(copy.path());
        assert!(theirs.len() > 1_000, "{}", theirs.len());
        let ours = sent.files().into_iter().filter(|(path, _)| theirs.contains_key(path)).collect();
        assert_same(&ours, &theirs);
    }
}

#[test]
fn blocks_of_64_kib_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("tree");
    make(&tree, &odd_names());
    let image = image(dir.path(), 512 << 20);
    run("mke2fs", &["-q", "-F", "-t", "ext4", "-b", "65536", "-d", tree.to_str().unwrap(), image.to_str().unwrap()]);
    let sent = read(&image);
    assert_same(&sent.files(), &files_below(&tree));
    assert_eq!(sent.troubles(), 0);
}

#[test]
fn a_file_of_more_than_four_gib_and_its_holes_arrive_whole() {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("tree");
    std::fs::create_dir(&tree).unwrap();
    make_huge(&tree.join("Riesig.bin"));
    let image = image(dir.path(), 32 << 20);
    run("mke2fs", &["-q", "-F", "-t", "ext4", "-d", tree.to_str().unwrap(), image.to_str().unwrap()]);
    let sent = read(&image);
    assert_same(&sent.files(), &files_below(&tree));
}

/// A volume the kernel has mounted; unmounted when it goes.
struct Mounted(tempfile::TempDir);

impl Mounted {
    fn new(image: &Path) -> Option<Self> {
        let point = tempfile::tempdir().unwrap();
        let done = output("mount", &["-o".as_ref(), "loop".as_ref(), image.as_os_str(), point.path().as_os_str()]);
        if done.status.success() {
            return Some(Self(point));
        }
        println!("skipped: {}", String::from_utf8_lossy(&done.stderr));
        None
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        assert!(output("umount", &[self.0.path().as_os_str()]).status.success());
    }
}

#[test]
fn what_the_kernel_wrote_in_pieces_with_links_and_streams_of_changes_arrives_whole() {
    let dir = tempfile::tempdir().unwrap();
    for (kind, options) in
        [("ext2", &["-b", "1024"][..]), ("ext3", &["-b", "4096"]), ("ext4", &["-b", "1024"]), ("ext4", &["-O", "inline_data"])]
    {
        let image = image(dir.path(), 96 << 20);
        run("mke2fs", &[&["-q", "-F", "-t", kind], options, &[image.to_str().unwrap()]].concat());
        let Some(mounted) = Mounted::new(&image) else { return };
        let root = mounted.0.path();
        make(root, &odd_names());
        write_in_pieces(root);
        for number in (0..1_000).step_by(3) {
            std::fs::remove_file(root.join(format!("viele/Datei Nummer {number:04} mit einem mittellangen Namen.bin"))).unwrap();
        }
        let mut wanted = files_below(root);
        std::fs::hard_link(root.join("groß.bin"), root.join("leer/zweiter Name")).unwrap();
        drop(mounted);
        let sent = read(&image);
        // Which of two names comes first is the volume's affair.
        let mut files = sent.files();
        if let Some(content) = files.remove(&b"leer/zweiter Name"[..]) {
            files.insert("groß.bin".into(), content);
        }
        wanted.remove(&b"leer/zweiter Name"[..]);
        assert_same(&files, &wanted);
        assert_eq!((sent.of(EntryKind::Link).len(), sent.troubles()), (1, 0));
    }
}

/// Two files that take turns, so that each lies in hundreds of pieces; and one with holes.
fn write_in_pieces(root: &Path) {
    let files = ["erste.bin", "zweite.bin"].map(|name| std::fs::File::create(root.join(name)).unwrap());
    for turn in 0..400u64 {
        for (number, file) in files.iter().enumerate() {
            // Backwards, and with a sync, so that nothing puts the pieces together again.
            file.write_all_at(&noise(turn as usize + number, 1_500), (400 - turn) * 3_000).unwrap();
            file.sync_data().unwrap();
        }
    }
    // A hole at its end.
    files[0].set_len(2_000_000).unwrap();
}

#[test]
fn a_volume_that_was_pulled_out_is_read_with_its_journal() {
    let dir = tempfile::tempdir().unwrap();
    for (kind, options) in [("ext4", &["-b", "1024"][..]), ("ext4", &["-O", "^64bit,^metadata_csum"]), ("ext3", &["-b", "4096"])] {
        let image = image(dir.path(), 64 << 20);
        run("mke2fs", &[&["-q", "-F", "-t", kind], options, &[image.to_str().unwrap()]].concat());
        let Some(mounted) = Mounted::new(&image) else { return };
        let root = mounted.0.path();
        std::fs::write(root.join("vorher.txt"), noise(1, 40_000)).unwrap();
        run("sync", &["-f", root.to_str().unwrap()]);
        for number in 0..300 {
            std::fs::write(root.join(format!("nachher {number}.txt")), noise(number, 5_000)).unwrap();
        }
        std::fs::remove_file(root.join("vorher.txt")).unwrap();
        std::fs::rename(root.join("nachher 7.txt"), root.join("umbenannt.txt")).unwrap();
        let wanted = files_below(root);
        std::fs::File::open(root.join("umbenannt.txt")).unwrap().sync_all().unwrap();
        run("sync", &["-f", root.to_str().unwrap()]);
        // The image as it would be on a stick that is pulled now: the journal is written, most places are not.
        let pulled = dir.path().join("pulled.img");
        run("cp", &["--sparse=always", image.to_str().unwrap(), pulled.to_str().unwrap()]);
        drop(mounted);
        assert!(run("dumpe2fs", &["-h", pulled.to_str().unwrap()]).contains("needs_recovery"));
        let sent = read(&pulled);
        assert_same(&sent.files(), &wanted);
        assert_eq!(sent.troubles(), 0);
        // The same as after the repair by the tool of the file system.
        output("e2fsck", &["-fy".as_ref(), pulled.as_os_str()]);
        assert_same(&read(&pulled).files(), &wanted);
    }
}

#[test]
fn without_a_readable_journal_the_volume_is_read_as_it_lies_with_a_line() {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("tree");
    make(&tree, &[] as &[Raw]);
    let image = image(dir.path(), 64 << 20);
    run("mke2fs", &["-q", "-F", "-t", "ext4", "-d", tree.to_str().unwrap(), image.to_str().unwrap()]);
    let file = std::fs::OpenOptions::new().write(true).read(true).open(&image).unwrap();
    let mut features = [0; 4];
    file.read_exact_at(&mut features, 1_024 + 0x60).unwrap();
    // Needs recovery, and the journal is inode 0.
    file.write_all_at(&[features[0] | 4], 1_024 + 0x60).unwrap();
    assert_same(&read(&image).files(), &files_below(&tree));
    file.write_all_at(&[0], 1_024 + 0xE0).unwrap();
    let sent = read(&image);
    assert_same(&sent.files(), &files_below(&tree));
    assert_eq!(sent.of(EntryKind::Unreadable), ["(journal that cannot be read)"]);
    // An unknown feature is a volume nobody reads: one line.
    file.write_all_at(&[0x80], 1_024 + 0x63).unwrap();
    let sent = read(&image);
    assert_eq!((sent.kinds.len(), sent.entries.len()), (1, 1));
}
