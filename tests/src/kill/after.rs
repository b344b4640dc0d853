//! What must hold after a death, and after the next start: I3, I8, I9.

use super::rig::{Ended, Moment, Rig, SessionEnd};
use crate::Scratch;
use crate::released::{check_audit, check_folder};
use anyhow::{Context as _, Result, ensure};
use audit::{Filter, Position, PublicKey, Shown, ShownPayload, events};
use model::report::SessionReport;
use pipeline::Transition;
use sha2::{Digest as _, Sha256};
use spool::{HoldRecord, Quarantine};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// What a death left behind.
#[derive(Debug)]
pub(super) struct Death {
    /// The session whose journal is still there.
    pub(super) open: Option<String>,
    /// Releases that became visible.
    pub(super) visible: Vec<String>,
    /// The end of the chain.
    head: Position,
}

/// Looks at what is left, before anything puts it right: nothing unverified is visible, the chain holds.
pub(super) fn look(rig: &mut Rig) -> Result<Death> {
    let visible = new_releases(rig)?;
    let state = rig.scratch.state();
    let head = audit::verify(&state, &PublicKey::load(&state)?).map_err(|fault| anyhow::anyhow!("the chain: {fault}"))?.head;
    let mut open = Vec::new();
    for path in entries(&state.join("sessions"))? {
        // A journal appears by rename.
        if path.extension().is_some_and(|ending| ending == "json") {
            open.push(path.file_stem().context("a journal's name")?.to_string_lossy().into_owned());
        }
    }
    ensure!(open.len() <= 1, "{open:?}");
    Ok(Death { open: open.pop(), visible, head })
}

impl Death {
    /// What is left agrees with the transition at which the supervisor died.
    pub(super) fn check(&self, rig: &Rig, ended: &Ended, moment: Moment) -> Result<()> {
        let Moment::At(at, _) = moment else { return Ok(()) };
        if !ended.struck || ended.status.code().is_some() {
            return Ok(());
        }
        let prepared = [Transition::RecoveryBegun, Transition::RecoveryRecorded].contains(&at);
        let in_session = (Transition::JournalWritten..Transition::JournalClosed).contains(&at);
        ensure!(self.open.is_some() == (in_session || prepared), "{self:?}");
        ensure!(self.visible.len() == usize::from(at >= Transition::ReleasePublished), "{self:?}");
        // Delivery has no transition of its own in its middle: nothing of it is hidden on the share at any.
        ensure!(hidden(&rig.scratch)?.is_empty());
        let queued = entries(&outbox(&rig.scratch))?;
        let half_written = (Transition::ReleaseBegun..Transition::ReleaseQueued).contains(&at) || at == Transition::RecoveryBegun;
        let whole = (Transition::ReleaseQueued..Transition::OutboxCleared).contains(&at) || at == Transition::RecoveryRecorded;
        ensure!(queued.len() == usize::from(half_written || whole), "{queued:?}");
        let is_hidden = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        ensure!(queued.iter().all(|path| is_hidden(path) == half_written), "{queued:?}");
        Ok(())
    }
}

/// Everything that must hold after the restart; gives how the round's session ended.
pub(super) fn check(rig: &mut Rig, death: &Death, moment: Moment) -> Result<SessionEnd> {
    let scratch = &rig.scratch;
    ensure!(hidden(scratch)?.is_empty(), "{:?}", hidden(scratch)?);
    for dir in ["spool", "sessions", "outbox"] {
        let left = entries(&scratch.state().join(dir))?;
        ensure!(left.is_empty(), "{left:?}");
    }
    let holds = check_holds(scratch)?;
    check_audit(scratch)?;
    // That of the restart.
    new_releases(rig)?;
    let state = rig.scratch.state();
    let records: Vec<Shown> = audit::show(&state, Filter::default())?.collect::<Result<_, _>>()?;
    check_chain(&records, &rig.known, &holds)?;
    let mut anchors = vec![death.head];
    for folder in &rig.known {
        anchors.push(report_in(&rig.scratch.release().join(folder))?.audit_head.context("a head")?.parse()?);
    }
    let against = audit::verify_against(&state, &PublicKey::load(&state)?, &anchors);
    against.map_err(|fault| anyhow::anyhow!("what stood in the chain at the death: {fault}"))?;
    if let (Some(session), Moment::At(at, _)) = (&death.open, moment) {
        check_flushed(rig.whole(moment), &records, session, death.head, at)?;
    }
    Ok(match &death.open {
        _ if !death.visible.is_empty() => SessionEnd::Finished,
        Some(session) if rig.known.contains(session) => SessionEnd::Finished,
        Some(_) => SessionEnd::Voided,
        None => ended_in_order(&records, death.head),
    })
}

/// A session that ended by itself without a release: voided, or never begun.
fn ended_in_order(records: &[Shown], head: Position) -> SessionEnd {
    let before = || records.iter().rev().filter(|record| record.seq <= head.seq);
    let of_this_start = before().take_while(|record| record.event != events::STATION_START);
    if of_this_start.into_iter().any(|record| record.event == events::SESSION_VOIDED) { SessionEnd::Voided } else { SessionEnd::None }
}

