//! The scanner is foreign too: stopped, killed, hanging, lying, or not looking at everything, it clears nothing (I2). What
//! happens to one content holds that item; a scanner that is gone stops the session.

use anyhow::{Context as _, Result, ensure};
use e2e::fake_clamd::version_of;
use e2e::fault::{check_fault, check_faulted};
use e2e::released::{check_audit, check_release};
use e2e::{Clamd, Ended, FakeClamd, Relay, ScanAnswer, Scratch, run};
use model::report::{ItemLine, Outcome, SessionReport};
use model::{FindingCode, Reason};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use testkit::zip_of;

const MARK: &[u8] = b"Nur ueber diese Datei luegt der Scanner.\n";
/// Bytes of marked content: more than any socket holds.
const LARGE: usize = 4 << 20;
/// One item at a time, and little patience with the scanner.
const POLICY: &str = "[session]\nparallel_items = 1\n[scan]\nclamd_timeout_seconds = 1\n";

/// A medium with the marked content, and a file before and after it.
fn marked_medium(scratch: &Scratch, bytes: usize) -> Result<PathBuf> {
    let medium = scratch.one_text_file("medium")?;
    fs::write(medium.join("A.txt"), MARK.repeat(bytes.div_ceil(MARK.len())))?;
    fs::write(medium.join("Z.txt"), "Alles wie immer.\n")?;
    Ok(medium)
}

fn session(scratch: &Scratch, medium: &Path, clamd: &str, policy: &str) -> Result<(Ended, SessionReport)> {
    let ended = run(&mut scratch.process_under(medium, clamd, policy)?)?;
    let report = scratch.report().with_context(|| format!("{ended:?}"))?;
    check_release(scratch, &report)?;
    Ok((ended, report))
}

fn item<'a>(report: &'a SessionReport, name: &str) -> Result<&'a ItemLine> {
    report.items.iter().find(|item| item.path == name).with_context(|| format!("no line for {name}"))
}

/// Held as not scanned completely, with one finding of this code whose detail begins so.
fn check_unscanned(item: &ItemLine, code: FindingCode, detail: &str) -> Result<()> {
    ensure!(item.disposition == Outcome::Withheld && item.reason == Reason::ScanIncomplete && item.hold.is_some(), "{item:?}");
    let said: Vec<&str> = item.findings.iter().filter(|f| f.code == code).map(|f| f.detail.as_str()).collect();
    ensure!(said.len() == 1 && said[0].starts_with(detail), "`{detail}` expected: {:?}", item.findings);
    Ok(())
}

/// The marked item is held, the others are released.
fn check_only_the_marked(report: &SessionReport, code: FindingCode, detail: &str) -> Result<()> {
    check_unscanned(item(report, "A.txt")?, code, detail)?;
    for name in ["Notiz.txt", "Z.txt"] {
        ensure!(item(report, name)?.disposition == Outcome::Released, "{name}: {:?}", item(report, name)?);
    }
    Ok(())
}

fn check_lie(bytes: usize, answer: ScanAnswer, code: FindingCode, detail: &str) -> Result<()> {
    let (scratch, liar) = (Scratch::new()?, FakeClamd::about(MARK, answer)?);
    let medium = marked_medium(&scratch, bytes)?;
    let (_, report) = session(&scratch, &medium, &liar.address(), POLICY)?;
    check_only_the_marked(&report, code, detail).with_context(|| format!("{answer:?}"))
}

#[test]
fn what_is_no_answer_about_this_content_clears_nothing() -> Result<()> {
    for said in [&b"1: stream: OK\0"[..], b"fd[10]: OK\0", b"/tmp/x: OK\0", b"stream: OK\n", b"OK\0", b"stream: OK\0stream: Eicar FOUND\0"]
    {
        check_lie(100, ScanAnswer::Says(said), FindingCode::ClamavError, "not an answer")?;
    }
    check_lie(100, ScanAnswer::Endless, FindingCode::ClamavError, "connection: invalid data")
}

