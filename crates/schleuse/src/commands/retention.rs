//! `schleuse retention`.

use super::desk::{Desk, block_on, now_text, now_unix_ms};
use super::print_json;
use crate::cli::{DueNow, Retention};
use anyhow::Context as _;
use audit::events;
use pipeline::{STATION, StationFault};
use serde::Serialize;
use serde_json::json;
use spool::retention::{Due, due, names_due};
use spool::reviews::Filed;
use spool::{Destruction, HoldRecord, Progress, Quarantine, QuarantineError, Reviewers};
use std::io;

/// Why in the records of what retention destroys.
const REASON: &str = "retention";

pub fn run(command: &Retention) -> anyhow::Result<u8> {
    match command {
        Retention::Run(wanted) => block_on(run_now(wanted)),
    }
}

/// What a run did, or would do.
#[derive(Debug, Default, Serialize)]
struct Outcome {
    /// Holds whose original is destroyed.
    destroyed: Vec<String>,
    /// Destructions that an interruption had left, finished.
    finished: Vec<String>,
    /// Due, but under review or being decided on.
    kept: Vec<String>,
    /// Holds whose record carries no date; somebody has to look.
    undated: Vec<String>,
    /// Sessions whose names are erased.
    names_erased: Vec<String>,
}

impl Outcome {
    /// For the record: each destruction and erasure has one of its own.
    fn counts(&self) -> serde_json::Value {
        json!({
            "destroyed": self.destroyed.len(), "finished": self.finished.len(), "kept": self.kept.len(),
            "undated": self.undated.len(), "names_erased": self.names_erased.len(),
        })
    }
}

async fn run_now(wanted: &DueNow) -> anyhow::Result<u8> {
    let desk = Desk::light(&wanted.policy, &wanted.state)?;
    let (reviewers, mut outcome) = (desk.reviewers()?, Outcome::default());
    for record in Quarantine::list(&desk.quarantine()).map_err(StationFault::from)? {
        one(&desk, &reviewers, &record, wanted.dry_run, &mut outcome).await?;
    }
    for session in sessions_due(&desk)? {
        if !wanted.dry_run {
            desk.recorder().erase_session(&session, STATION, REASON).await?;
        }
        outcome.names_erased.push(session);
    }
    if !wanted.dry_run {
        desk.record(STATION, None, events::RETENTION_RUN, outcome.counts()).await?;
    }
    if wanted.state.json {
        print_json(&outcome)?;
    } else {
        let word = if wanted.dry_run { "would be " } else { "" };
        for (what, which) in [
            ("destroyed", &outcome.destroyed),
            ("finished", &outcome.finished),
            ("kept for review", &outcome.kept),
            ("left: no date", &outcome.undated),
            ("names erased", &outcome.names_erased),
        ] {
            for name in which {
                println!("{word}{what}: {name}");
            }
        }
        println!("{} destroyed, {} kept for review", outcome.destroyed.len() + outcome.finished.len(), outcome.kept.len());
    }
    Ok(0)
}

async fn one(desk: &Desk, reviewers: &Reviewers, record: &HoldRecord, dry_run: bool, outcome: &mut Outcome) -> anyhow::Result<()> {
    let (dir, hold) = (desk.quarantine(), record.hold.clone());
    let _lock = match Quarantine::lock(&dir, &hold) {
        // Somebody decides on it at this moment.
        Err(QuarantineError::Busy { .. }) => {
            outcome.kept.push(hold);
            return Ok(());
        }
        other => other.map_err(StationFault::from)?,
    };
    let left = match Quarantine::destruction(&dir, &hold).map_err(StationFault::from)? {
        Progress::Done(_) => return Ok(()),
        Progress::Begun(destruction) => Some(destruction),
        Progress::None => None,
    };
    if let Some(destruction) = left {
        if !dry_run {
            carry_out(desk, record, &destruction, true).await?;
        }
        outcome.finished.push(hold);
        return Ok(());
    }
    let reviews = Filed::all(&dir.join(&hold)).with_context(|| format!("the reviews of {hold} cannot be read"))?;
    match due(record, &reviews, reviewers, (&desk.policy.retention, &desk.policy.review), now_unix_ms()) {
        Due::NotYet => {}
        Due::UnderReview => outcome.kept.push(hold),
        Due::Undated => outcome.undated.push(hold),
        Due::Now => {
            if !dry_run {
                let destruction = Destruction::of(record, &now_text()?, STATION, REASON);
                Quarantine::begin_destruction(&dir, &destruction).map_err(StationFault::from)?;
                carry_out(desk, record, &destruction, false).await?;
            }
            outcome.destroyed.push(hold);
        }
    }
    Ok(())
}

/// What follows the intent of a destruction: its record, then the removal. `again`: an earlier run was interrupted in it.
pub async fn carry_out(desk: &Desk, record: &HoldRecord, destruction: &Destruction, again: bool) -> anyhow::Result<()> {
    let payload = json!({
        "hold": record.hold, "sha256": record.sha256, "class": record.class, "reason": destruction.reason,
        "destroyed_at": destruction.destroyed_at, "after_interruption": again,
    });
    desk.record(&destruction.by, desk.session_of(record), events::HOLD_DESTROYED, payload).await?;
    Ok(Quarantine::finish_destruction(&desk.quarantine(), &record.hold).map_err(StationFault::from)?)
}

/// Sessions whose names have been kept long enough. Those at work have a journal, and are let be.
fn sessions_due(desk: &Desk) -> anyhow::Result<Vec<String>> {
    let dir = desk.paths.root.join("keys/sessions");
    let entries = match std::fs::read_dir(&dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.with_context(|| format!("{} cannot be read", dir.display()))?,
    };
    let (days, now) = (desk.policy.retention.session_names_days, now_unix_ms());
    let mut sessions = Vec::new();
    for entry in entries {
        let name = entry.with_context(|| format!("{} cannot be read", dir.display()))?.file_name();
        if let Some(session) = name.to_str().and_then(|name| name.strip_suffix(".key"))
            && names_due(session, days, now)
            && !desk.paths.sessions().join(format!("{session}.json")).exists()
        {
            sessions.push(session.to_owned());
        }
    }
    sessions.sort_unstable();
    Ok(sessions)
}
