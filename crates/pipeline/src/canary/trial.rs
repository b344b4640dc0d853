//! One trial: every canary at once through the stages of a session, and what came of each compared with what must.

use super::Standing;
use super::known::{ALL, Expected, Known, RULE};
use crate::fault::StationFault;
use crate::line::{Ended, Line};
use crate::metrics::Metrics;
use crate::stage::{Shared, render_limits};
use crate::transition::Unobserved;
use crate::workers::{self, PageIn};
use model::item::{Artefact, Held, Provenance};
use model::policy::Policy;
use model::{FindingCode, Item, Reason};
use scan::ClamAv;
use serde::Serialize;
use spool::{Spool, SpoolFile};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tokio::task::JoinSet;
use wire::Request;

/// How one canary did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trial {
    /// Its name.
    pub canary: &'static str,
    /// What became of it, when that is not what must.
    pub missed: Option<String>,
    /// How long it was on the line.
    pub milliseconds: u64,
    #[serde(skip)]
    cure: &'static str,
}

/// How all of them did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tried {
    /// One for each.
    pub trials: Vec<Trial>,
    /// How long the trial took altogether.
    pub milliseconds: u64,
}

impl Tried {
    /// The first that did not end as it must.
    pub fn missed(&self) -> Option<&Trial> {
        self.trials.iter().find(|trial| trial.missed.is_some())
    }

    /// Nothing, or the fault that stops intake.
    ///
    /// # Errors
    /// [`StationFault::CanaryMissed`].
    pub fn into_result(self) -> Result<(), StationFault> {
        match self.trials.into_iter().find_map(|trial| Some((trial.canary, trial.missed?, trial.cure))) {
            Some((which, what, cure)) => Err(StationFault::CanaryMissed { which, what, cure }),
            None => Ok(()),
        }
    }
}

/// Takes every canary through the line.
pub(super) async fn run(standing: &Standing, dir: &Path) -> Result<Tried, StationFault> {
    let begun = Instant::now();
    // Not the policy's bound: these work files are the program's own.
    let spool = Arc::new(Spool::create(dir, "trial", u64::MAX)?);
    let shared =
        Shared::open(Arc::clone(&standing.settings), standing.worker.clone(), spool, Arc::new(Unobserved), Arc::new(Metrics::new(0)))?;
    let (line, _members) = Line::of(&shared, &standing.engines);
    let line = Arc::new(line);
    let mut running = JoinSet::new();
    for (position, known) in (0u32..).zip(ALL) {
        running.spawn(one(known, position, shared.clone(), Arc::clone(&line)));
    }
    let mut trials = Vec::with_capacity(ALL.len());
    while let Some(trial) = running.join_next().await {
        trials.push(trial.map_err(|_| StationFault::Internal("canary task"))??);
    }
    trials.sort_by_key(|trial: &Trial| ALL.iter().position(|known| known.name == trial.canary));
    let milliseconds = elapsed_ms(begun);
    tracing::info!(milliseconds, missed = trials.iter().filter(|t| t.missed.is_some()).count(), "canaries tried");
    Ok(Tried { trials, milliseconds })
}

fn elapsed_ms(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}

async fn one(known: Known, position: u32, shared: Shared, line: Arc<Line>) -> Result<Trial, StationFault> {
    let begun = Instant::now();
    let spooling = shared.clone();
    let file = tokio::task::spawn_blocking(move || known.spool(&spooling.spool, &spooling.settings.policy)).await;
    let file = file.map_err(|_| StationFault::Internal("canary task"))??;
    let name = format!("{}.{}", known.name, known.extension);
    let provenance = Provenance {
        order: vec![position],
        shown_path: name.clone(),
        release_path: vec![name],
        claimed_extension: known.extension.into(),
        depth: 0,
    };
    let ended = line.run(Item::spooled(file.digest, file.size_bytes, provenance, Vec::new())).await?;
    let missed = match (known.expected, ended) {
        (Expected::Document { pages, text }, Ended::Sanitised(item)) => document(&shared, item.artefacts(), pages, text).await?,
        (Expected::Text(text), Ended::Sanitised(item)) => same_text(&shared, item.artefacts(), text)?,
        (_, Ended::Sanitised(_)) => Some("cleared".into()),
        (expected, Ended::Held(held)) => (!held_as(expected, &held)).then(|| said(&held)),
    };
    let milliseconds = elapsed_ms(begun);
    tracing::info!(canary = known.name, milliseconds, "canary");
    Ok(Trial { canary: known.name, missed, milliseconds, cure: known.cure() })
}