#[test]
fn an_answer_that_comes_too_late_or_never_is_none() -> Result<()> {
    check_lie(100, ScanAnswer::Hangs, FindingCode::ClamavError, "no answer in 1 s")?;
    // One second, and one per MiB.
    check_lie(LARGE, ScanAnswer::StopsTaking, FindingCode::ClamavError, "no answer in 5 s")
}

#[test]
fn an_answer_before_the_end_of_the_content_is_none() -> Result<()> {
    let early = "an answer before the end of the content";
    check_lie(LARGE, ScanAnswer::SaysEarly(b"stream: OK\0"), FindingCode::ClamavError, early)?;
    // Its words are heard even when its hanging up is met first.
    check_lie(LARGE, ScanAnswer::SaysAndCloses(b"stream: OK\0"), FindingCode::ClamavError, early)?;
    let limit = b"INSTREAM size limit exceeded. ERROR\0";
    check_lie(LARGE, ScanAnswer::SaysAndCloses(limit), FindingCode::ClamavLimit, "StreamMaxLength of the daemon")?;
    check_lie(LARGE, ScanAnswer::SaysAndCloses(b""), FindingCode::ClamavError, "connection: ")
}

#[test]
fn another_daemon_in_the_middle_of_a_session_stops_it() -> Result<()> {
    let (scratch, liar) = (Scratch::new()?, FakeClamd::about(MARK, ScanAnswer::IsReplaced)?);
    let medium = marked_medium(&scratch, LARGE)?;
    check_fault(&scratch, &medium, &liar.address(), POLICY, "is not the one the session began with")
}

/// Starts a session and waits until the scanner has part of the marked content.
fn in_the_middle(scratch: &Scratch, relay: &Relay) -> Result<Child> {
    let medium = marked_medium(scratch, LARGE)?;
    // Patience for the daemon's own start.
    let policy = POLICY.replace("clamd_timeout_seconds = 1", "clamd_timeout_seconds = 5");
    let mut command = scratch.process_under(&medium, &relay.address(), &policy)?;
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    relay.wait_in_the_middle()?;
    Ok(child)
}

fn end(mut child: Child) -> Result<Ended> {
    let mut stderr = String::new();
    child.stderr.take().context("what it says")?.read_to_string(&mut stderr)?;
    Ok(Ended { status: child.wait()?.code().unwrap_or(-1), stdout: String::new(), stderr })
}

#[test]
fn a_scanner_killed_and_started_again_in_the_middle_of_a_file_clears_it_not() -> Result<()> {
    let (mut clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let relay = Relay::start(&clamd.socket(), MARK)?;
    let child = in_the_middle(&scratch, &relay)?;
    clamd.kill()?;
    clamd.start_again()?;
    relay.go_on()?;
    let ended = end(child)?;
    ensure!(ended.status == 10, "{ended:?}");
    let report = scratch.report()?;
    check_only_the_marked(&report, FindingCode::ClamavError, "connection: ")?;
    check_release(&scratch, &report)
}

#[test]
fn a_scanner_killed_for_good_stops_the_session_and_the_next_one_works() -> Result<()> {
    let (mut clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let relay = Relay::start(&clamd.socket(), MARK)?;
    let child = in_the_middle(&scratch, &relay)?;
    clamd.kill()?;
    relay.go_on()?;
    check_faulted(&scratch, &end(child)?, "does not answer at unix:")?;
    clamd.start_again()?;
    check_next(&scratch, &clamd)
}

#[test]
fn a_scanner_suspended_in_the_middle_stops_the_session_with_the_time_it_had() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let relay = Relay::start(&clamd.socket(), MARK)?;
    let child = in_the_middle(&scratch, &relay)?;
    clamd.suspend()?;
    relay.go_on()?;
    let ended = end(child);
    clamd.resume()?;
    check_faulted(&scratch, &ended?, "no answer within 5 s")?;
    check_next(&scratch, &clamd)
}

/// The same state and medium, with the scanner back.
fn check_next(scratch: &Scratch, clamd: &Clamd) -> Result<()> {
    let (ended, report) = session(scratch, &scratch.path("medium"), &clamd.address(), "")?;
    ensure!(ended.status == 0 && report.totals.released == 3, "{ended:?}");
    check_audit(scratch)
}

#[test]
fn a_suspended_scanner_lets_no_session_begin() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let medium = marked_medium(&scratch, 100)?;
    clamd.suspend()?;
    let checked = check_fault(&scratch, &medium, &clamd.address(), POLICY, "no answer within 1 s");
    clamd.resume()?;
    checked?;
    check_next(&scratch, &clamd)
}

