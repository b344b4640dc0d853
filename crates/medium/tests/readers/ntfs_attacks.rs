//! NTFS volumes put together by hand: what Windows writes and ntfs-3g does not, loops, lies and hiding places.

use crate::common::{Content, LIMITS, Sent, file_of, pattern, read_image, try_image};
use medium::ReadLimits;
use testkit::ntfs::{
    CLUSTER, COMPRESSED, DATA, DIRECTORY, ENCRYPTED, IN_USE, LOGGED_UTILITY_STREAM, Mapped, ROOT, Run, Volume, list, mapped, name, name_of,
    packed, reference, reparse, resident,
};
use wire::{AreaKind, EntryKind, Failure};

fn read(volume: Volume) -> Sent {
    let sent = read_image(&volume.image());
    assert_eq!(sent.volumes, [("none".to_owned(), 0, "ntfs".to_owned(), true)]);
    sent
}

fn small(bytes: &[u8]) -> Vec<u8> {
    resident(DATA, "", 0, bytes)
}

fn volume() -> Volume {
    Volume::new(40, 200)
}

fn unreadable(sent: &Sent) -> Vec<&str> {
    let lines = sent.others();
    assert!(lines.iter().all(|(_, kind)| *kind == EntryKind::Unreadable), "{lines:?}");
    lines.into_iter().map(|(path, _)| path).collect()
}

fn whole(bytes: &[u8]) -> Content {
    Content { bytes: bytes.to_vec(), end: (None, bytes.len() as u64) }
}

#[test]
fn resident_mapped_sparse_unwritten_and_compressed_contents() {
    let mut volume = volume();
    let bytes = pattern(3_000);
    let (one, two) = (volume.row(&bytes[..1_024]), volume.row(&bytes[1_024..]));
    let holes = [(Some(two), 4), (None, 3), (Some(one), 2)];
    let forwards = [(Some(one), 2), (Some(two), 4)];
    let unit = volume.row(&packed(b'z', 2));
    let plain = volume.row(&pattern(8_192));
    let units = [(Some(unit), 1), (None, 15), (None, 16), (Some(plain), 16)];
    volume.file(24, "kurz", &[small(b"kurz")]);
    volume.file(25, "zwei Stücke", &[mapped("", 0, &Mapped { runs: &forwards, ..Mapped::whole(3_000) })]);
    volume.file(26, "Lücke", &[mapped("", 0, &Mapped { runs: &holes, ..Mapped::whole(4_608) })]);
    volume.file(27, "halb", &[mapped("", 0, &Mapped { runs: &forwards, initialized: 700, ..Mapped::whole(2_000) })]);
    let packed = Mapped { runs: &units, unit_shift: 4, ..Mapped::whole(24_000) };
    volume.file(28, "gepackt", &[mapped("", COMPRESSED, &packed)]);
    volume.file(29, "halb gepackt", &[mapped("", COMPRESSED, &Mapped { initialized: 100, ..packed })]);
    volume.file(30, "leer", &[mapped("", 0, &Mapped::whole(0))]);
    let sent = read(volume);
    assert_eq!(sent.content("kurz"), &whole(b"kurz"));
    assert_eq!(sent.content("zwei Stücke"), &whole(&bytes));
    let expected = [&bytes[1_024..], &[0; 72], &[0; 1_536], &bytes[..1_024]].concat();
    assert_eq!(sent.content("Lücke"), &whole(&expected));
    assert_eq!(sent.content("halb"), &whole(&[&bytes[..700], &[0; 1_300]].concat()));
    assert_eq!(sent.content("gepackt"), &whole(&[&[b'z'; 8_192][..], &[0; 8_192], &pattern(8_192)[..7_616]].concat()));
    assert_eq!(sent.content("halb gepackt"), &whole(&[&[b'z'; 100][..], &vec![0; 23_900]].concat()));
    assert_eq!(sent.content("leer"), &whole(b""));
    assert_eq!(sent.others(), []);
}

