//! The end of a session: outputs get their names, everything is recorded, the release appears.

use super::{Accounted, Session, rfc3339};
use crate::fault::StationFault;
use crate::outbox::Delivery;
use crate::transition::Transition;
use crate::workers;
use audit::events;
use model::format::{Action, Family};
use model::item::Sanitised;
use model::report::{ItemLine, Outcome, Output, SCHEMA, SessionReport, Totals};
use model::{Item, Reason};
use release::{FILES, Language, OutputNames, RECEIPT, REPORT_DE, REPORT_EN, REPORT_JSON, Release, ReleaseTicket, receipt_pdf, report_pdf};
use serde_json::json;
use wire::VerifyKind;

/// A session that reconciled.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The report, as it lies in the release.
    pub report: SessionReport,
    /// Where the release is, as people know it; where it waits, the folder of the outbox.
    pub place: String,
    /// Why the release is not on its target yet, where it waits.
    pub waiting: Option<String>,
}

impl Session<'_> {
    pub(super) async fn close(mut self) -> Result<Finished, StationFault> {
        let lines = std::mem::take(&mut self.lines);
        let outbox = self.station.paths.outbox();
        let mut release = Release::begin(&outbox, &self.id)?;
        self.reached(Transition::ReleaseBegun);
        let mut names = OutputNames::default();
        let mut items = Vec::with_capacity(lines.len());
        for line in lines.into_values() {
            let line = match line {
                Accounted::Complete(line) => line,
                Accounted::Sanitised(item) => {
                    let line = self.put(&item, &mut names, &mut release)?;
                    self.reached(Transition::ArtefactsWritten);
                    self.note_item(&line);
                    line
                }
            };
            items.push(line);
        }
        let head = self.station.recorder.flush_session(&self.id).await?;
        self.reached(Transition::ItemsRecorded);
        let report = SessionReport {
            schema: SCHEMA.into(),
            session: self.id.clone(),
            station: self.station.name.clone(),
            started: self.started.clone(),
            finished: rfc3339(self.station),
            medium: self.medium.clone(),
            exception: self.shared.granted.as_ref().map(|granted| granted.report()),
            policy_sha256: self.station.settings.policy_sha256,
            engines: self.engines.clone(),
            confinement: self.station.confinement.clone(),
            totals: Totals::count(self.found, &items),
            items,
            audit_head: Some(head.to_string()),
        };
        if !report.totals.reconcile() {
            return Err(StationFault::NotReconciled { found: self.found, lines: report.items.len() as u64 });
        }
        self.add_reports(&report, &mut release).await?;
        self.reached(Transition::ReportWritten);
        let sealed = release.seal(&self.station.key)?;
        self.reached(Transition::ReleaseSealed);
        let queued = sealed.publish()?;
        self.reached(Transition::ReleaseQueued);
        let (place, waiting) = match self.station.deliver_session(&self.journal).await? {
            Delivery::Done(delivered) => {
                self.reached(Transition::ReleasePublished);
                self.station.note_delivered(&self.id, &delivered);
                (format!("{}/{}", self.journal.release_to.shown(), self.id), None)
            }
            Delivery::Waiting(why) => {
                self.note(events::RELEASE_WAITING, json!({ "target": self.journal.release_to.shown(), "why": why }));
                (model::escape_text(&queued.to_string_lossy()), Some(why))
            }
        };
        self.note(events::SESSION_CLOSED, json!(report.totals));
        Ok(Finished { report, place, waiting })
    }

    /// Puts an item's artefacts into the release and gives its line.
    fn put(&self, item: &Item<Sanitised>, names: &mut OutputNames, release: &mut Release) -> Result<ItemLine, StationFault> {
        let provenance = item.provenance();
        let mapped: Vec<String> = std::iter::once(FILES.to_owned()).chain(provenance.release_path.iter().cloned()).collect();
        let ticket = ReleaseTicket::issue(item);
        let mut outputs = Vec::new();
        let reason = match item.action() {
            Action::Unpack => {
                release.add_folder(&mapped)?;
                outputs.push(Output { path: mapped.join("/") + "/", sha256: None, pages: None });
                Reason::Unpacked
            }
            // An image of several pages becomes a PDF too.
            Action::Rebuild if ticket.artefacts().iter().any(|artefact| artefact.pages().is_some()) => Reason::Converted,
            Action::Convert => Reason::Converted,
            Action::Rebuild | Action::Strip | Action::Withhold => Reason::Rebuilt,
        };
        for artefact in ticket.artefacts() {
            let path = names.path(&mapped, self.extension_for(item, artefact.extension()));
            let file = self.shared.spool.file(artefact.digest(), artefact.size_bytes());
            release.add(&ticket, artefact, &file, &path)?;
            outputs.push(Output { path: path.join("/"), sha256: Some(artefact.digest()), pages: artefact.pages() });
        }
        let line = ItemLine {
            path: provenance.shown_path.clone(),
            claimed: provenance.claimed_extension.clone(),
            format: Some(item.format()),
            size_bytes: item.size_bytes(),
            sha256: Some(item.digest()),
            disposition: Outcome::Released,
            reason,
            reason_text: reason.text(),
            findings: item.findings().to_vec(),
            removed: item.removed().to_vec(),
            outputs,
            hold: None,
        };
        self.progress.ended(&line.path, line.disposition, line.reason);
        Ok(line)
    }

    /// Text keeps the name it came with (`notes.md`) when that is a claim its format may make; everything else ends in the
    /// extension of what it has become.
    fn extension_for<'e>(&self, item: &Item<Sanitised>, extension: &'e str) -> &'e str {
        let formats = &self.station.settings.formats;
        let claimed = &item.provenance().claimed_extension;
        let text = formats.rule(item.format()).is_some_and(|rule| rule.family == Family::Text);
        if text && !claimed.is_empty() && formats.may_claim(item.format(), claimed) { "" } else { extension }
    }

    pub(super) fn note_item(&self, line: &ItemLine) {
        let event = match line.disposition {
            Outcome::Released => events::ITEM_RELEASED,
            Outcome::Withheld => events::ITEM_WITHHELD,
            // Unreadable items were recorded when they were met; structural ones have nothing to record but their line.
            Outcome::Unreadable | Outcome::Structural => return,
        };
        let codes: Vec<&str> = line.findings.iter().map(|f| f.code.as_str()).collect();
        self.note(
            event,
            json!({
                "path": line.path, "sha256": line.sha256, "size_bytes": line.size_bytes, "format": line.format,
                "reason": line.reason, "findings": codes, "hold": line.hold,
                "outputs": line.outputs,
            }),
        );
    }

    async fn add_reports(&self, report: &SessionReport, release: &mut Release) -> Result<(), StationFault> {
        let json = serde_json::to_vec_pretty(report).map_err(|_| StationFault::Internal("report"))?;
        let digest = release.add_record(REPORT_JSON, &json)?;
        let pages = [
            (REPORT_DE, report_pdf(report, Language::De)?),
            (REPORT_EN, report_pdf(report, Language::En)?),
            (RECEIPT, receipt_pdf(report, digest)?),
        ];
        for (name, pdf) in pages {
            let file = self.shared.spool.put(&pdf)?;
            let verdict = self
                .shared
                .blocking(move |shared| workers::verify(&shared.worker, &shared.settings.policy, &file, VerifyKind::ReportPdf, None))
                .await;
            match verdict {
                Ok(Ok(_acceptance)) => drop(release.add_record(name, &pdf)?),
                Ok(Err(code)) => return Err(StationFault::ReportRejected(code.escaped())),
                Err(workers::Trouble::Station(fault)) => return Err(fault),
                Err(trouble) => return Err(StationFault::ReportNotJudged { what: trouble.to_string() }),
            }
        }
        Ok(())
    }
}
