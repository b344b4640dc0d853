//! A held item goes through the line again, under a named exception of reviewers: a session of its own over one content.
//!
//! **Invariant:** the exception changes one decision about one content ([`crate::stage::Decide`]); that content is scanned,
//! rebuilt, verified and scanned again like any other. The hold it came from is not touched: it stays until somebody destroys
//! it, whatever becomes of this session.

use super::{Accounted, Finished, Order, Session, Source, carry_out};
use crate::fault::{HoldRefusal, StationFault};
use crate::names::Mapped;
use crate::outbox::ReleaseTo;
use crate::progress::Progress;
use crate::reading::SourceKind;
use crate::stage::Granted;
use crate::station::Station;
use crate::transition::Transition;
use audit::events;
use model::report::Outcome;
use model::untrusted::is_deceptive;
use model::{Exception, Finding, HoldClass, Untrusted};
use serde_json::json;
use spool::{HoldRecord, Spool, SpoolFile};
use std::io::Read;
use std::sync::Arc;
use wire::Secret;

/// Deepest place a record may name.
// BOUND: archive.max_depth is at most 50; an order longer than this was not written by this program.
const MAX_ORDER: usize = 51;
/// Bytes moved at a time from a hold into the spool.
const CHUNK_BYTES: usize = 64 << 10;

/// A hold that reviewers let through the line again.
#[derive(Debug)]
pub struct Again {
    /// Its record.
    pub record: HoldRecord,
    /// What they granted.
    pub exception: Exception,
    /// The password of an encrypted archive or document. It goes to the worker that opens it and nowhere else.
    pub password: Option<Secret>,
    /// Where the release goes.
    pub release_to: ReleaseTo,
}

/// The content of a hold, on its way into the spool.
pub(super) struct AgainContent<'a> {
    pub(super) granted: Arc<Granted>,
    record: &'a HoldRecord,
    content: &'a mut (dyn Read + Send),
}

/// Runs a session over the content of a hold, which `content` gives in the clear.
///
/// What is held again is a new hold, of the new session. Members of an archive are items of their own and have no exception.
///
/// # Errors
/// [`StationFault::HoldRefused`] before a session begins (a malicious hold, another hold's exception) or voiding it (another
/// content); otherwise as [`process`](super::process).
pub async fn process_hold(
    station: &Station,
    again: Again,
    content: &mut (dyn Read + Send),
    progress: Arc<dyn Progress>,
) -> Result<Finished, StationFault> {
    let Again { record, exception, password, release_to } = again;
    if let Err(why) = admissible(&record, &exception) {
        let fault = StationFault::HoldRefused { hold: model::escape_text(&record.hold), why };
        let reviewers = exception.reviewers();
        station.recorder.note(None, events::REQUEST_REFUSED, json!({ "cause": fault.to_string(), "reviewers": reviewers }));
        station.recorder.flush().await?;
        return Err(fault);
    }
    let granted = Arc::new(Granted { exception, password, order: record.order.clone() });
    let order = Order { source: record.hold.clone().into(), device: None, release_to, owner: record.owner.clone(), keys: Vec::new() };
    let again = AgainContent { granted, record: &record, content };
    let source = Source { kind: SourceKind::Hold, size_bytes: Some(record.size_bytes), again: Some(again) };
    Box::pin(carry_out(station, &order, source, progress)).await
}

fn admissible(record: &HoldRecord, exception: &Exception) -> Result<(), HoldRefusal> {
    // Both are asked: a record says what its class is, and what it is made of.
    if !record.class.approvable() || !HoldClass::of(record.reason, &record.findings).approvable() {
        return Err(HoldRefusal::Malicious);
    }
    if exception.hold() != record.hold || exception.digest() != record.sha256 {
        return Err(HoldRefusal::Exception);
    }
    if record.order.is_empty() || record.order.len() > MAX_ORDER || record.release_path.is_empty() {
        return Err(HoldRefusal::Record);
    }
    Ok(())
}

/// Puts the content of a hold into the spool.
///
/// # Errors
/// When it is not what the record says, or cannot be read or spooled.
pub(crate) fn spool_hold(spool: &Spool, record: &HoldRecord, content: &mut (dyn Read + Send)) -> Result<SpoolFile, StationFault> {
    let other = || StationFault::HoldRefused { hold: model::escape_text(&record.hold), why: HoldRefusal::Content };
    let mut writer = spool.writer()?;
    let mut chunk = vec![0u8; CHUNK_BYTES];
    loop {
        let read = match content.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            // What does not decrypt to its end is not what was held.
            Err(_) => return Err(other()),
        };
        writer.append(chunk.get(..read).unwrap_or_default())?;
        if writer.size_bytes() > record.size_bytes {
            return Err(other());
        }
    }
    let file = writer.finish()?;
    if (file.digest, file.size_bytes) == (record.sha256, record.size_bytes) { Ok(file) } else { Err(other()) }
}

/// What was odd about the name when it was met; everything else is found anew.
pub(crate) fn findings_about_the_name(record: &HoldRecord) -> Vec<Finding> {
    record.findings.iter().filter(|finding| finding.code.as_str().starts_with("name-")).cloned().collect()
}

impl Session<'_> {
    /// The one entry of this session: the content of the hold, at the place it was held at.
    pub(super) fn take_hold(&mut self, again: AgainContent<'_>) -> Result<(), StationFault> {
        let AgainContent { record, content, .. } = again;
        let file = spool_hold(&self.shared.spool, record, content)?;
        // A record lies in a directory for months: what it says of names passes the name policy again.
        let path: Vec<Untrusted<Vec<u8>>> = record.release_path.iter().map(|part| Untrusted::new(part.clone().into_bytes())).collect();
        let mapped = Mapped {
            shown: record.path.chars().filter(|c| !is_deceptive(*c)).collect(),
            extension: model::escape_text(&record.claimed),
            findings: findings_about_the_name(record),
            ..self.names.map(&path, None, false)
        };
        let depth = u32::try_from(record.order.len() - 1).map_err(|_| StationFault::Internal("depth"))?;
        self.found = 1;
        self.progress.inventory(1, file.size_bytes);
        self.progress.spooled(file.size_bytes);
        self.queue(record.order.clone(), mapped, &file, depth);
        self.reached(Transition::ContentSpooled);
        Ok(())
    }

    /// Puts on record how a hold fared. That its release became visible is another record, or that the session was voided.
    pub(super) fn note_reprocessed(&self) {
        let Some(granted) = &self.shared.granted else { return };
        let (outcome, reason, new_hold) = match self.lines.get(&granted.order) {
            Some(Accounted::Sanitised(_)) => (Outcome::Released, None, None),
            Some(Accounted::Complete(line)) => (line.disposition, Some(line.reason), line.hold.clone()),
            // Reconciled before: there is a line.
            None => return,
        };
        let exception = granted.report();
        let payload = json!({
            "hold": exception.hold, "outcome": outcome, "reason": reason, "new_hold": new_hold,
            "reviewers": exception.reviewers, "approved_for": exception.reason,
        });
        self.note(events::HOLD_REPROCESSED, payload);
    }
}
