//! Verify: the strict verifier and the engines judge finished bytes. The only place artefacts are made.

use super::scan::{REQUIRED, YARA, ask_engines};
use super::{Shared, own_finding};
use crate::fault::StationFault;
use crate::workers::{self, Trouble};
use model::item::Artefact;
use model::{Coverage, Effect, Finding, FindingCode};
use scan::Engine;
use spool::SpoolFile;
use std::sync::Arc;
use wire::VerifyKind;

/// The stage's second half of convert.
#[derive(Clone)]
pub(crate) struct Verify {
    pub(crate) shared: Shared,
    pub(crate) engines: Arc<Vec<Box<dyn Engine>>>,
}

/// Why finished bytes do not become an artefact.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The verifier or an engine objects; the findings say what.
    Rejected(Vec<Finding>),
    /// The verifier could not be asked.
    Trouble(Trouble),
}

impl Verify {
    /// Judges `bytes` in the spool, of `pages` pages where that is known; `extension` is the kind they are released as.
    pub(crate) async fn run(
        &self,
        bytes: &SpoolFile,
        kind: VerifyKind,
        pages: Option<u32>,
        extension: &str,
    ) -> Result<Result<Artefact, Refused>, StationFault> {
        let file = bytes.clone();
        let asked = self.shared.blocking(move |shared| workers::verify(&shared.worker, &shared.settings.policy, &file, kind, pages));
        let acceptance = match asked.await {
            Ok(Ok(acceptance)) => acceptance,
            Ok(Err(code)) => return Ok(Err(Refused::Rejected(vec![rejected(code.escaped())]))),
            Err(Trouble::Station(fault)) => return Err(fault),
            Err(trouble) => return Ok(Err(Refused::Trouble(trouble))),
        };
        let (mut findings, mut coverage) = ask_engines(&self.engines, bytes).await?;
        let (file, released_as) = (bytes.clone(), extension.to_owned());
        let yara = self.shared.blocking(move |shared| {
            let timeout = shared.inspectors.yara_timeout_seconds();
            shared.inspectors.with(file.size_bytes, |inspector| inspector.yara(&file, &released_as, &released_as, timeout))
        });
        match yara.await {
            Ok((complete, hits)) => {
                findings.extend(self.shared.yara_findings(hits, complete));
                coverage.push(Coverage { engine: YARA.into(), complete });
            }
            Err(Trouble::Station(fault)) => return Err(fault),
            Err(trouble) => return Ok(Err(Refused::Trouble(trouble))),
        }
        Ok(Artefact::accept(acceptance, extension, &findings, &coverage, REQUIRED).map_err(|_| {
            findings.retain(|f| f.effect > Effect::Strip);
            Refused::Rejected(findings.into_iter().map(|f| Finding { code: FindingCode::ArtefactMatch, ..f }).collect())
        }))
    }
}

fn rejected(code: String) -> Finding {
    let raw = wire::RawFinding { code: FindingCode::VerifyRejected, effect: Effect::Undetermined, detail: wire::Foreign::new(code) };
    own_finding(raw)
}
