//! Single random changes of the directory of a chain.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use audit::events;

use super::{Random, Station, item_event, lines, station_event};

/// The files of an `audit` directory by name, without the lock.
pub type Files = BTreeMap<String, Vec<u8>>;

pub fn files_of(state: &Path) -> Files {
    let entries = fs::read_dir(state.join("audit")).unwrap().map(|entry| entry.unwrap());
    let named = entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()));
    named.filter(|(name, _)| name != "LOCK").collect()
}

/// A chain of three months with an erased session and two keys, what it was earlier, and another station's.
pub struct Rig {
    pub station: Station,
    pub files: Files,
    /// Where parts for a splice come from.
    foreign: [Files; 2],
}

const MONTH: i64 = 31 * 86_400_000;

impl Rig {
    pub fn new() -> Self {
        let (station, older, files) = written(7);
        let (_other, _older, foreign) = written(8);
        Self { station, files, foreign: [older, foreign] }
    }
}

/// The station, its directory before the last month, and its directory.
fn written(seed: u64) -> (Station, Files, Files) {
    let mut station = Station::seeded(seed);
    let mut older = Files::new();
    for month in 0..3 {
        let mut log = station.open();
        log.append(&[station_event(events::STATION_START)]).unwrap();
        for session in 0..3 {
            let session = format!("s-{month}-{session}");
            log.append(&[item_event(&session, 1), item_event(&session, 2)]).unwrap();
            log.close_session(&session).unwrap();
        }
        log.erase_session(&format!("s-{month}-1"), "auditor-3", "gdpr-request").unwrap();
        if month == 1 {
            log.rotate_key("administrator-1", station.entropy.as_ref()).unwrap();
            station = station.reloaded();
            older = files_of(station.state());
        } else {
            log.append(&[item_event("s-9", 1), station_event(events::STATION_STOP)]).unwrap();
        }
        station.clock.step(MONTH);
    }
    let files = files_of(station.state());
    (station, older, files)
}

type Change = fn(&Rig, &mut Random, &mut Files);

const CHANGES: [(&str, Change); 12] = [
    ("edit a byte", edit_byte),
    ("edit a field", edit_field),
    ("delete a record", delete_record),
    ("insert a record", insert_record),
    ("swap records", swap_records),
    ("truncate", truncate),
    ("truncate at a record", truncate_records),
    ("splice a foreign record", splice_record),
    ("splice a foreign file", splice_file),
    ("replace HEAD", replace_head),
    ("rename a file", rename_file),
    ("delete or add a file", delete_or_add),
];

/// One random change, and what it is called. It may have changed nothing.
pub fn mutation(rig: &Rig, random: &mut Random) -> (&'static str, Files) {
    let (kind, change) = CHANGES[random.below(CHANGES.len())];
    let mut files = rig.files.clone();
    change(rig, random, &mut files);
    (kind, files)
}

fn any_name(files: &Files, random: &mut Random) -> String {
    files.keys().nth(random.below(files.len())).unwrap().clone()
}

/// Changes the lines of a file: of the chain, or `HEAD` whose first line is its header.
fn with_lines(files: &mut Files, random: &mut Random, change: impl FnOnce(&mut Vec<Vec<u8>>, &mut Random)) {
    let name = any_name(files, random);
    let mut all = lines(&files[&name]);
    change(&mut all, random);
    files.insert(name, all.concat());
}

fn edit_byte(_rig: &Rig, random: &mut Random, files: &mut Files) {
    let name = any_name(files, random);
    let content = files.get_mut(&name).unwrap();
    let at = random.below(content.len());
    content[at] = u8::try_from(random.below(256)).unwrap();
}