#[test]
fn signatures_that_are_missing_old_or_of_the_future_stop_the_station() -> Result<()> {
    for (when, said) in
        [("30 days ago", "which is 30 days ago; the policy allows 7"), ("8 days ago", "8 days ago"), ("3 days", "days ahead")]
    {
        let (scratch, dated) = (Scratch::new()?, FakeClamd::start(&version_of(when)?, ScanAnswer::Says(b"stream: OK\0"))?);
        check_fault(&scratch, &scratch.one_text_file("medium")?, &dated.address(), "", said)?;
    }
    // The real daemon's own files.
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let (medium, signatures) = (scratch.one_text_file("medium")?, clamd.database().join("test.ndb"));
    let touched = run(e2e::command("touch").args(["--date", "30 days ago"]).arg(&signatures))?;
    ensure!(touched.status == 0, "{touched:?}");
    check_fault(&scratch, &medium, &clamd.address(), "", "which is 30 days ago")?;
    fs::remove_file(&signatures)?;
    check_fault(&scratch, &medium, &clamd.address(), "", "does not say how old its signatures are")?;
    // Back again, and of today.
    fs::write(&signatures, "")?;
    let (ended, _) = session(&scratch, &medium, &clamd.address(), "")?;
    ensure!(ended.status == 0, "{ended:?}");
    Ok(())
}

#[test]
fn content_past_a_size_limit_is_held_with_the_number() -> Result<()> {
    let scratch = Scratch::new()?;
    // The daemon takes less than the policy believes, and opens no member of more than 4 KiB.
    let clamd = Clamd::start_with(&[("StreamMaxLength", "1M"), ("MaxFileSize", "4K")])?;
    let medium = scratch.one_text_file("medium")?;
    let eicar = testkit::eicar();
    let hidden = [vec![b'\n'; 5 << 10], eicar].concat();
    fs::write(medium.join("past the policy.txt"), "Zeile\n".repeat(500_000))?;
    fs::write(medium.join("past the daemon.txt"), "Zeile\n".repeat(300_000))?;
    fs::write(medium.join("past the member limit.zip"), zip_of(&[("gross.txt", hidden)]))?;
    let policy = "[scan]\nclamd_stream_max_bytes = 2000000\n";
    let (ended, report) = session(&scratch, &medium, &clamd.address(), policy)?;
    ensure!(ended.status == 10, "{ended:?}");
    check_unscanned(item(&report, "past the policy.txt")?, FindingCode::ClamavLimit, "scan.clamd_stream_max_bytes = 2000000")?;
    check_unscanned(item(&report, "past the daemon.txt")?, FindingCode::ClamavLimit, "StreamMaxLength of the daemon")?;
    // About the archive it says OK, having looked at the beginning of the member only; the member itself it refuses.
    ensure!(item(&report, "past the member limit.zip")?.reason == Reason::Unpacked);
    let member = item(&report, "past the member limit.zip!/gross.txt")?;
    check_unscanned(member, FindingCode::ClamavLimit, "Heuristics.Limits.Exceeded.MaxFileSize")?;
    ensure!(item(&report, "Notiz.txt")?.disposition == Outcome::Released);
    Ok(())
}

/// A document with macros, alone and before the scanner test file, past a daemon.
fn macros(scratch: &Scratch, clamd: &str) -> Result<SessionReport> {
    let sample = testkit::sample_medium()?.into_iter().find(|sample| sample.escaped_path().ends_with("/Kalkulation mit Makro.xlsm"));
    let document = sample.context("a sample with macros")?.bytes;
    let medium = scratch.path("medium");
    fs::create_dir(&medium)?;
    fs::write(medium.join("Makro.xlsm"), &document)?;
    fs::write(medium.join("beides.zip"), zip_of(&[("Makro.xlsm", document), ("eicar.com", testkit::eicar())]))?;
    Ok(session(scratch, &medium, clamd, "")?.1)
}

