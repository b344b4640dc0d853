//! What an honest station writes: it verifies, can be shown, erased, cut into pieces.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test's own steps may fail it; clippy.toml spares only the test functions themselves"
)]

mod common;

use std::fs;
use std::io::Cursor;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use audit::{
    AuditError, CHECKPOINT_EVERY, Event, FaultKind, Filter, OsEntropy, Position, PublicKey, ShownPayload, StationKey, events, show, verify,
    verify_against, verify_piece,
};
use common::{STATION, Station, hex, item_event, lines, station_event};
use serde_json::json;

fn shown(station: &Station, filter: Filter) -> Vec<audit::Shown> {
    show(station.state(), filter).unwrap().map(|record| record.unwrap()).collect()
}

fn event_names(station: &Station) -> Vec<String> {
    shown(station, Filter::default()).into_iter().map(|record| record.event).collect()
}

#[test]
fn what_was_appended_verifies_and_goes_on_after_a_restart() {
    let station = Station::new();
    let mut log = station.open();
    assert_eq!(log.head(), Position::START);
    log.append(&[station_event(events::STATION_START)]).unwrap();
    let end = log.append(&[item_event("s-1", 1), item_event("s-1", 2)]).unwrap();
    assert_eq!((end.seq, log.head()), (3, end));
    drop(log);

    let mut log = station.open();
    assert_eq!(log.head(), end);
    let end = log.close_session("s-1").unwrap();

    let verified = station.verify().unwrap();
    assert_eq!((verified.records, verified.pending, verified.checkpoints, verified.head), (4, 0, 1, end));
    assert_eq!(verified.station, STATION);
    assert_eq!(event_names(&station), ["station-start", "item-released", "item-released", "checkpoint"]);
}

#[test]
fn an_empty_batch_writes_nothing() {
    let station = Station::new();
    let mut log = station.open();
    let end = log.append(&[station_event(events::STATION_START)]).unwrap();
    let before = station.files();
    assert_eq!(log.append(&[]).unwrap(), end);
    assert_eq!(station.files(), before);
}

#[test]
fn a_record_is_one_line_of_json_in_the_documented_order() {
    let station = Station::new();
    station.open().append(&[station_event(events::STATION_START)]).unwrap();
    let (chain, _head) = station.files();
    let text = String::from_utf8(chain).unwrap();
    let zeros = "0".repeat(64);
    let content = format!(
        r#"{{"seq":1,"prev":"{zeros}","time":"2026-11-18T11:06:40.000Z","station":"lock-01","session":null,"actor":"station","event":"station-start","payload":{{"clear":{{"version":"0.1.0"}}}}"#
    );
    let digest = ring::digest::digest(&ring::digest::SHA256, format!("{content}}}").as_bytes());
    let hash = hex(digest.as_ref());
    assert_eq!(text, format!("{content},\"hash\":\"{hash}\"}}\n"));
}

#[test]
fn every_thousandth_record_is_a_checkpoint_however_the_batches_fall() {
    let station = Station::new();
    let mut log = station.open();
    for batch in 0..7 {
        let events: Vec<_> = (0..300).map(|item| item_event("s-1", batch * 300 + item)).collect();
        log.append(&events).unwrap();
    }
    let verified = station.verify().unwrap();
    assert_eq!((verified.records, verified.checkpoints), (2102, 2));
    let checkpoints = shown(&station, Filter { event: Some(events::CHECKPOINT.into()), ..Filter::default() });
    let numbers: Vec<_> = checkpoints.iter().map(|record| record.seq).collect();
    assert_eq!(numbers, [CHECKPOINT_EVERY, 2 * CHECKPOINT_EVERY]);
}

#[test]
fn a_copied_piece_is_proved_up_to_its_last_checkpoint() {
    let station = Station::new();
    let mut log = station.open();
    for session in ["s-1", "s-2"] {
        log.append(&[item_event(session, 1), item_event(session, 2)]).unwrap();
        log.close_session(session).unwrap();
    }
    log.append(&[item_event("s-3", 1)]).unwrap();
    let all = lines(&station.files().0);
    let key = station.public_key();

    let piece = verify_piece(Cursor::new(all[3..7].concat()), &key).unwrap();
    assert_eq!((piece.first, piece.signed.seq, piece.last.seq), (4, 5, 7));

    let gap = [all[3].clone(), all[5].clone()].concat();
    let fault = verify_piece(Cursor::new(gap), &key).unwrap_err();
    assert_eq!((fault.seq, fault.line, fault.kind), (5, 2, FaultKind::SeqWrong { found: 6 }));

    let unsigned = verify_piece(Cursor::new(all[3..5].concat()), &key).unwrap_err();
    assert_eq!(unsigned.kind, FaultKind::NoCheckpoint);
    let checkpoint_alone = verify_piece(Cursor::new(all[5].clone()), &key).unwrap_err();
    assert_eq!(checkpoint_alone.kind, FaultKind::NoCheckpoint);

    let stranger = Station::seeded(2).public_key();
    let fault = verify_piece(Cursor::new(all[3..7].concat()), &stranger).unwrap_err();
    assert_eq!((fault.seq, fault.kind), (6, FaultKind::CheckpointSignature));
}

