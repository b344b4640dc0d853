//! Thousands of broken exFAT and NTFS volumes: whatever they say, reading them ends, within its limits, without a panic, and
//! every content that was announced is answered for (which taking the answers apart checks).

use crate::common::{Sent, pattern, try_image};
use crate::mounts::{Mount, run};
use medium::ReadLimits;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use testkit::{exfat, ntfs};

const ROUNDS: usize = 2_500;
const LIMITS: ReadLimits = ReadLimits { max_entries: 500, max_depth: 8, max_file_bytes: 1 << 20 };

/// A small deterministic generator.
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }
}

/// What came of the variants of a volume.
#[derive(Debug, Default)]
struct Outcomes {
    variants: usize,
    /// No volume any more, an unreadable line, a content that breaks off, everything as it was.
    unknown: usize,
    lines: usize,
    broken_off: usize,
    same: usize,
}

/// Makes checksums right again.
type Straighten = fn(&mut [u8]);

/// Reads variants of an image: bits, bytes and numbers changed where something is written, or its end cut off.
fn mutate(image: &[u8], rounds: usize, straighten: Option<Straighten>, outcomes: &mut Outcomes) {
    // What decides something: not the bytes of contents.
    let content = pattern(3_000);
    let decides = |at: &usize| image[*at] != 0 && !content.chunks(64).any(|piece| image[*at & !63..].starts_with(piece));
    let places: Vec<usize> = (0..image.len()).filter(decides).collect();
    // File records and directories more often than tables of letters and bitmaps.
    let tells = |at: &&usize| {
        image[**at & !1_023..].starts_with(b"FILE") || image[**at & !511..][..512].iter().step_by(32).any(|kind| *kind == 0x85)
    };
    let telling: Vec<usize> = places.iter().filter(tells).copied().collect();
    let file = tempfile::tempfile().unwrap();
    let original = read(image, image, &file);
    let mut random = Random(0x2026_0115);
    for round in 0..rounds {
        let mut bytes = image.to_vec();
        for _ in 0..=random.below(3) {
            let places = if random.below(3) == 0 { &telling } else { &places };
            let at = places[random.below(places.len())];
            let at = (at + random.below(9)).saturating_sub(4).min(image.len() - 8);
            match random.below(4) {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => bytes[at] = [0, 1, 0x7F, 0x80, 0xFE, 0xFF][random.below(6)],
                // A cluster or record number, a count or length that is somebody else's.
                2 => bytes[at & !3..][..4].copy_from_slice(&(random.below(200) as u32).to_le_bytes()),
                _ => {
                    let value = [0u64, u64::MAX, 1 << 63, 1 << 40, 1 << 31, random.below(1 << 20) as u64][random.below(6)];
                    bytes[at & !7..][..8].copy_from_slice(&value.to_le_bytes());
                }
            }
        }
        if round % 10 == 9 {
            bytes.truncate(random.below(image.len()));
        }
        if let Some(straighten) = straighten.filter(|_| round % 4 != 0) {
            straighten(&mut bytes);
        }
        let sent = read(&bytes, image, &file);
        outcomes.variants += 1;
        outcomes.unknown += usize::from(sent.paths() == ["volume"]);
        outcomes.lines += usize::from(sent.entries.iter().any(|entry| entry.kind == wire::EntryKind::Unreadable));
        outcomes.broken_off += usize::from(sent.contents.values().any(|content| content.end.0.is_some()));
        outcomes.same += usize::from(sent == original);
    }
}

/// Reads `bytes`; only what differs from the image written before is written.
fn read(bytes: &[u8], image: &[u8], file: &File) -> Sent {
    let fresh = file.metadata().unwrap().len() == 0;
    if fresh {
        file.write_all_at(image, 0).unwrap();
    }
    let differing = |(at, (new, old)): (usize, (&[u8], &[u8]))| (new != old).then_some((at, new.to_vec(), old.to_vec()));
    let changes: Vec<_> = bytes.chunks(64).zip(image.chunks(64)).enumerate().filter_map(differing).collect();
    for (block, new, _) in &changes {
        file.write_all_at(new, *block as u64 * 64).unwrap();
    }
    file.set_len(bytes.len() as u64).unwrap();
    let (sent, done) = try_image(file.try_clone().unwrap(), LIMITS);
    assert!(sent.entries.len() <= LIMITS.max_entries as usize);
    assert!(sent.contents.values().all(|content| content.bytes.len() as u64 <= LIMITS.max_file_bytes));
    assert!(done.is_ok() || sent.entries.len() == LIMITS.max_entries as usize, "{done:?}");
    if bytes.len() < image.len() {
        file.write_all_at(&image[bytes.len()..], bytes.len() as u64).unwrap();
    }
    for (block, _, old) in &changes {
        file.write_all_at(old, *block as u64 * 64).unwrap();
    }
    sent
}

