//! Withhold: an item's original goes into the quarantine, with its record.

use crate::fault::StationFault;
use crate::stage::Preview;
use model::HoldClass;
use model::item::Held;
use model::report::{ItemLine, Outcome};
use sha2::{Digest as _, Sha256};
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
        let hold = hold_name(&self.session, &held.provenance.order);
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

/// Longest name of a hold, as the quarantine takes it.
// BOUND: the file system takes 255 bytes; names beyond 100 are not ours.
const MAX_NAME: usize = 100;

/// Session and position; of a position in too many archives its beginning, and a digest of all of it.
fn hold_name(session: &str, order: &[u32]) -> String {
    let parts: Vec<String> = order.iter().map(|n| format!("{n:06}")).collect();
    let name = format!("{session}-{}", parts.join("-"));
    if name.len() <= MAX_NAME {
        return name;
    }
    let digest = model::Digest(Sha256::digest(name.as_bytes()).into()).hex();
    format!("{session}-{}-x{}", parts.first().map_or("", String::as_str), digest.get(..32).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_within_many_archives_has_a_name_the_quarantine_takes() {
        let session = "20260101-120000-abcdef";
        assert_eq!(hold_name(session, &[3, 0]), "20260101-120000-abcdef-000003-000000");
        let (deep, twin) = (hold_name(session, &[7; 51]), hold_name(session, &[[7; 50].as_slice(), &[8]].concat()));
        assert!(deep.len() <= MAX_NAME && deep != twin && deep.starts_with("20260101-120000-abcdef-000007-x"), "{deep}");
        assert!(deep.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
    }
}
