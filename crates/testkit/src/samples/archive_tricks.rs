//! Archives that lie, never end, climb out of their folder, or cannot be looked into.

use super::texts;
use crate::archive::{RawTarEntry, ZipBuilder, gzip_of, quine_zip, seven_zip_encrypted, seven_zip_of, tar_of_raw, zip_of};
use crate::program;
use crate::tree::{Expected, Sample};
use model::{Format, Reason};

const PLAIN: &[u8] = b"Harmloser Text.\n";

fn at(name: &str) -> String {
    format!("Archive/Aus dem Netz/{name}")
}

fn text() -> Expected {
    Expected::rebuilt(Format::Txt)
}

fn refused() -> Expected {
    Expected::withheld(Reason::Malformed, Format::Zip)
}

pub(super) fn samples() -> Vec<Sample> {
    [bombs(), ends(), names(), closed(), tars(), odd_tars()].concat()
}

/// `depth` archives around a note.
fn nested(depth: usize) -> Vec<u8> {
    (0..depth).fold(PLAIN.to_vec(), |inner, level| {
        let name = if level == 0 { "notiz.txt".to_owned() } else { format!("{level:02}.zip") };
        zip_of(&[(name, inner)])
    })
}

/// What becomes of [`nested`] when the line goes `levels` archives deep.
fn unpacked_to(depth: usize, levels: usize) -> Expected {
    if levels == 0 {
        return Expected::withheld(Reason::Limit, Format::Zip);
    }
    let inner = if depth == 1 { text() } else { unpacked_to(depth - 1, levels - 1) };
    let name = if depth == 1 { "notiz.txt".to_owned() } else { format!("{:02}.zip", depth - 1) };
    Expected::unpacked(Format::Zip, vec![(name, inner)])
}

fn bombs() -> Vec<Sample> {
    // Every archive is small and packs nothing but archives, until the innermost ones.
    let leaf = ZipBuilder::new().zeros("nullen.txt", 8 << 20).finish();
    let three = |inner: &[u8]| zip_of(&[("0.zip", inner), ("1.zip", inner), ("2.zip", inner)]);
    let of_three =
        |inner: Expected| Expected::unpacked(Format::Zip, ["0.zip", "1.zip", "2.zip"].map(|name| (name, inner.clone())).to_vec());
    // The scanner goes deeper than the line does, and does not like it.
    let scanner = || Expected::withheld(Reason::ScanIncomplete, Format::Zip);
    vec![
        Sample::new(
            &at("Bombe (geschachtelt).zip"),
            "Archives in archives, none of them a bomb but the innermost.",
            three(&three(&leaf)),
            of_three(of_three(Expected::withheld(Reason::Limit, Format::Zip))),
        ),
        Sample::new(&at("Immer dasselbe.zip"), "An archive whose one member is the archive itself.", quine_zip(), scanner()),
        Sample::new(&at("Sechs tief.zip"), "One archive more around a note than the line unpacks.", nested(6), unpacked_to(6, 5)),
        Sample::new(&at("Fünfzig tief.zip"), "Fifty archives around a note.", nested(50), scanner()),
    ]
}

fn ends() -> Vec<Sample> {
    let one = || ZipBuilder::new().deflated("notiz.txt", PLAIN);
    let unpacked = || Expected::unpacked(Format::Zip, vec![("notiz.txt", text())]);
    let suffixed = [one().finish(), b"Noch etwas hinter dem Ende.".to_vec()].concat();
    vec![
        Sample::new(&at("Groß.zip"), "Sizes and end record of 64 bits, and honest.", one().wide(16).finish_wide(1), unpacked()),
        Sample::new(&at("Groß (gelogen).zip"), "A member that claims 2⁶² bytes.", one().wide(1 << 62).finish_wide(1), refused()),
        Sample::new(&at("Zu viele.zip"), "An end record that claims 2⁶² members.", one().finish_wide(1 << 62), refused()),
        Sample::new(
            &at("Zwei Enden.zip"),
            "The end record of 64 bits lists another member than that of 32 bits.",
            one().finish_with_two_ends(&ZipBuilder::new().deflated("anders.txt", b"Etwas anderes.\n")),
            refused(),
        ),
        Sample::new(
            &at("Zwei Namen.zip"),
            "The directory calls the member otherwise than its own header.",
            one().finish_with_other_names(),
            refused(),
        ),
        Sample::new(
            &at("Nachgestellt.zip"),
            "Sizes behind the member, as writers of streams put them.",
            one().described().finish(),
            unpacked(),
        ),
        Sample::new(
            &at("Davor.zip"),
            "An archive behind bytes that are no archive.",
            one().finish_after(b"Nichts von Belang, nur davor.\n\x01\x02\x03\x04".to_vec()),
            Expected::withheld(Reason::Polyglot, Format::Zip),
        ),
        Sample::new(
            &at("Dahinter.zip"),
            "An archive with bytes behind its end.",
            suffixed,
            Expected::withheld(Reason::Suspicious, Format::Zip),
        ),
        Sample::new(
            &at("Selbstentpacker.exe"),
            "An archive behind the program that unpacks it.",
            one().finish_after(program::pe()),
            Expected::withheld(Reason::Stripped, Format::Pe),
        ),
    ]
}

