//! Encrypted volumes other programs made (cryptsetup, qemu-img): every header, derivation and cipher they write is read, and
//! the content is what was put in before it was encrypted.

use crate::common::{LIMITS, Sent, file_of, pattern};
use medium::ReadError;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;
use testkit::encrypted::luks::STRIPES;
use wire::{AreaKind, EntryKind, FrameWriter, Locked, Secret, Unlock, UnlockLimit, UnlockLimits};
use zeroize::Zeroizing;

pub const UNLOCK: UnlockLimits =
    UnlockLimits { max_kdf_memory_mib: 64, max_kdf_fill_mib: 256, max_kdf_iterations: 2_000_000, max_tries: 64 };
const PASSWORD: &str = "Schlüssel zum See";
/// Where cryptsetup puts the headers it makes room for.
const HEADERS_BYTES: u64 = 32 << 20;
/// Derivations that take no time.
const PBKDF2: [&str; 4] = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"];
const ARGON2ID: [&str; 8] = ["--pbkdf", "argon2id", "--pbkdf-memory", "64", "--pbkdf-force-iterations", "4", "--pbkdf-parallel", "1"];

/// Runs a program that reads a password from standard input.
pub fn run(program: &str, arguments: &[&str], input: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "makes and checks the test's own image")]
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C.UTF-8").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}; see deploy/debian-packages.txt"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    let [said, wrong] = [&done.stdout, &done.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(done.status.success(), "{program} {arguments:?}: {wrong}{said}");
    said
}

/// A FAT volume with two files.
pub fn fat(dir: &Path, length: u64, sector_bytes: u32) -> PathBuf {
    let path = dir.join("plain.img");
    File::create(&path).unwrap().set_len(length).unwrap();
    let name = path.to_str().unwrap();
    run("mkfs.vfat", &["-S", &sector_bytes.to_string(), name], "");
    for (file, content) in [("KLEIN.TXT", b"klein".to_vec()), ("GROSS.BIN", pattern(1_300_001))] {
        let outside = dir.join(file);
        std::fs::write(&outside, content).unwrap();
        run("mcopy", &["-i", name, outside.to_str().unwrap(), "::"], "");
    }
    path
}

/// Lets cryptsetup encrypt a FAT volume where it lies. It does so without the kernel's help.
fn luks2(dir: &TempDir, length: u64, sector_bytes: u32, options: &[&str]) -> PathBuf {
    let path = fat(dir.path(), length, sector_bytes);
    File::options().write(true).open(&path).unwrap().set_len(length + HEADERS_BYTES).unwrap();
    let sector = sector_bytes.to_string();
    let fixed = ["reencrypt", "--encrypt", "--type", "luks2", "--reduce-device-size", "32M", "--sector-size", &sector];
    cryptsetup(&[&fixed, options].concat(), &path, PASSWORD);
    path
}

fn cryptsetup(arguments: &[&str], image: &Path, input: &str) -> String {
    run("cryptsetup", &[arguments, &["--batch-mode", "--disable-locks", "--key-file", "-", image.to_str().unwrap()]].concat(), input)
}

pub fn keys(passwords: &[&str]) -> Vec<Secret> {
    passwords.iter().map(|text| Secret::new(Zeroizing::new((*text).to_owned())).unwrap()).collect()
}

pub fn try_unlock(image: File, passwords: &[&str], limits: UnlockLimits) -> (Sent, Result<(), ReadError>) {
    let mut frames = Vec::new();
    let unlock = Unlock::new(keys(passwords), limits).unwrap();
    let done = medium::image::unlock_image(image, LIMITS, &unlock, &mut FrameWriter::new(&mut frames));
    (Sent::of(&frames), done)
}

pub fn unlock(image: &Path, passwords: &[&str]) -> Sent {
    let (sent, done) = try_unlock(File::open(image).unwrap(), passwords, UNLOCK);
    done.unwrap();
    sent
}

