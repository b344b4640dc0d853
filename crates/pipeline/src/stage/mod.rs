//! The stages of the line, one file each.

mod convert;
mod decide;
mod identify;
mod preview;
mod scan;
mod strip;
mod verify;

pub(crate) use convert::{Convert, Unpacked, render_limits};
pub(crate) use decide::Decide;
pub(crate) use identify::Identify;
pub(crate) use preview::{Preview, previews};
pub(crate) use scan::Scan;
pub(crate) use strip::Strip;
pub(crate) use verify::Verify;

use crate::fault::StationFault;
use crate::metrics::Metrics;
use crate::station::{Settings, Station};
use crate::transition::Transitions;
use crate::workers::{InspectorPool, Trouble};
use model::item::{Item, State};
use model::report::ExceptionLine;
use model::{ActiveContent, Effect, EngineStamp, Exception, Finding, FindingCode, Format, Reason, Removed, Step};
use spool::{Spool, SpoolFile};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use wire::{Foreign, RawFinding, RawRemoved, Secret, YaraHit};

/// What the stages of one session share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) settings: Arc<Settings>,
    pub(crate) worker: PathBuf,
    pub(crate) inspectors: Arc<InspectorPool>,
    pub(crate) spool: Arc<Spool>,
    pub(crate) yara: EngineStamp,
    pub(crate) transitions: Arc<dyn Transitions>,
    /// The exception of a session over a hold.
    pub(crate) granted: Option<Arc<Granted>>,
    pub(crate) metrics: Arc<Metrics>,
}

/// What reviewers granted, and for which item: no other of the session, not even one of the same content.
#[derive(Debug)]
pub(crate) struct Granted {
    pub(crate) exception: Exception,
    pub(crate) password: Option<Secret>,
    pub(crate) order: Vec<u32>,
}

impl Granted {
    /// As the report names it.
    pub(crate) fn report(&self) -> ExceptionLine {
        ExceptionLine {
            hold: self.exception.hold().into(),
            reviewers: self.exception.reviewers().to_vec(),
            reason: self.exception.reason().into(),
        }
    }
}

impl Shared {
    /// What the stages of a session, or of a second look, share.
    ///
    /// # Errors
    /// When there is no spool, or no inspector takes the rules.
    pub(crate) fn begin(station: &Station, id: &str, granted: Option<Arc<Granted>>) -> Result<Self, StationFault> {
        let settings = Arc::clone(&station.settings);
        let spool = Arc::new(Spool::create(&station.paths.spool(), id, settings.policy.session.max_spool_bytes)?);
        let transitions = Arc::clone(&station.transitions);
        let shared = Self::open(settings, station.worker.clone(), spool, transitions, Arc::clone(&station.metrics))?;
        Ok(Self { granted, ..shared })
    }

    /// What stages over this spool share. A first inspector is started, so that rules that do not compile stop everything
    /// before anything is read.
    ///
    /// # Errors
    /// When no inspector takes the rules.
    pub(crate) fn open(
        settings: Arc<Settings>,
        worker: PathBuf,
        spool: Arc<Spool>,
        transitions: Arc<dyn Transitions>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, StationFault> {
        let inspectors = InspectorPool::new(worker.clone(), Arc::clone(&settings.rules), &settings.policy);
        inspectors.with(0, |_| Ok(())).map_err(|trouble| match trouble {
            Trouble::Station(fault) => fault,
            other => StationFault::RulesNotLoaded { what: other.to_string() },
        })?;
        let yara = EngineStamp {
            name: "yara".into(),
            version: "4.5.5".into(),
            signatures: Some(format!("{} rule files, sha256 {}", settings.rules.len(), settings.policy_sha256.hex())),
        };
        Ok(Self { settings, worker, inspectors: Arc::new(inspectors), spool, yara, transitions, granted: None, metrics })
    }

    /// What was granted for this item.
    pub(crate) fn granted<S: State>(&self, item: &Item<S>) -> Option<&Granted> {
        self.granted.as_deref().filter(|granted| granted.order == item.provenance().order)
    }

    /// The password that was granted for this item.
    pub(crate) fn password<S: State>(&self, item: &Item<S>) -> Option<Secret> {
        self.granted(item).and_then(|granted| granted.password.clone())
    }

    /// The spooled content of an item.
    pub(crate) fn content<S: State>(&self, item: &Item<S>) -> SpoolFile {
        self.spool.file(item.digest(), item.size_bytes())
    }

    /// Runs a blocking talk with a worker off the async threads.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        talk: impl FnOnce(&Self) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Trouble> {
        let shared = self.clone();
        let joined = tokio::task::spawn_blocking(move || talk(&shared)).await;
        joined.unwrap_or(Err(Trouble::Station(StationFault::Internal("worker task"))))
    }

    pub(crate) fn yara_findings(&self, hits: Vec<YaraHit>, complete: bool) -> Vec<Finding> {
        let mut findings = listed(hits.into_iter().map(|hit| self.yara_finding(hit)));
        if !complete {
            let detail = format!("scan.yara_timeout_seconds = {}", self.inspectors.yara_timeout_seconds());
            findings.push(Finding::new(FindingCode::YaraError, Effect::Undetermined, self.yara.clone(), detail));
        }
        findings
    }

    fn yara_finding(&self, hit: YaraHit) -> Finding {
        let mut detail = shown(hit.rule);
        if let Some(part) = hit.part {
            detail = format!("{detail} ({})", shown(part));
        }
        Finding::new(FindingCode::YaraMatch, hit.effect, self.yara.clone(), detail)
    }
}

