//! The sample medium through the whole line: every item ends as `samples/MANIFEST.toml` says, and nothing foreign comes out.

use anyhow::{Context as _, Result, ensure};
use e2e::released::{check_pdf, check_release, digests, folder, outputs, text_of};
use e2e::{Clamd, Scratch, expected, run, samples_at, small_medium};
use model::report::SessionReport;
use std::path::Path;

/// Exit status of a session in which something was withheld.
const WITHHELD: i32 = 10;

/// Runs a session that must reconcile with something withheld, and gives its report.
fn session(scratch: &Scratch, source: &Path, clamd: &Clamd) -> Result<SessionReport> {
    let ended = run(&mut scratch.process(source, &clamd.address())?)?;
    ensure!(ended.status == WITHHELD, "{ended:?}");
    scratch.report()
}

#[test]
fn every_sample_ends_as_the_manifest_says() -> Result<()> {
    let (clamd, scratch, samples) = (Clamd::start()?, Scratch::new()?, testkit::sample_medium()?);
    let tree = scratch.tree("medium", &samples)?;
    let report = session(&scratch, &tree, &clamd)?;
    let differences = expected::differences(&samples, &report);
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
    check_release(&scratch, &report)?;
    Ok(())
}
