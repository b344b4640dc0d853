//! Volumes of mkudffs with a tree on them and bridge discs of genisoimage, read whole, and against 7-Zip.

use crate::hostile::try_variants;
use crate::udf_writer::{Form, Writer, mend};
use crate::unix_trees::{Hashed, Raw, assert_same, files_below, make, make_huge, noise, odd_names, output, read, run};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use wire::{EntryKind, Failure};

const SECTOR: u64 = 2_048;

/// Names UDF can write: characters, and at most 254 bytes of one or two for each.
fn names() -> Vec<Raw> {
    let fits =
        |name: &str| if name.chars().all(|c| u32::from(c) < 256) { name.chars().count() < 255 } else { name.encode_utf16().count() < 127 };
    let mut names: Vec<Raw> = odd_names().into_iter().filter(|name| str::from_utf8(name).is_ok_and(fits)).collect();
    names.push(vec![b'm'; 254]);
    names.push("日".repeat(85).into_bytes());
    names
}

fn formatted(dir: &Path, length: u64, options: &[&str], block_bytes: u64) -> (PathBuf, Writer) {
    let image = dir.join("volume.udf");
    std::fs::File::create(&image).unwrap().set_len(length).unwrap();
    run("mkudffs", &[options, &[&format!("--blocksize={block_bytes}"), image.to_str().unwrap()]].concat());
    let writer = Writer::open(&image, block_bytes);
    (image, writer)
}

fn unpacked(image: &Path) -> BTreeMap<Raw, (u64, String)> {
    let out = tempfile::tempdir().unwrap();
    output(
        "7z",
        &[
            "x".as_ref(),
            "-y".as_ref(),
            "-bd".as_ref(),
            "-tudf".as_ref(),
            OsStr::new(&format!("-o{}", out.path().display())),
            image.as_os_str(),
        ],
    );
    files_below(out.path())
}

#[test]
fn volumes_of_every_block_length_arrive_whole() {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("tree");
    make(&tree, &names());
    let wanted = files_below(&tree);
    assert!(wanted.len() > 1_000);
    let forms: [(&[&str], u64); 5] = [
        (&["--media-type=hd", "--udfrev=2.01"], 512),
        (&["--media-type=hd", "--udfrev=1.02"], 2_048),
        (&["--media-type=hd", "--udfrev=1.50"], 4_096),
        (&["--media-type=dvdram"], 2_048),
        (&["--media-type=cdrw", "--udfrev=2.01"], 2_048),
    ];
    for (options, block_bytes) in forms {
        let (image, mut writer) = formatted(dir.path(), 128 << 20, options, block_bytes);
        writer.tree(&tree, writer.root, writer.root);
        run("udfinfo", &[image.to_str().unwrap()]);
        let sent = read(&image);
        assert_eq!((sent.kinds.as_slice(), sent.of(EntryKind::Unreadable)), (&["udf".to_owned()][..], vec![]), "{options:?}");
        assert_same(&sent.files(), &wanted);
        assert_eq!(sent.troubles(), 0, "{options:?}");
    }
}

#[test]
fn another_reader_reads_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("tree");
    make(&tree, &[]);
    let (image, mut writer) = formatted(dir.path(), 128 << 20, &["--media-type=hd"], 512);
    // 7-Zip refuses volumes with extended descriptors or chains of them.
    writer.forms = vec![Form::Short, Form::Long, Form::Inside];
    writer.tree(&tree, writer.root, writer.root);
    let theirs = unpacked(&image);
    assert!(theirs.len() > 1_000, "{}", theirs.len());
    assert_same(&read(&image).files(), &theirs);
}

/// A disc of genisoimage without the descriptors of ISO 9660, so that UDF is all there is.
fn without_iso(image: &Path) {
    let file = std::fs::OpenOptions::new().read(true).write(true).open(image).unwrap();
    for sector in 16..24 {
        let mut magic = [0; 5];
        file.read_exact_at(&mut magic, sector * SECTOR + 1).unwrap();
        if magic == *b"CD001" {
            file.write_all_at(&[0; 5], sector * SECTOR + 1).unwrap();
        }
    }
}

