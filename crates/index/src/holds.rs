//! Holds, from the records in the quarantine.

use crate::Building;
use model::HoldClass;
use rusqlite::{Transaction, params};
use spool::Quarantine;
use std::io::ErrorKind;
use std::path::Path;

/// Brings the rows up to what lies in the quarantine.
pub(crate) fn add(transaction: &Transaction<'_>, state: &Path) -> Result<(), Building> {
    let dir = state.join("quarantine");
    if std::fs::symlink_metadata(&dir).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return Ok(());
    }
    transaction.execute("DELETE FROM holds", [])?;
    let mut insert = transaction
        .prepare("INSERT OR REPLACE INTO holds (id, session, sha256, class, reason, held_at, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
    for record in Quarantine::list(&dir)? {
        // The original is what a reviewer or the retention destroys; the record stays.
        let there = std::fs::symlink_metadata(dir.join(&record.hold).join("original.age")).is_ok();
        insert.execute(params![
            record.hold,
            record.session,
            record.sha256.hex(),
            HoldClass::as_str(record.class),
            record.reason.as_str(),
            record.held_at,
            if there { "held" } else { "destroyed" }
        ])?;
    }
    Ok(())
}