#[test]
fn an_anchor_kept_outside_finds_a_chain_put_back_with_its_older_head() {
    let station = Station::new();
    let mut log = station.open();
    log.append(&[item_event("s-1", 1)]).unwrap();
    let first = log.close_session("s-1").unwrap();
    let (old_chain, old_head) = station.files();
    log.append(&[item_event("s-2", 1)]).unwrap();
    let anchor: Position = log.close_session("s-2").unwrap().to_string().parse().unwrap();
    let key = station.public_key();
    verify_against(station.state(), &key, &[first, anchor]).unwrap();

    fs::write(station.chain(), old_chain).unwrap();
    fs::write(station.head(), old_head).unwrap();
    verify(station.state(), &key).unwrap();
    let fault = verify_against(station.state(), &key, &[first, anchor]).unwrap_err();
    assert_eq!((fault.seq, fault.kind), (anchor.seq, FaultKind::AnchorMissing));

    let other = Position { seq: first.seq, hash: [7; 32] };
    let fault = verify_against(station.state(), &key, &[other]).unwrap_err();
    assert_eq!((fault.seq, fault.kind), (first.seq, FaultKind::AnchorMissing));
}

#[test]
fn verifying_while_a_writer_is_at_work_finds_no_fault() {
    let station = Station::new();
    let mut log = station.open();
    log.append(&[station_event(events::STATION_START)]).unwrap();
    let key = station.public_key();
    let finished = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for item in 0..200 {
                log.append(&[item_event("s-1", item), item_event("s-1", item)]).unwrap();
            }
            finished.store(true, std::sync::atomic::Ordering::Release);
        });
        while !finished.load(std::sync::atomic::Ordering::Acquire) {
            verify(station.state(), &key).unwrap();
        }
    });
    assert_eq!(verify(station.state(), &key).unwrap().records, 401);
}

#[test]
fn a_session_is_read_with_its_key_and_not_without() {
    let station = Station::new();
    let mut log = station.open();
    log.append(&[item_event("s-1", 1), item_event("s-2", 2)]).unwrap();
    let (chain, _head) = station.files();
    assert!(!String::from_utf8(chain).unwrap().contains("Vertrag"));

    let of_first = Filter { session: Some("s-1".into()), ..Filter::default() };
    let record = shown(&station, of_first.clone()).remove(0);
    assert_eq!(record.payload, ShownPayload::Opened(json!({ "path": "Vertrag 1.pdf", "bytes": 1 })));
    assert_eq!((record.actor.as_str(), record.time.as_str()), ("kiosk-7", "2026-11-18T11:06:40.000Z"));

    fs::remove_dir_all(station.state().join("keys/sessions")).unwrap();
    assert_eq!(shown(&station, of_first)[0].payload, ShownPayload::KeyAbsent);
}

#[test]
fn a_payload_opens_only_under_its_own_session_key() {
    let station = Station::new();
    station.open().append(&[item_event("s-1", 1), item_event("s-2", 2)]).unwrap();
    let sessions = station.state().join("keys/sessions");
    fs::copy(sessions.join("s-2.key"), sessions.join("s-1.key")).unwrap();
    assert_eq!(shown(&station, Filter::default())[0].payload, ShownPayload::Undecipherable);
}

#[test]
fn show_starts_and_stops_where_asked() {
    let station = Station::new();
    let mut log = station.open();
    log.append(&(0..10).map(|item| item_event("s-1", item)).collect::<Vec<_>>()).unwrap();
    let some = shown(&station, Filter { after: Some(3), limit: Some(3), ..Filter::default() });
    assert_eq!(some.iter().map(|record| record.seq).collect::<Vec<_>>(), [4, 5, 6]);
}