#[test]
fn discs_of_another_writer_arrive_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (tree, image) = (dir.path().join("tree"), dir.path().join("disc.iso"));
    make(&tree, &names());
    let (name, folder) = (image.to_str().unwrap(), tree.to_str().unwrap());
    run("genisoimage", &["-quiet", "-input-charset", "utf-8", "-udf", "-J", "-joliet-long", "-R", "-o", name, folder]);
    without_iso(&image);
    let sent = read(&image);
    assert_eq!((sent.kinds.as_slice(), sent.troubles()), (&["udf".to_owned()][..], 0));
    // genisoimage writes no characters beyond 16 bits.
    let plain =
        |files: BTreeMap<Raw, (u64, String)>| files.into_iter().filter(|(path, _)| !path.starts_with("Namen ü".as_bytes())).collect();
    assert_same(&plain(sent.files()), &plain(files_below(&tree)));
    let contents = |files: BTreeMap<Raw, (u64, String)>| -> Vec<(u64, String)> {
        let mut contents: Vec<_> = files.into_values().collect();
        contents.sort();
        contents
    };
    assert_eq!(contents(sent.files()), contents(files_below(&tree)));
}

#[test]
fn what_only_udf_names_on_a_bridge_disc_is_an_entry_too() {
    let dir = tempfile::tempdir().unwrap();
    let (tree, image) = (dir.path().join("tree"), dir.path().join("disc.iso"));
    make(&tree, &[]);
    let (name, folder) = (image.to_str().unwrap(), tree.to_str().unwrap());
    run("genisoimage", &["-quiet", "-input-charset", "utf-8", "-udf", "-R", "-hide", "groß.bin", "-o", name, folder]);
    let sent = read(&image);
    let mut wanted = files_below(&tree);
    let hidden = wanted.remove("groß.bin".as_bytes()).unwrap();
    wanted.insert("(only in UDF)/groß.bin".into(), hidden);
    assert_same(&sent.files(), &wanted);
    assert_eq!(sent.troubles(), 0);
}

#[test]
fn a_file_of_more_than_four_gib_and_its_holes_arrive_whole() {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("tree");
    std::fs::create_dir(&tree).unwrap();
    make_huge(&tree.join("Riesig.bin"));
    let huge = std::fs::File::open(tree.join("Riesig.bin")).unwrap();
    let (image, mut writer) = formatted(dir.path(), 16 << 20, &["--media-type=hd"], 2_048);
    // Extents of at most 2^30 - 1 bytes; what is not allocated is a hole.
    let (mut descriptors, mut at) = (Vec::new(), 0u64);
    let size = huge.metadata().unwrap().len();
    let step = (1u64 << 30) - SECTOR;
    let mut written = [0, (2u64 << 30) - 7, (4u64 << 30) - 2_053, (4u64 << 30) + 12_345]
        .map(|from| (from / SECTOR * SECTOR, (from + 9_000).next_multiple_of(SECTOR)))
        .to_vec();
    written.push((size / SECTOR * SECTOR, size));
    for (from, to) in written {
        while at < from {
            let hole = (from - at).min(step);
            descriptors.extend([((2u32 << 30) | hole as u32).to_le_bytes(), [0; 4]].concat());
            at += hole;
        }
        let mut bytes = vec![0; (to - from) as usize];
        huge.read_exact_at(&mut bytes, from).unwrap();
        let block = writer.take(bytes.len().div_ceil(SECTOR as usize) as u64);
        writer.write(block, &bytes);
        descriptors.extend([(bytes.len() as u32).to_le_bytes(), block.to_le_bytes()].concat());
        at = to;
    }
    let file = writer.take(1);
    writer.entry(file, 5, Form::Short, size, &descriptors, None);
    let identifiers = [writer.identifier("", 0x0A, writer.root), writer.identifier("Riesig.bin", 0, file)].concat();
    writer.directory(writer.root, 4, &identifiers, Form::Inside);
    assert_same(&read(&image).files(), &files_below(&tree));
}

