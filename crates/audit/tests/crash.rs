//! Killed anywhere, or out of space: the chain verifies, and the next start completes it (DESIGN.md I8).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test's own steps may fail it; clippy.toml spares only the test functions themselves"
)]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use audit::{AuditError, FaultKind, Filter, ShownPayload, events, show};
use common::{Station, item_event, lines, station_event};
use serde_json::json;

/// A station whose chain is as before the last batch (of three) but whose `HEAD` has it. Returns the chain
/// before and the batch.
fn killed_after_commit(station: &Station, first_batch: bool) -> (Vec<u8>, Vec<u8>) {
    let mut log = station.open();
    if !first_batch {
        log.append(&[station_event(events::STATION_START), item_event("s-1", 0)]).unwrap();
    }
    let before = fs::read(station.chain()).unwrap_or_default();
    log.append(&[item_event("s-1", 1), item_event("s-1", 2), item_event("s-1", 3)]).unwrap();
    let after = fs::read(station.chain()).unwrap();
    fs::write(station.chain(), &before).unwrap();
    let batch = after[before.len()..].to_vec();
    (before, batch)
}

fn last_record(station: &Station) -> audit::Shown {
    show(station.state(), Filter::default()).unwrap().last().unwrap().unwrap()
}

fn assert_repaired(station: &Station, before: &[u8], batch: &[u8], restored: u64) {
    let records = lines(before).len() as u64 + 3;
    drop(station.open());
    let (chain, _head) = station.files();
    assert!(chain.starts_with(&[before, batch].concat()));
    let record = last_record(station);
    assert_eq!((record.seq, record.event.as_str()), (records + 1, events::CHAIN_REPAIRED));
    assert_eq!(record.payload, ShownPayload::Clear(json!({ "restored": restored })));
    let verified = station.verify().unwrap();
    assert_eq!((verified.records, verified.pending), (records + 1, 0));
    // Said once.
    drop(station.open());
    assert_eq!(station.files().0, chain);
}

#[test]
fn killed_between_head_and_chain_the_batch_is_restored() {
    for first_batch in [false, true] {
        let station = Station::new();
        let (before, batch) = killed_after_commit(&station, first_batch);
        let verified = station.verify().unwrap();
        assert_eq!(verified.pending, 3);
        assert_eq!(verified.records, lines(&before).len() as u64 + 3);
        assert_repaired(&station, &before, &batch, 3);
    }
}

#[test]
fn killed_before_the_chain_file_existed_the_batch_is_restored() {
    let station = Station::new();
    let (before, batch) = killed_after_commit(&station, true);
    fs::remove_file(station.chain()).unwrap();
    assert_eq!(station.verify().unwrap().pending, 3);
    assert_repaired(&station, &before, &batch, 3);
}

#[test]
fn torn_at_any_byte_the_batch_is_restored() {
    let (before, batch) = killed_after_commit(&Station::new(), false);
    let ends: Vec<_> = lines(&batch)
        .iter()
        .scan(0, |end, line| {
            *end += line.len();
            Some(*end)
        })
        .collect();
    // Every place near a line's end, and some between.
    let places = (0..batch.len()).filter(|at| at % 97 == 0 || ends.iter().any(|end| end.abs_diff(*at) < 3));
    for at in places {
        let station = Station::new();
        assert_eq!(killed_after_commit(&station, false), (before.clone(), batch.clone()));
        fs::write(station.chain(), [before.as_slice(), &batch[..at]].concat()).unwrap();
        let whole = lines(&batch[..at]).iter().filter(|line| line.ends_with(b"\n")).count();
        let restored = 3 - whole as u64;
        assert_eq!(station.verify().unwrap().pending, restored, "torn at {at}");
        assert_repaired(&station, &before, &batch, restored);
    }
}

#[test]
fn blocks_that_were_never_written_are_restored() {
    let station = Station::new();
    let (before, batch) = killed_after_commit(&station, false);
    let mut zeroed = batch.clone();
    zeroed[100..200].fill(0);
    fs::write(station.chain(), [before.as_slice(), &zeroed].concat()).unwrap();
    assert_eq!(station.verify().unwrap().pending, 3);
    assert_repaired(&station, &before, &batch, 3);
}

#[test]
fn a_torn_line_that_no_crash_explains_is_a_fault() {
    let station = Station::new();
    let (before, batch) = killed_after_commit(&station, false);
    let mut edited = batch[..batch.len() - 10].to_vec();
    let last = edited.len() - 1;
    edited[last] ^= 1;
    fs::write(station.chain(), [before.as_slice(), &edited].concat()).unwrap();
    let fault = station.verify().unwrap_err();
    assert_eq!((fault.line, fault.kind), (5, FaultKind::NotCanonical));
    let opened = station.try_open();
    assert!(matches!(opened, Err(AuditError::Broken(found)) if found == fault));
}

