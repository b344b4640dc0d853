//! `quarantine export` and `quarantine rescan`: what a reviewer does with the content of a hold besides deciding on it.

use super::decide::{Admitted, admit, open_for};
use crate::cli::{Export, Rescan};
use crate::commands::desk::Desk;
use crate::commands::print_json;
use crate::settings::ConfigurationError;
use anyhow::Context as _;
use audit::events;
use model::escape_text;
use pipeline::{Rescanned, StationFault};
use serde::Serialize;
use serde_json::json;
use spool::{Progress, Quarantine};
use std::os::unix::fs::OpenOptionsExt as _;

/// Most changed holds named in one record.
// BOUND: about 100 bytes each; a record may have 1 MiB. How many there are is said in any case.
const MOST_NAMED: usize = 2_000;

pub async fn export(wanted: &Export) -> anyhow::Result<u8> {
    let by = &wanted.by;
    let desk = Desk::open(&by.policy, &by.state, by.clamd.clone()).await?;
    let Admitted { identity, reviewer, record, _lock } = admit(&desk, by, "export", &wanted.hold).await?;
    open_for(&desk, "export", &reviewer, &record, &identity).await?;
    let unusable = |error: std::io::Error| ConfigurationError(format!("{} cannot be written: {error}", wanted.to.display()));
    let mut out = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&wanted.to).map_err(unusable)?;
    // Before anything leaves: a sample that is out and not on record would be worse than the other way round.
    let session = desk.session_of(&record);
    let to = session.map(|_| escape_text(&wanted.to.to_string_lossy()));
    let payload = json!({ "hold": record.hold, "sha256": record.sha256, "to": to });
    desk.record(&reviewer, session, events::HOLD_EXPORTED, payload).await?;
    let mut original = Quarantine::original(&desk.quarantine(), &record, &identity)?;
    let packed = pipeline::pack_hold(desk.station()?, &record, &mut original, &mut out).await.map_err(anyhow::Error::from);
    if let Err(error) = packed.and_then(|()| out.sync_all().context("the sample cannot be written")) {
        // Half a sample is none.
        let _ = std::fs::remove_file(&wanted.to);
        return Err(error);
    }
    println!("{}", wanted.to.display());
    Ok(0)
}

/// One hold, looked at again.
#[derive(Debug, Serialize)]
struct Looked {
    hold: String,
    #[serde(flatten)]
    found: Rescanned,
}

pub async fn rescan(wanted: &Rescan) -> anyhow::Result<u8> {
    let by = &wanted.by;
    let desk = Desk::open(&by.policy, &by.state, by.clamd.clone()).await?;
    let (identity, reviewer) = desk.identify(by, "rescan", wanted.session.as_deref().unwrap_or_default()).await?;
    let dir = desk.quarantine();
    let (mut looked, mut not_for_this) = (Vec::new(), Vec::new());
    for record in Quarantine::list(&dir).map_err(StationFault::from)? {
        let other_session = wanted.session.as_ref().is_some_and(|session| *session != record.session);
        if other_session || Quarantine::destruction(&dir, &record.hold).map_err(StationFault::from)? != Progress::None {
            continue;
        }
        match Quarantine::original(&dir, &record, &identity) {
            Ok(mut original) => {
                let found = pipeline::rescan_hold(desk.station()?, &record, &mut original).await?;
                looked.push(Looked { hold: record.hold, found });
            }
            Err(spool::OriginalError::NotForThis { hold }) => not_for_this.push(hold),
            Err(error) => return Err(error.into()),
        }
    }
    let changed: Vec<&Looked> =
        looked.iter().filter(|one| one.found.before != one.found.after || !one.found.new_findings.is_empty()).collect();
    let shown: Vec<_> = changed
        .iter()
        .take(MOST_NAMED)
        .map(|one| json!({ "hold": one.hold, "before": one.found.before, "after": one.found.after }))
        .collect();
    let payload = json!({ "looked_at": looked.len(), "not_opened": not_for_this.len(), "changed": changed.len(), "named": shown });
    desk.record(&reviewer, None, events::HOLDS_RESCANNED, payload).await?;
    if by.state.json {
        print_json(&json!({ "looked_at": looked.len(), "not_opened": not_for_this, "changed": changed }))?;
        return Ok(0);
    }
    for one in &changed {
        println!("{}  {} -> {}", one.hold, one.found.before, one.found.after);
        for finding in &one.found.new_findings {
            println!("    new: {} {}", finding.code, finding.detail);
        }
    }
    println!("{} looked at, {} changed, {} not encrypted to this identity", looked.len(), changed.len(), not_for_this.len());
    Ok(0)
}