fn exfat_volume() -> Vec<u8> {
    let mut volume = exfat::Volume::new(200);
    let row = volume.row(&pattern(3_000));
    let chained = volume.chain(&pattern(3_000));
    let mut inside = Vec::new();
    for number in 0..12 {
        inside.extend(exfat::file(&format!("Datei mit einem langen Namen {number}.txt"), row, 100 * number));
    }
    let folder = volume.chain(&inside);
    let deep = exfat::directory("Ordner", folder, inside.len());
    let outer = volume.chain(&deep);
    let set = exfat::Set { name: "Kette", attributes: 0x20, flags: exfat::ALLOCATED, first: chained, length: 3_000, valid: 1_700 };
    let mut chains = set.entries(&[]);
    for name in ["Kette 2", "Kette 3", "Kette 4", "Kette 5", "Kette 6"] {
        let first = volume.chain(&pattern(3_000));
        chains.extend(exfat::Set { name, first, valid: 3_000, ..set }.entries(&[]));
    }
    let root = [chains, exfat::directory("außen", outer, deep.len()), exfat::file("Reihe", row, 3_000)];
    volume.image(&root.concat())
}

fn ntfs_volume() -> Vec<u8> {
    use ntfs::{DATA, IN_USE, Mapped, ROOT, list, mapped, name, reparse, resident};
    let mut volume = ntfs::Volume::new(48, 120);
    let (row, unit) = (volume.row(&pattern(3_000)), volume.row(&ntfs::packed(b'z', 2)));
    let piece = |begin, cluster| mapped("", 0, &Mapped { begin, runs: &[(Some(cluster), 2)], ..Mapped::whole(2_000) });
    for number in 24..30 {
        let parent = if number == 24 { ROOT } else { number - 1 };
        volume.record(number, IN_USE | ntfs::DIRECTORY, 0, &[name(parent, &format!("Ordner {number}"))]);
    }
    for number in 30..36 {
        let stream = resident(DATA, "Strom", 0, b"am Rande");
        volume.record(number, IN_USE, 0, &[name(number - 6, "Datei"), name(ROOT, "auch"), resident(DATA, "", 0, b"kurz"), stream]);
    }
    volume.file(40, "geteilt", &[list(&[(DATA, "", 0, 40), (DATA, "", 2, 41)]), piece(0, row)]);
    volume.record(41, IN_USE, 40, &[piece(2, row + 2)]);
    let runs = [(Some(unit), 1), (None, 15), (None, 16)];
    volume.file(42, "gepackt", &[mapped("", ntfs::COMPRESSED, &Mapped { runs: &runs, unit_shift: 4, ..Mapped::whole(16_000) })]);
    volume.file(43, "Verweis", &[reparse(0xA000_000C)]);
    volume.file(44, "Lücke", &[mapped("", 0, &Mapped { runs: &[(Some(row), 3), (None, 40)], ..Mapped::whole(20_000) })]);
    volume.image()
}

#[test]
fn thousands_of_broken_exfat_volumes_end_within_their_limits() {
    let mut outcomes = Outcomes::default();
    mutate(&exfat_volume(), ROUNDS, Some(exfat::straighten), &mut outcomes);
    println!("{outcomes:?}");
    assert!(outcomes.variants >= 2_000 && outcomes.unknown > 10 && outcomes.lines > 200 && outcomes.broken_off > 10, "{outcomes:?}");
}

#[test]
fn thousands_of_broken_ntfs_volumes_end_within_their_limits() {
    let mut outcomes = Outcomes::default();
    mutate(&ntfs_volume(), ROUNDS, None, &mut outcomes);
    println!("{outcomes:?}");
    assert!(outcomes.variants >= 2_000 && outcomes.unknown > 10 && outcomes.lines > 200 && outcomes.broken_off > 10, "{outcomes:?}");
}

#[test]
fn broken_variants_of_volumes_other_programs_made_end_within_their_limits() {
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("medium.img");
    let programs: [(&str, &[&str], &str, Option<Straighten>); 2] = [
        ("mkfs.exfat", &["-b", "4K", "-c", "512"], "mount.exfat-fuse", Some(exfat::straighten)),
        ("mkfs.ntfs", &["--force", "--quick", "--quiet", "--cluster-size", "512"], "ntfs-3g", None),
    ];
    for (formatter, options, driver, straighten) in programs {
        File::create(&image).unwrap().set_len(1_280 << 10).unwrap();
        run(formatter, &[options, &[image.to_str().unwrap()]].concat());
        match Mount::new(&image, driver, "noatime") {
            Err(why) => return println!("skipped: {why}"),
            Ok(mount) => {
                for number in 0..40 {
                    let folder = mount.root().join(format!("Ordner {}", number % 5));
                    std::fs::create_dir_all(&folder).unwrap();
                    std::fs::write(folder.join(format!("Datei {number}.bin")), pattern(number * 60)).unwrap();
                }
            }
        }
        let mut outcomes = Outcomes::default();
        mutate(&std::fs::read(&image).unwrap(), 400, straighten, &mut outcomes);
        println!("{driver}: {outcomes:?}");
        assert_eq!(outcomes.variants, 400);
    }
}
