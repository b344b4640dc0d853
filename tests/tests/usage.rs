//! What is wrong with the order is said at once (status 2); what is wrong with the station stops it (status 3), with one
//! sentence, nothing released, and a chain that holds.

use anyhow::{Result, bail, ensure};
use e2e::fault::{FAULT, check_fault, check_sentence};
use e2e::released::{check_audit, check_release};
use e2e::{Clamd, FakeClamd, ScanAnswer, Scratch, run, small_medium};
use model::Reason;
use model::report::{Outcome, SessionReport};
use std::fs;
use std::path::Path;
use std::process::Stdio;

/// Exit status of usage and configuration errors.
const USAGE: i32 = 2;
/// Runs a session whose order is wrong; nothing may have been made.
fn check_usage(scratch: &Scratch, source: &Path, release_to: Option<&Path>, policy: Option<&str>, said: &str) -> Result<()> {
    let mut command = scratch.process(source, "unix:/nowhere/clamd.sock")?;
    if let Some(text) = policy {
        fs::write(scratch.path("policy.toml"), text)?;
        command.arg("--policy").arg(scratch.path("policy.toml"));
    }
    if let Some(dir) = release_to {
        command = e2e::command(e2e::program("schleuse")?);
        command.arg("process").arg(source).arg("--release-to").arg(dir).arg("--state").arg(scratch.state());
    }
    let ended = run(&mut command)?;
    ensure!(ended.status == USAGE, "{ended:?}");
    check_sentence(&ended, said)?;
    ensure!(scratch.released_names()?.is_empty() && !scratch.state().exists(), "something was made");
    Ok(())
}

#[test]
fn a_missing_source_is_an_error_of_usage() -> Result<()> {
    let scratch = Scratch::new()?;
    check_usage(&scratch, &scratch.path("nothing"), None, None, "nothing cannot be used")
}

#[test]
fn an_unknown_key_of_the_policy_is_an_error_of_usage() -> Result<()> {
    let scratch = Scratch::new()?;
    check_usage(&scratch, &scratch.one_text_file("medium")?, None, Some("[scan]\nscan_off = true\n"), "scan_off")
}

#[test]
fn a_release_folder_inside_the_source_is_an_error_of_usage() -> Result<()> {
    let scratch = Scratch::new()?;
    let medium = scratch.one_text_file("medium")?;
    check_usage(&scratch, &medium, Some(&medium.join("out")), None, "lies inside the source")?;
    assert!(!medium.join("out").exists());
    Ok(())
}

#[test]
fn an_address_of_no_known_form_is_an_error_of_usage() -> Result<()> {
    let scratch = Scratch::new()?;
    let ended = run(&mut scratch.process(&scratch.one_text_file("medium")?, "http://scanner")?)?;
    assert_eq!(ended.status, USAGE);
    assert!(ended.stderr.contains("unix:PATH"), "{ended:?}");
    assert!(!scratch.state().exists());
    Ok(())
}

#[test]
fn without_a_scanner_nothing_is_read() -> Result<()> {
    let scratch = Scratch::new()?;
    let socket = scratch.path("clamd.sock");
    check_fault(&scratch, &scratch.one_text_file("medium")?, &format!("unix:{}", socket.display()), "", "clamd.sock")
}

#[test]
fn a_service_that_is_not_clamav_is_no_scanner() -> Result<()> {
    let (scratch, other) = (Scratch::new()?, FakeClamd::start("220 mail.example ESMTP\r\n", ScanAnswer::Says(b"stream: OK\0"))?);
    check_fault(&scratch, &scratch.one_text_file("medium")?, &other.address(), "", &other.address())
}

#[test]
fn stale_signatures_stop_the_station() -> Result<()> {
    let version = "ClamAV 1.4.3/27789/Sun Oct 12 08:40:00 2025\0";
    let (scratch, stale) = (Scratch::new()?, FakeClamd::start(version, ScanAnswer::Says(b"stream: OK\0"))?);
    check_fault(&scratch, &scratch.one_text_file("medium")?, &stale.address(), "", "2025-10-12")
}

