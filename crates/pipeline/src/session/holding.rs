//! Withhold: an item's original goes into the quarantine, with its record.

use crate::fault::StationFault;
use crate::stage::Preview;
use model::HoldClass;
use model::item::Held;
use model::report::{ItemLine, Outcome};
use spool::{HoldRecord, Quarantine, RECORD_SCHEMA, Spool};
use std::sync::Arc;

/// What every hold of a session has in common.
pub(super) struct Holding {
    pub(super) quarantine: Arc<Quarantine>,
    pub(super) spool: Arc<Spool>,
    pub(super) session: String,
    pub(super) station: String,
    pub(super) owner: Option<String>,
    pub(super) held_at: String,
    pub(super) policy_sha256: model::Digest,
}

impl Holding {
    /// Seals the original and pictures of it, and gives its line of the report.
    ///
    /// # Errors
    /// A quarantine that cannot be written: nothing withheld may be lost, so the session stops.
    pub(super) fn hold(self, held: Held, previews: Vec<Preview>) -> Result<ItemLine, StationFault> {
        let order: Vec<String> = held.provenance.order.iter().map(|n| format!("{n:06}")).collect();
        let hold = format!("{}-{}", self.session, order.join("-"));
        let (previews, pictures): (Vec<_>, Vec<_>) = previews.into_iter().unzip();
        let record = HoldRecord {
            schema: RECORD_SCHEMA.into(),
            hold: hold.clone(),
            session: self.session,
            station: self.station,
            owner: self.owner,
            held_at: self.held_at,
            path: held.provenance.shown_path.clone(),
            order: held.provenance.order.clone(),
            release_path: held.provenance.release_path.clone(),
            claimed: held.provenance.claimed_extension.clone(),
            sha256: held.digest,
            size_bytes: held.size_bytes,
            format: held.format,
            reason: held.reason,
            class: HoldClass::of(held.reason, &held.findings),
            findings: held.findings.clone(),
            removed: held.removed.clone(),
            policy_sha256: self.policy_sha256,
            previews,
        };
        self.quarantine.hold(&record, &self.spool.file(held.digest, held.size_bytes), &pictures)?;
        Ok(ItemLine {
            path: held.provenance.shown_path,
            claimed: held.provenance.claimed_extension,
            format: held.format,
            size_bytes: held.size_bytes,
            sha256: Some(held.digest),
            disposition: Outcome::Withheld,
            reason: held.reason,
            reason_text: held.reason.text(),
            findings: held.findings,
            removed: held.removed,
            outputs: Vec::new(),
            hold: Some(hold),
        })
    }
}
