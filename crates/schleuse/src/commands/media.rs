//! `schleuse media`: which media are there, what comes and goes, and what the policy says about it. Nothing is read.

use super::print_json;
use crate::cli::Media;
use crate::device::SYSFS;
use crate::settings;
use device::{Change, DeviceFacts, Watch, judge};
use model::device::DevicePolicy;
use serde_json::{Value, json};
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::path::Path;

pub fn run(what: &Media) -> anyhow::Result<u8> {
    match what {
        Media::List { policy, json } => list(&settings::load(policy.policy.as_deref())?.policy.device, *json),
        Media::Watch { policy, json } => watch(&settings::load(policy.policy.as_deref())?.policy.device, *json),
    }
}

fn list(policy: &DevicePolicy, as_json: bool) -> anyhow::Result<u8> {
    let devices = device::look(Path::new(SYSFS))?.devices;
    if as_json {
        print_json(&devices.iter().map(|facts| judged(facts, policy)).collect::<Vec<_>>())?;
    } else {
        for facts in &devices {
            println!("{}", line(facts, policy));
        }
    }
    Ok(0)
}

fn watch(policy: &DevicePolicy, as_json: bool) -> anyhow::Result<u8> {
    let mut watch = Watch::open(Path::new(SYSFS))?;
    // Nobody ever writes to it: the command runs until it is interrupted.
    let (stop, _held) = std::io::pipe()?;
    while let Some(changes) = watch.next(stop.as_fd())? {
        for change in &changes {
            tell(change, policy, as_json)?;
        }
    }
    Ok(0)
}

/// One line about something that happened.
pub fn tell(change: &Change, policy: &DevicePolicy, as_json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if as_json {
        let mut event = judged(&change.facts, policy);
        if let Value::Object(fields) = &mut event {
            fields.insert("event".into(), json!(change.happening.as_str()));
        }
        writeln!(out, "{event}")?;
    } else {
        writeln!(out, "{} {}", change.happening.as_str(), line(&change.facts, policy))?;
    }
    Ok(out.flush()?)
}

fn judged(facts: &DeviceFacts, policy: &DevicePolicy) -> Value {
    let judgement = judge(facts, policy);
    json!({ "device": facts, "admitted": judgement.is_admitted(), "judgement": judgement.to_string() })
}

fn line(facts: &DeviceFacts, policy: &DevicePolicy) -> String {
    let said = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    let judgement = if facts.size_bytes == 0 { "no medium".into() } else { judge(facts, policy).to_string() };
    format!(
        "{}: {}, {} {}, serial {}, port {}, {} bytes: {judgement}",
        facts.name,
        facts.kind,
        said(&facts.vendor),
        said(&facts.product),
        said(&facts.serial),
        said(&facts.port),
        facts.size_bytes
    )
}