#[test]
fn a_leftover_temporary_head_counts_for_nothing() {
    let station = Station::new();
    station.open().append(&[station_event(events::STATION_START)]).unwrap();
    fs::write(station.state().join("audit/HEAD.tmp"), "half a he").unwrap();
    assert_eq!(station.verify().unwrap().records, 1);
    station.open().append(&[station_event(events::STATION_STOP)]).unwrap();
    assert_eq!(station.verify().unwrap().records, 2);
}

#[test]
fn a_head_that_cannot_be_written_leaves_everything_as_it_was() {
    let station = Station::new();
    let mut log = station.open();
    log.append(&[station_event(events::STATION_START)]).unwrap();
    let before = station.files();
    let obstacle = station.state().join("audit/HEAD.tmp");
    fs::create_dir(&obstacle).unwrap();
    let refused = log.append(&[station_event(events::STATION_STOP)]).unwrap_err();
    assert!(matches!(refused, AuditError::WriteHead { .. }));
    assert_eq!(station.files(), before);
    assert_eq!(station.verify().unwrap().records, 1);
    fs::remove_dir(&obstacle).unwrap();
    log.append(&[station_event(events::STATION_STOP)]).unwrap();
    let verified = station.verify().unwrap();
    assert_eq!((verified.records, verified.pending), (2, 0));
}

/// Names the state directory to the child of the test below.
const CHILD: &str = "AUDIT_TEST_FULL_DISK";

/// Appends until writing fails, twice, and checks that the log says so.
fn child_fills_the_disk(station: &Station) {
    let mut log = station.open();
    let failed = (0..10_000).map(|item| log.append(&[item_event("s-1", item)])).find_map(Result::err).expect("the limit is reached");
    assert!(matches!(failed, AuditError::WriteChain { .. }), "{failed}");
    let again = log.append(&[item_event("s-1", 0)]).unwrap_err();
    assert!(matches!(again, AuditError::WriteChain { .. }), "{again}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the limit on file sizes needs a process of its own")]
fn out_of_space_the_chain_verifies_and_goes_on_once_there_is_space() {
    if let Some(state) = std::env::var_os(CHILD) {
        child_fills_the_disk(&Station::at(state.into()));
        return;
    }
    let station = Station::new();
    // Beyond the limit a write is cut short and the next one fails, as on a full disk. The shell has the
    // signal ignored that would otherwise kill (setrlimit(2), RLIMIT_FSIZE), and exec keeps it so.
    let child = Command::new("sh")
        .args(["-c", r#"trap "" XFSZ; ulimit -f 40; exec "$0" "$@""#])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "out_of_space_the_chain_verifies_and_goes_on_once_there_is_space"])
        .env(CHILD, station.state())
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));

    let verified = station.verify().unwrap();
    assert_eq!(verified.pending, 1);
    let mut log = station.open();
    assert_eq!(last_record(&station).event, events::CHAIN_REPAIRED);
    log.append(&[item_event("s-1", 1)]).unwrap();
    let after = station.verify().unwrap();
    assert_eq!((after.records, after.pending), (verified.records + 2, 0));
}

/// Names the state directory to the child of the test below.
const VICTIM: &str = "AUDIT_TEST_KILLED";

#[test]
#[expect(clippy::disallowed_methods, reason = "what is killed must be a process of its own")]
fn killed_at_any_moment_every_acknowledged_record_is_there() {
    if let Some(state) = std::env::var_os(VICTIM) {
        let mut log = Station::at(state.into()).open();
        for item in 0..100_000 {
            let end = log.append(&[item_event("s-1", item), item_event("s-1", item)]).unwrap();
            println!("acknowledged {}", end.seq);
        }
        return;
    }
    let station = Station::new();
    for kills in 1..=12_usize {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed_at_any_moment_every_acknowledged_record_is_there", "--nocapture"])
            .env(VICTIM, station.state())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut acknowledged = BufReader::new(victim.stdout.take().unwrap())
            .lines()
            .filter_map(|line| line.unwrap().strip_prefix("acknowledged ")?.parse::<u64>().ok());
        let early = acknowledged.nth(kills * 7).expect("the victim works");
        victim.kill().unwrap();
        victim.wait().unwrap();
        let last = acknowledged.last().unwrap_or(early);

        let found = station.verify().unwrap();
        assert!(found.records >= last, "{} of {last} records", found.records);
        drop(station.open());
        let repaired = station.verify().unwrap();
        assert_eq!(repaired.pending, 0);
        assert_eq!(repaired.records, found.records + u64::from(found.pending > 0));
    }
}