#[test]
fn encrypted_files_and_streams_are_told_apart_and_come_as_they_lie() {
    let mut volume = volume();
    let first = volume.row(&pattern(600));
    let raw = Mapped { runs: &[(Some(first), 2)], ..Mapped::whole(600) };
    volume.file(24, "geheim", &[mapped("", ENCRYPTED, &raw), mapped("Strom", ENCRYPTED, &raw), resident(DATA, "offen", 0, b"offen")]);
    volume.file(25, "mit Schlüssel", &[small(b"geheim?"), resident(LOGGED_UTILITY_STREAM, "$EFS", 0, b"Schluessel")]);
    volume.file(26, "mit Transaktion", &[small(b"offen"), resident(LOGGED_UTILITY_STREAM, "$TXF_DATA", 0, b"")]);
    let sent = read(volume);
    let encrypted = EntryKind::Encrypted;
    let kinds = [("geheim", encrypted), ("geheim:Strom", encrypted), ("geheim:offen", EntryKind::Stream), ("mit Schlüssel", encrypted)];
    assert_eq!(sent.others(), kinds);
    assert_eq!(sent.content("geheim"), &whole(&pattern(600)));
}

#[test]
fn reparse_points_are_links_or_what_cannot_be_read() {
    let tags = [
        (0xA000_000C, EntryKind::Link),
        (0xA000_0003, EntryKind::Link),
        (0xA000_001D, EntryKind::Link),
        (0x8000_0024, EntryKind::Special),
        // Compressed by a filter, deduplicated, in the cloud, archived, nobody knows, none.
        (0x8000_0017, EntryKind::Unreadable),
        (0x8000_0013, EntryKind::Unreadable),
        (0x9000_301A, EntryKind::Unreadable),
        (0xC000_0004, EntryKind::Unreadable),
        (0x0000_1234, EntryKind::Unreadable),
        (0, EntryKind::Unreadable),
    ];
    for (tag, kind) in tags {
        let mut volume = volume();
        volume.file(24, "Datei", &[small(b""), reparse(tag), resident(DATA, "Strom", 0, b"Strom")]);
        volume.record(25, IN_USE | DIRECTORY, 0, &[name(ROOT, "Ordner"), reparse(tag)]);
        volume.record(26, IN_USE, 0, &[name(25, "darin"), small(b"darin")]);
        // Content behind a link is content.
        volume.file(27, "voll", &[reparse(tag), small(b"nicht leer")]);
        let sent = read(volume);
        assert_eq!((sent.kind("Datei"), sent.kind("Ordner"), sent.kind("voll")), (kind, kind, kind), "{tag:#x}");
        assert_eq!(sent.kind("Datei:Strom"), EntryKind::Stream);
        assert_eq!(sent.content("Ordner/darin"), &whole(b"darin"));
        assert_eq!(sent.paths().contains(&"voll:$DATA"), kind != EntryKind::Unreadable, "{tag:#x}");
    }
    let mut volume = volume();
    volume.file(24, "ohne Art", &[small(b""), resident(0xC0, "", 0, b"12")]);
    assert_eq!(unreadable(&read(volume)), ["ohne Art"]);
}

#[test]
fn broken_records_are_lines_and_deleted_ones_are_not() {
    let mut volume = volume();
    (24..30).for_each(|number| volume.file(number, &format!("Datei {number}"), &[small(b"1")]));
    // Not written to the end, marked bad, no record, deleted, attributes that lead nowhere.
    volume.raw(24)[510] ^= 1;
    volume.raw(25)[..4].copy_from_slice(b"BAAD");
    volume.raw(26).fill(0xAA);
    volume.raw(27)[22] = 0;
    let second = 56 + u32::from_le_bytes(volume.raw(28)[60..64].try_into().unwrap()) as usize;
    volume.raw(28)[second + 4] = 3;
    let sent = read(volume);
    let lines = [
        "(unreadable file record 24)",
        "(unreadable file record 25)",
        "(unreadable file record 26)",
        "Datei 28",
        "Datei 28:(unreadable attributes)",
    ];
    assert_eq!(unreadable(&sent), lines);
    assert_eq!(sent.digests().keys().collect::<Vec<_>>(), ["Datei 29"]);
}

