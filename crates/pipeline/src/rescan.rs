//! Looking again: stored holds with the engines in force, and what was released against a new list of digests.
//!
//! **Invariant:** nothing is released here, and no hold is changed.

use crate::fault::StationFault;
use crate::line::Stage;
use crate::session::again::{findings_about_the_name, spool_hold};
use crate::session::new_session_id;
use crate::stage::{Identify, Scan, Shared, reason_of};
use crate::station::Station;
use crate::workers::{self, Trouble};
use audit::{Filter, ShownPayload, events};
use model::item::{Provenance, Step};
use model::{Digest, EngineStamp, Finding, HoldClass, Item, Reason, Verdict};
use serde::{Deserialize, Serialize};
use spool::{HoldRecord, Spool};
use std::collections::HashSet;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

/// What a second look at a hold gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rescanned {
    /// Its class when it was held.
    pub before: HoldClass,
    /// Its class by the engines now in force. What nothing speaks against any more is [`HoldClass::Policy`].
    pub after: HoldClass,
    /// Findings that were not there.
    pub new_findings: Vec<Finding>,
    /// Findings of engines that are not there any more. What converting it found is not looked for again.
    pub gone_findings: Vec<Finding>,
}

/// Packs the content of a hold, which `content` gives in the clear, as a sample for analysts: a zip with the password
/// `infected`, the content under an inert name, and its record.
///
/// # Errors
/// [`StationFault`]: another content than was held, no worker, or `out` cannot be written.
pub async fn pack_hold(
    station: &Station,
    record: &HoldRecord,
    content: &mut (dyn Read + Send),
    out: &mut (dyn Write + Send),
) -> Result<(), StationFault> {
    let policy = &station.settings.policy;
    let spool = Spool::create(&station.paths.spool(), &format!("sample-{}", new_session_id(station)?), policy.session.max_spool_bytes)?;
    let file = spool_hold(&spool, record, content)?;
    let json = serde_json::to_vec_pretty(record).map_err(|_| StationFault::Internal("record"))?;
    let packed = workers::pack_sample(&station.worker, policy, &file, &format!("{}.sample", record.sha256.hex()), &json, out);
    packed.map_err(|trouble| match trouble {
        Trouble::Station(fault) => fault,
        other => StationFault::NotPacked { hold: record.hold.clone(), what: other.to_string() },
    })
}

/// Identifies and scans the content of a hold again, which `content` gives in the clear. The caller puts on record what came
/// of all holds together ([`events::HOLDS_RESCANNED`]).
///
/// # Errors
/// [`StationFault`]: no engine, no inspector, or another content than was held.
pub async fn rescan_hold(station: &Station, record: &HoldRecord, content: &mut (dyn Read + Send)) -> Result<Rescanned, StationFault> {
    let engines = Arc::new(station.engines().await?);
    // Where a start of the station removes what a crash leaves. A start while this runs removes it too; then the look fails.
    let shared = Shared::begin(station, &format!("rescan-{}", new_session_id(station)?), None)?;
    let file = spool_hold(&shared.spool, record, content)?;
    let provenance = Provenance {
        order: record.order.clone(),
        shown_path: record.path.clone(),
        release_path: record.release_path.clone(),
        claimed_extension: record.claimed.clone(),
        depth: u32::try_from(record.order.len().saturating_sub(1)).unwrap_or(u32::MAX),
    };
    let item = Item::spooled(file.digest, file.size_bytes, provenance, findings_about_the_name(record));
    let seen = match Identify(shared.clone()).run(item).await? {
        Step::Withhold(held) => (held.reason, held.findings),
        Step::Advance(item) => match (Scan { shared, engines }).run(item).await? {
            Step::Withhold(held) => (held.reason, held.findings),
            Step::Advance(item) if item.verdict() == Verdict::Clear => (reason_left(record.reason), item.findings().to_vec()),
            Step::Advance(item) => (reason_of(item.findings()), item.findings().to_vec()),
        },
    };
    Ok(compared(record, seen.0, &seen.1))
}

/// Why it is held still, when no engine objects any more: what was a verdict is gone, what happened later on the line is not.
fn reason_left(reason: Reason) -> Reason {
    match reason {
        Reason::Malicious | Reason::Blocklisted | Reason::Suspicious | Reason::Polyglot | Reason::ScanIncomplete => Reason::FormatWithheld,
        later => later,
    }
}

fn compared(record: &HoldRecord, reason: Reason, now: &[Finding]) -> Rescanned {
    let key = |finding: &Finding| (finding.code, finding.effect, finding.engine.name.clone(), finding.detail.clone());
    let without = |some: &[Finding], others: &[Finding]| -> Vec<Finding> {
        let known: HashSet<_> = others.iter().map(key).collect();
        some.iter().filter(|finding| !known.contains(&key(finding))).cloned().collect()
    };
    let own = EngineStamp::own().name;
    let mut gone_findings = without(&record.findings, now);
    gone_findings.retain(|finding| finding.engine.name != own);
    Rescanned { before: record.class, after: HoldClass::of(reason, now), new_findings: without(now, &record.findings), gone_findings }
}