/// Puts the value of another record's field in the place of this one's.
fn edit_field(_rig: &Rig, random: &mut Random, files: &mut Files) {
    let field = ["seq", "prev", "time", "station", "session", "actor", "event", "payload", "hash"][random.below(9)];
    with_lines(files, random, |all, random| {
        let (to, from) = (random.below(all.len()), random.below(all.len()));
        let value =
            |line: &[u8]| -> Option<serde_json::Value> { serde_json::from_slice::<serde_json::Value>(line).ok()?.get(field).cloned() };
        let (Some(old), Some(new)) = (value(&all[to]), value(&all[from])) else { return };
        let text = String::from_utf8(all[to].clone()).unwrap();
        all[to] = text.replacen(&format!("\"{field}\":{old}"), &format!("\"{field}\":{new}"), 1).into_bytes();
    });
}

fn delete_record(_rig: &Rig, random: &mut Random, files: &mut Files) {
    with_lines(files, random, |all, random| drop(all.remove(random.below(all.len()))));
}

fn insert_record(_rig: &Rig, random: &mut Random, files: &mut Files) {
    with_lines(files, random, |all, random| {
        let copy = all[random.below(all.len())].clone();
        all.insert(random.below(all.len() + 1), copy);
    });
}

fn swap_records(_rig: &Rig, random: &mut Random, files: &mut Files) {
    with_lines(files, random, |all, random| {
        let (one, other) = (random.below(all.len()), random.below(all.len()));
        all.swap(one, other);
    });
}

fn truncate(_rig: &Rig, random: &mut Random, files: &mut Files) {
    let name = any_name(files, random);
    let content = files.get_mut(&name).unwrap();
    content.truncate(random.below(content.len()));
}

fn truncate_records(_rig: &Rig, random: &mut Random, files: &mut Files) {
    with_lines(files, random, |all, random| all.truncate(random.below(all.len())));
}

fn splice_record(rig: &Rig, random: &mut Random, files: &mut Files) {
    let foreign = &rig.foreign[random.below(2)];
    let from = lines(&foreign[&any_name(foreign, random)]);
    let (record, replace) = (from[random.below(from.len())].clone(), random.below(2) == 0);
    with_lines(files, random, |all, random| {
        let at = random.below(all.len());
        if replace {
            all[at] = record;
        } else {
            all.insert(at, record);
        }
    });
}

fn splice_file(rig: &Rig, random: &mut Random, files: &mut Files) {
    let foreign = &rig.foreign[random.below(2)];
    let content = foreign[&any_name(foreign, random)].clone();
    let name = any_name(files, random);
    files.insert(name, content);
}

/// Another `HEAD`, or another header over this batch, or this header over another batch.
fn replace_head(rig: &Rig, random: &mut Random, files: &mut Files) {
    let (own, foreign) = (lines(&files["HEAD"]), lines(&rig.foreign[random.below(2)]["HEAD"]));
    let head = match random.below(4) {
        0 => foreign,
        1 => [&foreign[..1], &own[1..]].concat(),
        2 => [&own[..1], &foreign[1..]].concat(),
        _ => {
            let name = any_name(files, random);
            lines(&files[&name])
        }
    };
    files.insert("HEAD".into(), head.concat());
}

fn rename_file(_rig: &Rig, random: &mut Random, files: &mut Files) {
    let from = any_name(files, random);
    let to = match random.below(4) {
        // Both change their names.
        0 => {
            let to = any_name(files, random);
            let (one, other) = (files[&from].clone(), files[&to].clone());
            files.insert(from, other);
            files.insert(to, one);
            return;
        }
        1 => format!("{from}.old"),
        _ => format!("chain-20{:02}-{:02}.jsonl", random.below(100), 1 + random.below(12)),
    };
    let content = files.remove(&from).unwrap();
    files.insert(to, content);
}

fn delete_or_add(_rig: &Rig, random: &mut Random, files: &mut Files) {
    let name = any_name(files, random);
    if random.below(2) == 0 {
        files.remove(&name);
        return;
    }
    let content = if random.below(2) == 0 { Vec::new() } else { files[&name].clone() };
    let month = format!("chain-20{:02}-{:02}.jsonl", random.below(100), 1 + random.below(12));
    files.entry(month).or_insert(content);
}
