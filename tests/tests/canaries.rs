//! Canaries: a line that does not see what it must see, or does not convert what it must convert, takes no medium.

use anyhow::{Context as _, Result, ensure};
use e2e::fault::check_faulted;
use e2e::released::check_audit;
use e2e::{Clamd, Ended, FakeClamd, ScanAnswer, Scratch, program, run};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Quick to try: the long canary is short, and there is one page to paint.
const POLICY: &str = "[scan]\nclamd_stream_max_bytes = 1048576\n";

fn session(scratch: &Scratch, medium: &Path, clamd: &str, policy: &str) -> Result<Ended> {
    fs::write(scratch.path("policy.toml"), policy)?;
    run(scratch.process_untried(medium, clamd)?.arg("--policy").arg(scratch.path("policy.toml")))
}

/// Payloads of the records of this event, in clear.
fn recorded(scratch: &Scratch, event: &str) -> Result<Vec<Value>> {
    let shown = scratch.schleuse(&["audit", "show", "--json", "--event", event])?;
    ensure!(shown.status == 0, "{shown:?}");
    let record = |line: &str| serde_json::from_str::<Value>(line).map(|record| record["payload"]["content"].clone());
    shown.stdout.lines().map(record).collect::<Result<_, _>>().context("records")
}

#[test]
fn a_line_that_works_is_tried_once_and_again_when_something_of_it_has_changed() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let medium = scratch.one_text_file("medium")?;
    for (policy, tried) in [(POLICY, 1), (POLICY, 1), ("[scan]\nclamd_stream_max_bytes = 1048577\n", 2)] {
        let ended = session(&scratch, &medium, &clamd.address(), policy)?;
        ensure!(ended.status == 0, "{ended:?}");
        assert_eq!(recorded(&scratch, "canaries-tried")?.len(), tried);
    }
    let all = recorded(&scratch, "canaries-tried")?;
    let trials = all[0]["trials"].as_array().context("trials")?;
    assert_eq!(trials.len(), 8);
    ensure!(trials.iter().all(|trial| trial["missed"].is_null()), "{trials:?}");
    println!("a trial takes {} ms: {trials:?}", all[0]["milliseconds"]);
    // Damaged memory is no memory, and nothing of the trials is left.
    fs::write(scratch.state().join("canaries.json"), "{")?;
    ensure!(session(&scratch, &medium, &clamd.address(), POLICY)?.status == 0);
    assert_eq!(recorded(&scratch, "canaries-tried")?.len(), 3);
    assert_eq!(fs::read_dir(scratch.state().join("canaries"))?.count(), 0);
    assert!(recorded(&scratch, "intake")?.is_empty());
    assert_eq!(fs::read_dir(scratch.state().join("quarantine"))?.count(), 0);
    check_audit(&scratch)
}

#[test]
fn a_scanner_that_finds_nothing_ever_opens_no_intake() -> Result<()> {
    let (scratch, liar) = (Scratch::new()?, FakeClamd::fresh(ScanAnswer::Says(b"stream: OK\0"))?);
    let medium = scratch.one_text_file("medium")?;
    let ended = session(&scratch, &medium, &liar.address(), POLICY)?;
    check_faulted(&scratch, &ended, "intake is stopped: the canary `eicar` was ")?;
    assert_eq!(recorded(&scratch, "intake")?, [serde_json::json!({ "open": false, "canary": "eicar" })]);
    // Nothing is remembered in its favour, and no session began.
    check_faulted(&scratch, &session(&scratch, &medium, &liar.address(), POLICY)?, "intake is stopped")?;
    assert_eq!(recorded(&scratch, "canaries-tried")?.len(), 2);
    assert!(recorded(&scratch, "session-opened")?.is_empty());
    // A scanner that works opens it again, on record.
    let clamd = Clamd::start()?;
    let ended = session(&scratch, &medium, &clamd.address(), POLICY)?;
    ensure!(ended.status == 0, "{ended:?}");
    check_audit(&scratch)
}

#[test]
fn a_scanner_that_finds_something_everywhere_opens_no_intake() -> Result<()> {
    let (scratch, liar) = (Scratch::new()?, FakeClamd::fresh(ScanAnswer::Says(b"stream: Everything.UNOFFICIAL FOUND\0"))?);
    let ended = session(&scratch, &scratch.one_text_file("medium")?, &liar.address(), POLICY)?;
    check_faulted(&scratch, &ended, "intake is stopped: the canary `docx` was withheld as malicious (clamav: Everything.UNOFFICIAL)")
}

#[test]
fn a_scanner_that_does_not_look_into_archives_opens_no_intake() -> Result<()> {
    let (clamd, scratch) = (Clamd::start_with(&[("ScanArchive", "no")])?, Scratch::new()?);
    let ended = session(&scratch, &scratch.one_text_file("medium")?, &clamd.address(), POLICY)?;
    check_faulted(&scratch, &ended, "intake is stopped: the canary `eicar-")
}

#[test]
fn a_line_that_paints_no_page_opens_no_intake() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    // No page fits into so few bytes.
    let policy = format!("{POLICY}[convert]\nmax_output_bytes = 1024\n");
    let ended = session(&scratch, &scratch.one_text_file("medium")?, &clamd.address(), &policy)?;
    check_faulted(&scratch, &ended, "intake is stopped: the canary `docx` was withheld")
}

#[test]
fn no_program_carries_the_scanners_test_file() -> Result<()> {
    let eicar = testkit::eicar();
    for name in ["schleuse", "schleuse-worker"] {
        let bytes = fs::read(program(name)?)?;
        ensure!(!bytes.windows(eicar.len()).any(|window| window == eicar), "{name} carries it");
    }
    Ok(())
}
