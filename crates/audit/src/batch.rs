//! Builds the lines of one batch, in memory: numbers, links, seals, checkpoints.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::to_raw_value;
use time::OffsetDateTime;
use time::format_description::FormatItem;
use time::macros::format_description;

use crate::log::{CHECKPOINT_EVERY, Event};
use crate::record::{Checkpoint, MAX_BATCH_BYTES, Payload, Record, Rotation, checkpoint_message, rotation_message};
use crate::sealing::{Binding, SessionKeys};
use crate::{AuditError, Position, PublicKey, StationKey, events, head, hex};

/// Who acts in the records that the log writes by itself.
pub(crate) const LOG_ACTOR: &str = "station";

/// RFC 3339 in UTC with milliseconds: of one length, so that later is also greater as text.
const TIME: &[FormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// The last millisecond of the year 9999.
const LAST_UNIX_MS: i64 = 253_402_300_799_999;

/// `unix_ms` as a record carries it.
pub(crate) fn format_time(unix_ms: i64) -> Result<String, AuditError> {
    let unusable = AuditError::Clock { unix_ms };
    if !(0..=LAST_UNIX_MS).contains(&unix_ms) {
        return Err(unusable);
    }
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * 1_000_000).ok().and_then(|time| time.format(&TIME).ok()).ok_or(unusable)
}

#[derive(Serialize)]
struct SteppedBack<'a> {
    previous: &'a str,
}

#[derive(Serialize)]
struct Repaired {
    restored: u64,
}

#[derive(Serialize)]
struct Erased<'a> {
    reason: &'a str,
}

/// A batch under construction. Nothing of it is on disk, except the keys its payloads are sealed with.
pub(crate) struct Batch<'a> {
    /// Signs what comes next.
    pub(crate) key: Arc<StationKey>,
    /// The station's keys, oldest first; `key` is the last.
    pub(crate) keys: Vec<PublicKey>,
    station: &'a str,
    time: String,
    pub(crate) tip: Position,
    pub(crate) lines: Vec<u8>,
}

impl<'a> Batch<'a> {
    /// A batch after `tip`, at `time`.
    pub(crate) fn after(tip: Position, time: String, station: &'a str, key: Arc<StationKey>, keys: Vec<PublicKey>) -> Self {
        Self { key, keys, station, time, tip, lines: Vec::new() }
    }

    /// Says that the record before was written at a later time than now.
    pub(crate) fn clock_stepped_back(&mut self, previous: &str) -> Result<(), AuditError> {
        self.push_clear(None, LOG_ACTOR, events::CLOCK_STEPPED_BACK, &SteppedBack { previous })
    }

    /// Says that `restored` records had to be restored from `HEAD`.
    pub(crate) fn chain_repaired(&mut self, restored: u64) -> Result<(), AuditError> {
        self.push_clear(None, LOG_ACTOR, events::CHAIN_REPAIRED, &Repaired { restored })
    }

    /// Says that `actor` had the payload key of `session` destroyed.
    pub(crate) fn payload_erased(&mut self, session: &str, actor: &str, reason: &str) -> Result<(), AuditError> {
        self.push_clear(Some(session), actor, events::PAYLOAD_ERASED, &Erased { reason })
    }

    /// Signs everything before.
    pub(crate) fn checkpoint(&mut self, session: Option<&str>) -> Result<(), AuditError> {
        let signature = hex::encode(&self.key.sign(&checkpoint_message(&self.tip)));
        let payload = to_raw_value(&Checkpoint { signature }).map_err(AuditError::Serialise)?;
        self.push(session, LOG_ACTOR, events::CHECKPOINT, Payload::Clear(Cow::Owned(payload)))
    }

    /// Replaces the key on behalf of `actor`: the old key signs everything before and names the new one, which signs from here on.
    pub(crate) fn rotate(&mut self, next: Arc<StationKey>, actor: &str) -> Result<(), AuditError> {
        if self.keys.len() >= head::MAX_KEYS {
            return Err(AuditError::TooManyKeys { limit: head::MAX_KEYS });
        }
        self.checkpoint(None)?;
        self.checkpoint_if_due()?;
        let (old, new) = (self.key.public_key(), next.public_key());
        let message = rotation_message(&self.tip, &old, &new);
        let rotation = Rotation {
            previous: old.to_string(),
            next: new.to_string(),
            by_previous: hex::encode(&self.key.sign(&message)),
            by_next: hex::encode(&next.sign(&message)),
        };
        self.push_clear(None, actor, events::KEY_ROTATED, &rotation)?;
        self.key = next;
        self.keys.push(new);
        self.checkpoint(None)
    }

    /// A caller's event: sealed if it is of a session, in clear if it is the station's.
    pub(crate) fn event(&mut self, event: &Event<'_>, keys: &mut SessionKeys) -> Result<(), AuditError> {
        let Some(session) = event.session else {
            return self.push_clear(None, event.actor, event.event, &event.payload);
        };
        self.checkpoint_if_due()?;
        let binding = Binding { station: self.station, session, seq: self.tip.seq + 1, event: event.event };
        let payload = serde_json::to_vec(&event.payload).map_err(AuditError::Serialise)?;
        let sealed = keys.seal(&binding, payload)?;
        self.push(Some(session), event.actor, event.event, Payload::Sealed(Cow::Owned(sealed)))
    }

    fn push_clear(&mut self, session: Option<&str>, actor: &str, event: &str, payload: &impl Serialize) -> Result<(), AuditError> {
        self.checkpoint_if_due()?;
        let payload = to_raw_value(payload).map_err(AuditError::Serialise)?;
        self.push(session, actor, event, Payload::Clear(Cow::Owned(payload)))
    }

    fn checkpoint_if_due(&mut self) -> Result<(), AuditError> {
        if (self.tip.seq + 1).is_multiple_of(CHECKPOINT_EVERY) {
            self.checkpoint(None)?;
        }
        Ok(())
    }

    fn push(&mut self, session: Option<&str>, actor: &str, event: &str, payload: Payload<'_>) -> Result<(), AuditError> {
        let seq = self.tip.seq + 1;
        let (line, hash) = Record {
            seq,
            prev: Cow::Owned(hex::encode(&self.tip.hash)),
            time: Cow::Borrowed(&self.time),
            station: Cow::Borrowed(self.station),
            session: session.map(Cow::Borrowed),
            actor: Cow::Borrowed(actor),
            event: Cow::Borrowed(event),
            payload,
            hash: Cow::Borrowed(""),
        }
        .to_line()?;
        let batch_bytes = self.lines.len() + line.len();
        if batch_bytes > MAX_BATCH_BYTES {
            return Err(AuditError::BatchTooLong { batch_bytes, limit_bytes: MAX_BATCH_BYTES });
        }
        self.lines.extend_from_slice(line.as_bytes());
        self.tip = Position { seq, hash };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_and_outside_of_four_digit_years_refused() {
        assert_eq!(format_time(0).unwrap(), "1970-01-01T00:00:00.000Z");
        assert_eq!(format_time(1_795_000_000_007).unwrap(), "2026-11-18T11:06:40.007Z");
        assert_eq!(format_time(LAST_UNIX_MS).unwrap(), "9999-12-31T23:59:59.999Z");
        for outside in [-1, LAST_UNIX_MS + 1, i64::MIN, i64::MAX] {
            assert!(matches!(format_time(outside), Err(AuditError::Clock { .. })), "{outside}");
        }
    }
}
