//! Commands that look and change nothing.

use super::print_json;
use crate::cli::{PolicyFile, State, VerifyCertificate, VerifyRelease};
use crate::settings::{self, ConfigurationError};
use anyhow::Context as _;
use audit::{Filter, PublicKey};
use release::Purpose;
use serde_json::json;
use std::path::Path;

/// Exit status when what was checked does not hold.
const BROKEN: u8 = 1;

fn key_for(given: Option<&str>, state: &Path) -> anyhow::Result<PublicKey> {
    match given {
        Some(hex) => hex.parse().map_err(|_| ConfigurationError("--key wants 64 hexadecimal digits".into()).into()),
        None => {
            PublicKey::load(state).map_err(|error| ConfigurationError(format!("no station key in {}: {error}", state.display())).into())
        }
    }
}

pub fn audit_verify(key: Option<&str>, state: &State) -> anyhow::Result<u8> {
    let dir = settings::state_dir(state.state.as_deref())?;
    let key = key_for(key, &dir)?;
    match audit::verify(&dir, &key) {
        Ok(verified) => {
            if state.json {
                print_json(&json!({
                    "verified": true, "records": verified.records, "pending": verified.pending,
                    "checkpoints": verified.checkpoints, "head": verified.head.to_string(), "station": verified.station,
                }))?;
            } else {
                println!(
                    "the audit chain holds: {} records, {} signed checkpoints, head {}",
                    verified.records, verified.checkpoints, verified.head
                );
            }
            Ok(0)
        }
        Err(fault) => {
            if state.json {
                print_json(&json!({ "verified": false, "fault": fault.to_string(), "seq": fault.seq, "line": fault.line }))?;
            } else {
                println!("the audit chain is BROKEN: {fault}");
            }
            Ok(BROKEN)
        }
    }
}

pub fn audit_show(session: Option<&str>, event: Option<&str>, limit: Option<u64>, state: &State) -> anyhow::Result<u8> {
    let dir = settings::state_dir(state.state.as_deref())?;
    let filter = Filter {
        session: session.map(str::to_owned),
        event: event.map(str::to_owned),
        limit: limit.map(|n| n as usize),
        ..Filter::default()
    };
    for shown in audit::show(&dir, filter)? {
        let shown = shown?;
        if state.json {
            println!("{}", serde_json::to_string(&shown)?);
        } else {
            let payload = serde_json::to_string(&shown.payload)?;
            println!("{:>8}  {}  {:24}  {}  {}", shown.seq, shown.time, shown.event, shown.session.as_deref().unwrap_or("-"), payload);
        }
    }
    Ok(0)
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
    let expected = match (key, state.state.is_some() || dir.exists()) {
        (None, false) => None,
        (key, _) => Some(key_for(key, &dir)?),
    };
    match release::verify_folder(folder, expected.as_ref(), purpose) {
        Ok(verified) => {
            if state.json {
                print_json(&verified)?;
            } else {
                println!("the {word} holds: {} files, signed by {}", verified.files, verified.signed_by);
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