/// Holds an item for the trouble a worker had with it.
pub(crate) fn hold_for_trouble<S: State, T: State>(
    mut item: Item<S>,
    trouble: Trouble,
    format: Option<Format>,
) -> Result<Step<T>, StationFault> {
    let (reason, finding) = trouble.into_finding()?;
    item.add_findings([finding]);
    Ok(Step::Withhold(item.hold(reason, format)))
}

/// Foreign text as it may be shown: escaped, and cut.
pub(crate) fn shown(text: Foreign<String>) -> String {
    text.into_untrusted().escaped().chars().take(200).collect()
}

/// A worker's finding as ours. Its effect is never better than what the code itself means.
pub(crate) fn own_finding(raw: RawFinding) -> Finding {
    let least = match raw.code {
        FindingCode::Encrypted | FindingCode::LimitHit | FindingCode::YaraError => Effect::Undetermined,
        FindingCode::Polyglot => Effect::Suspicious,
        _ => Effect::Note,
    };
    Finding::own(raw.code, raw.effect.max(least), shown(raw.detail))
}

/// Findings for a line of the report: beyond 200 the worst ones, and that there were more. What is left out is no worse
/// than what is listed, so it cannot make a verdict better.
pub(crate) fn listed(findings: impl IntoIterator<Item = Finding>) -> Vec<Finding> {
    // BOUND: a report line stays readable, and neither foreign content nor a lying worker can make it endless.
    const LISTED: usize = 200;
    let mut findings: Vec<Finding> = findings.into_iter().collect();
    if findings.len() > LISTED {
        findings.sort_by_key(|finding| Reverse(finding.effect));
        findings.truncate(LISTED);
        findings.push(Finding::own(FindingCode::LimitHit, Effect::Note, format!("only the {LISTED} worst findings are listed")));
    }
    findings
}

/// A finding made while converting: the verdict is already there, so it counts as the worker says.
pub(crate) fn conversion_finding(raw: RawFinding) -> Finding {
    Finding::own(raw.code, raw.effect, shown(raw.detail))
}

/// A worker's list of removed content as ours. Beyond 200 lines the names go, the kinds and their sums stay.
pub(crate) fn own_removed(raw: Vec<RawRemoved>) -> Vec<Removed> {
    // BOUND: a report line stays readable, and a lying worker cannot make it endless; nothing is left out of the counts.
    const NAMED: usize = 200;
    let mut rest: BTreeMap<ActiveContent, u32> = BTreeMap::new();
    let mut removed = Vec::new();
    for (position, line) in raw.into_iter().enumerate() {
        if position < NAMED {
            removed.push(Removed { kind: line.kind, name: line.name.map(shown), count: line.count });
        } else {
            let sum = rest.entry(line.kind).or_default();
            *sum = sum.saturating_add(line.count);
        }
    }
    removed.extend(rest.into_iter().map(|(kind, count)| Removed { kind, name: None, count }));
    removed
}

/// The reason a worst finding stands for, when a verdict is not clear.
pub(crate) fn reason_of(findings: &[Finding]) -> Reason {
    let has = |code: FindingCode, at_least: Effect| findings.iter().any(|f| f.code == code && f.effect >= at_least);
    if has(FindingCode::HashListed, Effect::Malicious) {
        return Reason::Blocklisted;
    }
    match findings.iter().map(|f| f.effect).max() {
        Some(Effect::Malicious) => Reason::Malicious,
        Some(Effect::Undetermined)
            if has(FindingCode::Encrypted, Effect::Undetermined) || has(FindingCode::ClamavEncrypted, Effect::Undetermined) =>
        {
            Reason::Encrypted
        }
        Some(Effect::Undetermined) if has(FindingCode::LimitHit, Effect::Undetermined) => Reason::Limit,
        Some(Effect::Undetermined) if has(FindingCode::Malformed, Effect::Undetermined) => Reason::Malformed,
        Some(Effect::Suspicious) if has(FindingCode::Polyglot, Effect::Suspicious) => Reason::Polyglot,
        Some(Effect::Suspicious) => Reason::Suspicious,
        _ => Reason::ScanIncomplete,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_the_named_lines_is_still_counted() {
        let raw = |n: u32| RawRemoved { kind: ActiveContent::Hyperlink, name: Some(Foreign::new(format!("part {n}"))), count: 2 };
        let removed = own_removed((0..250).map(raw).collect());
        assert_eq!(removed.len(), 201);
        assert_eq!(removed.iter().map(|r| r.count).sum::<u32>(), 500);
        assert_eq!(removed.last(), Some(&Removed { kind: ActiveContent::Hyperlink, name: None, count: 100 }));
    }

    #[test]
    fn the_worst_finding_is_listed_wherever_it_stands() {
        let note = Finding::own(FindingCode::ActiveContent, Effect::Note, "");
        let worst = Finding::own(FindingCode::Encrypted, Effect::Undetermined, "the last of many");
        let findings = listed(std::iter::repeat_n(note.clone(), 5_000).chain([worst.clone()]));
        assert_eq!(findings.len(), 201);
        assert!(findings.contains(&worst));
        assert_eq!(findings.last().map(|f| f.detail.as_str()), Some("only the 200 worst findings are listed"));
        assert_eq!(listed([note.clone(), worst.clone()]), [note, worst]);
    }
}
