//! The chain in several files: a month each, one chain through all of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test's own steps may fail it; clippy.toml spares only the test functions themselves"
)]

mod common;

use std::fs;
use std::path::PathBuf;

use audit::{AuditError, FaultKind, Filter, ShownPayload, events, show};
use common::{Station, item_event, lines, station_event};
use serde_json::json;

const DAY: i64 = 86_400_000;

fn file(station: &Station, month: &str) -> PathBuf {
    station.state().join(format!("audit/chain-{month}.jsonl"))
}

/// November, December and January, three records each.
fn three_months() -> Station {
    let station = Station::new();
    let mut log = station.open();
    for _month in 0..3 {
        log.append(&[station_event(events::STATION_START), item_event("s-1", 1)]).unwrap();
        log.append(&[station_event(events::STATION_STOP)]).unwrap();
        station.clock.step(31 * DAY);
    }
    station
}

fn names(station: &Station) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(station.state().join("audit")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_month_begins_a_file_and_the_chain_goes_through() {
    let station = three_months();
    assert_eq!(names(&station), ["HEAD", "LOCK", "chain-2026-11.jsonl", "chain-2026-12.jsonl", "chain-2027-01.jsonl"]);
    for month in ["2026-11", "2026-12", "2027-01"] {
        assert_eq!(lines(&fs::read(file(&station, month)).unwrap()).len(), 3);
    }
    assert_eq!(station.verify().unwrap().records, 9);
    let head = station.open().append(&[station_event(events::STATION_START)]).unwrap();
    assert_eq!((head.seq, station.verify().unwrap().head), (10, head));
    assert_eq!(names(&station).last().unwrap(), "chain-2027-02.jsonl");
}

#[test]
fn a_clock_set_back_stays_in_the_file() {
    let station = three_months();
    station.clock.step(-62 * DAY);
    station.open().append(&[station_event(events::STATION_START)]).unwrap();
    assert_eq!(names(&station).len(), 5);
    assert_eq!(lines(&fs::read(file(&station, "2027-01")).unwrap()).len(), 5);
    assert_eq!(station.verify().unwrap().records, 11);
}

#[test]
fn records_are_shown_from_any_position_on() {
    let station = three_months();
    for after in 0..=12 {
        let filter = Filter { after: Some(after), ..Filter::default() };
        let seqs: Vec<_> = show(station.state(), filter).unwrap().map(|record| record.unwrap().seq).collect();
        assert_eq!(seqs, (after + 1..=9).collect::<Vec<_>>());
    }
}

#[test]
fn in_a_long_file_any_position_is_found() {
    let station = Station::new();
    let mut log = station.open();
    for batch in 0..20 {
        log.append(&(0..50).map(|item| item_event("s-1", batch * 50 + item)).collect::<Vec<_>>()).unwrap();
    }
    let last = log.head().seq;
    for after in (0..last).step_by(37).chain([last - 1]) {
        let filter = Filter { after: Some(after), limit: Some(2), ..Filter::default() };
        let seqs: Vec<_> = show(station.state(), filter).unwrap().map(|record| record.unwrap().seq).collect();
        assert_eq!(seqs, (after + 1..=last).take(2).collect::<Vec<_>>());
    }
}

#[test]
fn a_line_that_is_still_being_written_is_not_shown_yet() {
    let station = three_months();
    let path = file(&station, "2027-01");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 9]).unwrap();
    let shown: Vec<_> = show(station.state(), Filter::default()).unwrap().map(|record| record.unwrap().seq).collect();
    assert_eq!(shown, (1..=8).collect::<Vec<_>>());
}

#[test]
fn a_kill_at_the_change_of_the_month_is_repaired() {
    // Before the file was made, while it was empty, half written, and when it was whole.
    for left in [None, Some(0), Some(100), Some(usize::MAX)] {
        let station = three_months();
        let mut log = station.open();
        log.append(&[item_event("s-2", 1), item_event("s-2", 2)]).unwrap();
        drop(log);
        let path = file(&station, "2027-02");
        let whole = fs::read(&path).unwrap();
        match left {
            None => fs::remove_file(&path).unwrap(),
            Some(left) => fs::write(&path, &whole[..left.min(whole.len())]).unwrap(),
        }
        let restored = if left == Some(usize::MAX) { 0 } else { 2 };
        assert_eq!(station.verify().unwrap().pending, restored);
        drop(station.open());
        assert_eq!(station.verify().unwrap().pending, 0);
        assert!(fs::read(&path).unwrap().starts_with(&whole));
        let last = show(station.state(), Filter::default()).unwrap().last().unwrap().unwrap();
        if restored > 0 {
            assert_eq!((last.event.as_str(), last.payload), (events::CHAIN_REPAIRED, ShownPayload::Clear(json!({ "restored": restored }))));
        }
    }
}

