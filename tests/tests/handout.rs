//! From the stick to the reviewer's decision and out again, with the real program: two reviewers let a document through once,
//! analysts get a sample, holds are looked at again.

use anyhow::{Context as _, Result, ensure};
use audit::events;
use e2e::review::Review;
use e2e::{Clamd, Ended, command, run, sha256_of};
use serde_json::Value;
use spool::Quarantine;
use std::fs;
use std::path::Path;
use testkit::pdf::pdf_with_attachment;

/// Held as suspicious: a script is attached.
fn suspicious() -> Vec<u8> {
    pdf_with_attachment("Rechnung über 3 Tische.", "rechnung.js", b"var preis = 3;")
}

/// A decision of a reviewer, with this scanner.
fn by(review: &Review, clamd: &Clamd, name: &str, words: &[&str]) -> Result<Ended> {
    let identity = review.identity(name);
    let (identity, address) = (identity.to_string_lossy().into_owned(), clamd.address());
    let mut all = vec!["quarantine"];
    all.extend_from_slice(words);
    all.extend(["--identity", &identity, "--clamd", &address]);
    review.scratch.schleuse(&all)
}

fn check_sample(review: &Review, zip: &Path, original: &Path) -> Result<()> {
    let out = review.scratch.path("sample");
    let unpacked = run(command("7z").args(["x", "-pinfected", "-y"]).arg(format!("-o{}", out.display())).arg(zip))?;
    ensure!(unpacked.status == 0, "{unpacked:?}");
    let name = format!("{}.sample", sha256_of(original)?);
    ensure!(fs::read(out.join(name))? == fs::read(original)? && out.join("record.json").exists());
    Ok(())
}

#[test]
fn two_reviewers_let_a_document_through_once_and_what_comes_out_is_rebuilt() -> Result<()> {
    let (clamd, review) = (Clamd::start()?, Review::new()?);
    let (medium, scratch) = (review.scratch.path("medium"), &review.scratch);
    fs::create_dir(&medium)?;
    fs::write(medium.join("Rechnung.pdf"), suspicious())?;
    let ended = run(&mut scratch.process(&medium, &clamd.address())?)?;
    ensure!(ended.status == 10, "{ended:?}");
    let [record] = &Quarantine::list(&review.quarantine())?[..] else { anyhow::bail!("one hold expected") };
    let hold = record.hold.as_str();
    let release = scratch.path("approved").to_string_lossy().into_owned();
    let approve = |name: &str, reason: &str| {
        by(&review, &clamd, name, &["approve", hold, "--reason", reason, "--comment", "gesehen", "--release-to", &release])
    };
    let first = approve("anna", "business-need")?;
    ensure!(first.status == 0 && !Path::new(&release).exists(), "{first:?}");
    let second = approve("bert", "known-sender")?;
    ensure!(second.status == 0, "{second:?}");
    let folders: Vec<_> = fs::read_dir(&release)?.collect::<Result<_, _>>()?;
    ensure!(folders.len() == 1, "{folders:?}");
    let folder = folders[0].path();
    ensure!(scratch.verify_release(&folder)?.status == 0);
    let out = fs::read(folder.join("files/Rechnung.pdf"))?;
    ensure!(!out.windows(11).any(|bytes| bytes == b"rechnung.js") && out != suspicious(), "not rebuilt");
    // Once: neither of them alone has it out again under the same approvals.
    for name in ["anna", "bert"] {
        review.check_refused(&approve(name, "business-need")?, name, "released-already")?;
    }
    ensure!(fs::read_dir(&release)?.count() == 1 && review.recorded(events::HOLD_REPROCESSED)?.len() == 1);

    let zip = scratch.path("sample.zip");
    let exported = by(&review, &clamd, "anna", &["export", hold, "--to", &zip.to_string_lossy()])?;
    ensure!(exported.status == 0, "{exported:?}");
    check_sample(&review, &zip, &medium.join("Rechnung.pdf"))?;
    let again = by(&review, &clamd, "bert", &["rescan", "--json"])?;
    ensure!(again.status == 0, "{again:?}");
    let said: Value = serde_json::from_str(&again.stdout).with_context(|| again.stdout.clone())?;
    ensure!(said["looked_at"] == 1 && said["changed"] == serde_json::json!([]), "{said}");
    let verified = scratch.schleuse(&["audit", "verify"])?;
    ensure!(verified.status == 0, "{verified:?}");
    Ok(())
}
