//! Seeds of the readers of file systems: small volumes put together by hand, with everything a reader has code for.

#![expect(clippy::unnecessary_wraps, reason = "the list of targets takes functions of one shape")]

use crate::media::sparse;
use anyhow::Result;
use testkit::exfat::{self, ALLOCATED, IN_A_ROW, Set};
use testkit::ntfs::{self, COMPRESSED, DATA, DIRECTORY, ENCRYPTED, IN_USE, Mapped, ROOT, list, mapped, name, packed, reparse, resident};

type Seeds = Result<Vec<Vec<u8>>>;

pub(crate) fn exfat() -> Seeds {
    let mut small = exfat::Volume::new(20);
    let first = small.row(b"content");
    let alone = small.image(&exfat::file("a file.txt", first, 7));
    let mut volume = exfat::Volume::new(80);
    let (row, chained) = (volume.row(&[b'r'; 900]), volume.chain(&[b'c'; 900]));
    let set = Set { name: "chained", attributes: 0x20, flags: ALLOCATED, first: chained, length: 900, valid: 500 };
    let mut attached = [0; 32];
    (attached[0], attached[1], attached[24]) = (0xE1, ALLOCATED | IN_A_ROW, 9);
    attached[20..24].copy_from_slice(&row.to_le_bytes());
    let mut inside: Vec<u8> =
        (0..9).flat_map(|n| exfat::file(&format!("with a name of more than fifteen units {n}"), row, 100 * n)).collect();
    for level in 0..3 {
        let first = volume.chain(&inside);
        inside = exfat::directory(&format!("level {level}"), first, inside.len());
    }
    let other = Set { name: "encrypted", attributes: 0x4020, ..set };
    Ok(vec![sparse(&alone), sparse(&volume.image(&[inside, set.entries(&[attached]), other.entries(&[])].concat()))])
}

pub(crate) fn ntfs() -> Seeds {
    let mut small = ntfs::Volume::new(26, 4);
    small.file(24, "a file.txt", &[resident(DATA, "", 0, b"content")]);
    let mut volume = ntfs::Volume::new(40, 60);
    let (row, unit) = (volume.row(&[b'r'; 1_500]), volume.row(&packed(b'z', 2)));
    let raw = Mapped { runs: &[(Some(row), 3)], ..Mapped::whole(1_500) };
    let stream = resident(DATA, "stream", 0, b"beside");
    volume.record(24, IN_USE | DIRECTORY, 0, &[name(ROOT, "folder"), stream.clone()]);
    volume.record(25, IN_USE | DIRECTORY, 0, &[name(24, "folder")]);
    volume.record(26, IN_USE, 0, &[name(25, "file"), name(ROOT, "link"), mapped("", 0, &raw), stream]);
    let units = [(Some(unit), 1), (None, 15), (None, 16)];
    volume.file(27, "packed", &[mapped("", COMPRESSED, &Mapped { runs: &units, unit_shift: 4, ..Mapped::whole(9_000) })]);
    volume.file(28, "encrypted", &[mapped("", ENCRYPTED, &raw)]);
    volume.file(29, "elsewhere", &[reparse(0xA000_000C)]);
    volume.file(30, "holes", &[mapped("", 0, &Mapped { runs: &[(None, 9), (Some(row), 2)], initialized: 5_000, ..Mapped::whole(5_600) })]);
    let piece = |begin, count| mapped("", 0, &Mapped { begin, runs: &[(Some(row + begin), count)], ..Mapped::whole(1_500) });
    volume.file(31, "pieces", &[list(&[(DATA, "", 0, 31), (DATA, "", 1, 32)]), piece(0, 1)]);
    volume.record(32, IN_USE, 31, &[piece(1, 2)]);
    Ok(vec![sparse(&small.image()), sparse(&volume.image())])
}