/// Every session has one end, and it is the one the share shows; every withheld item has its hold.
fn check_chain(records: &[Shown], releases: &BTreeSet<String>, holds: &BTreeMap<String, HoldRecord>) -> Result<()> {
    let mut ends: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for record in records {
        let Some(session) = record.session.as_deref() else { continue };
        let of_session = ends.entry(session).or_default();
        if [events::SESSION_RELEASED, events::SESSION_VOIDED].contains(&record.event.as_str()) {
            of_session.push(&record.event);
        }
        if record.event == events::ITEM_WITHHELD {
            let ShownPayload::Opened(payload) = &record.payload else { anyhow::bail!("{record:?}") };
            let hold = payload["hold"].as_str().context("a hold")?;
            ensure!(holds.contains_key(hold), "the chain names the hold {hold}, which is not there");
        }
    }
    for (session, ends) in &ends {
        let expected = if releases.contains(*session) { events::SESSION_RELEASED } else { events::SESSION_VOIDED };
        ensure!(ends.as_slice() == [expected], "{session}: {ends:?} instead of {expected}");
    }
    ensure!(releases.iter().all(|release| ends.contains_key(release.as_str())), "a release of a session nobody recorded");
    Ok(())
}

/// What must have been durable at the transition was in the chain at the death.
fn check_flushed(whole: &SessionReport, records: &[Shown], session: &str, head: Position, at: Transition) -> Result<()> {
    let of_session = |event: &str| {
        let matching = records.iter().filter(|r| r.seq <= head.seq && r.event == event && r.session.as_deref() == Some(session));
        matching.count()
    };
    if at >= Transition::SessionRecorded {
        ensure!(of_session(events::SESSION_OPENED) == 1, "{session} was not on record");
    }
    if at >= Transition::ItemsRecorded {
        let totals = &whole.totals;
        ensure!(of_session(events::ITEM_RELEASED) as u64 == totals.released, "released items were not on record");
        ensure!(of_session(events::ITEM_WITHHELD) as u64 == totals.withheld, "withheld items were not on record");
    }
    if at >= Transition::AuditClosed {
        ensure!(of_session(events::SESSION_RELEASED) == 1, "the release was not on record");
    }
    Ok(())
}

/// Checks releases that became visible since the last look, as whole as any (I3 too), and remembers them.
fn new_releases(rig: &mut Rig) -> Result<Vec<String>> {
    let mut names: Vec<String> = rig.scratch.released_names()?.into_iter().filter(|name| !name.starts_with('.')).collect();
    names.retain(|name| !rig.known.contains(name));
    for name in &names {
        let report = report_in(&rig.scratch.release().join(name))?;
        ensure!(report.session == *name, "{name} holds the report of {}", report.session);
        check_folder(&rig.scratch, &report).with_context(|| format!("release {name}"))?;
    }
    rig.known.extend(names.iter().cloned());
    Ok(names)
}

fn outbox(scratch: &Scratch) -> PathBuf {
    scratch.state().join("outbox")
}

pub(super) fn report_in(folder: &Path) -> Result<SessionReport> {
    Ok(serde_json::from_slice(&fs::read(folder.join("session-report.json"))?)?)
}

/// Hidden names on the share.
fn hidden(scratch: &Scratch) -> Result<Vec<String>> {
    let mut names = scratch.released_names()?;
    names.retain(|name| name.starts_with('.'));
    for name in &names {
        ensure!(name.starts_with(".schleuse-") && name.ends_with(".partial"), "{name}");
    }
    Ok(names)
}

/// Every hold can be listed, and opened with the reviewer's key, and is what its record says.
fn check_holds(scratch: &Scratch) -> Result<BTreeMap<String, HoldRecord>> {
    let listed = scratch.schleuse(&["quarantine", "list", "--json"])?;
    ensure!(listed.status == 0, "{listed:?}");
    let dir = scratch.state().join("quarantine");
    let holds = Quarantine::list(&dir)?;
    ensure!(entries(&dir)?.len() == holds.len(), "something else lies in the quarantine");
    let text = fs::read_to_string(scratch.state().join("reviewer-identity-MOVE-AWAY.txt"))?;
    let secret = text.lines().find_map(|line| line.parse::<age::x25519::Identity>().ok()).context("an identity")?;
    for hold in &holds {
        let sealed = fs::File::open(dir.join(&hold.hold).join("original.age"))?;
        let mut original = Vec::new();
        let opened = age::Decryptor::new(sealed)?.decrypt(std::iter::once(&secret as &dyn age::Identity));
        opened.with_context(|| hold.hold.clone())?.read_to_end(&mut original)?;
        ensure!(original.len() as u64 == hold.size_bytes && Sha256::digest(&original)[..] == hold.sha256.0, "{hold:?}");
    }
    Ok(holds.into_iter().map(|hold| (hold.hold.clone(), hold)).collect())
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    match fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed?.map(|entry| Ok(entry?.path())).collect(),
    }
}
