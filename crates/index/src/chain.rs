//! From records of the audit chain to rows. Which events count, and what of them: no names.

use crate::Building;
use audit::{Filter, Shown, ShownPayload, events};
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde_json::Value;
use std::path::Path;

/// Whether the chain still has the record the index ended with: a chain that was restored from an older copy has not.
pub(crate) fn continues(transaction: &Transaction<'_>, state: &Path) -> Result<bool, Building> {
    let Some((seq, hash)) = progress(transaction)? else { return Ok(true) };
    let filter = Filter { after: Some(seq.saturating_sub(1)), limit: Some(1), ..Filter::default() };
    match audit::show(state, filter) {
        Ok(mut records) => Ok(records.next().transpose()?.is_some_and(|record| record.seq == seq && record.hash == hash)),
        Err(audit::AuditError::OpenChain { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn progress(transaction: &Transaction<'_>) -> rusqlite::Result<Option<(u64, String)>> {
    transaction.query_row("SELECT seq, hash FROM progress", [], |row| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?))).optional()
}

/// Adds the records that are not in the index yet; whether there were any.
pub(crate) fn add(transaction: &Transaction<'_>, state: &Path) -> Result<bool, Building> {
    let done = progress(transaction)?.map(|(seq, _)| seq);
    let filter = Filter { after: done, ..Filter::default() };
    let records = match audit::show(state, filter) {
        // No chain yet: nothing has happened.
        Err(audit::AuditError::OpenChain { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        other => other?,
    };
    let mut last = None;
    for record in records {
        let record = record?;
        add_record(transaction, &record)?;
        last = Some((record.seq, record.hash));
    }
    let Some((seq, hash)) = last else { return Ok(false) };
    transaction.execute("INSERT OR REPLACE INTO progress (one, seq, hash) VALUES (1, ?1, ?2)", params![seq.cast_signed(), hash])?;
    Ok(true)
}

fn add_record(transaction: &Transaction<'_>, record: &Shown) -> rusqlite::Result<()> {
    let Some(session) = record.session.as_deref() else { return Ok(()) };
    let payload = match &record.payload {
        ShownPayload::Clear(payload) | ShownPayload::Opened(payload) => Some(payload),
        ShownPayload::Erased | ShownPayload::KeyAbsent | ShownPayload::Undecipherable => None,
    };
    match record.event.as_str() {
        events::SESSION_OPENED => {
            transaction.execute("INSERT OR IGNORE INTO sessions (id, opened_at) VALUES (?1, ?2)", params![session, record.time])?;
        }
        events::POLICY_IN_FORCE => {
            let sha256 = payload.and_then(|p| text(p, "sha256"));
            transaction.execute("UPDATE sessions SET policy_sha256 = ?2 WHERE id = ?1", params![session, sha256])?;
        }
        events::ENGINES_IN_FORCE => add_engines(transaction, session, payload)?,
        events::ITEM_RELEASED => add_item(transaction, session, record.seq, "released", payload)?,
        events::ITEM_WITHHELD => add_item(transaction, session, record.seq, "withheld", payload)?,
        events::ITEM_UNREADABLE => add_item(transaction, session, record.seq, "unreadable", payload)?,
        events::SESSION_RELEASED => end(transaction, session, &record.time, "released")?,
        events::SESSION_VOIDED => end(transaction, session, &record.time, "voided")?,
        events::RELEASE_WAITING => end(transaction, session, &record.time, "waiting")?,
        events::SESSION_CLOSED => add_totals(transaction, session, payload)?,
        events::PAYLOAD_ERASED => erase(transaction, session)?,
        _ => {}
    }
    Ok(())
}

fn text<'a>(payload: &'a Value, key: &str) -> Option<&'a str> {
    payload.get(key).and_then(Value::as_str)
}

fn add_engines(transaction: &Transaction<'_>, session: &str, payload: Option<&Value>) -> rusqlite::Result<()> {
    for engine in payload.and_then(Value::as_array).into_iter().flatten() {
        if let (Some(name), Some(version)) = (text(engine, "name"), text(engine, "version")) {
            let signatures = text(engine, "signatures");
            transaction.execute(
                "INSERT INTO engines (session, name, version, signatures) SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM sessions WHERE id = ?1)",
                params![session, name, version, signatures],
            )?;
        }
    }
    Ok(())
}

/// Without its payload there is no row: who erases a session erases what its items were.
fn add_item(transaction: &Transaction<'_>, session: &str, seq: u64, outcome: &str, payload: Option<&Value>) -> rusqlite::Result<()> {
    let Some(payload) = payload else { return Ok(()) };
    let added = transaction.execute(
        "INSERT INTO items (seq, session, sha256, size_bytes, format, outcome, reason)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE EXISTS (SELECT 1 FROM sessions WHERE id = ?2)",
        params![
            seq.cast_signed(),
            session,
            text(payload, "sha256"),
            payload.get("size_bytes").and_then(Value::as_i64),
            text(payload, "format"),
            outcome,
            text(payload, "reason")
        ],
    )?;
    let outputs = payload.get("outputs").and_then(Value::as_array).into_iter().flatten();
    for sha256 in outputs.filter_map(|output| text(output, "sha256")).filter(|_| added == 1) {
        transaction
            .execute("INSERT INTO outputs (session, item, sha256) VALUES (?1, ?2, ?3)", params![session, seq.cast_signed(), sha256])?;
    }
    Ok(())
}

fn end(transaction: &Transaction<'_>, session: &str, time: &str, ended: &str) -> rusqlite::Result<()> {
    transaction.execute("UPDATE sessions SET ended = ?2, ended_at = ?3 WHERE id = ?1", params![session, ended, time]).map(drop)
}

fn add_totals(transaction: &Transaction<'_>, session: &str, payload: Option<&Value>) -> rusqlite::Result<()> {
    let Some(payload) = payload else { return Ok(()) };
    let of = |key: &str| payload.get(key).and_then(Value::as_i64);
    transaction
        .execute(
            "UPDATE sessions SET found = ?2, released = ?3, withheld = ?4, unreadable = ?5, structural = ?6 WHERE id = ?1",
            params![session, of("found"), of("released"), of("withheld"), of("unreadable"), of("structural")],
        )
        .map(drop)
}

/// What is left is what the chain itself still says in clear.
fn erase(transaction: &Transaction<'_>, session: &str) -> rusqlite::Result<()> {
    for table in ["outputs", "items", "engines"] {
        transaction.execute(&format!("DELETE FROM {table} WHERE session = ?1"), [session])?;
    }
    transaction
        .execute(
            "UPDATE sessions SET erased = 1, policy_sha256 = NULL, found = NULL, released = NULL, withheld = NULL, unreadable = NULL,
             structural = NULL WHERE id = ?1",
            [session],
        )
        .map(drop)
}