/// A small volume: a folder, files in each form, streams, a second name, a link.
fn small(dir: &Path) -> (PathBuf, Writer) {
    let (image, mut writer) = formatted(dir, 1 << 20, &["--media-type=hd"], 512);
    let stream = writer.file(Form::Inside, b"nur ein Strom", None);
    let streams = writer.take(1);
    let identifiers = [writer.identifier("", 0x0A, writer.root), writer.identifier("Zone", 0, stream)].concat();
    writer.directory(streams, 13, &identifiers, Form::Inside);
    let with_stream = writer.file(Form::Short, &noise(1, 1_500), Some(streams));
    let folder = writer.take(1);
    let inner = [writer.identifier("", 0x0A, writer.root), writer.identifier("zweiter Name", 0, with_stream)].concat();
    writer.directory(folder, 4, &inner, Form::Long);
    let link = writer.take(1);
    writer.entry(link, 12, Form::Inside, 4, b"\x05\x00\x00\x00", None);
    let mut identifiers = writer.identifier("", 0x0A, writer.root);
    identifiers.extend(writer.identifier("mit Strom.txt", 0, with_stream));
    identifiers.extend(writer.identifier("Ordner", 0x02, folder));
    identifiers.extend(writer.identifier("Verweis", 0, link));
    for (number, form) in crate::udf_writer::FORMS.into_iter().enumerate() {
        let mut content = noise(number, 200);
        content.resize(14_000, 0);
        content.extend(noise(number, 100));
        let file = writer.file(form, &content, None);
        identifiers.extend(writer.identifier(&format!("{form:?}.bin"), 0, file));
    }
    writer.directory(writer.root, 4, &identifiers, Form::Short);
    (image, writer)
}

fn with_small(change: impl Fn(&mut Writer)) -> Hashed {
    let dir = tempfile::tempdir().unwrap();
    let (image, mut writer) = small(dir.path());
    change(&mut writer);
    read(&image)
}

#[test]
fn streams_links_and_second_names_are_entries() {
    let sent = with_small(|_| {});
    assert_eq!(sent.of(EntryKind::Stream), ["mit Strom.txt:Zone"]);
    assert_eq!(sent.of(EntryKind::Link), ["Ordner/zweiter Name", "Ordner/zweiter Name:Zone", "Verweis"]);
    assert_eq!(sent.files()[&b"mit Strom.txt:Zone"[..]].0, 13);
    assert_eq!((sent.files().len(), sent.troubles()), (7, 0), "{:?}", sent.of(EntryKind::Unreadable));
}

#[test]
fn changed_and_cut_volumes_end_and_lose_no_line() {
    let dir = tempfile::tempdir().unwrap();
    let (image, writer) = small(dir.path());
    let bytes = std::fs::read(image).unwrap();
    let partition = writer.start as usize * 512;
    // Checksums put right after half of the changes: what they guard is tried as well.
    let mended = |image: &mut [u8], at: usize| {
        if at.is_multiple_of(2) {
            mend(&mut image[at / 512 * 512..(at / 512 + 1) * 512]);
        }
    };
    let outcomes = try_variants(&bytes, 32_768..bytes.len(), 1_500, mended);
    assert!(outcomes.with_troubles > 100 && outcomes.otherwise > 10, "{outcomes:?}");
    let outcomes = try_variants(&bytes, partition..bytes.len(), 1_000, |image, at| mend(&mut image[at / 512 * 512..(at / 512 + 1) * 512]));
    assert!(outcomes.with_troubles > 100, "{outcomes:?}");
}

/// The file entry of the last thing written, with this content.
fn only(writer: &mut Writer, name: &str, characteristics: u8, icb: u32) {
    let identifiers = [writer.identifier("", 0x0A, writer.root), writer.identifier(name, characteristics, icb)].concat();
    writer.directory(writer.root, 4, &identifiers, Form::Inside);
}