#[test]
fn a_rule_that_does_not_compile_stops_the_station() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let rules = scratch.path("rules");
    fs::create_dir(&rules)?;
    fs::write(rules.join("honest.yar"), "rule honest { condition: false }\n")?;
    fs::write(rules.join("broken.yar"), "rule broken { condition: no_such_thing }\n")?;
    let policy = format!("[scan]\nrules_dir = \"{}\"\n", rules.display());
    check_fault(&scratch, &scratch.one_text_file("medium")?, &clamd.address(), &policy, "broken.yar does not compile")
}

#[test]
fn bytes_without_a_file_system_are_one_line_of_the_report() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let image = scratch.path("noise.img");
    fs::write(&image, testkit::bits::Noise::new(7).bytes(4 << 20))?;
    let ended = run(&mut scratch.process(&image, &clamd.address())?)?;
    ensure!(ended.status == 10, "{ended:?}");
    let report = scratch.report()?;
    let [line] = &report.items[..] else { bail!("{:?}", report.items) };
    ensure!((line.disposition, line.reason) == (Outcome::Unreadable, Reason::Volume), "{line:?}");
    ensure!(line.size_bytes == 4 << 20, "{line:?}");
    check_release(&scratch, &report)
}

#[test]
fn one_state_serves_one_supervisor() -> Result<()> {
    let (scratch, hanging) = (Scratch::new()?, FakeClamd::fresh(ScanAnswer::Hangs)?);
    let medium = scratch.one_text_file("medium")?;
    let mut first = scratch.process(&medium, &hanging.address())?.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let waited = hanging.wait_for_scan();
    let second = run(&mut scratch.process(&medium, &hanging.address())?);
    first.kill()?;
    first.wait()?;
    waited?;
    let second = second?;
    assert_eq!(second.status, FAULT, "{second:?}");
    check_sentence(&second, "another")?;
    assert!(scratch.released_names()?.is_empty());
    check_audit(&scratch)
}

/// A scanner that answers scans with `answer`: every item is held as not scanned, none is released.
fn check_lie(answer: &'static [u8]) -> Result<()> {
    let (scratch, liar) = (Scratch::new()?, FakeClamd::fresh(ScanAnswer::Says(answer))?);
    let medium = scratch.tree("medium", &lied_about()?)?;
    let ended = run(&mut scratch.process(&medium, &liar.address())?)?;
    ensure!(ended.status == 10, "{ended:?}");
    let report: SessionReport = scratch.report()?;
    ensure!(report.totals.withheld == 5 && report.totals.released == 0, "{:?}", report.totals);
    for item in report.items.iter().filter(|item| item.disposition != Outcome::Structural) {
        ensure!(item.disposition == Outcome::Withheld && item.reason == Reason::ScanIncomplete, "{item:?}");
    }
    check_release(&scratch, &report)
}

/// Items that an honest scanner finds nothing in and the line releases.
fn lied_about() -> Result<Vec<testkit::Sample>> {
    let mut samples = small_medium()?;
    samples.retain(|sample| sample.expected.disposition == Outcome::Released);
    samples.truncate(5);
    Ok(samples)
}

#[test]
fn a_scanner_that_answers_nonsense_clears_nothing() -> Result<()> {
    check_lie(b"\xFF\xFE<html>stream: OK")
}

#[test]
fn a_scanner_that_hangs_up_clears_nothing() -> Result<()> {
    check_lie(b"")
}

#[test]
fn a_scanner_that_says_it_twice_clears_nothing() -> Result<()> {
    check_lie(b"stream: OK\0stream: OK\0")
}

#[test]
fn a_scanner_that_fails_clears_nothing() -> Result<()> {
    check_lie(b"Can't allocate memory ERROR\0")
}
