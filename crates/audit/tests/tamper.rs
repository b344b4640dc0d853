//! What a forger may do to the files, without the station's key: each is a fault that names the place.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test's own steps may fail it; clippy.toml spares only the test functions themselves"
)]

mod common;

use std::fs;
use std::sync::OnceLock;

use audit::{AuditLog, Fault, FaultKind, PublicKey, Verified, events, verify};
use common::{NOVEMBER, Station, hex, item_event, lines, station_event};
use proptest::prelude::*;
use ring::digest::{SHA256, digest};

/// A finished chain: sessions with checkpoints, and a last batch of three records.
struct Finished {
    chain: Vec<u8>,
    head: Vec<u8>,
    key: PublicKey,
    lines: Vec<Vec<u8>>,
    /// Lines before the last batch.
    settled: usize,
}

impl Finished {
    fn by(station: &Station) -> Self {
        let mut log = station.open();
        log.append(&[station_event(events::STATION_START)]).unwrap();
        for session in ["s-1", "s-2", "s-3"] {
            for item in 0..6 {
                log.append(&[item_event(session, item), item_event(session, item)]).unwrap();
            }
            log.close_session(session).unwrap();
        }
        last_batch(&mut log);
        let (chain, head) = station.files();
        let lines = lines(&chain);
        Self { settled: lines.len() - 3, chain, head, key: station.public_key(), lines }
    }

    fn get() -> &'static Self {
        static FINISHED: OnceLock<Finished> = OnceLock::new();
        FINISHED.get_or_init(|| Self::by(&Station::new()))
    }

    /// Where the last batch begins, in bytes.
    fn offset(&self) -> usize {
        self.lines[..self.settled].iter().map(Vec::len).sum()
    }

    /// The line (from 1) in which byte `at` lies.
    fn line_of(&self, at: usize) -> u64 {
        self.chain[..at].split(|byte| *byte == b'\n').count() as u64
    }
}

fn last_batch(log: &mut AuditLog) {
    log.append(&[item_event("s-4", 1), item_event("s-4", 2), station_event(events::STATION_STOP)]).unwrap();
}

fn verify_files(chain: &[u8], head: &[u8], key: &PublicKey) -> Result<Verified, Fault> {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("audit")).unwrap();
    fs::write(dir.path().join("audit").join(NOVEMBER), chain).unwrap();
    fs::write(dir.path().join("audit/HEAD"), head).unwrap();
    verify(dir.path(), key)
}

fn verify_lines(lines: &[Vec<u8>], of: &Finished) -> Result<Verified, Fault> {
    verify_files(&lines.concat(), &of.head, &of.key)
}