/// What the only volume of an image is, and what is in it.
pub fn check_open(sent: &Sent, file_system: &str) {
    assert_eq!(sent.volumes, [("none".to_owned(), 0, file_system.to_owned(), true)]);
    assert_eq!(sent.paths(), ["KLEIN.TXT", "GROSS.BIN"]);
    assert_eq!(sent.content("KLEIN.TXT").bytes, b"klein");
    assert!(sent.content("GROSS.BIN").bytes == pattern(1_300_001));
}

pub fn check_closed(sent: &Sent, kind: &str, locked: Locked) {
    assert_eq!(sent.volumes, [("none".to_owned(), 0, kind.to_owned(), false)]);
    assert_eq!(sent.others(), [("volume", EntryKind::Area(AreaKind::Encrypted(locked)))]);
}

#[test]
fn every_cipher_and_derivation_of_luks2_opens() {
    let argon2i = ["--pbkdf", "argon2i", "--pbkdf-memory", "96", "--pbkdf-force-iterations", "5", "--pbkdf-parallel", "4"];
    let forms: [(u64, u32, &[&[&str]]); 5] = [
        (4 << 20, 512, &[&ARGON2ID]),
        (64 << 20, 4096, &[&argon2i]),
        (4 << 20, 512, &[&["--cipher", "aes-xts-plain64", "--key-size", "256", "--hash", "sha512"], &PBKDF2]),
        (4 << 20, 512, &[&["--cipher", "aes-cbc-essiv:sha256", "--key-size", "256"], &PBKDF2]),
        (4 << 20, 512, &[&["--cipher", "aes-cbc-plain64", "--key-size", "128", "--hash", "sha1"], &PBKDF2]),
    ];
    for (length, sector_bytes, options) in forms {
        let dir = tempfile::tempdir().unwrap();
        let image = luks2(&dir, length, sector_bytes, &options.concat());
        let kind = if length > 16 << 20 { "fat16 in luks2" } else { "fat12 in luks2" };
        check_open(&unlock(&image, &["falsch", PASSWORD]), kind);
        check_closed(&unlock(&image, &[]), "luks2", Locked::NoKey);
        check_closed(&unlock(&image, &["falsch"]), "luks2", Locked::WrongKey);
    }
}

#[test]
fn either_of_two_key_slots_opens() {
    let dir = tempfile::tempdir().unwrap();
    let image = luks2(&dir, 4 << 20, 512, &ARGON2ID);
    let second = dir.path().join("second");
    std::fs::write(&second, "zweites Kennwort").unwrap();
    let arguments = [&["luksAddKey", "--batch-mode", "--disable-locks", "--key-file", "-"], &ARGON2ID[..]].concat();
    run("cryptsetup", &[&arguments[..], &[image.to_str().unwrap(), second.to_str().unwrap()]].concat(), PASSWORD);
    for password in [PASSWORD, "zweites Kennwort"] {
        check_open(&unlock(&image, &[password]), "fat12 in luks2");
    }
}

#[test]
fn luks1_of_cryptsetup_opens() {
    for (cipher, bits, hash) in
        [("aes-xts-plain64", "512", "sha256"), ("aes-cbc-essiv:sha256", "256", "sha512"), ("aes-cbc-plain", "192", "sha1")]
    {
        let dir = tempfile::tempdir().unwrap();
        let options = [&["--cipher", cipher, "--key-size", bits, "--hash", hash], &PBKDF2[..]].concat();
        let image = luks2(&dir, 4 << 20, 512, &options);
        run("cryptsetup", &["convert", "--type", "luks1", "--batch-mode", "--disable-locks", image.to_str().unwrap()], "");
        check_open(&unlock(&image, &["falsch", PASSWORD]), "fat12 in luks1");
        check_closed(&unlock(&image, &["falsch"]), "luks1", Locked::WrongKey);
        check_closed(&unlock(&image, &[]), "luks1", Locked::NoKey);
    }
}

