//! What a fault of the station leaves: one sentence, nothing released, no report, a chain that holds.

use crate::released::check_audit;
use crate::{Ended, Scratch, run};
use anyhow::{Result, ensure};
use std::path::Path;

/// Exit status of station faults.
pub const FAULT: i32 = 3;

/// Runs a session that a fault of the station must stop, and checks what it leaves; `said` must be in the sentence.
///
/// # Errors
/// What is wrong with it.
pub fn check_fault(scratch: &Scratch, source: &Path, clamd: &str, policy: &str, said: &str) -> Result<()> {
    let ended = run(&mut scratch.process_under(source, clamd, policy)?)?;
    check_faulted(scratch, &ended, said)
}

/// Checks what a session left that a fault of the station stopped.
///
/// # Errors
/// What is wrong with it.
pub fn check_faulted(scratch: &Scratch, ended: &Ended, said: &str) -> Result<()> {
    ensure!(ended.status == FAULT, "{ended:?}");
    check_sentence(ended, said)?;
    ensure!(scratch.released_names()?.is_empty(), "{:?}", scratch.released_names()?);
    ensure!(!scratch.path("report.json").exists(), "there is a report");
    check_audit(scratch)
}

/// One line says what is wrong; the note about the first reviewer's key may stand before it.
///
/// # Errors
/// When it does not.
pub fn check_sentence(ended: &Ended, said: &str) -> Result<()> {
    let lines: Vec<&str> = ended.stderr.lines().filter(|line| line.starts_with("schleuse: ")).collect();
    ensure!(lines.len() == 1 && ended.stderr.contains(said), "`{said}` expected: {ended:?}");
    ensure!(!ended.stderr.contains("panicked"), "{ended:?}");
    Ok(())
}