#[test]
fn copies_of_boot_sector_and_table_count_where_the_first_are_broken() {
    let mut volume = volume();
    volume.file(24, "da", &[small(b"da")]);
    let mut image = volume.image();
    image[..512].fill(0);
    assert_eq!(read_image(&image).content("da"), &whole(b"da"));
    // The table's own record: the copy finds the table, and the broken one is a line.
    image[16 * CLUSTER + 30] ^= 1;
    image[16 * CLUSTER..][..4].copy_from_slice(b"BAAD");
    let sent = read_image(&image);
    assert_eq!(sent.content("da"), &whole(b"da"));
    assert_eq!(unreadable(&sent), ["(unreadable file record 0)"]);
    let copy = (16 + 80) * CLUSTER;
    image[copy..copy + 4].copy_from_slice(b"BAAD");
    assert_eq!(read_image(&image).others(), [("volume", EntryKind::Area(AreaKind::Unknown))]);
}

#[test]
fn directories_in_circles_and_without_a_parent_are_found_all_the_same() {
    let mut volume = volume();
    let mut folder = |number, parent, title| volume.record(number, IN_USE | DIRECTORY, 0, &[name(parent, title)]);
    folder(24, 25, "Kreis A");
    folder(25, 24, "Kreis B");
    folder(26, 26, "in sich");
    folder(27, 39, "ohne Eltern");
    folder(28, 27, "Kind");
    folder(29, ROOT, "da");
    volume.record(30, IN_USE, 0, &[name(25, "x"), small(b"x")]);
    volume.record(31, IN_USE, 0, &[name(28, "y"), small(b"y")]);
    // Of another use of that record, of a file, of no record at all; and one that knows no use.
    volume.record(32, IN_USE, 0, &[name_of(reference(29) + (1 << 48), 1, &[0x61]), small(b"a")]);
    volume.record(33, IN_USE, 0, &[name(32, "b"), small(b"b")]);
    volume.record(34, IN_USE, 0, &[name(0xFFFF_FFFF_FFFF, "c"), small(b"c")]);
    volume.record(35, IN_USE, 0, &[name_of(29, 1, &[0x64]), small(b"d")]);
    volume.record(36, IN_USE, 0, &[small(b"ohne Namen")]);
    let sent = read(volume);
    let mut paths = sent.paths();
    paths.sort_unstable();
    assert_eq!(
        paths,
        [
            "(orphaned)/(file record 36)",
            "(orphaned)/Kreis A",
            "(orphaned)/Kreis B",
            "(orphaned)/Kreis B/x",
            "(orphaned)/a",
            "(orphaned)/b",
            "(orphaned)/c",
            "(orphaned)/in sich",
            "(orphaned)/ohne Eltern",
            "(orphaned)/ohne Eltern/Kind",
            "(orphaned)/ohne Eltern/Kind/y",
            "da",
            "da/d",
        ]
    );
}

#[test]
fn short_names_are_no_entries_and_further_names_are_links() {
    let mut volume = volume();
    let short: Vec<u16> = "LANGER~1.TXT".encode_utf16().collect();
    let root = reference(ROOT);
    volume.record(24, IN_USE, 0, &[name_of(root, 2, &short), name(ROOT, "Langer Name.txt"), small(b"1")]);
    volume.record(25, IN_USE, 0, &[name_of(root, 2, &short), small(b"nur kurz")]);
    volume.record(26, IN_USE, 0, &[name(ROOT, "eins"), name(ROOT, "zwei"), small(b"2")]);
    volume.record(27, IN_USE | DIRECTORY, 0, &[name(ROOT, "Ordner"), name(27, "in sich selbst")]);
    let sent = read(volume);
    assert_eq!(sent.paths(), ["Langer Name.txt", "LANGER~1.TXT", "eins", "zwei", "Ordner", "Ordner/in sich selbst"]);
    assert_eq!(sent.others(), [("zwei", EntryKind::Link), ("Ordner/in sich selbst", EntryKind::Link)]);
}

