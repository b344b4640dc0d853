//! The demonstration and the sample medium.

use crate::clamd::Clamd;
use crate::run::{build, command, run};
use crate::setup::setup;
use anyhow::{Context as _, bail, ensure};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::path::Path;
use testkit::Partition;

/// Everything a new user wants to see once.
pub fn demo(root: &Path) -> anyhow::Result<()> {
    setup()?;
    let programs = build(root, false)?;
    let schleuse = programs.join("schleuse");
    let dir = root.join("demo");
    let (medium, state, release) = (dir.join("medium.img"), dir.join("state"), dir.join("release"));
    fs::create_dir_all(&dir)?;
    println!("── sample medium: {}", medium.display());
    let samples = testkit::sample_medium()?;
    testkit::write_fat32_image(&medium, &samples, Partition::Mbr)?;
    let before = digest(&medium)?;
    let clamd = Clamd::any(&dir.join("clamd"))?;
    println!("── schleuse process demo/medium.img --release-to demo/release --state demo/state");
    let report = dir.join("report.json");
    let status = command(&schleuse)
        .arg("process")
        .arg(&medium)
        .arg("--release-to")
        .arg(&release)
        .arg("--state")
        .arg(&state)
        .arg("--report")
        .arg(&report)
        .args(["--clamd", &clamd.address()])
        .stderr(fs::File::create(dir.join("progress.log"))?)
        .status()?;
    // 10: it reconciled, and something was withheld, as on this medium it must be.
    ensure!(status.code() == Some(10), "the session ended with {status}; see demo/progress.log");
    ensure!(digest(&medium)? == before, "the medium was changed");
    println!("medium      unchanged (SHA-256 {before})");
    take_identity_away(&state, &dir)?;
    let report: serde_json::Value = serde_json::from_slice(&fs::read(&report)?)?;
    let session = report.get("session").and_then(|s| s.as_str()).context("the report names no session")?;
    let folder = release.join(session);
    println!();
    run("schleuse audit verify", command(&schleuse).args(["audit", "verify", "--state"]).arg(&state))?;
    run("schleuse verify-release", command(&schleuse).arg("verify-release").arg(&folder).arg("--state").arg(&state))?;
    run("sha256sum --check SHA256SUMS", command("sha256sum").args(["--quiet", "--check", "SHA256SUMS"]).current_dir(&folder))?;
    println!("\nLook at:");
    println!("  released files     {}", folder.join("files").display());
    println!("  session report     {}", folder.join("Sitzungsbericht.pdf").display());
    println!("  held files         schleuse quarantine list --state {}", state.display());
    println!("  reviewer's key     {}", dir.join("reviewer/identity.txt").display());
    Ok(())
}

/// The first start made a reviewer key pair; the secret half does not stay with the station.
fn take_identity_away(state: &Path, dir: &Path) -> anyhow::Result<()> {
    let made = state.join("reviewer-identity-MOVE-AWAY.txt");
    if made.exists() {
        fs::create_dir_all(dir.join("reviewer"))?;
        fs::rename(&made, dir.join("reviewer/identity.txt"))?;
    }
    Ok(())
}

/// Writes the sample medium in all its forms and renews the manifest.
pub fn samples(root: &Path, dir: &Path) -> anyhow::Result<()> {
    let samples = testkit::sample_medium()?;
    let tree = dir.join("medium");
    if tree.exists() {
        bail!("{} is there already; remove it first", tree.display());
    }
    fs::create_dir_all(&tree)?;
    testkit::write_tree(&tree, &samples)?;
    for (name, partition) in [("fat32.img", Partition::None), ("fat32-mbr.img", Partition::Mbr), ("fat32-gpt.img", Partition::Gpt)] {
        testkit::write_fat32_image(&dir.join(name), &samples, partition)?;
    }
    fs::write(root.join("samples/MANIFEST.toml"), testkit::manifest_toml(&samples)?)?;
    println!("{} items in {}", samples.len(), dir.display());
    Ok(())
}

fn digest(path: &Path) -> anyhow::Result<String> {
    let mut hash = Sha256::new();
    std::io::copy(&mut fs::File::open(path)?, &mut Hashing(&mut hash))?;
    Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect())
}

struct Hashing<'a>(&'a mut Sha256);

impl std::io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
