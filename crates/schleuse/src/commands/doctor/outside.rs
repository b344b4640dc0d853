//! What this station depends on: the line as a whole, release targets, the collector.

use super::{Check, check};
use crate::cli::Doctor;
use audit::{Clock as _, SystemClock};
use model::policy::ReleasePolicy;
use model::{Digest, Policy};
use pipeline::Settings;
use pipeline::canary::Standing;
use scan::{ClamAv, Engine, HashList};
use std::path::Path;
use std::sync::Arc;

/// Known hostile and harmless content through the real line.
pub fn canaries(what: &Doctor, settings: &Settings, worker: &Path, scanner: bool) -> Check {
    if !scanner {
        return check("canaries", Err("not tried: there is no scanner. Mend that first".into()));
    }
    let tried = || -> anyhow::Result<String> {
        // Not the state directory's: this neither waits for a station at work nor changes what it remembers.
        let scratch = tempfile::tempdir()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let tried = runtime.block_on(async {
            let scan = &settings.policy.scan;
            let clamav = ClamAv::connect(&what.clamd, scan, SystemClock.now_unix_ms() / 1_000).await?;
            let blocked = scan.blocked_sha256.iter().filter_map(|hex| Digest::from_hex(hex));
            let engines: Vec<Box<dyn Engine>> = vec![Box::new(HashList::new(blocked)), Box::new(clamav)];
            let standing = Standing { settings: Arc::new(settings.clone()), worker: worker.to_owned(), engines: Arc::new(engines) };
            anyhow::Ok(standing.try_in(scratch.path()).await?)
        })?;
        let said = format!("{} tried in {} ms, each ended as it must", tried.trials.len(), tried.milliseconds);
        tried.into_result()?;
        Ok(said)
    };
    check("canaries", tried().map_err(|error| error.to_string()))
}

/// Each target of the policy: reached, let in, with room.
pub fn targets(policy: &Policy) -> Vec<Check> {
    // One look; `release.stall_seconds` bounds it.
    let once = ReleasePolicy { attempts: 1, ..policy.release.clone() };
    let mut checks: Vec<Check> = once
        .targets
        .iter()
        .map(|(name, place)| {
            let looked = release::target::connect(place, "", &once).and_then(|mut target| {
                let shown = target.place().to_owned();
                target.free_bytes().map(|free| (shown, free))
            });
            let outcome = match looked {
                Err(error) => Err(error.to_string()),
                Ok((shown, Some(free))) if free < once.min_free_bytes => Err(format!(
                    "{shown}: {} MB free, {} MB wanted (release.min_free_bytes); make room there",
                    free / 1_000_000,
                    once.min_free_bytes / 1_000_000
                )),
                Ok((shown, Some(free))) => Ok(format!("{shown}: {} MB free", free / 1_000_000)),
                Ok((shown, None)) => Ok(shown),
            };
            check(&format!("target {name}"), outcome)
        })
        .collect();
    if checks.is_empty() {
        checks.push(check("targets", Ok("none in the policy; releases go where --release-to says".into())));
    }
    checks
}

/// The syslog collector.
pub fn collector(policy: &Policy) -> Check {
    let outcome = match &policy.siem.collector {
        None => Ok("none in the policy (siem.collector); nothing is forwarded".into()),
        Some(collector) => siem::reach(&policy.siem)
            .map(|()| format!("{collector} by {} answers", policy.siem.transport))
            .map_err(|error| format!("{error}. Records wait in the chain until it is back")),
    };
    check("collector", outcome)
}