#[test]
fn directories_in_a_circle_and_parents_that_lead_elsewhere() {
    let sent = with_small(|writer| only(writer, "Kreis", 0x02, writer.root));
    assert_eq!(sent.of(EntryKind::Unreadable), ["Kreis"]);
    let sent = with_small(|writer| {
        let file = writer.file(Form::Inside, b"geheim", None);
        let hidden = writer.take(1);
        let inner = [writer.identifier("", 0x0A, writer.root), writer.identifier("geheim.txt", 0, file)].concat();
        writer.directory(hidden, 4, &inner, Form::Inside);
        let identifiers = writer.identifier("", 0x0A, hidden);
        writer.directory(writer.root, 4, &identifiers, Form::Inside);
    });
    assert_eq!(sent.files().into_keys().collect::<Vec<_>>(), [b"../geheim.txt"]);
}

#[test]
fn descriptors_in_a_circle_and_extents_outside_are_read_errors() {
    let circle = |writer: &mut Writer| {
        let (file, chain) = (writer.take(1), writer.take(1));
        let descriptor = [(512u32 | 3 << 30).to_le_bytes(), chain.to_le_bytes()].concat();
        let mut raw = [&[0; 20][..], &8u32.to_le_bytes(), &descriptor].concat();
        crate::udf_writer::seal(&mut raw, 258, chain, 16);
        writer.write(chain, &raw);
        writer.entry(file, 5, Form::Short, 1 << 40, &descriptor, None);
        only(writer, "Kreis.bin", 0, file);
    };
    let outside = |writer: &mut Writer| {
        let file = writer.take(1);
        writer.entry(file, 5, Form::Short, 4_000, &[4_000u32.to_le_bytes(), 0x00FF_FFFFu32.to_le_bytes()].concat(), None);
        only(writer, "draußen.bin", 0, file);
    };
    let short = |writer: &mut Writer| {
        let file = writer.take(1);
        writer.entry(file, 5, Form::Inside, 4_000, b"zu kurz", None);
        only(writer, "kurz.bin", 0, file);
    };
    for (change, bytes, failure) in
        [(&circle as &dyn Fn(&mut Writer), 0, Failure::Limit), (&outside, 0, Failure::Read), (&short, 7, Failure::Read)]
    {
        let sent = with_small(change);
        let contents: Vec<_> = sent.contents.values().map(|content| (content.0, content.2)).collect();
        assert_eq!(contents, [(bytes, Some(failure))]);
    }
}

#[test]
fn broken_entries_are_lines_and_a_broken_directory_says_where_it_ends() {
    let sent = with_small(|writer| {
        let file = writer.take(1);
        writer.write(file, &[7; 512]);
        only(writer, "kaputt", 0, file);
    });
    assert_eq!(sent.of(EntryKind::Unreadable), ["kaputt"]);
    let sent = with_small(|writer| {
        let mut identifiers = writer.identifier("", 0x0A, writer.root);
        let broken = identifiers.len();
        identifiers.extend(writer.identifier("verloren", 0, writer.root));
        identifiers[broken + 39] ^= 1;
        writer.directory(writer.root, 4, &identifiers, Form::Inside);
    });
    assert_eq!(sent.of(EntryKind::Unreadable), ["(unreadable directory entry)"]);
}

#[test]
fn the_reserve_sequence_and_the_other_anchors_are_used() {
    let first = with_small(|_| {});
    let without_anchor = with_small(|writer| writer.image.write_all_at(&[0; 512], 256 * 512).unwrap());
    assert_eq!(first, without_anchor);
    let without_main = with_small(|writer| {
        let mut anchor = [0; 512];
        writer.image.read_exact_at(&mut anchor, 256 * 512).unwrap();
        let main = u32::from_le_bytes(anchor[20..24].try_into().unwrap());
        writer.image.write_all_at(&[0; 16 * 512], u64::from(main) * 512).unwrap();
    });
    assert_eq!(first, without_main);
}
