//! A release that is no longer what was released: `verify-release` says so.

use anyhow::{Context as _, Result, ensure};
use e2e::released::folder;
use e2e::{Clamd, Scratch, command, run};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// A released folder that verifies.
fn released() -> Result<(Scratch, PathBuf)> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let ended = run(&mut scratch.process(&scratch.one_text_file("medium")?, &clamd.address())?)?;
    ensure!(ended.status == 0, "{ended:?}");
    let dir = folder(&scratch, &scratch.report()?);
    let verified = scratch.verify_release(&dir)?;
    ensure!(verified.status == 0, "{verified:?}");
    Ok((scratch, dir))
}

fn check_refused(scratch: &Scratch, dir: &Path, said: &str) -> Result<()> {
    let ended = scratch.verify_release(dir)?;
    ensure!(ended.status == 1 && ended.stdout.contains(said), "`{said}` expected: {ended:?}");
    Ok(())
}

fn change_a_byte(path: &Path) -> Result<()> {
    let mut bytes = fs::read(path)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    Ok(fs::write(path, bytes)?)
}

#[test]
fn a_changed_file_is_seen() -> Result<()> {
    let (scratch, dir) = released()?;
    change_a_byte(&dir.join("files/Notiz.txt"))?;
    check_refused(&scratch, &dir, "changed: files/Notiz.txt")
}

#[test]
fn an_added_file_is_seen() -> Result<()> {
    let (scratch, dir) = released()?;
    fs::write(dir.join("files/Zugabe.txt"), "von Hand")?;
    check_refused(&scratch, &dir, "not in the manifest: files/Zugabe.txt")
}

#[test]
fn a_removed_file_is_seen() -> Result<()> {
    let (scratch, dir) = released()?;
    fs::remove_file(dir.join("files/Notiz.txt"))?;
    check_refused(&scratch, &dir, "missing: files/Notiz.txt")
}

#[test]
fn a_file_replaced_by_a_link_to_its_copy_is_seen() -> Result<()> {
    let (scratch, dir) = released()?;
    let file = dir.join("files/Notiz.txt");
    fs::rename(&file, scratch.path("copy.txt"))?;
    std::os::unix::fs::symlink(scratch.path("copy.txt"), &file)?;
    check_refused(&scratch, &dir, "changed: files/Notiz.txt")
}

#[test]
fn an_edited_manifest_is_seen() -> Result<()> {
    let (scratch, dir) = released()?;
    // Consistent with the folder, but not what was signed.
    let manifest = fs::read_to_string(dir.join("SHA256SUMS"))?;
    let without: Vec<&str> = manifest.lines().filter(|line| !line.ends_with("files/Notiz.txt")).collect();
    fs::write(dir.join("SHA256SUMS"), without.join("\n") + "\n")?;
    fs::remove_file(dir.join("files/Notiz.txt"))?;
    check_refused(&scratch, &dir, "signature")
}

#[test]
fn the_release_of_another_station_is_seen() -> Result<()> {
    let ((_here, dir), (elsewhere, _)) = (released()?, released()?);
    check_refused(&elsewhere, &dir, "another key")?;
    // Named by hand instead of taken from the state.
    let key = fs::read_to_string(elsewhere.state().join("keys/station.pub"))?;
    let arguments = [OsStr::new("verify-release"), dir.as_os_str(), OsStr::new("--key"), OsStr::new(key.trim())];
    let ended = elsewhere.schleuse(&arguments)?;
    assert_eq!(ended.status, 1, "{ended:?}");
    Ok(())
}

/// Text of the QR code on the first page of a PDF, as a foreign renderer draws it and a foreign reader reads it.
fn scanned(scratch: &Scratch, pdf: &Path) -> Result<String> {
    let prefix = scratch.path("page");
    let drawn = run(command("pdftoppm").args(["-gray", "-r", "150", "-singlefile"]).arg(pdf).arg(&prefix))?;
    ensure!(drawn.status == 0, "{drawn:?}");
    let bytes = fs::read(prefix.with_added_extension("pgm"))?;
    // PGM: magic, width, height, largest value, one white space, then a byte a pixel.
    let mut head = bytes.splitn(5, |byte| byte.is_ascii_whitespace());
    let mut word = || head.next().and_then(|word| std::str::from_utf8(word).ok()).context("a head");
    ensure!(word()? == "P5", "no PGM");
    let (width, height): (usize, usize) = (word()?.parse()?, word()?.parse()?);
    ensure!(word()? == "255", "16 bits");
    let pixels = head.next().context("pixels")?;
    ensure!(pixels.len() == width * height, "{} pixels", pixels.len());
    let mut page = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| pixels[y * width + x]);
    let grids = page.detect_grids();
    ensure!(grids.len() == 1, "{} codes", grids.len());
    Ok(grids[0].decode()?.1)
}

#[test]
fn the_receipt_is_one_page_whose_code_belongs_to_this_release_only() -> Result<()> {
    let (scratch, dir) = released()?;
    let receipt = dir.join(release::RECEIPT);
    let info = run(command("pdfinfo").arg(&receipt))?;
    ensure!(info.stdout.lines().any(|line| line.split_whitespace().eq(["Pages:", "1"])), "{info:?}");
    let code = scanned(&scratch, &receipt)?;
    let (session, digest) = release::read_receipt_code(&code).context("another code")?;
    ensure!(dir.ends_with(&session) && digest.hex() == e2e::sha256_of(&dir.join(release::REPORT_JSON))?, "{code}");
    let check = |code: &str| scratch.schleuse(&[OsStr::new("verify-release"), dir.as_os_str(), OsStr::new("--receipt"), OsStr::new(code)]);
    ensure!(check(&code)?.status == 0);
    let other = code.replace(&session, "20200101-000000-000000");
    for wrong in [other.as_str(), "DATENSCHLEUSE", &code[..code.len() - 2]] {
        let ended = check(wrong)?;
        ensure!(ended.status == 1 && ended.stdout.contains("does NOT belong"), "{wrong}: {ended:?}");
    }
    Ok(())
}
