//! The station's key is replaced: the chain proves it, and no kill leaves two keys or none.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test's own steps may fail it; clippy.toml spares only the test functions themselves"
)]

mod common;

use std::fs;
use std::path::Path;

use audit::{AuditError, FaultKind, Filter, KeyHistory, OsEntropy, PublicKey, Rotated, StationKey, events, show, verify};
use common::{NOVEMBER, Station, hex, item_event, lines, station_event};
use ring::digest::{SHA256, digest};

fn rotate(station: &Station) -> Rotated {
    station.open().rotate_key("administrator-1", station.entropy.as_ref()).unwrap()
}

/// The same station with the key that lies there now.
fn again(station: &Station) -> Station {
    Station::at(station.state().to_owned())
}

fn files(dir: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push((path.clone(), fs::read(&path).unwrap())) }
    }
    found.sort();
    found
}

#[test]
fn the_new_key_goes_on_and_every_key_verifies_the_whole() {
    let station = Station::new();
    let first = station.public_key();
    station.open().append(&[item_event("s-1", 1)]).unwrap();
    let rotated = rotate(&station);
    assert_eq!(rotated.previous, first);
    let station = again(&station);
    assert_eq!(station.public_key(), rotated.next);
    station.open().close_session("s-1").unwrap();
    let second = rotate(&station);
    let station = again(&station);
    station.open().append(&[station_event(events::STATION_STOP)]).unwrap();

    for key in [first, rotated.next, second.next] {
        let verified = verify(station.state(), &key).unwrap();
        assert_eq!((verified.records, verified.checkpoints), (9, 5));
        assert_eq!(verified.keys, [first, rotated.next, second.next]);
    }
    let stranger = Station::seeded(2).public_key();
    assert_eq!(verify(station.state(), &stranger).unwrap_err().kind, FaultKind::HeadSignature);

    let history = KeyHistory::load(station.state()).unwrap();
    assert_eq!((history.keys(), history.first()), (vec![first, rotated.next, second.next], first));
    assert_eq!((history.old[0].from.as_deref(), history.old[0].until.as_str()), (None, "2026-11-18T11:06:40.000Z"));
    assert_eq!(history.old[1].from.as_deref(), Some("2026-11-18T11:06:40.000Z"));
    let record = show(station.state(), Filter { event: Some(events::KEY_ROTATED.into()), ..Filter::default() }).unwrap().next().unwrap();
    assert_eq!(record.unwrap().actor, "administrator-1");
}

#[test]
fn the_old_private_key_is_gone_and_does_not_open_the_chain() {
    let station = Station::new();
    station.open().append(&[station_event(events::STATION_START)]).unwrap();
    let private = station.state().join("keys/station.pk8");
    let old = fs::read(&private).unwrap();
    rotate(&station);
    let seed = &old[16..];
    assert!(files(station.state()).iter().all(|(_path, content)| !content.windows(32).any(|window| window == seed)));
    let Err(AuditError::Broken(fault)) = station.try_open() else { panic!("opened with the old key") };
    assert_eq!(fault.kind, FaultKind::HeadSignature);
}

#[test]
fn while_somebody_writes_nobody_rotates() {
    let station = Station::new();
    let _log = station.open();
    assert!(matches!(again(&station).try_open(), Err(AuditError::Locked { .. })));
}

