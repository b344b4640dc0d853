//! The file systems written here, judged by the programs of others (dosfstools, exfatprogs), at every usual size.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code; the lint sees only functions marked as tests")]

use std::path::Path;
use wipe::{FileSystem, Label, Layout, OpenMedium, Refusal, System, Target};

/// Runs a checker over an image and gives its exit status and words; none when it is not installed.
#[expect(clippy::disallowed_methods, reason = "the checkers judge from outside")]
fn check(program: &str, image: &Path) -> Option<(bool, String)> {
    let output = std::process::Command::new(program).arg("-n").arg(image).output().ok()?;
    let said = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

/// Formats a sparse image that begins with other content; its path.
fn formatted(dir: &Path, file_system: FileSystem, mebibytes: u64) -> std::path::PathBuf {
    let image = dir.join("medium.img");
    std::fs::write(&image, vec![0xA5; 1 << 20]).unwrap();
    std::fs::File::options().write(true).open(&image).unwrap().set_len(mebibytes << 20).unwrap();
    let target = Target::look(&image, &dir.join("state"), &System::default()).unwrap();
    let layout = Layout::plan(file_system, target.size_bytes, 512, &Label::new("leer 7").unwrap(), 0x1234_5678).unwrap();
    let medium = OpenMedium::open(&target.confirm("medium.img").unwrap()).unwrap();
    assert!(layout.write(&medium, 1 << 20).unwrap());
    image
}

fn judge(program: &str, file_system: FileSystem, sizes: &[u64]) {
    for &mebibytes in sizes {
        let dir = tempfile::tempdir().unwrap();
        let image = formatted(dir.path(), file_system, mebibytes);
        match check(program, &image) {
            None => return println!("skipped: {program} is not installed"),
            Some((accepted, said)) => assert!(accepted, "{mebibytes} MiB: {said}"),
        }
    }
}

#[test]
fn fat32_is_accepted_from_64_mib_to_more_than_32_gib() {
    judge("fsck.vfat", FileSystem::Fat32, &[64, 65, 260, 261, 500, 8_192, 8_193, 16_384, 20_000, 32_768, 40_000]);
}

#[test]
fn exfat_is_accepted_from_1_mib_to_terabytes() {
    judge("fsck.exfat", FileSystem::Exfat, &[1, 2, 7, 256, 257, 32_768, 32_769, 128_000, 2_000_000]);
}

#[test]
fn the_label_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let image = formatted(dir.path(), FileSystem::Fat32, 64);
    let Some((_, said)) = check_label(&image) else { return println!("skipped: fatlabel is not installed") };
    assert_eq!(said.lines().last().unwrap_or_default().trim(), "LEER 7");
}

#[expect(clippy::disallowed_methods, reason = "the checkers judge from outside")]
fn check_label(image: &Path) -> Option<(bool, String)> {
    let output = std::process::Command::new("fatlabel").arg(image).output().ok()?;
    Some((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_opened() {
    let label = Label::new("LEER").unwrap();
    for (file_system, size) in [(FileSystem::Fat32, 63 << 20), (FileSystem::Fat32, 3 << 40), (FileSystem::Exfat, 1 << 19)] {
        let planned = Layout::plan(file_system, size, 512, &label, 0);
        assert!(matches!(planned, Err(Refusal::Format { .. })), "{file_system:?} {size}");
    }
}
