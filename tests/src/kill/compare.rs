//! A session whose supervisor lived on: it ends, and releases nothing that a whole session would not release (I2).

use super::Victim;
use super::after::{Death, report_in};
use super::rig::{Ended, Moment, Rig, WITHHELD};
use anyhow::{Context as _, Result, bail, ensure};
use model::report::{ItemLine, Outcome, SessionReport};
use model::{FindingCode, Reason};
use pipeline::Transition;
use std::collections::BTreeMap;

/// Exit status of station faults.
const FAULT: i32 = 3;

/// Checks how a session ended whose supervisor was not killed; gives the number of items held because their worker died.
pub(super) fn check_survivor(rig: &Rig, ended: &Ended, death: &Death, moment: Moment, victim: Victim) -> Result<usize> {
    ensure!(death.open.is_none(), "a session that ended by itself left its journal: {ended:?}");
    match ended.status.code() {
        Some(WITHHELD) => {
            let [folder] = death.visible.as_slice() else { bail!("{death:?} after {ended:?}") };
            let report = report_in(&rig.scratch.release().join(folder))?;
            ensure!(!must_stop(moment, victim) || !ended.struck, "it went on without a scanner: {ended:?}");
            let died = check_items(rig.whole(moment), &report)?;
            ensure!(victim == Victim::Worker || died == 0, "{died} items died with {ended:?}");
            let unread = report.items.iter().filter(|line| unread(line)).count();
            let may_be = matches!(victim, Victim::Worker | Victim::Reader) && ended.workers > 0;
            ensure!(unread == 0 || may_be, "{unread} items were not read with {ended:?}");
            ensure!(ended.workers > 0 || died == 0, "{died} items died without a worker");
            Ok(died)
        }
        Some(FAULT) => {
            ensure!(death.visible.is_empty(), "{death:?} after {ended:?}");
            ensure!(ended.struck && may_stop(ended, moment, victim), "{ended:?}");
            Ok(0)
        }
        _ => bail!("{ended:?}"),
    }
}

/// Whether nothing can be released any more: content is still to be scanned, and nobody there to do it.
fn must_stop(moment: Moment, victim: Victim) -> bool {
    let Moment::At(at, occurrence) = moment else { return false };
    // What comes once per item leaves others to be scanned only when it comes for the first.
    victim == Victim::Clamd && at <= Transition::Identified && (occurrence == 1 || at < Transition::EntryMet)
}

fn may_stop(ended: &Ended, moment: Moment, victim: Victim) -> bool {
    let all_scanned = matches!(moment, Moment::At(at, _) if at >= Transition::Reconciled);
    match victim {
        Victim::Clamd => !all_scanned,
        // A worker that reads the rules first, or judges the session's report, is one the station cannot do without.
        Victim::Worker | Victim::Reader => ended.workers > 0,
        Victim::Supervisor | Victim::All => false,
    }
}

/// The line for what a reader that died had not met.
const REST: &str = "(rest of the medium)";

/// Whether the line was not read because its reader died.
fn unread(line: &ItemLine) -> bool {
    let killed = |finding: &model::Finding| finding.code == FindingCode::WorkerDied && finding.detail == "signal 9 (SIGKILL)";
    line.disposition == Outcome::Unreadable && line.reason == Reason::ReadError && line.findings.iter().any(killed)
}

/// Item by item: as in the whole session, or held or not read because a worker died.
fn check_items(whole: &SessionReport, report: &SessionReport) -> Result<usize> {
    let lines: BTreeMap<&str, &ItemLine> = report.items.iter().map(|line| (line.path.as_str(), line)).collect();
    let expected: BTreeMap<&str, &ItemLine> = whole.items.iter().map(|line| (line.path.as_str(), line)).collect();
    let mut died = 0;
    for (path, line) in lines.iter().filter(|(_, line)| !unread(line)) {
        let expected = expected.get(path).with_context(|| format!("{path} is in no whole session"))?;
        if line.disposition == Outcome::Withheld && line.reason == Reason::WorkerDied {
            let finding = line.findings.iter().find(|finding| finding.code == FindingCode::WorkerDied);
            ensure!(finding.is_some_and(|finding| finding.detail == "signal 9 (SIGKILL)"), "{line:?}");
            died += 1;
            continue;
        }
        ensure!((line.disposition, line.reason, &line.outputs) == (expected.disposition, expected.reason, &expected.outputs), "{line:?}");
    }
    let all_met = !lines.contains_key(REST);
    for path in expected.keys().filter(|path| all_met && !lines.contains_key(*path)) {
        // Members of an archive that was held with all of them, or not read.
        let held =
            |(at, _): (usize, &str)| lines.get(&path[..at]).is_some_and(|archive| archive.reason == Reason::WorkerDied || unread(archive));
        ensure!(path.match_indices("!/").any(held), "{path} is missing");
    }
    Ok(died)
}