/// Numbers and links the lines from `first` (0-based) on anew, as a forger can who knows the format.
fn rehash(lines: &mut [Vec<u8>], first: usize) {
    for at in first..lines.len() {
        let prev = match at.checked_sub(1) {
            Some(before) => {
                let line = &lines[before];
                String::from_utf8(line[line.len() - 67..line.len() - 3].to_vec()).unwrap()
            }
            None => "0".repeat(64),
        };
        let line = String::from_utf8(lines[at].clone()).unwrap();
        let (_seq, rest) = line.split_once(r#","prev":""#).unwrap();
        let content = format!(r#"{{"seq":{},"prev":"{prev}{}"#, at + 1, &rest[64..]);
        let content = &content[..content.rfind(r#","hash":""#).unwrap()];
        let hash = digest(&SHA256, format!("{content}}}").as_bytes());
        let hash = hex(hash.as_ref());
        lines[at] = format!("{content},\"hash\":\"{hash}\"}}\n").into_bytes();
    }
}

#[test]
fn untouched_it_verifies() {
    let finished = Finished::get();
    let verified = verify_files(&finished.chain, &finished.head, &finished.key).unwrap();
    assert_eq!((verified.records, verified.pending, verified.checkpoints), (43, 0, 3));
    let mut rehashed = finished.lines.clone();
    rehash(&mut rehashed, 0);
    assert_eq!(rehashed, finished.lines, "the forger of these tests knows the format");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_byte_is_found_in_its_line(at in 0..Finished::get().chain.len(), flip in 1..=255_u8) {
        let finished = Finished::get();
        let mut chain = finished.chain.clone();
        chain[at] ^= flip;
        match verify_files(&chain, &finished.head, &finished.key) {
            Err(fault) => {
                prop_assert_eq!((fault.line, fault.seq), (finished.line_of(at), finished.line_of(at)));
                prop_assert!(matches!(fault.kind, FaultKind::NotCanonical | FaultKind::HashWrong), "{:?}", fault);
            }
            // A zero in the last batch may be an unwritten block: HEAD has the record, and it is reported.
            Ok(verified) => {
                prop_assert!(chain[at] == 0 && at >= finished.offset());
                prop_assert_eq!(verified.pending, 44 - finished.line_of(at));
            }
        }
    }

    #[test]
    fn a_changed_byte_of_head_is_found(at in 0..Finished::get().head.len(), flip in 1..=255_u8) {
        let finished = Finished::get();
        let mut head = finished.head.clone();
        head[at] ^= flip;
        let fault = verify_files(&finished.chain, &head, &finished.key).unwrap_err();
        prop_assert_eq!(fault.line, 0);
        prop_assert!(matches!(fault.kind, FaultKind::HeadMalformed | FaultKind::HeadSignature), "{:?}", fault);
    }

    #[test]
    fn a_cut_anywhere_is_found_unless_head_has_the_rest(at in 0..Finished::get().chain.len()) {
        let finished = Finished::get();
        let whole_lines = finished.line_of(at) - 1;
        match verify_files(&finished.chain[..at], &finished.head, &finished.key) {
            Err(fault) => {
                prop_assert!(at < finished.offset());
                prop_assert_eq!((fault.line, fault.kind), (whole_lines + 1, FaultKind::Truncated));
            }
            Ok(verified) => {
                prop_assert!(at >= finished.offset());
                prop_assert_eq!((verified.records, verified.pending), (43, 43 - whole_lines));
            }
        }
    }

    #[test]
    fn a_cut_head_is_found(at in 0..Finished::get().head.len()) {
        let finished = Finished::get();
        let fault = verify_files(&finished.chain, &finished.head[..at], &finished.key).unwrap_err();
        prop_assert_eq!((fault.line, fault.kind), (0, FaultKind::HeadMalformed));
    }

    #[test]
    fn a_deleted_record_is_found(at in 0..42_usize) {
        let finished = Finished::get();
        let mut lines = finished.lines.clone();
        lines.remove(at);
        let fault = verify_lines(&lines, finished).unwrap_err();
        let expected = (at as u64 + 1, FaultKind::SeqWrong { found: at as u64 + 2 });
        prop_assert_eq!((fault.line, fault.kind), expected);
    }

    #[test]
    fn an_inserted_record_is_found(from in 0..43_usize, to in 0..=43_usize) {
        let finished = Finished::get();
        let mut lines = finished.lines.clone();
        lines.insert(to, finished.lines[from].clone());
        let fault = verify_lines(&lines, finished).unwrap_err();
        // A record put before itself is bad only from its second appearance on.
        let bad = if from == to { to + 1 } else { to };
        let kind = if bad == 43 { FaultKind::AfterHead } else { FaultKind::SeqWrong { found: from as u64 + 1 } };
        prop_assert_eq!((fault.line, fault.kind), (bad as u64 + 1, kind));
    }

    #[test]
    fn swapped_records_are_found(one in 0..43_usize, other in 0..43_usize) {
        prop_assume!(one != other);
        let finished = Finished::get();
        let mut lines = finished.lines.clone();
        lines.swap(one, other);
        let fault = verify_lines(&lines, finished).unwrap_err();
        let expected = (one.min(other) as u64 + 1, FaultKind::SeqWrong { found: one.max(other) as u64 + 1 });
        prop_assert_eq!((fault.line, fault.kind), expected);
    }

    #[test]
    fn a_forger_who_rehashes_everything_after_is_stopped_by_the_next_signature(at in 0..43_usize) {
        let finished = Finished::get();
        let mut lines = finished.lines.clone();
        let line = String::from_utf8(lines[at].clone()).unwrap();
        // Another actor, of the same length.
        let forged = line.replace("kiosk-7", "kiosk-8").replace(r#""actor":"station""#, r#""actor":"stetion""#);
        prop_assert_ne!(&line, &forged);
        lines[at] = forged.into_bytes();
        rehash(&mut lines, at);
        let fault = verify_lines(&lines, finished).unwrap_err();
        // Checkpoints are records 14, 27 and 40, and cover what is before them; then HEAD.
        let next_checkpoint = [14, 27, 40].into_iter().find(|seq| *seq > at as u64 + 1);
        match next_checkpoint {
            Some(seq) => prop_assert_eq!((fault.seq, fault.kind), (seq, FaultKind::CheckpointSignature)),
            None => prop_assert_eq!(fault.kind, FaultKind::HeadMismatch),
        }
    }
}

#[test]
fn a_forger_who_drops_the_checkpoints_is_stopped_by_head() {
    let finished = Finished::get();
    let mut lines: Vec<_> =
        finished.lines.iter().filter(|line| !String::from_utf8_lossy(line).contains(r#""event":"checkpoint""#)).cloned().collect();
    rehash(&mut lines, 0);
    // What is left is one chain, but shorter than the one HEAD signs.
    let fault = verify_lines(&lines, finished).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Truncated);
}

#[test]
fn a_well_formed_record_appended_without_the_key_is_found() {
    let finished = Finished::get();
    let mut lines = finished.lines.clone();
    lines.push(finished.lines[42].clone());
    rehash(&mut lines, 43);
    let fault = verify_lines(&lines, finished).unwrap_err();
    assert_eq!((fault.seq, fault.line, fault.kind), (44, 44, FaultKind::AfterHead));
}

#[test]
fn bytes_after_the_end_are_found() {
    let finished = Finished::get();
    for extra in [&b"\n"[..], b"\0", b" ", b"{}", &vec![b'x'; 3_000_000]] {
        let chain = [finished.chain.as_slice(), extra].concat();
        let fault = verify_files(&chain, &finished.head, &finished.key).unwrap_err();
        assert_eq!((fault.line, fault.kind), (44, FaultKind::AfterHead));
    }
}

#[test]
fn an_endless_line_is_refused_not_read() {
    let finished = Finished::get();
    let limit_bytes = audit::MAX_LINE_BYTES;
    let chain = [vec![b'x'; 3_000_000], finished.chain.clone()].concat();
    let fault = verify_files(&chain, &finished.head, &finished.key).unwrap_err();
    assert_eq!((fault.line, fault.kind), (1, FaultKind::LineTooLong { limit_bytes }));
}

#[test]
fn another_spelling_of_the_same_record_is_no_record() {
    let finished = Finished::get();
    let first = String::from_utf8(finished.lines[0].clone()).unwrap();
    for respelled in [
        first.replace(r#"{"seq":1,"#, r#"{ "seq":1,"#),
        first.replace(r#""seq":1,"#, r#""seq":1,"seq":1,"#),
        first.replace(r#""seq":1,"#, r#""seq":1.0,"#),
        first.replace(r#""actor""#, r#""\u0061ctor""#),
        first.replace("lock-01", r"lock\u002d01"),
        first.replace(r#""session":null,"#, ""),
        first.replace(r#""seq":1,"#, r#""seq":1,"more":0,"#),
        first.replace('\n', "\r\n"),
        first.to_uppercase(),
    ] {
        assert_ne!(respelled, first);
        let mut lines = finished.lines.clone();
        lines[0] = respelled.clone().into_bytes();
        let fault = verify_lines(&lines, finished).unwrap_err();
        assert_eq!((fault.line, fault.kind), (1, FaultKind::NotCanonical), "{respelled}");
    }
}

#[test]
fn without_head_nothing_verifies_or_opens() {
    let station = Station::new();
    last_batch(&mut station.open());
    fs::remove_file(station.head()).unwrap();
    assert_eq!(station.verify().unwrap_err().kind, FaultKind::HeadMissing);
    assert!(station.try_open().is_err());
}

#[test]
fn without_the_chain_nothing_verifies_or_opens() {
    let station = Station::new();
    let mut log = station.open();
    log.append(&[station_event(events::STATION_START)]).unwrap();
    last_batch(&mut log);
    drop(log);
    fs::remove_file(station.chain()).unwrap();
    assert_eq!(station.verify().unwrap_err().kind, FaultKind::Truncated);
    assert!(station.try_open().is_err());
}

#[test]
fn an_older_head_with_the_newer_chain_is_found() {
    let station = Station::new();
    let mut log = station.open();
    log.append(&[station_event(events::STATION_START)]).unwrap();
    let (_chain, old_head) = station.files();
    last_batch(&mut log);
    drop(log);
    fs::write(station.head(), old_head).unwrap();
    let fault = station.verify().unwrap_err();
    assert_eq!((fault.seq, fault.line, fault.kind), (2, 2, FaultKind::AfterHead));
    assert!(station.try_open().is_err());
}

#[test]
fn an_older_chain_with_the_newer_head_is_found() {
    let station = Station::new();
    let mut log = station.open();
    log.append(&[station_event(events::STATION_START)]).unwrap();
    let (old_chain, _head) = station.files();
    log.append(&[item_event("s-1", 1)]).unwrap();
    last_batch(&mut log);
    drop(log);
    fs::write(station.chain(), old_chain).unwrap();
    let fault = station.verify().unwrap_err();
    assert_eq!((fault.line, fault.kind), (2, FaultKind::Truncated));
    assert!(station.try_open().is_err());
}

#[test]
fn another_key_or_another_stations_files_do_not_verify() {
    let finished = Finished::get();
    let stranger = Finished::by(&Station::seeded(2));
    let fault = verify_files(&finished.chain, &finished.head, &stranger.key).unwrap_err();
    assert_eq!(fault.kind, FaultKind::HeadSignature);
    let fault = verify_files(&stranger.chain, &stranger.head, &finished.key).unwrap_err();
    assert_eq!(fault.kind, FaultKind::HeadSignature);
    let fault = verify_files(&finished.chain, &stranger.head, &finished.key).unwrap_err();
    assert_eq!(fault.kind, FaultKind::HeadSignature);
    // The other station's chain under our own HEAD: its first checkpoint is not by our key.
    let fault = verify_files(&stranger.chain, &finished.head, &finished.key).unwrap_err();
    assert_eq!((fault.seq, fault.kind), (14, FaultKind::CheckpointSignature));
}

#[test]
fn records_of_another_station_name_are_found_even_if_rehashed() {
    let finished = Finished::get();
    let mut lines = finished.lines.clone();
    lines[4] = String::from_utf8(lines[4].clone()).unwrap().replace("lock-01", "lock-02").into_bytes();
    rehash(&mut lines, 4);
    let fault = verify_lines(&lines, finished).unwrap_err();
    assert_eq!((fault.line, fault.kind), (5, FaultKind::ForeignStation));
}

#[test]
fn a_writer_notices_a_chain_that_changed_length_beneath_it() {
    let station = Station::new();
    let mut log = station.open();
    log.append(&[station_event(events::STATION_START)]).unwrap();
    last_batch(&mut log);
    let (chain, _head) = station.files();
    fs::write(station.chain(), [chain.as_slice(), b"{}\n"].concat()).unwrap();
    assert!(log.append(&[station_event(events::STATION_STOP)]).is_err());
    assert_eq!(station.verify().unwrap_err().kind, FaultKind::AfterHead);
    fs::write(station.chain(), chain).unwrap();
    log.append(&[station_event(events::STATION_STOP)]).unwrap();
    station.verify().unwrap();
}
