//! Encrypted volumes with deterministic mutations of their headers: opening them ends, without a panic, within what a
//! derivation may cost.

use crate::common::{Sent, file_of};
use crate::unlock::keys;
use medium::ReadLimits;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{Cursor, Write as _};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use testkit::bits::crc32;
use testkit::encrypted::{BitLocker, bitlocker, luks1, luks2};
use wire::{AreaKind, EntryKind, FrameWriter, Unlock, UnlockLimits};

const VARIANTS: usize = 2_500;
const PASSWORD: &str = "Kennwort";
const LIMITS: ReadLimits = ReadLimits { max_entries: 100, max_depth: 8, max_file_bytes: 1 << 20 };
// Cheap, so that thousands of variants take seconds.
const UNLOCK: UnlockLimits = UnlockLimits { max_kdf_memory_mib: 1, max_kdf_fill_mib: 4, max_kdf_iterations: 100, max_tries: 8 };

/// A FAT12 volume of 1 MiB whose second half is empty.
fn fat() -> Vec<u8> {
    let mut disk = Cursor::new(vec![0; 1 << 20]);
    fatfs::format_volume(&mut disk, fatfs::FormatVolumeOptions::new().fat_type(fatfs::FatType::Fat12).volume_id(1)).unwrap();
    let volume = fatfs::FileSystem::new(&mut disk, fatfs::FsOptions::new()).unwrap();
    volume.root_dir().create_file("NOTIZ.TXT").unwrap().write_all(&[b'n'; 9_000]).unwrap();
    volume.unmount().unwrap();
    disk.into_inner()
}

struct Outcomes {
    opened: usize,
    closed: usize,
}

fn look(image: &File) -> bool {
    let mut frames = Vec::new();
    let unlock = Unlock::new(keys(&["falsch", PASSWORD]), UNLOCK).unwrap();
    medium::image::unlock_image(image.try_clone().unwrap(), LIMITS, &unlock, &mut FrameWriter::new(&mut frames)).unwrap();
    let sent = Sent::of(&frames);
    assert!(!sent.entries.is_empty(), "a volume without a line");
    !matches!(sent.entries[0].kind, EntryKind::Area(AreaKind::Encrypted(_)))
}

/// Changes one to three bytes of `places`, mends the checksums every second time, and looks.
fn mutate(image: &[u8], places: &[Range<usize>], mend: fn(&mut [u8])) -> Outcomes {
    let places: Vec<usize> = places.iter().cloned().flatten().collect();
    let file = file_of(image);
    assert!(look(&file), "the volume does not open as it is");
    let mut state = 0x2026_0115_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let mut outcomes = Outcomes { opened: 0, closed: 0 };
    for round in 0..VARIANTS {
        let mut variant = image.to_vec();
        for _ in 0..=random() % 3 {
            let at = places[random() % places.len()];
            let digits = b"0123456789\"{}[],:-";
            variant[at] = match random() % 6 {
                0 => 0,
                1 => 0xFF,
                2 => variant[at] ^ 1,
                3 => variant[at].wrapping_add(1),
                4 => digits[random() % digits.len()],
                _ => random() as u8,
            };
        }
        if round % 2 == 0 {
            mend(&mut variant);
        }
        let changed: Vec<usize> = (0..image.len()).step_by(512).filter(|at| variant[*at..*at + 512] != image[*at..*at + 512]).collect();
        let put = |bytes: &[u8]| {
            for at in &changed {
                file.write_all_at(&bytes[*at..*at + 512], *at as u64).unwrap();
            }
        };
        put(&variant);
        *if look(&file) { &mut outcomes.opened } else { &mut outcomes.closed } += 1;
        put(image);
    }
    outcomes
}

/// Variants that open and variants that do not, so the places were well chosen.
fn check(outcomes: &Outcomes) {
    assert!(outcomes.opened > 50 && outcomes.closed > 50, "{} opened, {} closed", outcomes.opened, outcomes.closed);
}

#[test]
fn mutated_luks1_headers_end() {
    check(&mutate(&luks1(&fat(), PASSWORD, 2), &[0..256, 0..256, 0..592, 0x8000..0x8080], |_| ()));
}

#[test]
fn mutated_luks2_headers_end() {
    // The second header is broken first: what the mutation says is all there is.
    let mut image = luks2(&fat(), PASSWORD, 2, 512, 0);
    image[0x4000] = 0;
    check(&mutate(&image, &[0..512, 4096..5200, 4096..5200, 0x8000..0x8080], |image| {
        let header = &mut image[..0x4000];
        header[448..512].fill(0);
        let checksum = Sha256::digest(&*header);
        header[448..480].copy_from_slice(&checksum);
    }));
}

#[test]
fn mutated_bitlocker_metadata_ends() {
    let form = BitLocker { suspended: true, password: PASSWORD, ..BitLocker::DEFAULT };
    let mut image = bitlocker(&fat(), &form);
    // Of the three copies only the first is left, as above.
    let copies = [176, 184, 192].map(|at| u64::from_le_bytes(image[at..at + 8].try_into().unwrap()) as usize);
    for at in &copies[1..] {
        image[*at] = 0;
    }
    let first = copies[0];
    check(&mutate(&image, &[0..512, first..first + 700, first..first + 112], |image| {
        let at = u64::from_le_bytes(image[176..184].try_into().unwrap()) as usize;
        let length = image.get(at + 8..at + 10).map_or(0, |l| usize::from(u16::from_le_bytes([l[0], l[1]])) << 4);
        if let Some(checksum) = image.get(at..at.saturating_add(length)).map(crc32)
            && let Some(place) = image.get_mut(at + length + 4..at + length + 8)
        {
            place.copy_from_slice(&checksum.to_le_bytes());
        }
    }));
}
