//! BitLocker. No program of Debian makes such volumes, so the test kit does; dislocker and cryptsetup prove that they are
//! what Windows makes, because builder and reader could otherwise share a mistake.

use crate::common::file_of;
use crate::unlock::{UNLOCK, check_closed, check_open, fat, run, try_unlock};
use std::path::Path;
use testkit::bits::crc32;
use testkit::encrypted::{BitLocker, bitlocker};
use wire::{Locked, UnlockLimit, UnlockLimits};

const LENGTH: u64 = 8 << 20;

fn plain() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::read(fat(dir.path(), LENGTH, 512)).unwrap()
}

/// What dislocker decrypts.
fn dislocker(image: &Path, key: &str) -> Vec<u8> {
    let out = image.with_extension("out");
    run("dislocker-file", &["-V", image.to_str().unwrap(), key, "--", out.to_str().unwrap()], "");
    let decrypted = std::fs::read(&out).unwrap();
    // It writes over nothing.
    std::fs::remove_file(out).unwrap();
    decrypted
}

#[test]
fn every_method_opens_with_password_and_recovery_password_and_dislocker_agrees() {
    let plain = plain();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("volume.img");
    for method in 0x8000..=0x8005 {
        let form = BitLocker { method, to_go: method & 1 == 1, ..BitLocker::DEFAULT };
        let image = bitlocker(&plain, &form);
        std::fs::write(&path, &image).unwrap();
        assert!(dislocker(&path, &format!("-u{}", form.password)) == plain, "{method:#x} by password");
        for key in [form.password, &form.recovery_password()] {
            check_open(&try_unlock(file_of(&image), &["falsch", key], UNLOCK).0, "fat12 in bitlocker");
        }
    }
    assert!(dislocker(&path, &format!("-p{}", BitLocker::DEFAULT.recovery_password())) == plain);
    run("cryptsetup", &["bitlkOpen", "--test-passphrase", "--key-file", "-", path.to_str().unwrap()], BitLocker::DEFAULT.password);
    let dump = run("cryptsetup", &["bitlkDump", path.to_str().unwrap()], "");
    for line in ["aes-xts-plain64", "VMK protected with passphrase", "VMK protected with recovery passphrase", "512 bits"] {
        assert!(dump.contains(line), "{line} is not in\n{dump}");
    }
}

#[test]
fn wrong_keys_and_none_are_told_apart() {
    let image = bitlocker(&plain(), &BitLocker::DEFAULT);
    let sent = |keys: &[&str], limits| try_unlock(file_of(&image), keys, limits).0;
    check_closed(&sent(&[], UNLOCK), "bitlocker", Locked::NoKey);
    let other = BitLocker { recovery: [1; 8], ..BitLocker::DEFAULT }.recovery_password();
    check_closed(&sent(&["weg zum See", &other], UNLOCK), "bitlocker", Locked::WrongKey);
    let less = UnlockLimits { max_kdf_iterations: (1 << 20) - 1, ..UNLOCK };
    let wanted = Locked::Limit { limit: UnlockLimit::KdfIterations, wanted: 1 << 20 };
    check_closed(&sent(&[BitLocker::DEFAULT.password], less), "bitlocker", wanted);
}

#[test]
fn suspended_protection_needs_no_key() {
    let dir = tempfile::tempdir().unwrap();
    let (path, plain) = (dir.path().join("volume.img"), plain());
    let image = bitlocker(&plain, &BitLocker { suspended: true, ..BitLocker::DEFAULT });
    std::fs::write(&path, &image).unwrap();
    assert!(dislocker(&path, "-c") == plain);
    check_open(&try_unlock(file_of(&image), &[], UnlockLimits::default()).0, "fat12 in bitlocker");
}

/// Where the copies of the metadata lie: as the boot sector says.
fn copies(image: &[u8]) -> [usize; 3] {
    [176, 184, 192].map(|at| u64::from_le_bytes(image[at..at + 8].try_into().unwrap()) as usize)
}

#[test]
fn one_whole_copy_of_the_metadata_is_enough() {
    let mut image = bitlocker(&plain(), &BitLocker { suspended: true, ..BitLocker::DEFAULT });
    let copies = copies(&image);
    for (broken, at) in copies.into_iter().enumerate() {
        image[at + 200] ^= 1;
        let sent = try_unlock(file_of(&image), &[], UNLOCK).0;
        if broken < 2 {
            check_open(&sent, "fat12 in bitlocker");
        } else {
            check_closed(&sent, "bitlocker", Locked::Damaged);
        }
    }
}

#[test]
fn what_is_not_supported_stays_closed() {
    let whole = bitlocker(&plain(), &BitLocker { suspended: true, ..BitLocker::DEFAULT });
    // The block format of Vista; a volume that is being decrypted; a method that does not exist.
    for (at, value) in [(10, 1u8), (12, 5), (64 + 36, 0x09)] {
        let mut image = whole.clone();
        for copy in copies(&whole) {
            image[copy + at] = value;
            let length = usize::from(u16::from_le_bytes([image[copy + 8], image[copy + 9]])) << 4;
            let checksum = crc32(&image[copy..copy + length]);
            image[copy + length + 4..copy + length + 8].copy_from_slice(&checksum.to_le_bytes());
        }
        check_closed(&try_unlock(file_of(&image), &[], UNLOCK).0, "bitlocker", Locked::Unsupported);
    }
}

/// UTF-16, as the format says; neither of the programs above takes more than ASCII here.
#[test]
fn a_password_may_hold_any_character() {
    let form = BitLocker { password: "Schlüssel 🔑", ..BitLocker::DEFAULT };
    check_open(&try_unlock(file_of(&bitlocker(&plain(), &form)), &[form.password], UNLOCK).0, "fat12 in bitlocker");
}
