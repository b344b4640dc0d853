//! `schleuse process` as the product runs it (real clock, entropy, workers, ClamAV), with one difference: at the n-th
//! occurrence of one transition, something is ended with SIGKILL.
//!
//! ```text
//! killable SOURCE RELEASE STATE CLAMD REPORT                                        ends nothing, prints `TRANSITION COUNT` lines
//! killable SOURCE RELEASE STATE CLAMD REPORT TRANSITION OCCURRENCE VICTIM CLAMD-PID
//! ```
//!
//! A SOURCE `hold:HOLD` is a hold that goes through the line again under an exception.
//!
//! This lies in the test package, so that no build of the product can contain it.

use anyhow::{Context as _, Result, bail};
use e2e::kill::Victim;
use pipeline::{Again, Order, Quiet, Transition, Transitions};
use rustix::process::{Pid, getpid};
use spool::Quarantine;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

/// Exit status when something was withheld.
const WITHHELD: u8 = 10;
/// Exit status of station faults.
const FAULT: u8 = 3;

/// Ends a victim when its moment comes; counts all moments.
#[derive(Debug)]
struct Striking {
    stroke: Option<Stroke>,
    counts: Mutex<BTreeMap<Transition, u32>>,
}

#[derive(Debug)]
struct Stroke {
    at: Transition,
    occurrence: u32,
    victim: Victim,
    clamd: Pid,
}

impl Transitions for Striking {
    fn reached(&self, transition: Transition) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(transition).or_default();
        *count += 1;
        // Others wait for the lock, so that nothing goes on while the victim is being ended.
        if let Some(stroke) = &self.stroke
            && (stroke.at, stroke.occurrence) == (transition, *count)
        {
            eprintln!("struck: {:?} at {transition:?}", stroke.victim);
            let struck = stroke.victim.workers(getpid()).and_then(|workers| {
                eprintln!("workers met: {}", workers.len());
                stroke.victim.strike(getpid(), stroke.clamd, &workers)
            });
            if let Err(error) = struck {
                eprintln!("not struck: {error:#}");
            }
        }
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("killable: {error:#}");
            ExitCode::from(if error.downcast_ref::<pipeline::StationFault>().is_some() { FAULT } else { 1 })
        }
    }
}

fn run() -> Result<u8> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let ([source, release_to, state, clamd, report], rest) = words.split_first_chunk().context("five words at least")?;
    let stroke = match rest {
        [] => None,
        [at, occurrence, victim, pid] => Some(Stroke {
            at: transition(at)?,
            occurrence: occurrence.parse()?,
            victim: victim.parse()?,
            clamd: Pid::from_raw(pid.parse()?).context("no process has this number")?,
        }),
        _ => bail!("five words or nine"),
    };
    let striking = Arc::new(Striking { stroke, counts: Mutex::default() });
    let transitions: Arc<dyn Transitions> = Arc::<Striking>::clone(&striking);
    let (state, release_to) = (Path::new(state), pipeline::ReleaseTo::from(PathBuf::from(release_to)));
    let finished = e2e::again::at_station(state, clamd, transitions, async |station| match source.strip_prefix("hold:") {
        Some(hold) => {
            let record = Quarantine::show(&state.join("quarantine"), hold)?;
            let content = e2e::again::original(state, hold)?;
            let again = Again { exception: e2e::again::granted(&record)?, record, password: None, release_to };
            Ok(pipeline::process_hold(station, again, &mut &content[..], Arc::new(Quiet)).await?)
        }
        None => {
            let order = Order { source: PathBuf::from(source).canonicalize()?, device: None, release_to, owner: None, keys: Vec::new() };
            Ok(pipeline::process(station, &order, Arc::new(Quiet)).await?)
        }
    })?;
    std::fs::write(report, serde_json::to_vec_pretty(&finished.report)?)?;
    if striking.stroke.is_none() {
        let counts = striking.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().for_each(|(transition, count)| println!("{transition:?} {count}"));
    }
    let totals = &finished.report.totals;
    Ok(if totals.withheld + totals.unreadable > 0 { WITHHELD } else { 0 })
}

fn transition(name: &str) -> Result<Transition> {
    Transition::ALL.iter().copied().find(|known| format!("{known:?}") == name).with_context(|| format!("no transition {name}"))
}
