//! A verifier in another language, written from `docs/AUDIT-FORMAT.md` alone, agrees with ours.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test's own steps may fail it; clippy.toml spares only the test functions themselves"
)]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use audit::{Position, PublicKey, verify, verify_against};
use common::mutate::{Rig, mutation};
use common::{Random, Station, item_event, station_event};
use serde_json::json;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/foreign/verify_chain.py");

#[expect(clippy::disallowed_methods, reason = "the other verifier is a program of its own")]
fn python(arguments: &[&str]) -> Option<Output> {
    Command::new("python3").args(arguments).output().ok()
}

fn skipped() -> bool {
    let there = python(&["-c", "import cryptography.hazmat.primitives.asymmetric.ed25519"]).is_some_and(|output| output.status.success());
    if !there {
        println!("skipped: no python3 with cryptography (Debian: python3-cryptography)");
    }
    !there
}

/// What the other verifier says: `holds …` or `broken …`.
fn theirs(state: &Path, key: &PublicKey, anchors: &[Position]) -> String {
    let dir = state.join("audit");
    let (key, anchors): (String, Vec<String>) = (key.to_string(), anchors.iter().map(ToString::to_string).collect());
    let mut arguments = vec![SCRIPT, dir.to_str().unwrap(), &key];
    arguments.extend(anchors.iter().map(String::as_str));
    let output = python(&arguments).unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn ours(state: &Path, key: &PublicKey, anchors: &[Position]) -> String {
    match verify_against(state, key, anchors) {
        Ok(verified) => format!("holds {} {} {}\n", verified.records, verified.pending, verified.head),
        Err(fault) => format!("broken {fault}\n"),
    }
}

/// Both verdicts are the same; the reasons differ in words.
fn agree(state: &Path, key: &PublicKey, anchors: &[Position], what: &str) {
    let (ours, theirs) = (ours(state, key, anchors), theirs(state, key, anchors));
    let same = ours == theirs || (ours.starts_with("broken") && theirs.starts_with("broken"));
    assert!(same, "{what}: ours {ours}theirs {theirs}");
}

#[test]
fn another_verifier_agrees_over_whole_and_changed_chains() {
    if skipped() {
        return;
    }
    let rig = Rig::new();
    let (state, key) = (rig.station.state(), rig.station.public_key());
    let verified = verify(state, &key).unwrap();
    for key in &verified.keys {
        assert!(theirs(state, key, &[verified.head]).starts_with("holds"));
        agree(state, key, &[verified.head], "untouched");
    }
    agree(state, &Station::seeded(99).public_key(), &[], "another key");
    agree(state, &key, &[Position { seq: 3, hash: [7; 32] }], "an anchor that is not there");
    agree(state, &key, &[Position { seq: 10_000, hash: [7; 32] }], "an anchor past the end");
    let (dir, mut random) = (state.join("audit"), Random::seeded(4));
    for _change in 0..60 {
        let (kind, files) = mutation(&rig, &mut random);
        fs::remove_dir_all(&dir).unwrap();
        fs::create_dir(&dir).unwrap();
        for (name, content) in &files {
            fs::write(dir.join(name), content).unwrap();
        }
        agree(state, &key, &[], kind);
    }
}

#[test]
fn another_verifier_spells_foreign_text_and_numbers_as_we_do() {
    if skipped() {
        return;
    }
    let station = Station::new();
    let payload = json!({
        "ratio": [0.1, 1.0 / 3.0, 5e-324, 1.797_693_134_862_315_7e308],
        "text": "\u{0}\u{7f}\u{2028}\"\\</script>\u{202e}\u{1f600}\n",
        "large": u64::MAX,
    });
    let mut log = station.open();
    log.append(&[audit::Event { payload, actor: "a \"b\" \\c", ..station_event("station-fault") }, item_event("s-1", 1)]).unwrap();
    log.close_session("s-1").unwrap();
    assert!(theirs(station.state(), &station.public_key(), &[]).starts_with("holds 3 0"));
    agree(station.state(), &station.public_key(), &[], "foreign text");
}
