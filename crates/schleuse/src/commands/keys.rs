//! `schleuse keys`: the station's signing key and its predecessors.

use super::{no_station, print_json};
use crate::cli::{Keys, State};
use crate::settings::{self, ConfigurationError};
use audit::{AuditError, AuditLog, KeyHistory, OsEntropy, StationKey, SystemClock};
use pipeline::StationFault;
use pipeline::station::station_name;
use serde_json::json;
use std::sync::Arc;

pub fn run(what: &Keys) -> anyhow::Result<u8> {
    match what {
        Keys::Show { state } => show(state),
        Keys::Rotate { by, state } => rotate(by, state),
    }
}

fn show(state: &State) -> anyhow::Result<u8> {
    let dir = settings::state_dir(state.state.as_deref())?;
    let history = KeyHistory::load(&dir).map_err(|error| no_station(&dir, &error))?;
    let since = history.old.last().map(|old| old.until.as_str());
    if state.json {
        let old: Vec<_> =
            history.old.iter().map(|old| json!({ "key": old.key.to_string(), "from": old.from, "until": old.until })).collect();
        let name = station_name(&history.first());
        print_json(&json!({ "station": name, "current": { "key": history.current.to_string(), "from": since }, "old": old }))?;
        return Ok(0);
    }
    println!("station  {}", station_name(&history.first()));
    for old in &history.old {
        println!("before   {}  {} to {}", old.key, old.from.as_deref().unwrap_or("the first"), old.until);
    }
    println!("in force {}  {}", history.current, since.map_or("since the first start".into(), |time| format!("since {time}")));
    Ok(0)
}

fn rotate(by: &str, state: &State) -> anyhow::Result<u8> {
    let dir = settings::state_dir(state.state.as_deref())?;
    // A station that never was gets no key here.
    KeyHistory::load(&dir).map_err(|error| no_station(&dir, &error))?;
    let entropy = Arc::new(OsEntropy::new());
    let key = Arc::new(StationKey::load_or_create(&dir, entropy.as_ref()).map_err(StationFault::from)?);
    let name = station_name(&KeyHistory::load(&dir).map_err(StationFault::from)?.first());
    let log = match AuditLog::open(&dir, &name, key, Arc::new(SystemClock), Arc::<OsEntropy>::clone(&entropy)) {
        Err(AuditError::Locked { .. }) => {
            let busy = "the station is at work: another program holds its audit chain. The key is replaced when nobody signs with it; \
                        stop that program and give the command again";
            return Err(ConfigurationError(busy.into()).into());
        }
        opened => opened.map_err(StationFault::from)?,
    };
    let rotated = log.rotate_key(by, entropy.as_ref()).map_err(StationFault::from)?;
    if state.json {
        let (previous, next) = (rotated.previous.to_string(), rotated.next.to_string());
        print_json(&json!({ "station": name, "previous": previous, "next": next, "audit_head": rotated.position.to_string() }))?;
    } else {
        println!("{name} signs with {} from now on\nbefore:    {}\naudit head {}", rotated.next, rotated.previous, rotated.position);
        println!("Give the new public key to everybody who checks releases without this state directory.");
    }
    Ok(0)
}