/// A LUKS1 volume of qemu-img.
fn qemu_luks1(dir: &TempDir, options: &str) -> PathBuf {
    let (plain, image, password) = (fat(dir.path(), 4 << 20, 512), dir.path().join("luks.img"), dir.path().join("password"));
    std::fs::write(&password, PASSWORD).unwrap();
    let secret = format!("secret,id=key,file={}", password.display());
    let options = format!("key-secret=key,iter-time=10,{options}");
    let names = [plain.to_str().unwrap(), image.to_str().unwrap()];
    run("qemu-img", &[&["convert", "-O", "luks", "-f", "raw", "--object", &secret, "-o", &options], &names[..]].concat(), "");
    image
}

#[test]
fn luks1_of_qemu_opens() {
    for options in [
        "cipher-alg=aes-256,cipher-mode=xts,ivgen-alg=plain64,hash-alg=sha256",
        "cipher-alg=aes-128,cipher-mode=cbc,ivgen-alg=essiv,ivgen-hash-alg=sha256,hash-alg=sha1",
    ] {
        let dir = tempfile::tempdir().unwrap();
        let image = qemu_luks1(&dir, options);
        check_open(&unlock(&image, &[PASSWORD]), "fat12 in luks1");
        check_closed(&unlock(&image, &["falsch"]), "luks1", Locked::WrongKey);
    }
}

#[test]
fn a_broken_header_is_replaced_by_its_copy_and_without_both_nothing_opens() {
    let dir = tempfile::tempdir().unwrap();
    let image = luks2(&dir, 4 << 20, 512, &PBKDF2);
    let file = File::options().read(true).write(true).open(&image).unwrap();
    let mut first = [0; 64];
    file.read_exact_at(&mut first, 4096).unwrap();
    file.write_all_at(b"[", 4096).unwrap();
    check_open(&unlock(&image, &[PASSWORD]), "fat12 in luks2");
    // The whole first header, its magic too: the copy is found where it may be.
    file.write_all_at(&[0; 4096], 0).unwrap();
    check_open(&unlock(&image, &[PASSWORD]), "fat12 in luks2");
    file.write_all_at(b"LUKS\xBA\xBE\0\x02", 0).unwrap();
    file.write_all_at(b"[", 0x4000 + 4096).unwrap();
    check_closed(&unlock(&image, &[PASSWORD]), "luks2", Locked::Damaged);
}

#[test]
fn what_a_derivation_may_cost_is_the_policys_and_not_the_headers() {
    let dir = tempfile::tempdir().unwrap();
    let image = luks2(
        &dir,
        4 << 20,
        512,
        &["--pbkdf", "argon2id", "--pbkdf-memory", "8192", "--pbkdf-force-iterations", "6", "--pbkdf-parallel", "2"],
    );
    let limited = |limits| try_unlock(File::open(&image).unwrap(), &["falsch", PASSWORD], limits).0;
    let reached = |limit, wanted| Locked::Limit { limit, wanted };
    check_open(&limited(UNLOCK), "fat12 in luks2");
    let exact = UnlockLimits { max_kdf_memory_mib: 8, max_kdf_fill_mib: 48, max_tries: 4, ..UNLOCK };
    check_open(&limited(exact), "fat12 in luks2");
    let less = UnlockLimits { max_kdf_memory_mib: 7, ..exact };
    check_closed(&limited(less), "luks2", reached(UnlockLimit::KdfMemory, 8));
    let less = UnlockLimits { max_kdf_fill_mib: 47, ..exact };
    check_closed(&limited(less), "luks2", reached(UnlockLimit::KdfFill, 48));
    let less = UnlockLimits { max_tries: 3, ..exact };
    check_closed(&limited(less), "luks2", reached(UnlockLimit::Tries, 4));
    let less = UnlockLimits { max_kdf_iterations: 10, ..exact };
    let sent = limited(less);
    assert!(matches!(sent.others()[0].1, EntryKind::Area(AreaKind::Encrypted(Locked::Limit { limit: UnlockLimit::KdfIterations, .. }))));
}

