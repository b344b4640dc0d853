//! Scan: every required engine is asked; the verdict is the join of all findings (I2).

use super::Shared;
use crate::fault::StationFault;
use crate::line::Stage;
use model::item::{Identified, Item, Scanned, Step};
use model::{Coverage, FindingCode};
use scan::{ClamAv, Engine, HashList, Subject};
use spool::SpoolFile;
use std::sync::Arc;

/// Engine name of the YARA scan inside the inspector.
pub(crate) const YARA: &str = "yara";
/// Without all of these nothing is clear.
pub(crate) const REQUIRED: &[&str] = &[ClamAv::NAME, HashList::NAME, YARA];

/// The stage.
pub(crate) struct Scan {
    pub(crate) shared: Shared,
    pub(crate) engines: Arc<Vec<Box<dyn Engine>>>,
}

/// Asks every engine of the supervisor's side about content.
pub(crate) async fn ask_engines(
    engines: &[Box<dyn Engine>],
    content: &SpoolFile,
) -> Result<(Vec<model::Finding>, Vec<Coverage>), StationFault> {
    let subject = Subject { path: content.path.clone(), digest: content.digest, size_bytes: content.size_bytes };
    let (mut findings, mut coverage) = (Vec::new(), Vec::new());
    for engine in engines {
        let report = engine.scan(&subject).await?;
        findings.extend(report.findings);
        coverage.push(report.coverage);
    }
    Ok((findings, coverage))
}

impl Stage for Scan {
    type In = Identified;
    type Out = Scanned;

    async fn run(&self, mut item: Item<Identified>) -> Result<Step<Scanned>, StationFault> {
        let (findings, mut coverage) = ask_engines(&self.engines, &self.shared.content(&item)).await?;
        item.add_findings(findings);
        let complete = !item.findings().iter().any(|f| f.code == FindingCode::YaraError);
        coverage.push(Coverage { engine: YARA.into(), complete });
        Ok(Step::Advance(item.scanned(&coverage, REQUIRED)))
    }
}