fn held_as(expected: Expected, held: &Held) -> bool {
    let by = |code, detail: &dyn Fn(&str) -> bool| held.findings.iter().any(|f| f.code == code && detail(&f.detail));
    match expected {
        Expected::Malicious => {
            held.reason == Reason::Malicious
                && held.findings.iter().any(|f| f.engine.name == ClamAv::NAME && f.effect == model::Effect::Malicious)
        }
        Expected::NotScanned => matches!(held.reason, Reason::ScanIncomplete | Reason::Limit) && by(FindingCode::ClamavLimit, &|_| true),
        Expected::RuleHit => held.reason == Reason::Suspicious && by(FindingCode::YaraMatch, &|detail| detail == RULE),
        Expected::Document { .. } | Expected::Text(_) => false,
    }
}

/// What a canary was held for, when it should not have been, or not for that.
fn said(held: &Held) -> String {
    let findings: Vec<String> = held.findings.iter().map(|f| format!("{}: {}", f.engine.name, f.detail)).collect();
    format!("withheld as {} ({})", held.reason, findings.join("; "))
}

/// The artefact is rendered again: pages, text, and whether anything is painted.
async fn document(shared: &Shared, artefacts: &[Artefact], pages: u32, text: &'static str) -> Result<Option<String>, StationFault> {
    let [artefact] = artefacts else { return Ok(Some(format!("converted into {} artefacts", artefacts.len()))) };
    if artefact.pages() != Some(pages) {
        return Ok(Some(format!("converted into {:?} pages instead of {pages}", artefact.pages())));
    }
    let file = shared.spool.file(artefact.digest(), artefact.size_bytes());
    let looked = shared.blocking(move |shared| {
        look(&shared.worker, &shared.settings.policy, &file, &Request::RenderPdf { limits: render_limits(shared), password: None })
    });
    Ok(match looked.await {
        Err(workers::Trouble::Station(fault)) => return Err(fault),
        Err(trouble) => Some(format!("converted into what cannot be rendered: {trouble}")),
        Ok((_, false)) => Some("converted into a blank page".into()),
        // The renderer may give a line in pieces and with other blanks.
        Ok((seen, true)) if bare(&seen).contains(&bare(text)) => None,
        Ok(_) => Some("converted without its text".into()),
    })
}

fn bare(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// The text of a document, and whether it has a dark pixel.
fn look(worker: &Path, policy: &Policy, file: &SpoolFile, request: &Request) -> Result<(String, bool), workers::Trouble> {
    let (mut seen, mut painted) = (String::new(), false);
    workers::render(worker, policy, file, request, |_, _, page| {
        if let PageIn::Pixels { pixels, text, .. } = page {
            painted |= pixels.iter().any(|value| *value < 0x80);
            seen.extend(text.iter().map(|run| run.text.as_str()));
        }
        Ok(())
    })?;
    Ok((seen, painted))
}

fn same_text(shared: &Shared, artefacts: &[Artefact], text: &str) -> Result<Option<String>, StationFault> {
    let [artefact] = artefacts else { return Ok(Some(format!("rebuilt into {} artefacts", artefacts.len()))) };
    let path = shared.spool.file(artefact.digest(), artefact.size_bytes()).path;
    let bytes = std::fs::read(&path).map_err(|source| StationFault::State { path, source })?;
    Ok((bytes != text.as_bytes()).then(|| "rebuilt into another text".into()))
}