#[test]
fn macros_count_as_a_whole_scan_where_signatures_come_first() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let report = macros(&scratch, &clamd.address())?;
    let document = item(&report, "Makro.xlsm")?;
    assert_eq!(document.disposition, Outcome::Released, "{document:?}");
    assert!(document.findings.iter().any(|f| f.code == FindingCode::ClamavMacros), "{document:?}");
    // What the station relies on: the signature behind the macros is what this daemon names.
    assert_eq!(item(&report, "beides.zip")?.reason, Reason::Malicious);
    Ok(())
}

#[test]
fn macros_are_no_whole_scan_where_the_daemon_may_stop_at_them() -> Result<()> {
    let said = "may have stopped at the macros";
    let (clamd, scratch) = (Clamd::start_with(&[("HeuristicScanPrecedence", "yes")])?, Scratch::new()?);
    let report = macros(&scratch, &clamd.address())?;
    check_unscanned(item(&report, "Makro.xlsm")?, FindingCode::ClamavError, said)?;
    // This daemon does stop at them.
    check_unscanned(item(&report, "beides.zip")?, FindingCode::ClamavError, said)?;
    // Behind somebody else, its configuration cannot be seen.
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let relay = Relay::start(&clamd.socket(), MARK)?;
    let report = macros(&scratch, &relay.address())?;
    check_unscanned(item(&report, "Makro.xlsm")?, FindingCode::ClamavError, said)?;
    assert_eq!(item(&report, "beides.zip")?.reason, Reason::Malicious);
    Ok(())
}

/// Never done on the content that has its mark.
const SLOW_RULE: &str = r#"
rule slow {
    meta: effect = "note"
    strings: $mark = "Nur ueber diese Datei"
    condition: $mark and for all i in (0..filesize - 1) : (for all j in (0..filesize - 1) : (uint8(i) + uint8(j) != 1000))
}
"#;
/// Every `a` of a long run may be where any of the groups ends; the engine does not look at its clock meanwhile.
const CATASTROPHIC_RULE: &str = r#"
rule catastrophic {
    meta: effect = "note"
    strings: $run = /aaaa(a?){200}(a|aa)+(a?){200}b/
    condition: $run
}
"#;

#[test]
fn a_rule_that_runs_out_of_time_holds_its_item_and_no_other() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let rules = scratch.path("rules");
    fs::create_dir(&rules)?;
    fs::write(rules.join("slow.yar"), SLOW_RULE)?;
    let medium = marked_medium(&scratch, 400_000)?;
    let policy = format!("[session]\nparallel_items = 1\n[scan]\nyara_timeout_seconds = 1\nrules_dir = \"{}\"\n", rules.display());
    let (ended, report) = session(&scratch, &medium, &clamd.address(), &policy)?;
    ensure!(ended.status == 10, "{ended:?}");
    check_only_the_marked(&report, FindingCode::YaraError, "scan.yara_timeout_seconds = 1")
}

#[test]
fn a_pattern_that_forgets_the_time_ends_with_the_workers_patience() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let rules = scratch.path("rules");
    fs::create_dir(&rules)?;
    fs::write(rules.join("catastrophic.yar"), CATASTROPHIC_RULE)?;
    let medium = scratch.one_text_file("medium")?;
    fs::write(medium.join("A.txt"), "a".repeat(2 << 20))?;
    let policy = format!(
        "[session]\nparallel_items = 1\n[scan]\nyara_timeout_seconds = 1\nrules_dir = \"{}\"\n[worker]\nsilent_seconds = 4\n",
        rules.display()
    );
    let (_, report) = session(&scratch, &medium, &clamd.address(), &policy)?;
    let held = item(&report, "A.txt")?;
    ensure!(held.disposition == Outcome::Withheld && held.reason == Reason::Timeout, "{held:?}");
    ensure!(held.findings.iter().any(|f| f.code == FindingCode::WorkerTimeout && f.detail == "worker.silent_seconds = 4"), "{held:?}");
    ensure!(item(&report, "Notiz.txt")?.disposition == Outcome::Released);
    Ok(())
}