/// Copies `from` over `to`, as it was at some moment.
fn put(from: &[(std::path::PathBuf, Vec<u8>)], to: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::remove_dir_all(to).unwrap();
    for (path, content) in from {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

#[test]
fn killed_at_any_step_the_rotation_happened_or_did_not() {
    let station = Station::new();
    station.open().append(&[station_event(events::STATION_START)]).unwrap();
    let before = files(station.state());
    rotate(&station);
    let after = files(station.state());
    let at = |name: &str| station.state().join(name);
    let of = |all: &[(std::path::PathBuf, Vec<u8>)], name: &str| all.iter().find(|(path, _)| *path == at(name)).unwrap().1.clone();
    let next = of(&after, "keys/station.pk8");
    let step = |changes: &[(&str, Option<Vec<u8>>)]| {
        let mut state = before.clone();
        for (name, content) in changes {
            state.retain(|(path, _)| *path != at(name));
            state.extend(content.clone().map(|content| (at(name), content)));
        }
        state
    };
    let new_key = ("keys/next.pk8", Some(next));
    let head = ("audit/HEAD", Some(of(&after, "audit/HEAD")));
    let file = format!("audit/{NOVEMBER}");
    let chain = (file.as_str(), Some(of(&after, &file)));
    let kept = ("keys/old/0001.pub", Some(of(&after, "keys/old/0001.pub")));
    let zeroed = ("keys/station.pk8", Some(vec![0; 48]));
    let gone = ("keys/station.pk8", None);
    let public = ("keys/station.pub", Some(of(&after, "keys/station.pub")));
    let mut steps = vec![new_key];
    assert!(killed(&station, &step(&steps)).is_none(), "nothing was committed");
    for more in [head, chain, kept, zeroed, gone, public] {
        steps.retain(|(name, _)| *name != more.0);
        steps.push(more);
        let keys = killed(&station, &step(&steps)).expect("committed");
        assert_eq!(keys.keys().len(), 2);
    }
}

/// What the next start makes of `state`; none if it is as before the rotation.
fn killed(station: &Station, state: &[(std::path::PathBuf, Vec<u8>)]) -> Option<KeyHistory> {
    put(state, station.state());
    let old = station.public_key();
    assert!(verify(station.state(), &old).is_ok(), "the chain verifies before the next start");
    let restarted = again(station);
    restarted.open().append(&[station_event(events::STATION_STOP)]).unwrap();
    assert!(!station.state().join("keys/next.pk8").exists());
    let history = KeyHistory::load(station.state()).unwrap();
    assert_eq!(history.current, restarted.public_key());
    for key in history.keys() {
        assert_eq!(verify(station.state(), &key).unwrap().keys, history.keys());
    }
    assert_eq!(history.first(), old);
    (history.current != old).then_some(history)
}

#[test]
fn a_forged_change_of_the_key_is_found() {
    let station = Station::new();
    station.open().append(&[item_event("s-1", 1)]).unwrap();
    let first = station.public_key();
    rotate(&station);
    let station = again(&station);
    station.open().append(&[station_event(events::STATION_STOP)]).unwrap();
    let whole = lines(&fs::read(station.chain()).unwrap());
    let stranger = Station::seeded(2).public_key().to_string();

    for (field, key) in [("next", station.public_key()), ("previous", first)] {
        let text = String::from_utf8(whole[2].clone()).unwrap();
        let forged = text.replace(&format!(r#""{field}":"{key}""#), &format!(r#""{field}":"{stranger}""#));
        assert_ne!(forged, text);
        let mut lines = whole.clone();
        lines[2] = rehashed(&forged);
        fs::write(station.chain(), lines.concat()).unwrap();
        let fault = station.verify().unwrap_err();
        assert_eq!((fault.seq, fault.kind), (3, FaultKind::RotationSignature));
    }
    // Another station takes over: it signs a HEAD of its own that claims to follow on our key.
    let other = Station::seeded(2);
    other.open().append(&[item_event("s-1", 1)]).unwrap();
    rotate(&other);
    let forged = String::from_utf8(fs::read(other.head()).unwrap()).unwrap().replace(&other.public_key().to_string(), &first.to_string());
    fs::write(station.head(), forged).unwrap();
    assert!(verify(station.state(), &first).is_err());
}

fn rehashed(line: &str) -> Vec<u8> {
    let content = &line[..line.rfind(r#","hash":""#).unwrap()];
    let hash = hex(digest(&SHA256, format!("{content}}}").as_bytes()).as_ref());
    format!("{content},\"hash\":\"{hash}\"}}\n").into_bytes()
}

#[test]
fn a_key_that_is_being_replaced_by_nobody_is_forgotten() {
    let station = Station::new();
    station.open().append(&[station_event(events::STATION_START)]).unwrap();
    let keys = station.state().join("keys");
    fs::copy(keys.join("station.pk8"), keys.join("next.pk8")).unwrap();
    fs::write(keys.join("next.pk8"), Station::seeded(3).key_file()).unwrap();
    let key = StationKey::load_or_create(station.state(), &OsEntropy::new()).unwrap();
    assert_eq!((key.public_key(), PublicKey::load(station.state()).unwrap()), (station.public_key(), station.public_key()));
    assert!(!keys.join("next.pk8").exists());
}
