//! Commands that look and change nothing.

use super::{BROKEN, key_for, no_station, print_json};
use crate::cli::{PolicyFile, State, VerifyCertificate, VerifyRelease};
use crate::settings::{self, ConfigurationError};
use anyhow::Context as _;
use audit::{KeyHistory, PublicKey};
use pipeline::station::StatePaths;
use release::Purpose;
use serde_json::json;
use spool::{HoldRecord, Quarantine};
use std::path::Path;

pub fn quarantine_list(session: Option<&str>, state: &State) -> anyhow::Result<u8> {
    let dir = StatePaths::new(&settings::state_dir(state.state.as_deref())?).quarantine();
    let mut records = Quarantine::list(&dir)?;
    records.retain(|record| session.is_none_or(|wanted| record.session == wanted));
    if state.json {
        print_json(&records)?;
        return Ok(0);
    }
    for record in &records {
        println!("{}  {:18}  {:>10}  {}", record.hold, record.reason.as_str(), record.size_bytes, record.path);
    }
    println!("{} holds", records.len());
    Ok(0)
}

pub fn quarantine_show(hold: &str, state: &State) -> anyhow::Result<u8> {
    let dir = StatePaths::new(&settings::state_dir(state.state.as_deref())?).quarantine();
    let record = match Quarantine::show(&dir, hold) {
        Err(error @ spool::QuarantineError::Unknown { .. }) => return Err(ConfigurationError(error.to_string()).into()),
        other => other?,
    };
    if state.json {
        print_json(&record)?;
    } else {
        print_record(&record);
    }
    Ok(0)
}

fn print_record(record: &HoldRecord) {
    let text = record.reason.text();
    println!("hold      {}\npath      {}\nheld at   {}", record.hold, record.path, record.held_at);
    println!("format    {}", record.format.map_or("-", model::Format::as_str));
    println!("size      {} bytes\nsha256    {}", record.size_bytes, record.sha256.hex());
    println!("reason    {}\n          {}\n          {}", record.reason, text.de, text.en);
    for finding in &record.findings {
        println!("finding   {} ({} {}): {}", finding.code, finding.engine.name, finding.engine.version, finding.detail);
    }
    for removed in &record.removed {
        println!("removed   {} × {}", removed.count, removed.kind);
    }
}

pub fn verify_release(what: &VerifyRelease) -> anyhow::Result<u8> {
    verify_folder(&what.dir, Purpose::Release, what.key.as_deref(), &what.state)
}

pub fn verify_certificate(what: &VerifyCertificate) -> anyhow::Result<u8> {
    let given = &what.certificate;
    // Any file of the folder will do.
    let folder = if given.is_file() { given.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new(".")) } else { given };
    verify_folder(folder, Purpose::WipeCertificate, what.key.as_deref(), &what.state)
}

fn verify_folder(folder: &Path, purpose: Purpose, key: Option<&str>, state: &State) -> anyhow::Result<u8> {
    let word = match purpose {
        Purpose::Release => "release",
        Purpose::WipeCertificate => "certificate",
    };
    let dir = settings::state_dir(state.state.as_deref())?;
    // Without a station at hand the signature is still checked, and the key it names is printed for comparison.
    let history = match (key, state.state.is_some() || dir.exists()) {
        (None, true) => Some(KeyHistory::load(&dir).map_err(|error| no_station(&dir, &error))?),
        _ => None,
    };
    let expected: Vec<PublicKey> = match (key, &history) {
        (Some(_), _) => vec![key_for(key, &dir)?],
        (None, history) => history.as_ref().map(KeyHistory::keys).unwrap_or_default(),
    };
    match release::verify_folder_by(folder, &expected, purpose) {
        Ok(verified) => {
            if state.json {
                print_json(&verified)?;
            } else {
                println!("the {word} holds: {} files, signed by {}", verified.files, verified.signed_by);
                let earlier = history.iter().flat_map(|history| &history.old).find(|old| old.key.to_string() == verified.signed_by);
                if let Some(old) = earlier {
                    println!("note: an earlier key of this station, in force until {}", old.until);
                }
                if !verified.key_confirmed {
                    println!("note: no station key to compare with; check that this is the station's (--key, --state)");
                }
            }
            Ok(0)
        }
        Err(fault) => {
            if state.json {
                print_json(&json!({ "verified": false, "fault": fault.to_string() }))?;
            } else {
                println!("the {word} does NOT hold: {fault}");
            }
            Ok(BROKEN)
        }
    }
}

pub fn policy_explain(policy: &PolicyFile, state: &State) -> anyhow::Result<u8> {
    let settings = settings::load(policy.policy.as_deref())?;
    if state.json {
        let formats: Vec<_> =
            settings.formats.lines().map(|(f, rule)| json!({ "format": f, "action": rule.action, "family": rule.family })).collect();
        print_json(&json!({ "sha256": settings.policy_sha256, "policy": settings.policy, "formats": formats }))?;
        return Ok(0);
    }
    println!("# sha256 of policy, format table and rules in force: {}\n", settings.policy_sha256.hex());
    println!("{}", settings.policy.to_toml().context("the policy cannot be printed")?);
    println!("# what becomes of what");
    for (format, rule) in settings.formats.lines() {
        let action = serde_json::to_value(rule.action)?;
        println!("{:22} {:10} {}", format.as_str(), action.as_str().unwrap_or_default(), rule.extensions.join(" "));
    }
    Ok(0)
}