/// A released item that a list of digests names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RetroHit {
    /// Session that released it.
    pub session: String,
    /// When, RFC 3339 UTC.
    pub time: String,
    /// Its path on the medium, escaped.
    pub path: String,
    /// SHA-256 of its content.
    pub sha256: Digest,
    /// What the list names: that content, or a file that came out of it.
    pub named: Vec<Digest>,
    /// What came out, relative to the release folder.
    pub outputs: Vec<String>,
}

/// What a hunt through the chain gave.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct RetroHits {
    /// Items the list names, oldest first.
    pub hits: Vec<RetroHit>,
    /// Released items met.
    pub items: u64,
    /// Those of them whose record nobody can read any more, or not here: its session's key was destroyed, or is absent. They
    /// cannot be asked.
    pub sealed: u64,
}

/// An `item-released` record, as far as it is asked for here.
#[derive(Deserialize)]
struct ReleasedItem {
    path: String,
    sha256: Digest,
    outputs: Vec<model::report::Output>,
}

/// Looks through the audit chain below `state` for released items whose content, or what came out of it, is in `digests`.
///
/// # Errors
/// When the chain cannot be read, or says something that is no record of a released item.
pub fn retro_hits(state: &Path, digests: &[Digest]) -> Result<RetroHits, StationFault> {
    let wanted: HashSet<Digest> = digests.iter().copied().collect();
    let filter = Filter { event: Some(events::ITEM_RELEASED.into()), ..Filter::default() };
    let mut found = RetroHits::default();
    for record in audit::show(state, filter)? {
        let record = record?;
        found.items += 1;
        let (ShownPayload::Opened(payload) | ShownPayload::Clear(payload)) = record.payload else {
            found.sealed += 1;
            continue;
        };
        let item: ReleasedItem = serde_json::from_value(payload).map_err(|_| StationFault::Internal("record of a released item"))?;
        let outputs = item.outputs.iter().filter_map(|output| output.sha256);
        let named: Vec<Digest> = std::iter::once(item.sha256).chain(outputs).filter(|digest| wanted.contains(digest)).collect();
        if !named.is_empty() {
            found.hits.push(RetroHit {
                session: record.session.unwrap_or_default(),
                time: record.time,
                path: item.path,
                sha256: item.sha256,
                named,
                outputs: item.outputs.into_iter().map(|output| output.path).collect(),
            });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Effect, FindingCode};

    fn record(reason: Reason, findings: Vec<Finding>) -> HoldRecord {
        HoldRecord {
            schema: spool::RECORD_SCHEMA.into(),
            hold: "h".into(),
            session: "s".into(),
            station: "st".into(),
            owner: None,
            held_at: String::new(),
            path: "a.doc".into(),
            order: vec![0],
            release_path: vec!["a.doc".into()],
            claimed: "doc".into(),
            sha256: Digest([1; 32]),
            size_bytes: 1,
            format: None,
            reason,
            class: HoldClass::of(reason, &findings),
            findings,
            removed: vec![],
            policy_sha256: Digest([0; 32]),
            previews: vec![],
        }
    }

    fn yara(effect: Effect, detail: &str, version: &str) -> Finding {
        let stamp = EngineStamp { name: "yara".into(), version: version.into(), signatures: None };
        Finding::new(FindingCode::YaraMatch, effect, stamp, detail.into())
    }

    #[test]
    fn a_newer_engine_that_says_the_same_changes_nothing() {
        let record = record(Reason::Suspicious, vec![yara(Effect::Suspicious, "a", "1")]);
        let seen = compared(&record, Reason::Suspicious, &[yara(Effect::Suspicious, "a", "2")]);
        assert_eq!((seen.before, seen.after), (HoldClass::Suspicious, HoldClass::Suspicious));
        assert!(seen.new_findings.is_empty() && seen.gone_findings.is_empty());
    }

    #[test]
    fn what_an_engine_says_no_more_is_gone_and_what_converting_found_is_not() {
        let later = Finding::own(FindingCode::ConversionFailed, Effect::Undetermined, "x");
        let was = record(Reason::ConversionFailed, vec![yara(Effect::Note, "a", "1"), later]);
        let seen = compared(&was, reason_left(was.reason), &[yara(Effect::Malicious, "b", "1")]);
        assert_eq!((seen.before, seen.after), (HoldClass::Uninspectable, HoldClass::Malicious));
        assert_eq!((seen.new_findings.len(), seen.gone_findings.len()), (1, 1));
        let fixed = record(Reason::Suspicious, vec![yara(Effect::Suspicious, "a", "1")]);
        assert_eq!(compared(&fixed, reason_left(fixed.reason), &[]).after, HoldClass::Policy);
    }
}