fn names() -> Vec<Sample> {
    // One tree, four spellings of leaving it; then names in the code pages of DOS and of Japan, with the flag and without.
    let climbing = ["/etc/absolut.txt", "C:\\Windows\\laufwerk.txt", "\\\\server\\freigabe\\netz.txt", "..\\..\\zurueck.txt"];
    let builder = climbing.iter().fold(ZipBuilder::new(), |zip, name| zip.stored(name, PLAIN));
    let shown = ["/etc/absolut.txt", "C:/Windows/laufwerk.txt", "/server/freigabe/netz.txt", "../../zurueck.txt"];
    let climbed = Expected::unpacked(Format::Zip, shown.iter().map(|name| (*name, text())).collect());
    let shift_jis: &[u8] = b"\x93\xFA\x96\x7B.txt";
    let pages = ZipBuilder::new()
        .stored(b"Gr\x81\xE1e.txt", PLAIN)
        .utf8_flag(false)
        .stored(b"Gr\x81\xE1e.zwei.txt", PLAIN)
        .utf8_flag(true)
        .stored(shift_jis, PLAIN)
        .stored("Grüße.txt", PLAIN)
        .utf8_flag(false)
        .finish();
    let shown = ["Gr\\x81\\xE1e.txt", "Gr\\x81\\xE1e.zwei.txt", "\\x93\\xFA\\x96{.txt", "Grüße.txt"];
    let paged = Expected::unpacked(Format::Zip, shown.iter().map(|name| (*name, text())).collect());
    vec![
        Sample::new(&at("Hinaus.zip"), "Members with absolute, drive, network and backslash names.", builder.finish(), climbed),
        Sample::new(&at("Zeichensätze.zip"), "Member names in CP437 and Shift-JIS, some with the flag of UTF-8.", pages, paged),
        Sample::new(
            &at("Doppelt.zip"),
            "Two members of one name.",
            ZipBuilder::new().stored("notiz.txt", PLAIN).stored("notiz.txt", b"Ein anderer Text.\n").finish(),
            refused(),
        ),
    ]
}

fn closed() -> Vec<Sample> {
    let volume = zip_of(&[("messung.log", texts::log(300).into_bytes())]);
    let first_half: Vec<u8> = [b"PK\x07\x08", volume.get(..volume.len() / 2).unwrap_or_default()].concat();
    let mut last_volume = zip_of(&[("notiz.txt", PLAIN)]);
    let end = last_volume.len() - 22;
    if let Some(field) = last_volume.get_mut(end + 4..end + 8) {
        field.copy_from_slice(&[1, 0, 1, 0]);
    }
    let encrypted = |format| Expected::withheld(Reason::Encrypted, format);
    vec![
        Sample::new(
            &at("Teils verschlüsselt.zip"),
            "One open member and one with a password.",
            ZipBuilder::new().deflated("notiz.txt", PLAIN).encrypted("geheim.txt", PLAIN, b"infiziert").finish(),
            encrypted(Format::Zip),
        ),
        Sample::new(
            &at("Verschlüsselt.7z"),
            "A 7z that hides even the names of its members.",
            seven_zip_encrypted(),
            encrypted(Format::SevenZip),
        ),
        Sample::new(
            &at("Am Stück.7z"),
            "A solid 7z.",
            seven_zip_of(&[("notiz.txt", PLAIN), ("messung.log", texts::log(20).as_bytes())]),
            Expected::withheld(Reason::FormatWithheld, Format::SevenZip),
        ),
        Sample::new(&at("Teil 1.zip"), "The first volume of an archive in two.", first_half, refused()),
        Sample::new(&at("Teil 2.zip"), "The last volume of an archive in two.", last_volume, refused()),
    ]
}