#[test]
fn what_is_not_supported_stays_closed() {
    let dir = tempfile::tempdir().unwrap();
    check_closed(&unlock(&qemu_luks1(&dir, "cipher-alg=twofish-256"), &[PASSWORD]), "luks1", Locked::Unsupported);
    // A conversion that was begun and is not at its end.
    let path = fat(dir.path(), 4 << 20, 512);
    File::options().write(true).open(&path).unwrap().set_len(HEADERS_BYTES + (4 << 20)).unwrap();
    let begun = ["reencrypt", "--encrypt", "--init-only", "--type", "luks2", "--reduce-device-size", "32M"];
    cryptsetup(&[&begun[..], &PBKDF2].concat(), &path, PASSWORD);
    check_closed(&unlock(&path, &[PASSWORD]), "luks2", Locked::Unsupported);
}

/// A LUKS2 volume of the test kit with one text of its metadata replaced by another of the same length.
fn patched(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut image = testkit::encrypted::luks2(&[0; 8192], PASSWORD, 2, 512, 0);
    for header in image[..0x8000].chunks_mut(0x4000) {
        let at = header.windows(from.len()).position(|part| part == from.as_bytes()).unwrap();
        header[at..at + to.len()].copy_from_slice(to.as_bytes());
        header[448..512].fill(0);
        let checksum = Sha256::digest(&*header);
        header[448..480].copy_from_slice(&checksum);
    }
    image
}

#[test]
fn metadata_that_says_something_else_stays_closed() {
    let forms = [
        (r#""tokens":{}"#, r#""tokens":{}"#, None),
        (r#""sector_size":512"#, r#""sector_size":513"#, Some(Locked::Unsupported)),
        (r#""sector_size":512"#, r#""integrity"  :"x""#, Some(Locked::Unsupported)),
        (r#""type":"crypt""#, r#""type":"linea""#, Some(Locked::Unsupported)),
        (r#""offset":"65536""#, r#""offset":"00000""#, Some(Locked::Unsupported)),
        (r#""offset":"65536""#, r#""offset":"99999""#, Some(Locked::Damaged)),
        (r#""size":"dynamic""#, r#""size":"8192000""#, Some(Locked::Damaged)),
        (r#""segments":["0"]"#, r#""segments":["1"]"#, Some(Locked::Unsupported)),
        (r#""type":"pbkdf2","hash":"sha256","iter"#, r#""type":"scrypt","hash":"sha256","iter"#, Some(Locked::Unsupported)),
        (r#""stripes":2"#, r#""stripes":0"#, Some(Locked::Damaged)),
        (r#""keyslots":{"0":{"type":"luks2""#, r#""keyslots":{"0":{"type":"luks3""#, Some(Locked::Unsupported)),
    ];
    for (from, to, locked) in forms {
        let (sent, done) = try_unlock(file_of(&patched(from, to)), &[PASSWORD], UNLOCK);
        done.unwrap();
        match locked {
            Some(locked) => check_closed(&sent, "luks2", locked),
            // What it holds is no file system; that it is open shows.
            None => assert_eq!(sent.others(), [("volume", EntryKind::Area(AreaKind::Unknown))]),
        }
    }
}

/// The builder's volumes, which the mutations and the fuzzing begin with, are what cryptsetup takes for LUKS.
#[test]
fn cryptsetup_opens_what_the_test_kit_builds() {
    let dir = tempfile::tempdir().unwrap();
    let plain = std::fs::read(fat(dir.path(), 4 << 20, 512)).unwrap();
    let image = dir.path().join("built.img");
    let volumes = [
        ("luks1", testkit::encrypted::luks1(&plain, PASSWORD, STRIPES)),
        ("luks2", testkit::encrypted::luks2(&plain, PASSWORD, STRIPES, 512, 0)),
        ("luks2", testkit::encrypted::luks2(&plain, PASSWORD, STRIPES, 1024, 4_711)),
    ];
    for (kind, volume) in volumes {
        std::fs::write(&image, volume).unwrap();
        cryptsetup(&["luksOpen", "--test-passphrase"], &image, PASSWORD);
        check_open(&unlock(&image, &[PASSWORD]), &format!("fat12 in {kind}"));
    }
}
