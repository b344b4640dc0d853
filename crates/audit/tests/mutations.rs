//! 10,000 random single changes of a directory with three months, an erased session and two keys: each is found.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test's own steps may fail it; clippy.toml spares only the test functions themselves"
)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use audit::{events, verify};
use common::mutate::{Files, Rig, mutation};
use common::{Random, Station, item_event, lines, station_event};

const ROUNDS: usize = 10_000;

fn put(dir: &Path, files: &Files, now: &mut Files) {
    for name in now.keys().filter(|name| !files.contains_key(*name)) {
        fs::remove_file(dir.join(name)).unwrap();
    }
    for (name, content) in files.iter().filter(|(name, content)| now.get(*name) != Some(content)) {
        // Anew, not over the old one: some file systems wait for the disk when a file that was emptied is closed.
        let path = dir.join(name);
        if now.contains_key(name) {
            fs::remove_file(&path).unwrap();
        }
        fs::write(path, content).unwrap();
    }
    now.clone_from(files);
}

#[test]
fn ten_thousand_random_changes_are_all_found() {
    let rig = Rig::new();
    let untouched = verify(rig.station.state(), &rig.station.public_key()).unwrap();
    assert_eq!(untouched.pending, 0);
    assert_eq!((rig.files.len(), untouched.keys.len()), (4, 2));
    let dir = rig.station.state().join("audit");
    let (mut random, mut now) = (Random::seeded(20_261_118), rig.files.clone());
    let (mut tried, mut same) = (BTreeMap::<&str, usize>::new(), 0);
    while tried.values().sum::<usize>() < ROUNDS {
        let (kind, files) = mutation(&rig, &mut random);
        if files == rig.files {
            same += 1;
            continue;
        }
        put(&dir, &files, &mut now);
        // What is missing of the last batch stands in HEAD: the chain is whole, and the gap is said.
        match verify(rig.station.state(), &rig.station.public_key()) {
            Err(_fault) => {}
            Ok(verified) => {
                assert!(verified.pending > 0, "{kind}: not seen");
                assert_eq!((verified.head, verified.records), (untouched.head, untouched.records), "{kind}");
            }
        }
        *tried.entry(kind).or_default() += 1;
    }
    put(&dir, &rig.files, &mut now);
    assert_eq!(verify(rig.station.state(), &rig.station.public_key()).unwrap(), untouched);
    println!("{tried:?}, {same} changed nothing and do not count");
    assert!(tried.values().all(|times| *times > ROUNDS / 50), "{tried:?}");
}

#[test]
fn the_directory_of_this_test_has_what_it_says() {
    let rig = Rig::new();
    let text = rig.files.values().map(|content| String::from_utf8_lossy(content).into_owned()).collect::<String>();
    for event in [events::PAYLOAD_ERASED, events::KEY_ROTATED, events::CHECKPOINT] {
        assert!(text.contains(event), "{event}");
    }
    assert!(lines(&rig.files["chain-2026-11.jsonl"]).len() > 10);
    let other = Station::seeded(5);
    other.open().append(&[station_event(events::STATION_START), item_event("s-1", 1)]).unwrap();
    assert!(verify(other.state(), &rig.station.public_key()).is_err());
}
