//! What every release must be: the files the report names, with the digests it names, and PDFs that hold nothing active.

use crate::{Scratch, command, run, sha256_of};
use anyhow::{Context as _, Result, ensure};
use model::Reason;
use model::report::{Outcome, Output, SessionReport};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Names that no released PDF may contain (I7).
const FOREIGN_TO_FLAT_PDF: [&str; 11] =
    ["/JS", "/JavaScript", "/AA", "/OpenAction", "/URI", "/Launch", "/EmbeddedFile", "/AcroForm", "/Annots", "/Metadata", "/FontFile"];

/// The release folder of a session.
pub fn folder(scratch: &Scratch, report: &SessionReport) -> PathBuf {
    scratch.release().join(&report.session)
}

/// Files the items of a report have become, without the folders of archives.
pub fn outputs(report: &SessionReport) -> impl Iterator<Item = &Output> {
    report.items.iter().flat_map(|item| &item.outputs).filter(|output| output.sha256.is_some())
}

/// Path in the release → SHA-256, of all files the items have become.
pub fn digests(report: &SessionReport) -> BTreeMap<String, String> {
    outputs(report).map(|output| (output.path.clone(), output.sha256.map(|d| d.hex()).unwrap_or_default())).collect()
}

/// Checks sums, digests, manifest and signature of the release and the audit chain behind it.
///
/// # Errors
/// The first thing that is wrong.
pub fn check_release(scratch: &Scratch, report: &SessionReport) -> Result<()> {
    check_folder(scratch, report)?;
    check_audit(scratch)
}

/// Whether an item is an encrypted volume that stayed closed.
const fn closed_volume(reason: Reason) -> bool {
    matches!(reason, Reason::EncryptedVolume | Reason::KeyDoesNotFit | Reason::VolumeNotOpened | Reason::UnlockLimit)
}

/// Checks sums, digests, manifest and signature of the release.
///
/// # Errors
/// The first thing that is wrong.
pub fn check_folder(scratch: &Scratch, report: &SessionReport) -> Result<()> {
    let folder = folder(scratch, report);
    ensure!(report.totals.reconcile(), "the sums: {:?}", report.totals);
    ensure!(report.totals.found == report.items.len() as u64, "{} lines for {:?}", report.items.len(), report.totals);
    for item in &report.items {
        let released = item.disposition == Outcome::Released;
        ensure!(released != item.outputs.is_empty(), "{}: {:?} with outputs {:?}", item.path, item.disposition, item.outputs);
        ensure!(
            // Of an encrypted volume nothing was read that could be held.
            (item.disposition == Outcome::Withheld && !closed_volume(item.reason)) == item.hold.is_some(),
            "{}: {:?}, hold {:?}",
            item.path,
            item.disposition,
            item.hold
        );
    }
    let named = digests(report);
    for (path, digest) in &named {
        ensure!(sha256_of(&folder.join(path))? == *digest, "{path} is not what the report says");
    }
    ensure!(named.keys().collect::<Vec<_>>() == files_below(&folder, "files")?.iter().collect::<Vec<_>>(), "files nobody named");
    let sums = run(command("sha256sum").args(["--check", "--strict", "--quiet", "SHA256SUMS"]).current_dir(&folder))?;
    ensure!(sums.status == 0, "sha256sum: {sums:?}");
    let verified = scratch.verify_release(&folder)?;
    ensure!(verified.status == 0, "verify-release: {verified:?}");
    Ok(())
}

/// Checks that the audit chain holds.
///
/// # Errors
/// What `audit verify` said.
pub fn check_audit(scratch: &Scratch) -> Result<()> {
    let verified = scratch.schleuse(&["audit", "verify"])?;
    ensure!(verified.status == 0, "audit verify: {verified:?}");
    Ok(())
}

/// Sorted paths of the files below a folder of the release, relative to the release.
fn files_below(release: &Path, folder: &str) -> Result<Vec<String>> {
    if !release.join(folder).exists() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in WalkDir::new(release.join(folder)) {
        let entry = entry?;
        ensure!(entry.file_type().is_dir() || entry.file_type().is_file(), "{} is no file", entry.path().display());
        if entry.file_type().is_file() {
            files.push(entry.path().strip_prefix(release)?.to_str().context("a released name that is not UTF-8")?.to_owned());
        }
    }
    files.sort();
    Ok(files)
}

/// Checks one released PDF with foreign readers: valid, no font program, nothing active, as many pages as the report says.
///
/// # Errors
/// The first thing that is wrong.
pub fn check_pdf(path: &Path, pages: u32) -> Result<()> {
    let shown = path.display();
    let bytes = std::fs::read(path)?;
    for name in FOREIGN_TO_FLAT_PDF {
        ensure!(!has_name(&bytes, name.as_bytes()), "{shown} contains {name}");
    }
    let checked = run(command("qpdf").arg("--check").arg(path))?;
    ensure!(checked.status == 0, "{shown}: {checked:?}");
    let fonts = run(command("pdffonts").arg(path))?;
    // Columns: name, type, encoding, then `emb sub uni object ID`, the last two numbers; two lines of heading.
    for line in fonts.stdout.lines().skip(2) {
        let embedded = line.split_whitespace().rev().nth(4);
        ensure!(embedded == Some("no"), "{shown}: {line}");
    }
    let info = run(command("pdfinfo").arg(path))?;
    let counted = info.stdout.lines().find_map(|line| line.strip_prefix("Pages:")).and_then(|n| n.trim().parse().ok());
    ensure!(fonts.status == 0 && counted == Some(pages), "{shown}: {counted:?} pages, the report says {pages}");
    Ok(())
}

/// The text layer of a PDF.
///
/// # Errors
/// When `pdftotext` cannot read it.
pub fn text_of(path: &Path) -> Result<String> {
    let text = run(command("pdftotext").arg("-q").arg(path).arg("-"))?;
    ensure!(text.status == 0, "{}: {text:?}", path.display());
    Ok(text.stdout)
}

/// Whether a PDF name stands in these bytes, outside of longer names.
///
/// Compressed streams are bytes like any other here; they are cut out, so that a chance match in them is none.
fn has_name(bytes: &[u8], name: &[u8]) -> bool {
    let outside = outside_streams(bytes);
    let ends = |at: usize| outside.get(at + name.len()).is_none_or(|next| !next.is_ascii_alphanumeric());
    outside.windows(name.len()).enumerate().any(|(at, window)| window == name && ends(at))
}

/// A PDF without the content of its streams.
fn outside_streams(bytes: &[u8]) -> Vec<u8> {
    let find = |from: usize, what: &[u8]| {
        let rest = bytes.get(from..)?;
        rest.windows(what.len()).position(|window| window == what).map(|at| from + at)
    };
    let (mut outside, mut at) = (Vec::new(), 0);
    while let Some(begin) = find(at, b"stream\n").or_else(|| find(at, b"stream\r\n")) {
        let Some(end) = find(begin, b"endstream") else { break };
        outside.extend(bytes.get(at..begin).unwrap_or_default());
        at = end + b"endstream".len();
    }
    outside.extend(bytes.get(at..).unwrap_or_default());
    outside
}