#[test]
fn files_deleted_renamed_swapped_added_emptied_or_cut_are_found() {
    let fault = |change: &dyn Fn(&Station)| {
        let station = three_months();
        change(&station);
        let fault = station.verify().unwrap_err();
        (fault.kind, fault.seq, fault.file)
    };
    let [november, december, january] = ["2026-11", "2026-12", "2027-01"];
    let named = |month: &str| format!("chain-{month}.jsonl");
    let rename = |station: &Station, from: &str, to: &str| fs::rename(file(station, from), file(station, to)).unwrap();

    assert_eq!(fault(&|s| fs::remove_file(file(s, november)).unwrap()), (FaultKind::SeqWrong { found: 4 }, 1, named(december)));
    assert_eq!(fault(&|s| fs::remove_file(file(s, december)).unwrap()), (FaultKind::SeqWrong { found: 7 }, 4, named(january)));
    assert_eq!(fault(&|s| fs::remove_file(file(s, january)).unwrap()), (FaultKind::Truncated, 7, named(january)));
    assert_eq!(fault(&|s| rename(s, november, "2026-10")), (FaultKind::FileMisnamed, 1, named("2026-10")));
    assert_eq!(fault(&|s| rename(s, january, "2027-02")), (FaultKind::Truncated, 7, named(january)));
    let swapped = |s: &Station| {
        rename(s, november, "2020-01");
        rename(s, december, november);
        rename(s, "2020-01", december);
    };
    assert_eq!(fault(&swapped), (FaultKind::SeqWrong { found: 4 }, 1, named(november)));
    let copy = |s: &Station| assert!(fs::copy(file(s, november), file(s, "2027-02")).is_ok());
    assert_eq!(fault(&copy), (FaultKind::AfterHead, 10, named("2027-02")));
    assert_eq!(fault(&|s| fs::write(file(s, "2026-10"), "").unwrap()), (FaultKind::FileEmpty, 1, named("2026-10")));
    assert_eq!(fault(&|s| fs::write(file(s, "2027-03"), "").unwrap()), (FaultKind::AfterHead, 10, named("2027-03")));
    assert_eq!(fault(&|s| fs::write(file(s, november), "").unwrap()), (FaultKind::FileEmpty, 1, named(november)));
    let aside = |s: &Station| fs::write(s.state().join("audit/chain-2026-11.jsonl.old"), "").unwrap();
    assert_eq!(fault(&aside), (FaultKind::ForeignFile, 0, "chain-2026-11.jsonl.old".into()));
    let cut = |s: &Station| {
        let whole = fs::read(file(s, december)).unwrap();
        fs::write(file(s, december), &whole[..whole.len() - 1]).unwrap();
    };
    assert_eq!(fault(&cut), (FaultKind::Truncated, 6, named(december)));
}

#[test]
fn records_moved_over_the_edge_of_a_file_are_found() {
    let [november, december] = ["2026-11", "2026-12"];
    for to_the_left in [false, true] {
        let station = three_months();
        let (mut left, mut right) =
            (lines(&fs::read(file(&station, november)).unwrap()), lines(&fs::read(file(&station, december)).unwrap()));
        if to_the_left {
            left.push(right.remove(0));
        } else {
            right.insert(0, left.pop().unwrap());
        }
        fs::write(file(&station, november), left.concat()).unwrap();
        fs::write(file(&station, december), right.concat()).unwrap();
        let fault = station.verify().unwrap_err();
        assert_eq!((fault.kind, fault.seq), (FaultKind::FileMisnamed, if to_the_left { 4 } else { 3 }));
    }
}

#[test]
fn a_file_that_lies_where_the_next_month_goes_is_not_written_into() {
    let station = three_months();
    let mut log = station.open();
    let planted = file(&station, "2027-02");
    fs::write(&planted, "planted").unwrap();
    let refused = log.append(&[station_event(events::STATION_START)]).unwrap_err();
    assert!(matches!(refused, AuditError::Broken(fault) if fault.kind == FaultKind::AfterHead));
    assert_eq!(fs::read(&planted).unwrap(), b"planted");
    drop(log);
    assert!(matches!(station.try_open(), Err(AuditError::Broken(_))));
}
