//! The three calls into the line that act on the content of a hold.
//!
//! STAND-IN until the line has them: each ends with an error that says so, and changes nothing.
#![expect(clippy::unused_async, reason = "what they stand in for waits for workers")]

use crate::commands::desk::Desk;
use anyhow::bail;
use model::{Exception, Finding, HoldClass};
use pipeline::{Finished, Progress};
use serde::Serialize;
use spool::{HoldRecord, Original};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use wire::Secret;

/// A hold that reviewers let through the line again.
pub struct Again {
    pub record: HoldRecord,
    pub exception: Exception,
    pub password: Option<Secret>,
    pub release_to: PathBuf,
}

/// What a second look at a hold gave.
#[derive(Debug, Serialize)]
pub struct Rescanned {
    pub before: HoldClass,
    pub after: HoldClass,
    pub new_findings: Vec<Finding>,
    pub gone_findings: Vec<Finding>,
}

/// Stand-in of `pipeline::process_hold`.
pub async fn process_hold(_desk: &Desk, again: Again, _content: &mut Original, _progress: Arc<dyn Progress>) -> anyhow::Result<Finished> {
    let Again { record, exception, password, release_to } = again;
    drop(password);
    bail!(
        "hold {} is approved ({}) for {}, but this build cannot take a hold through the line again",
        record.hold,
        exception.reason(),
        release_to.display()
    )
}

/// Stand-in of `pipeline::pack_sample`.
pub async fn pack_sample(_desk: &Desk, record: &HoldRecord, _content: &mut Original, _out: &mut dyn Write) -> anyhow::Result<()> {
    bail!("hold {} opens, but this build cannot pack a sample", record.hold)
}

/// Stand-in of `pipeline::rescan_hold`.
pub async fn rescan_hold(_desk: &Desk, record: &HoldRecord, _content: &mut Original) -> anyhow::Result<Rescanned> {
    bail!("hold {} opens, but this build cannot scan a hold again", record.hold)
}