#[test]
fn erasing_destroys_the_key_and_the_chain_still_verifies() {
    let station = Station::new();
    let mut log = station.open();
    log.append(&[item_event("s-1", 1), item_event("s-2", 2)]).unwrap();
    let (before, _head) = station.files();
    log.erase_session("s-1", "auditor-3", "gdpr-request").unwrap();

    assert!(!station.state().join("keys/sessions/s-1.key").exists());
    assert!(station.files().0.starts_with(&before));
    assert_eq!(station.verify().unwrap().records, 3);
    let records = shown(&station, Filter::default());
    assert_eq!(records[0].payload, ShownPayload::Erased);
    assert!(matches!(records[1].payload, ShownPayload::Opened(_)));
    assert_eq!(
        (records[2].event.as_str(), records[2].actor.as_str(), records[2].session.as_deref()),
        (events::PAYLOAD_ERASED, "auditor-3", Some("s-1"))
    );

    let again = log.erase_session("s-1", "auditor-3", "gdpr-request").unwrap();
    assert_eq!(again.seq, 3);
    let refused = log.append(&[item_event("s-1", 3)]).unwrap_err();
    assert!(matches!(refused, AuditError::SessionErased { session } if session == "s-1"));
    log.append(&[item_event("s-2", 4)]).unwrap();
    assert_eq!(station.verify().unwrap().records, 4);
}

#[test]
fn a_kill_between_marking_and_destroying_is_finished_at_the_next_start() {
    let station = Station::new();
    station.open().append(&[item_event("s-1", 1)]).unwrap();
    let sessions = station.state().join("keys/sessions");
    fs::write(sessions.join("s-1.erased"), "").unwrap();

    station.open();
    assert!(!sessions.join("s-1.key").exists());
    assert_eq!(event_names(&station), ["item-released", "payload-erased"]);
    station.open();
    assert_eq!(station.verify().unwrap().records, 2);
}

#[test]
fn a_clock_set_back_is_on_record_and_said_once() {
    let station = Station::new();
    let mut log = station.open();
    log.append(&[station_event(events::STATION_START)]).unwrap();
    station.clock.step(-3_600_000);
    log.append(&[station_event(events::POLICY_IN_FORCE)]).unwrap();
    station.clock.step(1);
    log.append(&[station_event(events::ENGINES_IN_FORCE)]).unwrap();
    drop(log);
    station.clock.step(-5);
    station.open().append(&[station_event(events::STATION_STOP)]).unwrap();

    let records = shown(&station, Filter::default());
    let names: Vec<_> = records.iter().map(|record| record.event.as_str()).collect();
    assert_eq!(names, ["station-start", "clock-stepped-back", "policy-in-force", "engines-in-force", "clock-stepped-back", "station-stop"]);
    assert_eq!(records[1].payload, ShownPayload::Clear(json!({ "previous": "2026-11-18T11:06:40.000Z" })));
    assert_eq!(records[1].time, "2026-11-18T10:06:40.000Z");
    station.verify().unwrap();
}

#[test]
fn a_clock_before_1970_stops_the_station_and_leaves_the_chain() {
    let station = Station::new();
    let mut log = station.open();
    log.append(&[station_event(events::STATION_START)]).unwrap();
    station.clock.step(-2 * common::NOON);
    let refused = log.append(&[station_event(events::STATION_STOP)]).unwrap_err();
    assert!(matches!(refused, AuditError::Clock { unix_ms } if unix_ms == -common::NOON));
    assert_eq!(station.verify().unwrap().records, 1);
}

#[test]
fn names_that_could_leave_their_place_are_refused_and_nothing_is_written() {
    let station = Station::new();
    let mut log = station.open();
    log.append(&[station_event(events::STATION_START)]).unwrap();
    let good = item_event("s-1", 1);
    for session in ["", "../x", "a/b", ".", "-x", "ä", &"x".repeat(65)] {
        let bad = Event { session: Some(session), ..good.clone() };
        let refused = log.append(&[good.clone(), bad]).unwrap_err();
        assert!(matches!(refused, AuditError::SessionId { .. }), "{session}");
        assert!(log.erase_session(session, "auditor-3", "gdpr-request").is_err());
        assert!(log.close_session(session).is_err());
    }
    for actor in ["", "a\nb", "\u{1b}[2J", &"x".repeat(129)] {
        let refused = log.append(&[Event { actor, ..good.clone() }]).unwrap_err();
        assert!(matches!(refused, AuditError::Name { what: "actor", .. }), "{actor:?}");
    }
    for event in ["", "Item", "item released", "item_released"] {
        let refused = log.append(&[Event { event, ..good.clone() }]).unwrap_err();
        assert!(matches!(refused, AuditError::Name { what: "event", .. }), "{event:?}");
    }
    for event in ["checkpoint", "chain-repaired", "payload-erased", "clock-stepped-back"] {
        let refused = log.append(&[Event { event, ..good.clone() }]).unwrap_err();
        assert!(matches!(refused, AuditError::ReservedEvent { .. }), "{event:?}");
    }
    assert_eq!(station.verify().unwrap().records, 1);
}