fn tars() -> Vec<Sample> {
    let entries = [
        RawTarEntry::other("./", b'5', b""),
        RawTarEntry::file("./notiz.txt", PLAIN),
        RawTarEntry::other("platte", b'4', b""),
        RawTarEntry::other("konsole", b'3', b""),
        RawTarEntry::other("rohr", b'6', b""),
        RawTarEntry::other("verweis", b'2', b"/etc/shadow"),
        RawTarEntry::other("hart", b'1', b"../../etc/passwd"),
        RawTarEntry::file("../../hinauf.txt", PLAIN),
        RawTarEntry::file("/etc/absolut.txt", PLAIN),
        RawTarEntry::file("zweimal.txt", PLAIN),
        RawTarEntry::file("zweimal.txt", *b"Ein anderer Text.\n"),
    ];
    let device = || Expected {
        disposition: model::report::Outcome::Structural,
        reason: Reason::SpecialFile,
        format: Format::Unknown,
        members: Vec::new(),
    };
    let expected = vec![
        ("notiz.txt", text()),
        ("platte", device()),
        ("konsole", device()),
        ("rohr", device()),
        ("verweis", Expected::link()),
        ("hart", Expected::link()),
        ("../../hinauf.txt", text()),
        ("/etc/absolut.txt", text()),
        ("zweimal.txt", text()),
        ("zweimal.txt", text()),
    ];
    let pax = [RawTarEntry::pax(b'x', &[("path", "../umbenannt.txt"), ("mtime", "1768478400.5")]), RawTarEntry::file("harmlos.txt", PLAIN)];
    vec![
        Sample::new(
            &at("Geräte.tar"),
            "A tar with devices, a pipe, links out of the tree, names that climb, and a name twice.",
            tar_of_raw(&entries),
            Expected::unpacked(Format::Tar, expected),
        ),
        Sample::new(
            &at("Umbenannt.tar"),
            "A tar whose extended header gives the member another name.",
            tar_of_raw(&pax),
            Expected::unpacked(Format::Tar, vec![("../umbenannt.txt", text())]),
        ),
    ]
}

/// Forms of tar that readers take differently: nobody gets to read them.
fn odd_tars() -> Vec<Sample> {
    let note = || RawTarEntry::file("notiz.txt", PLAIN);
    let tar = |name: &str, why: &str, entries: &[RawTarEntry], reason| {
        Sample::new(&at(name), why, tar_of_raw(entries), Expected::withheld(reason, Format::Tar))
    };
    // GNU: one block of 16 bytes behind a hole.
    let sparse = |hole: u64| {
        let digits = |value: u64| format!("{value:011o}\0").into_bytes();
        let map = [vec![0; 41], digits(hole), digits(16), vec![0; 73], digits(hole + 16)].concat();
        tar_of_raw(&[RawTarEntry { kind: b'S', body: PLAIN.to_vec(), rest: map, gnu: true, ..note() }])
    };
    let pax_sparse = RawTarEntry::pax(b'x', &[("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", "anders.txt")]);
    let hidden = RawTarEntry::file("versteckt.txt", *b"Nur fuer manche Leser.\n");
    let mut behind = tar_of_raw(&[note()]);
    behind.extend(tar_of_raw(&[hidden]));
    vec![
        tar(
            "Groß (gelogen).tar",
            "A tar whose extended header gives another size.",
            &[RawTarEntry::pax(b'x', &[("size", "1024")]), note(), note()],
            Reason::Malformed,
        ),
        tar(
            "Zweimal umbenannt.tar",
            "An extended header with two paths.",
            &[RawTarEntry::pax(b'x', &[("path", "a.txt"), ("path", "b.txt")]), note()],
            Reason::Malformed,
        ),
        tar(
            "Alle umbenannt.tar",
            "A header that renames all members that follow.",
            &[RawTarEntry::pax(b'g', &[("path", "a.txt")]), note()],
            Reason::Malformed,
        ),
        Sample::new(
            &at("Lücken.tar"),
            "A file with a hole, which is unpacked to zero bytes.",
            sparse(65_536),
            Expected::unpacked(Format::Tar, vec![("notiz.txt", Expected::withheld(Reason::FormatUnknown, Format::Unknown))]),
        ),
        Sample::new(
            &at("Lücken (riesig).tar"),
            "A file with a hole of 4 GiB.",
            sparse(4 << 30),
            Expected::withheld(Reason::Limit, Format::Tar),
        ),
        tar("Lücken (pax).tar", "A sparse file in an extended header.", &[pax_sparse, note()], Reason::ConversionFailed),
        tar("Fortsetzung.tar", "The second volume of a tar in two.", &[RawTarEntry { kind: b'M', ..note() }], Reason::ConversionFailed),
        tar(
            "Verweis mit Inhalt.tar",
            "A link that carries bytes.",
            &[RawTarEntry { kind: b'1', link: b"notiz.txt".to_vec(), ..note() }],
            Reason::Malformed,
        ),
        Sample::new(
            &at("Hinter dem Ende.tar"),
            "A second tar behind the end of the first.",
            behind,
            Expected::withheld(Reason::Malformed, Format::Tar),
        ),
        Sample::new(
            &at("Rest.gz"),
            "Bytes behind the end of a compressed stream.",
            [gzip_of("a", PLAIN), b"Rest".to_vec()].concat(),
            Expected::withheld(Reason::Malformed, Format::Gzip),
        ),
    ]
}
