//! Commands that look and change nothing.

use super::{BROKEN, key_for, no_station, print_json};
use crate::cli::{PolicyFile, State, VerifyCertificate, VerifyRelease};
use crate::settings;
use anyhow::Context as _;
use audit::{KeyHistory, PublicKey};
use release::Purpose;
use serde_json::json;
use std::path::Path;

pub fn verify_release(what: &VerifyRelease) -> anyhow::Result<u8> {
    let status = verify_folder(&what.dir, Purpose::Release, what.key.as_deref(), &what.state)?;
    match &what.receipt {
        Some(code) if status == 0 => verify_receipt(&what.dir, code, what.state.json),
        _ => Ok(status),
    }
}

/// Whether a receipt is that of a release that was just found to hold.
fn verify_receipt(dir: &Path, code: &str, as_json: bool) -> anyhow::Result<u8> {
    let wanted = || -> anyhow::Result<bool> {
        let Some((session, digest)) = release::read_receipt_code(code) else { return Ok(false) };
        let bytes = std::fs::read(dir.join(release::REPORT_JSON)).context("the session report cannot be read")?;
        let report: model::report::SessionReport = serde_json::from_slice(&bytes).context("the session report is none")?;
        Ok(report.session == session && digest.0[..] == *<sha2::Sha256 as sha2::Digest>::digest(&bytes))
    };
    let belongs = wanted()?;
    if as_json {
        print_json(&json!({ "receipt_belongs": belongs }))?;
    } else if belongs {
        println!("the receipt belongs to this release");
    } else {
        println!("the receipt does NOT belong to this release");
    }
    Ok(if belongs { 0 } else { BROKEN })
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