#[test]
fn a_record_or_batch_over_its_limit_is_refused_and_the_chain_goes_on() {
    let station = Station::new();
    let mut log = station.open();
    let of_bytes = |bytes: usize| Event { payload: json!("x".repeat(bytes)), ..station_event(events::STATION_FAULT) };
    let refused = log.append(&[of_bytes(audit::MAX_LINE_BYTES)]).unwrap_err();
    assert!(matches!(refused, AuditError::RecordTooLong { .. }));
    let many = vec![of_bytes(audit::MAX_LINE_BYTES - 1_000); 17];
    assert!(matches!(log.append(&many).unwrap_err(), AuditError::BatchTooLong { .. }));
    log.append(&many[..16]).unwrap();
    log.append(&[station_event(events::STATION_STOP)]).unwrap();
    assert_eq!(station.verify().unwrap().records, 17);
}

#[test]
fn there_is_one_writer() {
    let station = Station::new();
    let mut log = station.open();
    log.append(&[station_event(events::STATION_START)]).unwrap();
    assert!(matches!(station.try_open(), Err(AuditError::Locked { .. })));
    drop(log);
    assert_eq!(station.open().head().seq, 1);
}

#[test]
fn floats_and_foreign_text_keep_their_one_spelling() {
    let station = Station::new();
    let mut log = station.open();
    let payload = json!({
        "ratio": [0.1, 1.0 / 3.0, 5e-324, 1.797_693_134_862_315_7e308, 4.340_123_456_789_012e-17],
        "text": "\u{0}\u{7f}\u{2028}\"\\</script>\u{202e}\u{1f600}\n",
        "large": u64::MAX,
    });
    let event = Event { payload: payload.clone(), ..station_event(events::STATION_FAULT) };
    log.append(&[event.clone(), Event { session: Some("s-1"), ..event }]).unwrap();
    assert_eq!(station.verify().unwrap().records, 2);
    drop(log);
    station.open();
}

#[test]
fn keys_are_private_stay_the_same_and_are_never_replaced_quietly() {
    let station = Station::new();
    station.open().append(&[item_event("s-1", 1)]).unwrap();
    let keys = station.state().join("keys");
    for private in ["station.pk8", "sessions/s-1.key"] {
        let mode = fs::metadata(keys.join(private)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{private}");
    }
    let again = StationKey::load_or_create(station.state(), &OsEntropy::new()).unwrap();
    assert_eq!(again.public_key(), station.public_key());
    assert_eq!(PublicKey::load(station.state()).unwrap(), station.public_key());
    assert_eq!(again.public_key_hex().parse(), Ok(station.public_key()));

    let signature = again.sign(b"message");
    assert!(station.public_key().verify(b"message", &signature));
    assert!(!station.public_key().verify(b"massage", &signature));
    assert!(!Station::seeded(2).public_key().verify(b"message", &signature));

    fs::set_permissions(keys.join("station.pk8"), fs::Permissions::from_mode(0o640)).unwrap();
    let exposed = StationKey::load_or_create(station.state(), &OsEntropy::new()).unwrap_err();
    assert!(matches!(exposed, AuditError::KeyExposed { mode: 0o640, .. }));

    fs::remove_file(keys.join("station.pk8")).unwrap();
    let lost = StationKey::load_or_create(station.state(), &OsEntropy::new()).unwrap_err();
    assert!(matches!(lost, AuditError::KeyLost { .. }));
    fs::remove_file(keys.join("station.pub")).unwrap();
    let lost = StationKey::load_or_create(station.state(), &OsEntropy::new()).unwrap_err();
    assert!(matches!(lost, AuditError::KeyLost { .. }), "HEAD still tells of the key");
}

#[test]
fn a_public_key_of_another_station_beside_the_key_is_noticed() {
    let station = Station::new();
    let public = station.state().join("keys/station.pub");
    fs::write(&public, format!("{}\n", Station::seeded(2).public_key())).unwrap();
    let mismatch = StationKey::load_or_create(station.state(), &OsEntropy::new()).unwrap_err();
    assert!(matches!(mismatch, AuditError::KeyMismatch { .. }));
}

#[test]
fn a_replaced_key_or_name_does_not_open_the_chain() {
    let mut station = Station::new();
    station.open().append(&[station_event(events::STATION_START)]).unwrap();
    assert!(matches!(station.try_open_as("lock-02"), Err(AuditError::ForeignStation { .. })));
    station.key = Arc::clone(&Station::seeded(2).key);
    let Err(AuditError::Broken(fault)) = station.try_open() else {
        panic!("opened with another key");
    };
    assert_eq!(fault.kind, FaultKind::HeadSignature);
}
