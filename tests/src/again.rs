//! Holds after review: opened with the first reviewer's identity, and sent through the line again.

use crate::{Clamd, Scratch, program, settings};
use anyhow::{Context as _, Result};
use audit::{OsEntropy, SystemClock};
use model::Exception;
use pipeline::{Again, Finished, Quiet, Rescanned, Station, StationFault, Transitions, Unobserved};
use spool::{HoldRecord, Quarantine};
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use wire::Secret;
use zeroize::Zeroizing;

/// The record of the hold of this path.
///
/// # Errors
/// When there is none.
pub fn hold_of(state: &Path, path: &str) -> Result<HoldRecord> {
    let records = Quarantine::list(&state.join("quarantine"))?;
    records.into_iter().find(|record| record.path == path).with_context(|| format!("no hold of {path}"))
}

/// The original of a hold, as its reviewer opens it.
///
/// # Errors
/// When the identity does not open it.
pub fn original(state: &Path, hold: &str) -> Result<Vec<u8>> {
    opened(state, hold, "original.age")
}

/// A sealed file of a hold, as its reviewer opens it.
///
/// # Errors
/// When there is none, or the identity does not open it.
pub fn opened(state: &Path, hold: &str, name: &str) -> Result<Vec<u8>> {
    let text = fs::read_to_string(state.join("reviewer-identity-MOVE-AWAY.txt"))?;
    let line = text.lines().find(|line| line.starts_with("AGE-SECRET-KEY")).context("an identity")?;
    let identity: age::x25519::Identity = line.parse().map_err(|why| anyhow::anyhow!("{why}"))?;
    let sealed = fs::read(state.join("quarantine").join(hold).join(name))?;
    let mut plain = Vec::new();
    let opened = age::Decryptor::new(&sealed[..])?.decrypt(std::iter::once(&identity as &dyn age::Identity))?;
    { opened }.read_to_end(&mut plain)?;
    Ok(plain)
}

/// What two reviewers granted for a hold.
///
/// # Errors
/// Never for two.
pub fn granted(record: &HoldRecord) -> Result<Exception> {
    let reviewers = ["anna".to_owned(), "bert".to_owned()];
    #[expect(clippy::disallowed_methods, reason = "what the line does with an exception is tested, not how one is granted")]
    let exception = Exception::by_reviewers(&record.hold, record.sha256, &reviewers, "business-need");
    exception.context("an exception")
}

/// A password.
///
/// # Errors
/// When it is empty or too long.
pub fn password(text: &str) -> Result<Secret> {
    Secret::new(Zeroizing::new(text.to_owned())).context("a password")
}

/// Runs something on the station of a scratch directory.
///
/// # Errors
/// When the station cannot be opened, and what it gives.
pub fn at_station<T>(
    state: &Path,
    clamd: &str,
    transitions: Arc<dyn Transitions>,
    work: impl AsyncFnOnce(&Station) -> Result<T>,
) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy::new()));
        let station = Station::open(state, program("schleuse-worker")?, settings("")?, clamd.parse()?, clock, entropy, transitions).await?;
        work(&station).await
    })
}

/// Sends content through the line as this hold.
///
/// # Errors
/// When the station cannot be opened; how the session ended is inside.
pub fn again(scratch: &Scratch, clamd: &Clamd, again: Again, content: &[u8]) -> Result<Result<Finished, StationFault>> {
    at_station(&scratch.state(), &clamd.address(), Arc::new(Unobserved), async |station| {
        Ok(pipeline::process_hold(station, again, &mut &content[..], Arc::new(Quiet)).await)
    })
}

/// Looks at a hold again.
///
/// # Errors
/// When the station cannot be opened, or the hold not looked at.
pub fn rescan(scratch: &Scratch, clamd: &Clamd, record: &HoldRecord) -> Result<Rescanned> {
    let content = original(&scratch.state(), &record.hold)?;
    at_station(&scratch.state(), &clamd.address(), Arc::new(Unobserved), async |station| {
        Ok(pipeline::rescan_hold(station, record, &mut &content[..]).await?)
    })
}