#[test]
fn attribute_lists_join_records_and_what_is_missing_is_told() {
    let mut volume = volume();
    let bytes = pattern(2_048);
    let (one, two) = (volume.row(&bytes[..1_024]), volume.row(&bytes[1_024..]));
    let first = mapped("", 0, &Mapped { runs: &[(Some(one), 2)], ..Mapped::whole(2_048) });
    let second = mapped("", 0, &Mapped { begin: 2, runs: &[(Some(two), 2)], ..Mapped::whole(2_048) });
    let gap = mapped("", 0, &Mapped { begin: 3, runs: &[(Some(two), 1)], ..Mapped::whole(2_048) });
    let joined = |record| list(&[(DATA, "", 0, record - 1), (DATA, "", 2, record)]);
    volume.file(24, "ganz", &[joined(25), first.clone()]);
    volume.record(25, IN_USE, 24, &[second.clone(), resident(DATA, "Strom", 0, b"dort")]);
    volume.file(26, "mit Loch", &[joined(27), first.clone()]);
    volume.record(27, IN_USE, 26, &[gap]);
    volume.file(28, "fehlt", &[joined(29), first.clone()]);
    // The piece belongs to somebody else, who does not know it; or to a record that is not in use.
    volume.record(29, IN_USE, 24, std::slice::from_ref(&second));
    volume.record(30, IN_USE, 39, std::slice::from_ref(&second));
    volume.file(31, "Kreis", &[list(&[(DATA, "", 0, 31), (DATA, "", 2, 32)]), first.clone()]);
    volume.record(32, IN_USE, 31, &[list(&[(DATA, "", 2, 31), (DATA, "", 2, 32)]), second]);
    volume.file(33, "ohne Anfang", &[list(&[(DATA, "", 2, 34)])]);
    volume.record(34, IN_USE, 33, &[mapped("", 0, &Mapped { begin: 2, runs: &[(Some(two), 2)], ..Mapped::whole(0) })]);
    volume.file(35, "kaputte Liste", &[resident(0x20, "", 0, &[7; 40]), small(b"1")]);
    let sent = read(volume);
    assert_eq!(sent.content("ganz"), &whole(&bytes));
    assert_eq!(sent.content("ganz:Strom"), &whole(b"dort"));
    assert_eq!(sent.content("Kreis"), &whole(&bytes));
    for name in ["mit Loch", "fehlt"] {
        assert_eq!(sent.content(name), &Content { bytes: bytes[..1_024].to_vec(), end: (Some(Failure::Read), 1_024) }, "{name}");
    }
    let mut others = sent.others();
    others.retain(|(_, kind)| *kind != EntryKind::Stream);
    let mut lines: Vec<&str> = others.iter().map(|(path, _)| *path).collect();
    lines.sort_unstable();
    let expected = [
        "(orphaned)/(file record 30)",
        "fehlt:(unreadable attributes)",
        "ganz:(file record 29)",
        "kaputte Liste:(unreadable attributes)",
        "ohne Anfang",
        "ohne Anfang:(unreadable attributes)",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn runs_that_lead_nowhere_are_read_errors_and_not_shorter_files() {
    let mut volume = volume();
    let first = volume.row(&pattern(1_024));
    let nowhere: [(&str, &[Run]); 4] = [
        ("zu kurz", &[(Some(first), 2)]),
        ("hinter dem Ende", &[(Some(first), 2), (Some(1 << 40), 2)]),
        ("vor dem Anfang", &[(Some(first), 2), (Some(u64::MAX), 2)]),
        ("über das Ende", &[(Some(first), 2), (Some(first), 1 << 30)]),
    ];
    for (number, (title, runs)) in (24..).zip(nowhere) {
        volume.file(number, title, &[mapped("", 0, &Mapped { runs, ..Mapped::whole(4_000) })]);
    }
    // Where nothing was written, the clusters must be there all the same.
    volume.file(30, "ungeschrieben", &[mapped("", 0, &Mapped { runs: &[(Some(first), 2)], initialized: 0, ..Mapped::whole(4_000) })]);
    // The same clusters twice are twice the bytes.
    volume.file(31, "doppelt", &[mapped("", 0, &Mapped { runs: &[(Some(first), 2), (Some(first), 2)], ..Mapped::whole(2_048) })]);
    let sent = read(volume);
    for (title, _) in nowhere.iter().chain([&("ungeschrieben", &[][..])]) {
        assert_eq!(sent.content(title).end, (Some(Failure::Read), 1_024), "{title}");
    }
    assert_eq!(sent.content("doppelt"), &whole(&[pattern(1_024), pattern(1_024)].concat()));
}

#[test]
fn malformed_compression_is_a_read_error_at_its_unit() {
    let mut volume = volume();
    let good = volume.row(&packed(b'g', 2));
    let bad = volume.row(&[0xFF, 0x7F, 1, 2, 3]);
    let torn = [(Some(good), 1), (None, 15), (Some(bad), 1), (None, 15)];
    let mixed = [(Some(good), 1), (None, 15), (None, 4), (Some(good), 1), (None, 11)];
    let short = [(Some(good), 1), (None, 15)];
    for (number, title, runs) in [(24, "Unsinn", &torn[..]), (25, "durcheinander", &mixed), (26, "zu kurz", &short)] {
        volume.file(number, title, &[mapped("", COMPRESSED, &Mapped { runs, unit_shift: 4, ..Mapped::whole(16_384) })]);
    }
    for (number, shift, flags) in [(27, 0, COMPRESSED), (28, 5, COMPRESSED), (29, 4, 2)] {
        let packed = Mapped { runs: &short, unit_shift: shift, ..Mapped::whole(8_192) };
        volume.file(number, &format!("unbekannt {number}"), &[mapped("", flags, &packed)]);
    }
    let sent = read(volume);
    for title in ["Unsinn", "durcheinander", "zu kurz"] {
        assert_eq!(sent.content(title), &Content { bytes: vec![b'g'; 8_192], end: (Some(Failure::Read), 8_192) }, "{title}");
    }
    assert_eq!(unreadable(&sent), ["unbekannt 27", "unbekannt 28", "unbekannt 29"]);
}

#[test]
fn what_hides_in_the_volumes_own_files_is_told() {
    let mut volume = volume();
    let hidden = resident(DATA, "versteckt", 0, b"hier");
    volume.record(3, IN_USE, 0, &[name(ROOT, "$Volume"), small(b"kein Inhalt?"), hidden.clone()]);
    volume.record(ROOT, IN_USE | DIRECTORY, 0, &[name(ROOT, "."), hidden.clone(), resident(DATA, "$Bad", 0, b"da")]);
    volume.record(8, IN_USE, 0, &[name(ROOT, "$BadClus"), small(b""), resident(DATA, "$Bad", 0, b"eigen")]);
    // In a reserved record, under another name, in one without a name.
    volume.file(12, "Datei", &[small(b"12")]);
    volume.file(7, "$Boot2", &[small(b"7")]);
    volume.record(13, IN_USE, 0, &[small(b"13")]);
    volume.record(14, IN_USE, 0, &[small(b"")]);
    volume.record(11, IN_USE | DIRECTORY, 0, &[name(ROOT, "$Extend")]);
    let mut below =
        |number, flags, parent, title, content: &[u8]| volume.record(number, IN_USE | flags, 0, &[name(parent, title), small(content)]);
    below(24, 0, 11, "$UsnJrnl", b"");
    below(25, DIRECTORY, 11, "$RmMetadata", b"");
    below(26, 0, 25, "$Repair", b"eigen");
    below(27, DIRECTORY, 25, "$TxfLog", b"");
    below(28, 0, 27, "$TxfLogContainer00000000000000000001", b"eigen");
    below(29, 0, 11, "Datei", b"29");
    below(30, 0, 27, "Datei", b"30");
    // The name alone makes no file the volume's own.
    below(31, 0, ROOT, "$MFT", b"31");
    below(32, 0, ROOT, "$UsnJrnl", b"32");
    let sent = read(volume);
    let mut paths = sent.paths();
    paths.sort_unstable();
    assert_eq!(
        paths,
        [
            "$Boot2",
            "$Extend/$RmMetadata/$TxfLog/Datei",
            "$Extend/Datei",
            "$MFT",
            "$UsnJrnl",
            "$Volume:$DATA",
            "$Volume:versteckt",
            "(orphaned)/(file record 13)",
            ".:$Bad",
            ".:versteckt",
            "Datei",
        ]
    );
    assert_eq!(sent.digests().len(), 11);
}

#[test]
fn attributes_nobody_knows_and_content_of_directories_are_lines() {
    let mut volume = volume();
    volume.file(24, "Datei", &[small(b"1"), resident(0x1000, "", 0, b"?"), resident(0x1000, "", 0, b"?"), resident(0x88, "", 0, b"?")]);
    volume.record(25, IN_USE | DIRECTORY, 0, &[name(ROOT, "Ordner"), small(b"Inhalt"), resident(DATA, "", 0, b"noch einer")]);
    volume.file(26, "zweimal", &[small(b"1"), small(b"2")]);
    let sent = read(volume);
    let paths = [
        "Datei",
        "Datei:(attribute 0x1000)",
        "Datei:(attribute 0x88)",
        "Ordner",
        "Ordner:$DATA",
        "Ordner:$DATA",
        "zweimal",
        "zweimal:$DATA",
    ];
    assert_eq!(sent.paths(), paths);
    let contents: Vec<&[u8]> = sent.contents.values().map(|content| content.bytes.as_slice()).collect();
    assert_eq!(contents, [&b"1"[..], b"Inhalt", b"noch einer", b"1", b"2"]);
}

#[test]
fn a_table_that_claims_too_much_ends_with_a_line() {
    let table = |runs: &[(Option<u64>, u64)], length: usize| {
        let mut volume = volume();
        volume.record(0, IN_USE, 0, &[name(ROOT, "$MFT"), mapped("", 0, &Mapped { runs, ..Mapped::whole(length) })]);
        volume.file(24, "da", &[small(b"da")]);
        read(volume)
    };
    // Longer than its runs, with a hole, the same clusters again and again.
    let sent = table(&[(Some(16), 80)], 1 << 50);
    assert_eq!((unreadable(&sent), sent.content("da")), (vec!["(unreadable file records from 40 on)"], &whole(b"da")));
    let sent = table(&[(Some(16), 60), (None, 40)], 50 << 10);
    assert_eq!((unreadable(&sent), sent.content("da")), (vec!["(unreadable file records 30 to 49)"], &whole(b"da")));
    let sent = table(&[(Some(16), 80); 10], 400 << 10);
    assert!(unreadable(&sent).contains(&"(unreadable file records from 152 on)"), "{:?}", sent.others());
}

#[test]
fn a_table_in_several_records_is_read_to_its_end() {
    let mut volume = Volume::new(64, 100);
    volume.file(60, "hinten", &[small(b"hinten")]);
    let piece = |begin, cluster, count| mapped("", 0, &Mapped { begin, runs: &[(Some(cluster), count)], ..Mapped::whole(64 << 10) });
    let pieces = list(&[(DATA, "", 0, 0), (DATA, "", 60, 16), (DATA, "", 90, 17)]);
    volume.record(0, IN_USE, 0, &[pieces, name(ROOT, "$MFT"), piece(0, 16, 60)]);
    volume.record(16, IN_USE, 0, &[piece(60, 76, 30)]);
    volume.record(17, IN_USE, 0, &[piece(90, 106, 38)]);
    for number in [16, 17] {
        volume.raw(number)[32..40].copy_from_slice(&reference(0).to_le_bytes());
    }
    let sent = read(volume);
    assert_eq!(sent.content("hinten"), &whole(b"hinten"));
    assert_eq!(sent.paths(), ["hinten"]);
}

#[test]
fn limits_hold_exactly() {
    let mut volume = volume();
    for level in 0..10 {
        volume.record(24 + level, IN_USE | DIRECTORY, 0, &[name(if level == 0 { ROOT } else { 23 + level }, &format!("Ebene {level}"))]);
    }
    volume.record(35, IN_USE, 0, &[name(33, "tief"), name(ROOT, "oben"), small(b"beide")]);
    volume.record(36, IN_USE, 0, &[name(33, "nur tief"), small(b"eins")]);
    volume.file(37, "genau", &[small(&[1; 100])]);
    volume.file(38, "zuviel", &[small(&[1; 101])]);
    let image = volume.image();
    let read = |limits| {
        let (sent, done) = try_image(file_of(&image), limits);
        (sent, done.is_ok())
    };
    let (sent, done) = read(ReadLimits { max_depth: 11, max_file_bytes: 100, ..LIMITS });
    assert!(done);
    assert_eq!((sent.entries.len(), sent.others().len()), (15, 1));
    assert_eq!(sent.content("genau").end, (None, 100));
    assert_eq!(sent.content("zuviel").end, (Some(Failure::Limit), 100));
    // The tenth directory is not walked; what has another name elsewhere is there.
    let (sent, _) = read(ReadLimits { max_depth: 10, ..LIMITS });
    assert_eq!(sent.entries.len(), 13);
    assert_eq!(sent.entries.iter().filter(|entry| entry.kind == EntryKind::Unreadable).count(), 1);
    assert_eq!(sent.content("oben"), &whole(b"beide"));
    let (sent, done) = read(ReadLimits { max_entries: 14, ..LIMITS });
    assert_eq!((sent.entries.len(), done), (14, false));
}
