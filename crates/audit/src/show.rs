//! Shows records to people, payloads decrypted where the session's key still exists.
//!
//! **Invariant.** Showing is not verifying: run [`verify()`](crate::verify()) first. Payloads hold foreign
//! names; whoever prints them escapes them.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use crate::record::{MAX_LINE_BYTES, Payload, Record, parse_canonical};
use crate::sealing::{self, Binding, Found};
use crate::{AuditError, layout};

/// Which records to show; the default is all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only those of this session.
    pub session: Option<String>,
    /// Only those with this event.
    pub event: Option<String>,
    /// Only those after this sequence number: from where an earlier reading ended.
    pub after: Option<u64>,
    /// At most so many.
    pub limit: Option<usize>,
}

impl Filter {
    fn admits(&self, record: &Record<'_>) -> bool {
        self.after.is_none_or(|after| record.seq > after)
            && self.session.as_deref().is_none_or(|session| record.session.as_deref() == Some(session))
            && self.event.as_deref().is_none_or(|event| record.event == event)
    }
}

/// A payload, as far as it can be shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "content")]
pub enum ShownPayload {
    /// It stands in clear.
    Clear(Value),
    /// It was encrypted and its session's key is here.
    Opened(Value),
    /// Its session's key was destroyed.
    Erased,
    /// Its session's key is not here, and was not destroyed here: a copy of the chain without its keys.
    KeyAbsent,
    /// The session's key is here but does not open it.
    Undecipherable,
}

/// One record for people.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shown {
    /// Sequence number.
    pub seq: u64,
    /// RFC 3339, UTC, milliseconds.
    pub time: String,
    /// The station.
    pub station: String,
    /// The session, if it belongs to one.
    pub session: Option<String>,
    /// Who acted.
    pub actor: String,
    /// What happened.
    pub event: String,
    /// The particulars.
    pub payload: ShownPayload,
    /// The record's hash, hexadecimal.
    pub hash: String,
}

impl Shown {
    /// The record's position in the chain, `SEQ:HASH`: an anchor, as [`Position`](crate::Position) spells it.
    pub fn position(&self) -> String {
        format!("{}:{}", self.seq, self.hash)
    }
}

/// Records being shown, in order. Ends after the first error.
pub struct Records {
    state: PathBuf,
    filter: Filter,
    chain: BufReader<File>,
    line_number: u64,
    left: usize,
    /// The key used last: records of one session come close together.
    key: Option<(String, Found)>,
}

/// Shows the records below `state` that `filter` admits, one at a time. Records that still stand only in
/// `HEAD` after a crash appear once the station has opened the chain again.
///
/// # Errors
/// [`AuditError::OpenChain`]; then, from the iterator, [`AuditError::ReadChain`], [`AuditError::NotARecord`]
/// and what reading a key may give.
pub fn show(state: &Path, filter: Filter) -> Result<Records, AuditError> {
    let path = layout::chain(state);
    let chain = File::open(&path).map_err(|source| AuditError::OpenChain { path, source })?;
    Ok(Records {
        state: state.to_owned(),
        left: filter.limit.unwrap_or(usize::MAX),
        filter,
        chain: BufReader::new(chain),
        line_number: 0,
        key: None,
    })
}

impl Iterator for Records {
    type Item = Result<Shown, AuditError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let next = self.find_next().transpose()?;
        self.left = if next.is_ok() { self.left - 1 } else { 0 };
        Some(next)
    }
}

impl Records {
    fn find_next(&mut self) -> Result<Option<Shown>, AuditError> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = self
                .chain
                .by_ref()
                .take(MAX_LINE_BYTES as u64)
                .read_until(b'\n', &mut line)
                .map_err(|source| AuditError::ReadChain { path: layout::chain(&self.state), source })?;
            if read == 0 {
                return Ok(None);
            }
            self.line_number += 1;
            let record = line.strip_suffix(b"\n").and_then(parse_canonical).ok_or(AuditError::NotARecord { line: self.line_number })?;
            if self.filter.admits(&record) {
                return self.shown(&record).map(Some);
            }
        }
    }

    fn shown(&mut self, record: &Record<'_>) -> Result<Shown, AuditError> {
        Ok(Shown {
            seq: record.seq,
            time: record.time.clone().into_owned(),
            station: record.station.clone().into_owned(),
            session: record.session.as_deref().map(str::to_owned),
            actor: record.actor.clone().into_owned(),
            event: record.event.clone().into_owned(),
            payload: self.shown_payload(record)?,
            hash: record.hash.clone().into_owned(),
        })
    }

    fn shown_payload(&mut self, record: &Record<'_>) -> Result<ShownPayload, AuditError> {
        let sealed = match (&record.payload, record.session.as_deref()) {
            (Payload::Clear(raw), _) => {
                let content = serde_json::from_str(raw.get());
                return Ok(content.map_or(ShownPayload::Undecipherable, ShownPayload::Clear));
            }
            (Payload::Sealed(_), None) => return Ok(ShownPayload::Undecipherable),
            (Payload::Sealed(sealed), Some(session)) => (sealed, session),
        };
        let (sealed, session) = sealed;
        let binding = Binding { station: &record.station, session, seq: record.seq, event: &record.event };
        Ok(match self.key_of(session)? {
            Found::Erased => ShownPayload::Erased,
            Found::Absent => ShownPayload::KeyAbsent,
            Found::Key(key) => key
                .open(&binding, sealed)
                .and_then(|payload| serde_json::from_slice(&payload).ok())
                .map_or(ShownPayload::Undecipherable, ShownPayload::Opened),
        })
    }

    fn key_of(&mut self, session: &str) -> Result<&Found, AuditError> {
        if self.key.as_ref().is_none_or(|(of, _key)| of != session) {
            self.key = None;
        }
        let (_session, found) = match self.key.take() {
            Some(known) => self.key.insert(known),
            None => self.key.insert((session.to_owned(), sealing::find(&self.state, session)?)),
        };
        Ok(found)
    }
}
